"""Fits with a checkpoint: interrupted and resumed, they come to the same as unbroken ones."""

import errno
import functools
import itertools
import json
import os
import shutil

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import (
    Callback,
    EarlyStopping,
    EpochScoring,
    Freezer,
    LRScheduler,
    ParamMapper,
)

from tests.interrupts import interrupted_at_line
from tests.small_fits import classifier, clips, regressor, three_classes
from tests.training.resuming.equal_fits import Epochs, Interrupt, assert_equal_fits

# Early stopping ends this fit after its best epoch and before its last one.
LONG = {"max_epochs": 9, "lr": 0.05, "batch_size": 8, "n_iter_no_change": 3, "dropout": 0.3}


@pytest.fixture(scope="module")
def data():
    return clips(30, missing=True)


def interrupted(make, folder, X, y, epochs, **params):
    """Break fits off in some epochs, one after the other, and let the last one end."""
    given = params.pop("callbacks", list)
    for epoch in epochs:
        callbacks = [*given(), Interrupt(epoch)]
        with pytest.raises(KeyboardInterrupt):
            make(checkpoint=folder, callbacks=callbacks, **params).fit(X, y)
    return make(checkpoint=folder, callbacks=given() or None, **params).fit(X, y)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"early_stopping": False, "gradient_accumulation": 2, "modality_dropout": 0.3},
        {"warmup": 0.2, "schedule": "cosine", "optimizer": "sgd"},
        {"label_generation": "ulag", "precision": "float64", "bidirectional": True},
        {"unimodal_weight": {"audio": 0.1}, "step_path": True},
    ],
    ids=["early stopping", "to the end", "scheduled", "ulag", "weighted"],
)
def test_a_regressor_that_was_interrupted_is_as_an_unbroken_one(data, tmp_path, params):
    X, y = data
    params = LONG | params
    assert_equal_fits(
        interrupted(regressor, tmp_path, X, y, [1, 3], **params), regressor(**params).fit(X, y)
    )


def test_a_classifier_that_was_interrupted_is_as_an_unbroken_one(data, tmp_path):
    X, names = data[0], three_classes(data[1])
    params = LONG | {"class_weight": "balanced"}
    found = interrupted(classifier, str(tmp_path), X, names, [2, 3], **params)
    assert_equal_fits(found, classifier(**params).fit(X, names))
    assert found.classes_.tolist() == ["down", "flat", "up"]


class LossSoFar(Callback):
    """Has learned something, in an attribute that ends in an underscore."""

    def on_train_begin(self, net, **kwargs):
        self.total_ = 0.0

    def on_epoch_end(self, net, **kwargs):
        self.total_ += net.history[-1, "train_loss"]
        net.history.record("total", self.total_)


class OwnState(Callback):
    """Has learned something, and says itself what."""

    def on_train_begin(self, net, **kwargs):
        self.total = 0.0

    def on_epoch_end(self, net, **kwargs):
        self.total += net.history[-1, "train_loss"]
        net.history.record("total", self.total)

    def state_dict(self):
        return {"total": self.total}

    def load_state_dict(self, state):
        self.total = state["total"]


@pytest.mark.parametrize(
    "callbacks",
    [
        lambda: [LRScheduler("ReduceLROnPlateau", monitor="train_loss", patience=0)],
        lambda: [LRScheduler("StepLR", step_size=2, gamma=0.5)],
        lambda: [
            LRScheduler(
                "CyclicLR", base_lr=0.01, max_lr=0.1, step_every="batch", cycle_momentum=False
            )
        ],
        lambda: [
            EpochScoring("r2", lower_is_better=False),
            EarlyStopping("r2", patience=3, lower_is_better=False, load_best=True, sink=len),
        ],
        lambda: [Freezer("branches.0.*"), ParamMapper("branches.1.*", at=2)],
        lambda: [LossSoFar()],
        lambda: [OwnState()],
    ],
    ids=["plateau", "step", "cyclic", "early stopping", "freezer", "attribute", "own state"],
)
def test_callbacks_go_on_where_they_were(data, tmp_path, callbacks):
    params = LONG | {"max_epochs": 5, "n_iter_no_change": 9}
    found = interrupted(regressor, tmp_path, *data, [2, 4], callbacks=callbacks, **params)
    assert_equal_fits(found, regressor(callbacks=callbacks(), **params).fit(*data))


