"""Single .npy files: what a header asks for is compared with the bytes that follow it."""

from __future__ import annotations

import math
import os
from os import PathLike
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.files import open_regular
from sklearn_tamulag.data.user_paths import user_path

# Steps without features take no bytes, but are counted by whoever reads them: so many at most.
MAX_EMPTY = 2**22
_MAX_DIMENSIONS = 32
_MAX_REASON = 500


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
    >>> from sklearn_tamulag.data.npy_files import check_extent
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
    needed = math.prod(shape) * itemsize
    if needed > n_bytes:
        raise ValueError(f"an array of shape {shape} needs {needed} bytes, and {n_bytes} are there")
    bulk = math.prod(max(size, 1) for size in shape) * max(itemsize, 1)
    if needed == 0 and bulk > MAX_EMPTY:
        raise ValueError(f"an array of shape {shape} is too large for one without content")


def read_npy(path: str | PathLike[str], *, mmap_mode: str | None = None) -> NDArray[Any]:
    """Read or map a .npy file without unpickling anything.

    Parameters
    ----------
    path : str or path-like
        The file.
    mmap_mode : {"r", "c"} or None, default=None
        How to memory-map it; None reads it.

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
    >>> from sklearn_tamulag.data.npy_files import read_npy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/primes.npy", [2, 3, 5])
    ...     read_npy(f"{folder}/primes.npy")
    array([2, 3, 5])
    """
    with open_regular(path) as file:
        try:
            shape, fortran_order, dtype = _read_header(file)
            if dtype.hasobject:
                raise ValueError("Object arrays are not loaded, as that would run code of the file")
            n_bytes = os.fstat(file.fileno()).st_size - file.tell()
            check_extent(shape, dtype.itemsize, n_bytes)
        # The bytes are a stranger's: NumPy evaluates the header, and may fail in any way there is.
        except Exception as error:
            raise ValueError(str(error)[:_MAX_REASON]) from error
        if mmap_mode is not None:
            return np.lib.format.open_memmap(user_path(path), mode=mmap_mode)
        array = np.fromfile(file, dtype=dtype, count=math.prod(shape))
        if array.size != math.prod(shape):
            raise ValueError("it ends before the array is complete")
        if fortran_order:
            return array.reshape(shape[::-1]).transpose()
        return array.reshape(shape)


def _read_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, order and dtype."""
    version = np.lib.format.read_magic(file)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise ValueError(f"it has the version {version} of the format, (1, 0) or (2, 0) is read")
    return read(file)
