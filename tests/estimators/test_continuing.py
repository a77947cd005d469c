"""Going on: the split, the seed, the best epoch and the labels stay, and new parameters count."""

import joblib
import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, EpochScoring, LRScheduler

from sklearn_tamulag.training.feeding.rows import RowDataset
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(40)
LACKING, _ = clips(40, missing=True)
BOTH = pytest.mark.parametrize(
    ("build", "y"), [(regressor, Y), (classifier, three_classes(Y))], ids=["regressor", "classes"]
)


def warm(build=regressor, **params):
    return build(warm_start=True, **params)


def held_out(estimator):
    return estimator.unimodal_labels_.isna().all(axis=1).to_numpy()


@BOTH
def test_the_split_the_seed_and_the_labels_go_on(build, y):
    estimator = warm(build, random_state=None, max_epochs=4).fit(X, y)
    first, labels = held_out(estimator), estimator.unimodal_label_history_
    state = np.random.get_state()[1].tolist()
    estimator.fit(X, y)
    assert np.random.get_state()[1].tolist() == state
    np.testing.assert_array_equal(held_out(estimator), first)
    assert len(estimator.unimodal_label_history_) == 8
    np.testing.assert_array_equal(estimator.unimodal_label_history_[:4], labels)


def test_rows_trained_on_stay_out_of_the_validation_part():
    estimator = warm(validation_fraction=0.3).fit(X[:20], Y[:20])
    trained = ~held_out(estimator)
    estimator.fit(X, Y)
    again = held_out(estimator)
    assert again.any()
    assert not again[:20][trained].any()
    order = np.random.default_rng(0).permutation(40)
    estimator.fit(X[order], Y[order])
    assert not (held_out(estimator) & ~again[order]).any()


def test_a_worse_fit_does_not_replace_the_best_weights():
    estimator = warm(max_epochs=15, lr=0.01, n_iter_no_change=4).fit(LACKING, Y)
    best, expected = estimator.best_iter_, estimator.predict(LACKING)
    # Steps of this size lead nowhere.
    estimator.set_params(lr=10.0, gradient_clipping=None, max_epochs=3).fit(LACKING, Y)
    assert estimator.n_iter_ > best
    assert estimator.best_iter_ == best
    np.testing.assert_array_equal(estimator.predict(LACKING), expected)


def test_the_best_of_both_fits_is_in_use_and_patience_starts_anew():
    estimator = warm(max_epochs=30, lr=0.01, n_iter_no_change=3).fit(LACKING, Y)
    before = estimator.n_iter_
    estimator.fit(LACKING, Y)
    assert estimator.n_iter_ >= before + 3
    losses = estimator.history_["valid_loss"]
    assert losses[estimator.best_iter_] == losses.min()


def test_best_weights_stay_across_a_file(tmp_path):
    estimator = warm(max_epochs=15, lr=0.01, n_iter_no_change=4).fit(LACKING, Y)
    estimator.save(tmp_path / "model")
    best = estimator.best_iter_
    twin = type(estimator).load(tmp_path / "model")
    for one in (estimator, twin):
        one.set_params(lr=10.0, gradient_clipping=None, max_epochs=3).fit(LACKING, Y)
    assert twin.best_iter_ == estimator.best_iter_ == best
    np.testing.assert_array_equal(twin.predict(LACKING), estimator.predict(LACKING))


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    "still",
    [
        {"lr": 0.0},
        {"lr": {"text": 0.0, "rest": 0.0}},
        {"lr": 0.0, "optimizer": "sgd", "weight_decay": 0.0},
        {"lr": 0.0, "schedule": "linear", "warmup": 0.2},
    ],
)
def test_new_rates_are_applied(call, still):
    estimator = warm(early_stopping=False).fit(LACKING, Y)
    expected = estimator.predict(LACKING)
    getattr(estimator.set_params(**still), call)(LACKING, Y)
    np.testing.assert_array_equal(estimator.predict(LACKING), expected)


def test_new_rates_keep_what_the_optimizer_has_gathered():
    estimator = warm().fit(X, Y)
    kept = [state["exp_avg"] for state in estimator.net_.optimizer_.state.values()]
    estimator.set_params(lr={"text": 1e-3, "rest": 2e-3}, weight_decay=0.5).partial_fit(X, Y)
    groups = estimator.net_.optimizer_.param_groups
    assert sorted(group["lr"] for group in groups) == [1e-3, 2e-3, 2e-3]
    assert {group["weight_decay"] for group in groups} == {0.5}
    after = [state["exp_avg"] for state in estimator.net_.optimizer_.state.values()]
    assert {id(one) for one in kept} == {id(one) for one in after}
    assert {float(state["step"]) for state in estimator.net_.optimizer_.state.values()} == {6.0}


