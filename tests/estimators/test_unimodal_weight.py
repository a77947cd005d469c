"""The weights of the unimodal tasks, and the step path, as parameters of an estimator."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from sklearn_tamulag.estimators.parameters import CLASSIFICATION_LABELS, REGRESSION_LABELS
from sklearn_tamulag.estimators.task_weights import AUTO_WEIGHTS, task_weights, unimodal_weights
from sklearn_tamulag.nn.step_path import StepPath
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes

X, Y = clips(24, missing=True)
NAMES = three_classes(Y)
BOTH = pytest.mark.parametrize(
    ("build", "y"), [(regressor, Y), (classifier, NAMES)], ids=["regressor", "classes"]
)
NONE = {"label_generation": "none"}


def heads(estimator, modality):
    """The weights of one modality's own task."""
    return [w.detach().clone() for w in estimator.net_.module_.branches[modality].head.parameters()]


def test_every_strategy_has_an_automatic_weight():
    for kind, names in (("regressor", REGRESSION_LABELS), ("classifier", CLASSIFICATION_LABELS)):
        assert {"auto", *AUTO_WEIGHTS[kind]} == set(names)


def test_what_a_dict_leaves_out_is_automatic():
    names = ("text", "audio")
    assert unimodal_weights({"audio": 0.5}, names) == {"text": "auto", "audio": 0.5}
    assert unimodal_weights({"audio": "auto", "rest": 2}, names) == {"text": 2, "audio": "auto"}
    # A number counts for labels that people gave too; else these count by one.
    weights = task_weights({"audio": 0.5}, names, "regressor", "calibrated")
    assert (weights.generated, weights.given) == ((None, 0.5), (1.0, 0.5))


@BOTH
def test_one_is_what_y_as_a_label_weighs(build, y):
    plain, one, of_each = (
        build(**NONE, unimodal_weight=weight).fit(X, y).transform(X)
        for weight in ("auto", 1, {"text": 1.0, "audio": np.float32(1)})
    )
    np.testing.assert_array_equal(one, plain)
    np.testing.assert_array_equal(of_each, plain)


@BOTH
def test_the_training_loss_is_the_weighted_sum(build, y):
    # At rate zero the losses of the first epoch are those of the weights that are drawn.
    options = {**STRICT, **NONE, "lr": 0.0, "max_epochs": 1}
    full = clips(24)[0]
    for weight, own in ((0.25, (0.25, 0.25)), ({"audio": 3, "text": 0.5}, (0.5, 3.0))):
        epoch = build(**options, unimodal_weight=weight).fit(full, y).history_.iloc[0]
        text, audio = epoch["train_text"], epoch["train_audio"]
        expected = epoch["train_multimodal"] + own[0] * text + own[1] * audio
        np.testing.assert_allclose(epoch["train_loss"], expected)


@BOTH
def test_a_task_of_weight_zero_trains_nothing(build, y):
    options = {**STRICT, "weight_decay": 0.0, "max_epochs": 3, "warm_start": True}
    estimator = build(**options | {"lr": 0.0}, unimodal_weight={"audio": 0.0}).fit(X, y)
    text, audio = heads(estimator, 0), heads(estimator, 1)
    estimator.set_params(lr=0.01).fit(X, y)
    assert all(map(torch.equal, heads(estimator, 1), audio))
    assert not any(map(torch.equal, heads(estimator, 0), text))
    # What may change from one fit to the next.
    estimator.set_params(unimodal_weight=0.5).fit(X, y)
    assert not any(map(torch.equal, heads(estimator, 1), audio))


@BOTH
def test_a_weight_moves_the_shared_layers(build, y):
    light, heavy = (build(**NONE, unimodal_weight=w).fit(X, y).transform(X) for w in (0.0, 5.0))
    assert not np.allclose(light, heavy)


def test_human_labels_count_by_the_number_that_is_given():
    human = pd.DataFrame({"text": -Y})
    options = {**STRICT, "lr": 0.0, "max_epochs": 1, "unimodal_weight": {"text": 0.5}}
    epoch = regressor(**options).fit(clips(24)[0], Y, unimodal_labels=human).history_.iloc[0]
    expected = epoch["train_multimodal"] + 0.5 * epoch["train_text"] + epoch["train_audio"]
    np.testing.assert_allclose(epoch["train_loss"], expected)