def test_numbers_of_numpy_and_torch_in_the_history_are_kept_as_numbers(data, tmp_path):
    class Records(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("numpy", np.float32(0.5))
            net.history.record("torch", torch.tensor(2))

    found = interrupted(regressor, tmp_path, *data, [2], callbacks=lambda: [Records()], **LONG)
    assert found.history_["numpy"].iloc[0] == 0.5
    assert found.history_["torch"].iloc[0] == 2


def test_what_is_no_number_in_the_history_is_refused(data, tmp_path):
    class Records(Callback):
        def on_epoch_end(self, net, **kwargs):
            net.history.record("object", object())

    with pytest.raises(TypeError, match="a callback has recorded a object"):
        regressor(checkpoint=tmp_path, callbacks=[Records()]).fit(*data)


def test_the_progress_bar_counts_what_is_done_already(data, tmp_path, capfd):
    params = LONG | {"early_stopping": False, "verbose": 1}
    interrupted(regressor, tmp_path, *data, [6], **params)
    assert "9/9" in capfd.readouterr().err.splitlines()[-1]


def test_a_finished_fit_is_not_trained_again(data, tmp_path):
    first = regressor(checkpoint=tmp_path, **LONG).fit(*data)
    assert first.n_iter_ < 9
    run = []
    again = regressor(checkpoint=tmp_path, callbacks=[Epochs(run)], **LONG).fit(*data)
    assert run == []
    assert_equal_fits(first, again)
    # Whoever looks for longer would have stopped there, too.
    longer = regressor(checkpoint=tmp_path, callbacks=[Epochs(run)], **LONG | {"max_epochs": 99})
    assert_equal_fits(first, longer.fit(*data))
    assert run == []


def test_a_longer_fit_goes_on_and_a_shorter_one_is_a_fit_of_its_own(data, tmp_path):
    params = LONG | {"early_stopping": False}
    run = []
    for max_epochs, trained in [(4, [1, 2, 3, 4]), (7, [5, 6, 7]), (3, [1, 2, 3]), (5, [5])]:
        run.clear()
        params["max_epochs"] = max_epochs
        fit = regressor(checkpoint=tmp_path, callbacks=[Epochs(run)], **params).fit(*data)
        assert run == trained
        assert_equal_fits(fit, regressor(**params).fit(*data))
    assert len(list(tmp_path.iterdir())) == 1


def test_where_rates_follow_a_schedule_its_length_makes_another_fit(data, tmp_path):
    for max_epochs in (2, 4):
        regressor(checkpoint=tmp_path, schedule="linear", max_epochs=max_epochs).fit(*data)
    assert len(list(tmp_path.iterdir())) == 2


def test_an_interrupted_fit_is_usable_and_has_its_best_state(data, tmp_path):
    X, y = data
    estimator = regressor(checkpoint=tmp_path, callbacks=[Interrupt(4)], **LONG)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X, y)
    assert estimator.n_iter_ == 3
    assert estimator.best_iter_ == estimator.history_["valid_loss"].idxmin()
    unbroken = regressor(**LONG | {"max_epochs": 3}).fit(X, y)
    np.testing.assert_array_equal(estimator.predict(X), unbroken.predict(X))


def test_candidates_share_the_folder_and_a_stopped_search_goes_on(data, tmp_path):
    grid = {"hidden_size": [4, 6]}

    def search(checkpoint, callbacks=None):
        estimator = regressor(checkpoint=checkpoint, callbacks=callbacks, max_epochs=3)
        return GridSearchCV(estimator, grid, cv=2, scoring="neg_mean_absolute_error")

    class StopsTheThird(Interrupt):
        fits = 0

        def on_train_begin(self, net, **kwargs):
            StopsTheThird.fits += 1
            self.batch = 1
            self.epoch = 2 if StopsTheThird.fits == 3 else -1

    with pytest.raises(KeyboardInterrupt):
        search(tmp_path, [StopsTheThird(-1)]).fit(*data)
    assert StopsTheThird.fits == 3
    found, expected = search(tmp_path).fit(*data), search(None).fit(*data)
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    assert_equal_fits(found.best_estimator_, expected.best_estimator_)
    # Two candidates on two folds each, and the best one on all rows.
    assert len(list(tmp_path.iterdir())) == 5


