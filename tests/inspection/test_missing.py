"""Scores of every pattern of present modalities."""

import numpy as np
import pytest

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.inspection import missing_modality_report
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(16, missing=True)


@pytest.fixture(scope="module")
def fitted():
    return regressor(max_epochs=1).fit(X, Y)


def test_every_pattern_is_scored_on_the_rows_that_have_something_left(fitted):
    report = missing_modality_report(fitted, X, Y)
    assert report.index.tolist() == ["text + audio", "text", "audio"]
    assert report.columns.tolist() == ["text", "audio", "rows", "score"]
    assert report["rows"].tolist() == [16, 16, 12]
    assert report["score"].iloc[0] == fitted.score(X, Y)
    has_audio = X.lengths["audio"] > 0
    audio = MultimodalData(X.arrays, X.lengths | {"text": np.zeros(16, dtype=int)})[has_audio]
    assert report.loc["audio", "score"] == pytest.approx(fitted.score(audio, Y[has_audio]))


def test_several_scores_and_the_protocols_of_the_field(fitted):
    names = ["r2", "neg_mean_absolute_error"]
    report = missing_modality_report(fitted, X, Y, scoring=names)
    assert report.columns[3:].tolist() == names
    report = missing_modality_report(fitted, X, Y, protocol="mosi")
    assert np.isfinite(report.iloc[:, 3:].to_numpy(float)).all()
    assert report.shape[1] > 6


def test_a_pattern_without_rows_has_no_score(fitted):
    silent = MultimodalData(X.arrays, X.lengths | {"audio": np.zeros(16, dtype=int)})
    report = missing_modality_report(fitted, silent, Y)
    assert report.loc["audio", "rows"] == 0
    assert np.isnan(report.loc["audio", "score"])


def test_classifiers_and_bad_arguments(fitted):
    estimator = classifier(max_epochs=1).fit(X, three_classes(Y))
    report = missing_modality_report(estimator, X, three_classes(Y))
    assert report["score"].between(0, 1).all()
    with pytest.raises(TypeError, match="X must name its modalities"):
        missing_modality_report(fitted, np.zeros((3, 2)), Y)
    with pytest.raises(ValueError, match="y must have one value per row of X, 16, got 3"):
        missing_modality_report(fitted, X, Y[:3])
    with pytest.raises(ValueError, match="scoring and protocol exclude each other"):
        missing_modality_report(fitted, X, Y, scoring="r2", protocol="mosi")
