"""Pickles of NumPy arrays and builtin containers, read without running anything they name.

A pickle is a program: it may call any importable function with any arguments. The reader here hands
it stand-ins instead. What a file calls ``numpy.dtype`` or ``numpy.core.multiarray._reconstruct`` is
one of the small classes below, which look at their arguments and state before an array is made; no
function of NumPy, of the standard library or of anything else is ever called by the file. That
matters for NumPy's own types too: the real ``dtype`` takes a state that makes bytes of the file
pass for Python objects.
"""

from __future__ import annotations

import math
import pickle
import pickletools
import re
from collections.abc import Callable
from os import PathLike
from typing import IO, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["load_arrays"]

# Numbers, byte strings, text and (checked element by element) objects; no records, no dates.
_DTYPE_CODE = re.compile(r"b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SU]\d{1,9}|O[48]?")
_PLAIN = (str, bytes, bool, int, float, complex, type(None), np.generic)
# Opcodes that fetch objects from outside the file, past the check on names.
_REFUSED_OPCODES = {
    **dict.fromkeys(("PERSID", "BINPERSID"), "a persistent id"),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), "an extension code"),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), "a buffer outside the file"),
}
_MAX_DEPTH = 32


class _Dtype:
    """Stand-in for numpy.dtype: a plain type by its code, then its byte order as state."""

    __slots__ = ("dtype",)

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or not _DTYPE_CODE.fullmatch(code):
            raise pickle.UnpicklingError(f"the array type {code!r} is not allowed")
        self.dtype = np.dtype("O" if code.startswith("O") else code)

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) < 2 or state[1] not in ("<", ">", "|", "="):
            raise pickle.UnpicklingError(f"an array type with the state {state!r} is not allowed")
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array:
    """Stand-in for numpy.ndarray: empty at first, an array once its state is set."""

    __slots__ = ("array",)

    def __init__(self, *_: object) -> None:
        self.array: NDArray[Any] | None = None

    def __setstate__(self, state: object) -> None:
        if not isinstance(state, tuple) or len(state) != 5:
            raise pickle.UnpicklingError("an array has an unknown kind of state")
        _, shape, dtype, fortran, data = state
        self.array = _build(data, dtype, shape, "F" if fortran else "C")


class _Named:
    """What the file gets for an allowed name: it can be called, and nothing else."""

    __slots__ = ("_build",)

    def __init__(self, build: Callable[..., object]) -> None:
        self._build = build

    def __call__(self, *arguments: object) -> object:
        return self._build(*arguments)

    def __setstate__(self, state: object) -> None:
        raise pickle.UnpicklingError("the file sets the state of a function or type")


def _build(data: object, stand_in: object, shape: object, order: object) -> NDArray[Any]:
    """Build an array in native byte order from its bytes, or from a list where it holds objects."""
    if not isinstance(stand_in, _Dtype):
        raise pickle.UnpicklingError("an array has no valid type")
    if not isinstance(shape, tuple) or not all(type(size) is int and size >= 0 for size in shape):
        raise pickle.UnpicklingError(f"an array has the shape {shape!r}")
    if order not in ("C", "F"):
        raise pickle.UnpicklingError(f"an array has the order {order!r}")
    dtype, n_elements = stand_in.dtype, math.prod(shape)
    if dtype.hasobject:
        if not isinstance(data, list) or len(data) != n_elements:
            raise pickle.UnpicklingError("an array of objects does not fit its shape")
        for element in data:
            if not isinstance(element, _PLAIN):
                raise pickle.UnpicklingError(
                    f"an array holds an object of type {type(element).__name__.lstrip('_')}; "
                    "only text, bytes, numbers and None are allowed"
                )
        flat = np.empty(n_elements, dtype=object)
        flat[:] = data
        return flat.reshape(shape, order="F" if order == "F" else "C")
    if not isinstance(data, bytes | bytearray) or len(data) != n_elements * dtype.itemsize:
        raise pickle.UnpicklingError(f"the bytes of an array do not fit its shape {shape}")
    array: NDArray[Any] = np.ndarray(shape, dtype, buffer=data, order="F" if order == "F" else "C")
    return array.astype(dtype.newbyteorder("="), copy=False)


def _from_buffer(
    data: object, dtype: object, shape: object, order: object, axes: object = None
) -> _Array:
    """Stand-in for numpy's _frombuffer; order "K" stores the axes in their order in memory."""
    made = _Array()
    array = _build(data, dtype, shape, "C" if order == "K" else order)
    if order == "K" and axes is not None:
        if not isinstance(axes, tuple) or sorted(axes) != list(range(array.ndim)):
            raise pickle.UnpicklingError(f"an array has the axes {axes!r}")
        array = array.transpose(axes)
    made.array = array
    return made


