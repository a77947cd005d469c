"""What the regressor and the classifier share: history, labels, random states, more training."""

import copy
import pickle
import random

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.utils import estimator_html_repr

from sklearn_tamulag import MultimodalData, TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.estimators.parameters import REGRESSION_LABELS
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes

X, Y = clips(24, missing=True)
BOTH = pytest.mark.parametrize(
    ("build", "y"),
    [(regressor, Y), (classifier, three_classes(Y))],
    ids=["regressor", "classifier"],
)


@BOTH
def test_history_has_a_row_per_epoch_and_a_column_per_task(build, y):
    estimator = build(max_epochs=3).fit(X, y)
    history = estimator.history_
    assert history.index.tolist() == [1, 2, 3]
    assert history.index.name == "epoch"
    tasks = ["multimodal", "text", "audio"]
    losses = [f"{part}_{task}" for part in ("train", "valid") for task in tasks]
    assert history.columns.tolist() == ["train_loss", "valid_loss", *losses, "dur"]
    assert np.isfinite(history.to_numpy(float)).all()
    assert estimator.n_iter_ == 3
    assert estimator.best_iter_ == history["valid_loss"].idxmin()


def test_history_without_validation_rows():
    estimator = regressor(early_stopping=False).fit(X, Y)
    valid = [name for name in estimator.history_ if name.startswith("valid_")]
    assert len(valid) == 4
    assert estimator.history_[valid].isna().all(axis=None)
    assert estimator.best_iter_ == estimator.n_iter_ == 2


@BOTH
def test_labels_are_those_of_the_best_epoch(build, y):
    # Validation rows that say the opposite: the more is learned, the worse.
    opposite = three_classes(-Y) if build is classifier else -Y
    estimator = build(max_epochs=12, lr=0.02, n_iter_no_change=3)
    estimator.fit(X, y, X_val=X, y_val=opposite)
    assert 1 <= estimator.best_iter_ < estimator.n_iter_
    history = estimator.unimodal_label_history_
    assert len(history) == estimator.n_iter_
    expected = history[estimator.best_iter_ - 1].reshape(len(X), -1)
    np.testing.assert_array_equal(estimator.unimodal_labels_, expected)


def test_labels_have_a_place_for_every_row_given_to_fit():
    estimator = regressor(validation_fraction=0.25).fit(X, Y)
    labels = estimator.unimodal_labels_
    held_out = labels["text"].isna()
    assert held_out.sum() == 6
    absent = X.lengths["audio"] == 0
    np.testing.assert_array_equal(labels["audio"].isna(), held_out | absent)
    assert labels.columns.tolist() == ["text", "audio"]
    # They start as y, and are in its units.
    start = estimator.unimodal_label_history_[0]
    np.testing.assert_allclose(start[~held_out, 0], Y[~held_out], rtol=1e-6)


@pytest.mark.parametrize("label_generation", REGRESSION_LABELS)
def test_labels_stay_within_the_range_of_y(label_generation):
    estimator = regressor(label_generation=label_generation, max_epochs=4, **STRICT | {"lr": 0.02})
    labels = estimator.fit(X, Y).unimodal_labels_
    assert labels.min(axis=None) >= Y.min() - 1e-9
    assert labels.max(axis=None) <= Y.max() + 1e-9
    same = np.allclose(labels["text"], Y)
    assert same == (label_generation == "none")


@BOTH
def test_labels_belong_to_rows(build, y):
    order = np.random.default_rng(3).permutation(len(X))
    straight = build(**STRICT, max_epochs=5).fit(X, y)
    permuted = build(**STRICT, max_epochs=5).fit(X[order], y[order])
    np.testing.assert_allclose(
        permuted.unimodal_labels_, straight.unimodal_labels_.iloc[order], atol=1e-5
    )
    np.testing.assert_allclose(
        permuted.unimodal_label_history_, straight.unimodal_label_history_[:, order], atol=1e-5
    )


@BOTH
def test_a_fold_has_labels_for_exactly_its_rows(build, y):
    rows = np.arange(0, 24, 2)
    named = MultimodalData(X.arrays, X.lengths, ids=[f"clip {row}" for row in range(24)])
    labels = build(**STRICT).fit(named[rows], y[rows]).unimodal_labels_
    assert labels.index.tolist() == [f"clip {row}" for row in rows]
    assert labels["text"].notna().all(axis=None)


@BOTH
def test_equal_seeds_give_equal_bits_and_other_seeds_do_not(build, y):
    options = {"dropout": 0.3, "batch_size": 7, "max_epochs": 3}
    first, again, other = (build(random_state=seed, **options).fit(X, y) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.transform(X), again.transform(X))
    pd.testing.assert_frame_equal(
        first.history_.drop(columns="dur"), again.history_.drop(columns="dur")
    )
    np.testing.assert_array_equal(first.unimodal_labels_, again.unimodal_labels_)
    assert not np.allclose(first.transform(X), other.transform(X))


@BOTH
def test_global_random_states_are_left_alone(build, y):
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    estimator = build(dropout=0.3).fit(X, y)
    estimator.predict(X)
    estimator.partial_fit(X, y)
    after = random.getstate(), np.random.get_state(), torch.get_rng_state()
    assert states[0] == after[0]
    np.testing.assert_array_equal(states[1][1], after[1][1])
    assert states[1][2] == after[1][2]
    assert torch.equal(states[2], after[2])


def test_fits_do_not_depend_on_global_random_states():
    predictions = []
    for seed in (1, 2):
        np.random.seed(seed)
        torch.manual_seed(seed)
        predictions.append(regressor(random_state=5, dropout=0.3).fit(X, Y).predict(X))
    np.testing.assert_array_equal(*predictions)


