"""The classifier: names of classes, probabilities, weights of classes, soft labels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from tests.small_fits import STRICT, classifier, clips, three_classes

X, VALUES = clips(30, missing=True)
NAMES = three_classes(VALUES)
BINARY = np.where(VALUES > 0, "up", "down")


@pytest.fixture(scope="module")
def three():
    return classifier().fit(X, NAMES)


@pytest.fixture(scope="module")
def two():
    return classifier().fit(X, BINARY)


def test_three_classes(three):
    assert three.classes_.tolist() == ["down", "flat", "up"]
    probabilities = three.predict_proba(X)
    assert probabilities.shape == three.decision_function(X).shape == (30, 3)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_allclose(softmax(three.decision_function(X), axis=1), probabilities)
    np.testing.assert_allclose(np.exp(three.predict_log_proba(X)), probabilities)
    np.testing.assert_array_equal(three.predict(X), three.classes_[probabilities.argmax(axis=1)])


def test_two_classes(two):
    assert two.classes_.tolist() == ["down", "up"]
    decision, probabilities = two.decision_function(X), two.predict_proba(X)
    assert decision.shape == (30,)
    assert probabilities.shape == (30, 2)
    np.testing.assert_allclose(1 / (1 + np.exp(-decision)), probabilities[:, 1])
    np.testing.assert_array_equal(two.predict(X), np.where(decision > 0, "up", "down"))


@pytest.mark.parametrize(
    "names", [np.array([5, -2]), np.array([True, False]), np.array(["b", "a"], dtype=object)]
)
def test_classes_keep_their_kind(names):
    y = names[(VALUES > 0).astype(int)]
    estimator = classifier(max_epochs=1).fit(X, y)
    assert estimator.classes_.tolist() == sorted(names.tolist())
    assert estimator.predict(X).dtype == y.dtype


def test_a_column_of_categories():
    estimator = classifier().fit(X, pd.Series(NAMES, dtype="category"))
    np.testing.assert_array_equal(estimator.predict(X), classifier().fit(X, NAMES).predict(X))


@pytest.mark.parametrize("label_generation", ["soft", "none"])
@pytest.mark.parametrize("y", [NAMES, BINARY], ids=["three", "two"])
def test_it_learns(label_generation, y):
    options = {"max_epochs": 60, "lr": 0.02, "early_stopping": False, "dropout": 0}
    estimator = classifier(label_generation=label_generation, **options).fit(X, y)
    assert estimator.score(X, y) > 0.9


def test_unimodal_predictions_are_classes(three):
    frame = three.predict_unimodal(X)
    assert frame.columns.tolist() == ["text", "audio"]
    assert set(frame.stack().dropna()) <= {"down", "flat", "up"}
    np.testing.assert_array_equal(frame.isna(), ~X.present)


def test_labels_are_distributions_by_modality_and_class():
    estimator = classifier(**STRICT, max_epochs=4).fit(X, NAMES)
    labels = estimator.unimodal_labels_
    assert labels.columns.names == ["modality", "class"]
    assert labels.columns.tolist() == [
        (modality, name) for modality in ("text", "audio") for name in ("down", "flat", "up")
    ]
    present = X.lengths["audio"] > 0
    assert labels.loc[~present, "audio"].isna().all(axis=None)
    np.testing.assert_allclose(labels["text"].sum(axis=1), 1)
    np.testing.assert_allclose(labels.loc[present, "audio"].sum(axis=1), 1)
    assert estimator.unimodal_label_history_.shape == (4, 30, 2, 3)
    # They start as one-hot y and then share their weight.
    start = estimator.unimodal_label_history_[0, :, 0]
    np.testing.assert_array_equal(estimator.classes_[start.argmax(axis=1)], NAMES)
    assert set(np.unique(start)) == {0, 1}
    assert (labels["text"].max(axis=1) < 1).all()


def test_a_sharper_temperature_gives_sharper_labels():
    peaks = []
    for temperature in (1e-3, 10.0):
        options = {"temperature": temperature, "label_mixing": 0.0, "max_epochs": 3, "lr": 0.0}
        labels = classifier(**STRICT | options).fit(X, NAMES).unimodal_labels_
        peaks.append(labels["text"].max(axis=1).mean())
    assert peaks[0] > peaks[1] + 0.05


def test_held_out_rows_keep_the_shares_of_the_classes():
    y = np.repeat(["a", "b"], [20, 10])
    labels = classifier(validation_fraction=0.2).fit(X, y).unimodal_labels_
    held_out = labels[("text", "a")].isna().to_numpy()
    assert (y[held_out] == "a").sum() == 4
    assert (y[held_out] == "b").sum() == 2


def test_groups_stay_together():
    grouped, values = clips(30, groups=True)
    labels = classifier(validation_fraction=0.2).fit(grouped, values > 0).unimodal_labels_
    held_out = labels[("text", True)].isna().to_numpy()
    assert 0 < held_out.sum() < 30
    assert not set(grouped.groups[held_out]) & set(grouped.groups[~held_out])


@settings(max_examples=5)
@given(counts=st.lists(st.integers(0, 3), min_size=30, max_size=30))
def test_integer_weights_are_repetitions_and_zero_is_absence(counts):
    counts = np.array(counts)
    counts[[np.argmax(name == NAMES) for name in ("down", "flat", "up")]] = 1
    rows = np.repeat(np.arange(30), counts)
    weighted = classifier(**STRICT, max_epochs=4).fit(X, NAMES, counts)
    repeated = classifier(**STRICT, max_epochs=4).fit(X[rows], NAMES[rows])
    np.testing.assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-8)
    labels = weighted.unimodal_labels_.to_numpy()
    np.testing.assert_allclose(labels[rows], repeated.unimodal_labels_, atol=1e-8)


def test_classes_of_weight_zero_are_absent():
    weight = (NAMES != "flat").astype(float)
    estimator = classifier(**STRICT).fit(X, NAMES, weight)
    assert estimator.classes_.tolist() == ["down", "up"]
    kept = weight > 0
    absent = classifier(**STRICT).fit(X[kept], NAMES[kept])
    np.testing.assert_allclose(estimator.predict_proba(X), absent.predict_proba(X), atol=1e-9)


def test_class_weights_are_row_weights():
    names, counts = np.unique(NAMES, return_counts=True)
    balanced = dict(zip(names.tolist(), (30 / (3 * counts)).tolist(), strict=True))
    rows = np.array([balanced[name] for name in NAMES])
    expected = classifier(**STRICT).fit(X, NAMES, rows).predict_proba(X)
    for class_weight in ("balanced", balanced):
        estimator = classifier(**STRICT, class_weight=class_weight).fit(X, NAMES)
        np.testing.assert_allclose(estimator.predict_proba(X), expected, atol=1e-10)
    plain = classifier(**STRICT).fit(X, NAMES).predict_proba(X)
    assert not np.allclose(expected, plain, atol=1e-6)


def test_class_weights_and_sample_weights_multiply():
    random = np.random.default_rng(0).uniform(0.5, 2, 30)
    doubled = np.where(NAMES == "up", 2.0, 1.0)
    both = classifier(**STRICT, class_weight={"up": 2.0}).fit(X, NAMES, random)
    product = classifier(**STRICT).fit(X, NAMES, random * doubled)
    np.testing.assert_allclose(both.predict_proba(X), product.predict_proba(X), atol=1e-10)


def test_balanced_weights_do_not_count_rows_of_weight_zero():
    weight = np.ones(30)
    weight[:10] = 0
    weighted = classifier(**STRICT, class_weight="balanced").fit(X, NAMES, weight)
    absent = classifier(**STRICT, class_weight="balanced").fit(X[10:], NAMES[10:])
    np.testing.assert_allclose(weighted.predict_proba(X), absent.predict_proba(X), atol=1e-9)


def test_partial_fit_knows_all_classes_from_the_start():
    estimator = classifier(**STRICT)
    first = BINARY == "up"
    estimator.partial_fit(X[first], BINARY[first], classes=["down", "flat", "up"])
    assert estimator.predict_proba(X).shape == (30, 3)
    estimator.partial_fit(X, NAMES)
    assert estimator.n_iter_ == 2
    assert np.isfinite(estimator.predict_proba(X)).all()
    with pytest.raises(ValueError, match="classes"):
        estimator.partial_fit(X, NAMES, classes=["a", "b"])


def test_a_warm_start_keeps_its_classes():
    estimator = classifier(warm_start=True).fit(X, NAMES)
    estimator.fit(X, BINARY)
    assert estimator.classes_.tolist() == ["down", "flat", "up"]
    with pytest.raises(ValueError, match="unknown class 'new'"):
        estimator.fit(X, ["new"] * 15 + ["up"] * 15)


def test_the_classifier_is_one():
    tags = classifier().__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert tags.classifier_tags.multi_class
