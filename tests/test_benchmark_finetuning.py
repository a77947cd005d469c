"""The tables of benchmarks/finetuning.py: what chooses is not scored, and no fit is run twice."""

import importlib
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest

from sklearn_tamulag.estimators.encoders import encoder_options
from tests.tiny_bert import tiny_bert, tiny_texts

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def finetuning(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("finetuning")


def test_recipes_are_few_and_say_what_an_encoder_has(finetuning):
    assert 2 <= len(finetuning.RECIPES) <= 6
    assert finetuning.RECIPES["usual"] == ({}, {})
    for options, _ in finetuning.RECIPES.values():
        encoder_options({"text": {"transformer": "name"} | options})
    frozen = finetuning.estimator(Path("folder"), "frozen", "float32", 0)
    assert frozen.encoders["text"]["trainable"] is False
    assert frozen.max_epochs == 50


def test_what_chooses_is_not_scored(finetuning):
    groups = np.repeat(np.arange(12), 2)
    outer = finetuning.folds(groups, np.arange(24), 3)
    inner = list(finetuning._choosing_parts(groups, outer, first=False))
    assert len(inner) == 3 * finetuning.INNER_FOLDS
    for place, (train, test) in inner:
        scored = outer[place["fold"]][1]
        assert not set(scored) & {*train, *test}
        assert not set(groups[train]) & set(groups[test])
    (place, rows), *others = finetuning._choosing_parts(groups, outer, first=True)
    assert (place["fold"], others) == (0, [])
    assert rows is outer[0]


def feature_file(folder, n_rows=24):
    texts, y = tiny_texts(n_rows)
    part = {
        "raw_text": texts,
        "audio": np.random.default_rng(0).normal(size=(n_rows, 3, 2)).astype(np.float32),
        "audio_lengths": [3] * n_rows,
        "id": [f"video{row // 2}$_${row}" for row in range(n_rows)],
        "regression_labels": y.astype(np.float32),
    }
    (folder / "mosi.pkl").write_bytes(pickle.dumps({"train": part}))
    return folder / "mosi.pkl"


@pytest.mark.slow
def test_it_runs_once_and_goes_on(finetuning, tmp_path, monkeypatch, capsys):
    pytest.importorskip("transformers")
    encoder = tiny_bert(tmp_path / "bert")
    kept = tmp_path / "kept.jsonl"
    asked = [
        *("finetuning.py", str(feature_file(tmp_path)), "--encoder", encoder, "--prefix", "the "),
        *("--choose", "first", "--seeds", "2", "--folds", "2", "--jobs", "1", "--keep", str(kept)),
    ]
    monkeypatch.setattr(sys, "argv", asked)
    monkeypatch.setattr(finetuning, "RESAMPLES", 20)
    few = {name: finetuning.RECIPES[name] for name in ("usual", "frozen embeddings")}
    monkeypatch.setattr(finetuning, "RECIPES", few)
    finetuning.main()
    printed = capsys.readouterr().out
    assert "2 of 2" in printed
    assert "8 of 8" in printed
    assert "recipe by fold: [None, " in printed
    assert "| with audio - text alone, mean of seeds" in printed
    rows = kept.read_text().splitlines()
    assert len(rows) == 2 + 8
    monkeypatch.setattr(finetuning, "fit", None)
    finetuning.main()
    assert kept.read_text().splitlines() == rows
    # The same tables, without a fit.
    assert capsys.readouterr().out.split("\n| model")[1] == printed.split("\n| model")[1]
