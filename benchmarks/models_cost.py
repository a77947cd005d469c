"""What an epoch of each sequence model and each fusion costs, beside a bare loop and the default.

    python benchmarks/models_cost.py --json models_cost.json

prints a row for each: seconds of an epoch of ours; of a bare loop of the same module over the same
batches, which are gathered beforehand (``a`` of speed.py); the ratio of the two, which is to be
1.15 or less; and the ratio to an epoch of the default. Data and sizes are those of speed.py's
``features``: MOSI's rows and steps, text as features. Times are medians of interleaved runs in one
process; some 15 minutes on two quiet cores. ``--quick`` takes a small part of the rows, to try it
out: its figures mean nothing. ``--device cuda`` runs on a GPU, ``--models`` takes some of them.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from speed import medians
from speed_shapes import (
    MOSI,
    Shape,
    bare_copy,
    bare_epoch,
    dataset_of,
    make_data,
    make_estimator,
    next_order,
)

from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.nn.sequence_models import SEQUENCE_MODELS

DEFAULT = "default"
MODELS: dict[str, dict[str, str]] = {
    DEFAULT: {},
    **{f"cell={name}": {"cell": name} for name in SEQUENCE_MODELS[1:]},
    **{f"fusion={name}": {"fusion": name} for name in FUSIONS[1:]},
}
GOAL = 1.15


def runs_of(
    params: dict[str, str], shape: Shape, X: Any, y: Any, device: str
) -> tuple[Callable[[], float], Callable[[], float]]:
    """An epoch of ours, and after it one of a bare loop over the same batches."""
    estimator = make_estimator(shape, device, **params).fit(X, y)
    module, optimizer = bare_copy(estimator)
    dataset = dataset_of(X, y, device)
    orders = [next_order(estimator, X)]

    def ours() -> float:
        orders[:] = [next_order(estimator, X)]
        estimator.partial_fit(X, y)
        return float(estimator.net_.history[-1, "dur"])

    def bare() -> float:
        return bare_epoch(module, optimizer, list(dataset.batches(orders[0])), device)

    return ours, bare


def measure(names: list[str], shape: Shape, device: str, rounds: int) -> pd.DataFrame:
    """Seconds and ratios of the named models."""
    X, y = make_data(shape, shape.n_train)
    runs: dict[str, Callable[[], float]] = {}
    for name in names:
        runs[name], runs[f"{name}, bare"] = runs_of(MODELS[name], shape, X, y, device)
    seconds = medians(runs, rounds)
    rows = []
    for name in names:
        ours, bare = seconds[name], seconds[f"{name}, bare"]
        ratio = ours / bare
        beside = ours / seconds[DEFAULT]
        rows.append(
            {"model": name, "epoch s": ours, "bare s": bare, "epoch / bare": ratio}
            | {"goal met": ratio <= GOAL, "epoch / default": beside}
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    options = parser.parse_args()
    names = [DEFAULT, *(name for name in options.models if name != DEFAULT)]
    shape = MOSI.with_rows(32) if options.quick else MOSI
    rounds = options.rounds or (1 if options.quick else 5)
    table = measure(names, shape, options.device, rounds)
    print(table.to_markdown(index=False, floatfmt=".3f"))
    if options.json:
        options.json.write_text(table.to_json(orient="records", indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
