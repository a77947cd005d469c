"""Random numbers of a network from a generator of its own: first weights, and what is dropped."""

import inspect
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from .lending import lender_of

# Libraries replace functions of torch.nn.init for the time in which they load a model.
CONSTRUCTION = threading.RLock()
"""Held while layers are made, so that none is made while another thread loads a model."""

BORROWED = threading.RLock()
"""Held by the one fit at a time that may use torch's global generator, inside a transformer."""


# Methods and functions of torch that draw from a generator; those in Python say so themselves.
_METHODS = ("uniform_", "normal_", "bernoulli_", "exponential_", "random_", "log_normal_")
_FUNCTIONS = ("rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial")
_DRAWING = frozenset(
    [*(getattr(Tensor, name) for name in _METHODS), *(getattr(torch, name) for name in _FUNCTIONS)]
)

# What makes tensors of the default dtype, unless it is told another one.
_MAKING = frozenset([torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn])


@cache
def _draws(function: Any) -> bool:
    """Whether a function takes a generator. Libraries put their own in place of torch's."""
    if function in _DRAWING:
        return True
    return inspect.isfunction(function) and "generator" in inspect.signature(function).parameters


class _DrawnFrom(TorchFunctionMode):
    """Gives the functions of torch, in this thread, a generator, a precision and a device."""

    def __init__(self, generator: torch.Generator) -> None:
        super().__init__()
        self.generator = generator

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        if func in _MAKING and given.get("dtype") is None:
            given["dtype"] = torch.float32
        if func in _MAKING and given.get("device") is None:
            given["device"] = "cpu"
        if _draws(func) and given.get("generator") is None:
            given["generator"] = self.generator
        return func(*args, **given)


@contextmanager
def drawn_from(generator: torch.Generator) -> Iterator[None]:
    """Draw the first weights of layers that are made within a block from a generator.

    Layers are made on the CPU and in float32, whatever the default device and dtype of the process
    are. Neither these nor torch's global generator are touched, so other threads notice nothing.

    Parameters
    ----------
    generator : torch.Generator
        A generator of the CPU.

    Yields
    ------
    None
        Once, for the block to run.

    Examples
    --------
    >>> import torch
    >>> before = torch.get_rng_state()
    >>> with drawn_from(torch.Generator().manual_seed(0)):
    ...     layer = torch.nn.Linear(2, 1)
    >>> torch.equal(before, torch.get_rng_state())
    True
    """
    with CONSTRUCTION, _DrawnFrom(generator):
        yield


class Drawing(nn.Module):
    """A layer that draws random numbers while it trains.

    Attributes
    ----------
    generator : torch.Generator or None
        Where from, lent while training runs (see `use_generator`): copies and pickles of the layer
        come without it. None is torch's global generator.
    """

    generator: torch.Generator | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "generator"}


class Dropout(Drawing, nn.Dropout):
    """Dropout whose mask comes from a generator of its own.

    On the CPU a generator gives the mask that the global one would give in the same state.

    Parameters
    ----------
    p : float in [0, 1]
        Share of the values that is set to zero in training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import Dropout
    >>> layer = Dropout(0.5)
    >>> layer.generator = torch.Generator().manual_seed(0)
    >>> sorted(set(layer(torch.ones(100)).tolist()))
    [0.0, 2.0]
    >>> layer.eval()(torch.ones(2)).tolist()
    [1.0, 1.0]
    """

    def forward(self, values: Tensor) -> Tensor:
        """Drop values.

        Parameters
        ----------
        values : Tensor
            Of any shape, float.

        Returns
        -------
        Tensor
            Of the same shape. In training the values that stay are divided by the share that does.
        """
        if not self.training:
            return values
        return dropped(values, self.p, self.generator)


def dropped(values: Tensor, share: float, generator: torch.Generator | None) -> Tensor:
    """Set a share of some values to zero, at random, and divide the others by what is left.

    Parameters
    ----------
    values : Tensor
        Of any shape, float.
    share : float in [0, 1]
        The share.
    generator : torch.Generator or None
        Of the device of the values; None is torch's global one.

    Returns
    -------
    Tensor
        Of the same shape.

    Examples
    --------
    >>> import torch
    >>> dropped(torch.ones(3), 1.0, None).tolist()
    [0.0, 0.0, 0.0]
    """
    if share == 0.0 or values.numel() == 0:
        return values
    if generator is None:
        return nn.functional.dropout(values, share, True)
    if share == 1.0:
        return values * torch.zeros_like(values)
    if torch.compiler.is_compiling():
        # A compiled graph takes no generator.
        return values * torch.compiler.disable(_mask)(values, share, generator)
    return values * _mask(values, share, generator)


def _mask(values: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """What values are multiplied by: zero, or one over the share that stays."""
    kept = 1.0 - share
    return torch.empty_like(values).bernoulli_(kept, generator=generator).div_(kept)


def set_dropout(module: nn.Module, share: float) -> None:
    """Let all dropout layers of a network drop another share of values.

    Parameters
    ----------
    module : nn.Module
        The network, or a part of it.
    share : float in [0, 1]
        The share.

    Examples
    --------
    >>> layers = nn.Sequential(Dropout(0.5))
    >>> set_dropout(layers, 0.1)
    >>> layers[0].p
    0.1
    """
    for layer in module.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = share


def use_generator(module: nn.Module, generator: torch.Generator | None) -> None:
    """Lend a generator to all layers of a network that draw, or take it back.

    A ``torch.nn.Dropout``, as networks had that were pickled by earlier versions, becomes a
    `Dropout`. Layers inside a transformer, and inside a user's own class, stay as they are.

    Parameters
    ----------
    module : nn.Module
        The network.
    generator : torch.Generator or None
        Of the network's device; None takes back what was lent.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import Dropout
    >>> layers = torch.nn.Sequential(torch.nn.Dropout(0.5))
    >>> use_generator(layers, torch.Generator())
    >>> type(layers[0]) is Dropout, layers[0].generator is None
    (True, False)
    """
    lender = lender_of(module)
    if lender is not None:
        lender.generator = generator
        return
    if isinstance(module, Drawing):
        module.generator = generator
        if borrows(module):
            return
    for name, child in list(module.named_children()):
        if type(child) is nn.Dropout:
            setattr(module, name, Dropout(child.p).train(child.training))
        use_generator(getattr(module, name), generator)


def borrows(module: nn.Module) -> bool:
    """Whether layers of a network may draw from torch's global generator.

    Parameters
    ----------
    module : nn.Module
        The network, or a layer of it.

    Returns
    -------
    bool
        True where it holds a transformer or a part of a user's own class, whose layers ask no one
        for a generator.

    Examples
    --------
    >>> borrows(torch.nn.Linear(1, 1))
    False
    """
    return any(
        getattr(layer, "borrows_generator", False) or lender_of(layer) is not None
        for layer in module.modules()
    )
