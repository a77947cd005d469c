"""Averages of the weights over the steps: their values, who sees them, and that fits go on."""

import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback, Freezer, Unfreezer
from torch import nn

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.exceptions import NonFiniteLossError
from sklearn_tamulag.training.loop.averaging import WeightAveraging, averaging_of, ema_decay
from tests.small_fits import classifier, clips, regressor, three_classes
from tests.training.resuming.equal_fits import Interrupt, assert_equal_fits

X, Y = clips(24)
# One modality alone has no stand-in to fit, which takes longer than these fits.
X = X.select("text")
LONG = {"max_epochs": 3, "lr": 0.02, "batch_size": 8, "n_iter_no_change": 9, "dropout": 0.3}


class Pickles(Callback):
    """Pickles the net at every epoch's end."""

    def on_epoch_end(self, net, **kwargs):
        Pickles.content = pickle.dumps(net)


class Stepped:
    """A net whose weights are set by hand, step by step."""

    def __init__(self):
        self.module_ = nn.BatchNorm1d(1)
        self.history = []

    def epoch(self, callback, values):
        self.history.append({})
        callback.on_epoch_begin(self)
        for value in values:
            with torch.no_grad():
                self.module_.weight.fill_(value)
                self.module_.running_mean.fill_(10 * value)
                self.module_.num_batches_tracked += 1
            callback.on_batch_end(self, batch=({"update": True}, None), training=True)
        callback.put(self)
        return self.module_.weight.item(), self.module_.running_mean.item()


def test_the_equal_mean_begins_with_the_second_epoch():
    net, callback = Stepped(), WeightAveraging("swa")
    callback.on_train_begin(net)
    assert net.epoch(callback, [5.0, 2.0]) == (2.0, 20.0)
    # The weights that the epoch starts from count as one.
    assert net.epoch(callback, [3.0, 7.0]) == (4.0, 40.0)
    assert net.epoch(callback, [8.0, 10.0]) == (6.0, 60.0)
    # A counter is no mean.
    assert net.module_.num_batches_tracked == 6
    callback.on_epoch_begin(net)
    assert net.module_.weight.item() == 10.0


def test_the_running_mean_forgets_fast_at_first():
    net, callback = Stepped(), WeightAveraging("ema")
    callback.on_train_begin(net)
    expected = 1.0  # what a normalising layer starts with
    for n, value in enumerate([2.0, 4.0, 3.0], start=1):
        decay = (1 + n) / (10 + n)
        expected = decay * expected + (1 - decay) * value
        assert ema_decay(n) == decay
    assert net.epoch(callback, [2.0, 4.0, 3.0])[0] == pytest.approx(expected)


def test_training_goes_on_with_its_own_weights():
    fits = [regressor(weight_averaging=kind, **LONG).fit(X, Y) for kind in (None, "ema", "swa")]
    losses = [fit.history_["train_loss"].tolist() for fit in fits]
    assert losses[0] == losses[1] == losses[2]
    watched = [fit.history_["valid_loss"].tolist() for fit in fits]
    assert watched[0] != watched[1] != watched[2]
    # Up to there nothing is averaged.
    assert watched[0][0] == watched[2][0]


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_held_out_rows_are_scored_with_what_predicts(kind):
    X_val, y_val = clips(20, seed=1)
    X_val = X_val.select("text")
    fit = regressor(weight_averaging=kind, **LONG).fit(X, Y, X_val=X_val, y_val=y_val)
    error = np.abs(fit.predict(X_val) - y_val).mean() / fit.net_.target.scale
    assert error == pytest.approx(fit.history_["valid_loss"].loc[fit.best_iter_], rel=1e-5)


@pytest.mark.parametrize("kind", ["ema", "swa"])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_an_interrupted_fit_goes_on_with_its_average(kind, early_stopping, tmp_path):
    params = LONG | {"weight_averaging": kind, "early_stopping": early_stopping}

    def callbacks():
        return [Freezer("branches.0.embed*"), Unfreezer("branches.0.embed*", at=2)]

    for epoch in (1, 2, 3):
        broken = regressor(
            checkpoint=tmp_path, callbacks=[*callbacks(), Interrupt(epoch)], **params
        )
        with pytest.raises(KeyboardInterrupt):
            broken.fit(X, Y)
        assert np.isfinite(broken.predict(X)).all()
    resumed = regressor(checkpoint=tmp_path, callbacks=callbacks(), **params).fit(X, Y)
    assert_equal_fits(resumed, regressor(callbacks=callbacks(), **params).fit(X, Y))


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_ctrl_c_leaves_the_average(kind):
    params = LONG | {"weight_averaging": kind, "early_stopping": False}
    fit = regressor(callbacks=[Interrupt(3, batch=1)], **params)
    with pytest.raises(KeyboardInterrupt):
        fit.fit(X, Y)
    plain = regressor(callbacks=[Interrupt(3, batch=1)], **params | {"weight_averaging": None})
    with pytest.raises(KeyboardInterrupt):
        plain.fit(X, Y)
    assert fit.n_iter_ == plain.n_iter_ == 2
    assert not np.allclose(fit.predict(X), plain.predict(X))


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_loss_that_breaks_down_leaves_finite_weights(early_stopping):
    class Breaks(Callback):
        def on_batch_begin(self, net, training=None, **kwargs):
            if training and len(net.history) == 3:
                with torch.no_grad():
                    next(net.module_.head.parameters()).add_(torch.nan)

    params = LONG | {"early_stopping": early_stopping, "weight_averaging": "ema"}
    fit = regressor(callbacks=[Breaks()], **params)
    with pytest.raises(NonFiniteLossError):
        fit.fit(X, Y)
    two = regressor(**params | {"max_epochs": 2}).fit(X, Y)
    np.testing.assert_array_equal(fit.predict(X), two.predict(X))


def test_further_training_starts_from_the_average_and_nothing_of_it_is_kept(tmp_path):
    fit = regressor(weight_averaging="ema", warm_start=True, **LONG).fit(X, Y)
    assert averaging_of(fit.net_).state_dict() == {"average": None, "n_averaged": 0, "own": None}
    fit.save(tmp_path / "model")
    twin = TAMULAGRegressor.load(tmp_path / "model")
    assert twin.weight_averaging == "ema"
    for each in (fit, twin):
        each.partial_fit(X, Y)
    np.testing.assert_array_equal(fit.predict(X), twin.predict(X))
    plain = pickle.loads(pickle.dumps(fit)).set_params(weight_averaging=None)
    for each in (fit, plain):
        each.fit(X, Y)
    assert averaging_of(plain.net_) is None
    assert not np.allclose(fit.predict(X), plain.predict(X))


def test_a_net_that_is_pickled_while_it_trains_has_the_average_and_no_copies():
    params = LONG | {"weight_averaging": "swa", "early_stopping": False}
    fit = classifier(callbacks=[Pickles()], **params)
    fit.fit(X, three_classes(Y))
    net = pickle.loads(Pickles.content)
    assert averaging_of(net).average_ is None
    name, value = next(iter(net.module_.head.state_dict().items()))
    assert torch.equal(value, fit.net_.module_.head.state_dict()[name])


def test_an_unknown_average_is_refused_with_all_known_ones():
    with pytest.raises(ValueError, match=r"'weight_averaging' parameter.*'(ema|swa)', '(ema|swa)'"):
        regressor(weight_averaging="mean").fit(X, Y)


def test_a_state_of_other_names_is_refused():
    with pytest.raises(ValueError, match=r"no state \['average'\]"):
        WeightAveraging("ema").load_state_dict({"average": {}})
