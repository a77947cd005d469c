"""The forms that X may have, and the way from each of them to MultimodalData."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from sklearn_tamulag.data.containers import open_container
from sklearn_tamulag.data.frames import column_values, holds_sequences, row_names
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.ragged import Cut, pad_values
from sklearn_tamulag.data.refusals import TABLE_MODALITY, refuse_form
from sklearn_tamulag.data.refusals import describe_forms as describe_forms  # asked for here
from sklearn_tamulag.data.tables import check_expected, is_probe, probe_row, read_table
from sklearn_tamulag.data.validation import check_feature_sizes, check_finite, check_same_modalities


def is_multimodal(X: Any) -> bool:
    """Tell whether data names its modalities, rather than being a table of numbers.

    Parameters
    ----------
    X : object
        The data, of any form.

    Returns
    -------
    multimodal : bool
        True for a MultimodalData, a mapping, a list of mappings, or a DataFrame or table of any
        library that has a column of arrays or of strings, judged by the first cell that is not
        missing.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.forms import is_multimodal
    >>> is_multimodal({"audio": np.zeros((3, 5, 2))})
    True
    >>> is_multimodal(np.zeros((3, 2)))
    False
    """
    X = open_container(X)
    if isinstance(X, pd.DataFrame):
        return any(holds_sequences(X.iloc[:, column]) for column in range(X.shape[1]))
    # a sparse matrix of dictionary-of-keys format is a dict too
    return isinstance(X, MultimodalData) or (isinstance(X, Mapping) and not issparse(X))


def to_multimodal(
    X: Any,
    *,
    feature_sizes: Mapping[str, int | None] | None = None,
    cuts: Mapping[str, Cut] | None = None,
) -> MultimodalData:
    """Convert data that names its modalities, padding ragged sequences to the longest.

    Parameters
    ----------
    X : MultimodalData, mapping, list of mappings by row, or DataFrame or table of any library
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
    cuts : mapping of str to callable, optional
        By modality what shortens the sequence of a cell, before cells are padded to the longest.

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
    X = open_container(X)
    if isinstance(X, MultimodalData):
        return X
    if not is_multimodal(X) and not (feature_sizes and isinstance(X, pd.DataFrame)):
        refuse_form(X)
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
        arrays[name], modality_lengths = pad_values(name, values, known, (cuts or {}).get(name))
        if modality_lengths is not None:
            lengths[name] = modality_lengths
    return MultimodalData(arrays, lengths, ids=ids)


def validate_multimodal(
    estimator: Any, X: Any, *, reset: bool, cuts: Mapping[str, Cut] | None = None
) -> MultimodalData:
    """Validate the X of an estimator, of any form.

    With `reset` the estimator learns ``modalities_``, ``feature_sizes_``, ``n_features_in_`` and
    ``feature_names_in_``. The last two are what scikit-learn expects of them: the columns of a
    table, the modalities of a mapping or of a DataFrame of arrays, and the columns of the flat
    matrix, which have no names, of a MultimodalData. Without `reset`, X has to fit what was
    learned; an estimator whose ``allow_missing`` is true takes a modality that X lacks as missing
    in every row, and one row of zeros with ``n_features_in_`` or M columns is a probe, read as one
    step of zeros in every modality. An estimator whose ``expected_modalities`` are given learns no
    others.

    Parameters
    ----------
    estimator : estimator instance
        The estimator that learns or knows the modalities.
    X : MultimodalData, mapping, DataFrame, table of any library or array-like of shape (n, d)
        The data.
    reset : bool
        True in fit, False afterwards.
    cuts : mapping of str to callable, optional
        By modality what shortens the sequence of a cell, before cells are padded to the longest.

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
    X = open_container(X, modality_names(estimator, reset=reset))
    if is_multimodal(X) or (not reset and _has_columns_by_modality(X, estimator.modalities_)):
        allow_missing = not reset and getattr(estimator, "allow_missing", False)
        if allow_missing and isinstance(X, Mapping):
            X = {name: values for name, values in X.items() if values is not None}
        sizes = None if reset else estimator.feature_sizes_
        data = to_multimodal(X, feature_sizes=sizes, cuts=cuts)
        if len(data) == 0:
            raise ValueError("X has no rows: at least one row is needed.")
        if reset:
            _check_present(data)
            _learn_columns(estimator, X, data)
        elif allow_missing:
            data = with_absent(data, estimator.feature_sizes_)
    elif not reset and is_probe(estimator, X):
        data = probe_row(estimator.feature_sizes_)
    else:
        data = read_table(estimator, X, reset=reset)
    if reset:
        check_expected(estimator, data.modalities, X)
        estimator.modalities_ = data.modalities
        estimator.feature_sizes_ = data.feature_sizes
    _check_names(data, estimator)
    data = data.select(estimator.modalities_)
    check_feature_sizes(data.feature_sizes, estimator.feature_sizes_)
    check_finite(data.arrays, data.lengths)
    return data


def modality_names(estimator: Any, *, reset: bool) -> tuple[str, ...] | None:
    """Name the modalities of a table of arrays whose columns have no names.

    Parameters
    ----------
    estimator : estimator instance
        The estimator.
    reset : bool
        True in fit, where the names are those of ``expected_modalities``; False afterwards.

    Returns
    -------
    names : tuple of str or None
        The modalities in order; None where none are known.
    """
    names = getattr(estimator, "expected_modalities" if reset else "modalities_", None)
    return None if names is None else tuple(names)


def _learn_columns(estimator: Any, X: Any, data: MultimodalData) -> None:
    """Learn the number of columns of X, and their names where it has any."""
    if isinstance(X, MultimodalData):
        estimator.n_features_in_ = X.shape[1]
        # the columns of the flat matrix have no names; those of a former fit are no longer true
        vars(estimator).pop("feature_names_in_", None)
    else:
        estimator.n_features_in_ = len(data.modalities)
        estimator.feature_names_in_ = np.array(data.modalities, dtype=object)


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
