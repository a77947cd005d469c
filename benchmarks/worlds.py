"""Sequence models, fusions and weights of tasks in every generated world, over several seeds.

Each variant changes some arguments of the defaults. A seed makes the data, the weights and the
order of the batches. Test MAE stands beside that of the best constant and the best possible one;
the share of what can be had is 1 for the latter and 0 for the former. Which variant suits a world
best is chosen by its MAE on rows of their own, which neither train nor test. Every fit is kept in
a file as it ends, and a run that was cut off goes on from there.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
import torch
from joblib import Parallel, delayed
from kept import KeptRows
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.datasets import best_possible_error, make_multimodal_sentiment
from sklearn_tamulag.model_selection.intervals import interval_table

WORLDS = ("mean", "order", "dominant", "loudest", "sarcasm")
N_VALID = 500
DEFAULT = "default"
BASELINES = {
    "ridge, means": common.ridge,
    "ridge, second moments": common.moment_ridge,
}
# The tasks of the modalities switched off: what late fusion is elsewhere.
PLAIN = {"label_generation": "none", "unimodal_weight": 0.0}
VARIANTS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "step_path": {"step_path": True},
    "bidirectional": {"bidirectional": True},
    "cell=gru": {"cell": "gru"},
    "cell=transformer": {"cell": "transformer"},
    "cell=mlp": {"cell": "mlp"},
    "cell=conv": {"cell": "conv"},
    "fusion=cross": {"fusion": "cross"},
    "fusion=semantic": {"fusion": "semantic"},
    "fusion=tensor": {"fusion": "tensor"},
    "fusion=low_rank": {"fusion": "low_rank"},
    "fusion=attention": {"fusion": "attention"},
    "fusion=crossmodal": {"fusion": "crossmodal"},
    "no labels, weight 0": PLAIN,
    "no labels, weight 0.1": {**PLAIN, "unimodal_weight": 0.1},
    "no labels, weight 1": {**PLAIN, "unimodal_weight": 1.0},
    "no labels, weight 0, cell=transformer": {**PLAIN, "cell": "transformer"},
    "no labels, weight 0, cell=mlp": {**PLAIN, "cell": "mlp"},
}
# What the table says of the differences to the default: those of architecture alone.
ARCHITECTURES = [name for name, changed in VARIANTS.items() if changed.keys() <= {"cell", "fusion"}]


def why_not(arguments: Mapping[str, Any]) -> str | None:
    """Say what the installed estimator does not know of a variant."""
    unknown = sorted(arguments.keys() - TAMULAGRegressor().get_params().keys())
    if unknown:
        return f"there is no parameter {', '.join(unknown)}"
    try:
        TAMULAGRegressor(**arguments)._validate_params()
    except ValueError as error:
        return str(error)
    return None


def fit_one(key: Mapping[str, Any]) -> dict[str, float]:
    """Fit a variant in a world, and measure it on rows that choose and on rows that test."""
    torch.set_num_threads(1)
    train, valid, test = parts(key)
    y = train[1]
    name = key["variant"]
    estimator: BaseEstimator
    if name == "constant":
        middle = np.median(y)
        return {"valid": error(valid[1], middle), "MAE": error(test[1], middle)}
    if name in BASELINES:
        estimator = BASELINES[name]()
    else:
        estimator = TAMULAGRegressor(
            max_epochs=key["epochs at most"], random_state=key["seed"], **VARIANTS[name]
        )
    start = time.process_time()
    estimator.fit(*train)
    row = {
        "valid": error(valid[1], estimator.predict(valid[0])),
        "MAE": error(test[1], estimator.predict(test[0])),
        "seconds": time.process_time() - start,
    }
    if isinstance(estimator, TAMULAGRegressor):
        row["epochs"] = estimator.n_iter_
    return row


def parts(key: Mapping[str, Any]) -> list[tuple[Any, NDArray[np.float64]]]:
    """Rows that train, rows that choose, and rows that test."""
    n_train, n_test = key["train rows"], key["test rows"]
    data = make_multimodal_sentiment(
        n_train + N_VALID + n_test,
        world=key["world"],
        noise_correlation=key["noise correlation"],
        random_state=key["seed"],
    )
    ends = [0, n_train, n_train + N_VALID, n_train + N_VALID + n_test]
    return [(data.X[start:end], data.y[start:end]) for start, end in pairwise(ends)]


def error(y: NDArray[np.float64], predicted: NDArray[np.float64] | float) -> float:
    """Mean absolute error."""
    return float(np.abs(y - predicted).mean())


def run(
    kept: KeptRows,
    settings: dict[str, Any],
    worlds: Sequence[str],
    names: Sequence[str],
    seeds: int,
    jobs: int,
) -> None:
    """Make the rows that are not kept yet, those of a seed together."""
    for world in worlds:
        key = {**settings, "world": world, "variant": "best possible", "seed": None}
        if not kept.has(key):
            correlation = settings["noise correlation"]
            kept.add(key, {"MAE": best_possible_error(world, noise_correlation=correlation)})
    keys = [
        {**settings, "world": world, "variant": name, "seed": seed}
        for seed in range(seeds)
        for world in worlds
        for name in ("constant", *names)
    ]
    missing = [key for key in keys if not kept.has(key)]
    # Only this process writes; a row is kept as soon as its fit has ended.
    parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
    work = (delayed(with_key)(key) for key in missing)
    for number, (key, row) in enumerate(parallel(work), start=1):
        kept.add(key, row)
        print(
            f"{number}/{len(missing)}  seed {key['seed']}  {key['world']}, {key['variant']}: "
            f"MAE {row['MAE']:.3f}",
            flush=True,
        )


def with_key(key: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """Fit one, and say which."""
    return key, fit_one(key)


def interval(values: pd.Series, spec: str = ".3f") -> str:
    """Mean and 95 % interval over the seeds."""
    row = interval_table(values.to_frame("value")).loc["value"]
    if not np.isfinite(row["low"]):
        return format(row["mean"], spec)
    return f"{row['mean']:{spec}} [{row['low']:{spec}}, {row['high']:{spec}}]"


def world_table(rows: pd.DataFrame, best: float) -> pd.DataFrame:
    """The variants in one world: errors, shares of what can be had, differences to the default."""
    by_variant = {name: group.set_index("seed") for name, group in rows.groupby("variant")}
    constant = by_variant["constant"]["MAE"]
    table = {}
    for name in [*BASELINES, *VARIANTS]:
        if name not in by_variant:
            continue
        group = by_variant[name]
        mae = group["MAE"]
        line = {
            "MAE": interval(mae),
            "share": interval((constant - mae) / (constant - best), ".2f"),
            "MAE - default": "",
            "choosing MAE": f"{group['valid'].mean():.3f}",
            "epochs": "" if name in BASELINES else f"{group['epochs'].mean():.0f}",
            "seconds": f"{group['seconds'].mean():.1f}",
        }
        if name != DEFAULT and DEFAULT in by_variant:
            line["MAE - default"] = interval((mae - by_variant[DEFAULT]["MAE"]).dropna(), "+.3f")
        table[name] = line
    return pd.DataFrame.from_dict(table, orient="index")


def chosen(rows: pd.DataFrame, names: Sequence[str]) -> str:
    """The variant of the lowest error on the rows that choose."""
    means = rows[rows["variant"].isin(names)].groupby("variant")["valid"].mean()
    return str(means.idxmin())


def summary(rows: pd.DataFrame, bests: Mapping[str, float]) -> pd.DataFrame:
    """A line per world: what can be had, and the default beside what was chosen."""
    lines = {}
    for world, best in bests.items():
        here = rows[rows["world"] == world]
        if DEFAULT not in set(here["variant"]):
            continue
        of = {name: group.set_index("seed")["MAE"] for name, group in here.groupby("variant")}
        constant, default = of["constant"], of[DEFAULT]
        line = {
            "constant": f"{constant.mean():.3f}",
            "best possible": f"{best:.3f}",
            "default": interval(default),
            "share": interval((constant - default) / (constant - best), ".2f"),
        }
        for title, names in (("sequence model and fusion", ARCHITECTURES), ("of all", VARIANTS)):
            name = chosen(here, list(names))
            line[f"chosen {title}"] = name
            line[f"default / chosen {title}"] = interval((default / of[name]).dropna(), ".2f")
        lines[world] = line
    return pd.DataFrame.from_dict(lines, orient="index")


def print_tables(frame: pd.DataFrame, settings: Mapping[str, Any]) -> None:
    """Print what is kept of these settings."""
    for name, value in settings.items():
        frame = frame[frame[name] == value]
    possible = frame["variant"] == "best possible"
    bests = frame[possible].set_index("world")["MAE"].to_dict()
    rows = frame[~possible].astype({"seed": int})
    print(
        f"\n{rows['seed'].nunique()} seeds, " + ", ".join(f"{v} {k}" for k, v in settings.items())
    )
    print("\n" + summary(rows, bests).to_markdown(disable_numparse=True))
    for world, best in bests.items():
        here = rows[rows["world"] == world]
        constant = here.loc[here["variant"] == "constant", "MAE"].mean()
        print(f"\n{world}: a constant {constant:.3f}, the best possible {best:.3f}\n")
        print(world_table(here, best).to_markdown(disable_numparse=True))


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--worlds", nargs="+", choices=WORLDS, default=WORLDS)
    made.add_argument(
        "--variants", nargs="+", metavar="NAME", choices=[*BASELINES, *VARIANTS], default=None
    )
    made.add_argument("--seeds", type=int, default=3)
    made.add_argument("--train", type=int, default=800, help="training rows")
    made.add_argument("--test", type=int, default=2000, help="test rows")
    made.add_argument("--noise-correlation", type=float, default=0.0)
    made.add_argument("--epochs", type=int, default=TAMULAGRegressor().max_epochs, help="at most")
    made.add_argument("--jobs", type=int, default=2)
    made.add_argument("--keep", type=Path, default=Path("worlds.jsonl"), help="the file of rows")
    return made


def main(given: Sequence[str] | None = None) -> None:
    """Fit what is missing, and print the tables."""
    arguments = parser().parse_args(given)
    settings = {
        "train rows": arguments.train,
        "test rows": arguments.test,
        "noise correlation": arguments.noise_correlation,
        "epochs at most": arguments.epochs,
    }
    names = list(arguments.variants or [*BASELINES, *VARIANTS])
    for name in [name for name in names if name in VARIANTS]:
        reason = why_not(VARIANTS[name])
        if reason:
            print(f"left out: {name}, since {reason}")
            names.remove(name)
    kept = KeptRows(arguments.keep)
    run(kept, settings, arguments.worlds, names, arguments.seeds, arguments.jobs)
    print_tables(kept.frame(), settings)


if __name__ == "__main__":
    main()
