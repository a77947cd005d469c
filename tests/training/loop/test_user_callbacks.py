"""Callbacks that a user passes, from skorch and from elsewhere."""

import copy
import pickle

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss, mean_absolute_error, r2_score
from skorch.callbacks import (
    BatchScoring,
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    Freezer,
    GradientNormClipping,
    LRScheduler,
    ProgressBar,
    TrainEndCheckpoint,
)

from tests.interrupts import press_ctrl_c
from tests.small_fits import classifier, clips, regressor, three_classes


class Logger(Callback):
    """A minimal experiment logger: the finished epochs' losses go to a run of the user's."""

    def __init__(self, run):
        self.run = run

    def on_train_begin(self, net, X, y, **kwargs):
        self.started_ = True
        self.run.append(sum(weight.numel() for weight in net.module_.parameters()))

    def on_epoch_end(self, net, dataset_train=None, dataset_valid=None, **kwargs):
        row = net.history[-1]
        self.run.append({key: row[key] for key in row if key.endswith("_loss")})


@pytest.fixture(scope="module")
def data():
    X, y = clips(30)
    return X, 50 + 20 * y


@pytest.fixture(scope="module")
def held_out():
    X, y = clips(12, seed=1)
    return X, 50 + 20 * y


@pytest.mark.parametrize("use_caching", [True, False])
def test_scores_of_a_regressor_are_in_units_of_y(data, held_out, use_caching):
    names = {"r2": r2_score, "neg_mean_absolute_error": lambda y, p: -mean_absolute_error(y, p)}
    callbacks = [EpochScoring(name, use_caching=use_caching) for name in names]
    estimator = regressor(callbacks=callbacks, early_stopping=False)
    estimator.fit(*data, X_val=held_out[0], y_val=held_out[1])
    for name, score in names.items():
        expected = score(held_out[1], estimator.predict(held_out[0]))
        assert estimator.history_[name].iloc[-1] == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("use_caching", [True, False])
def test_scores_of_a_classifier(data, held_out, use_caching):
    callbacks = [
        EpochScoring(name, use_caching=use_caching) for name in ("accuracy", "neg_log_loss")
    ]
    X, y = data
    names, true = three_classes((y - 50) / 20), three_classes((held_out[1] - 50) / 20)
    estimator = classifier(callbacks=callbacks, early_stopping=False)
    estimator.fit(X, names, X_val=held_out[0], y_val=true)
    row = estimator.history_.iloc[-1]
    assert row["accuracy"] == accuracy_score(true, estimator.predict(held_out[0]))
    probabilities = estimator.predict_proba(held_out[0])
    assert row["neg_log_loss"] == pytest.approx(-log_loss(true, probabilities), abs=1e-5)


@pytest.mark.parametrize("use_caching", [True, False])
def test_scores_on_training_rows(data, use_caching):
    scoring = EpochScoring("r2", on_train=True, use_caching=use_caching, name="train_r2")
    estimator = regressor(callbacks=[scoring], early_stopping=False, lr=0.0, dropout=0).fit(*data)
    expected = r2_score(data[1], estimator.predict(data[0]))
    np.testing.assert_allclose(estimator.history_["train_r2"], expected, atol=1e-5)


def test_scores_of_batches(data):
    scoring = BatchScoring("neg_mean_absolute_error", name="error")
    estimator = regressor(callbacks=[scoring], validation_fraction=0.3).fit(*data)
    expected = -estimator.history_["valid_loss"] * estimator.net_.target.scale
    np.testing.assert_allclose(estimator.history_["error"], expected, rtol=1e-5)


def test_a_monitored_score_chooses_the_epoch_to_stop(data):
    callbacks = [
        EpochScoring("r2", lower_is_better=False),
        EarlyStopping(
            "r2", patience=2, threshold=10.0, threshold_mode="abs", lower_is_better=False, sink=len
        ),
    ]
    estimator = regressor(callbacks=callbacks, max_epochs=9).fit(*data)
    assert estimator.n_iter_ == 3
    assert estimator.best_iter_ == estimator.history_["valid_loss"].idxmin()


