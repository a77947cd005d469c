"""Saved estimators and pipelines: the same bits, training that goes on, and clear refusals."""

import copy
import functools
import gc
import hashlib
import json
import os
import pickle
import random
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import sklearn
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EpochScoring, LRScheduler

import sklearn_tamulag
from sklearn_tamulag import (
    MultimodalData,
    MultimodalPadder,
    TAMULAGClassifier,
    TAMULAGRegressor,
)
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(24)
LABELS = three_classes(Y)
BOTH = pytest.mark.parametrize(
    ("build", "y"), [(regressor, Y), (classifier, LABELS)], ids=["regressor", "classifier"]
)


@pytest.fixture
def path(tmp_path):
    """Where to save."""
    return tmp_path / "model.safetensors"


def saved_twin(estimator, path):
    """Save and load."""
    sklearn_tamulag.save(estimator, path)
    return sklearn_tamulag.load(path)


def assert_equal(actual, expected):
    """Equal learned values of equal types."""
    assert type(actual) is type(expected)
    if isinstance(expected, pd.DataFrame):
        pd.testing.assert_frame_equal(actual, expected)
    elif isinstance(expected, np.ndarray):
        np.testing.assert_array_equal(actual, expected)
        assert actual.dtype == expected.dtype
    elif isinstance(expected, torch.Tensor):
        assert torch.equal(actual, expected)
    elif isinstance(expected, dict):
        assert list(actual) == list(expected)
        for name in expected:
            assert_equal(actual[name], expected[name])
    elif isinstance(expected, list):
        for one, other in zip(actual, expected, strict=True):
            assert_equal(one, other)
    else:
        assert actual == expected


def assert_twins(twin, estimator, X, y):
    """Two fitted estimators know, predict and go on to learn the same."""
    assert type(twin) is type(estimator)
    assert twin.get_params() == estimator.get_params()
    special = ("net_", "_label_memory", "_plan")
    assert vars(twin).keys() == vars(estimator).keys()
    learned = [name for name in vars(estimator) if name.endswith("_") and name not in special]
    assert {"history_", "unimodal_labels_", "unimodal_label_history_"} <= set(learned)
    for name in learned:
        assert_equal(getattr(twin, name), getattr(estimator, name))
    assert_equal(vars(twin._label_memory), vars(estimator._label_memory))
    assert_same_outputs(twin, estimator, X)
    # Training goes on: from the same weights, optimizer, order of rows and labels.
    for train in (
        lambda one: one.partial_fit(X, y),
        lambda one: one.set_params(warm_start=True).fit(X, y),
    ):
        assert_same_outputs(train(twin), train(estimator), X)
        np.testing.assert_array_equal(twin.unimodal_labels_, estimator.unimodal_labels_)
        pd.testing.assert_frame_equal(
            twin.history_.drop(columns="dur"), estimator.history_.drop(columns="dur")
        )
    # A clone knows parameters only, and trains from the start.
    again = clone(twin)
    assert not hasattr(again, "net_")
    assert again.get_params() == twin.get_params()


def assert_same_outputs(twin, estimator, X):
    """Equal bits of everything that a network tells."""
    np.testing.assert_array_equal(twin.predict(X), estimator.predict(X))
    np.testing.assert_array_equal(twin.transform(X), estimator.transform(X))
    pd.testing.assert_frame_equal(twin.predict_unimodal(X), estimator.predict_unimodal(X))
    if hasattr(estimator, "predict_proba"):
        np.testing.assert_array_equal(twin.predict_proba(X), estimator.predict_proba(X))