def test_random_state_none_draws_one_number_from_numpy():
    np.random.seed(8)
    seed = np.random.randint(np.iinfo(np.int32).max)
    following = np.random.random()
    np.random.seed(8)
    torch_state = torch.get_rng_state()
    unseeded = regressor(random_state=None).fit(X, Y)
    assert np.random.random() == following
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert unseeded.net_.seed == seed
    assert not np.allclose(
        unseeded.predict(X), regressor(random_state=None).fit(X, Y).predict(X), atol=1e-9
    )


def test_a_random_state_instance_moves_on():
    state = np.random.RandomState(0)
    first, second = (regressor(random_state=state).fit(X, Y).predict(X) for _ in range(2))
    again = regressor(random_state=np.random.RandomState(0)).fit(X, Y).predict(X)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)


@BOTH
def test_partial_fit_adds_an_epoch(build, y):
    # An average would begin anew in each call.
    options = STRICT | {"weight_averaging": None}
    estimator = build(**options)
    classes = {"classes": ["down", "flat", "up"]} if build is classifier else {}
    for epoch in range(1, 5):
        estimator.partial_fit(X, y, **classes)
        assert estimator.n_iter_ == len(estimator.history_) == epoch
    # The same rows: their labels go on as in one fit of as many epochs.
    whole = build(**options | {"max_epochs": 4}).fit(X, y)
    np.testing.assert_allclose(estimator.transform(X), whole.transform(X), atol=1e-9)
    np.testing.assert_allclose(estimator.unimodal_labels_, whole.unimodal_labels_, atol=1e-9)
    assert len(estimator.unimodal_label_history_) == 4


def test_partial_fit_on_other_rows_starts_their_labels_anew():
    estimator = regressor(**STRICT)
    for start in (0, 8, 16):
        part = slice(start, start + 8)
        estimator.partial_fit(X[part], Y[part])
        np.testing.assert_allclose(estimator.unimodal_labels_["text"], Y[part], rtol=1e-6)
    assert estimator.n_iter_ == 3
    assert np.isfinite(estimator.predict(X)).all()


def test_partial_fit_tells_rows_of_equal_y_apart():
    estimator = regressor(**STRICT)
    y = np.tile([1.0, -1.0], 4)
    for start in (0, 0, 0, 8):
        estimator.partial_fit(X[start : start + 8], y)
    np.testing.assert_allclose(estimator.unimodal_labels_["text"], y, rtol=1e-6)
    assert len(estimator.unimodal_label_history_) == 1


@BOTH
def test_warm_start_goes_on_and_a_cold_one_begins_anew(build, y):
    options = STRICT | {"max_epochs": 3, "weight_averaging": None}
    warm = build(**options, warm_start=True).fit(X, y)
    net = warm.net_
    warm.fit(X, y)
    assert warm.net_ is net
    assert warm.n_iter_ == 6
    whole = build(**options | {"max_epochs": 6}).fit(X, y)
    np.testing.assert_allclose(warm.transform(X), whole.transform(X), atol=1e-9)
    np.testing.assert_allclose(warm.unimodal_labels_, whole.unimodal_labels_, atol=1e-9)
    cold = build(**options).fit(X, y)
    first = cold.transform(X)
    cold.fit(X, y)
    assert cold.n_iter_ == 3
    np.testing.assert_array_equal(cold.transform(X), first)


def test_a_warm_start_on_other_features_is_refused():
    estimator = regressor(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match="missing: 'audio'"):
        estimator.fit(X.select("text"), Y)


@pytest.mark.parametrize("kind", [TAMULAGRegressor, TAMULAGClassifier])
def test_parameters_are_stored_and_cloned(kind):
    params = {"lr": {"text": 0.1, "rest": 0.2}, "encoders": {"audio": {"hidden_size": 3}}}
    estimator = kind(**params, hidden_size=5)
    assert estimator.get_params()["lr"] is params["lr"]
    twin = clone(estimator)
    assert twin.get_params() == estimator.get_params()
    assert twin.set_params(hidden_size=9).hidden_size == 9
    assert estimator.hidden_size == 5
    with pytest.raises(TypeError):
        kind(5)


def test_a_fit_changes_no_parameter_and_no_input():
    estimator = regressor(lr={"text": 0.1, "rest": 0.2}, encoders={"audio": {"hidden_size": 3}})
    before = copy.deepcopy(estimator.get_params())
    arrays = {name: array.copy() for name, array in X.arrays.items()}
    y, weight = Y.copy(), np.ones(24)
    estimator.fit(X, y, weight)
    assert estimator.get_params() == before
    np.testing.assert_array_equal(y, Y)
    for name, array in arrays.items():
        np.testing.assert_array_equal(X.arrays[name], array)


@BOTH
def test_the_display_names_the_estimator(build, y):
    estimator = build(hidden_size=7).fit(X, y)
    for text in (estimator._repr_html_(), estimator_html_repr(estimator)):
        assert type(estimator).__name__ in text
        assert "hidden_size" in text
    assert "hidden_size=7" in repr(estimator)


@BOTH
def test_pickles_are_small_and_predict_the_same_bits(build, y):
    estimator = build().fit(X, y)
    dump = pickle.dumps(estimator)
    assert len(dump) < 150_000
    twin = pickle.loads(dump)
    np.testing.assert_array_equal(twin.transform(X), estimator.transform(X))
    np.testing.assert_array_equal(twin.unimodal_labels_, estimator.unimodal_labels_)
    pd.testing.assert_frame_equal(twin.history_, estimator.history_)
    # A loaded estimator trains on.
    assert twin.partial_fit(X, y).n_iter_ == estimator.n_iter_ + 1