def only_folder(tmp_path):
    (folder,) = tmp_path.iterdir()
    return folder


def state_file(tmp_path):
    (path,) = only_folder(tmp_path).glob("*.safetensors")
    return path


def test_the_folder_of_one_fit_is_taken_for_this_fit(data, tmp_path):
    first = regressor(checkpoint=tmp_path).fit(*data)
    run = []
    folder = only_folder(tmp_path)
    again = regressor(checkpoint=folder, callbacks=[Epochs(run)]).fit(*data)
    assert run == []
    assert_equal_fits(first, again)


def test_the_folder_of_another_fit_is_refused_by_name(data, tmp_path):
    X, y = data
    regressor(checkpoint=tmp_path).fit(X, y)
    folder = only_folder(tmp_path)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=r"differs: hidden_size \(6 there, 5 here\)\. Pass"):
        regressor(checkpoint=folder, hidden_size=5).fit(X, y)
    with pytest.raises(ValueError, match=r"differs: lr \(0.002 there, {'text': 1.0, 'rest': 0.1}"):
        regressor(checkpoint=folder, lr={"text": 1.0, "rest": 0.1}).fit(X, y)
    with pytest.raises(ValueError, match=r"differs: y\. Pass"):
        regressor(checkpoint=folder).fit(X, y + 1)
    other = clips(30, seed=1)[0]
    other.arrays["text"] = X.arrays["text"]
    other.lengths["text"] = X.lengths["text"]
    with pytest.raises(ValueError, match=r"differs: X\['audio'\]\. Pass"):
        regressor(checkpoint=folder).fit(other, y)
    with pytest.raises(ValueError, match=r"differs: modalities of X\. Pass"):
        regressor(checkpoint=folder).fit(X.select(["audio", "text"]), y)
    with pytest.raises(ValueError, match=r"differs: sample_weight\. Pass"):
        regressor(checkpoint=folder).fit(X, y, np.linspace(1, 2, 30))
    with pytest.raises(ValueError, match=r"differs: groups, training rows, validation rows\."):
        regressor(checkpoint=folder).fit(X, y, groups=np.arange(30) // 5)
    with pytest.raises(ValueError, match=r"differs: modalities of X_val, X_val\['text'\], "):
        regressor(checkpoint=folder).fit(X, y, X_val=X[:9], y_val=y[:9])
    with pytest.raises(ValueError, match=r"differs: estimator \('TAMULAGRegressor' there, 'TAM"):
        classifier(checkpoint=folder).fit(X, three_classes(y))
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("damage", ["cut", "flipped", "emptied", "pickle", "of another fit"])
def test_a_damaged_file_is_named(data, tmp_path, damage):
    regressor(checkpoint=tmp_path).fit(*data)
    path = state_file(tmp_path)
    content = bytearray(path.read_bytes())
    if damage == "cut":
        del content[-100:]
    elif damage == "flipped":
        content[len(content) // 2] ^= 1
    elif damage == "emptied":
        content.clear()
    elif damage == "pickle":
        content = b"\x80\x04cos\nsystem\n."
    else:
        regressor(checkpoint=tmp_path / "other", lr=0.1).fit(*data)
        content = state_file(tmp_path / "other").read_bytes()
        shutil.rmtree(tmp_path / "other")
    path.write_bytes(content)
    with pytest.raises(ValueError, match="Remove the file to start anew") as raised:
        regressor(checkpoint=tmp_path).fit(*data)
    assert str(path) in str(raised.value)
    path.unlink()
    assert regressor(checkpoint=tmp_path).fit(*data).n_iter_ == 2


def test_a_description_that_was_edited_is_refused(data, tmp_path):
    regressor(checkpoint=tmp_path).fit(*data)
    path = only_folder(tmp_path) / "checkpoint.json"
    manifest = json.loads(path.read_text())
    manifest["parameters"]["lr"] = 3.0
    path.write_text(json.dumps(manifest))
    with pytest.raises(ValueError, match=r"differs: lr \(3.0 there, 0.002 here\)"):
        regressor(checkpoint=tmp_path).fit(*data)
    path.write_text("[]")
    with pytest.raises(ValueError, match=r"checkpoint\.json cannot be read"):
        regressor(checkpoint=tmp_path).fit(*data)


def test_other_versions_of_libraries_are_a_warning(data, tmp_path, monkeypatch):
    params = {"max_epochs": 4, "early_stopping": False}
    with pytest.raises(KeyboardInterrupt):
        regressor(checkpoint=tmp_path, callbacks=[Interrupt(3, 1)], **params).fit(*data)
    versions = {"torch": "99.0"}
    monkeypatch.setattr(
        "sklearn_tamulag.training.resuming.checkpoint.library_versions", lambda: versions
    )
    with pytest.warns(UserWarning, match=r"other versions: torch \(.* there, 99.0 here\)"):
        found = regressor(checkpoint=tmp_path, **params).fit(*data)
    assert_equal_fits(found, regressor(**params).fit(*data))


def test_a_full_disk_stops_the_fit_and_leaves_the_last_checkpoint(data, tmp_path, monkeypatch):
    sync, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    params = LONG | {"early_stopping": False}
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            regressor(checkpoint=tmp_path, **params).fit(*data)
    run = []
    found = regressor(checkpoint=tmp_path, callbacks=[Epochs(run)], **params).fit(*data)
    assert run[0] > 1
    assert_equal_fits(found, regressor(**params).fit(*data))


BROKEN_OFF = LONG | {"n_iter_no_change": 8, "lr": 0.2}


@functools.cache
def unbroken_fit(early_stopping, epochs):
    params = BROKEN_OFF | {"early_stopping": early_stopping, "max_epochs": epochs}
    return regressor(**params).fit(*clips(30, missing=True))


def assert_in_agreement(estimator, data, epochs, *, ended=True):
    """Compare a fit that broke off with one that was to last so many epochs."""
    X = data[0]
    if not ended:
        # What stands for a lacking modality is fitted where training comes to its end.
        X = X[X.present.all(axis=1)]
    assert estimator.n_iter_ == len(estimator.history_) == epochs
    assert len(estimator.unimodal_label_history_) == epochs
    unbroken = unbroken_fit(estimator.early_stopping, epochs)
    assert estimator.best_iter_ == unbroken.best_iter_
    np.testing.assert_array_equal(estimator.predict(X), unbroken.predict(X))
    np.testing.assert_array_equal(estimator.unimodal_labels_, unbroken.unimodal_labels_)
    np.testing.assert_array_equal(
        estimator.unimodal_label_history_, unbroken.unimodal_label_history_
    )


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("error", "late", "early_stopping"),
    [
        (FULL, False, True),
        (FULL, False, False),
        (FULL, True, True),
        (KeyboardInterrupt(), False, True),
        (KeyboardInterrupt(), True, True),
    ],
)
def test_what_strikes_a_checkpoint_leaves_the_best_state(
    data, tmp_path, monkeypatch, error, late, early_stopping
):
    replace, calls = os.replace, []

    def strike(source, target):
        calls.append(target)
        # The first one describes the fit.
        struck = len(calls) == 5 + 1
        if not struck or late:
            replace(source, target)
        if struck:
            raise error

    params = BROKEN_OFF | {"early_stopping": early_stopping}
    estimator = regressor(checkpoint=tmp_path, **params)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", strike)
        with pytest.raises(type(error)) as caught:
            estimator.fit(*data)
    if not late and isinstance(error, OSError):
        assert "No space left on device; nothing was changed" in str(caught.value)
        assert str(tmp_path) in str(caught.value)
    assert_in_agreement(estimator, data, 5)
    if early_stopping:
        assert estimator.best_iter_ < 5
    assert list(only_folder(tmp_path).glob(".*")) == []
    run = []
    resumed = regressor(checkpoint=tmp_path, callbacks=[Epochs(run)], **params).fit(*data)
    assert run[0] == (6 if late else 5)
    assert_equal_fits(resumed, unbroken_fit(early_stopping, params["max_epochs"]))


@pytest.mark.parametrize("early_stopping", [True, False])
def test_an_error_of_a_callback_leaves_the_best_state(data, early_stopping):
    class Breaks(Callback):
        def on_epoch_begin(self, net, **kwargs):
            if len(net.history) == 6:
                raise ZeroDivisionError("mine")

    estimator = regressor(callbacks=[Breaks()], **BROKEN_OFF, early_stopping=early_stopping)
    with pytest.raises(ZeroDivisionError, match="mine"):
        estimator.fit(*data)
    assert estimator.n_iter_ == 5
    assert_in_agreement(estimator, data, 5, ended=False)


@pytest.mark.slow
def test_ctrl_c_at_the_end_of_an_epoch_leaves_all_in_agreement(data, tmp_path):
    # Where an epoch's labels, losses and best weights are kept, and its checkpoint is made.
    within = (
        "labels/memory.py",
        "training/loop/callbacks.py",
        "training/loop/epoch_losses.py",
        "training/resuming/checkpoint.py",
        "data/files.py",
    )
    params = BROKEN_OFF | {"max_epochs": 3}
    seen = set()
    for number in itertools.count(1, 7):
        estimator = regressor(checkpoint=tmp_path / f"{number}", **params)
        if not interrupted_at_line(number, lambda fit=estimator.fit: fit(*data), within):
            break
        if not hasattr(estimator, "n_iter_"):  # training had not begun
            continue
        epochs = estimator.n_iter_
        assert len(estimator.unimodal_label_history_) == epochs
        assert list((tmp_path / f"{number}").rglob(".*")) == []
        if epochs:
            # The last one may not have been compared any more.
            assert 1 <= estimator.best_iter_ <= epochs
            as_of_best = unbroken_fit(True, estimator.best_iter_)
            assert as_of_best.best_iter_ == estimator.best_iter_
            # Where training is over, Ctrl-C may come before what stands for a missing modality is
            # fitted: it is what training has made of it then.
            X = data[0][np.all([length > 0 for length in data[0].lengths.values()], axis=0)]
            np.testing.assert_array_equal(estimator.predict(X), as_of_best.predict(X))
            np.testing.assert_array_equal(estimator.unimodal_labels_, as_of_best.unimodal_labels_)
            seen.add((epochs, estimator.best_iter_))
    assert number > 200
    assert len(seen) >= 3


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_fit_that_cannot_be_repeated_is_refused(data, tmp_path, random_state):
    with pytest.raises(ValueError, match="checkpoint needs an int random_state, got "):
        regressor(checkpoint=tmp_path, random_state=random_state).fit(*data)
    assert list(tmp_path.iterdir()) == []


def test_a_warm_start_is_refused(data, tmp_path):
    with pytest.raises(ValueError, match="checkpoint and warm_start=True exclude each other"):
        regressor(checkpoint=tmp_path, warm_start=True).fit(*data)


def test_a_file_in_place_of_the_folder_is_refused(data, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine")
    for folder in (file, file / "below"):
        with pytest.raises(ValueError, match="checkpoint must be a folder, got the file"):
            regressor(checkpoint=folder).fit(*data)
    assert file.read_text() == "mine"


def test_partial_fit_neither_reads_nor_writes_checkpoints(data, tmp_path):
    estimator = regressor(checkpoint=tmp_path).partial_fit(*data)
    assert list(tmp_path.iterdir()) == []
    assert_equal_fits(estimator, regressor().partial_fit(*data))
    # A fit afterwards is one from the start.
    assert_equal_fits(estimator.fit(*data), regressor().fit(*data))
    assert len(list(tmp_path.iterdir())) == 1


def test_nothing_of_the_checkpoint_stays_with_the_net(data, tmp_path):
    net = regressor(checkpoint=tmp_path).fit(*data).net_
    assert net.checkpoint is None
    assert "memory" not in vars(net)
