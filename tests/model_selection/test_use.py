"""The estimators inside scikit-learn: pipelines, searches, routed metadata, other processes."""

import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier, VotingRegressor
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    cross_val_predict,
    cross_val_score,
    cross_validate,
    train_test_split,
)
from sklearn.pipeline import Pipeline, make_pipeline

import sklearn_tamulag.estimators.base as estimator_module
from sklearn_tamulag import MultimodalPadder
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes

X, Y = clips(36, missing=True)
GRID = {
    "model__attention": ["softmax", "mean"],
    "model__label_generation": ["calibrated", "ulgm"],
    "model__lr": [1e-3, 1e-2],
    "model__hidden_size": [4, 6],
}


def pipeline(**params):
    steps = [
        ("pad", MultimodalPadder()),
        ("scale", SequenceScaler()),
        ("model", regressor(**params)),
    ]
    return Pipeline(steps)


def score_columns(search):
    results = pd.DataFrame(search.cv_results_)
    return results[[name for name in results if "score" in name and "time" not in name]]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_search_gives_equal_scores_at_any_number_of_jobs():
    frame = pd.DataFrame(
        {
            name: [
                array[:length] if length else None
                for array, length in zip(X.arrays[name], X.lengths[name], strict=True)
            ]
            for name in X.modalities
        }
    )
    torch.set_num_threads(1)
    searches = []
    for n_jobs in (1, 2):
        with joblib.parallel_config(inner_max_num_threads=1, backend="loky"):
            search = GridSearchCV(
                pipeline(max_epochs=3), GRID, cv=2, n_jobs=n_jobs, error_score="raise"
            )
            searches.append(search.fit(frame, Y))
    one, two = map(score_columns, searches)
    assert len(one) == 16
    assert one["split0_test_score"].nunique() > 8
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    assert searches[0].best_params_ == searches[1].best_params_
    np.testing.assert_array_equal(*(search.predict(frame) for search in searches))


def test_cross_validation_of_multimodal_data():
    predictions = cross_val_predict(pipeline(), X, Y, cv=3)
    assert predictions.shape == (36,)
    assert np.isfinite(predictions).all()
    scores = cross_validate(pipeline(), X, Y, cv=3, scoring=["r2", "neg_mean_absolute_error"])
    assert np.isfinite(scores["test_r2"]).all()
    X_train, X_test, y_train, y_test = train_test_split(X, Y, random_state=0)
    assert np.isfinite(pipeline().fit(X_train, y_train).score(X_test, y_test))


def test_cross_validation_of_classes():
    names = three_classes(Y)
    probabilities = cross_val_predict(classifier(), X, names, cv=3, method="predict_proba")
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    scoring = ["accuracy", "neg_log_loss", "roc_auc_ovr"]
    scores = cross_validate(classifier(), X, names, cv=3, scoring=scoring)
    assert all(np.isfinite(scores[f"test_{name}"]).all() for name in scoring)


def test_voting():
    members = [(f"seed {seed}", regressor(random_state=seed)) for seed in (1, 2)]
    vote = VotingRegressor(members).fit(X, Y)
    alone = [member.fit(X, Y).predict(X) for _, member in members]
    np.testing.assert_allclose(vote.predict(X), np.mean(alone, axis=0))


def test_voting_of_classifiers():
    members = [(f"seed {seed}", classifier(random_state=seed)) for seed in (1, 2)]
    vote = VotingClassifier(members, voting="soft").fit(X, three_classes(Y))
    np.testing.assert_allclose(vote.predict_proba(X).sum(axis=1), 1)


def test_a_fitted_pipeline_clones_to_an_unfitted_one():
    fitted = pipeline().fit(X, Y)
    twin = clone(fitted)
    assert not hasattr(twin[-1], "net_")
    np.testing.assert_array_equal(twin.fit(X, Y).predict(X), fitted.predict(X))


def test_a_dump_gives_equal_bits_in_a_new_process(tmp_path):
    fitted = pipeline().fit(X, Y)
    joblib.dump((fitted, X), tmp_path / "model.joblib")
    code = (
        "import sys, joblib, numpy, torch\n"
        "torch.set_num_threads(1)\n"
        "model, X = joblib.load(sys.argv[1])\n"
        "numpy.save(sys.argv[2], model.predict(X))\n"
        "numpy.save(sys.argv[3], model.transform(X))\n"
    )
    files = [str(tmp_path / name) for name in ("model.joblib", "y.npy", "f.npy")]
    subprocess.run([sys.executable, "-c", code, *files], check=True, timeout=120)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), fitted.predict(X))
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy"), fitted.transform(X))
    # What a fit leaves does not hold its data.
    assert (tmp_path / "model.joblib").stat().st_size < 300_000