def _scalar(dtype: object, data: object) -> object:
    """Stand-in for numpy's scalar: one number or string of a plain type."""
    if isinstance(dtype, _Dtype) and dtype.dtype.hasobject:
        raise pickle.UnpicklingError("a scalar that is a Python object is not allowed")
    return _build(data, dtype, (), "C")[()]


def _encode(text: object, encoding: object) -> bytes:
    """Stand-in for _codecs.encode, which is how protocols 0 to 2 write bytes."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes must be written as text in latin1")
    return text.encode("latin1")


def _allowed_names() -> dict[tuple[str, str], _Named]:
    """Return the stand-in for each name that a pickle of arrays uses."""
    names = {
        ("numpy", "ndarray"): _Named(_Array),
        ("numpy", "dtype"): _Named(_Dtype),
        ("_codecs", "encode"): _Named(_encode),
        ("collections", "OrderedDict"): _Named(dict),
        # An empty byte string, in protocols 0 to 2.
        ("__builtin__", "bytes"): _Named(lambda: b""),
        ("builtins", "bytes"): _Named(lambda: b""),
    }
    # NumPy 1 and NumPy 2 write different modules; either file reads under either version.
    for core in ("numpy.core", "numpy._core"):
        names[f"{core}.multiarray", "_reconstruct"] = _Named(_Array)
        names[f"{core}.multiarray", "scalar"] = _Named(_scalar)
        names[f"{core}.numeric", "_frombuffer"] = _Named(_from_buffer)
    return names


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler for which only the names that arrays need exist."""

    names: ClassVar[dict[tuple[str, str], _Named]] = _allowed_names()

    def find_class(self, module: str, name: str) -> _Named:
        """Return the stand-in for a name, or refuse it."""
        found = self.names.get((module, name))
        if found is None:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which is neither a NumPy array nor a builtin "
                "container. Nothing was run"
            )
        return found


def _screen(file: IO[bytes]) -> None:
    """Refuse opcodes that no plain file needs, before the first of them is carried out.

    Extension codes may come from a cache that find_class never sees, and a memo index far beyond
    the length of the file would make the reader reserve that much memory.
    """
    for count, (opcode, argument, _) in enumerate(pickletools.genops(file), start=1):
        if opcode.name in _REFUSED_OPCODES:
            raise pickle.UnpicklingError(
                f"it asks for {_REFUSED_OPCODES[opcode.name]}. Nothing was run"
            )
        if opcode.name.endswith("PUT") and int(argument or 0) > count:
            raise pickle.UnpicklingError(f"its memo index {argument} is out of bounds")


def _resolve(value: Any, done: dict[int, Any], depth: int) -> Any:
    """Return value with arrays in place of their stand-ins; each container is visited once."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, _Array) and value.array is not None:
        return value.array
    if id(value) in done:
        return done[id(value)]
    if depth > _MAX_DEPTH:
        raise pickle.UnpicklingError(f"its containers are nested deeper than {_MAX_DEPTH}")
    made: Any
    if isinstance(value, dict):
        if not all(isinstance(key, _PLAIN) for key in value):
            raise pickle.UnpicklingError("a key of a dict is neither text nor a number")
        made = {key: _resolve(item, done, depth + 1) for key, item in value.items()}
    elif isinstance(value, list | tuple | set | frozenset):
        made = type(value)([_resolve(item, done, depth + 1) for item in value])
    else:
        kind = type(value).__name__.lstrip("_")
        raise pickle.UnpicklingError(f"it holds an unfinished or unknown object ({kind})")
    done[id(value)] = made
    return made


def load_arrays(path: str | PathLike[str]) -> Any:
    """Read a pickle that holds NumPy arrays and builtin containers, and nothing else.

    Text, bytes, numbers, None, lists, tuples, sets, dicts and arrays of text, bytes, numbers or
    None are read, from NumPy 1 and 2 and every pickle protocol. The first thing of another kind
    ends the reading; nothing that the file names is imported or called.

    Parameters
    ----------
    path : str or path-like
        The file. It is opened for reading only.

    Returns
    -------
    object
        What the file holds. Arrays are in native byte order and may be read-only, as they share
        memory with the bytes read; an OrderedDict comes as a dict.

    Raises
    ------
    ValueError
        If the file is truncated, is no pickle, or holds anything else; the message names the file
        and what was found.
    OSError
        If the file cannot be opened.

    Examples
    --------
    >>> import pickle, tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_tamulag.datasets._safe_pickle import load_arrays
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "arrays.pkl"
    ...     _ = path.write_bytes(pickle.dumps({"train": np.arange(3)}))
    ...     load_arrays(path)
    {'train': array([0, 1, 2])}
    """
    with open(path, "rb") as file:
        try:
            _screen(file)
            file.seek(0)
            return _resolve(_ArrayUnpickler(file).load(), {}, 0)
        except (OSError, MemoryError):
            raise
        # The bytes are not ours: they can make the reader fail in any way there is.
        except Exception as error:
            raise ValueError(f"{path} is not a readable pickle of arrays: {error}.") from error
