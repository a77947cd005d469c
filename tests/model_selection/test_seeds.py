"""Repeated seeds: scores and intervals by hand, manifests, equal bits, and what bad input says."""

import json
from importlib import metadata
from types import SimpleNamespace

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, PredefinedSplit
from sklearn.pipeline import make_pipeline

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.data.fingerprint import data_sha256
from sklearn_tamulag.model_selection import SeedComparison, compare_seeds, evaluate_seeds
from sklearn_tamulag.model_selection._manifest import json_value
from sklearn_tamulag.model_selection.intervals import interval_table
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(36, groups=True)
Y = np.clip(Y, -3, 3)
TABLE = np.arange(12.0).reshape(12, 1)


class Seedling(RegressorMixin, BaseEstimator):
    """Predicts its own seed, shifted, and keeps what it saw."""

    def __init__(self, shift=0.0, random_state=None):
        self.shift = shift
        self.random_state = random_state

    def fit(self, X, y):
        self.seen_ = np.asarray(X)[:, 0]
        self.threads_ = torch.get_num_threads()
        return self

    def predict(self, X):
        return np.full(len(X), self.random_state + self.shift)


class SeedlingClass(ClassifierMixin, BaseEstimator):
    """Says "a" in every row, or "b" for an odd seed."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[self.random_state % 2])


def test_scores_and_summary_by_hand():
    y_test = np.array([0.0, 1.0, -1.0, 2.0])
    report = evaluate_seeds(
        Seedling(),
        TABLE,
        TABLE[:, 0] / 12,
        seeds=[0, 1, 3],
        X_test=TABLE[:4],
        y_test=y_test,
        protocol="mosi",
    )
    assert report.scores.index.tolist() == [0, 1, 3]
    np.testing.assert_allclose(report.scores["test_mae"], [4 / 4, 4 / 4, 10 / 4])
    np.testing.assert_allclose(report.scores["test_acc2_has0"], [3 / 4] * 3)
    np.testing.assert_allclose(report.scores["test_acc2_nonzero"], [1 / 3, 2 / 3, 2 / 3])
    assert report.scores["test_corr"].isna().all()
    # Values 1, 1, 2.5: mean 1.5, deviation sqrt(0.75); t with two degrees of freedom is 4.302653.
    half = 4.302653 * np.sqrt(0.75) / np.sqrt(3)
    expected = [1.5, np.sqrt(0.75), 1.5 - half, 1.5 + half]
    np.testing.assert_allclose(report.summary.loc["test_mae"], expected, rtol=1e-6)
    # What is undefined for a seed is undefined for all.
    assert report.summary.loc["test_corr"].isna().all()
    assert report.predictions["test"][3].tolist() == [3.0] * 4
    frame = report.to_frame()
    assert frame.index.tolist() == [0, 1, 3, "mean", "std", "low", "high"]
    assert "test_mae" in repr(report)
    assert "2.5" in repr(report)
    assert "<td>2.5" in report._repr_html_()


def test_paired_differences_by_hand():
    parts = {"X_test": TABLE[:2], "y_test": [0.0, 0.0]}
    comparison = compare_seeds(
        Seedling(),
        Seedling(shift=0.5),
        TABLE,
        TABLE[:, 0],
        seeds=(n for n in (1, 2)),
        scoring="neg_mae",
        **parts,
    )
    assert comparison.differences["test_neg_mae"].tolist() == [-0.5, -0.5]
    summary = comparison.summary.loc["test_neg_mae"]
    # Both spread over the seeds, but their difference does not.
    assert summary.tolist() == [-1.5, -2.0, -0.5, 0.0, -0.5, -0.5]
    assert comparison.first.manifest["splits"] == comparison.second.manifest["splits"]
    assert "difference" in repr(comparison)
    assert "<td>-0.5" in comparison._repr_html_()


@given(values=st.lists(st.floats(-10, 10), min_size=2, max_size=8), shift=st.floats(-5, 5))
def test_the_interval_moves_with_the_values(values, shift):
    table = interval_table(pd.DataFrame({"a": values, "b": np.add(values, shift)}))
    assert table.loc["a", "low"] <= table.loc["a", "mean"] <= table.loc["a", "high"]
    moved = table.loc["b", ["mean", "low", "high"]] - table.loc["a", ["mean", "low", "high"]]
    np.testing.assert_allclose(moved, shift, atol=1e-6)


def test_one_seed_has_no_interval():
    report = evaluate_seeds(Seedling(), TABLE, TABLE[:, 0], seeds=[5])
    assert report.summary["mean"].notna().all()
    assert report.summary[["std", "low", "high"]].isna().all(axis=None)


def test_a_fifth_is_the_test_part_where_nothing_is_given():
    report = evaluate_seeds(Seedling(), TABLE, TABLE[:, 0], seeds=[1], return_estimators=True)
    [split] = report.manifest["splits"]
    assert len(split["test"]["rows"]) == 2
    assert sorted(split["train"]["rows"] + split["test"]["rows"]) == list(range(12))
    assert report.scores.columns.tolist() == ["test_score"]
    assert report.estimators[1][0].seen_.tolist() == split["train"]["rows"]
    assert report.predictions["test"].index.tolist() == split["test"]["rows"]


def test_validation_scores_stand_beside_test_scores():
    options = {"seeds": [1], "scoring": ["neg_mae", "r2"]}
    report = evaluate_seeds(
        Seedling(), TABLE, TABLE[:, 0], val_size=0.25, test_size=0.25, **options
    )
    assert report.scores.columns.tolist() == [
        *("valid_neg_mae", "valid_r2"),
        *("test_neg_mae", "test_r2"),
    ]
    [split] = report.manifest["splits"]
    assert sorted(row for part in split.values() for row in part["rows"]) == list(range(12))
    only = evaluate_seeds(
        Seedling(), TABLE, TABLE[:, 0], X_val=TABLE[:3], y_val=[1.0, 1.0, 1.0], **options
    )
    assert only.scores.columns.tolist() == ["valid_neg_mae", "valid_r2"]
    assert only.scores.loc[1, "valid_neg_mae"] == 0


def test_every_row_is_tested_once_in_cross_validation():
    y = np.linspace(-3, 3, 12)
    report = evaluate_seeds(
        Seedling(),
        TABLE,
        y,
        seeds=[1, 2],
        cv=KFold(5),
        protocol="mosi",
        scoring={"error": "neg_mae"},
        return_estimators=True,
    )
    assert report.predictions["test"].index.tolist() == list(range(12))
    for seed in (1, 2):
        # Folds of 3, 3, 2, 2, 2 rows: weighted by rows, the mean over splits is that over rows.
        expected = np.abs(y - seed).mean()
        assert report.scores.loc[seed, "test_mae"] == pytest.approx(expected)
        assert report.scores.loc[seed, "test_error"] == pytest.approx(-expected)
        fitted = [estimator.seen_.tolist() for estimator in report.estimators[seed]]
        assert fitted == [split["train"]["rows"] for split in report.manifest["splits"]]


def test_cross_validation_of_one_official_part_tests_that_part_alone():
    cv = PredefinedSplit(np.repeat([-1, 0], [8, 4]))
    report = evaluate_seeds(Seedling(), TABLE, TABLE[:, 0], seeds=[1], cv=cv)
    [split] = report.manifest["splits"]
    assert split["train"]["rows"] == list(range(8))
    assert split["test"]["rows"] == [8, 9, 10, 11]


def test_parts_of_classes_hold_their_shares():
    y = np.array(["a", "b"] * 6)
    report = evaluate_seeds(SeedlingClass(), TABLE, y, seeds=[0, 1, 2], test_size=0.5)
    assert report.scores["test_score"].tolist() == [0.5, 0.5, 0.5]
    assert report.predictions["test"][1].tolist() == ["b"] * 6


def test_every_seed_and_nested_random_state_counts():
    grid = GridSearchCV(make_pipeline(SequenceScaler(), regressor(max_epochs=1)), {}, cv=2)
    report = evaluate_seeds(grid, X, Y, seeds=[7, 8], return_estimators=True)
    name = "tamulagregressor__random_state"
    assert report.manifest["seeded"] == [f"estimator__{name}"]
    for seed in (7, 8):
        assert report.estimators[seed][0].best_estimator_.get_params()[name] == seed
    assert report.scores["test_score"].nunique() == 2
    assert grid.get_params()[f"estimator__{name}"] == 0
    alone = evaluate_seeds(grid, X, Y, seeds=[8])
    assert alone.scores.loc[8].equals(report.scores.loc[8])


def test_validation_rows_pass_through_pipeline_and_search():
    X_val, y_val = clips(9, seed=1)
    scaler = SequenceScaler().fit(X)
    expected = regressor(max_epochs=3, random_state=4).fit(
        scaler.transform(X), Y, X_val=scaler.transform(X_val), y_val=y_val
    )
    pipeline = make_pipeline(SequenceScaler(), regressor(max_epochs=3))
    search = GridSearchCV(pipeline, {"tamulagregressor__lr": [2e-3]}, cv=2)
    for estimator in (pipeline, search):
        report = evaluate_seeds(
            estimator,
            X,
            Y,
            seeds=[4],
            X_val=X_val,
            y_val=y_val,
            groups=False,
            return_estimators=True,
        )
        [fitted] = report.estimators[4]
        model = getattr(fitted, "best_estimator_", fitted)[-1]
        pd.testing.assert_frame_equal(
            model.history_.drop(columns="dur"), expected.history_.drop(columns="dur")
        )
        predictions = expected.predict(scaler.transform(X_val))
        np.testing.assert_array_equal(report.predictions["valid"][4], predictions)


def test_an_estimator_that_takes_no_validation_rows_is_scored_on_them():
    report = evaluate_seeds(Ridge(), TABLE, TABLE[:, 0], seeds=[1], val_size=0.25, test_size=0.25)
    assert (report.scores > 0.9).all(axis=None)


def run(**options):
    return evaluate_seeds(
        make_pipeline(SequenceScaler(), regressor()),
        X,
        Y,
        **({"seeds": [1, 2], "val_size": 0.2, "protocol": "mosi"} | options),
    )


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_equal_manifests_give_equal_results_at_any_number_of_jobs():
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        one, again, two = run(), run(), run(n_jobs=2)
    assert one.manifest == again.manifest == two.manifest
    for other in (again, two):
        pd.testing.assert_frame_equal(one.scores, other.scores, check_exact=True)
        for part in ("valid", "test"):
            pd.testing.assert_frame_equal(
                one.predictions[part], other.predictions[part], check_exact=True
            )
    assert one.manifest["settings"]["n_threads"] == 1
    assert one.scores["test_mae"].nunique() == 2


def test_manifests_differ_where_results_may():
    def changed(**options):
        first, second = (
            evaluate_seeds(
                Seedling(each.pop("shift", 0.0)),
                TABLE,
                np.linspace(-3, 2, 12) + each.pop("noise", 0.0),
                **({"seeds": [1], "test_size": 0.5, "protocol": "mosi"} | each),
            ).manifest
            for each in ({}, options)
        )
        return {key for key in first if first[key] != second[key]}

    assert changed() == set()
    assert changed(shift=0.5) == {"parameters"}
    assert changed(noise=1e-12) == {"data"}
    assert changed(seeds=[2]) == {"seeds"}
    assert changed(test_size=0.25) == {"splits"}
    assert changed(random_state=1) == {"settings", "splits"}
    assert changed(n_threads=2) == {"settings"}
    assert changed(protocol="mosei") == {"settings"}


def test_a_manifest_round_trips_as_json(tmp_path):
    grid = GridSearchCV(
        make_pipeline(SequenceScaler(), regressor()),
        {"tamulagregressor__lr": np.array([1e-3, 1e-2])},
        cv=GroupKFold(2),
    )
    report = evaluate_seeds(grid, X, Y, seeds=[3], scoring=["neg_mae", "r2"])
    path = tmp_path / "manifest.json"
    report.save_manifest(path)
    assert json.loads(path.read_text("utf-8")) == report.manifest
    assert report.manifest["parameters"]["cv"].startswith("GroupKFold(")
    assert "0x" not in path.read_text("utf-8")
    assert report.manifest["versions"]["torch"] == torch.__version__


def test_libraries_of_text_are_in_the_manifest_where_they_are_installed(monkeypatch):
    def installed(name):
        if name == "tokenizers":
            raise metadata.PackageNotFoundError(name)
        return "5.1"

    names = SimpleNamespace(version=installed, PackageNotFoundError=metadata.PackageNotFoundError)
    monkeypatch.setattr("sklearn_tamulag.model_selection._manifest.metadata", names)
    report = evaluate_seeds(Seedling(), TABLE, TABLE[:, 0], seeds=[1])
    assert report.manifest["versions"]["transformers"] == "5.1"
    assert "tokenizers" not in report.manifest["versions"]


def test_parameters_of_every_kind_have_a_description():
    class Thing:
        def __init__(self):
            self.sizes = (1, np.int64(2))

    thing = json_value(Thing())
    assert thing["parameters"] == {"sizes": [1, 2]}
    assert json_value({1: float("nan"), "a": {3, 2}}) == {"1": "nan", "a": [2, 3]}
    assert json_value(len) == "builtins.len"
    array = json_value(np.zeros((2, 3)))
    assert array == {"shape": [2, 3], "sha256": data_sha256(np.zeros((2, 3)))}
    assert json_value(Ridge(alpha=2.0))["parameters"]["alpha"] == 2.0
    assert json_value(lambda x: x).endswith("<lambda>")
    assert json_value(KFold(3)) == str(KFold(3))


def test_a_fixed_fold_is_described_row_by_row():
    folds = np.repeat([-1, 0], 500)
    other = folds.copy()
    other[300] = 0
    # What scikit-learn shows of them is the same.
    assert str(PredefinedSplit(folds)) == str(PredefinedSplit(other))
    assert json_value(PredefinedSplit(folds)) == json_value(PredefinedSplit(folds.copy()))
    assert json_value(PredefinedSplit(folds)) != json_value(PredefinedSplit(other))


def test_a_digest_is_of_values_not_of_where_they_are(tmp_path):
    np.save(tmp_path / "text.npy", X.arrays["text"])
    mapped = np.load(tmp_path / "text.npy", mmap_mode="r")
    on_disk = MultimodalData({**X.arrays, "text": mapped}, X.lengths, groups=X.groups)
    assert data_sha256(on_disk) == data_sha256(X)
    dirty = mapped.copy()
    dirty[~X.mask("text")] = 5.0
    np.save(tmp_path / "dirty.npy", dirty)
    dirty = np.load(tmp_path / "dirty.npy", mmap_mode="r")
    assert data_sha256(MultimodalData({**X.arrays, "text": dirty}, X.lengths, groups=X.groups)) == (
        data_sha256(X)
    )


def test_digests_tell_values_apart():
    different = [
        X,
        X[1:],
        MultimodalData(X.arrays, X.lengths),
        MultimodalData({"other": X.arrays["text"]}),
        None,
        [1.0, 2.0],
        [1.0, None],
        [1, 2],
        [2.0, 1.0],
        [[1.0, 2.0]],
        ["1.0", "2.0"],
        ["1.0", None],
        ["1.02.0"],
        pd.DataFrame({"a": [1.0, 2.0]}),
        pd.DataFrame({"b": [1.0, 2.0]}),
        pd.DataFrame({"a": [np.zeros((2, 3)), None]}),
        pd.DataFrame({"a": [np.zeros((3, 2)), None]}),
        pd.DataFrame({"a": [[[0.0, 1.0]], [[0.0, 1.0], [2.0, 3.0]]]}),
    ]
    assert len({data_sha256(value) for value in different}) == len(different)
    assert data_sha256(pd.Series([1.0, 2.0])) == data_sha256([1.0, 2.0])
    assert data_sha256(np.array(["a", "bc"])) == data_sha256(pd.Series(["a", "bc"]))
    assert data_sha256(np.array([1.0, 2.0], ">f8")) == data_sha256([1.0, 2.0])
    with pytest.raises(TypeError, match="have a digest"):
        data_sha256([object()])


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_are_set_for_the_fit_alone_and_global_states_are_kept(n_threads):
    states = np.random.get_state()[1].copy(), torch.get_rng_state()
    report = evaluate_seeds(
        Seedling(), TABLE, TABLE[:, 0], seeds=[1], n_threads=n_threads, return_estimators=True
    )
    assert report.estimators[1][0].threads_ == n_threads
    assert torch.get_num_threads() == 1
    run(seeds=[1], cv=KFold(2, shuffle=True), test_size=None, val_size=None, groups=False)
    np.testing.assert_array_equal(np.random.get_state()[1], states[0])
    assert torch.equal(torch.get_rng_state(), states[1])


def test_classes_are_evaluated_by_any_scorer():
    report = evaluate_seeds(
        classifier(max_epochs=1),
        X,
        three_classes(Y),
        seeds=[1],
        cv=2,
        scoring=["accuracy", "neg_log_loss"],
    )
    assert np.isfinite(report.scores).all(axis=None)
    names = report.predictions["test"][1].to_numpy()
    accuracy = np.mean(names == three_classes(Y)[report.predictions["test"].index])
    assert report.scores.loc[1, "test_accuracy"] == pytest.approx(accuracy)


def test_values_per_row_reach_the_fits_that_take_them():
    labels = pd.DataFrame({"text": -Y, "audio": np.where(np.arange(36) % 2, Y, np.nan)})
    weight = np.where(np.arange(36) % 3, 1.0, 0.0)
    search = GridSearchCV(
        make_pipeline(SequenceScaler(), regressor(early_stopping=False)),
        {"tamulagregressor__lr": [2e-3]},
        cv=2,
    )
    report = evaluate_seeds(
        search,
        X,
        Y,
        seeds=[1],
        fit_params={"unimodal_labels": labels, "sample_weight": weight},
        return_estimators=True,
    )
    train = np.array(report.manifest["splits"][0]["train"]["rows"])
    model = report.estimators[1][0].best_estimator_[-1]
    kept = model.unimodal_labels_["text"].notna().to_numpy()
    assert kept.tolist() == (weight[train] > 0).tolist()
    np.testing.assert_allclose(model.unimodal_labels_["text"][kept], -Y[train][kept], atol=1e-5)
    assert set(report.manifest["data"]["X"]["fit_params"]) == {"unimodal_labels", "sample_weight"}


def test_reports_over_other_seeds_parts_or_labels_are_not_paired():
    def report(shift=0.0, **options):
        return evaluate_seeds(Seedling(), TABLE, TABLE[:, 0] + shift, **({"seeds": [1]} | options))

    paired = SeedComparison(report(), report())
    assert (paired.differences == 0).all(axis=None)
    for other, message in [
        (report(seeds=[2]), "same seeds"),
        (report(test_size=0.5), "same splits"),
        (report(shift=1), "same labels"),
        (report(scoring="r2"), "same metrics"),
    ]:
        with pytest.raises(ValueError, match=message):
            SeedComparison(report(), other)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "MOSI"}, r"protocol must be one of \['mosi', 'mosei', 'sims'\]; got 'MOSI'"),
        ({"protocol": "sims"}, r"y must lie in \[-1, 1\] under protocol \"sims\"; row \d+ is"),
        ({"scoring": "acc8"}, "scoring must name scorers, got 'acc8'"),
        ({"seeds": []}, "at least one seed"),
        ({"seeds": [1, 2, 1]}, r"seeds must be distinct, got \[1\]"),
        ({"seeds": [1.5]}, "seeds must be ints from 0 .*got 1.5"),
        ({"seeds": [-1]}, "seeds must be ints from 0 .*got -1"),
        ({"groups": ["a"] * 35}, "groups must have one value per row of X: X has 36 rows, .* 35"),
        ({"groups": "video"}, r"groups must have shape \(n,\), one value per row, got str"),
        ({"groups": [None, *["a"] * 35]}, "groups must name the group of every row, but row 0"),
        ({"y": Y[:, np.newaxis].repeat(2, axis=1)}, r"y must have shape .* got ndarray .*\(36, 2"),
        ({"X_val": X, "y_val": 1}, r"y_val must have shape \(n,\)"),
        ({"X_val": X.select("text"), "y_val": Y}, "X_val must have the modal.*missing: 'audio'"),
        (
            {
                "X_test": MultimodalData(
                    {"text": np.ones((1, 2, 9)), "audio": X.arrays["audio"][:1]}
                ),
                "y_test": Y[:1],
            },
            "X_test must have the modalities of X. Modality 'text' has 9 features",
        ),
        ({"groups_test": ["a"]}, "groups_test was given without X_test"),
        ({"fit_params": {"groups": X.groups}}, "fit_params must not hold 'groups'"),
        ({"fit_params": {"sample_weight": Y}}, "'sample_weight', which reaches no fit inside Unt"),
        ({"fit_params": {"a": Y[:9]}}, r"fit_params\['a'\] must have one value per row"),
        ({"y": Y[:35]}, "y must have one value per row of X: X has 36 rows, y has 35"),
        ({"X_test": X}, "X_test and y_test must be given together"),
        ({"y_val": Y}, "X_val and y_val must be given together"),
        ({"test_size": 0.2, "cv": 3}, r"Only one of .* got \['test_size', 'cv'\]"),
        ({"val_size": 0.2, "X_val": X, "y_val": Y}, "Only one of X_val and val_size"),
        ({"test_size": 1.2}, "'test_size' parameter of evaluate_seeds"),
        ({"n_threads": 0}, "'n_threads' parameter of evaluate_seeds"),
        ({"groups": ["a"] * 36}, "test_size=0.2 needs at least 2 groups to part, got 1"),
        ({"X": X[:1], "y": Y[:1], "groups": False}, "test_size=0.2 needs at least 2 rows"),
        ({"X": X[:0], "y": Y[:0]}, "X must have at least one row"),
        ({"X": None, "y": None}, "X and y must be given"),
        ({"cv": [(np.arange(9), np.arange(8, 20))]}, "cv must give .* 1 in both"),
        (
            {"cv": [([1, 2], [3]), ([1, 2], [3])], "groups": False},
            "row 3 is tested 2 times",
        ),
        (
            {"X_test": MultimodalData(X.arrays, X.lengths), "y_test": Y},
            "groups are known for X but not for X_test: pass groups_test",
        ),
    ],
)
def test_bad_input_is_refused_before_training(options, message):
    data = {"X": X, "y": Y} | options
    with pytest.raises(ValueError, match=message):
        evaluate_seeds(Untrainable(), **data)


def test_test_rows_may_lack_a_modality_where_the_estimator_takes_them():
    parts = {"X_test": X[30:].select("text"), "y_test": Y[30:]}
    estimator = make_pipeline(
        SequenceScaler(allow_missing=True), regressor(max_epochs=1, allow_missing=True)
    )
    report = evaluate_seeds(estimator, X[:30], Y[:30], seeds=[1], **parts)
    assert np.isfinite(report.predictions["test"]).all(axis=None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 3}, "seeds must be a sequence of ints, got 3"),
        ({"scoring": 3}, "scoring must be names, a callable or a dict of these, got 3"),
        ({"fit_params": [Y]}, "fit_params must be a dict by name, got list"),
        ({"estimator": Seedling}, "estimator must be an instance of an estimator, got <class"),
        ({"estimator": "ridge"}, "estimator must be an instance of an estimator, got 'ridge'"),
    ],
)
def test_arguments_of_another_kind_are_refused_by_name(options, message):
    with pytest.raises(TypeError, match=message):
        evaluate_seeds(**{"estimator": Untrainable(), "X": X, "y": Y} | options)


class Untrainable(Seedling):
    """Must never be fitted."""

    def fit(self, X, y):
        pytest.fail("an estimator was fitted before its input was checked")


def test_a_dict_is_refused_with_a_way_out():
    with pytest.raises(TypeError, match=r"got a dict.*MultimodalPadder"):
        evaluate_seeds(Untrainable(), X.arrays, Y)


@pytest.mark.parametrize(
    "estimator", [LinearRegression(), make_pipeline(SequenceScaler(), LinearRegression())]
)
def test_an_estimator_without_a_random_state_is_refused(estimator):
    with pytest.raises(ValueError, match="must have a parameter random_state"):
        evaluate_seeds(estimator, X, Y)
    with pytest.raises(ValueError, match="must have a parameter random_state"):
        compare_seeds(Untrainable(), estimator, X, Y)


def test_a_protocol_needs_numbers_with_something_to_score():
    with pytest.raises(ValueError, match="predicts classes: pass scoring"):
        evaluate_seeds(DummyClassifier(random_state=0), TABLE, [0, 1] * 6, protocol="mosi")
    with pytest.raises(TypeError, match="y must hold real numbers"):
        evaluate_seeds(Untrainable(), TABLE, ["a", "b"] * 6, protocol="mosi")
    with pytest.raises(ValueError, match="test part cannot be scored: y_true holds zeros only"):
        evaluate_seeds(Untrainable(), TABLE, np.zeros(12), protocol="mosi")


def test_two_kinds_of_estimator_are_not_compared():
    with pytest.raises(ValueError, match="both be classifiers"):
        compare_seeds(Untrainable(), DummyClassifier(random_state=0), TABLE, [0, 1] * 6)


def test_validation_rows_and_groups_that_cannot_arrive_are_refused():
    vote = VotingRegressor([("a", regressor()), ("b", regressor())])
    with pytest.raises(
        ValueError, match="Validation rows cannot reach TAMULAGRegressor inside Vot"
    ):
        evaluate_seeds(vote, X, Y, val_size=0.2)
    bare = MultimodalData(X.arrays, X.lengths)
    through = TransformedTargetRegressor(regressor=vote)
    assert evaluate_seeds(through, X, Y, seeds=[1]).scores.notna().all(axis=None)
    blind = Blind(regressor())
    with pytest.raises(ValueError, match="groups cannot reach TAMULAGRegressor inside Blind"):
        evaluate_seeds(blind, bare, Y, groups=X.groups)
    search = GridSearchCV(regressor(), {}, cv=2)
    with pytest.raises(ValueError, match=r"as many validation as training rows \(18\)"):
        evaluate_seeds(search, X[:18], Y[:18], X_val=X[18:], y_val=Y[18:])


class Blind(RegressorMixin, BaseEstimator):
    """A meta-estimator that routes nothing."""

    def __init__(self, inner):
        self.inner = inner

    def fit(self, X, y):
        return self

    def get_metadata_routing(self):
        raise NotImplementedError


def test_threads_that_would_share_random_states_are_refused():
    with (
        joblib.parallel_config(backend="threading"),
        pytest.raises(ValueError, match="backend of processes"),
    ):
        evaluate_seeds(Untrainable(), TABLE, TABLE[:, 0], n_jobs=2)