def test_a_progress_bar(data, capfd):
    regressor(callbacks=[ProgressBar()], batch_size=6, validation_fraction=0.2).fit(*data)
    # Four batches of training rows and one of validation rows.
    assert "0/5" in capfd.readouterr().err


def test_checkpoints_hold_the_best_epoch(data, tmp_path):
    callback = Checkpoint(
        dirname=tmp_path, monitor="valid_loss_best", f_params="w.pt", f_pickle="net.pkl", sink=len
    )
    estimator = regressor(callbacks=[callback], max_epochs=6, lr=0.05, verbose=1).fit(*data)
    expected = estimator.predict(data[0])
    estimator.net_.module_.head.prediction[0].weight.data.fill_(0)
    estimator.net_.load_params(f_params=tmp_path / "w.pt")
    np.testing.assert_array_equal(estimator.predict(data[0]), expected)
    # The net was pickled in the middle of its training.
    net = pickle.loads((tmp_path / "net.pkl").read_bytes())
    np.testing.assert_allclose(net.predict(data[0]), expected, atol=1e-4)


def test_a_checkpoint_at_the_end_of_training(data, tmp_path):
    callback = TrainEndCheckpoint(dirname=tmp_path, f_pickle="net.pkl", sink=len)
    estimator = regressor(callbacks=[callback], max_epochs=6, lr=0.05).fit(*data)
    assert {"params.pt", "history.json"} <= {path.name for path in tmp_path.iterdir()} | {
        path.name.removeprefix("train_end_") for path in tmp_path.iterdir()
    }
    (pickled,) = tmp_path.glob("*net.pkl")
    net = pickle.loads(pickled.read_bytes())
    np.testing.assert_allclose(net.predict(data[0]), estimator.predict(data[0]), atol=1e-4)


@pytest.mark.parametrize(
    "scheduler",
    [
        LRScheduler("StepLR", step_size=1, gamma=0.5),
        LRScheduler("ReduceLROnPlateau", monitor="valid_loss", patience=0, threshold=10.0),
        LRScheduler("CyclicLR", base_lr=0.0, max_lr=0.1, step_every="batch", cycle_momentum=False),
    ],
    ids=lambda scheduler: scheduler.policy,
)
def test_learning_rate_schedules(data, scheduler):
    estimator = regressor(callbacks=[scheduler], max_epochs=4, lr=0.01).fit(*data)
    rate = estimator.net_.optimizer_.param_groups[0]["lr"]
    assert rate != 0.01
    assert np.isfinite(estimator.predict(data[0])).all()


def test_gradients_are_clipped_before_the_step(data):
    norms = []

    class Norms(Callback):
        def on_grad_computed(self, net, named_parameters, **kwargs):
            norms.append(sum(float(w.grad.norm()) ** 2 for _, w in named_parameters) ** 0.5)

    callbacks = [GradientNormClipping(1e-3), Norms()]
    regressor(callbacks=callbacks, gradient_clipping=None).fit(*data)
    assert max(norms) <= 1e-3 * (1 + 1e-4)


def test_frozen_layers_stay(data):
    states = [
        regressor(callbacks=[Freezer("branches.0.*")], lr=lr).fit(*data).net_.module_.state_dict()
        for lr in (0.0, 0.1)
    ]
    changed = {name for name in states[0] if not states[0][name].equal(states[1][name])}
    assert changed
    assert not any(name.startswith("branches.0.") for name in changed)


def test_a_logger_gets_every_epoch(data):
    run = []
    regressor(callbacks=[Logger(run)], max_epochs=3).fit(*data)
    assert run[0] > 100
    assert [sorted(row) for row in run[1:]] == [["train_loss", "valid_loss"]] * 3


def test_named_callbacks_and_classes_are_taken_as_skorch_does(data):
    run = []
    callbacks = [("log", Logger(run)), ProgressBar, ("rate", LRScheduler("StepLR", step_size=1))]
    callbacks[1] = ("bar", ProgressBar(detect_notebook=False))
    estimator = regressor(callbacks=callbacks).fit(*data)
    assert {"log", "rate", "bar"} <= {name for name, _ in estimator.net_.callbacks_}
    assert len(run) == 3


