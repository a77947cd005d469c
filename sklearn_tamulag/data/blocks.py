"""Walking over the rows of large arrays, block by block, and telling steps from padding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 64 * 2**20


def row_blocks(array: NDArray[Any], block_bytes: int = BLOCK_BYTES) -> Iterator[slice]:
    """Split the rows of an array into consecutive slices of bounded size.

    Parameters
    ----------
    array : ndarray of shape (n, ...)
        The array to walk through; it is not read.
    block_bytes : int, default=64 MiB
        The size that a block should not exceed. A block holds at least one row.

    Yields
    ------
    rows : slice
        The rows of one block, in order.
    """
    n_rows = array.shape[0]
    bytes_per_row = max(1, array.nbytes // max(1, n_rows))
    step = max(1, block_bytes // bytes_per_row)
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def valid_steps(lengths: NDArray[np.int64], n_steps: int) -> NDArray[np.bool_]:
    """Mark the steps that lie within each row's length.

    Parameters
    ----------
    lengths : ndarray of shape (n,)
        The number of valid steps of each row, from 0 to `n_steps`.
    n_steps : int
        The number of steps T that the rows are padded to.

    Returns
    -------
    mask : ndarray of shape (n, T), dtype bool
        True on valid steps, False on padding.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.blocks import valid_steps
    >>> valid_steps(np.array([2, 0]), 3)
    array([[ True,  True, False],
           [False, False, False]])
    """
    return np.arange(n_steps) < lengths[:, np.newaxis]
