"""Saved estimators from strangers: what a file may set, and what it cannot make a machine do."""

import inspect
import json
import os
import time
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.pipeline import Pipeline, make_pipeline
from skorch.callbacks import Checkpoint, EpochScoring

import sklearn_tamulag
from sklearn_tamulag import MultimodalPadder, TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.ensemble import SeedEnsembleClassifier, SeedEnsembleRegressor
from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.json_text import parse_json
from sklearn_tamulag.persistence.saved_parameters import SAVED_PARAMETERS
from sklearn_tamulag.preprocessing import SequenceScaler, TextEmbedder, TextTokenizer
from tests.persistence.forging import change
from tests.small_fits import clips, regressor

X, Y = clips(24)
CLASSES = {
    cls.__name__: cls
    for cls in (
        *(TAMULAGRegressor, TAMULAGClassifier, MultimodalPadder, SequenceScaler),
        *(TextTokenizer, TextEmbedder, Pipeline, SeedEnsembleRegressor, SeedEnsembleClassifier),
    )
}
TEXTS = ["good film", "bad plot", "fine", "awful film", "great", "poor plot", "good", "bad"]
TEXT_Y = np.array([1.0, -1, 1, -1, 1, -1, 1, -1])
PLACES = r"names places, which are not taken from a file: .*%s"


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A saved regressor."""
    path = tmp_path_factory.mktemp("fitted") / "model"
    regressor().fit(X, Y).save(path)
    return path.read_bytes()


@pytest.fixture
def path(fitted, tmp_path):
    """A copy of it."""
    (tmp_path / "model").write_bytes(fitted)
    return tmp_path / "model"


def rows():
    """Strings beside audio."""
    return {"text": TEXTS, "audio": [np.ones((2, 3))] * len(TEXTS)}


@pytest.mark.parametrize("name", CLASSES)
def test_every_parameter_has_its_place_in_the_table(name):
    entry = SAVED_PARAMETERS[name]
    listed = [*entry.values, *entry.places, *entry.empty]
    of_class = set(inspect.signature(CLASSES[name]).parameters) - {"steps", "estimator"}
    if name == "Pipeline":  # which versions of scikit-learn have different ones of
        assert of_class <= {*listed}
    else:
        assert sorted(listed) == sorted(of_class)


def test_a_pipeline_takes_no_memory_from_a_file(tmp_path):
    path = tmp_path / "pipe"
    sklearn_tamulag.save(make_pipeline(SequenceScaler(), regressor()).fit(X, Y), path)
    change(path, lambda value: value["params"].update(memory=str(tmp_path / "memory")))
    with pytest.warns(UserWarning, match=PLACES % "memory=") as caught:
        loaded = sklearn_tamulag.load(path)
    assert len(caught) == 1
    assert loaded.memory is None
    loaded.fit(X, Y)
    assert not (tmp_path / "memory").exists()


def test_all_places_of_a_pipeline_come_back_unset_with_one_warning(tmp_path):
    path = tmp_path / "pipe"
    sklearn_tamulag.save(make_pipeline(TextTokenizer("nobody/nothing"), regressor()), path)

    def edit(value):
        value["params"]["memory"] = "a"
        value["steps"][0][1]["params"]["tokenizer"] = "somebody/something"
        value["steps"][1][1]["params"] |= {
            "checkpoint": "b",
            "encoders": {"text": {"transformer": "c", "tokenizer": "d", "cache": "e"}},
        }

    change(path, edit)
    with pytest.warns(UserWarning, match="names places") as caught:
        loaded = sklearn_tamulag.load(path)
    assert len(caught) == 1
    for name in ("memory='a'", "texttokenizer__tokenizer=", "checkpoint='b'", "['cache']='e'"):
        assert name in str(caught[0].message)
    assert loaded.memory is None
    assert loaded[0].tokenizer is None
    assert loaded[1].checkpoint is None
    unset = {"transformer": None, "tokenizer": None, "cache": None}
    assert loaded[1].encoders == {"text": unset}
    with pytest.raises(ValueError, match="'tokenizer' parameter of TextTokenizer"):
        loaded.fit(rows(), TEXT_Y)


def test_a_checkpoint_folder_is_neither_saved_nor_loaded(tmp_path):
    path = tmp_path / "model"
    estimator = regressor(checkpoint=tmp_path / "runs").fit(X, Y)
    with pytest.warns(UserWarning, match="checkpoint of TAMULAGRegressor name places") as caught:
        estimator.save(path)
    assert len(caught) == 1
    assert str(tmp_path).encode() not in path.read_bytes()
    twin = sklearn_tamulag.load(path)
    assert twin.checkpoint is None
    np.testing.assert_array_equal(twin.predict(X), estimator.predict(X))
    change(path, lambda value: value["params"].update(checkpoint=str(tmp_path / "elsewhere")))
    with pytest.warns(UserWarning, match=PLACES % "checkpoint="):
        twin = TAMULAGRegressor.load(path)
    clone(twin).fit(X, Y)
    assert not (tmp_path / "elsewhere").exists()


def test_a_saved_text_estimator_predicts_and_names_what_a_new_fit_needs(bert, tmp_path):
    path = tmp_path / "model"
    encoders = {"text": {"transformer": bert, "trainable": False, "cache": tmp_path / "states"}}
    estimator = regressor(encoders=encoders, max_epochs=1).fit(rows(), TEXT_Y)
    with pytest.warns(UserWarning, match=r"encoders\['text'\]\['cache'\]"):
        estimator.save(path)
    assert str(bert).encode() not in path.read_bytes()
    twin = sklearn_tamulag.load(path)
    assert twin.encoders["text"] == {"transformer": None, "trainable": False, "cache": None}
    np.testing.assert_array_equal(twin.predict(rows()), estimator.predict(rows()))
    twin.partial_fit(rows(), TEXT_Y)
    twin.set_params(warm_start=True).fit(rows(), TEXT_Y)
    with pytest.raises(ValueError, match=r"encoders\['text'\]\['transformer'\] is None.*Set it"):
        clone(twin).fit(rows(), TEXT_Y)
    again = clone(twin).set_params(encoders={"text": {"transformer": bert}})
    assert np.isfinite(again.fit(rows(), TEXT_Y).predict(rows())).all()


def test_an_embedder_takes_neither_source_nor_cache_from_a_file(bert, tmp_path):
    path = tmp_path / "embedder"
    embedder = TextEmbedder(bert, device="cpu").fit(TEXTS)
    sklearn_tamulag.save(embedder, path)
    assert sklearn_tamulag.load(path).get_params() == {
        **embedder.get_params(),
        "transformer": None,
    }
    change(path, lambda value: value["params"].update(cache=str(tmp_path / "cache")))
    with pytest.warns(UserWarning, match=PLACES % "cache="):
        loaded = sklearn_tamulag.load(path)
    assert loaded.transform(TEXTS) == embedder.transform(TEXTS)
    assert not (tmp_path / "cache").exists()


def edit_learned(name, new):
    """Replace a learned attribute."""
    return lambda value: value["learned"]["attributes"].update({name: new})


def edit_net(name, new):
    """Replace a part of the net's state."""
    return lambda value: value["learned"]["net"].update({name: new})


