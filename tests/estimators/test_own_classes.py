"""A user's own sequence model, pooling and fusion in an estimator: fitted, kept and loaded."""

import json
import pickle
import random
import warnings

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from torch import nn

import sklearn_tamulag
from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.ensemble import SeedEnsembleRegressor
from sklearn_tamulag.persistence.container import read_value
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.own_parts import OWN, PARTS, GatedFusion, SquaredPooling, StateFusion, StepModel
from tests.persistence.forging import change
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(24, missing=True)


class DroppingFusion(GatedFusion):
    """Drops values by a function of torch, and by a layer that draws inside its own functions."""

    def __init__(self, embedding_sizes, fusion_size, *, dropout):
        super().__init__(embedding_sizes, fusion_size, dropout=dropout)
        self.lstm = nn.LSTM(fusion_size, fusion_size, num_layers=2, dropout=0.5, batch_first=True)

    def forward(self, embeddings):
        fused = nn.functional.dropout(super().forward(embeddings), 0.3, self.training)
        return self.lstm(fused.unsqueeze(1))[0].squeeze(1)


class MixingFusion(GatedFusion):
    """Normalises over the batch."""

    def __init__(self, embedding_sizes, fusion_size, *, dropout):
        super().__init__(embedding_sizes, fusion_size, dropout=dropout)
        self.norm = nn.BatchNorm1d(fusion_size)

    def forward(self, embeddings):
        return self.norm(super().forward(embeddings))


class FlatFusion(GatedFusion):
    """Returns another shape."""

    def forward(self, embeddings):
        return super().forward(embeddings).sum(dim=1)


class LoudPooling(SquaredPooling):
    """Adds what stands on padding."""

    def forward(self, states, lengths):
        pooled, weights = super().forward(states, lengths)
        return pooled + states.mean(dim=1) if states.shape[1] else pooled, weights


class LoudModel(StepModel):
    """Shows how much padding there is."""

    def forward(self, features, lengths):
        states = super().forward(features, lengths)
        return states * features.shape[1]


@pytest.fixture(scope="module")
def fitted():
    """A regressor with classes in all places."""
    return regressor(**PARTS).fit(X, Y)


@pytest.fixture
def path(fitted, tmp_path):
    """Its file."""
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


def test_a_fit_builds_instances_of_the_classes(fitted):
    module = fitted.net_.module_
    assert type(module.fusion) is GatedFusion
    assert all(type(branch.encoder) is StepModel for branch in module.branches)
    assert all(type(branch.pooling) is SquaredPooling for branch in module.branches)
    assert fitted.transform(X).shape == (24, 8)
    np.testing.assert_array_equal(fitted.predict(X), clone(fitted).fit(X, Y).predict(X))


def test_a_class_for_the_encoder_of_one_modality():
    estimator = classifier(encoders={"audio": {"cell": StepModel, "hidden_size": 3}})
    estimator.fit(X, three_classes(Y))
    text, audio = estimator.net_.module_.branches
    assert type(audio.encoder) is StepModel
    assert audio.encoder.output_size == 4
    assert type(text.encoder) is not StepModel


def test_a_fusion_that_reads_states(tmp_path):
    estimator = regressor(fusion=StateFusion, bidirectional=True, max_epochs=1).fit(X, Y)
    assert [layer.in_features for layer in estimator.net_.module_.fusion.means] == [12, 12]
    alone = np.concatenate([estimator.predict(X[[row]]) for row in range(4)])
    np.testing.assert_allclose(alone, estimator.predict(X)[:4], rtol=1e-4)
    estimator.save(tmp_path / "model")
    twin = sklearn_tamulag.load(tmp_path / "model", custom={"StateFusion": StateFusion})
    np.testing.assert_array_equal(twin.predict(X), estimator.predict(X))


