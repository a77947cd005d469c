"""The table of benchmarks/steadier.py: its variants, its rows that are kept, its intervals."""

import importlib
from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklearn_tamulag import TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.small_fits import clips

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def steadier(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("steadier")


def test_every_variant_changes_the_network_and_has_the_seed(steadier):
    pipeline = make_pipeline(SequenceScaler(), TAMULAGRegressor(lr=0.5))
    made = steadier.variants(pipeline, 7, n_members=3)
    assert made["single fit"][-1].get_params() == {
        **pipeline[-1].get_params(),
        "weight_averaging": None,
        "random_state": 7,
    }
    assert made["ema, refit"][-1].weight_averaging == "ema"
    assert made["ema, refit"][-1].refit
    mean = made["mean of 3, refit"]
    assert (mean.n_estimators, mean.random_state) == (3, 7)
    assert mean.estimator[-1].refit
    assert mean.estimator[-1].lr == 0.5
    named = steadier.variants(TAMULAGClassifier(), 0)
    assert type(named["mean of 5"]).__name__ == "SeedEnsembleClassifier"


def test_a_row_that_is_there_is_not_trained_again_and_half_a_line_is_none(steadier, tmp_path):
    class Constant:
        fits = 0

        def fit(self, X, y):
            Constant.fits += 1

        def predict(self, X):
            return np.linspace(-1, 1, len(X)) + 0.1 * Constant.fits

    X, y = clips(12)
    parts = Bunch(train=Bunch(X=X, y=y), test=Bunch(X=X, y=y))
    path = tmp_path / "rows.jsonl"
    for fits in (2, 4, 4):
        rows = steadier.KeptRows(path)
        for seed in range(fits // 2):
            place = {"seed": seed, "part": 0}
            found = {"single fit": Constant(), "refit": Constant()}
            steadier.measure(rows, place, found, parts)
        assert Constant.fits == fits
        path.write_text(path.read_text() + '{"seed": 5, "MA')
    frame = steadier.KeptRows(path).frame()
    shown = steadier.table(frame)
    assert shown.index.tolist() == ["single fit", "refit"]
    errors = frame["MAE"].tolist()
    gains = [errors[1] - errors[0], errors[3] - errors[2]]
    assert shown.loc["refit", "MAE - single"].startswith(f"{np.mean(gains):+.3f} [")


def test_videos_are_left_out_whole_and_each_once(steadier, monkeypatch):
    import mosi

    def read(path, split, encoder, cache):
        rows, y = clips(30, seed=len(split), steps=len(split), groups=True)
        return Bunch(X=rows.select(["text", "audio"]), y=y)

    monkeypatch.setattr(mosi, "read", read)
    parts = list(steadier.mosi_parts(None, "encoder", None))
    assert sum(len(part.test.y) for part in parts) == 60
    for part in parts:
        assert not set(part.train.X.groups) & set(part.test.X.groups)
        assert len(part.train.y) + len(part.test.y) == 60