def edit_memory(name, new):
    """Replace a part of the label memory."""
    return lambda value: value["learned"]["label_memory"].update({name: new})


def many_modalities(value):
    """Modalities that there are no weights for."""
    sizes = {f"m{number}": 1 for number in range(100_000)}
    value["learned"]["attributes"] |= {"feature_sizes_": sizes, "modalities_": tuple(sizes)}


def deep_plan(value):
    """Layers that there are no weights for."""
    value["learned"]["plan"]["params"]["num_layers"] = 10**6


def thin_weights(value):
    """Weights of a narrower type, which would grow."""
    weights = value["learned"]["net"]["weights"]
    weights |= {name: weight.to(torch.uint8) for name, weight in weights.items()}


FORGED = {
    "memory of no values": (
        edit_memory("present", torch.zeros(0, 100, dtype=torch.bool)),
        "of a label memory is no tensor of the shape",
    ),
    "labels of another shape": (edit_memory("labels", torch.zeros(3)), "labels of a label memory"),
    "history of the memory": (edit_memory("history", [torch.zeros(3)]), "history of a label"),
    "wide memory": (
        lambda value: value["learned"]["label_memory"].update(
            present=torch.ones(1, 7, dtype=torch.bool)
        ),
        "label memory",
    ),
    "many modalities": (many_modalities, "fewer layers"),
    "many layers": (deep_plan, "fewer layers"),
    "narrow weights": (thin_weights, "is of torch.uint8"),
    "wide history": (
        edit_net("history", [{f"c{number}": 0.0} for number in range(3000)]),
        "has 3000 columns",
    ),
    "history of no epochs": (edit_net("history", [1, 2]), "no list of epochs"),
    "history without names": (
        edit_net("history", [{(2**61 - 1) * number: 0.0} for number in range(30)]),
        "values without a name",
    ),
    "counts of a net": (edit_net("max_epochs", "many"), "no integers"),
    "modalities": (edit_learned("modalities_", ("text", 5)), "modalities_ of a TAMULAGRegressor"),
    "sizes": (edit_learned("feature_sizes_", {"text": 4}), "not those of its modalities_"),
    "epochs": (edit_learned("n_iter_", -1), "n_iter_ of a TAMULAGRegressor cannot be"),
    "unknown state": (edit_learned("fit", 1), "learns nothing that is named 'fit'"),
    "callbacks": (lambda value: value["params"].update(callbacks=["a"]), "never written"),
    "parameter": (lambda value: value["params"].update(memory="a"), "no parameter 'memory'"),
    "output": (lambda value: value.update(output={"transform": "numpy"}), "transform returns one"),
    "output of fit": (lambda value: value.update(output={"fit": "pandas"}), "no kind of output"),
    "request": (
        lambda value: value.update(requests={"fit": {"callbacks": True}}),
        "cannot request",
    ),
    "method of a request": (
        lambda value: value.update(requests={"_x": {"sample_weight": True}}),
        "cannot request",
    ),
    "planned parameter": (
        lambda value: value["learned"]["plan"]["params"].update(fit=1),
        "no parameter 'fit'",
    ),
    "groups of weights": (
        lambda value: value["learned"]["net"]["optimizer"]["param_groups"][0].update(params=[0, 0]),
        "other groups of weights",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_file_that_save_never_writes_is_refused_at_once(name, path):
    edit, message = FORGED[name]
    change(path, edit)
    start = time.perf_counter()
    with pytest.raises(ValueError, match=message):
        sklearn_tamulag.load(path)
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": 10**8}, "parameters ask for"),
        ({"hidden_size": 2**20}, "parameters ask for"),
        ({"num_hidden_layers": 10**6}, "more than the weights are of"),
        ({"num_hidden_layers": 20}, "parameters ask for"),
        ({"intermediate_size": 10**9}, "parameters ask for"),
    ],
)
def test_a_transformer_is_not_built_before_its_weights_fit(changes, message, bert, tmp_path):
    path = tmp_path / "model"
    sklearn_tamulag.save(TextEmbedder(bert, device="cpu").fit(TEXTS), path)
    change(path, lambda value: value["learned"]["attributes"]["transformer_"].update(changes))
    with pytest.raises(ValueError, match=message):
        sklearn_tamulag.load(path)
    regressor(encoders={"text": {"transformer": bert}}, max_epochs=1).fit(rows(), TEXT_Y).save(path)
    change(
        path,
        lambda value: value["learned"]["attributes"]["transformers_"]["text"].update(changes),
    )
    with pytest.raises(ValueError, match=message):
        sklearn_tamulag.load(path)


