"""Tables of numbers: one modality of one step; and arrays that only look like one."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data

from sklearn_tamulag.data.frames import holds_sequences, row_names
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.refusals import TABLE_MODALITY, describe_forms, n_dimensions, refuse_form
from sklearn_tamulag.data.validation import check_same_modalities

# More columns than this are more likely the flat matrix of a MultimodalData than features.
WIDE = 1000

FLATTENED = (
    "A meta-estimator that calls np.asarray on a MultimodalData flattens it: put "
    "FlatToMultimodal(X.shapes) of sklearn_tamulag.preprocessing before the estimator in a "
    "pipeline, or pass X.to_frame(), as permutation_importance needs it."
)


def read_table(estimator: Any, X: Any, *, reset: bool) -> MultimodalData:
    """Validate a table of numbers by the rules of scikit-learn.

    Parameters
    ----------
    estimator : estimator instance
        The estimator that learns or knows the number of columns and their names.
    X : DataFrame, or array-like of shape (n, d)
        The table.
    reset : bool
        True in fit, False afterwards.

    Returns
    -------
    data : MultimodalData
        One modality "features" of one step.

    Raises
    ------
    TypeError, ValueError
        If X is no such table, or another one than in fit.

    Warns
    -----
    UserWarning
        In fit, if an array has so many columns that it may be the flat matrix of a MultimodalData.
    """
    if not reset:
        _check_table_was_fitted(estimator, X)
    if n_dimensions(X) not in (1, 2):
        refuse_form(X)
    if isinstance(X, pd.Series) and holds_sequences(X) and not _has_strings(X):
        refuse_form(X, "Name the modality: pass X.to_frame(name).")
    try:
        table = validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32, np.float16])
    except (TypeError, ValueError) as error:
        if not _is_of_other_kind(X):
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        hint = "Texts need a transformer, which the estimator's encoders name." * _has_strings(X)
        raise kind(f"{error} {describe_forms()} {hint}".rstrip()) from error
    if reset and table.shape[1] > WIDE and not isinstance(X, pd.DataFrame):
        _warn_of_flat(estimator, table)
    ids = row_names(X) if isinstance(X, pd.DataFrame) else None
    # (n, d) -> (n, 1, d)
    return MultimodalData({TABLE_MODALITY: table[:, np.newaxis, :]}, ids=ids)


def is_probe(estimator: Any, X: Any) -> bool:
    """Tell whether X is a row of zeros with which others try out a fitted estimator.

    Parameters
    ----------
    estimator : fitted estimator
        The estimator.
    X : object
        The data, opened.

    Returns
    -------
    probe : bool
        True for one row of zeros of as many columns as ``n_features_in_`` or as there are
        modalities, unless the estimator was fitted on a table, where it is a row like any other.
    """
    if not isinstance(X, np.ndarray) or X.ndim != 2 or X.dtype.kind not in "biuf" or len(X) != 1:
        return False
    sizes = estimator.feature_sizes_
    if sizes.get(TABLE_MODALITY) == X.shape[1] and len(sizes) == 1:
        return False
    return X.shape[1] in (estimator.n_features_in_, len(sizes)) and not X.any()


def probe_row(feature_sizes: Mapping[str, int | None]) -> MultimodalData:
    """Make a row of one step of zeros in every modality.

    Parameters
    ----------
    feature_sizes : mapping of str to int or None
        The features per step, None for token ids.

    Returns
    -------
    data : MultimodalData
        The row; its token ids are 0.

    Examples
    --------
    >>> from sklearn_tamulag.data.tables import probe_row
    >>> probe_row({"audio": 3, "text": None})
    MultimodalData of 1 row
      audio: (1, 1, 3) float32, lengths 1..1, missing 0
      text: (1, 1) int64, lengths 1..1, missing 0
    """
    return MultimodalData(
        {
            name: np.zeros((1, 1), np.int64) if size is None else np.zeros((1, 1, size), np.float32)
            for name, size in feature_sizes.items()
        }
    )


def check_expected(estimator: Any, modalities: Iterable[str], X: Any) -> None:
    """Refuse other modalities than those that the estimator's user expects.

    Parameters
    ----------
    estimator : estimator instance
        The estimator; one without ``expected_modalities`` takes any.
    modalities : iterable of str
        The modalities of X.
    X : object
        The data, for the message.

    Raises
    ------
    ValueError
        If they differ; the message says what may have happened to a flat matrix.
    """
    expected = getattr(estimator, "expected_modalities", None)
    if expected is None:
        return
    try:
        check_same_modalities(modalities, expected)
    except ValueError as error:
        hint = f" {FLATTENED}" if n_dimensions(X) == 2 and not isinstance(X, pd.DataFrame) else ""
        raise ValueError(f"expected_modalities={list(expected)!r}: {error}{hint}") from None


def _check_table_was_fitted(estimator: Any, X: Any) -> None:
    """Refuse a table where modalities were fitted."""
    try:
        check_same_modalities([TABLE_MODALITY], estimator.modalities_)
    except ValueError as error:
        if n_dimensions(X) != 2:
            refuse_form(X)
        raise ValueError(f"{error} X is a table of numbers. {FLATTENED}") from None


def _warn_of_flat(estimator: Any, table: NDArray[Any]) -> None:
    """Warn once of an array that may be the flat matrix, unless its user expects a table."""
    if getattr(estimator, "expected_modalities", None) is not None:
        return
    warnings.warn(
        f"X is an array of {table.shape[1]} columns, which is read as one modality "
        f"{TABLE_MODALITY!r} of one step. {FLATTENED} expected_modalities=[{TABLE_MODALITY!r}] "
        "says that a table is meant, and expected_modalities=[names] refuses one.",
        UserWarning,
        stacklevel=2,
    )


def _is_of_other_kind(X: Any) -> bool:
    """Tell whether X holds anything that is no number."""
    if isinstance(X, pd.DataFrame):
        return any(getattr(dtype, "kind", "O") not in "biuf" for dtype in X.dtypes)
    try:
        return np.asarray(X).dtype.kind not in "biuf"
    except (TypeError, ValueError, RuntimeError):
        return True


def _has_strings(X: Any) -> bool:
    """Tell whether there is a string among the values."""
    return any(isinstance(value, str) for value in np.asarray(X, dtype=object).ravel())
