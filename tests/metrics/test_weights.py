"""Weights of rows in every score."""

import inspect

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error

from sklearn_tamulag import metrics
from sklearn_tamulag.metrics import (
    SCORERS,
    acc2_has0_score,
    acc7_score,
    corr_score,
    f1_nonzero_score,
    mae_score,
    sentiment_report,
    unimodal_label_report,
)

SCORES = [getattr(metrics, name) for name in metrics.__all__ if name.endswith("_score")]
WHOLE = st.lists(st.integers(-3, 3), min_size=6, max_size=6)


def rows(seed, n_rows=40):
    """Truth, predictions and weights, some of them zero."""
    random = np.random.default_rng(seed)
    truth = random.integers(-3, 4, n_rows).astype(float)
    weight = random.exponential(size=n_rows) * (random.random(n_rows) < 0.8)
    return truth, np.clip(truth + 2 * random.normal(size=n_rows), -3, 3), weight


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("seed", range(3))
def test_whole_weights_are_repeated_rows(score, seed):
    truth, prediction, _ = rows(seed)
    counts = np.random.default_rng(seed + 9).integers(0, 4, len(truth))
    weighted = score(truth, prediction, sample_weight=counts)
    repeated = score(np.repeat(truth, counts), np.repeat(prediction, counts))
    assert weighted == pytest.approx(repeated, rel=1e-12)
    assert weighted != score(truth, prediction)


@pytest.mark.parametrize("score", SCORES)
def test_no_power_of_two_of_the_weights_changes_a_bit(score):
    truth, prediction, weight = rows(0)
    expected = score(truth, prediction, sample_weight=weight)
    for exponent in (-900, -200, 200, 900):
        assert score(truth, prediction, sample_weight=np.ldexp(weight, exponent)) == expected


@pytest.mark.parametrize("score", SCORES)
def test_equal_weights_are_none(score):
    truth, prediction, _ = rows(1)
    weighted = score(truth, prediction, sample_weight=np.full(len(truth), 0.7))
    assert weighted == pytest.approx(score(truth, prediction), rel=1e-12)


def test_weighted_scores_are_those_of_scikit_learn():
    truth, prediction, weight = rows(2)
    options = {"sample_weight": weight}
    assert mae_score(truth, prediction, **options) == pytest.approx(
        mean_absolute_error(truth, prediction, **options), rel=1e-12
    )
    assert acc2_has0_score(truth, prediction, **options) == pytest.approx(
        accuracy_score(truth >= 0, prediction >= 0, **options)
    )
    assert acc7_score(truth, prediction, **options) == pytest.approx(
        accuracy_score(np.rint(truth), np.rint(prediction), **options)
    )
    kept = truth != 0
    assert f1_nonzero_score(truth, prediction, **options) == pytest.approx(
        f1_score(
            truth[kept] > 0, prediction[kept] > 0, average="weighted", sample_weight=weight[kept]
        )
    )
    covariance = np.cov(truth, prediction, aweights=weight)
    expected = covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1])
    assert corr_score(truth, prediction, **options) == pytest.approx(expected, rel=1e-12)


def test_rows_of_weight_zero_are_as_if_absent():
    assert np.isnan(corr_score([1.0, 1.0, 2.0], [1.0, 2.0, 3.0], sample_weight=[1, 1, 0]))
    with pytest.raises(ValueError, match="y_true holds zeros only"):
        f1_nonzero_score([0.0, 1.0], [1.0, 1.0], sample_weight=[1, 0])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ([1.0], "sample_weight must have one value per row, 2; got 1"),
        ([1.0, -1.0], "sample_weight must have no negative values"),
        ([0.0, 0.0], "a positive one"),
        ([1.0, np.nan], "sample_weight must be finite; row 1"),
    ],
)
def test_bad_weights(score, weight, message):
    with pytest.raises(ValueError, match=message):
        score([1.0, -1.0], [1.0, 1.0], sample_weight=weight)


@pytest.mark.parametrize(("protocol", "limit"), [("mosi", 3), ("sims", 1)])
def test_a_report_weighs_all_its_scores(protocol, limit):
    truth, prediction, weight = rows(3)
    truth, prediction = truth * limit / 3, prediction * limit / 3
    counts = np.ceil(weight).astype(int)
    weighted = sentiment_report(truth, prediction, protocol=protocol, sample_weight=counts)
    repeated = sentiment_report(
        np.repeat(truth, counts), np.repeat(prediction, counts), protocol=protocol
    )
    pd.testing.assert_series_equal(weighted, repeated)


def test_every_score_and_report_takes_weights():
    for name in metrics.__all__:
        if name.endswith(("_score", "_report")):
            assert "sample_weight" in inspect.signature(getattr(metrics, name)).parameters, name


@pytest.mark.parametrize("name", SCORERS)
def test_scorers_hand_weights_on(name):
    truth, prediction, weight = rows(4)
    truth[:2] = -1, 1

    class Fixed(DummyRegressor):
        def predict(self, X):
            return X[:, 0]

    model = Fixed().fit(prediction[:, None], truth)
    counts = np.ceil(weight).astype(int)
    weighted = SCORERS[name](model, prediction[:, None], truth, sample_weight=counts)
    repeated = SCORERS[name](
        model, np.repeat(prediction, counts)[:, None], np.repeat(truth, counts)
    )
    assert weighted == pytest.approx(repeated, rel=1e-12)


@given(labels=WHOLE, truth=WHOLE, counts=st.lists(st.integers(0, 2), min_size=6, max_size=6))
def test_agreement_of_labels_is_weighted(labels, truth, counts):
    if not any(counts):
        counts[0] = 1
    y = np.array(labels[::-1], dtype=float)
    tables = [pd.DataFrame({"text": values}, dtype=float) for values in (labels, truth)]
    weighted = unimodal_label_report(*tables, y=y, sample_weight=counts)
    index = np.repeat(np.arange(6), counts)
    repeated = [table.iloc[index].reset_index(drop=True) for table in tables]
    expected = unimodal_label_report(*repeated, y=y[index])
    scores = ["corr", "mae", "polarity", "y_corr", "y_mae", "y_polarity"]
    pd.testing.assert_frame_equal(weighted[scores], expected[scores])
    assert weighted.loc["text", "left_out"] == counts.count(0)
