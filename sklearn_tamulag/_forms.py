"""The forms that X may have, and the way from each of them to MultimodalData."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_tamulag._data import MultimodalData
from sklearn_tamulag._validation import check_feature_sizes, check_finite, check_same_modalities

TABLE_MODALITY = "features"


def describe_forms() -> str:
    """Name the forms that X may have.

    Returns
    -------
    sentence : str
        One sentence for error messages.

    Examples
    --------
    >>> from sklearn_tamulag._forms import describe_forms
    >>> describe_forms().startswith("X must be a MultimodalData")
    True
    """
    return (
        "X must be a MultimodalData, a dict {name: array or list of arrays}, a pandas DataFrame "
        "with a column of arrays per modality, or a 2-D array, a list of rows or a DataFrame of "
        f"numbers, which is one modality named {TABLE_MODALITY!r}."
    )


def is_multimodal(X: Any) -> bool:
    """Tell whether data names its modalities, rather than being a table of numbers.

    Parameters
    ----------
    X : object
        The data, of any form.

    Returns
    -------
    multimodal : bool
        True for a MultimodalData, a mapping, or a pandas DataFrame that has a column of arrays or
        of strings, judged by the first cell that is not missing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag._forms import is_multimodal
    >>> is_multimodal({"audio": np.zeros((3, 5, 2))})
    True
    >>> is_multimodal(np.zeros((3, 2)))
    False
    """
    if isinstance(X, pd.DataFrame):
        return any(_holds_sequences(X.iloc[:, column]) for column in range(X.shape[1]))
    # a sparse matrix of dictionary-of-keys format is a dict too
    return isinstance(X, MultimodalData) or (isinstance(X, Mapping) and not issparse(X))


def to_multimodal(
    X: Any, *, feature_sizes: Mapping[str, int | None] | None = None
) -> MultimodalData:
    """Convert data that names its modalities, padding ragged sequences to the longest.

    Parameters
    ----------
    X : MultimodalData, mapping or pandas DataFrame
        A MultimodalData is returned as it is. Otherwise one value or column per modality:

        - an array of shape (n, T, d): T steps of d features;
        - an integer array of shape (n, T): T token ids;
        - a float array of shape (n, d): one step of d features;
        - numbers of shape (n,): one step of one feature, missing where NaN;
        - a list, an object array or a column of one cell per row: an array or list of shape
          (T_i, d), floats of shape (T_i,) for T_i steps of one feature, integers of shape (T_i,)
          for token ids, a number for one step of one feature, or None or NaN where the modality is
          missing. An empty sequence has length 0 too.
    feature_sizes : mapping of str to int or None, default=None
        Feature sizes that are known already, None for token ids. With them a modality may be
        missing in all rows.

    Returns
    -------
    data : MultimodalData
        Float features keep their dtype, integer features become float32. The index of a DataFrame
        becomes the ids, unless it only counts the rows.

    Raises
    ------
    TypeError
        If X has none of these forms, or a cell is neither an array nor a number.
    ValueError
        If a modality holds strings, is missing in every row or has rows of different feature
        sizes, or the numbers of rows differ.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag._forms import to_multimodal
    >>> to_multimodal(
    ...     {"audio": [np.ones((2, 3)), np.ones((5, 3)), None], "age": [31.0, 54.0, 26.0]}
    ... )
    MultimodalData of 3 rows
      audio: (3, 5, 3) float64, lengths 2..5, missing 1
      age: (3, 1, 1) float64, lengths 1..1, missing 0
    """
    if isinstance(X, MultimodalData):
        return X
    if not is_multimodal(X):
        _refuse(X)
    ids = None
    if isinstance(X, pd.DataFrame):
        if not X.columns.is_unique:
            raise ValueError(f"X has columns of the same name: {list(X.columns)}.")
        ids = _row_names(X)
        X = {name: _column_values(X[name]) for name in X.columns}
    arrays, lengths = {}, {}
    for name, values in X.items():
        known = {name: feature_sizes[name]} if feature_sizes and name in feature_sizes else {}
        arrays[name], modality_lengths = _from_values(name, values, known)
        if modality_lengths is not None:
            lengths[name] = modality_lengths
    return MultimodalData(arrays, lengths, ids=ids)


def validate_multimodal(estimator: Any, X: Any, *, reset: bool) -> MultimodalData:
    """Validate the X of an estimator, of any form.

    With `reset` the estimator learns ``modalities_``, ``feature_sizes_``, ``n_features_in_`` and
    ``feature_names_in_`` (for a table of numbers the last two mean its columns, as in scikit-learn,
    otherwise the modalities). Without, X has to fit them.

    Parameters
    ----------
    estimator : estimator instance
        The estimator that learns or knows the modalities.
    X : MultimodalData, mapping, pandas DataFrame or array-like of shape (n, d)
        The data.
    reset : bool
        True in fit, False afterwards.

    Returns
    -------
    data : MultimodalData
        The data with its modalities in the order of fit; values in valid steps are finite.

    Raises
    ------
    TypeError
        If X has none of the forms.
    ValueError
        If X has no rows, holds NaN or infinity in a valid step, lacks a modality in every row
        given to fit, or has other modalities or feature sizes than in fit.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.base import BaseEstimator
    >>> from sklearn_tamulag._forms import validate_multimodal
    >>> estimator = BaseEstimator()
    >>> data = validate_multimodal(estimator, np.ones((2, 3)), reset=True)
    >>> data.arrays["features"].shape, estimator.n_features_in_
    ((2, 1, 3), 3)
    """
    if not reset:
        check_is_fitted(estimator)
    if is_multimodal(X):
        data = to_multimodal(X, feature_sizes=None if reset else estimator.feature_sizes_)
        if len(data) == 0:
            raise ValueError("X has no rows: at least one row is needed.")
        if reset:
            _check_present(data)
            estimator.n_features_in_ = len(data.modalities)
            estimator.feature_names_in_ = np.array(data.modalities, dtype=object)
    else:
        if not reset:
            check_same_modalities([TABLE_MODALITY], estimator.modalities_)
        if _n_dimensions(X) not in (1, 2):
            _refuse(X)
        table = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32, np.float16])
        # (n, d) -> (n, 1, d)
        ids = _row_names(X) if isinstance(X, pd.DataFrame) else None
        data = MultimodalData({TABLE_MODALITY: table[:, np.newaxis, :]}, ids=ids)
    if reset:
        estimator.modalities_ = data.modalities
        estimator.feature_sizes_ = data.feature_sizes
    check_same_modalities(data.modalities, estimator.modalities_)
    data = data.select(estimator.modalities_)
    check_feature_sizes(data.feature_sizes, estimator.feature_sizes_)
    check_finite(data.arrays, data.lengths)
    return data


def _row_names(frame: pd.DataFrame) -> NDArray[Any] | None:
    """Take the index as the rows' ids; a default one names nothing."""
    return None if frame.index.equals(pd.RangeIndex(len(frame))) else frame.index.to_numpy()


