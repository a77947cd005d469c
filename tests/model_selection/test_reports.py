"""Reports that are saved and paired later, and the bar over the fits."""

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag import TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.model_selection import (
    SeedComparison,
    SeedReport,
    compare_seeds,
    evaluate_seeds,
)
from sklearn_tamulag.persistence.container import write_value

OPTIONS = {"seeds": [1, 2], "val_size": 0.2, "scoring": ["neg_mae"]}


@pytest.fixture(scope="module")
def data():
    return make_multimodal_sentiment(120, random_state=0)


def regressor(attention="softmax"):
    return TAMULAGRegressor(max_epochs=1, attention=attention, device="cpu")


@pytest.fixture(scope="module")
def reports(data):
    return [
        evaluate_seeds(regressor(attention), data.X, data.y, **OPTIONS)
        for attention in ("softmax", "mean")
    ]


def assert_same(one, other):
    pd.testing.assert_frame_equal(one.scores, other.scores, check_exact=True)
    assert list(one.predictions) == list(other.predictions)
    for part, table in one.predictions.items():
        pd.testing.assert_frame_equal(table, other.predictions[part], check_exact=True)
    assert one.manifest == other.manifest
    assert repr(one) == repr(other)


def test_a_report_comes_back_whole(reports, tmp_path):
    reports[0].save(tmp_path / "report")
    assert_same(SeedReport.load(tmp_path / "report"), reports[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["report"]


def test_reports_of_words_come_back_whole(data, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    classifier = TAMULAGClassifier(max_epochs=1, device="cpu")
    labels = np.where(data.y > 0, "up", "down")
    report = evaluate_seeds(classifier, data.X, labels, seeds=[3], return_estimators=True)
    report.save("~/report")
    loaded = SeedReport.load("~/report")
    assert_same(loaded, report)
    assert report.estimators is not None
    assert loaded.estimators is None


def test_loaded_reports_are_paired_as_if_compared_at_once(data, reports, tmp_path):
    for number, report in enumerate(reports):
        report.save(tmp_path / str(number))
    loaded = [SeedReport.load(tmp_path / str(number)) for number in range(2)]
    at_once = compare_seeds(regressor(), regressor("mean"), data.X, data.y, **OPTIONS)
    for pair in (loaded, [reports[0], loaded[1]]):
        paired = SeedComparison(*pair)
        pd.testing.assert_frame_equal(paired.summary, at_once.summary, check_exact=True)
        pd.testing.assert_frame_equal(paired.differences, at_once.differences, check_exact=True)


def test_loaded_reports_of_other_rows_are_not_paired(data, reports, tmp_path):
    other = evaluate_seeds(regressor(), data.X[:100], data.y[:100], **OPTIONS)
    other.save(tmp_path / "other")
    with pytest.raises(ValueError, match="same splits"):
        SeedComparison(reports[0], SeedReport.load(tmp_path / "other"))


@pytest.mark.parametrize(
    "value",
    [
        {"scores": pd.DataFrame({"a": [1.0]}), "predictions": {}},
        {"scores": [1.0], "predictions": {}, "manifest": {}},
        {"scores": pd.DataFrame({"a": [1.0]}), "predictions": {"test": 1}, "manifest": {}},
        [1, 2],
    ],
)
def test_what_is_no_report_is_refused(tmp_path, value):
    write_value(tmp_path / "value", value, kind="seed report")
    with pytest.raises(ValueError, match=r"value cannot be read: it does not hold a seed report\."):
        SeedReport.load(tmp_path / "value")
    write_value(tmp_path / "value", value, kind="something else")
    with pytest.raises(ValueError, match="it holds a something else, not a seed report"):
        SeedReport.load(tmp_path / "value")


def test_a_bar_over_the_fits(data, reports, capfd):
    report = evaluate_seeds(regressor(), data.X, data.y, verbose=1, **OPTIONS)
    bar = capfd.readouterr().err
    assert "evaluating: 100%" in bar
    assert "2/2" in bar
    pd.testing.assert_frame_equal(report.scores, reports[0].scores, check_exact=True)
    evaluate_seeds(regressor(), data.X, data.y, **OPTIONS)
    assert capfd.readouterr().err == ""


def test_verbose_is_checked(data):
    with pytest.raises(ValueError, match="'verbose' parameter of evaluate_seeds"):
        evaluate_seeds(regressor(), data.X, data.y, verbose=-1)
