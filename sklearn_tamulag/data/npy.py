"""Files in the .npy format, of which no more is believed than their size shows."""

from __future__ import annotations

import math
import os
from os import PathLike
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.files import open_regular

MmapMode = Literal["r", "c"]

# What NumPy itself takes for safe to parse.
_MAX_HEADER = 10_000
_MAX_DIMENSIONS = 32
# Steps without features take no bytes, but are counted by whoever reads them: so many at most.
MAX_EMPTY = 2**22
_MAX_REASON = 500
_VERSIONS = {(1, 0): 2, (2, 0): 4}


def check_extent(shape: tuple[int, ...], itemsize: int, n_bytes: int) -> None:
    """Refuse an array that needs more bytes than there are, or is large without having any.

    Parameters
    ----------
    shape : tuple of int
        The shape asked for.
    itemsize : int
        Bytes of an element.
    n_bytes : int
        The bytes that are there.

    Raises
    ------
    ValueError
        If the shape is none, or does not fit the bytes.

    Examples
    --------
    >>> from sklearn_tamulag.data.npy import check_extent
    >>> check_extent((2, 3), 4, 24)
    >>> check_extent((2, 10**12), 4, 24)
    Traceback (most recent call last):
        ...
    ValueError: an array of shape (2, 1000000000000) needs 8000000000000 bytes, and 24 are there
    """
    if len(shape) > _MAX_DIMENSIONS:
        raise ValueError(f"an array has {len(shape)} dimensions, {_MAX_DIMENSIONS} at most")
    if any(size < 0 or size > 2**62 for size in shape):
        raise ValueError("an array has a dimension that no array has")
    if itemsize < 0:  # older NumPy lets the size of a string overflow
        raise ValueError("an array has elements of a size that none have")
    needed = math.prod(shape) * itemsize
    if needed > n_bytes:
        raise ValueError(f"an array of shape {shape} needs {needed} bytes, and {n_bytes} are there")
    bulk = math.prod(max(size, 1) for size in shape) * max(itemsize, 1)
    if needed == 0 and bulk > MAX_EMPTY:
        raise ValueError(f"an array of shape {shape} is too large for one without content")


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
        raise ValueError("Object arrays are not loaded, as that would run code of the file")
    if dtype.subdtype is not None:
        raise ValueError(f"its header says dtype {dtype}")
    check_extent(shape, dtype.itemsize, os.fstat(file.fileno()).st_size - file.tell())
    return shape, fortran, dtype


def read_npy_file(path: str | PathLike[str]) -> NDArray[Any]:
    """Read the array of a file of its own, without unpickling anything.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    array : ndarray
        The array of the file.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is no regular file, no .npy file, holds Python objects, or is shorter than its header
        says. It is found out before the array is allocated.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_tamulag.data.npy import read_npy_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/primes.npy", [2, 3, 5])
    ...     read_npy_file(f"{folder}/primes.npy")
    array([2, 3, 5])
    """
    with open_regular(path) as file:
        try:
            return read_npy(file)
        except (ValueError, EOFError) as error:
            raise ValueError(str(error)[:_MAX_REASON]) from error