def test_a_callback_class_is_built(data):
    estimator = regressor(callbacks=[EarlyStopping]).fit(*data)
    assert "EarlyStopping" in dict(estimator.net_.callbacks_)


def test_the_users_own_callbacks_are_not_changed(data):
    callbacks = [Logger([]), EpochScoring("r2"), LRScheduler("StepLR", step_size=1)]
    before = [copy.copy(vars(callback)) for callback in callbacks]
    estimator = regressor(callbacks=callbacks).fit(*data)
    assert [vars(callback) for callback in callbacks] == before
    first = estimator.history_["r2"].tolist()
    # The same instances serve another fit.
    assert estimator.fit(*data).history_["r2"].tolist() == first


class StopsIn(Callback):
    """Ends training in some batch of some epoch, by its own word or by Ctrl-C."""

    def __init__(self, epoch, method, how):
        self.epoch = epoch
        self.method = method
        self.how = how

    def _reached(self, net, method):
        return method == self.method and len(net.history) == self.epoch

    def on_batch_end(self, net, training=None, **kwargs):
        if training and self._reached(net, "on_batch_end"):
            self._stop()

    def on_epoch_end(self, net, **kwargs):
        if self._reached(net, "on_epoch_end"):
            self._stop()

    def _stop(self):
        # Once only, so that training can go on later.
        self.epoch = None
        if self.how == "signal":
            press_ctrl_c()
        raise KeyboardInterrupt


@pytest.mark.parametrize(("method", "finished"), [("on_batch_end", 2), ("on_epoch_end", 3)])
@pytest.mark.parametrize("how", ["statement", "signal"])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_an_interrupted_fit_leaves_a_usable_estimator(data, method, finished, how, early_stopping):
    estimator = regressor(
        callbacks=[StopsIn(3, method, how)],
        max_epochs=6,
        lr=0.05,
        precision="float64",
        batch_size=8,
        early_stopping=early_stopping,
        warm_start=True,
    )
    if how == "signal":
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(*data)
    else:
        estimator.fit(*data)
    assert estimator.n_iter_ == len(estimator.history_) == finished
    assert 1 <= estimator.best_iter_ <= finished
    assert estimator.unimodal_label_history_.shape == (finished, 30, 2)
    assert np.isfinite(estimator.predict(data[0])).all()
    assert len(pickle.dumps(estimator)) < 200_000
    # Training goes on from there, and every epoch has its labels.
    estimator.set_params(max_epochs=2).fit(*data)
    assert estimator.n_iter_ == finished + 2
    assert len(estimator.unimodal_label_history_) == finished + 2
    best = estimator.unimodal_label_history_[estimator.best_iter_ - 1]
    np.testing.assert_array_equal(estimator.unimodal_labels_, best)


def test_an_interrupted_fit_has_the_best_state(data, held_out):
    estimator = regressor(
        callbacks=[StopsIn(12, "on_epoch_end", "signal")],
        max_epochs=20,
        n_iter_no_change=20,
        lr=0.1,
        precision="float64",
    )
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(*data, X_val=held_out[0], y_val=held_out[1])
    losses = estimator.history_["valid_loss"]
    assert estimator.best_iter_ == losses.idxmin() < 12
    error = np.abs(estimator.predict(held_out[0]) - held_out[1]).mean()
    assert error / estimator.net_.target.scale == pytest.approx(losses.min(), rel=1e-9)


def test_an_interrupt_in_the_first_epoch(data):
    estimator = regressor(callbacks=[StopsIn(1, "on_batch_end", "signal")])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(*data)
    assert estimator.n_iter_ == 0
    assert list(estimator.history_.columns[:2]) == ["train_loss", "valid_loss"]
    assert estimator.unimodal_labels_.isna().all(axis=None)
    assert np.isfinite(estimator.predict(data[0])).all()


def test_an_error_in_a_callback_is_the_users_to_see(data):
    class Broken(Callback):
        def on_epoch_end(self, net, **kwargs):
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        regressor(callbacks=[Broken()]).fit(*data)
