"""Losses and weights that stop being finite, and data of any scale."""

import itertools
import pickle
import re

import numpy as np
import pytest
import torch

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.exceptions import NonFiniteLossError
from sklearn_tamulag.training.loop.health import all_finite, check_losses
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes

N = 24
X, Y = clips(N, missing=True)
CALM = {"optimizer": "sgd", "gradient_clipping": None, "batch_size": 8}


class BreaksDown(torch.optim.SGD):
    """Works until one step after which a weight is NaN."""

    steps = 0
    last = 7

    def step(self, closure=None):
        super().step(closure)
        type(self).steps += 1
        if self.steps == self.last:
            with torch.no_grad():
                self.param_groups[0]["params"][-1].fill_(torch.nan)


@pytest.fixture
def breaks_down():
    """The optimizer above, which breaks down in its seventh step: epoch 3, batch 1 of 3."""

    class Fresh(BreaksDown):
        pass

    return Fresh


def test_the_first_bad_batch_and_task_are_named():
    losses = np.array([[1.0, 2.0, 3.0], [1.0, np.inf, 3.0], [np.nan, 1.0, 1.0]])
    with pytest.raises(NonFiniteLossError, match=r"task 'text' .* epoch 5, batch 2") as caught:
        check_losses(losses, ["text", "audio"], epoch=5, part="valid")
    error = caught.value
    assert (error.epoch, error.batch, error.task, error.part) == (5, 2, "text", "valid")
    assert check_losses(losses[:1], ["text", "audio"], epoch=5, part="train") is None


def test_the_error_is_one_of_values_and_travels_between_processes():
    error = NonFiniteLossError(2, 3, "audio", "valid")
    assert isinstance(error, ValueError)
    assert isinstance(error, FloatingPointError)
    twin = pickle.loads(pickle.dumps(error))
    assert str(twin) == str(error)
    assert (twin.epoch, twin.batch, twin.task, twin.part) == (2, 3, "audio", "valid")


def test_a_large_weight_is_finite_and_a_nan_is_not():
    layer = torch.nn.Linear(2, 1)
    torch.nn.init.constant_(layer.weight, 3e38)
    assert all_finite(layer)
    torch.nn.init.constant_(layer.bias, torch.nan)
    assert not all_finite(layer)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_a_loss_that_breaks_down_keeps_the_last_good_weights(early_stopping, breaks_down):
    options = {**CALM, "early_stopping": early_stopping, "validation_fraction": 1 / 24}
    estimator = regressor(**options).set_params(optimizer=breaks_down, max_epochs=9)
    with pytest.raises(NonFiniteLossError, match="epoch 3, batch 2") as caught:
        estimator.fit(X, Y)
    assert caught.value.part == "train"
    assert estimator.n_iter_ == len(estimator.history_) == 2
    assert len(estimator.unimodal_label_history_) == 2
    assert np.isfinite(estimator.unimodal_labels_["text"].dropna()).all()
    good = regressor(**options).set_params(max_epochs=2).fit(X, Y)
    if early_stopping:
        assert estimator.best_iter_ == good.best_iter_
    np.testing.assert_array_equal(estimator.predict(X), good.predict(X))
    # It trains on from there.
    estimator.set_params(optimizer="sgd").partial_fit(X, Y)
    assert np.isfinite(estimator.predict(X)).all()


def test_weights_that_break_down_in_the_last_step_are_noticed(breaks_down):
    breaks_down.last = 6
    estimator = regressor(**CALM | {"optimizer": breaks_down}, early_stopping=False)
    estimator.set_params(max_epochs=2)
    with pytest.raises(NonFiniteLossError, match="weights are NaN or infinite in epoch 2, batch 3"):
        estimator.fit(X, Y)
    good = regressor(**CALM, early_stopping=False).set_params(max_epochs=1).fit(X, Y)
    np.testing.assert_array_equal(estimator.predict(X), good.predict(X))


@pytest.mark.parametrize("build", [regressor, classifier])
def test_a_loss_that_breaks_down_at_once_leaves_the_initial_weights(build):
    y = three_classes(Y) if build is classifier else Y
    estimator = build(**CALM, lr=1e30, early_stopping=False)
    with pytest.raises(NonFiniteLossError, match="epoch 1, batch 2"):
        estimator.fit(X, y)
    assert estimator.n_iter_ == 0
    assert np.isfinite(estimator.transform(X)).all()
    assert estimator.unimodal_labels_.isna().all(axis=None)
    assert estimator.set_params(lr=1e-3).fit(X, y).n_iter_ == 2


