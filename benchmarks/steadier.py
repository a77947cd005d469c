"""Steadier fits: one fit beside averaged weights, a refit on all rows, and means over seeds.

    python benchmarks/steadier.py --keep ROWS [--seeds N] [--members N]
    python benchmarks/steadier.py --keep ROWS --mosi FILE [--encoder FOLDER] [--cache FOLDER]

The first form trains on the built-in data, a data set per seed. The second reads the features of
CMU-MOSI as benchmarks/mosi.py does, puts the parts "train" and "valid" together, and leaves out
whole videos, five parts in turn, once per seed. Each fit is a line of JSON in the file ROWS,
written as soon as it has ended; what is there already is not trained again.

The table has the mean of each score, the paired difference to the single fit over seeds (and parts)
with its 95 % interval, and how many times as long training took.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
from kept import KeptRows
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import Pipeline

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.ensemble import SeedEnsembleClassifier, SeedEnsembleRegressor
from sklearn_tamulag.model_selection.intervals import interval_table

SINGLE = "single fit"
CHANGES: dict[str, dict[str, Any]] = {
    SINGLE: {"weight_averaging": None},
    "ema": {"weight_averaging": "ema"},
    "swa": {"weight_averaging": "swa"},
    "refit": {"weight_averaging": None, "refit": True},
    "ema, refit": {"weight_averaging": "ema", "refit": True},
}
SCORES = ("MAE", "Corr", "Acc2")


def variants(estimator: Any, seed: int, n_members: int = 5, n_jobs: int = 1) -> dict[str, Any]:
    """Estimators of every row of the table, by name.

    `estimator` is a TAMULAG estimator or a Pipeline that ends in one. Every seed in a variant comes
    from `seed`.
    """
    ensemble = SeedEnsembleClassifier if is_classifier(estimator) else SeedEnsembleRegressor
    made = {name: changed(estimator, **changes) for name, changes in CHANGES.items()}
    for name in (SINGLE, "ema", "refit"):
        words = "" if name == SINGLE else f", {name}"
        made[f"mean of {n_members}{words}"] = ensemble(clone(made[name]), n_members, n_jobs=n_jobs)
    for variant in made.values():
        names = [
            name for name in variant.get_params() if name.rpartition("__")[2] == "random_state"
        ]
        variant.set_params(**dict.fromkeys(names, seed))
    return made


def changed(estimator: Any, **params: Any) -> Any:
    """A clone of an estimator, or of a Pipeline, whose network has other parameters."""
    twin = clone(estimator)
    last = twin
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
    last.set_params(**params)
    return twin


def measure(rows: KeptRows, place: dict[str, Any], estimators: dict[str, Any], parts: Any) -> None:
    """Fit and score each variant whose result is not known."""
    for name, estimator in estimators.items():
        key = place | {"variant": name}
        if rows.has(key):
            continue
        start = time.perf_counter()
        estimator.fit(parts.train.X, parts.train.y)
        seconds = time.perf_counter() - start
        found = common.scores(parts.test.y, estimator.predict(parts.test.X))
        rows.add(key, found | {"seconds": seconds, "n_test": len(parts.test.y)})
        shown = f"seed {place['seed']}, part {place['part']}"
        print(f"{shown}, {name}: MAE {found['MAE']:.3f}, {seconds:.0f} s", flush=True)


def mosi_parts(path: Path, encoder: Path | None, cache: Path | None) -> Iterator[common.Parts]:
    """Five parts of the videos, each left out in turn, as training and test rows."""
    import mosi
    from sklearn.utils import Bunch

    both = [
        mosi.read(path, split, encoder or common.packaged_encoder(), cache)
        for split in ("train", "valid")
    ]
    X = MultimodalData.concatenate([part.X for part in both])
    y = np.concatenate([part.y for part in both])
    splits = GroupKFold(5).split(y, groups=X.groups)
    for number, (train, test) in enumerate(splits):
        yield common.Parts(number, *(Bunch(X=X[part], y=y[part]) for part in (train, test)))


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Means of all scores, and paired differences to the single fit."""
    wide = frame.pivot_table(index=["seed", "part"], columns="variant", values=[*SCORES, "seconds"])
    made = {}
    for variant in dict.fromkeys(frame["variant"]):
        row: dict[str, Any] = {}
        for score in SCORES:
            pairs = wide[score][[SINGLE, variant]] if variant != SINGLE else wide[score][[SINGLE]]
            pairs = pairs.dropna()
            row[score] = f"{pairs[variant].mean():.3f}"
            if variant != SINGLE and score != "Corr":
                difference = (pairs[variant] - pairs[SINGLE]).to_frame("difference")
                found = interval_table(difference).loc["difference"]
                words = f"{found['mean']:+.3f} [{found['low']:+.3f}, {found['high']:+.3f}]"
                row[f"{score} - single"] = words
        seconds = wide["seconds"]
        row["times as long"] = f"{(seconds[variant] / seconds[SINGLE]).mean():.2f}"
        made[variant] = row
    return pd.DataFrame.from_dict(made, orient="index").fillna("-")


def main() -> None:
    """Train what is not known yet, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mosi", type=Path, default=None)
    parser.add_argument("--encoder", type=Path, default=None)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=None, help="max_epochs, for a quick look")
    parser.add_argument("--rows", type=int, default=common.N_TRAIN, help="built-in training rows")
    arguments = parser.parse_args()

    params = {} if arguments.epochs is None else {"max_epochs": arguments.epochs}
    rows = KeptRows(arguments.keep)
    data = "built-in" if arguments.mosi is None else "mosi"
    if arguments.mosi is None:
        runs = [
            (seed, common.built_in_data(seed, arguments.rows)) for seed in range(arguments.seeds)
        ]
        estimator: Any = TAMULAGRegressor(**params)
    else:
        import mosi

        parts = list(mosi_parts(arguments.mosi, arguments.encoder, arguments.cache))
        runs = [(seed, part) for seed in range(arguments.seeds) for part in parts]
        estimator = mosi.network(**params)
    asked = {"data": data, "epochs": arguments.epochs, "rows": arguments.rows}
    asked |= {"members": arguments.members}
    for seed, part in runs:
        number = 0 if arguments.mosi is None else part.seed
        place = asked | {"seed": seed, "part": number}
        found = variants(estimator, seed, arguments.members, arguments.jobs)
        measure(rows, place, found, part)
    print()
    frame = rows.frame()
    same = [frame[name].map(str) == str(value) for name, value in asked.items()]
    print(table(frame[np.all(same, axis=0)]).to_markdown())


if __name__ == "__main__":
    main()
