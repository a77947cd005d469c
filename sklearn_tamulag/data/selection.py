"""Which rows an index means, and how they are taken out of an array in memory or on disk."""

from __future__ import annotations

from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.padding import clear_padding


def take_rows(
    array: NDArray[Any], rows: slice | NDArray[Any], lengths: NDArray[Any]
) -> NDArray[Any]:
    """Select rows; what is copied from disk into memory gets zero padding.

    Parameters
    ----------
    array : ndarray of shape (n, T, d) or (n, T)
        One modality, in memory or memory-mapped.
    rows : slice or ndarray of shape (k,)
        Which rows.
    lengths : ndarray of shape (k,)
        Their valid lengths.

    Returns
    -------
    ndarray of shape (k, T, d) or (k, T)
        The rows; of a memory-mapped array still mapped, where they follow one another.
    """
    if isinstance(array, np.memmap) and _are_consecutive(rows):
        # rows that follow one another, such as a published split's, need not be copied
        return array[rows[0] : rows[-1] + 1]
    taken = array[rows]
    read = isinstance(array, np.memmap) and not isinstance(taken, np.memmap)
    return clear_padding(taken, lengths) if read else taken


def row_index(key: Any, n_rows: int) -> slice | NDArray[np.int64]:
    """Turn whatever indexes an array of dimension 1 into a slice or into integers.

    Parameters
    ----------
    key : int, slice, sequence or ndarray
        Row numbers or a boolean mask; also the pair (rows, ...), which scikit-learn asks with.
    n_rows : int
        The number of rows.

    Returns
    -------
    slice or int64 ndarray of shape (k,)
        Which rows.

    Raises
    ------
    IndexError
        If the key selects in more than one dimension, or a row that is not there.
    """
    # scikit-learn indexes rows as X[rows, ...]
    if isinstance(key, tuple) and key[1:] == (Ellipsis,):
        key = key[0]
    if isinstance(key, slice):
        return key
    rows: NDArray[np.int64] = np.atleast_1d(np.arange(n_rows)[key])
    if rows.ndim > 1:
        raise IndexError(f"Rows are selected by a slice, integers or a boolean mask, got {key!r}.")
    return rows


def _are_consecutive(rows: slice | NDArray[Any]) -> TypeGuard[NDArray[Any]]:
    """Tell whether row numbers are an ascending range of one row at least."""
    return (
        not isinstance(rows, slice)
        and rows.size > 0
        and int(rows[0]) >= 0
        and bool((np.diff(rows) == 1).all())
    )
