"""Ragged sequences into padded arrays, and padding that is zero."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        True for None, NaN and pandas' NA.
    """
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def pad_values(
    name: str, values: Any, known: Mapping[str, int | None]
) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """Convert the rows of one modality to an array and its lengths.

    Parameters
    ----------
    name : str
        The modality.
    values : array-like or sequence of cells
        An array for all rows, or one cell per row: an array of shape (T_i, d) or (T_i,), a number,
        or None or NaN where the modality is missing.
    known : mapping of str to int or None
        The modality's feature size where it is known, None for token ids; else empty.

    Returns
    -------
    array : ndarray of shape (n, T, d) or (n, T)
        The padded rows.
    lengths : ndarray of shape (n,) or None
        The number of valid steps, None where all steps of all rows are valid.

    Raises
    ------
    TypeError
        If a cell is neither an array nor a number.
    ValueError
        If the modality holds strings, is missing in every row or has rows of different feature
        sizes.

    Examples
    --------
    >>> from sklearn_tamulag.data.padding import pad_values
    >>> array, lengths = pad_values("text", [[7, 8], None, [9]], {})
    >>> array.tolist(), lengths.tolist()
    ([[7, 8], [0, 0], [9, 0]], [2, 0, 1])
    """
    if isinstance(values, list | tuple):
        return _from_cells(name, values, known)
    array = values if isinstance(values, np.memmap) else _as_array(name, None, values)
    if array.dtype.kind == "O":
        return _from_cells(name, list(array), known)
    if array.ndim == 1:
        features = array.astype(_feature_dtype(array))
        missing = np.isnan(features)
        # (n,) -> (n, 1, 1)
        return np.where(missing, 0, features)[:, np.newaxis, np.newaxis], (~missing).astype(int)
    if array.ndim == 2 and array.dtype.kind not in "iu":
        # (n, d) -> (n, 1, d)
        return array[:, np.newaxis, :].astype(_feature_dtype(array), copy=False), None
    return array, None


def _from_cells(
    name: str, cells: Sequence[Any], known: Mapping[str, int | None]
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Pad the cells of one modality to the longest."""
    if not len(cells):
        raise ValueError(f"Modality {name!r} has no rows.")
    filled = {
        row: array
        for row, cell in enumerate(cells)
        if not is_missing(cell) and (array := _as_array(name, row, cell)).size
    }
    if not filled and not known:
        raise ValueError(f"Modality {name!r} is missing in every row: its features are unknown.")
    size = known.get(name)
    tokens = size is None and all(
        array.ndim == 1 and array.dtype.kind in "iu" for array in filled.values()
    )
    if not tokens:
        filled = {row: _as_features(array) for row, array in filled.items()}
        _check_one_size(name, {row: array.shape[1] for row, array in filled.items()})
    arrays = list(filled.values())
    if not arrays:
        arrays = [np.empty(0, np.int64) if size is None else np.empty((0, size), np.float32)]
    lengths = np.zeros(len(cells), dtype=np.int64)
    lengths[list(filled)] = [len(array) for array in filled.values()]
    shape = (len(cells), max(1, lengths.max()), *arrays[0].shape[1:])
    padded = np.zeros(shape, dtype=np.result_type(*(array.dtype for array in arrays)))
    for row, array in filled.items():
        padded[row, : len(array)] = array
    return padded, lengths


def _as_array(name: str, row: int | None, values: Any) -> NDArray[Any]:
    """Convert one cell, or all rows where `row` is None, to an array of numbers."""
    where = f"Modality {name!r}" if row is None else f"Modality {name!r}, row {row},"
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{where} is no array of numbers: {error}") from error
    if array.dtype.kind in "UST":
        raise ValueError(
            f"{where} holds strings, where features (T, d) or integer token ids (T,) per row are "
            "needed. For a text, name a transformer in the estimator's encoders, or turn it into "
            "token ids with TextTokenizer or into features with TextEmbedder before."
        )
    if array.dtype.kind not in ("iubf" if row is not None or array.ndim == 0 else "iubfO"):
        raise TypeError(
            f"{where} must be numbers, got {type(values).__name__} of dtype {array.dtype}."
        )
    if row is not None and array.ndim > 2:
        raise ValueError(f"{where} has shape {array.shape}: expected (T, d) or (T,).")
    return array


def _feature_dtype(array: NDArray[Any]) -> np.dtype[Any]:
    """Choose the dtype of features: float64 at most, float32 for integers."""
    if array.dtype.kind != "f":
        return np.dtype(np.float32)
    return array.dtype if array.dtype.itemsize <= 8 else np.dtype(np.float64)


def _as_features(cell: NDArray[Any]) -> NDArray[Any]:
    """Give a cell the shape (T, d), with d = 1 where it has no feature axis."""
    # () -> (1, 1), (T,) -> (T, 1)
    shaped = cell if cell.ndim == 2 else cell.reshape(-1, 1)
    return shaped.astype(_feature_dtype(cell), copy=False)


def _check_one_size(name: str, sizes: Mapping[int, int]) -> None:
    """Refuse rows of different feature sizes."""
    first = next(iter(sizes), 0)
    for row, size in sizes.items():
        if size != sizes[first]:
            raise ValueError(
                f"Modality {name!r} has feature size {size} at row {row}, but {sizes[first]} at "
                f"row {first}: every row needs the same."
            )