@BOTH
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"precision": "float64", "fusion": "cross", "early_stopping": False},
        {"precision": "bfloat16", "cell": "gru", "bidirectional": True, "num_layers": 2},
        {"label_generation": "none", "unimodal_weight": {"text": 0.1}, "attention": "gate"},
        {"lr": {"text": 1e-3, "rest": 2e-3}, "encoders": {"audio": {"step_path": True}}},
        {"optimizer": torch.optim.Adagrad, "fusion": "semantic", "device": torch.device("cpu")},
        {"warmup": 0.5, "schedule": "cosine", "optimizer": "sgd", "batch_size": None},
        {"random_state": np.random.RandomState(3), "verbose": np.int64(0)},
    ],
    ids=lambda params: ",".join(params) or "defaults",
)
def test_an_estimator_comes_back_whole(build, y, params, path):
    estimator = build(**copy.deepcopy(params)).fit(X, y)
    estimator.save(path)
    twin = type(estimator).load(path)
    if "random_state" in params:
        # Both draw on from the same state.
        state = twin.random_state.get_state(legacy=False)["state"]
        assert_equal(state, estimator.random_state.get_state(legacy=False)["state"])
        twin.random_state, estimator.random_state = 5, 5
    assert_twins(twin, estimator, X, y)


@pytest.mark.parametrize("labels", ["ulgm", "ulag"])
def test_strategies_of_labels_come_back(labels, path):
    data, y = clips(24, missing=True)
    estimator = regressor(label_generation=labels, label_mixing=0.3).fit(data, y)
    assert_twins(saved_twin(estimator, path), estimator, data, y)


def frame(index=None):
    """The rows as a DataFrame of arrays."""
    cells = {
        name: [array[row, : X.lengths[name][row]] for row in range(len(X))]
        for name, array in X.arrays.items()
    }
    return pd.DataFrame(cells, index=index)


