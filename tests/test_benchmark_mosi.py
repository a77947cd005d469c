"""The table of benchmarks/mosi.py: every ablation is in it, and its intervals are paired."""

import importlib
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.estimators.parameters import REGRESSION_LABELS
from sklearn_tamulag.model_selection import SeedReport, evaluate_seeds
from sklearn_tamulag.nn.attention import POOLINGS
from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.nn.sequence_models import SEQUENCE_MODELS
from tests.tiny_bert import tiny_bert, tiny_texts

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def mosi(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("mosi")


def test_every_ablation_changes_one_argument_of_the_defaults(mosi):
    models = mosi.models()
    defaults = TAMULAGRegressor().get_params()
    changes = {
        name: {
            argument: value
            for argument, value in estimator[-1].get_params().items()
            if value != defaults[argument]
        }
        for name, (_, estimator) in models.items()
        if isinstance(estimator[-1], TAMULAGRegressor)
    }
    assert changes[mosi.DEFAULT] == changes["TAM-ULAG, text"] == {}
    single = [params for params in changes.values() if len(params) == 1]
    tried = {(name, value) for params in single for name, value in params.items()}
    choices = {
        "attention": POOLINGS,
        "cell": SEQUENCE_MODELS,
        "fusion": FUSIONS,
        "label_generation": REGRESSION_LABELS,
        "step_path": (True,),
        "unimodal_weight": (0.0, 0.1, 1.0),
        "weight_averaging": ("swa", None),
    }
    every = {(name, value) for name, values in choices.items() for value in values}
    same = {
        ("attention", "softmax"),
        ("cell", "lstm"),
        ("fusion", "concat"),
        ("label_generation", "auto"),
        ("label_generation", "calibrated"),
    }
    assert tried == every - same
    self_mm = {"attention": "last", "label_generation": "ulgm", "weight_averaging": None}
    assert changes["Self-MM's setting"] == self_mm
    assert models["Self-MM's setting"][1][-1].fusion == "concat"


def test_every_model_trains(mosi):
    random = np.random.default_rng(0)
    sizes = {"text": 5, "audio": 3}
    arrays = {name: random.normal(size=(20, 4, size)) for name, size in sizes.items()}
    X = MultimodalData(arrays, groups=np.repeat(np.arange(10), 2))
    y = random.uniform(-3, 3, size=20)
    for modalities, estimator in mosi.models().values():
        if isinstance(estimator[-1], TAMULAGRegressor):
            estimator[-1].set_params(max_epochs=1)
        part = X.select(modalities)
        report = evaluate_seeds(estimator, part, y, seeds=[1], test_size=0.3, protocol="mosi")
        assert report.scores["test_mae"].notna().all()


def report_of(maes):
    scores = pd.DataFrame({"test_mae": maes, "test_corr": 0.5, "test_acc2_nonzero": 0.75})
    return SeedReport(scores, {}, {"seeds": [1, 2, 3], "splits": [], "data": {}})


def test_a_row_of_the_table_by_hand(mosi):
    default, other = report_of([0.8, 1.0, 0.9]), report_of([0.7, 0.9, 0.8])
    row = mosi.table_row(other, default)
    # Student's t of two degrees of freedom is 4.303, the deviation .1: 4.303 * .1 / sqrt(3) = .248
    assert row["MAE"] == "0.800 [0.552, 1.048]"
    # What no seed changes has no interval; nor has a difference that is the same in every seed.
    assert row["Corr"] == "0.500"
    assert row["Acc2 - default"] == "+0.000"
    assert row["MAE - default"].startswith("-0.100")
    assert "MAE - default" not in mosi.table_row(default, default)


def test_texts_are_read_as_features_and_kept(mosi, tmp_path):
    pytest.importorskip("transformers")
    encoder = tiny_bert(tmp_path / "encoder", max_position_embeddings=64)
    texts, y = tiny_texts(6)
    texts[0] += " VERY" * 60
    audio = np.random.default_rng(0).normal(size=(6, 4, 2)).astype(np.float32)
    split = {
        "id": [f"film{row // 2}$_${row}" for row in range(6)],
        "raw_text": texts,
        "audio": audio,
        "regression_labels": y,
    }
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps({"train": split}))
    parts = [mosi.read(path, "train", Path(encoder), cache) for cache in (None, tmp_path / "kept")]
    [kept] = (tmp_path / "kept").iterdir()
    written = kept.stat().st_mtime_ns
    parts.append(mosi.read(path, "train", Path(encoder), tmp_path / "kept"))
    assert kept.stat().st_mtime_ns == written
    for part in parts:
        assert part.X.modalities == ("text", "audio")
        assert part.X.arrays["text"].shape == (6, mosi.N_TOKENS, 16)
        assert part.X.lengths["text"][0] == mosi.N_TOKENS
        np.testing.assert_array_equal(part.X.arrays["text"], parts[0].X.arrays["text"])
        np.testing.assert_array_equal(part.X.arrays["audio"], audio)
        assert part.X.groups.tolist() == ["film0", "film0", "film1", "film1", "film2", "film2"]
        np.testing.assert_array_equal(part.y, y)
