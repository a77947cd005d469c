"""Ensembles over seeds: their members, their means and spreads, and what they refuse."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

from sklearn_tamulag.ensemble import SeedEnsembleClassifier, SeedEnsembleRegressor
from sklearn_tamulag.model_selection import evaluate_seeds
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.interrupts import press_ctrl_c
from tests.small_fits import classifier, clips, regressor, three_classes
from tests.training.resuming.equal_fits import Epochs

X, Y = clips(24, missing=True)
NAMES = three_classes(Y)
# One modality alone has no stand-in to fit, which takes longer than these fits.
TEXT = X.select("text")


@pytest.fixture(scope="module")
def pair():
    """Two regressors."""
    return SeedEnsembleRegressor(regressor(max_epochs=1), 2, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def readers():
    """Two regressors of text alone."""
    return SeedEnsembleRegressor(regressor(max_epochs=1), 2, random_state=0).fit(TEXT, Y)


@pytest.fixture(scope="module")
def voters():
    """Three classifiers behind a scaler."""
    pipeline = make_pipeline(SequenceScaler(), classifier(max_epochs=2, lr=0.05))
    return SeedEnsembleClassifier(pipeline, 3, random_state=0).fit(X, NAMES)


def seeds(ensemble):
    return [member.random_state for member in ensemble.estimators_]


def test_a_regressor_predicts_the_mean_of_its_members(pair):
    first, second = pair.estimators_
    assert first.random_state != second.random_state
    predictions = np.array([first.predict(X), second.predict(X)])
    np.testing.assert_allclose(pair.predict(X), predictions.mean(axis=0), rtol=1e-12)
    half = np.abs(predictions[0] - predictions[1]) / 2
    np.testing.assert_allclose(pair.predict_spread(X), half, rtol=1e-9)
    unimodal = [member.predict_unimodal(X) for member in pair.estimators_]
    pd.testing.assert_frame_equal(pair.predict_unimodal(X), (unimodal[0] + unimodal[1]) / 2)
    half = (unimodal[0] - unimodal[1]).abs() / 2
    pd.testing.assert_frame_equal(pair.predict_unimodal_spread(X), half)
    assert half["audio"].isna().sum() == 6
    errors = [np.abs(each - Y).mean() for each in predictions]
    assert np.abs(pair.predict(X) - Y).mean() <= np.mean(errors)


def test_what_members_have_learned_is_gathered(pair):
    first, second = pair.estimators_
    assert pair.modalities_ == first.modalities_
    assert pair.n_features_in_ == first.n_features_in_ == X.shape[1]
    assert not hasattr(pair, "feature_names_in_")
    assert pair.history_.loc[1].equals(second.history_)
    labels = pair.unimodal_labels_["text"]
    each = [member.unimodal_labels_["text"] for member in (first, second)]
    # Each member holds out other rows.
    assert not each[0].isna().equals(each[1].isna())
    assert labels.equals(pd.concat(each, axis=1).mean(axis=1).rename("text"))
    attention = [member.temporal_attention(X)["text"] for member in (first, second)]
    mean = pair.temporal_attention(X)["text"]
    np.testing.assert_allclose(mean, np.mean(attention, axis=0), rtol=1e-6)
    np.testing.assert_allclose(mean.sum(axis=1), 1, rtol=1e-5)


def test_a_classifier_predicts_by_the_mean_probabilities(voters):
    each = [member.predict_proba(X) for member in voters.estimators_]
    mean = voters.predict_proba(X)
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-9)
    np.testing.assert_allclose(np.exp(voters.predict_log_proba(X)), mean, rtol=1e-9)
    np.testing.assert_array_equal(voters.decision_function(X), voters.predict_log_proba(X))
    assert voters.classes_.tolist() == ["down", "flat", "up"]
    np.testing.assert_array_equal(voters.predict(X), voters.classes_[mean.argmax(axis=1)])
    np.testing.assert_allclose(voters.predict_spread(X), np.std(each, axis=0), rtol=1e-9)


def test_single_modalities_are_voted_on_too(voters):
    tables = []
    for member in voters.estimators_:
        network = member[-1]
        data = member[:-1].transform(X)
        logits = network._outputs_of(data, lambda output: output.unimodal_predictions)
        tables.append(softmax(logits, axis=2))
    codes = np.mean(tables, axis=0).argmax(axis=2)
    voted, spread = voters.predict_unimodal(X), voters.predict_unimodal_spread(X)
    present = {name: X.lengths[name] > 0 for name in X.modalities}
    for place, name in enumerate(voters.modalities_):
        expected = voters.classes_[codes[:, place]][present[name]]
        np.testing.assert_array_equal(voted[name][present[name]], expected)
        assert voted[name].isna().sum() == (~present[name]).sum()
        deviation = np.std(tables, axis=0)[present[name], place]
        np.testing.assert_allclose(spread[name][present[name]], deviation, rtol=1e-5, atol=1e-8)
        assert spread[name][~present[name]].isna().all(axis=None)
    assert voters.unimodal_labels_.shape == (24, 6)


def test_two_classes_have_one_score():
    ensemble = SeedEnsembleClassifier(classifier(max_epochs=1), 2, random_state=0)
    ensemble.fit(TEXT, Y > 0)
    chances = ensemble.predict_proba(TEXT)
    scores = ensemble.decision_function(TEXT)
    np.testing.assert_allclose(scores, np.log(chances[:, 1] / chances[:, 0]), rtol=1e-6, atol=1e-9)
    assert ensemble.score(TEXT, Y > 0) == (ensemble.predict(TEXT) == (Y > 0)).mean()


def test_an_int_gives_the_same_members_and_a_larger_ensemble_begins_with_them(readers):
    template = regressor(max_epochs=1, random_state=7)
    more = SeedEnsembleRegressor(template, 3, random_state=0).fit(TEXT, Y)
    assert seeds(more)[:2] == seeds(readers)
    np.testing.assert_array_equal(
        more.estimators_[1].predict(TEXT), readers.estimators_[1].predict(TEXT)
    )
    assert template.random_state == 7
    assert not hasattr(template, "net_")
    other = SeedEnsembleRegressor(template, 1, random_state=1).fit(TEXT, Y)
    assert seeds(other)[0] != seeds(readers)[0]
    assert (other.predict_spread(TEXT) == 0).all()


@pytest.mark.slow
def test_members_are_the_same_in_other_processes(readers):
    beside = clone(readers).set_params(n_jobs=2).fit(TEXT, Y)
    np.testing.assert_array_equal(beside.predict(TEXT), readers.predict(TEXT))
    assert seeds(beside) == seeds(readers)


def test_partial_fit_trains_every_member_on(readers):
    ensemble = clone(readers)
    assert ensemble.partial_fit(TEXT, Y, np.ones(24)) is ensemble
    assert seeds(ensemble) == seeds(readers)
    before = ensemble.predict(TEXT)
    ensemble.partial_fit(TEXT, Y)
    assert [member.n_iter_ for member in ensemble.estimators_] == [2, 2]
    assert not np.allclose(before, ensemble.predict(TEXT))
    named = SeedEnsembleClassifier(classifier(), 1, random_state=0)
    named.partial_fit(TEXT[:6], NAMES[:6], ["down", "flat", "up"]).partial_fit(TEXT, NAMES)
    assert named.classes_.tolist() == ["down", "flat", "up"]
    assert not hasattr(SeedEnsembleRegressor(make_pipeline(regressor())), "partial_fit")


@pytest.mark.parametrize(
    ("ensemble", "message"),
    [
        (SeedEnsembleRegressor(Ridge()), "must be a TAMULAGRegressor or a Pipeline .* got Ridge"),
        (SeedEnsembleRegressor(classifier()), "must be a TAMULAGRegressor .* got TAMULAGClassif"),
        (SeedEnsembleClassifier(make_pipeline(Ridge())), "must be a TAMULAGClassifier .* Pipeline"),
        (SeedEnsembleRegressor("ridge"), "got 'ridge'"),
    ],
)
def test_another_estimator_is_refused(ensemble, message):
    with pytest.raises(TypeError, match=message):
        ensemble.fit(TEXT, Y)


def test_parameters_out_of_range_are_refused():
    for name, value in {"n_estimators": 0, "n_jobs": "all", "random_state": "a"}.items():
        with pytest.raises(ValueError, match=f"The '{name}' parameter of SeedEnsembleRegressor"):
            SeedEnsembleRegressor(regressor()).set_params(**{name: value}).fit(TEXT, Y)
    with pytest.raises(NotFittedError):
        SeedEnsembleRegressor().predict(TEXT)
    with pytest.raises(AttributeError, match="once it is fitted"):
        SeedEnsembleRegressor().modalities_  # noqa: B018


class BreakOff(Callback):
    """Ctrl-C in the fit of one seed."""

    def __init__(self, seed):
        self.seed = seed

    def on_batch_end(self, net, training=None, **kwargs):
        if training and net.seed == self.seed:
            press_ctrl_c()


def test_ctrl_c_leaves_no_members_and_a_checkpoint_goes_on(readers, tmp_path):
    from sklearn_tamulag.training.loop.seeding import draw_seed

    late = draw_seed(seeds(readers)[1])
    template = regressor(max_epochs=1, checkpoint=tmp_path, callbacks=[BreakOff(late)])
    ensemble = SeedEnsembleRegressor(template, 2, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        ensemble.fit(TEXT, Y)
    with pytest.raises(NotFittedError):
        ensemble.predict(TEXT)
    run = []
    ensemble.set_params(estimator__callbacks=[Epochs(run)]).fit(TEXT, Y)
    np.testing.assert_array_equal(ensemble.predict(TEXT), readers.predict(TEXT))


def test_ctrl_c_in_partial_fit_leaves_the_members_as_they_were(readers):
    from sklearn_tamulag.training.loop.seeding import draw_seed

    ensemble = clone(readers).fit(TEXT, Y)
    for member in ensemble.estimators_:
        member.callbacks = [BreakOff(draw_seed(seeds(readers)[1]))]
    with pytest.raises(KeyboardInterrupt):
        ensemble.partial_fit(TEXT, Y)
    assert [member.n_iter_ for member in ensemble.estimators_] == [1, 1]
    np.testing.assert_array_equal(ensemble.predict(TEXT), readers.predict(TEXT))


def test_what_fit_is_given_reaches_the_members_without_routing():
    weights = np.r_[np.zeros(6), np.ones(18)]
    template = regressor(max_epochs=1)
    human = pd.DataFrame({"text": Y})
    given = {"groups": np.arange(24) // 3, "unimodal_labels": human}
    alone = SeedEnsembleRegressor(template, 1, random_state=0).fit(TEXT, Y, weights, **given)
    labels = alone.unimodal_labels_
    assert labels["text"].iloc[:6].isna().all()
    known = labels["text"].notna()
    np.testing.assert_allclose(labels["text"][known], Y[known])
    assert {tuple(rows) for rows in known.to_numpy().reshape(8, 3)} == {(True,) * 3, (False,) * 3}
    behind = SeedEnsembleRegressor(make_pipeline(template), 1, random_state=0)
    behind.fit(TEXT, Y, weights, **given)
    np.testing.assert_array_equal(behind.predict(TEXT), alone.predict(TEXT))
    named = {f"tamulagregressor__{name}": value for name, value in given.items()}
    clone(behind).fit(TEXT, Y, tamulagregressor__sample_weight=weights, **named)
    outside = clone(alone).fit(TEXT[:16], Y[:16], X_val=TEXT[16:], y_val=Y[16:])
    assert outside.unimodal_labels_["text"].notna().all()
    with pytest.raises(ValueError, match="by scikit-learn's metadata routing only"):
        behind.fit(TEXT, Y, X_val=TEXT, y_val=Y)


def test_what_fit_is_given_reaches_the_members_by_routing():
    weights = np.r_[np.zeros(6), np.ones(18)]
    with sklearn.config_context(enable_metadata_routing=True):
        template = regressor(max_epochs=1).set_fit_request(
            sample_weight=True, groups=True, X_val=True, y_val=True
        )
        ensemble = SeedEnsembleRegressor(template, 1, random_state=0)
        ensemble.fit(TEXT, Y, sample_weight=weights, groups=np.arange(24) // 3)
        assert ensemble.unimodal_labels_["text"].iloc[:6].isna().all()
        scaled = make_pipeline(SequenceScaler(), template).set_params(transform_input=["X_val"])
        ensemble.set_params(estimator=scaled).fit(TEXT[:16], Y[:16], X_val=TEXT[16:], y_val=Y[16:])
        assert ensemble.unimodal_labels_["text"].notna().all()
        unasked = SeedEnsembleRegressor(regressor(), 1)
        with pytest.raises(ValueError, match="sample_weight"):
            unasked.fit(TEXT, Y, sample_weight=weights)


def test_seeds_are_evaluated_with_validation_rows():
    pipeline = make_pipeline(SequenceScaler(), regressor(max_epochs=1))
    report = evaluate_seeds(
        SeedEnsembleRegressor(pipeline, 2),
        TEXT,
        Y,
        seeds=(1,),
        val_size=0.25,
        test_size=0.25,
        protocol="mosi",
        return_estimators=True,
    )
    (ensemble,) = report.estimators[1]
    assert ensemble.unimodal_labels_["text"].notna().all()
    assert np.isfinite(report.scores["valid_mae"]).all()


def test_it_is_searched_cloned_shown_and_dumped(readers, tmp_path):
    search = GridSearchCV(readers, {"estimator__hidden_size": [3, 4]}, cv=2).fit(TEXT, Y)
    assert search.best_estimator_.estimators_[0].hidden_size in (3, 4)
    assert "estimator__lr" in readers.get_params()
    assert "TAMULAGRegressor" in readers._repr_html_()
    joblib.dump(readers, tmp_path / "readers")
    np.testing.assert_array_equal(
        joblib.load(tmp_path / "readers").predict(TEXT), readers.predict(TEXT)
    )