def test_rates_that_fell_to_zero_are_back_once_the_schedule_is_gone():
    estimator = warm(schedule="linear").fit(X, Y)
    estimator.set_params(schedule="constant").partial_fit(X, Y)
    assert [group["lr"] for group in estimator.net_.optimizer_.param_groups] == [2e-3]


def test_what_has_no_shape_is_applied():
    estimator = warm(early_stopping=False).fit(X, Y)
    estimator.set_params(
        dropout={"text": 0.0, "rest": 0.5},
        modality_dropout=0.25,
        gradient_accumulation=2,
        gradient_clipping=0.5,
        batch_size=8,
        early_stopping=True,
        n_iter_no_change=2,
        precision="bfloat16",
    ).fit(X, Y)
    net = estimator.net_
    assert (net.modality_dropout, net.accumulation, net.clipping) == (0.25, 2, 0.5)
    assert (net.batch_size, net.best_epoch.patience, net.autocast) == (8, 2, True)
    shares = {name: one.p for name, one in net.module_.named_modules() if hasattr(one, "p")}
    assert {share for name, share in shares.items() if "branches.0" in name} == {0.0}
    assert {share for name, share in shares.items() if "branches.0" not in name} == {0.5}


def test_early_stopping_can_be_switched_on():
    estimator = warm(early_stopping=False).fit(X, Y)
    estimator.set_params(early_stopping=True, n_iter_no_change=1, max_epochs=40, lr=0.5).fit(X, Y)
    assert estimator.n_iter_ < 42


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("hidden_size", 7),
        ("num_layers", 2),
        ("cell", "gru"),
        ("bidirectional", True),
        ("step_path", True),
        ("embedding_size", {"audio": 5, "text": 8}),
        ("unimodal_size", 3),
        ("fusion_size", 9),
        ("attention", "mean"),
        ("fusion", "cross"),
        ("encoders", {"text": {"hidden_size": 3}}),
        ("label_generation", "ulag"),
        ("precision", "float64"),
        ("neutral", 0.5),
        ("target_scale", 2.0),
    ],
)
def test_another_network_is_refused_by_name(call, name, value):
    estimator = warm().fit(X, Y)
    expected = estimator.predict(X)
    with pytest.raises(ValueError, match=f"cannot take {name}="):
        getattr(estimator.set_params(**{name: value}), call)(X, Y)
    np.testing.assert_array_equal(estimator.predict(X), expected)


def test_another_spelling_of_the_same_network_is_no_other():
    estimator = warm().fit(X, Y)
    same = {"embedding_size": {"text": 8, "audio": 8}, "hidden_size": np.int64(6), "encoders": {}}
    estimator.set_params(**same, expert_size=3).fit(X, Y)
    assert estimator.n_iter_ == 4


class Counting(Callback):
    """Counts epochs over all training runs."""

    def initialize(self):
        self.count_ = 0
        return self

    def on_epoch_end(self, net, **kwargs):
        self.count_ += 1


def test_new_callbacks_are_called_and_old_ones_go_on(tmp_path):
    estimator = warm(callbacks=[("counting", Counting())]).fit(X, Y)
    estimator.set_params(lr=1e-3, verbose=0).partial_fit(X, Y)
    assert dict(estimator.net_.callbacks_)["counting"].count_ == 3
    joblib.dump(estimator, tmp_path / "model")
    estimator = joblib.load(tmp_path / "model")
    estimator.set_params(lr=2e-3).partial_fit(X, Y)
    assert dict(estimator.net_.callbacks_)["counting"].count_ == 4
    score = EpochScoring("r2", lower_is_better=False, name="r2")
    estimator.set_params(callbacks=[score]).fit(X, Y)
    assert estimator.history_["r2"].notna().sum() == 2
    assert "counting" not in dict(estimator.net_.callbacks_)


@BOTH
@pytest.mark.parametrize("order", [np.arange(40), np.arange(40)[::-1]], ids=["same", "reversed"])
def test_rows_that_come_again_in_chunks_have_generated_labels(build, y, order):
    estimator = build()
    classes = {} if build is regressor else {"classes": np.unique(y)}
    for _ in range(4):
        for rows in (order[:20], order[20:]):
            # Rows of a chunk in an order of their own.
            rows = np.random.default_rng(len(estimator.__dict__)).permutation(rows)
            estimator.partial_fit(X[rows], y[rows], **classes)
    memory = estimator._label_memory
    assert memory.epoch == 4
    assert (memory.labels - memory.target.unsqueeze(1)).abs().max() > 0.01
    known = memory.known_rows()
    assert (len(known.keys), set(known.epochs.tolist())) == (40, {4})


