"""benchmarks/label_content.py: fits are kept, weights chosen by validation rows, runs paired."""

import importlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tests.small_fits import SMALL, clips

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def content(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("label_content")


def test_scrambled_proposals_are_those_of_other_rows(content):
    target = torch.arange(12.0) - 6.0
    added = torch.randn(12, 2, generator=torch.Generator().manual_seed(0)).clamp(-0.5, 0.5)
    present = torch.ones(12, 2, dtype=torch.bool)
    present[0, 1] = False
    weight = torch.ones(12)
    weight[3] = 0.0
    propose = content.scrambled(lambda y, *others: y.unsqueeze(1) + added, 0)
    moved = propose(target, weight, present, [], target) - target.unsqueeze(1)
    # Ends of the range may be clipped.
    inner = slice(1, 11)
    assert not torch.allclose(moved[inner], added[inner])
    torch.testing.assert_close(moved[3], added[3])
    torch.testing.assert_close(moved[0, 1].clamp(min=0), added[0, 1].clamp(min=0))
    torch.testing.assert_close(
        propose(target, weight, present, [], target), moved + target[:, None]
    )


def test_scrambled_distributions_stay_in_their_class(content):
    target = torch.eye(2).repeat_interleave(5, dim=0)
    soft = torch.rand(10, 1, 2, generator=torch.Generator().manual_seed(0))
    everywhere = torch.ones(10, 1, dtype=torch.bool)
    propose = content.scrambled(lambda y, *others: soft.clone(), 0)
    moved = propose(target, torch.ones(10), everywhere, [], target)
    assert not torch.equal(moved, soft)
    for rows in (slice(5), slice(5, 10)):
        assert torch.equal(moved[rows, 0, 0].sort()[0], soft[rows, 0, 0].sort()[0])


def made_up(content, classes=False):
    """Kept rows of two seeds, in which weight .3 has the lowest validation loss."""
    rows = []
    for seed in (0, 1):
        for place, variant in enumerate(content.variants(classes)):
            loss = 0.1 if variant == "none, weight 0.3" else 1.0
            row = {"data": "d", "part": "", "classes": classes, "variant": variant, "seed": seed}
            rows.append(row | {"valid_loss": loss, "MAE": 10.0 * seed + place})
    return pd.DataFrame(rows)


def test_the_weight_is_chosen_by_validation_rows_and_runs_are_paired(content):
    frame = content.with_best_weight(made_up(content))
    best = frame[frame["variant"] == content.BEST]
    assert best["weight"].unique().tolist() == ["none, weight 0.3"]
    assert best["MAE"].tolist() == [3.0, 13.0]
    (name,) = tables = content.content_tables(made_up(content))
    assert "chosen: none, weight 0.3" in name
    scores, differences = tables[name]
    assert set(scores.index) == {*content.variants(False), content.BEST}
    # The seeds differ by 10, the variants within a seed by their place alone.
    assert differences.loc[f"calibrated - {content.BEST}", "MAE"] == "+2.000 [+2.000, +2.000]"
    assert differences.loc["calibrated - calibrated, scrambled", "MAE"].startswith("-1.000")


@pytest.mark.slow
@pytest.mark.parametrize("classes", [False, True])
def test_fits_are_kept_as_they_end(content, tmp_path, classes):
    X, y = clips(40)
    given = {"params": SMALL | {"early_stopping": True}, "classes": classes, "seeds": [0]}
    y = y > 0 if classes else y
    test = {"X_test": X[30:], "y_test": y[30:], "data": "clips", "rows": tmp_path / "rows.jsonl"}
    frame = content.compare_label_content(X[:30], y[:30], **test, **given)
    assert frame["variant"].tolist() == list(content.variants(classes))
    score = "accuracy" if classes else "MAE"
    assert np.isfinite(frame[score]).all()
    before = (tmp_path / "rows.jsonl").read_bytes()
    again = content.compare_label_content(X[:30], y[:30], **test, **given)
    pd.testing.assert_frame_equal(again, frame)
    assert (tmp_path / "rows.jsonl").read_bytes() == before
