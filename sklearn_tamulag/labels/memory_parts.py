"""What describes a label memory in a file, and whether it can."""

from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor


def check_parts(state: Mapping[str, Any], parts: Collection[str]) -> None:
    """Check names, types and shapes of a described memory, before anything is made of them.

    Parameters
    ----------
    state : mapping of str to object
        What should describe a memory.
    parts : collection of str
        The names that it must have.

    Raises
    ------
    ValueError
        If a part is missing, or is none.
    """
    if state.keys() != set(parts):
        raise ValueError(f"a label memory has the state {sorted(parts)}, got {sorted(state)}.")
    target, present = state["target"], state["present"]
    if not all(isinstance(part, Tensor) and part.ndim > 0 for part in (target, present)):
        raise ValueError("target and present of a label memory are no tensors.")
    rows = (len(target), *present.shape[1:2])
    labels = (*rows, *target.shape[1:])
    shapes = {"weight": rows[:1], "present": rows, "_shown": rows, "labels": labels}
    named = [(name, state[name], shape) for name, shape in shapes.items()]
    optional = {"fixed": rows, "behind": rows[:1], "row_keys": (*rows[:1], 16)}
    named += [(n, state[n], shape) for n, shape in optional.items() if state[n] is not None]
    if type(state["history"]) is not list or type(state["epoch"]) is not int:
        raise ValueError("history and epoch of a label memory are no list and no number.")
    named += [("history", epoch, labels) for epoch in state["history"]]
    for name, part, shape in named:
        if not isinstance(part, Tensor) or tuple(part.shape) != shape:
            raise ValueError(f"{name} of a label memory is no tensor of the shape {shape}.")