@pytest.fixture
def splits(monkeypatch):
    """The groups of the parts of every split for early stopping."""
    seen = []

    def spy(y, fraction, *, groups, **options):
        train, valid = original(y, fraction, groups=groups, **options)
        seen.append((None, None) if groups is None else (set(groups[train]), set(groups[valid])))
        return train, valid

    original = estimator_module.split_rows
    monkeypatch.setattr(estimator_module, "split_rows", spy)
    return seen


@pytest.mark.parametrize("build", [regressor, classifier])
def test_early_stopping_in_a_search_never_splits_a_group(splits, build):
    grouped, y = clips(36, groups=True)
    y = y if build is regressor else y > 0
    search = GridSearchCV(build(), {"lr": [1e-3, 1e-2]}, cv=GroupKFold(3), error_score="raise")
    search.fit(grouped, y, groups=grouped.groups)
    assert len(splits) == 2 * 3 + 1
    for train, valid in splits:
        assert train
        assert valid
        assert not train & valid


def test_weights_and_groups_are_routed(splits):
    groups = np.repeat(np.arange(12), 3)
    weight = np.where(np.arange(36) % 2, 1.0, 0.0)
    with sklearn.config_context(enable_metadata_routing=True):
        model = regressor().set_fit_request(sample_weight=True, groups=True)
        model.set_score_request(sample_weight=True)
        steps = make_pipeline(MultimodalPadder(dtype="float64"), model)
        steps.set_score_request(sample_weight=True)  # scikit-learn 1.6 asks the pipeline itself
        steps.fit(X, Y, sample_weight=weight, groups=groups)
        labels = steps[-1].unimodal_labels_
        assert labels["text"][weight == 0].isna().all()
        assert not splits[-1][0] & splits[-1][1]
        expected = regressor().fit(X, Y, weight, groups=groups)
        np.testing.assert_allclose(steps.predict(X), expected.predict(X), atol=1e-6)
        search = GridSearchCV(
            steps, {"tamulagregressor__lr": [1e-3, 1e-2]}, cv=GroupKFold(3), error_score="raise"
        )
        search.fit(X, Y, sample_weight=weight, groups=groups)
        assert len(splits) == 1 + 1 + 2 * 3 + 1
        assert all(train and valid and not train & valid for train, valid in splits)


def test_validation_rows_go_through_the_pipeline():
    X_val, y_val = clips(9, seed=1)
    with sklearn.config_context(enable_metadata_routing=True):
        model = regressor(max_epochs=3).set_fit_request(X_val=True, y_val=True)
        steps = Pipeline([("scale", SequenceScaler()), ("model", model)], transform_input=["X_val"])
        steps.fit(X, Y, X_val=X_val, y_val=y_val)
        scaled = steps[0].transform(X_val)
    target = steps[-1].net_.target
    best = steps[-1].history_["valid_loss"].min()
    error = np.abs(steps[-1].predict(scaled) - y_val).mean() / target.scale
    assert best == pytest.approx(error, rel=1e-5)
    assert steps[-1].unimodal_labels_["text"].notna().all()


def test_parameters_in_a_search_may_be_dicts():
    grid = {
        "lr": [{"text": 1e-3, "rest": 1e-2}, 1e-3],
        "encoders": [None, {"audio": {"hidden_size": 3}}],
    }
    search = GridSearchCV(regressor(max_epochs=1), grid, cv=2, error_score="raise").fit(X, Y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_scores_of_folds_do_not_hang_on_their_order():
    options = {"cv": 3, "error_score": "raise"}
    scores = cross_val_score(regressor(**STRICT), X, Y, **options)
    again = cross_val_score(regressor(**STRICT), X, Y, **options)
    np.testing.assert_array_equal(scores, again)
    assert len(set(scores)) == 3


def test_made_up_clips_work_throughout():
    # Rows come from videos, and every fold has several.
    clip = make_multimodal_sentiment(240, random_state=0)
    search = GridSearchCV(
        pipeline(), {"model__attention": ["softmax", "last"]}, cv=2, error_score="raise"
    )
    search.fit(clip.X, clip.y)
    assert search.predict(clip.X).shape == (240,)
    assert set(search.best_estimator_[-1].modalities_) == set(clip.X.modalities)
