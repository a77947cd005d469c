"""Padding that is zero, and rows that are padded to one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag.data.blocks import row_blocks, valid_steps


def zero_padded(array: NDArray[Any], lengths: NDArray[np.int64]) -> NDArray[Any]:
    """Return an array whose padding is zero.

    Parameters
    ----------
    array : ndarray of shape (n, T, d) or (n, T)
        The rows of one modality.
    lengths : ndarray of shape (n,)
        The number of valid steps of each row.

    Returns
    -------
    array : ndarray of the same shape
        The array itself where its padding is zero or where it is memory-mapped, which is not read;
        else a copy.
    """
    if isinstance(array, np.memmap):
        return array
    clean = all(
        not array[rows][~valid_steps(lengths[rows], array.shape[1])].any()
        for rows in row_blocks(array)
    )
    return array if clean else clear_padding(array.copy(), lengths)


def clear_padding(array: NDArray[Any], lengths: NDArray[np.int64]) -> NDArray[Any]:
    """Write zeros beyond each length, in place.

    Parameters
    ----------
    array : ndarray of shape (n, T, d) or (n, T)
        The rows of one modality; it is changed.
    lengths : ndarray of shape (n,)
        The number of valid steps of each row.

    Returns
    -------
    array : ndarray
        The same array.
    """
    for rows in row_blocks(array):
        array[rows][~valid_steps(lengths[rows], array.shape[1])] = 0
    return array


def stack_rows(arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Stack arrays row-wise, each filled up with zeros to the longest.

    Parameters
    ----------
    arrays : sequence of ndarray of shape (n_i, T_i, d) or (n_i, T_i)
        At least one, with the same feature size.

    Returns
    -------
    stacked : ndarray of shape (sum of n_i, largest T_i, d) or (sum of n_i, largest T_i)
        All rows, in the dtype that holds every array.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.padding import stack_rows
    >>> stack_rows([np.array([[1, 2, 3]]), np.array([[4], [5]])]).tolist()
    [[1, 2, 3], [4, 0, 0], [5, 0, 0]]
    """
    n_steps = max(array.shape[1] for array in arrays)
    shape = (sum(map(len, arrays)), n_steps, *arrays[0].shape[2:])
    stacked = np.zeros(shape, dtype=np.result_type(*(array.dtype for array in arrays)))
    stop = 0
    for array in arrays:
        start, stop = stop, stop + len(array)
        stacked[start:stop, : array.shape[1]] = array
    return stacked


def is_missing(cell: Any) -> bool:
    """Tell whether a cell stands for a missing value.

    Parameters
    ----------
    cell : object
        Anything.

    Returns
    -------
    missing : bool
        True for None, NaN, pandas' NA and NumPy's masked.
    """
    return cell is np.ma.masked or bool(pd.api.types.is_scalar(cell) and pd.isna(cell))
