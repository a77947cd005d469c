"""One array of token states in a file that maps, with a checksum behind its values."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.checksums import file_sha256, has_sha256
from sklearn_tamulag.data.files import open_regular, replace_file
from sklearn_tamulag.data.npy import map_npy, npy_header, read_npy

KeepStates = Callable[[NDArray[np.int64], NDArray[Any]], None]
"""Takes the numbers of some rows, and their states of shape (b, t, H) with t <= T."""

# Behind the values, where no reader of .npy files looks.
_MARK = b"sha256:"
_DIGITS = 64


def cached_states(
    path: Path,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    compute: Callable[[KeepStates], None],
) -> NDArray[Any]:
    """Map an array of states from a file, which is written first if need be.

    Processes and threads may do so at the same time: each writes a file of its own, and the last
    one that is whole stays.

    Parameters
    ----------
    path : Path
        The file; its folder is made.
    shape : tuple of int
        Rows n, steps T and features H.
    dtype : dtype
        The type of the states.
    compute : callable
        Computes the states and hands them to what it is given, in batches and any order. What is
        not handed over is zero.

    Returns
    -------
    states : memmap of shape (n, T, H)
        The states, read-only.

    Raises
    ------
    OSError
        If the file cannot be written, or no room is left.

    Warns
    -----
    UserWarning
        If the file is damaged or has no checksum; it is written again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _read(path, shape, dtype)
    except FileNotFoundError:
        pass
    except ValueError as error:
        warnings.warn(
            f"The cached states in {path} are computed again: {error}.", UserWarning, stacklevel=3
        )

    def write(file: BinaryIO) -> None:
        _write(file, shape, dtype, compute)

    replace_file(path, write)
    return _read(path, shape, dtype)


def _write(
    file: BinaryIO,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    compute: Callable[[KeepStates], None],
) -> None:
    """Write the states row by row, never through a map: a full disk would end the process."""
    head = io.BytesIO()
    header = {
        "descr": np.lib.format.dtype_to_descr(dtype),
        "fortran_order": False,
        "shape": shape,
    }
    np.lib.format.write_array_header_1_0(head, header)
    start = len(head.getvalue())
    row_bytes = shape[1] * shape[2] * dtype.itemsize
    file.write(head.getvalue())

    def keep(rows: NDArray[np.int64], states: NDArray[Any]) -> None:
        for row, values in zip(rows.tolist(), states, strict=True):
            file.seek(start + row * row_bytes)
            file.write(np.ascontiguousarray(values, dtype=dtype).data)

    compute(keep)
    size = start + shape[0] * row_bytes
    file.flush()
    # What was not written reads as zeros.
    file.truncate(size)
    with open(file.name, "rb") as written:
        digest = file_sha256(written, size)
    file.seek(size)
    file.write(_MARK + digest.encode())


def _read(path: Path, shape: tuple[int, int, int], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Map the states, once their shape, type and checksum are found right."""
    with open_regular(path) as file:
        found = npy_header(file)
        start = file.tell()
        size = start + int(np.prod(shape)) * dtype.itemsize
        file.seek(min(size, os.fstat(file.fileno()).st_size))
        trailer = file.read(len(_MARK) + _DIGITS + 1)
        if found != (shape, False, dtype):
            raise ValueError(f"they are {found[2]} of shape {found[0]}, not {dtype} of {shape}")
        if len(trailer) != len(_MARK) + _DIGITS or not trailer.startswith(_MARK):
            raise ValueError("the file has no checksum")
        if not has_sha256(file, size, trailer[len(_MARK) :].decode("latin1")):
            raise ValueError("the checksum is wrong, so the file is damaged")
        file.seek(0)
        # A map of nothing is impossible.
        return map_npy(file, "r") if np.prod(shape) else read_npy(file)