def with_ids(ids):
    """The rows with names."""
    return MultimodalData(X.arrays, X.lengths, ids=ids, groups=np.arange(len(X)) // 2)


FORMS = {
    "string ids": with_ids([f"clip {row}" for row in range(24)]),
    "integer ids": with_ids(np.arange(24) * 3),
    "dates": with_ids(np.arange(24).astype("M8[D]")),
    "dict": {name: list(frame()[name]) for name in X.arrays},
    "DataFrame": frame(),
    "named DataFrame": frame([f"clip {row}" for row in range(24)]),
    "pairs as names": frame(pd.MultiIndex.from_product([range(12), ["a", "b"]])),
    "times as names": frame(pd.date_range("2024-03-30", periods=24, freq="h", tz="Europe/Berlin")),
    "table": np.asarray(X)[:, :6],
    "DataFrame of numbers": pd.DataFrame(np.asarray(X)[:, :3], columns=["a", "b", "c"]),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_rows_comes_back(form, path):
    estimator = regressor(max_epochs=1).fit(FORMS[form], Y)
    assert_twins(saved_twin(estimator, path), estimator, FORMS[form], Y)


@pytest.mark.parametrize(
    "classes",
    [
        np.array([3, 1, 7]),
        np.array([0.5, -1.0, 2.0]),
        np.array(["down", "flat", "up"], dtype=object),
        np.array([False, True, True]),
        np.array([0, 1, 1], dtype=np.uint8),
    ],
    ids=["int", "float", "object", "bool", "uint8"],
)
def test_every_type_of_class_comes_back(classes, path):
    y = classes[np.unique(LABELS, return_inverse=True)[1]]
    if classes.dtype.kind == "f":
        y = y.astype(str)  # scikit-learn takes other floats for a continuous y
    weights = {label: 1.0 + number for number, label in enumerate(np.unique(y).tolist())}
    estimator = classifier(max_epochs=1, class_weight=weights).fit(X, y)
    twin = saved_twin(estimator, path)
    assert list(map(type, twin.class_weight)) == list(map(type, weights))
    assert_twins(twin, estimator, X, y)


def test_float_classes_come_back(path):
    y = np.array([-1.0, 0.0, 1.0])[np.unique(LABELS, return_inverse=True)[1]]
    estimator = classifier(max_epochs=1).fit(X, y)
    assert_twins(saved_twin(estimator, path), estimator, X, y)


def test_training_by_partial_fit_comes_back(path):
    estimator = classifier().partial_fit(X, LABELS, classes=np.unique(LABELS))
    assert_twins(saved_twin(estimator, path), estimator, X, LABELS)


@BOTH
def test_an_unfitted_estimator_comes_back(build, y, path):
    estimator = build(hidden_size=-1, dropout={"text": 0.5, "rest": 0.1}, label_mixing=float("nan"))
    twin = saved_twin(estimator, path)
    assert repr(twin) == repr(estimator)
    assert vars(twin).keys() == vars(estimator).keys()


def test_parameters_changed_after_fit_come_back_beside_the_fitted_net(path):
    encoders = {"text": {"hidden_size": 3}}
    estimator = regressor(encoders=encoders).fit(X, Y)
    estimator.set_params(hidden_size=40, fusion="cross", precision="float64", max_epochs=1)
    encoders["text"]["hidden_size"] = 50
    twin = saved_twin(estimator, path)
    assert twin.get_params() == estimator.get_params()
    assert twin.encoders == {"text": {"hidden_size": 50}}
    assert_same_outputs(twin, estimator, X)
    # The net that is there trains on once it is what the parameters ask for.
    for one in (twin, estimator):
        with pytest.raises(ValueError, match=r"cannot take encoders=.*hidden_size=40"):
            one.partial_fit(X, Y)
        one.set_params(hidden_size=6, fusion="concat", precision="float32")
        one.set_params(encoders={"text": {"hidden_size": 3}})
    assert_same_outputs(twin.partial_fit(X, Y), estimator.partial_fit(X, Y), X)


def test_what_scikit_learn_keeps_comes_back(path):
    estimator = regressor().fit(X, Y).set_output(transform="pandas")
    with sklearn.config_context(enable_metadata_routing=True):
        estimator.set_fit_request(sample_weight="w", groups=True).set_score_request(
            sample_weight=False
        )
    twin = saved_twin(estimator, path)
    pd.testing.assert_frame_equal(twin.transform(X), estimator.transform(X))
    assert str(twin.get_metadata_routing()) == str(estimator.get_metadata_routing())


def test_loading_leaves_global_states_alone(path):
    regressor().fit(X, Y).save(path)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    TAMULAGRegressor.load(path)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert before == after


def test_saving_leaves_the_estimator_as_it_is(path):
    estimator = regressor().fit(X, Y)
    before = joblib.hash(pickle.dumps(estimator))
    estimator.save(path)
    assert joblib.hash(pickle.dumps(estimator)) == before
    size = path.stat().st_size
    estimator.save(path)
    assert path.stat().st_size == size


def whole_pipeline():
    """All that a pipeline of ours may hold."""
    steps = [
        ("padder", MultimodalPadder(max_length={"text": 4, "rest": None}, ids="id")),
        ("nothing", "passthrough"),
        ("scaler", make_pipeline(SequenceScaler())),
        ("regressor", regressor()),
    ]
    return Pipeline(steps)


def test_a_pipeline_comes_back_and_trains(path):
    rows = frame().assign(id=[f"clip {row}" for row in range(24)])
    pipeline = whole_pipeline().fit(rows, Y)
    twin = saved_twin(pipeline, path)
    assert repr(twin) == repr(pipeline)
    np.testing.assert_array_equal(twin.predict(rows), pipeline.predict(rows))
    for name in ("mean_", "scale_"):
        assert_equal(getattr(twin["scaler"][0], name), getattr(pipeline["scaler"][0], name))
    assert twin["padder"].lengths_ == pipeline["padder"].lengths_
    np.testing.assert_array_equal(
        clone(twin).fit(rows, Y).predict(rows), clone(pipeline).fit(rows, Y).predict(rows)
    )


@pytest.mark.parametrize("step", [MultimodalPadder(dtype="float64"), SequenceScaler()])
def test_transformers_come_back(step, path):
    twin = saved_twin(step.fit(X), path)
    assert twin.get_params() == step.get_params()
    assert twin.transform(X) == step.transform(X)
    assert repr(saved_twin(clone(step), path)) == repr(step)


def test_a_new_process_predicts_the_same_bits(path, tmp_path):
    pipeline = make_pipeline(SequenceScaler(), classifier(num_layers=2)).fit(X, LABELS)
    sklearn_tamulag.save(pipeline, path)
    joblib.dump(X, tmp_path / "X.joblib")
    program = (
        "import sys, joblib, numpy, torch, sklearn_tamulag\n"
        "torch.set_num_threads(1)\n"
        "model = sklearn_tamulag.load(sys.argv[1])\n"
        "X = joblib.load(sys.argv[2])\n"
        "numpy.save(sys.argv[3], model.predict_proba(X))\n"
        "model[-1].set_params(warm_start=True)\n"
        "y = numpy.repeat(model.classes_, 8)\n"
        "numpy.save(sys.argv[4], model.fit(X, y).predict_proba(X))\n"
        "sklearn_tamulag.save(model, sys.argv[5])\n"
    )
    files = [str(tmp_path / name) for name in ("X.joblib", "p.npy", "q.npy", "model2")]
    subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(path), *files],
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    np.testing.assert_array_equal(np.load(files[1]), pipeline.predict_proba(X))
    pipeline[-1].set_params(warm_start=True)
    pipeline.fit(X, np.repeat(pipeline.classes_, 8))
    np.testing.assert_array_equal(np.load(files[2]), pipeline.predict_proba(X))
    np.testing.assert_array_equal(
        sklearn_tamulag.load(files[3]).predict_proba(X), pipeline.predict_proba(X)
    )


def test_damage_at_200_random_places_is_an_error(path):
    sklearn_tamulag.save(make_pipeline(SequenceScaler(), regressor()).fit(X, Y), path)
    content = path.read_bytes()
    places = np.random.default_rng(0).integers(0, len(content), 200)
    for number, place in enumerate(places):
        flipped = bytes([content[place] ^ (1 << number % 8)])
        for damaged in (
            content[:place] + flipped + content[place + 1 :],
            content[:place],
        ):
            path.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"model\.safetensors cannot be read: it"):
                sklearn_tamulag.load(path)


