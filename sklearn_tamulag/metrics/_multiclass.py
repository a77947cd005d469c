"""Accuracy of three, five and seven classes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_tamulag.metrics._checks import Protocol, _check_weighted, check_protocol
from sklearn_tamulag.metrics._continuous import weighted_share

_SIMS_EDGES = {3: (-0.1, 0.1), 5: (-0.7, -0.1, 0.1, 0.7)}


def _rounded(values: NDArray[np.floating], limit: float) -> NDArray[np.floating]:
    """Clip to [-limit, limit], then round half to even."""
    return np.rint(np.clip(values, -limit, limit))


def _binned(values: NDArray[np.floating], n_classes: int) -> NDArray[np.intp]:
    """Return the CH-SIMS class of every value, each open below and closed above."""
    # An edge in the values' own precision, so that a float32 -0.7 stands on it, not above it.
    edges = np.asarray(_SIMS_EDGES[n_classes], dtype=values.dtype)
    return np.searchsorted(edges, values, side="left")


def _multiclass_accuracy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    n_classes: int,
    protocol: str,
    sample_weight: ArrayLike | None,
) -> float:
    """Return the accuracy over n_classes: bins for CH-SIMS, rounded values otherwise."""
    check_protocol(protocol)
    truth, prediction, weight = _check_weighted(y_true, y_pred, sample_weight)
    if protocol == "sims":
        equal = _binned(truth, n_classes) == _binned(prediction, n_classes)
    else:
        limit = (n_classes - 1) / 2
        equal = _rounded(truth, limit) == _rounded(prediction, limit)
    return weighted_share(equal, weight)


def acc3_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    protocol: Protocol = "sims",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Accuracy over three classes: negative, neutral, positive.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True sentiment.
    y_pred : array-like of shape (n,)
        Predicted sentiment.
    protocol : {"sims", "mosi", "mosei"}, default="sims"
        "sims" clips to [-1, 1] and has the classes [-1, -0.1], (-0.1, 0.1] and (0.1, 1]; an edge
        belongs to the class below it. It is the default, as CH-SIMS is where this score is
        published. "mosi" and "mosei" clip to [-1, 1] and round half to even, so 0.5 is neutral.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row, 0 or more; rows of weight 0 are as if absent.

    Returns
    -------
    float
        Share of rows whose classes agree, in [0, 1].

    Raises
    ------
    ValueError
        If the protocol is unknown, or the inputs are empty, not one-dimensional, not finite or
        differ in length.
    TypeError
        If the inputs are not real numbers.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import acc3_score
    >>> acc3_score([-0.4, 0.0, 0.2, 0.8], [-0.1, 0.1, 0.3, 0.1])
    0.75
    >>> acc3_score([-2.0, 0.0, 1.0], [-1.0, 0.5, 3.0], protocol="mosi")
    1.0
    """
    return _multiclass_accuracy(y_true, y_pred, 3, protocol, sample_weight)


def acc5_score(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    protocol: Protocol = "mosi",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Accuracy over five classes, from strongly negative to strongly positive.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True sentiment.
    y_pred : array-like of shape (n,)
        Predicted sentiment.
    protocol : {"mosi", "mosei", "sims"}, default="mosi"
        "mosi" and "mosei" clip to [-2, 2] and round half to even: 0.5 becomes 0 and 1.5 becomes 2.
        "sims" clips to [-1, 1] and has the edges -0.7, -0.1, 0.1 and 0.7; an edge belongs to the
        class below it.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row, 0 or more; rows of weight 0 are as if absent.

    Returns
    -------
    float
        Share of rows whose classes agree, in [0, 1].

    Raises
    ------
    ValueError
        If the protocol is unknown, or the inputs are empty, not one-dimensional, not finite or
        differ in length.
    TypeError
        If the inputs are not real numbers.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import acc5_score
    >>> acc5_score([-3.0, 0.0, 2.0, 1.0], [-2.0, 0.5, 1.5, 1.5])
    0.75
    >>> acc5_score([-0.8, 0.0, 0.6, 1.0], [-0.7, 0.1, 0.7, 0.7], protocol="sims")
    0.75
    """
    return _multiclass_accuracy(y_true, y_pred, 5, protocol, sample_weight)


def acc7_score(
    y_true: ArrayLike, y_pred: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Accuracy over the seven whole sentiments from -3 to 3, of CMU-MOSI and CMU-MOSEI.

    Truth and prediction are clipped to [-3, 3], rounded half to even (0.5 becomes 0, 1.5 and 2.5
    become 2) and compared.

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

    Examples
    --------
    >>> from sklearn_tamulag.metrics import acc7_score
    >>> acc7_score([-3.0, 0.0, 2.0, 3.0], [-4.2, -0.5, 2.5, 2.5])
    0.75
    """
    return _multiclass_accuracy(y_true, y_pred, 7, "mosi", sample_weight)
