"""The worlds of the generated data: what y is in each, and what their sequences show."""

import numpy as np
import pytest

from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.datasets._worlds import WORLDS

# What version 0.1.0, which knew no worlds, generated for four rows.
DEFAULT_Y = [1.4839619892569444, -0.5315247877301751, -0.06693246032470991, -0.25454151373197764]
DEFAULT_AUDIO = [1.4362113234434686, 0.46815048289893846, -0.11771469419457127, 0.1398096089935469]
DEFAULT_LENGTHS = {"text": [0, 0, 3, 2], "audio": [5, 2, 4, 3], "vision": [0, 3, 2, 0]}
DEFAULT_CUES = [7, 11]
DEFAULT_SUMS = [-3.623819163418375, -0.5111671984195709, -8.925599627196789]


def world(name, n=1500, **arguments):
    arguments = {"length_range": (2, 6), **arguments}
    return make_multimodal_sentiment(n, world=name, random_state=0, **arguments)


def explained(y, *columns):
    """The share of y's variance that a linear function of columns tells."""
    design = np.column_stack([np.ones(len(y)), *columns])
    residual = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return 1 - residual.var() / y.var()


def shown(data, name):
    """What the cues show along the axis of the sentiment, (n, T), 0 between them."""
    x, cue = data.X.arrays[name].astype(np.float64), data.cues[name]
    truth = np.broadcast_to(data.unimodal_labels[name].to_numpy()[:, np.newaxis], cue.shape)
    last = cue & (cue[:, ::-1].cumsum(axis=1)[:, ::-1] == 1)
    # The last cue shows the sentiment in every world; twice of it, along the axis.
    axis = np.linalg.lstsq(truth[last][:, np.newaxis], x[last] - x[cue].mean(axis=0), rcond=None)[0]
    return x @ axis[0] / 4 * cue


def test_the_default_is_what_it_was():
    data = make_multimodal_sentiment(4, random_state=7, missing_rate=0.2, length_range=(2, 5))
    np.testing.assert_allclose(data.y, DEFAULT_Y, rtol=1e-12)
    np.testing.assert_allclose(data.unimodal_labels["audio"], DEFAULT_AUDIO, rtol=1e-12)
    assert {name: lengths.tolist() for name, lengths in data.X.lengths.items()} == DEFAULT_LENGTHS
    assert np.flatnonzero(data.cues["vision"]).tolist() == DEFAULT_CUES
    sums = [float(array.sum(dtype=np.float64)) for array in data.X.arrays.values()]
    np.testing.assert_allclose(sums, DEFAULT_SUMS, rtol=1e-5)


@pytest.mark.parametrize("name", ["dominant", "loudest", "sarcasm"])
def test_y_alone_differs_from_the_default(name):
    data, default = world(name, n=30), world("mean", n=30)
    assert data.X == default.X
    assert data.unimodal_labels.equals(default.unimodal_labels)
    assert not np.allclose(data.y, default.y)
    assert np.abs(data.y).max() <= 3


@pytest.mark.parametrize("agreement", [0.0, 0.6])
def test_one_modality_dominates(agreement):
    data = world("dominant", agreement=agreement)
    truth = data.unimodal_labels
    assert explained(data.y, truth["text"]) == pytest.approx(0.85, abs=0.02)
    assert explained(data.y, truth) > 0.99
    for name in ("audio", "vision"):
        assert explained(data.y, truth[name]) < 0.7


def test_the_loudest_modality_decides():
    data = world("loudest")
    truth = data.unimodal_labels.to_numpy()
    strongest = np.abs(truth).argmax(axis=1)
    np.testing.assert_array_equal(data.y, truth[np.arange(1500), strongest])
    assert np.bincount(strongest).min() > 450


def test_a_sour_voice_turns_the_text_round():
    data = world("sarcasm", agreement=0.0)
    text, voice = data.unimodal_labels["text"], data.unimodal_labels["audio"]
    sour = voice < -0.5 * 1.2
    np.testing.assert_array_equal(data.y, np.where(sour, -text, text))
    assert sour.mean() == pytest.approx(0.309, abs=0.03)
    assert explained(data.y, data.unimodal_labels) < 0.25
    assert explained(data.y, text * sour, text * ~sour) > 0.99