@pytest.mark.parametrize("weight", [0, {"rest": 0.0}, {"text": 0, "audio": 0.0}])
@pytest.mark.parametrize(
    ("build", "y", "labels"), [(regressor, Y, "ulag"), (classifier, NAMES, "soft")]
)
def test_labels_that_no_task_is_trained_on_are_refused(build, y, labels, weight):
    message = f"0 for all modalities \\(text, audio\\): what is left is the multimodal .*'{labels}'"
    with pytest.raises(ValueError, match=message):
        build(label_generation=labels, unimodal_weight=weight).fit(X, y)


def test_automatic_labels_without_a_task_are_y():
    estimator = regressor(label_generation="auto", unimodal_weight=0, max_epochs=4).fit(X, Y)
    labels = estimator.unimodal_labels_["text"]
    np.testing.assert_allclose(labels[labels.notna()], Y[labels.notna()], atol=1e-6)


@BOTH
@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-0.5, "'unimodal_weight' parameter .* Got -0.5"),
        (float("nan"), "'unimodal_weight' parameter .* Got nan"),
        (float("inf"), "'unimodal_weight' parameter .* Got inf"),
        ("heavy", "'unimodal_weight' parameter .* Got 'heavy'"),
        ({"smell": 1.0}, "unimodal_weight names 'smell'; allowed are 'text', 'audio' and 'rest'"),
        ({"text": -1}, r"unimodal_weight\['text'\] must be .* or 'auto', got -1"),
        ({"rest": float("nan"), "text": 1}, r"unimodal_weight\['rest'\] must be .*, got nan"),
        ({"text": "heavy"}, r"unimodal_weight\['text'\] must be .*, got 'heavy'"),
        ({"audio": None}, r"unimodal_weight\['audio'\] must be .*, got None"),
    ],
)
def test_bad_weights_are_refused_before_training(build, y, weight, message):
    estimator = build(unimodal_weight=weight)
    with pytest.raises(ValueError, match=message):
        estimator.fit(X, y)
    assert not hasattr(estimator, "history_")


def test_a_fit_with_a_step_path_starts_as_one_without():
    options = {"lr": 0.0, "weight_decay": 0.0, "max_epochs": 1}
    plain, path = (regressor(**options, step_path=asked).fit(X, Y) for asked in (False, True))
    np.testing.assert_array_equal(path.predict(X), plain.predict(X))
    assert not np.allclose(
        regressor(lr=0.01, step_path=True).fit(X, Y).predict(X),
        regressor(lr=0.01).fit(X, Y).predict(X),
    )


def test_a_step_path_of_one_modality():
    encoders = {"audio": {"step_path": True, "lr": 0.0, "weight_decay": 0.0}, "text": {"lr": 0.01}}
    module = regressor(encoders=encoders).fit(X, Y).net_.module_
    text, audio = (branch.encoder for branch in module.branches)
    assert not isinstance(text, StepPath)
    # The rate of an encoder is that of its path too.
    assert (audio.path[-1].weight == 0).all()
    with pytest.raises(ValueError, match=r"encoders\['audio'\]\['step_path'\] must be .*'yes'"):
        regressor(encoders={"audio": {"step_path": "yes"}}).fit(X, Y)
    with pytest.raises(ValueError, match="'step_path', which a transformer encoder does not have"):
        regressor(encoders={"audio": {"transformer": "x", "step_path": True}}).fit(X, Y)


def test_what_an_earlier_version_wrote_has_no_step_path_whatever_the_default(monkeypatch, tmp_path):
    """A file and a dump that do not name the parameter, read where it is on by default."""
    path = tmp_path / "model"
    estimator = regressor().fit(X, Y)
    lacking = copy.deepcopy(estimator)
    del lacking.step_path, lacking._plan["params"]["step_path"]
    dump = pickle.dumps(lacking)
    with monkeypatch.context() as earlier:
        named = {k: v for k, v in estimator.get_params().items() if k != "step_path"}
        earlier.setattr(type(lacking), "get_params", lambda self, deep=True: dict(named))
        lacking.save(path)
    monkeypatch.setitem(type(estimator).__init__.__kwdefaults__, "step_path", True)
    assert regressor().step_path is True
    for read in (type(estimator).load(path), pickle.loads(dump)):
        assert read.step_path is False
        np.testing.assert_array_equal(read.predict(X), estimator.predict(X))
        read.partial_fit(X, Y)
    with pytest.raises(ValueError, match="cannot take step_path=True"):
        read.set_params(step_path=True).partial_fit(X, Y)
