"""Row weights in every unit, and class weights that know of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from sklearn_tamulag.training.objective.classes import class_weights
from sklearn_tamulag.training.objective.weights import in_one_unit, read_weights
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(24)
CLASSES = three_classes(Y)
WEIGHT = np.random.default_rng(0).exponential(size=24)


@given(
    weight=st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=5), exponent=st.integers(-200, 200)
)
def test_one_unit_for_all_powers_of_two(weight, exponent):
    expected = in_one_unit(np.array(weight))
    np.testing.assert_array_equal(in_one_unit(np.ldexp(weight, exponent)), expected)
    assert 1 <= expected.max() < 2
    np.testing.assert_array_equal(expected / expected.max(), np.divide(weight, max(weight)))


def test_ones_stay_ones_and_no_weight_vanishes():
    assert read_weights("sample_weight", None, 3).tolist() == [1, 1, 1]
    assert read_weights("sample_weight", [0, 1e-200, 1], 3).tolist() == [0, 2.0**-100, 1]


@pytest.mark.parametrize("build", [regressor, classifier])
def test_fits_are_equal_at_every_scale_of_the_weights(build):
    y = Y if build is regressor else CLASSES
    options = {"class_weight": "balanced"} if build is classifier else {}
    expected = build(max_epochs=3, **options).fit(X, y, WEIGHT)
    for exponent in (-200, -3, 200):
        fitted = build(max_epochs=3, **options).fit(X, y, np.ldexp(WEIGHT, exponent))
        np.testing.assert_array_equal(fitted.transform(X), expected.transform(X))
        np.testing.assert_array_equal(fitted.unimodal_labels_, expected.unimodal_labels_)
        columns = [name for name in expected.history_ if name != "dur"]
        np.testing.assert_array_equal(fitted.history_[columns], expected.history_[columns])


def test_rows_that_hardly_weigh_anything_do_not_stop_a_fit():
    weight = np.where(np.arange(24) < 12, 1.0, 1e-250)
    fitted = regressor(max_epochs=2, batch_size=1).fit(X, Y, weight)
    assert np.isfinite(fitted.predict(X)).all()


@pytest.mark.parametrize("name", ["sample_weight", "sample_weight_val"])
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(24), "must have a positive value|at least one non-zero"),
        (np.full(24, -1.0), "Negative values in data passed to|negative"),
        (np.full(24, np.nan), "contains NaN"),
        (np.ones(3), r"shape"),
    ],
)
def test_bad_weights_are_named(name, weight, message):
    with pytest.raises(ValueError, match=message) as raised:
        regressor().fit(X, Y, X_val=X, y_val=Y, **{name: weight})
    assert name in str(raised.value)


def test_weights_of_validation_rows_need_such_rows():
    with pytest.raises(ValueError, match="sample_weight_val was given without X_val and y_val"):
        regressor().fit(X, Y, sample_weight_val=np.ones(24))


@given(
    counts=st.lists(st.integers(0, 3), min_size=6, max_size=6).filter(lambda c: any(c[:3])),
)
def test_balanced_weights_count_a_row_of_weight_two_as_two_rows(counts):
    classes, weight = np.array([0, 1, 0, 1, 1, 2]), np.array(counts, dtype=float)
    index = np.repeat(np.arange(6), counts)
    expected = np.zeros(6)
    repeated = compute_sample_weight("balanced", classes[index])
    np.add.at(expected, index, repeated)
    product = class_weights(classes, weight, "balanced")
    np.testing.assert_allclose(product, expected)
    masses = [product[classes == name].sum() for name in set(classes[index])]
    np.testing.assert_allclose(masses, masses[0])


def test_class_weights_learned_elsewhere():
    learned = np.array(["a", "a", "b"]), np.array([1.0, 1.0, 4.0])
    here = np.array(["b", "a", "c"]), np.array([2.0, 1.0, 1.0])
    np.testing.assert_allclose(class_weights(*here, "balanced", learned), [1.5, 1.5, 1.0])
    weights = {"a": 2.0, "b": 3.0}
    np.testing.assert_allclose(class_weights(*here, weights, learned), [6.0, 2.0, 1.0])


def weighted_loss(fitted, data, y, weight):
    """Mean multimodal loss of some rows in the units of the history."""
    if hasattr(fitted, "classes_"):
        columns = np.searchsorted(fitted.classes_, y)
        losses = -fitted.predict_log_proba(data)[np.arange(len(y)), columns]
    else:
        losses = np.abs(fitted.predict(data) - y) / fitted.net_.target.scale
    return np.average(losses, weights=weight)


@pytest.mark.parametrize("class_weight", ["balanced", {"down": 20.0, "up": 0.5, "flat": 1.0}])
def test_class_weights_weigh_held_out_rows_and_x_val_alike(class_weight):
    params = {"max_epochs": 3, "class_weight": class_weight, "random_state": 1}
    weight = np.linspace(0.5, 2, 24)
    product = class_weights(CLASSES, weight, class_weight)
    inside = classifier(**params).fit(X, CLASSES, weight)
    held = inside.unimodal_labels_.isna().all(axis=1).to_numpy()
    assert inside.history_.valid_loss[inside.best_iter_] == pytest.approx(
        weighted_loss(inside, X[held], CLASSES[held], product[held]), rel=1e-5
    )
    options = {"X_val": X[held], "y_val": CLASSES[held], "sample_weight_val": weight[held]}
    outside = classifier(**params).fit(X, CLASSES, weight, **options)
    assert outside.history_.valid_loss[outside.best_iter_] == pytest.approx(
        weighted_loss(outside, X[held], CLASSES[held], product[held]), rel=1e-5
    )


def test_validation_rows_are_weighted_and_those_of_weight_zero_are_as_if_absent():
    X_val, y_val = clips(9, seed=1)
    weight = np.array([0.0, 1, 2, 3, 0, 1, 1, 1, 5])
    fitted = regressor(max_epochs=3).fit(
        X, Y, X_val=X_val, y_val=y_val, sample_weight_val=weight * 2.0**-200
    )
    assert fitted.history_.valid_loss[fitted.best_iter_] == pytest.approx(
        weighted_loss(fitted, X_val, y_val, weight), rel=1e-5
    )
    kept = np.flatnonzero(weight)
    options = {"X_val": X_val[kept], "y_val": y_val[kept], "sample_weight_val": weight[kept]}
    same = regressor(max_epochs=3).fit(X, Y, **options)
    np.testing.assert_array_equal(fitted.predict(X), same.predict(X))


def test_class_weights_that_leave_no_validation_row():
    weights = {"down": 0.0, "flat": 1.0, "up": 1.0}
    rows = np.flatnonzero(CLASSES == "down")
    with pytest.raises(ValueError, match="class_weight leaves no row of X_val"):
        classifier(class_weight=weights).fit(X, CLASSES, X_val=X[rows], y_val=CLASSES[rows])