def test_what_a_class_draws_comes_from_the_fit_alone():
    before = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    first = regressor(fusion=DroppingFusion).fit(X, Y)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]
    assert random.getstate() == before[2]
    torch.rand(7)
    second = regressor(fusion=DroppingFusion).fit(X, Y)
    np.testing.assert_array_equal(first.predict(X), second.predict(X))
    other = regressor(fusion=DroppingFusion, random_state=1).fit(X, Y)
    assert not np.array_equal(first.predict(X), other.predict(X))


def test_an_error_of_a_class_in_training_gives_the_random_state_back():
    class Failing(GatedFusion):
        def forward(self, embeddings):
            if self.training and len(embeddings[0]) > 5:
                raise RuntimeError("too many")
            return super().forward(embeddings)

    before = torch.get_rng_state()
    with pytest.raises(RuntimeError, match="too many"):
        regressor(fusion=Failing).fit(X, Y)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"fusion": FlatFusion}, r"fusion: FlatFusion .* returns fused representation of shape"),
        (
            {"fusion": MixingFusion},
            "fusion: MixingFusion .* depends on the other rows",
        ),
        ({"attention": LoudPooling}, "attention: LoudPooling .* keeps padding visible"),
        ({"cell": LoudModel}, "cell of 'text': LoudModel .* keeps padding visible"),
        ({"encoders": {"audio": {"cell": LoudModel}}}, "cell of 'audio': LoudModel"),
        ({"fusion": nn.Linear}, "fusion: Linear cannot be a fusion: it cannot be built"),
    ],
)
def test_a_broken_class_is_refused_before_training(params, words):
    estimator = regressor(**params)
    with pytest.raises(ValueError, match=words):
        estimator.fit(X, Y)
    assert not hasattr(estimator, "net_")


@pytest.mark.parametrize("name", ["cell", "attention", "fusion"])
@pytest.mark.parametrize("given", [GatedFusion([2], 3, dropout=0.0), lambda sizes: None, int, "su"])
def test_what_is_neither_a_name_nor_a_class_is_refused(name, given):
    words = "must be a str among .* or a class derived from torch.nn.Module, the class itself"
    with pytest.raises(ValueError, match=f"'{name}' parameter of TAMULAGRegressor {words}"):
        regressor(**{name: given}).fit(X, Y)
    if name == "cell":
        with pytest.raises(ValueError, match=rf"encoders\['text'\]\['cell'\] {words}"):
            regressor(encoders={"text": {"cell": given}}).fit(X, Y)


def test_it_is_cloned_shown_and_searched(fitted):
    twin = clone(fitted)
    assert twin.get_params() == fitted.get_params()
    assert twin.set_params(fusion="cross").fusion == "cross"
    assert "GatedFusion" in repr(fitted)
    assert "GatedFusion" in fitted._repr_html_()
    search = GridSearchCV(regressor(max_epochs=1), {"fusion": ["concat", GatedFusion]}, cv=2)
    search.fit(X, Y)
    assert list(search.cv_results_["param_fusion"]) == ["concat", GatedFusion]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_it_is_pickled_and_trains_on(fitted):
    twin = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))
    twin.partial_fit(X, Y)
    again = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True, max_epochs=1)
    again.fit(X, Y)
    assert (twin.n_iter_, again.n_iter_) == (3, 3)


def test_what_a_network_that_goes_on_cannot_take(fitted):
    twin = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError, match=r"cannot take fusion='concat' \(it has <class"):
        twin.set_params(fusion="concat").partial_fit(X, Y)
    # The fusion has no method that would tell it.
    with pytest.raises(ValueError, match=r"cannot take dropout=0.4 \(it has 0.1\)"):
        twin.set_params(fusion=GatedFusion, dropout=0.4).partial_fit(X, Y)
    told = regressor(cell=StepModel, max_epochs=1).fit(X, Y)
    told.set_params(dropout=0.4).partial_fit(X, Y)
    assert [branch.encoder.share for branch in told.net_.module_.branches] == [0.4, 0.4]


