"""The protocol cannot cheat: nothing that is fitted or chosen hangs on a test row."""

import itertools

import numpy as np
import pytest
import torch
from sklearn.model_selection import GridSearchCV, GroupKFold, GroupShuffleSplit, KFold
from sklearn.pipeline import make_pipeline

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.model_selection import evaluate_seeds
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.small_fits import classifier, clips, regressor

X, Y = clips(45, groups=True)
N_VIDEOS = 15


def other_values(data, y, rows):
    """The same data with other values, lengths and labels in some rows."""
    random = np.random.default_rng(9)
    arrays = {name: array.copy() for name, array in data.arrays.items()}
    lengths = {name: values.copy() for name, values in data.lengths.items()}
    for name, array in arrays.items():
        array[rows] = 100 * random.normal(size=array[rows].shape)
        lengths[name][rows] = array.shape[1]
    y = y.copy()
    y[rows] = -7 * y[rows] + 3 if y.dtype.kind == "f" else ~y[rows]
    return MultimodalData(arrays, lengths, groups=data.groups), y


def fitted_models(report):
    """All fitted networks, unwrapped."""
    for runs in report.estimators.values():
        for run in runs:
            run = getattr(run, "best_estimator_", run)
            run = run[-1] if hasattr(run, "steps") else run
            yield getattr(run, "best_estimator_", run)


def learned(report):
    """All that the fits learned: weights and scale of the target, means and scales of features."""
    values = []
    for model in fitted_models(report):
        values += [tensor.numpy() for tensor in model.net_.module_.state_dict().values()]
        target = model.net_.target
        values += [np.array([getattr(target, "neutral", 0), getattr(target, "scale", 0)])]
    for runs in report.estimators.values():
        for run in runs:
            run = getattr(run, "best_estimator_", run)
            if hasattr(run, "steps"):
                values += [*run[0].mean_.values(), *run[0].scale_.values()]
    return values


def equal(first, second):
    return len(first) == len(second) and all(map(np.array_equal, first, second))


def tuned(model):
    name = type(model).__name__.lower()
    return GridSearchCV(
        make_pipeline(SequenceScaler(), model), {f"{name}__hidden_size": [4, 6]}, cv=2
    )


ESTIMATORS = {
    "bare": regressor(max_epochs=4, lr=1e-2, n_iter_no_change=1),
    "scaled": make_pipeline(SequenceScaler(), regressor(max_epochs=3)),
    "tuned": tuned(regressor()),
    "tuned inside": make_pipeline(
        SequenceScaler(), GridSearchCV(regressor(), {"hidden_size": [4, 6]}, cv=2)
    ),
    "classes": tuned(classifier()),
}
PARTS = {
    "carved": {"test_size": 0.3},
    "carved with validation": {"test_size": 0.3, "val_size": 0.2},
    "split": {"cv": GroupShuffleSplit(1, test_size=0.3)},
}


@pytest.mark.parametrize(
    ("name", "how"),
    [
        *itertools.product(["bare", "scaled", "tuned"], PARTS),
        ("tuned inside", "carved with validation"),
        # A carved part would hold the classes in their shares, and so hang on y: fix the rows.
        ("classes", "split"),
    ],
)
def test_other_values_in_test_rows_leave_every_bit_of_the_fit(name, how):
    y, parts = Y > 0 if name == "classes" else Y, PARTS[how]
    options = {"seeds": [3], "return_estimators": True}
    before = evaluate_seeds(ESTIMATORS[name], X, y, **parts, **options)
    [split] = before.manifest["splits"]
    rows = np.array(split["test"]["rows"])
    after = evaluate_seeds(ESTIMATORS[name], *other_values(X, y, rows), **parts, **options)
    assert after.manifest["splits"] == before.manifest["splits"]
    assert after.manifest["data"] != before.manifest["data"]
    assert equal(learned(before), learned(after))
    assert not before.scores.equals(after.scores)
    # The same change to training rows is seen.
    rows = np.array(split["train"]["rows"][:6])
    changed = evaluate_seeds(ESTIMATORS[name], *other_values(X, y, rows), **parts, **options)
    assert not equal(learned(before), learned(changed))


