"""The rows of one modality, ragged or not, into one padded array and its lengths."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.cells import array_of, masked_rows, unmasked
from sklearn_tamulag.data.containers import open_values
from sklearn_tamulag.data.padding import is_missing

# How a padder cuts the sequences of a modality, before anything as long as the longest is made.
Cut = Callable[[NDArray[Any]], NDArray[Any]]


def pad_values(
    name: str, values: Any, known: Mapping[str, int | None], cut: Cut | None = None
) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """Convert the rows of one modality to an array and its lengths.

    Parameters
    ----------
    name : str
        The modality.
    values : array-like or sequence of cells
        An array for all rows, or one cell per row: an array of shape (T_i, d) or (T_i,), a number,
        or None or NaN where the modality is missing. In a masked array, steps that are masked at
        the end of a row are no part of it.
    known : mapping of str to int or None
        The modality's feature size where it is known, None for token ids; else empty.
    cut : callable, optional
        What shortens the sequence of a cell, an array of shape (T_i, d) or (T_i,).

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

    Warns
    -----
    UserWarning
        If cells are vectors of one length, and it is not known whether these are steps or features.

    Examples
    --------
    >>> from sklearn_tamulag.data.ragged import pad_values
    >>> array, lengths = pad_values("text", [[7, 8], None, [9]], {})
    >>> array.tolist(), lengths.tolist()
    ([[7, 8], [0, 0], [9, 0]], [2, 0, 1])
    """
    values = open_values(values)
    if isinstance(values, list | tuple):
        return _from_cells(name, values, known, cut)
    if isinstance(values, np.ma.MaskedArray):
        if values.ndim == 3 or (values.ndim == 2 and values.dtype.kind in "iu"):
            return masked_rows(values)
        if values.ndim == 2:
            # (n, d) -> (n, 1, d)
            steps = np.ma.array(values)[:, np.newaxis, :]
            return masked_rows(np.ma.array(steps, dtype=_feature_dtype(values)))
        values = unmasked(values)
    array = values if isinstance(values, np.memmap) else _as_array(name, None, values)
    if array.dtype.kind == "O":
        return _from_cells(name, list(array), known, cut)
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
    name: str, cells: Sequence[Any], known: Mapping[str, int | None], cut: Cut | None
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Pad the cells of one modality to the longest."""
    if not len(cells):
        raise ValueError(f"Modality {name!r} has no rows.")
    filled, shapes = {}, set()
    for row, cell in enumerate(cells):
        if is_missing(cell) or not (array := _as_array(name, row, cell)).size:
            continue
        shapes.add(array.shape)
        # A copy: the whole of a long recording is not to stay in memory for its first steps.
        filled[row] = cut(array).copy() if cut is not None and array.ndim else array
    if not filled and not known:
        raise ValueError(f"Modality {name!r} is missing in every row: its features are unknown.")
    size = known.get(name)
    tokens = size is None and all(
        array.ndim == 1 and array.dtype.kind in "iu" for array in filled.values()
    )
    if not tokens and not known:
        _warn_of_vectors(name, len(filled), shapes)
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


def _warn_of_vectors(name: str, n_filled: int, shapes: set[tuple[int, ...]]) -> None:
    """Warn of rows that are vectors of one length, which may be meant as features of one step."""
    if n_filled < 2 or len(shapes) > 1:
        return
    (size,) = shapes
    if len(size) == 1 and size[0] > 1:
        warnings.warn(
            f"Modality {name!r} is a list of vectors of {size[0]} values, which is read as "
            f"{size[0]} steps of one feature. For one step of {size[0]} features pass an array of "
            f"shape (n, {size[0]}), as np.stack makes it, or cells of shape (1, {size[0]}); cells "
            f"of shape ({size[0]}, 1) mean the steps and are not warned of.",
            UserWarning,
            stacklevel=2,
        )


def _as_array(name: str, row: int | None, values: Any) -> NDArray[Any]:
    """Convert one cell, or all rows where `row` is None, to an array of numbers."""
    where = f"Modality {name!r}" if row is None else f"Modality {name!r}, row {row},"
    try:
        # Rows that are arrays keep their own lengths; the arrays within a row have one.
        array = array_of(values) if row is not None else np.asarray(values)
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


def lengths_of_masks(arrays: Any, lengths: Any) -> tuple[Any, Any]:
    """Turn the masks of padded arrays into lengths.

    Parameters
    ----------
    arrays : mapping of str to array-like
        Arrays (n, T, d), or (n, T) of token ids, by modality; masked or not.
    lengths : mapping of str to array-like of shape (n,), or None
        Lengths that are known; they stand before those of a mask.

    Returns
    -------
    arrays : mapping of str to array-like
        Without masks: NaN where a step that counts is masked. What is no mapping passes.
    lengths : mapping of str to array-like of shape (n,), or None
        Also those of the masks.
    """
    if not isinstance(arrays, Mapping) or not isinstance(lengths, Mapping | None):
        return arrays, lengths
    found = {
        name: masked_rows(array)
        for name, array in arrays.items()
        if isinstance(array, np.ma.MaskedArray) and array.ndim in (2, 3)
    }
    if not found:
        return arrays, lengths
    plain = {**arrays, **{name: array for name, (array, _) in found.items()}}
    return plain, {name: own for name, (_, own) in found.items()} | dict(lengths or {})
