"""The generated data: what it promises about cues, sentiments, lengths and difficulty."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeCV

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.datasets import make_multimodal_sentiment


@pytest.fixture(scope="module")
def data():
    return make_multimodal_sentiment(2000, random_state=0)


def pooled(X):
    parts = [X.arrays[m].sum(axis=1) / X.lengths[m][:, np.newaxis] for m in X.modalities]
    return np.concatenate(parts, axis=1)


def test_rows_agree_and_are_named(data):
    assert isinstance(data.X, MultimodalData)
    assert len(data.X) == len(data.y) == len(data.unimodal_labels) == 2000
    assert data.X.ids.tolist() == data.ids.tolist() == data.unimodal_labels.index.tolist()
    assert len(set(data.ids)) == 2000
    assert all(name.split("$_$")[0] == g for name, g in zip(data.ids, data.groups, strict=True))
    assert pd.Series(data.groups).value_counts().eq(20).all()


@pytest.mark.parametrize("seed", range(5))
def test_defaults_are_as_hard_as_promised(seed):
    data = make_multimodal_sentiment(2000, random_state=seed)
    x = pooled(data.X)
    ridge = RidgeCV(np.logspace(-2, 4, 13)).fit(x[:1000], data.y[:1000])
    assert 0.4 <= ridge.score(x[1000:], data.y[1000:]) <= 0.6
    for name in data.X.modalities:
        assert 0.75 <= np.corrcoef(data.y, data.unimodal_labels[name])[0, 1] <= 0.95


def test_lengths_padding_and_cues(data):
    for name in data.X.modalities:
        lengths, cue = data.X.lengths[name], data.cues[name]
        assert (lengths.min(), lengths.max()) == (10, 40)
        valid = data.X.mask(name)
        assert not (cue & ~valid).any()
        assert cue.any(axis=1).all()
        assert cue.sum() / valid.sum() == pytest.approx(1 / 6, abs=0.01)
        assert (data.X.arrays[name][~valid] == 0).all()


def test_only_cue_steps_show_the_sentiment(data):
    for name in data.X.modalities:
        x, cue = data.X.arrays[name], data.cues[name]
        truth = np.broadcast_to(data.unimodal_labels[name].to_numpy()[:, np.newaxis], cue.shape)
        slope = np.linalg.lstsq(truth[cue][:, np.newaxis], x[cue], rcond=None)[0]
        assert np.linalg.norm(slope) == pytest.approx(2, abs=0.15)
        other = data.X.mask(name) & ~cue
        slope = np.linalg.lstsq(truth[other][:, np.newaxis], x[other], rcond=None)[0]
        assert np.linalg.norm(slope) < 0.1


def test_y_is_the_mean_sentiment_in_the_fields_range(data):
    assert data.y.dtype == np.float64
    assert np.abs(data.y).max() <= 3
    assert data.y.std() == pytest.approx(1.2, abs=0.06)
    assert np.corrcoef(data.y, data.unimodal_labels.mean(axis=1))[0, 1] > 0.99


def test_agreement_is_the_correlation_between_modalities():
    for agreement in (0.0, 0.3, 1.0):
        truth = make_multimodal_sentiment(
            4000, agreement=agreement, length_range=(1, 1), random_state=1
        ).unimodal_labels
        correlation = truth.corr().to_numpy()[np.triu_indices(3, 1)]
        np.testing.assert_allclose(correlation, agreement, atol=0.06)


def test_classes_have_equal_shares_and_unimodal_classes_the_same_edges():
    data = make_multimodal_sentiment(900, n_classes=3, agreement=1.0, random_state=0)
    assert data.y.dtype == np.int64
    assert np.bincount(data.y).tolist() == [300, 300, 300]
    # with full agreement every modality says what y says
    assert (data.unimodal_labels.to_numpy() == data.y[:, np.newaxis]).mean() > 0.99


def test_missing_modalities_leave_one_in_every_row():
    data = make_multimodal_sentiment(1000, missing_rate=0.6, random_state=0)
    assert data.X.present.any(axis=1).all()
    missing = ~data.X.present
    # 0.6 less the rows in which one of three had to stay
    assert missing.mean() == pytest.approx(0.6 - 0.6**3 / 3, abs=0.03)
    for column, name in enumerate(data.X.modalities):
        assert not data.cues[name][missing[:, column]].any()
    assert data.unimodal_labels.notna().all(axis=None)


def test_missing_rate_changes_nothing_else():
    whole = make_multimodal_sentiment(50, random_state=3)
    part = make_multimodal_sentiment(50, missing_rate=0.5, random_state=3)
    np.testing.assert_array_equal(whole.y, part.y)
    for column, name in enumerate(whole.X.modalities):
        kept = part.X.present[:, column]
        np.testing.assert_array_equal(whole.X.arrays[name][kept], part.X.arrays[name][kept])


def test_equal_seeds_give_equal_data_and_leave_the_global_state():
    before = np.random.get_state()[1].copy()
    one, two = (make_multimodal_sentiment(30, random_state=5) for _ in range(2))
    assert one.X == two.X
    np.testing.assert_array_equal(one.y, two.y)
    assert make_multimodal_sentiment(30, random_state=6).X != one.X
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_any_modalities():
    data = make_multimodal_sentiment(
        12, feature_sizes={"pulse": 2, "gaze": 3}, length_range=(1, 4), random_state=0
    )
    assert data.X.modalities == ("pulse", "gaze")
    assert data.X.feature_sizes == {"pulse": 2, "gaze": 3}
    assert max(data.X.lengths["gaze"]) <= 4


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"feature_sizes": {}}, "feature_sizes"),
        ({"feature_sizes": {"text": 1}}, "feature_sizes"),
        ({"length_range": (0, 4)}, "length_range"),
        ({"length_range": (5, 4)}, "length_range"),
        ({"length_range": (1.0, 4)}, "length_range"),
        ({"cue_density": 0}, "cue_density"),
        ({"agreement": 1.1}, "agreement"),
        ({"difficulty": -1}, "difficulty"),
        ({"missing_rate": 1.0}, "missing_rate"),
        ({"n_classes": 1}, "n_classes"),
    ],
)
def test_bad_input_is_named(arguments, name):
    with pytest.raises(ValueError, match=name):
        make_multimodal_sentiment(**{"n_samples": 10, **arguments})
