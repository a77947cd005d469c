"""The published definitions on hand-computed rows, their edges, and what bad input says."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import cross_validate

from sklearn_tamulag import metrics
from sklearn_tamulag.metrics import (
    SCORERS,
    acc2_has0_score,
    acc2_nonzero_score,
    acc2_sims_score,
    acc3_score,
    acc5_score,
    acc7_score,
    corr_score,
    f1_has0_score,
    f1_nonzero_score,
    f1_sims_score,
    mae_score,
    sentiment_report,
)

ALL_SCORES = [
    acc2_has0_score,
    acc2_nonzero_score,
    acc2_sims_score,
    acc3_score,
    acc5_score,
    acc7_score,
    corr_score,
    f1_has0_score,
    f1_nonzero_score,
    f1_sims_score,
    mae_score,
]


def every_pair(score, values, **options):
    """Return the classes that a score tells apart, as the matrix of equal pairs."""
    return np.array([[score([a], [b], **options) for b in values] for a in values])


def same_class(*classes):
    """Return the matrix of equal pairs for given class numbers."""
    return np.equal.outer(classes, classes).astype(float)


def test_where_zero_stands_in_each_binary_accuracy():
    values = [-0.5, -0.0, 0.0, 0.5]
    np.testing.assert_array_equal(every_pair(acc2_has0_score, values), same_class(0, 1, 1, 1))
    np.testing.assert_array_equal(every_pair(acc2_sims_score, values), same_class(0, 0, 0, 1))
    assert acc2_nonzero_score([-0.5, 0.5], [0.0, 0.0]) == 0.5


def test_nonzero_drops_true_zeros_only():
    assert acc2_nonzero_score([0.0, 0.0, 1.0], [5.0, -5.0, 0.1]) == 1.0
    assert f1_nonzero_score([0.0, 0.0, 1.0], [5.0, -5.0, 0.1]) == 1.0


def test_has0_falls_off_a_cliff_where_nonzero_does_not():
    y_true = np.array([-1.0, 0.0, 0.0, 0.0, 2.0])
    assert acc2_has0_score(y_true, y_true) == 1.0
    assert acc2_has0_score(y_true, y_true - 0.01) == pytest.approx(0.4)
    assert acc2_nonzero_score(y_true, y_true - 0.01) == 1.0


def test_acc7_rounds_half_to_even_and_clips():
    values = [-9.0, -3.0, -2.5, -1.5, -0.5, 0.0, 0.5, 1.5, 2.5, 2.51, 9.0]
    classes = [-3, -3, -2, -2, 0, 0, 0, 2, 2, 3, 3]
    np.testing.assert_array_equal(every_pair(acc7_score, values), same_class(*classes))


@pytest.mark.parametrize("protocol", ["mosi", "mosei"])
def test_acc5_and_acc3_round_half_to_even_and_clip(protocol):
    values = [-3.0, -1.5, -1.49, -0.5, 0.5, 0.51, 1.5, 2.5]
    np.testing.assert_array_equal(
        every_pair(acc5_score, values, protocol=protocol), same_class(-2, -2, -1, 0, 0, 1, 2, 2)
    )
    np.testing.assert_array_equal(
        every_pair(acc3_score, values, protocol=protocol), same_class(-1, -1, -1, 0, 0, 1, 1, 1)
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sims_edges_belong_to_the_class_below(dtype):
    values = np.array([-2.0, -1.0, -0.7, -0.69, -0.1, -0.09, 0.1, 0.11, 0.7, 0.71, 1.0, 2.0], dtype)
    np.testing.assert_array_equal(
        every_pair(acc5_score, values, protocol="sims"),
        same_class(0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4),
    )
    np.testing.assert_array_equal(
        every_pair(acc3_score, values), same_class(0, 0, 0, 0, 0, 1, 1, 2, 2, 2, 2, 2)
    )


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("n_classes", "edges"), [(3, [-0.1, 0.1]), (5, [-0.7, -0.1, 0.1, 0.7])])
def test_sims_edges_hold_to_the_last_bit_of_either_precision(dtype, n_classes, edges):
    score = {3: acc3_score, 5: acc5_score}[n_classes]
    for edge in np.array(edges, dtype):
        below, above = np.nextafter(edge, dtype(-2)), np.nextafter(edge, dtype(2))
        same = every_pair(score, np.array([below, edge, above]), protocol="sims")
        np.testing.assert_array_equal(same, same_class(0, 0, 1))


def test_sims_edges_of_truth_and_prediction_in_different_precision():
    y_true = np.array([-0.7, -0.1, 0.1, 0.7])
    assert acc5_score(y_true, y_true.astype(np.float32), protocol="sims") == 1.0
    assert acc3_score(y_true.astype(np.float32), y_true) == 1.0


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_halves_are_ties_to_the_last_bit(dtype):
    for half, even in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2)]:
        up, down = (np.nextafter(dtype(half), dtype(end)) for end in (9, -9))
        assert acc7_score([dtype(half)], [dtype(even)]) == 1.0
        assert acc7_score([up], [dtype(np.ceil(half))]) == 1.0
        assert acc7_score([down], [dtype(np.floor(half))]) == 1.0
        if abs(half) < 2:
            assert acc5_score([dtype(half)], [dtype(even)]) == 1.0


def test_weighted_f1_by_hand():
    # Class < 0: precision 1, recall 1/3, F1 1/2, true 3 times; class >= 0: 1/3, 1, 1/2, once.
    assert f1_has0_score([-1, -1, -1, 0], [-1, 0, 1, 1]) == pytest.approx(0.5)
    # Class <= 0: precision 1/2, recall 1, F1 2/3, once; class > 0: 1, 2/3, 4/5, 3 times.
    assert f1_nonzero_score([-1, 1, 2, 3], [0, 0, 1, 1]) == pytest.approx((2 / 3 + 3 * 4 / 5) / 4)
    assert f1_sims_score([-1, 0, 0.2, 1], [-1, 0.1, 0.1, 1]) == pytest.approx((2 / 3 + 4 / 5) / 2)


def test_weighted_f1_weighs_by_truth_not_by_prediction():
    y_true, y_pred = np.array([-1, -1, -1, 1.0]), np.array([-1, -1, 1, 1.0])
    turned_round = f1_score(y_pred >= 0, y_true >= 0, average="weighted")
    assert f1_has0_score(y_true, y_pred) != pytest.approx(turned_round)


def test_f1_with_a_class_that_is_never_true_is_silent():
    assert f1_has0_score([1, 2, 3, 4], [1, 2, 3, -4]) == pytest.approx(6 / 7)
    assert f1_has0_score([1, 1], [-1, -1]) == 0.0


def test_corr_agrees_with_numpy_and_is_undefined_for_constants():
    generator = np.random.default_rng(0)
    y_true, y_pred = generator.normal(size=(2, 50))
    assert corr_score(y_true, y_pred) == pytest.approx(np.corrcoef(y_true, y_pred)[0, 1])
    assert math.isnan(corr_score([0.1] * 3, [1, 2, 3]))
    assert math.isnan(corr_score([1, 2, 3], [0.1] * 3))
    assert math.isnan(corr_score([1], [2]))


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1.7e308])
def test_corr_of_any_scale_neither_overflows_nor_vanishes(scale):
    assert corr_score([-scale, 0.5 * scale, scale], [1, -0.5, -1]) == pytest.approx(-1.0)


def test_corr_tells_adjacent_floats_from_a_constant():
    assert corr_score([1.0, 1.0, np.nextafter(1.0, 2.0)], [0, 0, 1]) == pytest.approx(1.0)


def test_mae_by_hand():
    assert mae_score([-1, 0, 2], [-2, 0, 0]) == 1.0
    assert mae_score([1.5], [1.5]) == 0.0


def test_report_of_mosi_and_mosei():
    y_true, y_pred = [-3, -0.5, 0, 1.5, 2.5], [-4, 0.5, -0.2, 1.0, 2.0]
    report = sentiment_report(y_true, y_pred, protocol="mosi")
    assert report.name == "mosi"
    assert report.dtype == np.float64
    expected = {
        "mae": (1 + 1 + 0.2 + 0.5 + 0.5) / 5,
        "corr": np.corrcoef(y_true, y_pred)[0, 1],
        "acc2_has0": 3 / 5,
        "f1_has0": (2 * 0.5 + 3 * 2 / 3) / 5,
        "acc2_nonzero": 3 / 4,
        "f1_nonzero": (2 * 2 / 3 + 2 * 4 / 5) / 4,
        "acc3": 1.0,
        "acc5": 4 / 5,
        "acc7": 4 / 5,
    }
    pd.testing.assert_series_equal(report, pd.Series(expected, name="mosi"))
    mosei = sentiment_report(y_true, y_pred, protocol="mosei")
    pd.testing.assert_series_equal(mosei, report, check_names=False)


def test_report_of_sims_clips_predictions_first():
    y_true, y_pred = [-1.0, -0.2, 0.0, 0.4, 1.0], [-1.5, -0.1, 0.1, 0.8, 3.0]
    report = sentiment_report(y_true, y_pred, protocol="sims")
    clipped = np.clip(y_pred, -1, 1)
    expected = {
        "mae": 0.12,
        "corr": np.corrcoef(y_true, clipped)[0, 1],
        "acc2": 4 / 5,
        "f1": (3 * 4 / 5 + 2 * 4 / 5) / 5,
        "acc3": 1.0,
        "acc5": 4 / 5,
    }
    pd.testing.assert_series_equal(report, pd.Series(expected, name="sims"))


halves = st.integers(-8, 8).map(lambda whole: whole / 2)
rows = st.lists(st.tuples(halves, st.floats(-5, 5)), min_size=2, max_size=40)


@pytest.mark.parametrize("score", ALL_SCORES)
@given(rows=rows, order=st.randoms(use_true_random=False))
def test_every_score_is_exact_under_permutation(score, rows, order):
    rows = [*rows, (1.0, 0.3)]
    shuffled = list(rows)
    order.shuffle(shuffled)
    before, after = score(*zip(*rows, strict=True)), score(*zip(*shuffled, strict=True))
    assert before == after or (math.isnan(before) and math.isnan(after))


@pytest.mark.parametrize("score", ALL_SCORES)
@given(values=st.lists(st.floats(-5, 5), min_size=1, max_size=30))
def test_a_perfect_prediction_is_perfect(score, values):
    values = [-1.0, *values, 1.0]
    assert score(values, values) == pytest.approx(0.0 if score is mae_score else 1.0)


@given(rows=rows)
def test_finer_classes_never_score_higher(rows):
    y_true, y_pred = zip(*rows, strict=True)
    fine, middle = acc7_score(y_true, y_pred), acc5_score(y_true, y_pred)
    coarse = acc3_score(y_true, y_pred, protocol="mosi")
    assert fine <= middle <= coarse


@pytest.mark.parametrize("score", ALL_SCORES)
def test_inputs_of_many_kinds_give_one_result(score):
    y_true, y_pred = [-2, 0, 1, 3], [-1, 1, -1, 2]
    expected = score(y_true, y_pred)
    assert isinstance(expected, float)
    assert score(np.array(y_true, np.float32), pd.Series(y_pred, index=[7, 1, 4, 0])) == expected
    assert score(np.array(y_true, object), np.array(y_pred, np.int8)) == expected


@pytest.mark.parametrize("score", ALL_SCORES)
@pytest.mark.parametrize(
    ("y_true", "y_pred", "error", "message"),
    [
        ([1.0, 2.0], [1.0], ValueError, "same length; got 2 and 1 rows"),
        ([], [], ValueError, "at least one row"),
        ([[1.0], [2.0]], [1.0, 2.0], ValueError, r"y_true .*one-dimensional.*\(2, 1\)"),
        ([1.0, 2.0], [[1.0], [2.0, 3.0]], ValueError, "y_pred .*one-dimensional"),
        ([1.0, 2.0], [1.0, math.nan], ValueError, "y_pred must be finite; row 1 is nan"),
        ([-math.inf, 2.0], [1.0, 1.0], ValueError, "y_true must be finite; row 0 is -inf"),
        ([1.0, 2.0], ["good", "bad"], TypeError, "y_pred must hold real numbers"),
        ([1.0, 2.0], [1.0, {}], TypeError, "y_pred must hold real numbers"),
        ([1j, 2.0], [1.0, 2.0], TypeError, "y_true must hold real numbers; got dtype complex"),
    ],
)
def test_bad_input_names_the_argument(score, y_true, y_pred, error, message):
    with pytest.raises(error, match=message):
        score(y_true, y_pred)


@pytest.mark.parametrize("score", [acc2_nonzero_score, f1_nonzero_score])
def test_nothing_left_after_dropping_zeros(score):
    with pytest.raises(ValueError, match=r"y_true holds zeros only \(2 rows\)"):
        score([0.0, -0.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("protocol", "y_true", "message"),
    [
        ("mosi", [1.0, 3.5, -4.0], r"\[-3, 3\].*\"mosi\"; row 1 is 3.5 \(2 such rows\)"),
        ("mosei", [1.0, -3.1, 0.0], r"\[-3, 3\].*\"mosei\"; row 1"),
        ("sims", [1.0, 0.0, 2.0], r"\[-1, 1\].*\"sims\"; row 2"),
    ],
)
def test_labels_outside_the_range_of_a_protocol(protocol, y_true, message):
    with pytest.raises(ValueError, match=message):
        sentiment_report(y_true, [0.0, 0.0, 0.0], protocol=protocol)


@pytest.mark.parametrize("score", [acc3_score, acc5_score, sentiment_report])
@pytest.mark.parametrize("protocol", ["iemocap", "MOSI", None, ["mosi"]])
def test_unknown_protocol_names_the_known_ones(score, protocol):
    with pytest.raises(ValueError, match=r"protocol must be one of \['mosi', 'mosei', 'sims'\]"):
        score([1.0], [1.0], protocol=protocol)


def test_scorers_rank_models_and_match_their_scores():
    generator = np.random.default_rng(1)
    X = generator.normal(size=(60, 2))
    y = np.clip(np.round(X[:, 0] + 0.5, 1), -1, 1)
    model = LinearRegression().fit(X, y)
    worst = DummyRegressor(strategy="constant", constant=-1).fit(X, y)
    for name, scorer in SCORERS.items():
        assert scorer is getattr(metrics, f"{name}_scorer")
        # The correlation of a constant is undefined, so no score stands below it.
        assert name == "corr" or scorer(model, X, y) > scorer(worst, X, y)
    assert SCORERS["neg_mae"](model, X, y) == -mae_score(y, model.predict(X))
    assert SCORERS["acc5_sims"](model, X, y) == acc5_score(y, model.predict(X), protocol="sims")
    assert SCORERS["corr"](model, X, y) == corr_score(y, model.predict(X))


def test_scorers_serve_cross_validation():
    X = np.linspace(-1, 1, 30).reshape(-1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        results = cross_validate(LinearRegression(), X, X[:, 0] * 2, scoring=SCORERS, cv=3)
    assert results["test_acc2_nonzero"].tolist() == [1.0, 1.0, 1.0]
    assert {f"test_{name}" for name in SCORERS} <= set(results)


def test_every_public_name_is_there():
    assert all(hasattr(metrics, name) for name in metrics.__all__)
    assert sorted(metrics.__all__) == metrics.__all__
