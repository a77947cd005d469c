"""benchmarks/iemocap.py: who is in which part, how models are compared, what is kept."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.tiny_bert import tiny_bert

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SESSIONS = ("Ses01", "Ses02", "Ses03", "Ses04")
EMOTIONS = ("ang", "hap", "exc", "sad", "neu", "fru")


@pytest.fixture
def iemocap(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("iemocap")


@pytest.fixture
def corpus(tmp_path):
    """A file of the benchmark's layout: 4 sessions of 12 rows, loud where arousal is high."""
    random = np.random.default_rng(0)
    n_rows = 48
    session = np.repeat(SESSIONS, 12)
    vad = random.uniform(1, 5, size=(n_rows, 3)).astype(np.float32)
    length = random.integers(2, 7, size=n_rows)
    loud = np.repeat(vad[:, 1], length)[:, np.newaxis]
    path = tmp_path / "corpus.npz"
    np.savez(
        path,
        id=np.array([f"{name}_{row:03d}" for row, name in enumerate(session)]),
        session=session,
        dialog=np.char.add(session, np.tile(np.repeat(["a", "b", "c"], 4), 4)),
        text=np.array(["good bad film"] * n_rows),
        length=length,
        mel=(loud * 40 + random.normal(size=(length.sum(), 3))).clip(0, 255).astype(np.uint8),
        prosody=random.normal(size=(n_rows, 2)).astype(np.float32),
        vad=vad,
        emotion=np.array([EMOTIONS[row % 6] for row in range(n_rows)]),
    )
    return path


@pytest.fixture
def folder(iemocap, corpus, tmp_path):
    pytest.importorskip("transformers")
    encoder = tiny_bert(tmp_path / "encoder", max_position_embeddings=64)
    kept = tmp_path / "kept"
    iemocap.iemocap_data.prepare(corpus, Path(encoder), "", kept)
    return kept


def test_nobody_is_in_two_parts_and_every_session_is_reported_once(iemocap, folder):
    whole, labels = iemocap.iemocap_data.read(folder)
    reported = []
    for session in SESSIONS:
        parts = iemocap.iemocap_data.rotation(folder, "arousal", "audio", session)
        sessions = [{one[:5] for one in part.X.ids} for part in parts]
        assert sessions[2] == {session}
        assert len(sessions[0]) == 2
        assert len(set.union(*sessions)) == 4
        assert sum(len(part.X) for part in parts) == len(whole)
        reported += list(parts.reported.X.ids)
    assert sorted(reported) == sorted(whole.ids)
    by_id = labels.set_index(whole.ids)["arousal"]
    np.testing.assert_array_equal(parts.reported.y, by_id[parts.reported.X.ids])


def test_four_classes_leave_the_other_emotions_out(iemocap, folder):
    parts = iemocap.iemocap_data.rotation(folder, iemocap.CLASSES, "text + audio", "Ses02")
    assert [len(part.y) for part in parts] == [20, 10, 10]
    assert sorted(set(parts.train.y)) == ["angry", "happy", "neutral", "sad"]
    # Excitement is happiness.
    assert (parts.train.y == "happy").sum() == 8


def test_pooling_by_hand(iemocap):
    from sklearn_tamulag import MultimodalData

    X = MultimodalData(
        {"a": np.array([[[1.0], [3.0], [0.0]]]), "b": np.array([[[7.0]]])},
        {"a": np.array([2]), "b": np.array([1])},
    )
    np.testing.assert_allclose(iemocap.pooled(X), [[2.0, 1.0, 3.0, 7.0]])


def test_concordance_by_hand(iemocap):
    y = np.array([1.0, 2.0, 3.0])
    assert iemocap.concordance(y, y) == pytest.approx(1.0)
    # Covariance 2/3, variances 2/3, means apart by one: 4/3 / (4/3 + 1)
    assert iemocap.concordance(y, y + 1) == pytest.approx(4 / 7)


def generated_rows():
    """Rows of the default, 0.1 and 0.12 above those of a linear model, by session and seed."""
    return [
        {"model": model, "task": "arousal", "inputs": "text + audio", "reported": reported}
        | {"seed": seed, "CCC": score, "MAE": 0.5, "seconds": 1.0}
        for model, seeds, gain in (("default", (0, 1), 0.1), ("linear", (0,), 0.0))
        for number, reported in enumerate(SESSIONS)
        for seed in seeds
        for score in [0.5 + 0.1 * number + gain + 0.02 * seed]
    ]


def test_a_row_of_the_table_is_paired_by_session_and_seed(iemocap):
    table = iemocap.table(pd.DataFrame(generated_rows()), "arousal")
    # The seeds of the default are .1 and .12 above; eight values of deviation .01069, t is 2.365.
    assert table.loc["linear, text + audio", "default - it"] == "+0.110 [+0.101, +0.119]"
    assert table.loc["default, text + audio", "range over seeds"] == "0.020"
    assert table.loc["linear, text + audio", "by session"] == "0.500 0.600 0.700 0.800"


def test_the_picture_is_drawn(iemocap, tmp_path):
    pytest.importorskip("matplotlib")
    path = tmp_path / "pictures" / "iemocap.png"
    iemocap.draw(pd.DataFrame(generated_rows()), {"arousal": ("CCC", "MAE")}, path)
    assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_a_run_is_kept_and_not_run_again(iemocap, folder, corpus, monkeypatch, capsys):
    monkeypatch.setattr(iemocap, "TASKS", ("arousal",))
    monkeypatch.setattr(iemocap, "NETWORKS", {})
    monkeypatch.setattr(iemocap, "PENALTIES", [1.0])
    monkeypatch.delitem(iemocap.MODELS, "boosting")
    for name in [name for name in iemocap.MODELS if name not in ("default", "linear")]:
        monkeypatch.delitem(iemocap.MODELS, name)
    monkeypatch.setitem(
        iemocap.MODELS,
        "default",
        lambda rotation, run: iemocap.fit_network(
            rotation, run, {"max_epochs": 1, "hidden_size": 4}
        ),
    )
    arguments = ["iemocap.py", str(corpus), "--keep", str(folder), "--jobs", "1", "--seeds", "2"]
    monkeypatch.setattr(sys, "argv", [*arguments, "--encoder", str(folder)])
    iemocap.main()
    first = capsys.readouterr().out
    assert "36/36" in first
    assert "| default, mean of 3 seeds, text + audio" in first
    iemocap.main()
    again = capsys.readouterr().out
    assert "36/36" not in again
    assert again.strip() in first