def test_a_checkpoint_has_the_names_of_classes(fitted, tmp_path):
    regressor(checkpoint=tmp_path, max_epochs=1, **PARTS).fit(X, Y)
    (file,) = tmp_path.glob("*/checkpoint.json")
    assert json.loads(file.read_text())["parameters"]["fusion"] == "tests.own_parts.GatedFusion"
    gone_on = regressor(checkpoint=tmp_path, **PARTS).fit(X, Y)
    np.testing.assert_array_equal(gone_on.predict(X), fitted.predict(X))


def test_a_file_has_names_and_weights_and_the_caller_gives_the_classes(fitted, path):
    params = read_value(path, kind="estimator")["params"]
    assert params["fusion"] == {"custom": "tests.own_parts:GatedFusion"}
    twin = TAMULAGRegressor.load(path, custom={"unneeded": nn.Linear} | OWN)
    assert twin.get_params() == fitted.get_params()
    np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))
    before = pickle.loads(pickle.dumps(fitted)).partial_fit(X, Y)
    np.testing.assert_array_equal(twin.partial_fit(X, Y).predict(X), before.predict(X))


@pytest.mark.parametrize("form", ["tests.own_parts.{}", "tests.own_parts:{}"])
def test_whole_names_are_taken_and_saved_again(form, fitted, path):
    custom = {form.format(name): kind for name, kind in OWN.items()}
    twin = sklearn_tamulag.load(path, custom=custom)
    twin.save(path)
    again = sklearn_tamulag.load(path, custom=custom)
    np.testing.assert_array_equal(again.predict(X), fitted.predict(X))


def test_a_missing_class_is_named_with_the_call_that_gives_it(path):
    with pytest.raises(ValueError, match="never imported") as caught:
        sklearn_tamulag.load(path, custom={"StepModel": StepModel})
    words = str(caught.value)
    assert "tests.own_parts.GatedFusion as fusion" in words
    assert "StepModel as" not in words
    assert "'tests.own_parts.SquaredPooling': SquaredPooling" in words
    assert "custom has ['StepModel']" in words


def test_parameters_that_were_set_after_a_fit_do_not_change_what_a_file_needs(fitted, tmp_path):
    estimator = pickle.loads(pickle.dumps(fitted)).set_params(fusion="concat", attention="mean")
    estimator.save(tmp_path / "model")
    with pytest.raises(ValueError, match=r"tests\.own_parts\.GatedFusion as fusion"):
        sklearn_tamulag.load(tmp_path / "model", custom={"StepModel": StepModel})
    twin = sklearn_tamulag.load(tmp_path / "model", custom=OWN)
    assert twin.fusion == "concat"
    np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))


def test_a_pipeline_and_the_encoder_of_a_modality(tmp_path):
    estimator = regressor(encoders={"audio": {"cell": StepModel}})
    pipeline = make_pipeline(SequenceScaler(), estimator).fit(X, Y)
    sklearn_tamulag.save(pipeline, tmp_path / "pipe")
    with pytest.raises(ValueError, match=r"own_parts.StepModel as encoders\['audio'\]\['cell'\]"):
        sklearn_tamulag.load(tmp_path / "pipe")
    twin = sklearn_tamulag.load(tmp_path / "pipe", custom=OWN)
    np.testing.assert_array_equal(twin.predict(X), pipeline.predict(X))


def test_an_ensemble_and_a_path_past_an_encoder(tmp_path):
    member = regressor(cell=StepModel, step_path=True, max_epochs=1)
    ensemble = SeedEnsembleRegressor(member, 2, random_state=0).fit(X, Y)
    ensemble.save(tmp_path / "model")
    twin = SeedEnsembleRegressor.load(tmp_path / "model", custom=OWN)
    np.testing.assert_array_equal(twin.predict(X), ensemble.predict(X))
    with pytest.raises(ValueError, match=r"own_parts\.StepModel as cell.*custom="):
        SeedEnsembleRegressor.load(tmp_path / "model")


