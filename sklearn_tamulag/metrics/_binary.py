"""Accuracy and F1 of two classes, by the three definitions in use."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import f1_score

from sklearn_tamulag.metrics._checks import _check_weighted
from sklearn_tamulag.metrics._continuous import weighted_share

Classes = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64] | None]


def _has0_classes(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None) -> Classes:
    """Return whether truth and prediction are at or above zero, for all rows, and weights."""
    truth, prediction, weight = _check_weighted(y_true, y_pred, sample_weight)
    return truth >= 0, prediction >= 0, weight


def _nonzero_classes(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None
) -> Classes:
    """Return whether truth and prediction are above zero, for rows whose truth is not zero."""
    truth, prediction, weight = _check_weighted(y_true, y_pred, sample_weight)
    kept = truth != 0
    if not kept.any():
        raise ValueError(
            f"y_true holds zeros only ({len(truth)} rows): nothing is left after the true zeros "
            "are dropped. A nonzero score needs at least one row with another label."
        )
    return truth[kept] > 0, prediction[kept] > 0, None if weight is None else weight[kept]


def _sims_classes(y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None) -> Classes:
    """Return whether truth and prediction are above zero, for all rows; clipping keeps signs."""
    truth, prediction, weight = _check_weighted(y_true, y_pred, sample_weight)
    return truth > 0, prediction > 0, weight


def _share_of_equal(
    truth: NDArray[np.bool_], prediction: NDArray[np.bool_], weight: NDArray[np.float64] | None
) -> float:
    """Return the share of equal classes."""
    return weighted_share(truth == prediction, weight)


def _weighted_f1(
    truth: NDArray[np.bool_], prediction: NDArray[np.bool_], weight: NDArray[np.float64] | None
) -> float:
    """Return F1 averaged over the two classes, weighted by how often each is true."""
    score = f1_score(truth, prediction, average="weighted", zero_division=0.0, sample_weight=weight)
    return float(score)


def acc2_has0_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Binary accuracy over all rows: sentiment >= 0 against sentiment < 0.

    A true zero is positive. A prediction of 0.0 for it is right and one of -0.01 is wrong, so this
    score can fall by the whole share of neutral rows under a shift too small to see in any other
    score.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True sentiment, in any unit whose neutral point is zero.
    y_pred : array-like of shape (n,)
        Predicted sentiment, in the same unit.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row, 0 or more; rows of weight 0 are as if absent.

    Returns
    -------
    float
        Share of rows whose classes agree, in [0, 1].

    Raises
    ------
    ValueError
        If the inputs are empty, not one-dimensional, not finite or differ in length.
    TypeError
        If the inputs are not real numbers.

    See Also
    --------
    acc2_nonzero_score : The same question without the rows whose truth is zero.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import acc2_has0_score
    >>> acc2_has0_score([-1.0, 0.0, 0.0, 2.0], [-0.5, 0.0, 0.0, 1.0])
    1.0

    A constant shift of -0.01 costs both neutral rows:

    >>> acc2_has0_score([-1.0, 0.0, 0.0, 2.0], [-0.51, -0.01, -0.01, 0.99])
    0.5
    """
    return _share_of_equal(*_has0_classes(y_true, y_pred, sample_weight))


def acc2_nonzero_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Binary accuracy over the rows whose truth is not zero: sentiment > 0 against <= 0.

    Only true zeros are dropped. A prediction of exactly zero stays and counts as negative.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True sentiment, in any unit whose neutral point is zero.
    y_pred : array-like of shape (n,)
        Predicted sentiment, in the same unit.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row, 0 or more; rows of weight 0 are as if absent.

    Returns
    -------
    float
        Share of the kept rows whose classes agree, in [0, 1].

    Raises
    ------
    ValueError
        If every true value is zero, or the inputs are empty, not one-dimensional, not finite or
        differ in length.
    TypeError
        If the inputs are not real numbers.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import acc2_nonzero_score
    >>> acc2_nonzero_score([-1.0, 0.0, 0.5, 2.0], [-0.5, -2.0, 0.0, 1.0])
    0.6666666666666666
    """
    return _share_of_equal(*_nonzero_classes(y_true, y_pred, sample_weight))


def acc2_sims_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Binary accuracy over all rows as CH-SIMS defines it: sentiment > 0 against <= 0.

    Zeros stay and count as negative, the other side than in `acc2_has0_score`. The protocol clips
    to [-1, 1] first, which changes no sign.

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
        Share of rows whose classes agree, in [0, 1].

    Raises
    ------
    ValueError
        If the inputs are empty, not one-dimensional, not finite or differ in length.
    TypeError
        If the inputs are not real numbers.

    References
    ----------
    W. Yu et al., "CH-SIMS: A Chinese Multimodal Sentiment Analysis Dataset with Fine-grained
    Annotation of Modality", ACL 2020.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import acc2_sims_score
    >>> acc2_sims_score([-0.4, 0.0, 0.2, 0.8], [-0.1, -0.01, 0.0, 0.5])
    0.75
    """
    return _share_of_equal(*_sims_classes(y_true, y_pred, sample_weight))


def f1_has0_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Weighted F1 over the classes of `acc2_has0_score`: sentiment >= 0 against < 0, all rows.

    The F1 of each class is weighted by how often that class is true. Some published code hands
    prediction and truth to the same function the other way round, which weights by the predicted
    classes and gives another number.

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
        Weighted F1, in [0, 1]; a class that is predicted but never true has weight 0.

    Raises
    ------
    ValueError
        If the inputs are empty, not one-dimensional, not finite or differ in length.
    TypeError
        If the inputs are not real numbers.

    Examples
    --------
    Class F1 values of 2/3 (true 2 times) and 4/5 (true 2 times):

    >>> from sklearn_tamulag.metrics import f1_has0_score
    >>> round(f1_has0_score([-1.0, -2.0, 0.0, 2.0], [-1.0, 0.5, 0.0, 1.0]), 4)
    0.7333
    """
    return _weighted_f1(*_has0_classes(y_true, y_pred, sample_weight))


def f1_nonzero_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Weighted F1 over the classes and rows of `acc2_nonzero_score`.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True sentiment. Rows whose truth is zero are dropped.
    y_pred : array-like of shape (n,)
        Predicted sentiment.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row, 0 or more; rows of weight 0 are as if absent.

    Returns
    -------
    float
        Weighted F1 of > 0 against <= 0, in [0, 1].

    Raises
    ------
    ValueError
        If every true value is zero, or the inputs are empty, not one-dimensional, not finite or
        differ in length.
    TypeError
        If the inputs are not real numbers.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import f1_nonzero_score
    >>> round(f1_nonzero_score([-1.0, 0.0, -2.0, 1.0, 2.0], [-1.0, -9.0, 0.5, 0.5, 1.0]), 4)
    0.7333
    """
    return _weighted_f1(*_nonzero_classes(y_true, y_pred, sample_weight))


def f1_sims_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Weighted F1 over the classes of `acc2_sims_score`: sentiment > 0 against <= 0, all rows.

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
        Weighted F1, in [0, 1].

    Raises
    ------
    ValueError
        If the inputs are empty, not one-dimensional, not finite or differ in length.
    TypeError
        If the inputs are not real numbers.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import f1_sims_score
    >>> round(f1_sims_score([-0.4, 0.0, 0.2, 0.8], [-0.1, 0.2, 0.4, 0.5]), 4)
    0.7333
    """
    return _weighted_f1(*_sims_classes(y_true, y_pred, sample_weight))