def _check_present(data: MultimodalData) -> None:
    """Refuse modalities that no row has."""
    for name, lengths in data.lengths.items():
        if not lengths.any():
            raise ValueError(f"Modality {name!r} is missing in every row.")


def _refuse(X: Any) -> NoReturn:
    """Say that X has none of the forms."""
    given = type(X).__name__
    hint = ""
    if _n_dimensions(X) > 2:
        given += f" with {_n_dimensions(X)} dimensions"
        hint = " Put it in a dict {name: array}."
    raise TypeError(f"X is of type {given}. {describe_forms()}{hint}")


def _n_dimensions(X: Any) -> int:
    """Count dimensions without converting X; 0 for what is no array or sequence."""
    if hasattr(X, "shape"):
        return len(X.shape)
    if isinstance(X, list | tuple):
        return 1 + (_n_dimensions(X[0]) if X else 0)
    return np.asarray(X).ndim if hasattr(X, "__array__") else 0


def _is_missing(cell: Any) -> bool:
    """Tell whether a cell is None, NaN or pandas' NA."""
    return bool(pd.api.types.is_scalar(cell) and pd.isna(cell))


def _holds_sequences(column: "pd.Series[Any]") -> bool:
    """Tell whether a column holds arrays or strings, by its first cell that is not missing."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    first = next((cell for cell in column if not _is_missing(cell)), None)
    return isinstance(first, str | bytes) or not pd.api.types.is_scalar(first)


def _column_values(column: "pd.Series[Any]") -> Any:
    """Take the values of a column: an array of numbers, or a list of cells."""
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return list(column)
    if isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _from_values(
    name: str, values: Any, known: Mapping[str, int | None]
) -> tuple[NDArray[Any], NDArray[np.int64] | None]:
    """Convert the rows of one modality to an array and its lengths, None where all are full."""
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
        if not _is_missing(cell) and (array := _as_array(name, row, cell)).size
    }
    if not filled and not known:
        raise ValueError(f"Modality {name!r} is missing in every row.")
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
            f"{where} holds strings: features (T, d) or integer token ids (T,) per row are needed."
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