def steps_of(*steps):
    """The description of a pipeline."""
    params = {"transform_input": None, "verbose": False}
    return {"class": "Pipeline", "steps": list(steps), "params": params}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (steps_of(("a", "drop")), "a step of a Pipeline is 'drop'"),
        (steps_of((5, None)), "named by a int"),
        (steps_of(("a", {"class": "os.system"})), "holds a os.system"),
        ({**steps_of(), "extra": 1}, "other fields"),
        ({"class": ["a"]}, "cannot be loaded"),
        ([], "cannot be loaded"),
        (None, "cannot be loaded"),
        (5, "cannot be loaded"),
    ],
)
def test_descriptions_of_no_pipeline_are_refused(value, message, tmp_path):
    write_value(tmp_path / "model", value, kind="estimator")
    with pytest.raises(ValueError, match=message):
        sklearn_tamulag.load(tmp_path / "model")


def checkpointed(folder, **params):
    """A regressor whose callback could write files."""
    saver = Checkpoint(
        monitor=None,
        dirname=folder / "saver",
        **dict.fromkeys(("f_optimizer", "f_criterion", "f_history")),
    )
    callbacks = [("saver", saver), ("score", EpochScoring("r2", lower_is_better=False))]
    return regressor(checkpoint=folder / "runs", callbacks=callbacks, **params)


