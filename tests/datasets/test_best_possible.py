"""The best possible error: what can be computed by hand, and what no model may go below."""

import numpy as np
import pytest

from sklearn_tamulag.datasets import best_possible_error, make_multimodal_sentiment
from sklearn_tamulag.datasets._readings import reading_variances
from sklearn_tamulag.datasets._worlds import WORLDS

# Of a standard normal variable: the mean of its absolute value.
MEAN_ABSOLUTE = np.sqrt(2 / np.pi)
ONE = {"feature_sizes": {"text": 2}, "length_range": (1, 1)}


@pytest.mark.parametrize("world", sorted(WORLDS))
def test_nothing_is_left_where_cues_have_no_noise(world):
    for metric in ("mae", "sign"):
        error = best_possible_error(world, metric=metric, noise=0.0, n_samples=1000)
        assert error == pytest.approx(0, abs=0.006)


def test_one_cue_of_one_modality_by_hand():
    # t = 1.2 s is read once, with a deviation of .5 noise: the posterior of y has the variance
    # 1.44 v / (1 + v) with v = (.5 noise / 1.2) ** 2.
    for noise in (0.5, 1.0, 2.0):
        v = (0.5 * noise / 1.2) ** 2
        deviation = 1.2 * np.sqrt(v / (1 + v))
        mae = best_possible_error(noise=noise, n_samples=3000, **ONE)
        assert mae == pytest.approx(MEAN_ABSOLUTE * deviation, rel=0.04)
    rmse = best_possible_error(noise=2.0, metric="rmse", n_samples=3000, **ONE)
    assert rmse == pytest.approx(deviation, rel=0.04)
    # The signs of two normal variables of correlation r differ with probability acos(r) / pi.
    missed = best_possible_error(noise=2.0, metric="sign", n_samples=3000, **ONE)
    assert missed == pytest.approx(np.arccos(np.sqrt(1 / (1 + v))) / np.pi, rel=0.08)
    two = best_possible_error(noise=2.0, metric="zero_one", n_classes=2, n_samples=3000, **ONE)
    assert two == pytest.approx(missed, abs=0.01)


def test_noise_without_end_leaves_the_error_of_a_constant():
    for world in ("mean", "loudest"):
        y = make_multimodal_sentiment(3000, world=world, length_range=(2, 2), random_state=0).y
        error = best_possible_error(world, noise=1e6, n_samples=2000)
        assert error == pytest.approx(np.abs(y).mean(), rel=0.05)


def test_variances_of_readings_by_hand():
    arguments = dict(  # noqa: C408
        n=40,
        n_modalities=2,
        length_range=(3, 3),
        ordered=False,
        cue_density=1.0,
        difficulty=1.0,
        noise=1.2,
        correlation=0.0,
        missing_rate=0.0,
        random=np.random.RandomState(0),
    )
    # Three cues in three steps: noise of deviation 1.2 / (1.2 * 2) = 1 / 2, by three.
    np.testing.assert_allclose(reading_variances(**arguments), 1 / 12)
    # In order the middle one of three tells nothing.
    np.testing.assert_allclose(reading_variances(**arguments | {"ordered": True}), 1 / 8)
    # An autoregression that sums T values: c' R^-1 c = (T - (T - 2) r) / (1 + r), and here with
    # signs -1, 0, 1 and R^-1 = (1, -r, 0; -r, 1 + r^2, -r; 0, -r, 1) / (1 - r^2): 2 / (1 - r^2)
    r = 0.6
    correlated = reading_variances(**arguments | {"correlation": r})
    np.testing.assert_allclose(correlated, (1 + r) / (3 - r) / 4)
    correlated = reading_variances(**arguments | {"correlation": r, "ordered": True})
    np.testing.assert_allclose(correlated, (1 - r**2) / 2 / 4)
    assert set(np.unique(reading_variances(**arguments | {"noise": 0.0}))) == {1e-12}
    missing = reading_variances(**arguments | {"missing_rate": 0.9})
    assert (missing.min(axis=1) < 1).all()
    assert (missing == 1e12).any()


def test_what_lies_between_the_cues_tells_of_correlated_noise():
    def error(**arguments):
        return best_possible_error(n_samples=500, **arguments)

    assert error(noise_correlation=1e-9) == pytest.approx(error(), rel=1e-6)
    quiet = error(noise_correlation=0.9, difficulty=0.0)
    assert quiet < 0.6 * error()
    assert quiet < error(noise_correlation=0.9, difficulty=0.5)


def test_less_to_read_is_more_error():
    def error(**arguments):
        return best_possible_error(n_samples=1000, **arguments)

    whole = error()
    assert error() == whole
    assert error(missing_rate=0.5) > 2 * whole
    assert error(cue_density=0.05) > 1.2 * whole
    assert error(random_state=1) != whole


def test_an_oracle_that_averages_the_cues_comes_next():
    """The data hold what the estimate says: the mean of the cues, along the known axis."""
    data = make_multimodal_sentiment(4000, feature_sizes={"text": 3}, random_state=0)
    x, cue, truth = data.X.arrays["text"], data.cues["text"], data.y
    means = (x * cue[..., np.newaxis]).sum(axis=1) / cue.sum(axis=1, keepdims=True)
    design = np.c_[np.ones(len(means)), means]
    predicted = design @ np.linalg.lstsq(design, truth, rcond=None)[0]
    best = best_possible_error(feature_sizes={"text": 3}, n_samples=4000)
    # that of 4000 rows is known to 2 %
    assert 0.96 * best < np.abs(truth - predicted).mean() < 1.1 * best


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"world": "other"}, "'world' parameter of best_possible_error.*'sarcasm'"),
        ({"metric": "mse"}, "'metric' parameter.*'zero_one'"),
        ({"metric": "zero_one"}, 'n_classes must be given where metric is "zero_one"'),
        ({"noise": -1.0}, "'noise' parameter"),
        ({"noise_correlation": 1.0}, "'noise_correlation' parameter"),
        ({"n_samples": 0}, "'n_samples' parameter"),
        ({"world": "loudest", "feature_sizes": {"text": 2}}, "feature_sizes must have at least 2"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        best_possible_error(**arguments)
