"""Every sequence model and every fusion, from a fit to a file and back."""

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from sklearn_tamulag import load, save
from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.nn.sequence_models import SEQUENCE_MODELS, WHOLE_SEQUENCE_MODELS
from sklearn_tamulag.training.loop import compilation
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(24)
GAPPY, _ = clips(24, missing=True)
MODELS = [{"cell": cell} for cell in SEQUENCE_MODELS[1:]] + [
    {"fusion": fusion} for fusion in FUSIONS[1:]
]
IDS = [next(iter(params.values())) for params in MODELS]
EACH = pytest.mark.parametrize("params", MODELS, ids=IDS)


@EACH
def test_a_fit_with_gaps_is_saved_and_repeated(params, tmp_path):
    estimator = regressor(**params, modality_dropout=0.2).fit(GAPPY, Y)
    expected = estimator.predict(GAPPY)
    assert np.isfinite(expected).all()
    # The best epoch may be the first: something has moved.
    assert estimator.history_["train_loss"].nunique() == 2
    save(estimator, tmp_path / "file")
    np.testing.assert_array_equal(load(tmp_path / "file").predict(GAPPY), expected)
    joblib.dump(estimator, tmp_path / "dump")
    np.testing.assert_array_equal(joblib.load(tmp_path / "dump").predict(GAPPY), expected)
    np.testing.assert_array_equal(clone(estimator).fit(GAPPY, Y).predict(GAPPY), expected)


@EACH
def test_a_classifier_takes_them_by_modality(params):
    if "cell" in params:
        params = {"encoders": {"audio": params}}
    fit = classifier(**params, max_epochs=1).fit(X, three_classes(Y))
    np.testing.assert_allclose(fit.predict_proba(X).sum(axis=1), 1.0, rtol=1e-6)


@EACH
@pytest.mark.parametrize("precision", ["float64", "bfloat16"])
def test_one_modality_in_either_precision(params, precision):
    alone = X.select(["audio"])
    fit = regressor(**params, precision=precision, max_epochs=1).fit(alone, Y)
    assert np.isfinite(fit.predict(alone)).all()


@pytest.mark.parametrize("cell", WHOLE_SEQUENCE_MODELS)
def test_no_direction_is_asked_for_before_training(cell):
    message = f"bidirectional of modality 'text' must be False with cell='{cell}'"
    with pytest.raises(ValueError, match=message):
        regressor(cell=cell, bidirectional=True).fit(X, Y)
    # One modality may read in both directions beside one that has none.
    encoders = {"text": {"bidirectional": False, "cell": cell}}
    regressor(bidirectional=True, encoders=encoders, max_epochs=1).fit(X, Y)


def test_unknown_names_list_all_known_ones():
    for name, known in (("cell", SEQUENCE_MODELS), ("fusion", FUSIONS)):
        with pytest.raises(ValueError, match=f"The '{name}' parameter .*Got 'misa'") as error:
            regressor(**{name: "misa"}).fit(X, Y)
        assert all(repr(one) in str(error.value) for one in known)
    with pytest.raises(ValueError, match=r"encoders\['audio'\]\['cell'\]") as error:
        regressor(encoders={"audio": {"cell": "rnn"}}).fit(X, Y)
    assert all(repr(one) in str(error.value) for one in SEQUENCE_MODELS)


def test_a_tensor_that_is_too_large_is_refused_before_training():
    with pytest.raises(ValueError, match="Choose a smaller embedding_size, or fusion='low_rank'"):
        regressor(fusion="tensor", embedding_size=5000, fusion_size=64).fit(X, Y)


@pytest.mark.slow
@EACH
def test_training_that_is_traced_for_a_compiler_is_like_the_other(params, monkeypatch):
    # Traced and run as it is: what a compiler makes of that takes minutes.
    monkeypatch.setattr(compilation, "BACKEND", "aot_eager")
    settings = {"dropout": 0.0, **params}
    expected = regressor(**settings).fit(GAPPY, Y).predict(GAPPY)
    compiled = regressor(**settings, compile=True).fit(GAPPY, Y).predict(GAPPY)
    np.testing.assert_allclose(compiled, expected, atol=1e-4)