@pytest.mark.parametrize("name", ESTIMATORS)
def test_other_values_in_a_test_part_of_its_own_leave_every_bit_of_the_fit(name):
    y = Y > 0 if name == "classes" else Y
    train, valid, test = (np.flatnonzero(np.isin(X.groups % 5, part)) for part in PARTS_OF_5)
    options = {
        "X_val": X[valid],
        "y_val": y[valid],
        "seeds": [3],
        "return_estimators": True,
    }
    reports = []
    for rows in ([], np.arange(len(test))):
        X_test, y_test = other_values(X[test], y[test], rows)
        reports.append(
            evaluate_seeds(
                ESTIMATORS[name], X[train], y[train], X_test=X_test, y_test=y_test, **options
            )
        )
    before, after = reports
    assert equal(learned(before), learned(after))
    assert before.predictions["valid"].equals(after.predictions["valid"])
    assert not before.scores.filter(like="test_").equals(after.scores.filter(like="test_"))


# Videos by their number modulo five.
PARTS_OF_5 = ([0, 1, 2], [3], [4])


def test_validation_rows_stop_the_training():
    train = np.flatnonzero(X.groups % 5 < 3)
    valid = np.flatnonzero(X.groups % 5 == 3)
    y_val = Y[valid][::-1]
    report = evaluate_seeds(
        regressor(max_epochs=5),
        X[train],
        Y[train],
        X_val=X[valid],
        y_val=y_val,
        seeds=[3],
        return_estimators=True,
    )
    [fitted] = fitted_models(report)
    # All training rows are trained on: validation rows stand in for those held out.
    assert fitted.unimodal_labels_.notna().all(axis=None)
    error = np.abs(report.predictions["valid"][3] - y_val).mean() / fitted.net_.target.scale
    assert fitted.history_["valid_loss"].min() == pytest.approx(error, rel=1e-5)


@pytest.mark.parametrize(
    "parts",
    [
        {"test_size": 0.3},
        {"test_size": 0.2, "val_size": 0.3},
        {"cv": 3, "val_size": 0.2},
        {"cv": GroupKFold(4)},
    ],
)
def test_no_video_is_in_two_parts(parts):
    report = evaluate_seeds(regressor(max_epochs=1), X, Y, seeds=[1], **parts)
    for split in report.manifest["splits"]:
        videos = [set(X.groups[part["rows"]].tolist()) for part in split.values()]
        assert sum(map(len, videos)) == len(set.union(*videos)) == N_VIDEOS
        rows = [set(part["rows"]) for part in split.values()]
        assert sum(map(len, rows)) == len(set.union(*rows)) == len(X)


@pytest.mark.parametrize("cv", [None, 3, GroupKFold(3)])
def test_folds_of_a_search_keep_videos_together(cv):
    seen = []

    class Spy(GroupKFold):
        def split(self, X, y=None, groups=None):
            for train, test in super().split(X, y, groups):
                seen.append(set(groups[train]) & set(groups[test]))
                yield train, test

    if isinstance(cv, GroupKFold):
        cv = Spy(3)
    search = GridSearchCV(regressor(max_epochs=1), {"hidden_size": [4, 6]}, cv=cv)
    report = evaluate_seeds(search, X, Y, seeds=[1], return_estimators=True)
    [fitted] = report.estimators[1]
    assert isinstance(fitted.cv, GroupKFold)
    assert fitted.cv.n_splits == (cv.n_splits if isinstance(cv, GroupKFold) else cv or 5)
    assert all(shared == set() for shared in seen)
    assert search.cv is cv


def test_held_out_rows_of_an_estimator_are_whole_videos():
    bare = MultimodalData(X.arrays, X.lengths)
    report = evaluate_seeds(
        make_pipeline(SequenceScaler(), regressor(validation_fraction=0.4)),
        bare,
        Y,
        groups=X.groups,
        seeds=[1],
        return_estimators=True,
    )
    [split], [model] = report.manifest["splits"], fitted_models(report)
    videos = X.groups[split["train"]["rows"]]
    held_out = model.unimodal_labels_["text"].isna().to_numpy()
    assert 0 < held_out.sum() < len(held_out)
    assert not set(videos[held_out]) & set(videos[~held_out])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"X_test": X[:6], "y_test": Y[:6]},
            r"'0' has rows in the train part \(of X\) and in the test part \(of X_test\); 2 such",
        ),
        (
            {"X_val": X[:3], "y_val": Y[:3], "test_size": 0.2},
            r"'0' has rows in the train part \(of X\) and in the valid part \(of X_val\); 1 such",
        ),
        (
            {"cv": KFold(2)},
            r"'7' has rows in the train part \(of X\) and in the test part \(of X\); 1 such",
        ),
    ],
)
def test_overlapping_videos_are_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        evaluate_seeds(regressor(), X, Y, **options)
    report = evaluate_seeds(regressor(max_epochs=1), X, Y, **options, seeds=[1], groups=False)
    assert report.manifest["settings"]["groups_left_out_of_account"] is True


