"""All scores of a protocol at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from sklearn_tamulag.metrics._binary import (
    acc2_has0_score,
    acc2_nonzero_score,
    acc2_sims_score,
    f1_has0_score,
    f1_nonzero_score,
    f1_sims_score,
)
from sklearn_tamulag.metrics._checks import Protocol, _check_pair, check_labels, check_protocol
from sklearn_tamulag.metrics._continuous import corr_score, mae_score
from sklearn_tamulag.metrics._multiclass import acc3_score, acc5_score, acc7_score


def sentiment_report(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    protocol: Protocol,
    sample_weight: ArrayLike | None = None,
) -> pd.Series:
    """All scores that a data set's published tables show.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        True sentiment: in [-3, 3] for "mosi" and "mosei", in [-1, 1] for "sims".
    y_pred : array-like of shape (n,)
        Predicted sentiment, in the same unit; it may leave the range.
    protocol : {"mosi", "mosei", "sims"}
        Whose definitions hold. "mosi" and "mosei" are the same; "sims" clips predictions to [-1, 1]
        before anything else, the mean absolute error and the correlation included.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row, 0 or more; rows of weight 0 are as if absent.

    Returns
    -------
    pandas.Series of float
        Named after the protocol. For "mosi" and "mosei": "mae", "corr", "acc2_has0", "f1_has0",
        "acc2_nonzero", "f1_nonzero", "acc3", "acc5", "acc7". For "sims": "mae", "corr", "acc2",
        "f1", "acc3", "acc5". All but "mae" are better when higher; "corr" is NaN where it is
        undefined.

    Raises
    ------
    ValueError
        If the protocol is unknown, a label lies outside its range, every true value is zero ("mosi"
        and "mosei"), or the inputs are empty, not one-dimensional, not finite or differ in length.
    TypeError
        If the inputs are not real numbers.

    Examples
    --------
    >>> from sklearn_tamulag.metrics import sentiment_report
    >>> y_true, y_pred = [-2.0, 0.0, 1.0, 3.0], [-1.5, -0.5, 1.5, 2.5]
    >>> sentiment_report(y_true, y_pred, protocol="mosi").round(3)
    mae             0.500
    corr            0.965
    acc2_has0       0.750
    f1_has0         0.767
    acc2_nonzero    1.000
    f1_nonzero      1.000
    acc3            1.000
    acc5            0.750
    acc7            0.500
    Name: mosi, dtype: float64
    """
    check_protocol(protocol)
    truth, prediction = _check_pair(y_true, y_pred)
    check_labels(truth, protocol)
    scores: dict[str, Callable[..., float]]
    if protocol == "sims":
        # Labels lie within the range already, so clipping leaves them as they are.
        prediction = np.clip(prediction, -1, 1)
        scores = {"acc2": acc2_sims_score, "f1": f1_sims_score}
    else:
        scores = {
            "acc2_has0": acc2_has0_score,
            "f1_has0": f1_has0_score,
            "acc2_nonzero": acc2_nonzero_score,
            "f1_nonzero": f1_nonzero_score,
        }
    scores = {"mae": mae_score, "corr": corr_score, **scores}
    values = {
        name: score(truth, prediction, sample_weight=sample_weight)
        for name, score in scores.items()
    }
    values["acc3"] = acc3_score(truth, prediction, protocol=protocol, sample_weight=sample_weight)
    values["acc5"] = acc5_score(truth, prediction, protocol=protocol, sample_weight=sample_weight)
    if protocol != "sims":
        values["acc7"] = acc7_score(truth, prediction, sample_weight=sample_weight)
    return pd.Series(values, name=protocol, dtype=np.float64)