def test_order_alone_tells_the_sign():
    data = world("order", length_range=(4, 12))
    default = world("mean", length_range=(4, 12))
    np.testing.assert_array_equal(data.y, default.y)
    for name in data.X.modalities:
        truth, cue = data.unimodal_labels[name].to_numpy(), data.cues[name]
        n_cues = cue.sum(axis=1)
        assert n_cues.min() == 2
        values = shown(data, name)
        place = cue.cumsum(axis=1) * cue
        first = (values * ((place > 0) & (place <= (n_cues // 2)[:, np.newaxis]))).sum(axis=1)
        last = (values * (place > ((n_cues + 1) // 2)[:, np.newaxis])).sum(axis=1)
        expected = truth * (n_cues // 2)
        assert np.corrcoef(first, -expected)[0, 1] > 0.9
        assert np.corrcoef(last, expected)[0, 1] > 0.9
        assert abs(np.corrcoef(first + last, truth)[0, 1]) < 0.06
    means = [data.X.arrays[m].sum(axis=1) / data.X.lengths[m][:, None] for m in data.X.modalities]
    products = [np.square(mean) for mean in means]
    assert explained(data.y, *means, *products) < 0.05


def test_the_steps_of_order_show_the_default_reversed():
    """Reversed in time, every cue shows the opposite: the multiset of the steps tells no sign."""
    data = world("order", n=400, noise=0.0, difficulty=0.0, length_range=(9, 9))
    for name in data.X.modalities:
        x, cue = data.X.arrays[name], data.cues[name]
        centred = x[cue] - x[cue].mean(axis=0)
        # one axis is left, on which the K cues of a row read -t .. -t, (0,) t .. t
        assert np.linalg.matrix_rank(centred, tol=1e-2) == 1
        for row in range(0, 400, 40):
            values = (x[row][cue[row]] - x[cue].mean(axis=0)).astype(np.float64)
            np.testing.assert_allclose(values, -values[::-1], atol=0.2)


def test_noise_may_correlate_in_time():
    for correlation in (0.0, 0.7):
        data = world(
            "mean",
            400,
            length_range=(10, 40),
            cue_density=1e-6,
            noise_correlation=correlation,
            noise=0.5,
        )
        x, cue = data.X.arrays["vision"].astype(np.float64), data.cues["vision"]
        valid = data.X.mask("vision")
        both = valid[:, 1:] & ~cue[:, 1:] & ~cue[:, :-1]
        now, before = x[:, 1:][both], x[:, :-1][both]
        lagged = (now * before).mean(axis=0) / (now**2).mean(axis=0)
        np.testing.assert_allclose(lagged, correlation, atol=0.06)
        # noise of each of twelve features, and the meaningless values along one axis
        total = np.square(x[valid & ~cue]).sum(axis=1).mean()
        assert total == pytest.approx(12 * 0.5**2 + 2.5**2, rel=0.05)


def test_without_noise_steps_between_cues_are_empty():
    data = world("mean", 20, noise=0.0, difficulty=0.0)
    for name in data.X.modalities:
        assert (data.X.arrays[name][~data.cues[name]] == 0).all()


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_every_world_takes_every_other_parameter(name):
    data = world(
        name,
        60,
        feature_sizes={"pulse": 2, "gaze": 3},
        length_range=(2, 4),
        missing_rate=0.4,
        n_classes=3,
        noise_correlation=0.5,
    )
    assert np.bincount(data.y).tolist() == [20, 20, 20]
    assert set(np.unique(data.unimodal_labels)) <= {0, 1, 2}
    assert data.X.present.any(axis=1).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"world": "other"}, r"'world' parameter.*'dominant'.*Got 'other'"),
        ({"world": None}, "'world' parameter"),
        ({"noise": -0.1}, "'noise' parameter"),
        ({"noise": float("nan")}, "'noise' parameter"),
        ({"noise_correlation": 1.0}, r"'noise_correlation' parameter.*\[0.0, 1.0\)"),
        ({"noise_correlation": -0.1}, "'noise_correlation' parameter"),
        ({"world": "order", "length_range": (1, 4)}, r"length_range must begin at 2.*\(1, 4\)"),
        ({"world": "dominant", "agreement": 0.7}, "agreement must be at most 0.6.*'dominant'.*0.7"),
        *(
            ({"world": name, "feature_sizes": {"text": 2}}, rf"at least 2.*'{name}', got \['text'")
            for name in ("dominant", "loudest", "sarcasm")
        ),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        make_multimodal_sentiment(10, **arguments)
