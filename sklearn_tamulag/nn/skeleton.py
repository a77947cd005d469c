"""A network without memory, to compare with weights of any origin before the real one is built."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

# Names under which configurations say how often something is repeated.
_REPEATED = re.compile(r"(.*_)?(n|num)?_?(layers?|groups?|blocks?|experts?)(_num)?")

# Functions that make a tensor. A module makes each of its weights once, and few others.
_FACTORIES = {"arange", "empty", "full", "linspace", "ones", "rand", "randn", "tensor", "zeros"}
_TENSORS = 20
_FEW_TENSORS = 500

# What a module computes of its sizes beside its weights, as masks: at most as much as these.
_SPARE_BYTES = 32 * 2**20


class BoundedTensors(TorchFunctionMode):
    """Counts the tensors that this thread makes, and ends the building of more than there may be.

    Parameters
    ----------
    limit : int
        How many tensors there may be.

    Examples
    --------
    >>> with BoundedTensors(10):
    ...     _ = torch.zeros(3)
    """

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.left = limit

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Count a call that makes a tensor, and pass it on."""
        # Others may put back what a context has set, and must come through.
        made = getattr(func, "__name__", "") in _FACTORIES
        self.left -= made
        if made and self.left < 0:
            raise ValueError("the weights are those of fewer layers than the parameters ask for.")
        return func(*args, **(kwargs or {}))


def check_repetitions(config: Any, n_weights: int) -> None:
    """Refuse a configuration that repeats something more often than there are weights.

    Parameters
    ----------
    config : object
        A transformer's configuration, of plain values.
    n_weights : int
        How many weights there are.

    Raises
    ------
    ValueError
        If a number of layers, or the like, is greater.

    Examples
    --------
    >>> check_repetitions({"model_type": "bert", "num_hidden_layers": 10**9}, 200)
    Traceback (most recent call last):
        ...
    ValueError: num_hidden_layers=1000000000 is more than the weights are of.
    """
    if isinstance(config, Mapping):
        for name, value in config.items():
            if isinstance(value, int) and value > n_weights and _REPEATED.fullmatch(str(name)):
                raise ValueError(f"{str(name)[:50]}={value} is more than the weights are of.")
            check_repetitions(value, n_weights)
    elif isinstance(config, list | tuple):
        for value in config:
            check_repetitions(value, n_weights)


def check_weights(
    build: Callable[[], nn.Module], weights: Any, dtype: torch.dtype = torch.float32
) -> None:
    """Compare weights with those that a network would have, before memory is taken for it.

    Parameters
    ----------
    build : callable
        Builds the network; it is called once, on torch's meta device.
    weights : dict of str to Tensor
        The weights, by name.
    dtype : torch.dtype, default=torch.float32
        What the network's weights are of, once it is built.

    Raises
    ------
    ValueError
        If names, shapes or types differ, or the network would take more than a multiple of its
        weights.

    Examples
    --------
    >>> check_weights(lambda: nn.Linear(3, 10**9), {"weight": torch.zeros(2, 3)})
    Traceback (most recent call last):
        ...
    ValueError: the weight bias has the shape None, but the parameters ask for (1000000000,).
    """
    if type(weights) is not dict or not all(isinstance(w, Tensor) for w in weights.values()):
        raise ValueError("weights are no dict of tensors.")
    with torch.device("meta"), BoundedTensors(_FEW_TENSORS + _TENSORS * len(weights)):
        skeleton = build().to(dtype)
    expected = skeleton.state_dict()
    for name in sorted(expected.keys() | weights.keys()):
        shapes = [tuple(part[name].shape) if name in part else None for part in (weights, expected)]
        if shapes[0] != shapes[1]:
            raise ValueError(
                f"the weight {name[:200]} has the shape {shapes[0]}, but the parameters ask for "
                f"{shapes[1]}."
            )
        if weights[name].dtype != expected[name].dtype:
            raise ValueError(
                f"the weight {name[:200]} is of {weights[name].dtype}, but the parameters ask for "
                f"{expected[name].dtype}."
            )
    others = sum(buffer.nbytes for buffer in skeleton.buffers())
    if others > _SPARE_BYTES + sum(weight.nbytes for weight in weights.values()):
        raise ValueError(f"beside its weights the network would take {others} bytes.")
