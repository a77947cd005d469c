"""Our own callbacks: the best epoch, the progress bar, and who asked for the end of training."""

import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback
from skorch.history import History

from sklearn_tamulag.training.loop.callbacks import BestEpoch, EpochProgress, raised_by
from tests.interrupts import press_ctrl_c
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes


class StandIn:
    """What BestEpoch needs of a net: a history and a module."""

    def __init__(self):
        self.history = History()
        self.module_ = torch.nn.Linear(1, 1)

    def epoch(self, valid_loss):
        self.history.new_epoch()
        self.module_.weight.data.fill_(len(self.history))
        if valid_loss is not None:
            self.history.record("valid_loss", valid_loss)


def watch(losses, patience):
    """Run BestEpoch over the validation losses of epochs whose weight is their number."""
    net, callback = StandIn(), BestEpoch(patience)
    callback.on_train_begin(net)
    for loss in losses:
        net.epoch(loss)
        callback.on_epoch_end(net)
        if callback.exhausted_:
            break
    callback.on_train_end(net)
    return net, callback


@pytest.mark.parametrize(
    ("losses", "patience", "best", "epochs"),
    [
        ([3.0, 2.0, 1.0], 5, 3, 3),
        ([3.0, 1.0, 2.0, 2.0, 0.0], 2, 2, 4),
        ([1.0, 1.0, 1.0], 2, 1, 3),
        ([2.0, 3.0, 1.0, 4.0], 2, 3, 4),
        ([1.0, 2.0], 1, 1, 2),
    ],
)
def test_the_best_epoch_is_restored_and_patience_ends_training(losses, patience, best, epochs):
    net, callback = watch(losses, patience)
    assert callback.epoch_ == best
    assert len(net.history) == epochs
    assert net.module_.weight.item() == best
    assert callback.state_ is None


def test_a_nan_loss_is_never_the_best():
    net, callback = watch([2.0, float("nan"), 1.0, float("nan")], 3)
    assert callback.epoch_ == 3
    assert net.history[:, "valid_loss_best"] == [True, False, True, False]


def test_without_patience_the_losses_are_only_watched():
    net, callback = watch([1.0, 2.0, 3.0], None)
    assert (callback.epoch_, callback.exhausted_, net.module_.weight.item()) == (3, False, 3)
    assert net.history[:, "valid_loss_best"] == [True, False, False]


def test_without_validation_rows_the_last_epoch_is_the_best():
    net, callback = watch([None, None], 1)
    assert (callback.epoch_, callback.exhausted_, net.module_.weight.item()) == (2, False, 2)


def test_fit_restores_the_weights_of_the_best_epoch():
    X, y = clips()
    X_val, y_val = clips(30, seed=1)
    # A rate so high that the validation loss soon rises.
    estimator = regressor(lr=0.1, max_epochs=25, n_iter_no_change=4, precision="float64")
    estimator.fit(X, y, X_val=X_val, y_val=y_val)
    losses = estimator.history_["valid_loss"]
    assert estimator.best_iter_ == losses.idxmin()
    assert estimator.n_iter_ == min(estimator.best_iter_ + 4, 25)
    assert estimator.best_iter_ < estimator.n_iter_
    error = np.abs(estimator.predict(X_val) - y_val).mean() / estimator.net_.target.scale
    assert error == pytest.approx(losses.min(), rel=1e-9)


def test_given_validation_rows_are_only_watched_without_early_stopping():
    X, y = clips()
    options = {**STRICT, "max_epochs": 4, "lr": 0.05}
    watched = regressor(**options).fit(X, y, X_val=X[:5], y_val=y[:5])
    alone = regressor(**options).fit(X, y)
    assert watched.best_iter_ == watched.n_iter_ == 4
    assert watched.history_["valid_loss"].notna().all()
    np.testing.assert_array_equal(watched.predict(X), alone.predict(X))


class Raises(Callback):
    def by_statement(self):
        raise KeyboardInterrupt

    def with_a_word(self):
        raise KeyboardInterrupt("enough")

    def further_down(self):
        press_ctrl_c()


@pytest.mark.parametrize(
    ("method", "expected"),
    [("by_statement", True), ("with_a_word", True), ("further_down", False)],
)
def test_a_callbacks_own_stop_is_told_from_ctrl_c(method, expected):
    callback = Raises()
    with pytest.raises(KeyboardInterrupt) as caught:
        getattr(callback, method)()
    assert raised_by(caught.value, [Raises(), callback]) is expected
    assert not raised_by(caught.value, [Raises()])


def test_an_interrupt_that_was_never_raised_is_nobodys():
    assert not raised_by(KeyboardInterrupt(), [Raises()])


def test_ctrl_c_in_a_callback_of_the_package_is_raised_on(monkeypatch):
    def struck(self, net, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(BestEpoch, "on_epoch_end", struck)
    with pytest.raises(KeyboardInterrupt):
        regressor().fit(*clips())


def test_verbose_0_is_silent(capfd):
    regressor(verbose=0).fit(*clips())
    output = capfd.readouterr()
    assert output.out == output.err == ""


def test_verbose_1_shows_a_bar_over_the_epochs(capfd):
    estimator = regressor(verbose=1, max_epochs=3).fit(*clips())
    bar = capfd.readouterr().err
    assert "training: 100%" in bar
    assert "3/3" in bar
    assert f"valid_loss={estimator.history_['valid_loss'].iloc[-1]:.3f}" in bar


class StopsAt(Callback):
    def __init__(self, epoch, error):
        self.epoch = epoch
        self.error = error

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise self.error

    def on_batch_end(self, net, **kwargs):
        if len(net.history) == 3 and self.epoch is None:
            press_ctrl_c()


def test_the_bar_says_when_the_patience_ends_a_fit(capfd):
    X, y = clips()
    X_val, y_val = clips(30, seed=1)
    estimator = regressor(verbose=1, lr=0.1, max_epochs=40, n_iter_no_change=3)
    estimator.fit(X, y, X_val=X_val, y_val=y_val)
    assert estimator.n_iter_ < 40
    assert f"stopped early at {estimator.n_iter_}: " in capfd.readouterr().err


def test_the_bar_says_when_a_users_callback_ends_a_fit(capfd):
    regressor(verbose=1, max_epochs=9, callbacks=[StopsAt(4, KeyboardInterrupt())]).fit(*clips())
    assert "stopped early at 4: " in capfd.readouterr().err


def test_the_bar_calls_ctrl_c_no_early_stop(capfd):
    estimator = regressor(verbose=1, max_epochs=9, callbacks=[StopsAt(None, None)])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(*clips())
    assert "stopped early" not in capfd.readouterr().err


def test_a_fit_to_the_end_is_no_early_stop(capfd):
    regressor(verbose=1, max_epochs=3).fit(*clips())
    assert "stopped early" not in capfd.readouterr().err


def test_verbose_2_prints_a_line_per_epoch(capfd):
    X, y = clips()
    classifier(verbose=2, max_epochs=3).fit(X, three_classes(y))
    lines = capfd.readouterr().out.strip().splitlines()
    assert lines[0].split() == ["epoch", "train_loss", "valid_loss", "dur"]
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]


def test_an_open_bar_is_left_out_of_a_pickle(capfd):
    net, callback = StandIn(), EpochProgress()
    net.max_epochs = 2
    callback.on_train_begin(net)
    assert not hasattr(pickle.loads(pickle.dumps(callback)), "bar_")
    callback.on_train_end(net)
    assert "0/2" in capfd.readouterr().err
