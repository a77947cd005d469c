"""Training anew on all rows: what it comes to, what it refuses, and that it can be interrupted."""

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

import sklearn_tamulag
from tests.interrupts import press_ctrl_c
from tests.small_fits import classifier, clips, regressor, three_classes
from tests.training.resuming.equal_fits import Epochs, assert_equal_fits

X, Y = clips(24, groups=True)
# One modality alone has no stand-in to fit, which takes longer than these fits.
X = X.select("text")
# The best epoch is neither the first nor the last.
PARAMS = {"max_epochs": 6, "lr": 0.03, "batch_size": 8, "n_iter_no_change": 2, "dropout": 0.1}
PARAMS |= {"weight_averaging": None}


class InterruptRefit(Callback):
    """Ctrl-C in an epoch of the training without validation rows."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, training=None, **kwargs):
        if net.valid is None and training and len(net.history) == self.epoch:
            press_ctrl_c()


@pytest.fixture(scope="module")
def search():
    return regressor(**PARAMS).fit(X, Y)


@pytest.fixture(scope="module")
def refitted():
    return regressor(refit=True, **PARAMS).fit(X, Y)


def test_it_is_a_fit_of_all_rows_for_the_chosen_number_of_epochs(search, refitted):
    assert 1 < search.best_iter_ < search.n_iter_ < 6
    plain = PARAMS | {"max_epochs": search.best_iter_, "early_stopping": False}
    assert_equal_fits(refitted, regressor(**plain).fit(X, Y))
    assert refitted.n_iter_ == refitted.best_iter_ == search.best_iter_
    assert refitted.unimodal_labels_.notna().all().all()
    assert search.unimodal_labels_.isna().any().any()
    kept = [fit.drop(columns="dur") for fit in (search.history_, refitted.search_history_)]
    np.testing.assert_array_equal(*kept)
    assert refitted.history_["valid_loss"].isna().all()
    assert not hasattr(search, "search_history_")


def test_rates_fall_as_in_the_same_epochs_of_the_search():
    class Rates(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("rate", net.optimizer_.param_groups[0]["lr"])

    params = PARAMS | {"batch_size": None, "schedule": "linear", "lr": 1e-3}
    fit = regressor(refit=True, callbacks=[Rates()], **params).fit(X, Y)
    searched = fit.search_history_["rate"].iloc[: fit.n_iter_]
    assert fit.history_["rate"].tolist() == searched.tolist()
    assert fit.history_["rate"].iloc[0] == pytest.approx(1e-3 * 5 / 6)


def test_a_classifier_and_averages_are_refitted_too():
    names = three_classes(Y)
    params = PARAMS | {"weight_averaging": "ema"}
    fit = classifier(refit=True, **params).fit(X, names)
    plain = params | {"max_epochs": fit.best_iter_, "early_stopping": False}
    assert_equal_fits(fit, classifier(**plain).fit(X, names))


def test_a_file_has_the_search_and_another_fit_drops_it(refitted, tmp_path):
    sklearn_tamulag.save(refitted, tmp_path / "model")
    twin = sklearn_tamulag.load(tmp_path / "model")
    assert twin.search_history_.equals(refitted.search_history_)
    np.testing.assert_array_equal(twin.predict(X), refitted.predict(X))
    twin.partial_fit(X, Y)
    assert twin.n_iter_ == refitted.n_iter_ + 1
    assert not hasattr(twin.set_params(refit=False, max_epochs=1).fit(X, Y), "search_history_")


@pytest.mark.parametrize(
    ("params", "given", "message"),
    [
        ({"early_stopping": False}, {}, "refit=True needs early_stopping=True"),
        ({"warm_start": True}, {}, "refit=True and warm_start=True exclude each other"),
        ({}, {"X_val": X, "y_val": Y}, "Leave X_val out, or set refit=False"),
    ],
)
def test_what_leaves_nothing_to_choose_is_refused_before_training(params, given, message):
    estimator = regressor(refit=True, **PARAMS | params)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, Y, **given)
    assert not hasattr(estimator, "net_")


def test_ctrl_c_in_the_second_training_leaves_the_search(search):
    fit = regressor(refit=True, callbacks=[InterruptRefit(2)], **PARAMS)
    with pytest.raises(KeyboardInterrupt):
        fit.fit(X, Y)
    assert_equal_fits(fit, search)
    np.testing.assert_array_equal(fit.predict(X), search.predict(X))
    assert not hasattr(fit, "search_history_")


def test_an_error_in_the_second_training_leaves_the_search(search):
    class Breaks(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if net.valid is None:
                with torch.no_grad():
                    next(net.module_.head.parameters()).add_(torch.nan)

    fit = regressor(refit=True, callbacks=[Breaks()], **PARAMS)
    with pytest.raises(ValueError, match="NaN or infinite in epoch 1"):
        fit.fit(X, Y)
    assert_equal_fits(fit, search)


def test_a_fit_that_broke_off_in_either_training_goes_on(refitted, search, tmp_path):
    class InterruptSearch(InterruptRefit):
        def on_batch_end(self, net, training=None, **kwargs):
            if net.valid is not None and training and len(net.history) == self.epoch:
                press_ctrl_c()

    for callback in (InterruptSearch(2), InterruptRefit(2)):
        with pytest.raises(KeyboardInterrupt):
            regressor(refit=True, checkpoint=tmp_path, callbacks=[callback], **PARAMS).fit(X, Y)
    run = []
    callbacks = [Epochs(run)]
    resumed = regressor(refit=True, checkpoint=tmp_path, callbacks=callbacks, **PARAMS).fit(X, Y)
    assert run == list(range(2, search.best_iter_ + 1))
    assert_equal_fits(resumed, refitted)
    kept = [fit.search_history_.drop(columns="dur") for fit in (resumed, refitted)]
    np.testing.assert_array_equal(*kept)
