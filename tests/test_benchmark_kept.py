"""benchmarks/kept.py: rows are found again by their keys, also after a run was killed."""

import importlib
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def kept_rows(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("kept").KeptRows


@pytest.fixture
def path(tmp_path):
    return tmp_path / "runs" / "rows.jsonl"


def test_rows_are_found_again_in_their_order(kept_rows, path):
    rows = kept_rows(path)
    assert not path.parent.exists()
    assert rows.frame().empty
    rows.add({"model": "b", "seed": np.int64(1)}, {"MAE": np.float64(0.5)})
    rows.add({"model": "a", "seed": 1}, {"MAE": float("nan"), "curve": np.array([1, 2])})
    again = kept_rows(path)
    assert len(again) == len(rows) == 2
    assert again.has({"seed": 1, "model": "b"})
    assert not again.has({"seed": 1})
    assert again.frame().columns.tolist() == ["model", "seed", "MAE", "curve"]
    assert again.frame()["model"].tolist() == ["b", "a"]
    assert np.isnan(again.frame().loc[1, "MAE"])
    assert again.frame().equals(rows.frame())


def test_a_later_row_replaces_one_of_the_same_key(kept_rows, path):
    kept_rows(path).add({"seed": 0}, {"MAE": 1.0})
    kept_rows(path).add({"seed": 0}, {"MAE": 2.0})
    assert kept_rows(path).frame().to_dict("records") == [{"seed": 0, "MAE": 2.0}]


def test_a_torn_last_line_counts_for_nothing(kept_rows, path):
    rows = kept_rows(path)
    for seed in range(2):
        rows.add({"seed": seed}, {"MAE": 1.0})
    whole = path.read_bytes()
    for cut in range(1, len(whole)):
        path.write_bytes(whole[:cut])
        rows = kept_rows(path)
        assert len(rows) == whole[:cut].count(b"\n")
    rows.add({"seed": 2}, {"MAE": 3.0})
    assert kept_rows(path).frame()["seed"].tolist() == [0, 2]


def test_what_is_no_row_is_named(kept_rows, path):
    rows = kept_rows(path)
    rows.add({"seed": 0}, {"MAE": 1.0})
    with pytest.raises(ValueError, match=r"both have \['seed'\]"):
        rows.add({"seed": 1}, {"seed": 2})
    with pytest.raises(TypeError, match="number, string"):
        rows.add({"seed": 1}, {"model": object()})
    assert len(kept_rows(path)) == 1
    path.write_bytes(b"[1]\n" + path.read_bytes())
    with pytest.raises(ValueError, match=r"Line 1 of .*rows\.jsonl is no kept row"):
        kept_rows(path)
