"""Ensembles in one file: what comes back, and what a file of a stranger cannot hold."""

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

import sklearn_tamulag
from sklearn_tamulag.ensemble import SeedEnsembleClassifier, SeedEnsembleRegressor
from sklearn_tamulag.persistence.estimators import estimator_value
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.persistence.forging import change
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(20)
X = X.select("text")


@pytest.fixture(scope="module")
def fitted():
    """Two regressors behind scalers."""
    pipeline = make_pipeline(SequenceScaler(), regressor(max_epochs=1))
    return SeedEnsembleRegressor(pipeline, 2, random_state=3, n_jobs=1).fit(X, Y)


@pytest.fixture
def path(fitted, tmp_path):
    """Its file."""
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


def test_a_file_has_all_members(fitted, path):
    for twin in (SeedEnsembleRegressor.load(path), sklearn_tamulag.load(path, device="cpu")):
        assert type(twin) is SeedEnsembleRegressor
        np.testing.assert_array_equal(twin.predict(X), fitted.predict(X))
        np.testing.assert_array_equal(twin.predict_spread(X), fitted.predict_spread(X))
        assert twin.get_params(deep=False).keys() == fitted.get_params(deep=False).keys()
        assert (twin.n_estimators, twin.random_state, twin.n_jobs) == (2, 3, 1)
        assert twin.estimator[-1].hidden_size == 6
        assert twin.unimodal_labels_.equals(fitted.unimodal_labels_)
    np.testing.assert_array_equal(twin.fit(X, Y).predict(X), fitted.predict(X))


def test_members_of_a_file_train_on(tmp_path):
    ensemble = SeedEnsembleClassifier(classifier(max_epochs=1), 2, random_state=0)
    ensemble.fit(X, three_classes(Y))
    sklearn_tamulag.save(ensemble, tmp_path / "model")
    twin = SeedEnsembleClassifier.load(tmp_path / "model")
    for each in (ensemble, twin):
        each.partial_fit(X, three_classes(Y))
    np.testing.assert_array_equal(twin.predict_proba(X), ensemble.predict_proba(X))


def test_an_unfitted_one_and_one_within_a_pipeline_are_saved_too(fitted, tmp_path):
    sklearn_tamulag.save(SeedEnsembleRegressor(), tmp_path / "model")
    twin = sklearn_tamulag.load(tmp_path / "model")
    assert twin.estimator is None
    assert not hasattr(twin, "estimators_")
    pipeline = make_pipeline(SequenceScaler(), fitted).fit(X, Y)
    sklearn_tamulag.save(pipeline, tmp_path / "model")
    twin = sklearn_tamulag.load(tmp_path / "model")
    np.testing.assert_array_equal(twin.predict(X), pipeline.predict(X))
    with pytest.raises(ValueError, match="holds a Pipeline, not a SeedEnsembleRegressor"):
        SeedEnsembleRegressor.load(tmp_path / "model")


def test_places_are_neither_saved_nor_loaded(path, tmp_path):
    change(path, lambda value: value["members"][1]["steps"][1][1]["params"].update(checkpoint="a"))
    with pytest.warns(UserWarning, match="estimator__tamulagregressor__checkpoint='a'") as caught:
        twin = sklearn_tamulag.load(path)
    assert len(caught) == 1
    assert twin.estimators_[1][-1].checkpoint is None


def edit(**fields):
    """Replace parts of the description."""
    return lambda value: value.update(fields)


FORGED = {
    "another field": (edit(learned={}), "is described by"),
    "no members": (edit(members=[]), "has a list of members"),
    "a member too few words": (edit(members=5), "has a list of members"),
    "parameter": (edit(params={"estimator": 1}), "no parameter 'estimator'"),
    "a scaler": (
        edit(members=[estimator_value(SequenceScaler())]),
        "must be a TAMULAGRegressor or a Pipeline",
    ),
    "a classifier": (edit(estimator=estimator_value(classifier())), "got TAMULAGClassifier"),
    "code": (edit(estimator={"class": "os.system"}), "holds a os.system"),
    "itself": (
        edit(
            estimator={
                "class": "SeedEnsembleRegressor",
                "params": {},
                "estimator": None,
                "members": None,
            }
        ),
        "must be a TAMULAGRegressor",
    ),
    "narrow weights": (
        lambda value: value["members"][0]["steps"][1][1]["learned"]["net"]["weights"].update(
            {"absent_gain.gain": torch.zeros(1, dtype=torch.uint8)}
        ),
        "cannot be loaded",
    ),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_file_that_save_never_writes_is_refused(name, path):
    forge, message = FORGED[name]
    change(path, forge)
    with pytest.raises(ValueError, match=message):
        sklearn_tamulag.load(path)


def test_what_no_file_holds_is_named(tmp_path):
    class Own(SeedEnsembleRegressor):
        pass

    with pytest.raises(TypeError, match=r"SeedEnsembleClassifier'.* got Own"):
        sklearn_tamulag.save(Own(), tmp_path / "model")


class Means(torch.nn.Module):
    """A pooling of one's own: the mean of the valid steps."""

    def __init__(self, state_size):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(state_size))

    def forward(self, states, lengths):
        valid = torch.arange(states.shape[1])[None, :] < lengths[:, None]
        weights = valid.to(states) / lengths.clamp(min=1)[:, None]
        return self.scale * (weights[:, :, None] * states).sum(dim=1), weights


def test_classes_of_ones_own_are_given_to_all_members(tmp_path):
    ensemble = SeedEnsembleRegressor(regressor(attention=Means, max_epochs=1), 2, random_state=0)
    ensemble.fit(X, Y).save(tmp_path / "model")
    twin = SeedEnsembleRegressor.load(tmp_path / "model", custom={"Means": Means})
    np.testing.assert_array_equal(twin.predict(X), ensemble.predict(X))
    with pytest.raises(ValueError, match="Means"):
        SeedEnsembleRegressor.load(tmp_path / "model")
