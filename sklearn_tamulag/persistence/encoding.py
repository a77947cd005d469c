"""Plain values as JSON and tensors, and back: a closed vocabulary, so that no file can run code."""

import math
from collections.abc import Callable, Mapping
from os import PathLike, fspath
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sklearn_tamulag.persistence.arrays import (
    TORCH_DTYPES,
    array_fields,
    is_plain_tensor,
    optimizer_classes,
    random_state_fields,
    scalar_fields,
)
from sklearn_tamulag.persistence.decoding import Decoder, Node
from sklearn_tamulag.persistence.errors import MalformedError, NotStorableError
from sklearn_tamulag.persistence.limits import (
    MAX_DEPTH,
    MAX_INTEGER_BITS,
    SPARE_BYTES,
    shortened,
)
from sklearn_tamulag.persistence.tables import frame_fields, index_fields


def encode(value: Any) -> tuple[Node, dict[str, Tensor]]:
    """Write a value as JSON and tensors.

    Parameters
    ----------
    value : object
        None, bool, int, float, str, list, tuple, mapping (keys may be any hashable value of this
        list), path; NumPy array, scalar and RandomState; pandas Index and DataFrame; torch Tensor,
        dtype, device and optimizer class; nested as they like, to a depth of 64.

    Returns
    -------
    node : object
        What JSON can hold; it refers to tensors by name.
    tensors : dict of str to Tensor
        Contiguous tensors on the CPU, named after their place in the value. They share memory with
        those of the value where they can.

    Raises
    ------
    NotStorableError
        If the value holds anything else; the message names the place.

    Examples
    --------
    >>> import numpy as np
    >>> node, tensors = encode({"mean": np.zeros(2), "limit": float("inf")})
    >>> sorted(tensors)
    ['mean']
    >>> decode(node, tensors)
    {'mean': array([0., 0.]), 'limit': inf}
    """
    encoder = _Encoder()
    return encoder.node(value, ()), encoder.tensors


def decode(node: Node, tensors: Mapping[str, Tensor], room: int = SPARE_BYTES) -> Any:
    """Read back what `encode` has written.

    Parameters
    ----------
    node : object
        Parsed JSON.
    tensors : dict of str to Tensor
        The tensors that it refers to, all of them, each once.
    room : int, default=32 MiB
        Bytes of the file, which bound every size in it.

    Returns
    -------
    object
        The value. Mappings have become dicts.

    Raises
    ------
    MalformedError
        If the node has a kind, a name or a shape that `encode` never writes.
    """
    decoder = Decoder(dict(tensors), room)
    value = decoder.value(node)
    if decoder.tensors:
        names = shortened(sorted(decoder.tensors)[:5])
        raise MalformedError(f"nothing refers to the tensors {names}")
    return value


class _Encoder:
    """Writes nodes, and keeps the tensors that they refer to."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.storages: set[int] = set()

    def node(self, value: Any, place: tuple[str, ...]) -> Node:
        if len(place) > MAX_DEPTH:
            raise NotStorableError(f"{_shown(place[:4])}... is nested too deep to be stored")
        if value is None or type(value) in (bool, str):
            return value
        if type(value) is int and value.bit_length() <= MAX_INTEGER_BITS:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"kind": "float", "value": repr(value)}
        if type(value) is list:
            return self._items(value, place)
        for matches, kind, fields in self._kinds:
            if matches(value):
                return {"kind": kind} | fields(self, value, place)
        raise NotStorableError(
            f"{_shown(place)} holds {_described(value)}, which cannot be stored without code"
        )

    def _items(self, values: Any, place: tuple[str, ...]) -> list[Node]:
        return [self.node(value, (*place, str(number))) for number, value in enumerate(values)]

    def _mapping(self, value: Mapping[Any, Any], place: tuple[str, ...]) -> dict[str, Node]:
        items = [
            [self.node(key, (*place, "key")), self.node(item, (*place, str(key)))]
            for key, item in value.items()
        ]
        return {"items": items}

    def _keep(self, tensor: Tensor, place: tuple[str, ...]) -> str:
        """Keep a tensor under the name of its place, and return the name."""
        name = stem = ".".join(place) or "value"
        number = 1
        while name in self.tensors:
            number += 1
            name = f"{stem}~{number}"
        tensor = tensor.detach().cpu().contiguous()
        storage = tensor.untyped_storage()
        # Tensors that share memory have no safetensors form: each gets its own.
        if storage.data_ptr() in self.storages or storage.nbytes() > tensor.nbytes:
            tensor = tensor.clone()
        self.storages.add(tensor.untyped_storage().data_ptr())
        self.tensors[name] = tensor
        return name

    def _array(self, value: Any, place: tuple[str, ...]) -> dict[str, Node]:
        return array_fields(value, lambda t: self._keep(t, place), lambda v: self._items(v, place))

    def _tensor(self, value: Tensor, place: tuple[str, ...]) -> dict[str, Node]:
        return {"name": self._keep(value, place)}

    def _index(self, value: "pd.Index[Any]", place: tuple[str, ...]) -> dict[str, Node]:
        return index_fields(value, lambda part, inner: self.node(inner, (*place, part)))

    def _frame(self, value: pd.DataFrame, place: tuple[str, ...]) -> dict[str, Node]:
        return frame_fields(value, lambda part, inner: self.node(inner, (*place, part)))

    def _random_state(self, value: Any, place: tuple[str, ...]) -> dict[str, Node]:
        return {"state": self.node(random_state_fields(value), place)}

    # The first match decides. Subclasses of tuple and of arrays have meanings that would be lost.
    _kinds: tuple[tuple[Callable[[Any], bool], str, Callable[..., dict[str, Node]]], ...] = (
        (
            lambda v: type(v) is tuple,
            "tuple",
            lambda self, v, place: {"items": self._items(v, place)},
        ),
        (lambda v: isinstance(v, Mapping), "dict", _mapping),
        (lambda v: type(v) in (np.ndarray, np.memmap), "array", _array),
        (lambda v: isinstance(v, np.generic), "scalar", lambda self, v, place: scalar_fields(v)),
        (is_plain_tensor, "tensor", _tensor),
        (lambda v: isinstance(v, pd.Index), "index", _index),
        (lambda v: type(v) is pd.DataFrame, "frame", _frame),
        (lambda v: isinstance(v, np.random.RandomState), "random_state", _random_state),
        (
            lambda v: isinstance(v, PathLike) and isinstance(fspath(v), str),
            "path",
            lambda self, v, place: {"value": fspath(v)},
        ),
        (
            lambda v: isinstance(v, torch.dtype) and v in TORCH_DTYPES.values(),
            "torch_dtype",
            lambda self, v, place: {"value": str(v).removeprefix("torch.")},
        ),
        (
            lambda v: isinstance(v, torch.device),
            "torch_device",
            lambda self, v, place: {"value": str(v)},
        ),
        (
            lambda v: isinstance(v, type) and optimizer_classes().get(v.__name__) is v,
            "torch_optimizer",
            lambda self, v, place: {"value": v.__name__},
        ),
    )


def _shown(place: tuple[str, ...]) -> str:
    """Name a place in a value."""
    return ".".join(place) or "the value"


def _described(value: Any) -> str:
    """Name a value that is refused, without trusting its repr to be short."""
    if isinstance(value, type):
        return f"the class {value.__module__}.{value.__qualname__}"
    return f"a {type(value).__module__}.{type(value).__qualname__}"