class OtherSize(GatedFusion):
    """Has other weights than the file."""

    def __init__(self, embedding_sizes, fusion_size, *, dropout):
        super().__init__([size + 1 for size in embedding_sizes], fusion_size, dropout=dropout)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (OtherSize, r"fusion\.gates\.0\.bias|fusion\.gates\.0\.weight has the shape \(8, 8\)"),
        (nn.Identity, "fusion.*has the shape .* but the parameters ask for None"),
        (nn.Bilinear, "cannot be loaded"),
    ],
)
def test_a_class_with_other_weights_is_refused(kind, words, path):
    with pytest.raises(ValueError, match=words):
        sklearn_tamulag.load(path, custom=OWN | {"GatedFusion": kind})


@pytest.mark.parametrize(
    "custom", [GatedFusion, ["GatedFusion"], {"A": "GatedFusion"}, {"A": int}, {3: GatedFusion}]
)
def test_custom_is_a_dict_of_classes(custom, path):
    with pytest.raises(TypeError, match="custom"):
        sklearn_tamulag.load(path, custom=custom)


def test_one_name_for_two_classes_is_refused(path):
    name = {"custom": "elsewhere:GatedFusion"}
    change(path, lambda value: value["params"].update(attention=name))
    with pytest.raises(ValueError, match=r"could be any of elsewhere.GatedFusion, tests.own_parts"):
        sklearn_tamulag.load(path, custom=OWN)


def forged(name):
    """An edit that puts a name in the place of the fusion's."""
    return lambda value: value["params"].update(fusion={"custom": name})


def in_parameter(name, value):
    """An edit of a parameter."""
    return lambda whole: whole["params"].update({name: value})


MARKED = {"custom": "os:system"}
FORGED = {
    "no class": (forged("os"), "fusion names no class: 'os'"),
    "a call": (forged("os:system('true')"), "fusion names no class"),
    "a very long name": (forged("a" * 10**6 + ":b"), "fusion names no class: 'aaa.*a\\.\\.\\."),
    "control characters": (forged("a:b\x1b[31m"), "names no class"),
    "no text": (in_parameter("fusion", {"custom": 5}), "fusion is neither a name nor a class"),
    "more than a name": (
        in_parameter("cell", MARKED | {"args": 1}),
        "cell is neither a name nor a class",
    ),
    "where no class may be": (
        in_parameter("optimizer", MARKED),
        "optimizer of .* cannot be a class",
    ),
    "an option": (
        in_parameter("encoders", {"text": {"transformer": MARKED}}),
        "cannot be a class",
    ),
    "in the plan": (
        lambda value: value["learned"]["plan"]["params"].update(lr=MARKED),
        "lr of .* cannot be a class",
    ),
    "a module that exists": (
        forged("subprocess:Popen"),
        r"subprocess\.Popen as fusion.*load\(path, custom=",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_forged_name_of_a_class_is_refused_and_not_imported(name, path):
    edit, words = FORGED[name]
    change(path, edit)
    with pytest.raises(ValueError, match=words) as caught:
        sklearn_tamulag.load(path, custom=OWN)
    assert len(str(caught.value)) < 1500


def test_a_transformer_of_preprocessing_has_no_classes(tmp_path):
    sklearn_tamulag.save(SequenceScaler().fit(X), tmp_path / "scaler")
    change(tmp_path / "scaler", in_parameter("with_mean", MARKED))
    with pytest.raises(ValueError, match="with_mean of a SequenceScaler cannot be a class"):
        sklearn_tamulag.load(tmp_path / "scaler", custom=OWN)


def many_layers(value):
    """Layers that would be made without end."""
    value["learned"]["plan"]["params"]["num_layers"] = 10**9


def test_a_class_is_not_built_of_more_layers_than_a_file_vouches_for(path):
    change(path, many_layers)
    with pytest.raises(ValueError, match="fewer layers than the parameters ask for"):
        sklearn_tamulag.load(path, custom=OWN)


def test_an_unfitted_estimator_and_one_of_a_class_in_a_function(tmp_path):
    class Inner(GatedFusion):
        pass

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        regressor(fusion=Inner).save(tmp_path / "model")
    twin = sklearn_tamulag.load(tmp_path / "model", custom={"Inner": Inner})
    assert twin.fusion is Inner
