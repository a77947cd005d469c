"""What callbacks have learned, as plain values, and callbacks that have learned the same."""

import inspect
from collections.abc import Mapping
from typing import Any

from skorch.callbacks import Callback, PrintLog

from sklearn_tamulag.persistence.estimators import is_storable
from sklearn_tamulag.persistence.limits import shortened
from sklearn_tamulag.training.loop.callbacks import EpochProgress


def callback_state(callback: Callback) -> dict[str, Any]:
    """Describe what a callback has learned.

    Parameters
    ----------
    callback : skorch.callbacks.Callback
        The callback.

    Returns
    -------
    dict of str to object
        Its ``state_dict`` where it has one; else its attributes that end in ``_``, as plain values
        or as the ``state_dict`` that they have. Nothing of callbacks that show something.
    """
    if isinstance(callback, EpochProgress | PrintLog):  # a new process has an empty screen
        return {}
    if callable(getattr(callback, "state_dict", None)):
        return {"itself": callback.state_dict()}
    state: dict[str, Any] = {"parts": {}, "values": {}}
    for name, value in vars(callback).items():
        if not _is_learned(callback, name):
            continue
        if not isinstance(value, type) and callable(getattr(value, "load_state_dict", None)):
            state["parts"][name] = value.state_dict()
        elif is_storable(value):
            state["values"][name] = value
    return state


def restore_callback(callback: Callback, state: Mapping[str, Any]) -> None:
    """Let a callback have learned what another one of its class has learned.

    Parameters
    ----------
    callback : skorch.callbacks.Callback
        The callback, which knows that training has begun.
    state : dict
        What `callback_state` has returned.

    Raises
    ------
    ValueError
        If the state sets anything else than a learned attribute: a parameter may name a file that
        the callback writes.

    Examples
    --------
    >>> from skorch.callbacks import Checkpoint
    >>> restore_callback(Checkpoint(), {"parts": {}, "values": {"dirname": "/home"}})
    Traceback (most recent call last):
        ...
    ValueError: 'dirname' is no learned attribute of the callback Checkpoint.
    """
    if not state:
        return
    if callable(getattr(callback, "state_dict", None)):
        if state.keys() != {"itself"}:
            raise ValueError(f"the state of the callback {_name(callback)} is not its own.")
        callback.load_state_dict(state["itself"])
        return
    if state.keys() != {"parts", "values"}:
        raise ValueError(f"the state of the callback {_name(callback)} is not its own.")
    for name in (*state["parts"], *state["values"]):
        if not _is_learned(callback, name):
            quoted = shortened(repr(name))
            raise ValueError(f"{quoted} is no learned attribute of the callback {_name(callback)}.")
    for name, part in state["parts"].items():
        own = getattr(callback, name)
        # Schedulers of torch take whatever names they are given; versions differ in theirs.
        known = own.state_dict().keys()
        own.load_state_dict({key: value for key, value in part.items() if key in known})
    for name, value in state["values"].items():
        setattr(callback, name, value)


def _is_learned(callback: Callback, name: Any) -> bool:
    """Tell whether an attribute is learned: by its name, and no parameter, method or property."""
    if type(name) is not str or name.startswith("_") or not name.endswith("_"):
        return False
    cls = type(callback)
    of_class = inspect.getattr_static(cls, name, None)
    if isinstance(of_class, property) or callable(of_class):
        return False
    return name not in inspect.signature(cls.__init__).parameters


def _name(callback: Callback) -> str:
    """The class of a callback."""
    return type(callback).__name__
