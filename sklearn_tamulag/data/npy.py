"""Files in the .npy format, of which no more is believed than their size shows."""

from __future__ import annotations

import math
import os
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

MmapMode = Literal["r", "c"]

# What NumPy itself takes for safe to parse.
_MAX_HEADER = 10_000
_MAX_DIMENSIONS = 32
# An array without values takes no room itself, but what is made for each of its rows does.
_MAX_EMPTY = 4_000_000
_VERSIONS = {(1, 0): 2, (2, 0): 4}


def read_npy(file: BinaryIO) -> NDArray[Any]:
    """Read an array, after its header was found to fit the file.

    Parameters
    ----------
    file : binary file
        An open regular file, at its start.

    Returns
    -------
    ndarray
        The array.

    Raises
    ------
    ValueError
        If the file has no array, is shorter than its header says, or holds Python objects.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryFile() as file:
    ...     np.save(file, np.arange(3))
    ...     _ = file.seek(0)
    ...     read_npy(file)
    array([0, 1, 2])
    """
    npy_header(file)
    file.seek(0)
    array: NDArray[Any] = np.lib.format.read_array(file, allow_pickle=False)
    return array


def map_npy(file: BinaryIO, mmap_mode: MmapMode) -> NDArray[Any]:
    """Map an array into memory, after its header was found to fit the file.

    Parameters
    ----------
    file : binary file
        An open regular file, at its start. The array stays when it is closed.
    mmap_mode : {"r", "c"}
        Read-only, or so that changes stay in memory.

    Returns
    -------
    memmap
        The array.

    Raises
    ------
    ValueError
        As for :func:`read_npy`; or if the array is empty.
    """
    shape, fortran, dtype = npy_header(file)
    order: Literal["F", "C"] = "F" if fortran else "C"
    mapped: NDArray[Any] = np.memmap(
        file, dtype=dtype, mode=mmap_mode, offset=file.tell(), shape=shape, order=order
    )
    return mapped


def npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Read the header of a file, and leave the file where the values start.

    Parameters
    ----------
    file : binary file
        An open regular file, at its start.

    Returns
    -------
    shape : tuple of int
        The shape of the array.
    fortran_order : bool
        Whether the first index varies fastest.
    dtype : dtype
        Its type, which holds no Python objects.

    Raises
    ------
    ValueError
        As for :func:`read_npy`.
    """
    version = np.lib.format.read_magic(file)
    if version not in _VERSIONS:
        raise ValueError(f"its format {version} is not one of {list(_VERSIONS)}")
    start = file.tell()
    length = int.from_bytes(file.read(_VERSIONS[version]), "little")
    if length > _MAX_HEADER:
        raise ValueError(f"its header of {length} bytes is too long")
    file.seek(start)
    read = np.lib.format.read_array_header_1_0
    if version == (2, 0):
        read = np.lib.format.read_array_header_2_0
    try:
        shape, fortran, dtype = read(file, max_header_size=_MAX_HEADER)
    except ValueError:
        raise
    # NumPy parses the header as Python literals, whose errors are of many types.
    except Exception as error:
        raise ValueError(f"its header is malformed ({type(error).__name__})") from error
    if dtype.hasobject:
        raise ValueError("Object arrays would have to be unpickled")
    if dtype.subdtype is not None or len(shape) > _MAX_DIMENSIONS or min(shape, default=0) < 0:
        raise ValueError(f"its header says dtype {dtype} and shape {shape}")
    there = os.fstat(file.fileno()).st_size - file.tell()
    needed = math.prod(shape) * dtype.itemsize
    if needed > there:
        raise ValueError(f"its header says {needed} bytes of values, and {there} are there")
    if needed == 0 and max(shape, default=0) > _MAX_EMPTY:
        raise ValueError(f"its header says shape {shape}, without a value")
    return shape, fortran, dtype