# Data of any scale.


def scaled(data, factor, dtype=np.float64):
    return MultimodalData(
        {name: (array * factor).astype(dtype) for name, array in data.arrays.items()}, data.lengths
    )


@pytest.mark.parametrize("factor", [1e-300, 1e-30, 1e-6, 1e6, 1e20, 1e30])
@pytest.mark.parametrize("build", [regressor, classifier])
def test_features_of_any_scale_are_survived(build, factor):
    y = three_classes(Y) if build is classifier else Y
    data = scaled(X, factor)
    estimator = build().fit(data, y)
    assert np.isfinite(estimator.transform(data)).all()
    assert np.isfinite(estimator.unimodal_labels_.to_numpy()[:, 0]).any()


def test_float16_features_up_to_their_largest_are_survived():
    data = scaled(X, 1.0, np.float16)
    data.arrays["text"][0, 0] = np.finfo(np.float16).max
    estimator = regressor().fit(data, Y)
    wide = MultimodalData(
        {name: array.astype(np.float32) for name, array in data.arrays.items()}, data.lengths
    )
    np.testing.assert_array_equal(estimator.predict(data), estimator.predict(wide))
    assert np.isfinite(estimator.predict(data)).all()


def test_constant_features_are_survived():
    data = MultimodalData(
        {name: np.full_like(array, 7.0) for name, array in X.arrays.items()}, X.lengths
    )
    estimator = regressor().fit(data, Y)
    assert np.isfinite(estimator.predict(data)).all()
    assert np.isfinite(regressor().fit(X, np.full(N, 3.0)).predict(X)).all()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_features_too_large_for_the_network_are_refused_by_name(precision):
    arrays = {name: array.copy() for name, array in X.arrays.items()}
    arrays["audio"][2, 0, 1] = -1e300
    data = MultimodalData(arrays, X.lengths)
    estimator = regressor(precision=precision).fit(X, Y)
    message = re.escape("Modality 'audio' has -1e+300 at row 2, step 0, which is too large")
    with pytest.raises(ValueError, match=message):
        regressor(precision=precision).fit(data, Y)
    with pytest.raises(ValueError, match=message):
        estimator.predict(data)
    wide = regressor(precision="float64").fit(data, Y)
    assert np.isfinite(wide.predict(data)).all()


def test_values_in_padding_are_never_too_large(tmp_path):
    array = np.where(X.mask("audio")[:, :, np.newaxis], X.arrays["audio"], 1e300)
    np.save(tmp_path / "audio.npy", array)
    mapped = np.load(tmp_path / "audio.npy", mmap_mode="r")
    data = MultimodalData({"text": X.arrays["text"], "audio": mapped}, X.lengths)
    estimator = regressor().fit(X, Y)
    np.testing.assert_array_equal(estimator.predict(data), estimator.predict(X))


@pytest.mark.parametrize(
    ("scale", "offset"),
    [
        *itertools.product([1e-6, 1.0, 1e9], [0.0, 1e-6, 1.0, 1e9]),
        *itertools.product([1e-300, 1e300], [0.0]),
    ],
)
def test_y_of_any_scale_and_offset_is_handled(scale, offset):
    options = STRICT | {"max_epochs": 3}
    y = np.round(Y, 3)
    expected = regressor(**options, neutral=0.0).fit(X, y).predict(X)
    moved = y * scale + offset
    estimator = regressor(**options, neutral=offset).fit(X, moved)
    # float64 holds y itself no better than this.
    lost = np.finfo(float).eps * np.abs(moved).max() / scale
    predicted = (estimator.predict(X) - offset) / scale
    np.testing.assert_allclose(predicted, expected, atol=1e-6 + 10 * lost)
    assert np.isfinite(regressor(**options).fit(X, moved).predict(X)).all()


@pytest.mark.parametrize("outlier", [1e3, 1e9, -1e30])
def test_labels_with_outliers_are_survived(outlier):
    y = Y.copy()
    y[3] = outlier
    estimator = regressor().fit(X, y)
    assert np.isfinite(estimator.predict(X)).all()
    assert np.isfinite(estimator.history_.loc[:, "train_loss"]).all()
