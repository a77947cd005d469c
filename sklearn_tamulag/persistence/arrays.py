"""NumPy's arrays, scalars and random states as JSON and tensors, and torch's names."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_tamulag.persistence.errors import NotStorableError
from sklearn_tamulag.persistence.limits import check_shape

_INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
TORCH_DTYPES = {
    name: getattr(torch, name)
    for name in ("bool", *_INTEGERS, "float16", "bfloat16", "float32", "float64")
}
"""The types that a tensor may have, by name; every version of safetensors knows them."""

# NumPy's types that are stored as tensors of the same type.
_SHARED_DTYPES = {name for name in TORCH_DTYPES if name != "bfloat16"}

# NumPy's other types of fixed size, stored byte for byte: unsigned integers, strings, dates, times.
_RAW_DTYPE = re.compile(
    r"<u[248]|[<|]U[1-9]\d{0,5}|\|S[1-9]\d{0,6}|<[mM]8\[(Y|M|W|D|h|m|s|ms|us|ns)\]"
)
_SCALAR_DTYPE = re.compile(rf"\|b1|\|[iu]1|<i[248]|<f[248]|{_RAW_DTYPE.pattern}")


def is_plain_tensor(value: Any) -> bool:
    """Tell whether a value is a dense tensor of a type in `TORCH_DTYPES`.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        False for sparse and quantised tensors, and for those on the meta device.

    Examples
    --------
    >>> is_plain_tensor(torch.zeros(2)), is_plain_tensor(torch.zeros(2).to_sparse())
    (True, False)
    """
    return (
        isinstance(value, Tensor)
        and value.layout == torch.strided
        and value.device.type != "meta"
        and value.dtype in TORCH_DTYPES.values()
    )


def optimizer_classes() -> dict[str, type[torch.optim.Optimizer]]:
    """The optimizers of ``torch.optim``.

    Returns
    -------
    dict of str to type
        By name.

    Examples
    --------
    >>> optimizer_classes()["Adagrad"]
    <class 'torch.optim.adagrad.Adagrad'>
    """
    return {
        name: member
        for name, member in vars(torch.optim).items()
        if isinstance(member, type)
        and issubclass(member, torch.optim.Optimizer)
        and member is not torch.optim.Optimizer
    }


def array_fields(
    array: NDArray[Any], keep: Callable[[Tensor], str], write: Callable[[Any], Any]
) -> dict[str, Any]:
    """Describe an array.

    Parameters
    ----------
    array : ndarray
        Of numbers, booleans, strings, bytes, dates, times, or objects.
    keep : callable
        Keeps a tensor and returns its name.
    write : callable
        Writes a list of objects.

    Returns
    -------
    dict
        What `read_array` reads.

    Raises
    ------
    NotStorableError
        If the array is structured, or its numbers are complex or longer than eight bytes.
    """
    dtype, shape = array.dtype, list(array.shape)
    if dtype.kind == "O":
        return {"dtype": "object", "shape": shape, "items": write(list(array.ravel()))}
    array = np.ascontiguousarray(array, dtype=dtype.newbyteorder("<")).reshape(shape)
    if dtype.name in _SHARED_DTYPES:
        # torch warns about read-only arrays, and shares memory with others.
        return {"dtype": dtype.name, "shape": shape, "name": keep(torch.tensor(array))}
    if not _RAW_DTYPE.fullmatch(array.dtype.str):
        raise NotStorableError(f"arrays of dtype {dtype} cannot be stored")
    data = torch.tensor(np.frombuffer(array.tobytes(), np.uint8))
    return {"dtype": array.dtype.str, "shape": shape, "name": keep(data)}


def read_array(
    fields: Mapping[str, Any], take: Callable[[str], Tensor], read: Callable[[Any], Any], room: int
) -> NDArray[Any]:
    """Make an array of its description.

    Parameters
    ----------
    fields : dict
        What `array_fields` has written.
    take : callable
        Takes a tensor by name.
    read : callable
        Reads a list of objects.
    room : int
        Bytes of the file, which bound every size.

    Returns
    -------
    ndarray
        The array, in memory of its own.

    Raises
    ------
    ValueError
        If type, shape and values do not fit together.
    """
    dtype, shape = fields["dtype"], check_shape(fields["shape"], room)
    content = "items" if dtype == "object" else "name"
    if fields.keys() != {"dtype", "shape", content}:
        raise ValueError(f"an array has the fields {sorted(fields)}")
    if dtype == "object":
        values = read(fields["items"])
        if not isinstance(values, list):
            raise ValueError(f"items are no list, but {type(values).__name__}")
        array = np.empty(len(values), dtype=object)
        # One by one: values that are sequences themselves stay whole.
        for number, value in enumerate(values):
            array[number] = value
        return array.reshape(shape)
    tensor = take(fields["name"])
    if dtype in _SHARED_DTYPES:
        if tensor.dtype != TORCH_DTYPES[dtype] or list(tensor.shape) != shape:
            raise ValueError(f"a tensor of {tensor.dtype}, {list(tensor.shape)} is no {dtype}")
        return tensor.numpy()
    if not _RAW_DTYPE.fullmatch(str(dtype)):
        raise ValueError(f"arrays of dtype {dtype!r} are not read")
    if tensor.dtype != torch.uint8:
        raise ValueError(f"bytes were expected, got {tensor.dtype}")
    return _from_bytes(tensor.numpy(), dtype, shape)


def scalar_fields(value: np.generic) -> dict[str, str]:
    """Describe a NumPy scalar.

    Parameters
    ----------
    value : numpy.generic
        A number, boolean, string, bytes, date or time.

    Returns
    -------
    dict
        What `read_scalar` reads: the type, and the bytes in hexadecimal digits.

    Raises
    ------
    NotStorableError
        If the scalar is of another type.

    Examples
    --------
    >>> scalar_fields(np.float32(1.5))
    {'dtype': '<f4', 'data': '0000c03f'}
    """
    array = np.asarray(value)
    array = array.astype(array.dtype.newbyteorder("<"))
    if not _SCALAR_DTYPE.fullmatch(array.dtype.str):
        raise NotStorableError(f"scalars of dtype {array.dtype} cannot be stored")
    return {"dtype": array.dtype.str, "data": array.tobytes().hex()}


def read_scalar(dtype: str, data: str) -> Any:
    """Make a NumPy scalar of its description.

    Parameters
    ----------
    dtype : str
        The type.
    data : str
        The bytes in hexadecimal digits.

    Returns
    -------
    numpy.generic
        The scalar.

    Raises
    ------
    ValueError
        If type and bytes do not fit together.

    Examples
    --------
    >>> read_scalar(dtype="<f4", data="0000c03f").item()
    1.5
    """
    if not _SCALAR_DTYPE.fullmatch(dtype):
        raise ValueError(f"scalars of dtype {dtype!r} are not read")
    return _from_bytes(np.frombuffer(bytes.fromhex(data), np.uint8), dtype, [])[()]


def random_state_fields(value: np.random.RandomState) -> list[Any]:
    """Describe a random state.

    Parameters
    ----------
    value : numpy.random.RandomState
        Of the generator MT19937, which it has by default.

    Returns
    -------
    list
        What `read_random_state` reads.

    Raises
    ------
    NotStorableError
        If it has another generator.
    """
    state = value.get_state(legacy=False)
    assert isinstance(state, dict), "only the legacy form is a tuple"
    if state["bit_generator"] != "MT19937":
        raise NotStorableError("only random states of the generator MT19937 can be stored")
    keys, position = state["state"]["key"], state["state"]["pos"]
    return [keys, int(position), int(state["has_gauss"]), float(state["gauss"])]


def read_random_state(fields: list[Any]) -> np.random.RandomState:
    """Make a random state of its description.

    Parameters
    ----------
    fields : list
        What `random_state_fields` has written.

    Returns
    -------
    numpy.random.RandomState
        It draws what the described one would have drawn.

    Raises
    ------
    ValueError
        If the description does not fit the generator.

    Examples
    --------
    >>> state = np.random.RandomState(3)
    >>> twin = read_random_state(random_state_fields(state))
    >>> twin.randint(1000) == state.randint(1000)
    True
    """
    keys, position, has_gauss, gauss = fields
    plain = type(position) is int and type(has_gauss) is int and type(gauss) is float
    if not (isinstance(keys, np.ndarray) and keys.dtype == np.uint32 and keys.shape == (624,)):
        plain = False
    if not plain or not 0 <= position <= 624:
        raise ValueError("a random state is malformed")
    state = np.random.RandomState()
    state.set_state(("MT19937", keys, position, has_gauss, gauss))
    return state


def _from_bytes(data: NDArray[np.uint8], dtype: str, shape: list[int]) -> NDArray[Any]:
    """Interpret bytes as an array; the bytes, not the shape, say how much memory that takes."""
    kind = np.dtype(dtype)
    if math.prod(shape) * kind.itemsize != data.nbytes:
        raise ValueError(f"{data.nbytes} bytes are no array of shape {shape} and dtype {dtype}")
    # Python does not survive strings of characters that do not exist.
    if kind.kind == "U" and data.view("<u4").max(initial=0) > sys.maxunicode:
        raise ValueError("a string has a character that does not exist")
    native = kind.newbyteorder("=")
    return data.ravel().view(kind).reshape(shape).astype(native, copy=False)
