"""Single values of any library, a cell or all rows of a modality, as arrays of numbers."""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag.data.padding import is_missing

SEQUENCES = (list, tuple, np.ndarray, pd.Series, pd.Index)


def is_tensor(values: Any) -> bool:
    """Tell whether a value is a torch tensor, without importing torch.

    Parameters
    ----------
    values : object
        Anything.

    Returns
    -------
    tensor : bool
        Whether it is one.
    """
    return all(hasattr(values, name) for name in ("detach", "cpu", "is_floating_point"))


def array_of(values: Any) -> NDArray[Any]:
    """Convert a value to an array, however deep its arrays are nested.

    Parameters
    ----------
    values : object
        An array, a list, a torch tensor on any device, or what a cell of a table holds: arrays of
        arrays, as they come out of a Parquet file.

    Returns
    -------
    array : ndarray
        Numbers where all values are numbers, with NaN where one is missing; else objects or
        strings. Masked values that are no steps at the end are NaN.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        If the value has rows of different lengths, or its library refuses.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.cells import array_of
    >>> steps = np.empty(2, dtype=object)
    >>> steps[:] = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    >>> array_of(steps).tolist()
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if isinstance(values, np.ma.MaskedArray):
        return _cut_masked(values)
    if is_tensor(values):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":  # no type of NumPy's
            values = values.float()
    array = np.asarray(values)
    if array.dtype.kind != "O":
        return array
    if array.size == 0:
        return array.astype(np.float64)
    cells = array.ravel().tolist() if array.ndim else [array.item()]
    if array.ndim == 1 and all(isinstance(cell, SEQUENCES) for cell in cells):
        return np.stack([array_of(cell) for cell in cells])
    if all(isinstance(cell, Number) or is_missing(cell) for cell in cells):
        numbers = [np.nan if is_missing(cell) else cell for cell in cells]
        return np.asarray(numbers).astype(np.float64).reshape(array.shape)  # (size,) -> as given
    return array


def unmasked(array: np.ma.MaskedArray[Any, Any]) -> NDArray[Any]:
    """Fill what is masked with missing values.

    Parameters
    ----------
    array : masked array
        Values of any type.

    Returns
    -------
    filled : ndarray
        NaN in the place of masked numbers, None in that of others; the data where none is masked.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.cells import unmasked
    >>> unmasked(np.ma.array([1, 2], mask=[False, True]))
    array([ 1., nan])
    """
    if not np.ma.is_masked(array):
        return np.asarray(array.data)
    numbers = array.dtype.kind in "biuf"
    dtype: Any = object
    if numbers:
        dtype = array.dtype if array.dtype.kind == "f" else np.float64
    filled: NDArray[Any] = array.data.astype(dtype)
    filled[np.ma.getmaskarray(array)] = np.nan if numbers else None
    return filled


def masked_rows(
    array: np.ma.MaskedArray[Any, Any],
) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Turn the mask of padded rows into lengths.

    Parameters
    ----------
    array : masked array of shape (n, T, d), or (n, T) for token ids
        The rows. Steps at the end of a row that are masked as a whole are padding; a row that is
        masked as a whole lacks the modality.

    Returns
    -------
    array : ndarray of the same shape
        Zeros in the padding, NaN where a step that counts is masked.
    lengths : ndarray of shape (n,), dtype int64
        The number of valid steps.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.cells import masked_rows
    >>> masked_rows(np.ma.masked_equal([[3, 4, 0], [0, 0, 0]], 0))[1].tolist()
    [2, 0]
    """
    mask = np.ma.getmaskarray(array)
    valid: NDArray[np.bool_] = np.asarray(~(mask.all(axis=2) if array.ndim == 3 else mask))
    n_steps = array.shape[1]
    # (n, T) -> (n,)
    lengths = np.where(valid.any(axis=1), n_steps - valid[:, ::-1].argmax(axis=1), 0).astype(
        np.int64
    )
    padding = np.arange(n_steps) >= lengths[:, np.newaxis]
    values, mask = np.array(array.data), mask.copy()
    values[padding], mask[padding] = 0, False
    return unmasked(np.ma.array(values, mask=mask)), lengths


def _cut_masked(array: np.ma.MaskedArray[Any, Any]) -> NDArray[Any]:
    """Cut masked steps off the end of a cell; other masked values become missing."""
    if array.ndim == 0:
        return unmasked(array)
    mask = np.ma.getmaskarray(array)
    valid = np.flatnonzero(~(mask.all(axis=1) if array.ndim == 2 else mask))
    return unmasked(array[: valid[-1] + 1 if valid.size else 0])
