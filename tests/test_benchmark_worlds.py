"""benchmarks/worlds.py: what it keeps, and the shares and choices of its tables by hand."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag.datasets import make_multimodal_sentiment

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def worlds(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("worlds")


@pytest.fixture
def rows():
    """Two seeds of a constant, the default and another, which chooses and tests otherwise."""
    values = {
        "constant": ([1.0, 1.0], [1.0, 1.0]),
        "default": ([0.5, 0.6], [0.5, 0.7]),
        "cell=gru": ([0.4, 0.6], [0.6, 0.8]),
        "no labels, weight 1": ([0.3, 0.2], [0.9, 0.9]),
    }
    return pd.DataFrame(
        {"world": "mean", "variant": name, "seed": seed, "valid": valid[seed], "MAE": mae[seed]}
        | {"epochs": 3, "seconds": 1.0}
        for name, (valid, mae) in values.items()
        for seed in range(2)
    )


def test_shares_and_differences_by_hand(worlds, rows):
    table = worlds.world_table(rows, best=0.2)
    assert table.index.tolist() == ["default", "cell=gru", "no labels, weight 1"]
    assert table.loc["default", "MAE"].startswith("0.600 [")
    # (1 - .5) / .8 and (1 - .7) / .8
    assert table.loc["default", "share"].startswith("0.50 [")
    assert table.loc["cell=gru", "MAE - default"].startswith("+0.100 [+0.100")
    assert table.loc["default", "MAE - default"] == ""


def test_variants_are_chosen_by_the_rows_that_choose(worlds, rows):
    [line] = worlds.summary(rows, {"mean": 0.2}).to_dict("records")
    assert line["chosen sequence model and fusion"] == "cell=gru"
    assert line["chosen of all"] == "no labels, weight 1"
    # .5 / .9 and .7 / .9
    assert line["default / chosen of all"].startswith("0.67 [")
    assert line["best possible"] == "0.200"


def test_every_variant_is_of_known_arguments(worlds):
    known = {name for name, arguments in worlds.VARIANTS.items() if not worlds.why_not(arguments)}
    assert {"default", "cell=gru", "fusion=cross"} <= known
    assert "no parameter speed" in worlds.why_not({"speed": 1})
    assert "'cell' parameter" in worlds.why_not({"cell": "quantum"})


def test_second_moments_by_hand(worlds):
    X = make_multimodal_sentiment(
        3, feature_sizes={"a": 2, "b": 3}, length_range=(1, 3), random_state=0
    ).X
    features = worlds.common.moments(X)
    assert features.shape == (3, 2 + 3 + 3 + 6)
    steps = X.arrays["a"][1, : X.lengths["a"][1]].astype(np.float64)
    expected = (steps.T @ steps / len(steps))[[0, 0, 1], [0, 1, 1]]
    np.testing.assert_allclose(features[1, 5:8], expected, rtol=1e-12)


@pytest.mark.slow
def test_a_run_is_kept_and_gone_on_with(worlds, tmp_path, capsys):
    command = ["--worlds", "order", "--seeds", "1", "--train", "120", "--test", "40"]
    command += ["--epochs", "1", "--jobs", "1", "--keep", str(tmp_path / "rows.jsonl")]
    worlds.main([*command, "--variants", "ridge, means"])
    assert "1/2  seed 0  order, constant" in capsys.readouterr().out
    worlds.main([*command, "--variants", "ridge, means", "default"])
    printed = capsys.readouterr().out
    assert "1/1  seed 0  order, default" in printed
    assert "| ridge, means" in printed
    assert "order: a constant" in printed