def test_a_file_of_another_class_is_refused(path):
    regressor().fit(X, Y).save(path)
    with pytest.raises(ValueError, match="holds a TAMULAGRegressor, not a TAMULAGClassifier"):
        TAMULAGClassifier.load(path)
    sklearn_tamulag.save(make_pipeline(regressor()), path)
    with pytest.raises(ValueError, match="holds a Pipeline, not a TAMULAGRegressor"):
        TAMULAGRegressor.load(path)
    path.write_bytes(pickle.dumps(regressor()))
    with pytest.raises(ValueError, match="pickle"):
        TAMULAGRegressor.load(path)
    with pytest.raises(FileNotFoundError):
        sklearn_tamulag.load(path.with_name("absent"))


def test_estimators_of_other_classes_are_refused_before_anything_is_written(path):
    pipeline = make_pipeline(StandardScaler(), regressor())
    with pytest.raises(TypeError, match=r"Step 'standardscaler'.*joblib\.dump"):
        sklearn_tamulag.save(pipeline, path)
    nested = make_pipeline(make_pipeline(StandardScaler()), regressor())
    with pytest.raises(TypeError, match="Step 'standardscaler'"):
        sklearn_tamulag.save(nested, path)
    search = GridSearchCV(regressor(max_epochs=1), {"hidden_size": [2]}, cv=2).fit(X, Y)
    with pytest.raises(TypeError, match=r"got GridSearchCV; save its best_estimator_\."):
        sklearn_tamulag.save(search, path)
    with pytest.raises(TypeError, match="got ABCMeta"):
        sklearn_tamulag.save(TAMULAGRegressor, path)
    assert not path.exists()
    assert saved_twin(search.best_estimator_, path).hidden_size == 2


class OwnRegressor(TAMULAGRegressor):
    """A user's subclass."""


def test_subclasses_save_and_load_themselves(path):
    estimator = OwnRegressor(max_epochs=1, random_state=0).fit(X, Y)
    estimator.save(path)
    twin = OwnRegressor.load(path)
    assert_twins(twin, estimator, X, Y)
    with pytest.raises(ValueError, match="holds a OwnRegressor, not a TAMULAGRegressor"):
        TAMULAGRegressor.load(path)
    with pytest.raises(TypeError, match="got OwnRegressor"):
        sklearn_tamulag.save(estimator, path)