@pytest.mark.parametrize(
    ("callback", "state"),
    [
        ("saver", {"values": {"dirname": "victim", "f_params": "thesis.tex"}}),
        ("saver", {"values": {"__class__": 5}}),
        ("saver", {"values": {"_hidden_": 5}}),
        ("saver", {"values": {"on_epoch_end": None}}),
        ("saver", {"itself": {"dirname": "victim"}}),
        ("score", {"values": {"name": "elsewhere"}}),
        ("score", {"parts": {"scoring": {}}}),
        ("best_epoch", {"values": {"patience": 10**9}}),
    ],
)
def test_a_checkpoint_sets_learned_attributes_of_callbacks_only(callback, state, tmp_path):
    checkpointed(tmp_path).fit(X, Y)
    (file,) = tmp_path.glob("runs/*/*.safetensors")
    value = read_value(file, kind="checkpoint")
    kept = value["training"]["callbacks"][callback]
    value["training"]["callbacks"][callback] = (
        state if "itself" in state else {"parts": {}, "values": {}} | kept | state
    )
    write_value(file, value, kind="checkpoint")
    with pytest.raises(ValueError, match=r"training cannot go on.*callback"):
        checkpointed(tmp_path, max_epochs=3).fit(X, Y)
    assert not (tmp_path / "victim").exists()


@pytest.mark.parametrize(
    ("name", "new"),
    [
        ("history", "[" * 100_000),
        ("history", '[{"a": 1}, 5]'),
        ("history", 5),
        ("random", {"cpu": torch.zeros(3)}),
        ("order", {"bit_generator": "MT19937"}),
        ("frozen", [[]]),
        ("frozen", [(2**61 - 1) * number for number in range(100)]),
        ("random", {}),
        ("optimizer", {"state": {}, "param_groups": []}),
        ("labels", {}),
        ("weights", {}),
    ],
)
def test_a_forged_checkpoint_is_refused(name, new, tmp_path):
    fit = regressor(checkpoint=tmp_path).fit
    fit(X, Y)
    (file,) = tmp_path.glob("*/*.safetensors")
    value = read_value(file, kind="checkpoint")
    value["training"][name] = new
    write_value(file, value, kind="checkpoint")
    with pytest.raises(ValueError, match=r"training cannot go on from .* Remove the file"):
        fit(X, Y)


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "5", '{"parameters": 5, "data": 6}'])
def test_a_forged_manifest_of_a_checkpoint_is_refused(text, tmp_path):
    fit = regressor(checkpoint=tmp_path).fit
    fit(X, Y)
    (file,) = tmp_path.glob("*/checkpoint.json")
    file.write_text(text)
    with pytest.raises(ValueError, match=r"belongs to no fit|of another fit"):
        fit(X, Y)


def test_a_checkpoint_follows_no_link_out_of_its_folder(tmp_path):
    victim = tmp_path / "thesis.tex"
    victim.write_text("precious")
    runs = tmp_path / "runs"
    regressor(checkpoint=runs).fit(X, Y)
    (file,) = runs.glob("*/*.safetensors")
    file.unlink()
    file.symlink_to(victim)
    with pytest.raises(ValueError, match="is a link"):
        regressor(checkpoint=runs).fit(X, Y)
    (folder,) = runs.iterdir()
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    with pytest.raises(ValueError, match="is a link"):
        regressor(checkpoint=runs).fit(X, Y)
    assert victim.read_text() == "precious"


def test_pipes_in_a_checkpoint_are_refused(tmp_path):
    fit = regressor(checkpoint=tmp_path).fit
    fit(X, Y)
    for pattern in ("*.safetensors", "checkpoint.json"):
        (file,) = tmp_path.glob(f"*/{pattern}")
        kept = file.read_bytes()
        file.unlink()
        os.mkfifo(file)
        with pytest.raises(ValueError, match=r"no regular file|belongs to no fit"):
            fit(X, Y)
        file.unlink()
        file.write_bytes(kept)
    fit(X, Y)


def test_a_checkpoint_of_very_many_batches_is_read():
    batches = [{"train_loss": 2.905299663543701, "train_batch_size": 4}] * 100_000
    text = json.dumps([{"batches": batches, "epoch": 1}]).encode()
    assert len(parse_json(text, 4 * len(text))[0]["batches"]) == 100_000


def test_an_honest_file_is_loaded_without_a_warning(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert sklearn_tamulag.load(path).get_params() == regressor().get_params()