def test_new_rows_among_known_ones_start_at_y():
    estimator = regressor()
    for _ in range(3):
        estimator.partial_fit(X[:20], Y[:20])
    labels = estimator.unimodal_labels_.to_numpy()
    estimator.partial_fit(X[10:30], Y[10:30])
    moved = np.abs(estimator.unimodal_labels_.to_numpy() - Y[10:30, np.newaxis]).max(axis=1)
    assert (moved[:10] > 1e-4).any()
    np.testing.assert_allclose(moved[10:], 0, atol=1e-6)
    # In epoch n a label moves by 2 / (n + 1) of the way: at most the range of y.
    step = np.abs(estimator.unimodal_labels_.to_numpy()[:10] - labels[10:])
    assert step.max() <= 2 / 5 * np.ptp(Y)
    assert estimator._label_memory.behind.tolist() == [0] * 10 + [3] * 10


def test_labels_of_chunks_come_back_from_files(tmp_path):
    estimator = regressor()
    for rows in (slice(0, 20), slice(20, 40), slice(0, 20), slice(20, 40)):
        estimator.partial_fit(X[rows], Y[rows])
    estimator.save(tmp_path / "model")
    joblib.dump(estimator, tmp_path / "dump")
    expected = estimator.partial_fit(X[:20], Y[:20])
    for twin in (type(estimator).load(tmp_path / "model"), joblib.load(tmp_path / "dump")):
        twin.partial_fit(X[:20], Y[:20])
        np.testing.assert_array_equal(twin.unimodal_labels_, expected.unimodal_labels_)
        np.testing.assert_array_equal(twin.predict(X), expected.predict(X))


def test_a_row_with_another_y_is_another_row():
    estimator = regressor()
    for _ in range(3):
        estimator.partial_fit(X[:20], Y[:20])
    estimator.partial_fit(X[:20], Y[:20][::-1])
    assert estimator._label_memory.epoch == 1


def test_complete_rows_do_not_replace_what_rows_with_gaps_have_taught():
    estimator = regressor(lr=0.01, max_epochs=30, weight_decay=0.0).fit(LACKING, Y)
    lacking = LACKING[LACKING.lengths["audio"] == 0]
    y = Y[LACKING.lengths["audio"] == 0]
    before = np.abs(estimator.predict(lacking) - y).mean()
    estimator.set_params(lr=0.0)
    for _ in range(3):
        estimator.partial_fit(X, Y)
    assert np.abs(estimator.predict(lacking) - y).mean() <= 1.1 * before


def test_callbacks_of_skorch_work_without_validation_rows(tmp_path):
    checkpoint = Checkpoint(dirname=tmp_path)
    plateau = LRScheduler("ReduceLROnPlateau", monitor="valid_loss")
    unheard = Checkpoint(dirname=tmp_path / "other", monitor="r2_best")
    callbacks = [EarlyStopping(), checkpoint, plateau, ("unheard", unheard)]
    estimator = regressor(callbacks=callbacks, early_stopping=False)
    for _ in range(3):
        estimator.partial_fit(X, Y)
    assert (tmp_path / "params.pt").exists()
    own = dict(estimator.net_.callbacks_)
    assert own["EarlyStopping"].monitor == "valid_loss"
    assert own["Checkpoint"].monitor == "valid_loss_best"
    assert estimator.history_["valid_loss"].isna().all()
    whole = regressor(callbacks=callbacks[:2], early_stopping=False).fit(X, Y)
    assert whole.n_iter_ == 2


def test_early_stopping_of_skorch_ends_a_fit_without_validation_rows():
    stopping = EarlyStopping(patience=2, threshold=1e6, threshold_mode="abs")
    estimator = regressor(callbacks=[stopping], early_stopping=False, max_epochs=20).fit(X, Y)
    assert estimator.n_iter_ == 3


def test_dropout_differs_from_call_to_call():
    estimator = regressor(dropout=0.5, lr=0.0, early_stopping=False)
    estimator.partial_fit(X, Y)
    estimator.partial_fit(X, Y)
    first, second = estimator.history_["train_loss"]
    assert first != second


def test_the_loss_of_weights_at_hand_is_that_of_validation():
    estimator = regressor(early_stopping=False, lr=0.0).fit(LACKING, Y, X_val=X, y_val=Y)
    net = estimator.net_
    data = net.get_dataset(X)
    rows = RowDataset(data.table, np.arange(len(Y)), Y)
    encode = net.target.encode
    difference = encode(torch.from_numpy(Y)) - encode(torch.from_numpy(estimator.predict(X)))
    expected = float(difference.abs().mean())
    assert net.multimodal_loss(rows) == pytest.approx(expected, rel=1e-5)