def test_callbacks_are_left_out_with_a_warning(path):
    callbacks = [LRScheduler(), ("score", EpochScoring("r2", lower_is_better=False))]
    estimator = regressor(callbacks=callbacks).fit(X, Y)
    with pytest.warns(UserWarning, match="callbacks cannot be stored.*after load it is None"):
        estimator.save(path)
    twin = TAMULAGRegressor.load(path)
    assert twin.callbacks is None
    assert_same_outputs(twin, estimator, X)
    assert {"r2", "event_lr"} <= set(twin.history_)
    pd.testing.assert_frame_equal(twin.history_, estimator.history_)
    assert twin.partial_fit(X, Y).n_iter_ == 3


class OwnOptimizer(torch.optim.SGD):
    """An optimizer that torch does not know."""


@pytest.mark.parametrize(
    "optimizer", [OwnOptimizer, functools.partial(torch.optim.SGD, momentum=0.9)]
)
def test_an_unknown_optimizer_is_replaced_with_a_warning(optimizer, path):
    estimator = regressor(optimizer=optimizer).fit(X, Y)
    with pytest.warns(UserWarning, match="optimizer cannot be stored.*after load it is 'adamw'"):
        estimator.save(path)
    twin = TAMULAGRegressor.load(path)
    assert_same_outputs(twin, estimator, X)
    assert type(twin.net_.optimizer_) is torch.optim.AdamW
    assert twin.partial_fit(X, Y).n_iter_ == 3


def test_what_only_this_process_understands_is_left_out_with_a_warning(path):
    rows = with_ids(np.array([uuid.uuid4() for _ in range(24)], dtype=object))
    estimator = regressor().fit(rows, Y)
    with pytest.warns(UserWarning, match="names.*are strings after load"):
        estimator.save(path)
    twin = TAMULAGRegressor.load(path)
    assert twin.unimodal_labels_.index.tolist() == [str(name) for name in rows.ids]
    np.testing.assert_array_equal(twin.unimodal_labels_, estimator.unimodal_labels_)
    estimator = regressor().fit(X, Y)
    estimator.remark_ = "mine"
    with pytest.warns(UserWarning, match=r"\['remark_'\] of TAMULAGRegressor are not saved"):
        estimator.save(path)
    estimator = regressor().fit(X, Y)
    estimator.net_.history[0]["lock"] = threading.Lock()
    with pytest.warns(UserWarning, match=r"\['lock'\] in the history"):
        estimator.save(path)
    assert "lock" not in TAMULAGRegressor.load(path).history_
    with pytest.warns(UserWarning, match="memory='cache' of the pipeline.*None"):
        sklearn_tamulag.save(Pipeline([("scaler", SequenceScaler())], memory="cache"), path)
    assert sklearn_tamulag.load(path).memory is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="a machine with CUDA has the device")
