"""The forms that X may have, and the way from each of them to MultimodalData."""

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_tamulag.data.frames import column_values, holds_sequences, row_names
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.padding import pad_values
from sklearn_tamulag.data.validation import check_feature_sizes, check_finite, check_same_modalities

TABLE_MODALITY = "features"


def describe_forms() -> str:
    """Name the forms that X may have.

    Returns
    -------
    sentence : str
        One sentence for error messages.

    Examples
    --------
    >>> from sklearn_tamulag.data.forms import describe_forms
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
    >>> from sklearn_tamulag.data.forms import is_multimodal
    >>> is_multimodal({"audio": np.zeros((3, 5, 2))})
    True
    >>> is_multimodal(np.zeros((3, 2)))
    False
    """
    if isinstance(X, pd.DataFrame):
        return any(holds_sequences(X.iloc[:, column]) for column in range(X.shape[1]))
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
    >>> from sklearn_tamulag.data.forms import to_multimodal
    >>> to_multimodal(
    ...     {"audio": [np.ones((2, 3)), np.ones((5, 3)), None], "age": [31.0, 54.0, 26.0]}
    ... )
    MultimodalData of 3 rows
      audio: (3, 5, 3) float64, lengths 2..5, missing 1
      age: (3, 1, 1) float64, lengths 1..1, missing 0
    """
    if isinstance(X, MultimodalData):
        return X
    if not is_multimodal(X) and not (feature_sizes and isinstance(X, pd.DataFrame)):
        _refuse(X)
    ids = None
    if isinstance(X, pd.DataFrame):
        if not X.columns.is_unique:
            raise ValueError(f"X has columns of the same name: {list(X.columns)}.")
        ids = row_names(X)
        X = {name: column_values(X[name]) for name in X.columns}
    if not len(X):
        raise ValueError("X must have at least one modality, got none.")
    arrays, lengths = {}, {}
    for name, values in X.items():
        known = {name: feature_sizes[name]} if feature_sizes and name in feature_sizes else {}
        arrays[name], modality_lengths = pad_values(name, values, known)
        if modality_lengths is not None:
            lengths[name] = modality_lengths
    return MultimodalData(arrays, lengths, ids=ids)


def validate_multimodal(estimator: Any, X: Any, *, reset: bool) -> MultimodalData:
    """Validate the X of an estimator, of any form.

    With `reset` the estimator learns ``modalities_``, ``feature_sizes_``, ``n_features_in_`` and
    ``feature_names_in_`` (for a table of numbers the last two mean its columns, as in scikit-learn,
    otherwise the modalities). Without, X has to fit them; an estimator whose ``allow_missing`` is
    true takes a modality that X lacks as missing in every row.

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
    >>> from sklearn_tamulag.data.forms import validate_multimodal
    >>> estimator = BaseEstimator()
    >>> data = validate_multimodal(estimator, np.ones((2, 3)), reset=True)
    >>> data.arrays["features"].shape, estimator.n_features_in_
    ((2, 1, 3), 3)
    """
    if not reset:
        check_is_fitted(estimator)
    if is_multimodal(X) or (not reset and _has_columns_by_modality(X, estimator.modalities_)):
        allow_missing = not reset and getattr(estimator, "allow_missing", False)
        if allow_missing and isinstance(X, Mapping):
            X = {name: values for name, values in X.items() if values is not None}
        data = to_multimodal(X, feature_sizes=None if reset else estimator.feature_sizes_)
        if len(data) == 0:
            raise ValueError("X has no rows: at least one row is needed.")
        if reset:
            _check_present(data)
            estimator.n_features_in_ = len(data.modalities)
            estimator.feature_names_in_ = np.array(data.modalities, dtype=object)
        elif allow_missing:
            data = with_absent(data, estimator.feature_sizes_)
    else:
        if not reset:
            check_same_modalities([TABLE_MODALITY], estimator.modalities_)
        if _n_dimensions(X) not in (1, 2):
            _refuse(X)
        table = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32, np.float16])
        # (n, d) -> (n, 1, d)
        ids = row_names(X) if isinstance(X, pd.DataFrame) else None
        data = MultimodalData({TABLE_MODALITY: table[:, np.newaxis, :]}, ids=ids)
    if reset:
        estimator.modalities_ = data.modalities
        estimator.feature_sizes_ = data.feature_sizes
    _check_names(data, estimator)
    data = data.select(estimator.modalities_)
    check_feature_sizes(data.feature_sizes, estimator.feature_sizes_)
    check_finite(data.arrays, data.lengths)
    return data


def _has_columns_by_modality(X: Any, modalities: tuple[str, ...]) -> bool:
    """Tell whether the columns of a DataFrame can only be modalities, whatever they hold.

    Where all cells of a column are missing, or the modalities left are numbers, the cells do not
    tell. Only an estimator that was fitted on a table of numbers takes a DataFrame as such.
    """
    return isinstance(X, pd.DataFrame) and modalities != (TABLE_MODALITY,)


def _check_names(data: MultimodalData, estimator: Any) -> None:
    """Refuse other modalities than those of fit; say so where an option would take them."""
    try:
        check_same_modalities(data.modalities, estimator.modalities_)
    except ValueError as error:
        if hasattr(estimator, "allow_missing") and set(data.modalities) < set(
            estimator.modalities_
        ):
            message = f"{error} allow_missing=True takes what X lacks as missing in every row."
            raise ValueError(message) from None
        raise


def with_absent(data: MultimodalData, feature_sizes: Mapping[str, int | None]) -> MultimodalData:
    """Add the modalities that data lacks, as missing in every row.

    Parameters
    ----------
    data : MultimodalData
        The rows.
    feature_sizes : mapping of str to int or None
        Feature sizes of all modalities that the result has, None for token ids.

    Returns
    -------
    data : MultimodalData
        The same rows; what was absent comes last, with one step of padding and length 0.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag import MultimodalData
    >>> from sklearn_tamulag.data.forms import with_absent
    >>> with_absent(MultimodalData({"text": np.ones((2, 3, 4))}), {"text": 4, "audio": 5})
    MultimodalData of 2 rows
      text: (2, 3, 4) float64, lengths 3..3, missing 0
      audio: (2, 1, 5) float32, lengths none, missing 2
    """
    arrays, lengths = dict(data.arrays), dict(data.lengths)
    for name, size in feature_sizes.items():
        if name not in arrays:
            shape, dtype = ((), np.int64) if size is None else ((size,), np.float32)
            arrays[name] = np.zeros((len(data), 1, *shape), dtype=dtype)
            lengths[name] = np.zeros(len(data), dtype=np.int64)
    return MultimodalData._unchecked(arrays, lengths, data.ids, data.groups)


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
