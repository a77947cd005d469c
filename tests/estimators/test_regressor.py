"""The regressor: its neutral point and scale, weights, and predictions in the units of y."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import r2_score

from sklearn_tamulag.estimators.parameters import REGRESSION_LABELS
from tests.small_fits import STRICT, clips, regressor

X, Y = clips(24, missing=True)


@pytest.mark.parametrize(
    ("y", "neutral", "scale"),
    [
        ([-1.0, 0.0, 2.0, 1.0], 0.0, np.sqrt(6 / 4)),
        ([1.0, 3.0, 5.0, 7.0], 4.0, np.sqrt(20 / 4)),
        ([0.0, 2.0, 2.0, 0.0], 1.0, 1.0),
        ([-3.0, -3.0, -3.0, -3.0], -3.0, 1.0),
        ([0.0, 0.0, 0.0, 0.0], 0.0, 1.0),
    ],
    ids=["both signs", "positive", "from zero", "constant", "zero"],
)
def test_neutral_and_scale_by_hand(y, neutral, scale):
    target = regressor(max_epochs=1, early_stopping=False).fit(X[:4], y).net_.target
    assert target.neutral == neutral
    assert target.scale == pytest.approx(scale)


def test_neutral_and_scale_are_weighted():
    options = {"max_epochs": 1, "early_stopping": False}
    target = regressor(**options).fit(X[:3], [1.0, 5.0, 99.0], [3, 1, 0]).net_.target
    assert target.neutral == 2.0
    assert target.scale == pytest.approx(np.sqrt((3 * 1 + 9) / 4))
    # A row of weight zero is as if absent: its sign does not count.
    target = regressor(**options).fit(X[:3], [1.0, 5.0, -9.0], [3, 1, 0]).net_.target
    assert target.neutral == 2.0


def test_neutral_and_scale_that_the_user_gives():
    target = regressor(neutral=3, target_scale=0.5, max_epochs=1).fit(X, Y).net_.target
    assert (target.neutral, target.scale) == (3.0, 0.5)


@pytest.mark.parametrize("label_generation", REGRESSION_LABELS)
def test_it_learns(label_generation):
    options = {"max_epochs": 60, "lr": 0.02, "early_stopping": False, "dropout": 0}
    estimator = regressor(label_generation=label_generation, **options).fit(X, Y)
    assert estimator.score(X, Y) > 0.9
    losses = estimator.history_["train_loss"]
    assert losses.iloc[-1] < losses.iloc[0] / 2
    assert estimator.score(X, Y) == pytest.approx(r2_score(Y, estimator.predict(X)))


def test_predictions_are_float64_one_per_row():
    prediction = regressor().fit(X, Y).predict(X)
    assert prediction.shape == (24,)
    assert prediction.dtype == np.float64


@pytest.fixture(scope="module")
def straight():
    return regressor(**STRICT, max_epochs=8, lr=0.01).fit(X, Y)


@settings(max_examples=8)
@given(scale=st.floats(1e-3, 1e3), shift=st.floats(-1e3, 1e3))
def test_a_times_y_plus_b_predicts_the_same_in_its_units(straight, scale, shift):
    moved = regressor(**STRICT, max_epochs=8, lr=0.01, neutral=shift).fit(X, scale * Y + shift)
    tolerance = 1e-3 * scale * Y.std()
    expected = scale * straight.predict(X) + shift
    np.testing.assert_allclose(moved.predict(X), expected, atol=tolerance, rtol=0)
    np.testing.assert_allclose(
        moved.unimodal_labels_, scale * straight.unimodal_labels_ + shift, atol=tolerance, rtol=0
    )


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("scale", "shift"), [(1e-6, 0.0), (1e9, 0.0), (1e9, 7e9), (0.01, 1e4)])
@pytest.mark.parametrize("label_generation", ["calibrated", "ulgm", "ulag", "none"])
def test_extreme_units(precision, scale, shift, label_generation):
    options = {"precision": precision, "label_generation": label_generation, "max_epochs": 4}
    expected = scale * regressor(**options).fit(X, Y).predict(X) + shift
    moved = regressor(**options, neutral=shift).fit(X, scale * Y + shift)
    np.testing.assert_allclose(moved.predict(X), expected, atol=1e-3 * scale * Y.std(), rtol=0)


def test_integer_y():
    y = np.arange(24) % 7
    estimator = regressor(**STRICT).fit(X, y)
    np.testing.assert_array_equal(
        estimator.predict(X), regressor(**STRICT).fit(X, y.astype(float)).predict(X)
    )


def weighted_and_repeated(counts):
    rows = np.repeat(np.arange(24), counts)
    weighted = regressor(**STRICT, max_epochs=5).fit(X, Y, counts)
    return weighted, regressor(**STRICT, max_epochs=5).fit(X[rows], Y[rows]), rows


@settings(max_examples=6)
@given(counts=st.lists(st.integers(0, 3), min_size=24, max_size=24).filter(lambda c: sum(c) > 2))
def test_integer_weights_are_repetitions_and_zero_is_absence(counts):
    weighted, repeated, rows = weighted_and_repeated(np.array(counts))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), atol=1e-8)
    labels = weighted.unimodal_labels_.to_numpy()
    np.testing.assert_allclose(labels[rows], repeated.unimodal_labels_, atol=1e-8)
    assert np.isnan(labels[np.array(counts) == 0]).all()


def test_rows_of_weight_zero_are_not_held_out_either():
    weight = np.ones(24)
    weight[:12] = 0
    estimator = regressor(validation_fraction=0.25).fit(X, Y, weight)
    # Of 12 rows that are there, 3 are held out.
    assert estimator.unimodal_labels_["text"].notna().sum() == 9
    absent = regressor(validation_fraction=0.25).fit(X[12:], Y[12:])
    np.testing.assert_allclose(estimator.predict(X), absent.predict(X), atol=1e-6)


def test_equal_weights_of_any_size_change_nothing():
    expected = regressor(**STRICT).fit(X, Y).predict(X)
    for size in (0.01, 100.0):
        weighted = regressor(**STRICT).fit(X, Y, np.full(24, size))
        np.testing.assert_allclose(weighted.predict(X), expected, atol=1e-9)


def test_groups_stay_together():
    grouped, y = clips(24, groups=True)
    given = regressor(validation_fraction=0.25).fit(X, Y, groups=grouped.groups)
    carried = regressor(validation_fraction=0.25).fit(grouped, y)
    for estimator in (given, carried):
        held_out = estimator.unimodal_labels_["text"].isna().to_numpy()
        assert held_out.sum() == 6
        assert not set(grouped.groups[held_out]) & set(grouped.groups[~held_out])


def test_the_regressor_is_one():
    tags = regressor().__sklearn_tags__()
    assert tags.estimator_type == "regressor"
    assert tags.target_tags.required
    assert not regressor().fit(X, Y).__sklearn_tags__().target_tags.multi_output
