"""Correlation and absolute error, exact under permutation of the rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_tamulag.metrics._checks import _check_weighted


def weighted_share(rows: NDArray[np.bool_], weight: NDArray[np.float64] | None) -> float:
    """Share of the rows that are true, by their weights where there are any.

    Parameters
    ----------
    rows : bool array of shape (n,)
        The rows, at least one.
    weight : float64 array of shape (n,) or None
        Their weights.

    Returns
    -------
    float
        From 0 to 1.
    """
    if weight is None:
        return float(np.mean(rows))
    return math.fsum(weight[rows].tolist()) / math.fsum(weight.tolist())


def _mean(values: NDArray[np.float64], weight: NDArray[np.float64] | None) -> float:
    """Return the mean of values, by their weights where there are any; sums are rounded once."""
    if weight is None:
        return math.fsum(values.tolist()) / len(values)
    return math.fsum((weight * values).tolist()) / math.fsum(weight.tolist())


def _scaled_deviations(
    values: NDArray[np.floating], weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """Return deviations from the mean, scaled to a largest size of one so no square overflows."""
    array = values.astype(np.float64)
    # A power of two scales without rounding, so distinct values stay distinct.
    scaled = np.ldexp(array, -math.frexp(np.max(np.abs(array)))[1])
    # Differences to the smallest value first: exact where all values lie close together.
    above = scaled - np.min(scaled)
    above = above / np.max(above)
    deviations = above - _mean(above, weight)
    return np.asarray(deviations / np.max(np.abs(deviations)), dtype=np.float64)


def corr_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Pearson correlation of truth and prediction.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True sentiment.
    y_pred : array-like of shape (n,)
        Predicted sentiment.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row, 0 or more; rows of weight 0 are as if absent.

    Returns
    -------
    float
        Correlation in [-1, 1]; NaN, without a warning, where it is undefined: one row, or truth or
        prediction constant.

    Raises
    ------
    ValueError
        If the inputs are empty, not one-dimensional, not finite or differ in length.
    TypeError
        If the inputs are not real numbers.

    Notes
    -----
    A constant prediction has no correlation, neither good nor bad. As a scorer in a search, NaN
    ranks last.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import corr_score
    >>> corr_score([-1.0, 0.0, 1.0], [1.0, 3.0, 5.0])
    1.0
    >>> corr_score([-1.0, 0.0, 1.0], [0.5, 0.5, 0.5])
    nan
    """
    truth, prediction, weight = _check_weighted(y_true, y_pred, sample_weight)
    if (truth == truth[0]).all() or (prediction == prediction[0]).all():
        return math.nan
    a, b = _scaled_deviations(truth, weight), _scaled_deviations(prediction, weight)
    weighted_a, weighted_b = (a, b) if weight is None else (weight * a, weight * b)
    product = math.fsum((weighted_a * b).tolist())
    norms = math.sqrt(math.fsum((weighted_a * a).tolist()))
    norms *= math.sqrt(math.fsum((weighted_b * b).tolist()))
    return max(-1.0, min(1.0, product / norms))


def mae_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Mean absolute error; lower is better.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True sentiment.
    y_pred : array-like of shape (n,)
        Predicted sentiment.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row, 0 or more; rows of weight 0 are as if absent.

    Returns
    -------
    float
        Mean of ``|y_true - y_pred|``, in the unit of the inputs, 0 or more.

    Raises
    ------
    ValueError
        If the inputs are empty, not one-dimensional, not finite or differ in length.
    TypeError
        If the inputs are not real numbers.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import mae_score
    >>> mae_score([-1.0, 0.0, 2.0], [-0.5, 0.5, 1.5])
    0.5
    """
    truth, prediction, weight = _check_weighted(y_true, y_pred, sample_weight)
    errors = np.abs(truth.astype(np.float64) - prediction.astype(np.float64))
    return _mean(errors, weight)
