"""A user's own class as a part of the network: built, and given the random numbers of its fit."""

from typing import Any

from torch import nn

from .lending import Lender, lender_of
from .randomness import set_dropout


def is_module_class(kind: Any) -> bool:
    """Tell whether a value is a class of modules, and no instance of one.

    Parameters
    ----------
    kind : object
        Anything.

    Returns
    -------
    bool
        True for subclasses of ``torch.nn.Module``.

    Examples
    --------
    >>> is_module_class(nn.Linear), is_module_class(nn.Linear(1, 1)), is_module_class("concat")
    (True, False, False)
    """
    return isinstance(kind, type) and issubclass(kind, nn.Module)


def build_own(kind: type, /, *sizes: Any, **options: Any) -> nn.Module:
    """Build a part of the network of a user's own class.

    Whatever the part draws while it trains, by layers of torch or by functions, comes from the
    generator that the fit lends it: for the time of a call torch's global generator has its state.

    Parameters
    ----------
    kind : type
        The class, a subclass of ``torch.nn.Module``.
    *sizes : object
        Positional arguments of its constructor.
    **options : object
        Keyword arguments of its constructor.

    Returns
    -------
    nn.Module
        An instance of the class.

    Raises
    ------
    TypeError
        If `kind` is no subclass of ``torch.nn.Module``.

    Examples
    --------
    >>> build_own(nn.Linear, 3, 2, bias=False)
    Linear(in_features=3, out_features=2, bias=False)
    """
    if not is_module_class(kind):
        raise TypeError(f"{kind.__qualname__} must be derived from torch.nn.Module, and is not.")
    module: nn.Module = kind(*sizes, **options)
    lender = Lender()
    module.register_forward_pre_hook(lender.before)
    # Also after a call that has failed: the global generator gets its own state back.
    module.register_forward_hook(lender.after, always_call=True)
    return module


def change_dropout(module: nn.Module, share: float) -> None:
    """Let a part of the network, of whatever class, drop another share of values from now on.

    Parameters
    ----------
    module : nn.Module
        The part. If it has a method ``set_dropout``, that is called; otherwise its dropout layers
        are given the share. One of a user's own class without that method stays as it is.
    share : float in [0, 1]
        The share.

    Examples
    --------
    >>> layers = nn.Sequential(nn.Dropout(0.5))
    >>> change_dropout(layers, 0.1)
    >>> layers[0].p
    0.1
    """
    own = getattr(module, "set_dropout", None)
    if callable(own):
        own(share)
    elif lender_of(module) is None:
        set_dropout(module, share)