@pytest.mark.parametrize("cv", [KFold(2, shuffle=True), [(np.arange(20), np.arange(20, 30))]])
def test_a_search_that_splits_a_video_is_refused_by_name(cv):
    search = GridSearchCV(regressor(), {"lr": [1e-3]}, cv=cv)
    with pytest.raises(ValueError, match=r"cv of GridSearchCV splits the group '\d+'"):
        evaluate_seeds(search, X, Y)


def test_the_data_given_stay_as_they_are():
    before = X.arrays["text"].copy(), Y.copy(), torch.get_rng_state()
    evaluate_seeds(ESTIMATORS["tuned"], X, Y, seeds=[1])
    np.testing.assert_array_equal(X.arrays["text"], before[0])
    np.testing.assert_array_equal(Y, before[1])
    assert torch.equal(torch.get_rng_state(), before[2])


# Weights of validation rows.


def weighted_error(estimator, rows, weight):
    errors = np.abs(estimator.predict(X[rows]) - Y[rows]) / estimator.net_.target.scale
    return np.average(errors, weights=weight[rows])


def test_rows_that_val_size_holds_out_keep_their_weights():
    weight = np.where(np.arange(len(Y)) % 2, 1e-3, 1.0)
    report = evaluate_seeds(
        regressor(max_epochs=2),
        X,
        Y,
        seeds=[1],
        test_size=0.2,
        val_size=0.2,
        fit_params={"sample_weight": weight},
        return_estimators=True,
    )
    rows = np.array(report.manifest["splits"][0]["valid"]["rows"])
    fitted = report.estimators[1][0]
    assert fitted.history_.valid_loss[fitted.best_iter_] == pytest.approx(
        weighted_error(fitted, rows, weight), rel=1e-5
    )


@pytest.mark.parametrize("wrapped", [False, True])
def test_x_val_may_have_weights(wrapped):
    train, valid = np.flatnonzero(X.groups % 5 < 3), np.flatnonzero(X.groups % 5 == 3)
    weight = np.linspace(0.1, 4, len(Y))
    model = regressor(max_epochs=2)
    report = evaluate_seeds(
        make_pipeline(SequenceScaler(), model) if wrapped else model,
        X[train],
        Y[train],
        seeds=[1],
        X_val=X[valid],
        y_val=Y[valid],
        sample_weight_val=weight[valid],
        return_estimators=True,
    )
    fitted = report.estimators[1][0]
    data = X
    if wrapped:
        data, fitted = fitted[0].transform(X), fitted[-1]
    errors = np.abs(fitted.predict(data[valid]) - Y[valid]) / fitted.net_.target.scale
    expected = np.average(errors, weights=weight[valid])
    assert fitted.history_.valid_loss[fitted.best_iter_] == pytest.approx(expected, rel=1e-5)
    assert set(report.manifest["data"]["X_val"]["fit_params"]) == {"sample_weight"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_weight_val": np.ones(45)}, "sample_weight_val was given without X_val"),
        (
            {"X_val": X[:9], "y_val": Y[:9], "sample_weight_val": np.ones(4), "groups": False},
            "sample_weight_val must have one value per row of X_val: X_val has 9 rows",
        ),
        ({"fit_params": {"sample_weight_val": np.ones(45)}}, "must not hold 'sample_weight_val'"),
    ],
)
def test_weights_of_validation_rows_are_checked(options, message):
    with pytest.raises(ValueError, match=message):
        evaluate_seeds(regressor(max_epochs=1), X, Y, seeds=[1], **options)


def test_the_share_of_a_part_is_told_by_its_argument():
    six = X[np.flatnonzero(X.groups < 2)]
    with pytest.warns(UserWarning, match="test_size=0.2 holds 3 of 6 rows out"):
        evaluate_seeds(regressor(max_epochs=1, early_stopping=False), six, Y[:6], test_size=0.2)
