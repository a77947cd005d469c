"""Values read from JSON and tensors: a closed vocabulary, and sizes that the file can vouch for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sklearn_tamulag.persistence.arrays import (
    TORCH_DTYPES,
    optimizer_classes,
    read_array,
    read_random_state,
    read_scalar,
)
from sklearn_tamulag.persistence.errors import MalformedError
from sklearn_tamulag.persistence.limits import (
    MAX_DEPTH,
    MAX_INTEGER_BITS,
    check_hashes,
    shortened,
)
from sklearn_tamulag.persistence.tables import read_frame, read_index

Node = Any
"""What JSON can hold: None, bool, int, finite float, str, list, and dict with the key "kind"."""

# The longest path that Linux opens.
_MAX_PATH = 4096


class Decoder:
    """Reads nodes; each tensor is taken out once.

    Parameters
    ----------
    tensors : dict of str to Tensor
        The tensors that the nodes refer to. Those that were read are taken out.
    room : int
        Bytes of the file: no size in it may be larger.
    """

    def __init__(self, tensors: dict[str, Tensor], room: int) -> None:
        self.tensors = tensors
        self.room = room
        self.depth = 0

    def value(self, node: Node) -> Any:
        """Read a node.

        Parameters
        ----------
        node : object
            Parsed JSON.

        Returns
        -------
        object
            The value.

        Raises
        ------
        MalformedError
            If there is no such kind of value, or the file cannot vouch for its size.
        """
        if node is None or type(node) in (bool, float, str):
            return node
        if type(node) is int and node.bit_length() <= MAX_INTEGER_BITS:
            return node
        self.depth += 1
        if self.depth > MAX_DEPTH + 2:
            raise MalformedError("values are nested too deep")
        try:
            if type(node) is list:
                return [self.value(item) for item in node]
            return self._read(node)
        finally:
            self.depth -= 1

    def _read(self, node: Any) -> Any:
        kind = node.get("kind") if type(node) is dict else None
        if not isinstance(kind, str) or kind not in self._kinds:
            raise MalformedError(f"there is no kind of value {shortened(repr(kind))}")
        fields = {name: field for name, field in node.items() if name != "kind"}
        try:
            return self._kinds[kind](self, **fields)
        except MalformedError:
            raise
        # Whatever a library says of its part, it is the file that is wrong.
        except Exception as error:
            words = shortened(error)
            raise MalformedError(f"a value of kind {kind!r} is malformed: {words}") from error

    def _take(self, name: Any) -> Tensor:
        if not isinstance(name, str) or name not in self.tensors:
            raise ValueError(
                f"there is no tensor {shortened(repr(name))}, or two values refer to it"
            )
        return self.tensors.pop(name)

    def _float(self, value: str) -> float:
        if value not in ("nan", "inf", "-inf"):
            raise ValueError(f"{value!r} is no float out of range")
        return float(value)

    def _tuple(self, items: list[Node]) -> tuple[Any, ...]:
        return tuple(self.value(_listed(items)))

    def _dict(self, items: list[Node]) -> dict[Any, Any]:
        pairs = [_listed(pair, 2) for pair in _listed(items)]
        keys = [self.value(key) for key, _ in pairs]
        check_hashes(keys)
        read = {key: self.value(item) for key, (_, item) in zip(keys, pairs, strict=True)}
        if len(read) < len(pairs):
            raise ValueError("a key of a dict comes twice")
        return read

    def _array(self, **fields: Node) -> Any:
        return read_array(fields, self._take, self.value, self.room)

    def _scalar(self, **fields: Node) -> Any:
        return read_scalar(**fields)

    def _tensor(self, name: Node) -> Tensor:
        return self._take(name)

    def _index(self, **fields: Node) -> Any:
        read = {name: self.value(field) for name, field in fields.items()}
        return read_index(read, self.room)

    def _frame(self, **fields: Node) -> pd.DataFrame:
        return read_frame({name: self.value(field) for name, field in fields.items()})

    def _random_state(self, state: Node) -> np.random.RandomState:
        return read_random_state(self.value(state))

    def _path(self, value: str) -> Path:
        if len(value) > _MAX_PATH:
            raise ValueError(f"a path has {len(value)} characters")
        return Path(value)

    def _torch_dtype(self, value: str) -> torch.dtype:
        return TORCH_DTYPES[value]

    def _torch_device(self, value: str) -> torch.device:
        try:
            return torch.device(value)
        except RuntimeError as error:
            raise ValueError(f"{shortened(value)} is no device of torch") from error

    def _torch_optimizer(self, value: str) -> type[torch.optim.Optimizer]:
        return optimizer_classes()[value]

    _kinds: Mapping[str, Callable[..., Any]] = {
        "float": _float,
        "tuple": _tuple,
        "dict": _dict,
        "array": _array,
        "scalar": _scalar,
        "tensor": _tensor,
        "index": _index,
        "frame": _frame,
        "random_state": _random_state,
        "path": _path,
        "torch_dtype": _torch_dtype,
        "torch_device": _torch_device,
        "torch_optimizer": _torch_optimizer,
    }


def _listed(node: Node, length: int | None = None) -> list[Node]:
    """Check that a node is a list, of a length if one is given."""
    if type(node) is not list or (length is not None and len(node) != length):
        raise ValueError(f"a list was expected, got {type(node).__name__}")
    return node