def test_a_device_that_is_not_at_hand_is_named(path):
    estimator = regressor().fit(X, Y)
    estimator.set_params(device="cuda").save(path)
    with pytest.raises(ValueError, match=r"device must be.*'cuda'.*Give load another device"):
        TAMULAGRegressor.load(path)
    twin = TAMULAGRegressor.load(path, device="cpu")
    assert twin.device == "cpu"
    assert_same_outputs(twin, estimator, X)
    assert twin.partial_fit(X, Y).n_iter_ == 3
    sklearn_tamulag.save(make_pipeline(SequenceScaler(), estimator), path)
    assert sklearn_tamulag.load(path, device=torch.device("cpu"))[-1].device == torch.device("cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_a_file_moves_between_devices(path):
    for here, there in (("cuda", "cpu"), ("cpu", "cuda")):
        estimator = regressor(device=here).fit(X, Y)
        estimator.save(path)
        assert_same_outputs(TAMULAGRegressor.load(path), estimator, X)
        twin = TAMULAGRegressor.load(path, device=there)
        assert {weight.device.type for weight in twin.net_.module_.parameters()} == {there}
        np.testing.assert_allclose(twin.predict(X), estimator.predict(X), atol=1e-4)
        assert twin.partial_fit(X, Y).n_iter_ == 3
        twin.save(path)
        again = TAMULAGRegressor.load(path, device=here)
        np.testing.assert_allclose(again.predict(X), twin.predict(X), atol=1e-4)


def changed(path, change):
    """Change the document of a file and make its checksum right again."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size])["__metadata__"] | {"sha256": "0" * 64}
    tensors = safetensors.torch.load(content)
    text = change(tensors["document.json"].numpy().tobytes().decode())
    tensors["document.json"] = torch.frombuffer(bytearray(text.encode()), dtype=torch.uint8)
    content = safetensors.torch.save(tensors, metadata)
    digest = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content.replace(b"0" * 64, digest, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"TAMULAGRegressor"', '"os.system"', "holds a os.system"),
        ('"TAMULAGRegressor"', '"TAMULAGClassifier"', "TAMULAGClassifier learns no ScaledTarget"),
        ('["hidden_size",6]', '["hidden_size",1000000]', "has the shape.*parameters ask for"),
        ('["hidden_size",6]', '["hidden_size",1000000000]', "cannot be loaded"),
        ('["num_layers",1]', '["num_layers",1000000000]', "fewer layers"),
        ('["fusion_size",8]', '["fusion_size",9]', "has the shape"),
        ('["hidden_size",6]', '["hidden_width",6]', "no parameter 'hidden_width'"),
        ('["hidden_size",6]', '["hidden_size","six"]', "cannot be loaded"),
        ('["n_iter_",2]', '["predict",2]', "learns nothing that is named 'predict'"),
        ('"ScaledTarget"', '"Popen"', "cannot be loaded"),
        ('["neutral",0.0]', '["centre",0.0]', "cannot be loaded"),
        ('["label_memory",', '["memories",', "has the parts"),
        ('["epoch",2]', '["epochs",2]', "a label memory has the state"),
        ('["batch_size",32]]', '["batch_length",32]]', "a net has the state"),
        ('"PCG64"', '"MT19937"', "cannot be loaded"),
        ('["requests",{"kind":"dict","items":[]}', '["requests",7', "cannot be loaded"),
    ],
)
def test_a_forged_file_is_refused_in_words(old, new, message, path):
    regressor(neutral=0.0).fit(X, Y).save(path)
    changed(path, lambda text: text.replace(old, new))
    with pytest.raises(ValueError, match=message):
        sklearn_tamulag.load(path)


def test_files_of_a_newer_format_are_refused(path):
    regressor().fit(X, Y).save(path)
    changed(path, lambda text: text)
    assert_same_outputs(TAMULAGRegressor.load(path), regressor().fit(X, Y), X)
    content = path.read_bytes().replace(b'"format_version":"1"', b'"format_version":"2"', 1)
    path.write_bytes(content)
    changed(path, lambda text: text)
    with pytest.raises(ValueError, match="format 2, newer than 1"):
        TAMULAGRegressor.load(path)


def process_footprint():
    """Memory in MB, open files and threads of this process."""
    memory = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    files = len(list(Path("/proc/self/fd").iterdir()))
    return memory / 1e6, files, len(list(Path("/proc/self/task").iterdir()))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's /proc")
def test_300_rounds_of_fit_predict_save_and_load_leave_nothing_behind(path):
    footprints = []
    for number in range(500):
        estimator = regressor(max_epochs=1, random_state=number).fit(X, Y)
        twin = saved_twin(estimator, path)
        np.testing.assert_array_equal(twin.predict(X), estimator.predict(X))
        joblib.dump(estimator, path)
        np.testing.assert_array_equal(joblib.load(path).predict(X), estimator.predict(X))
        if number % 100 == 99:
            gc.collect()
            footprints.append(process_footprint())
    # After 200 rounds the allocator has what it needs. A twin has 60 kB: one of them kept in each
    # of the 300 rounds after these would take 18 MB.
    _, first, *_, last = footprints
    assert last[0] - first[0] < 6
    assert last[1:] == first[1:]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_failed_save_leaves_the_old_file(path, monkeypatch):
    estimator = regressor().fit(X, Y)
    estimator.save(path)
    before = path.read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sklearn_tamulag.data.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left on device; nothing was changed"):
        estimator.partial_fit(X, Y).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]
