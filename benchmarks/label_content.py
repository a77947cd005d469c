"""What the content of generated labels brings, apart from the weight of the unimodal tasks.

    python benchmarks/label_content.py [--keep FILE] [--worlds NAME ...] [--mosi FILE]

On each data set three things are told apart, on the same rows and seeds:

- the weight: ``label_generation="none"`` trains every modality on y, with weights from 0 to 1; the
  best one is chosen by the loss of the validation rows, never of the test rows;
- the labels: the strategy, with the weights that ``unimodal_weight="auto"`` gives it;
- their content: the same strategy, but what its proposals add to y is handed to other rows at
  random (of the same class, for classes), so that labels lie as far from y as before and say
  nothing of their row.

Labels whose content brings something beat both others, by an interval above zero. Each fit is one
line in the file of ``--keep``; a run that was cut off goes on from there. Other data go through
`compare_label_content` and `content_tables`.
"""

import argparse
import inspect
import tempfile
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import joblib
import mosi
import numpy as np
import pandas as pd
import torch
from kept import KeptRows
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, balanced_accuracy_score

import sklearn_tamulag.estimators.base as trained
from sklearn_tamulag import MultimodalData, TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.estimators.options import label_strategy
from sklearn_tamulag.labels import Proposal
from sklearn_tamulag.metrics import corr_score, unimodal_label_report
from sklearn_tamulag.model_selection.intervals import interval_table
from sklearn_tamulag.preprocessing import SequenceScaler

WEIGHTS = (0.0, 0.03, 0.1, 0.3, 1.0)
STRATEGY = {False: "calibrated", True: "soft"}
SEEDS = (0, 1, 2)
N_TRAIN, N_TEST = 400, 1000
N_CLASSES = 3
BEST = "none, best weight"
KEY = ["data", "part", "classes", "variant", "seed"]
# What is compared with what: the labels as they are used, their content, and the weight alone.
COMPARISONS = (
    ("{0}", BEST),
    ("{0}", "{0}, scrambled"),
    (BEST, "none, weight 1"),
    (BEST, "none, weight 0"),
)


def variants(classes: bool) -> dict[str, dict[str, Any]]:
    """Arguments by variant; those of a scrambled one are those of its strategy."""
    own = {"label_generation": STRATEGY[classes]}
    plain = {
        f"none, weight {weight:g}": {"label_generation": "none", "unimodal_weight": weight}
        for weight in WEIGHTS
    }
    return plain | {STRATEGY[classes]: own, f"{STRATEGY[classes]}, scrambled": own}


def scrambled(propose: Proposal, seed: int) -> Proposal:
    """A strategy whose proposals are handed to other rows that have the modality.

    For numbers it is the difference to y that wanders, for classes the whole distribution, among
    the rows of a class. The order is the same in every epoch.
    """

    def proposals(
        target: torch.Tensor, weight: torch.Tensor, present: torch.Tensor, *others: Any
    ) -> torch.Tensor:
        proposed = propose(target, weight, present, *others)
        numbers = target.ndim == 1
        base = target.unsqueeze(1) if numbers else torch.zeros_like(proposed)
        added = proposed - base
        kinds = torch.zeros(len(target)) if numbers else target.argmax(dim=1)
        random = np.random.default_rng(seed)
        for column in range(present.shape[1]):
            for kind in kinds.unique():
                rows = torch.where(present[:, column] & (weight > 0) & (kinds == kind))[0]
                order = rows[torch.from_numpy(random.permutation(len(rows)))]
                added[rows, column] = added[order, column]
        moved = base + added
        return moved.clamp(target.min(), target.max()) if numbers else moved

    return proposals


def ccc(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Lin's concordance correlation coefficient."""
    covariance = np.cov(y_true, y_pred, bias=True)
    apart = (y_true.mean() - y_pred.mean()) ** 2
    return float(2 * covariance[0, 1] / (covariance[0, 0] + covariance[1, 1] + apart))


def fit_one(
    variant: str,
    seed: int,
    *,
    train: tuple[MultimodalData, Any, Any],
    valid: tuple[MultimodalData, Any] | None,
    test: tuple[MultimodalData, Any],
    classes: bool,
    params: Mapping[str, Any],
    truth: pd.DataFrame | None,
    truth_test: pd.DataFrame | None,
) -> dict[str, float]:
    """Fit one variant with one seed and score it on the test rows."""
    build = TAMULAGClassifier if classes else TAMULAGRegressor
    estimator = build(**{**params, **variants(classes)[variant], "random_state": seed})

    def strategy(name: str, arguments: Mapping[str, Any]) -> Proposal | None:
        propose = label_strategy(name, arguments)
        return scrambled(propose, seed) if propose and "scrambled" in variant else propose

    X, y, groups = train
    outside = {} if valid is None else {"X_val": valid[0], "y_val": valid[1]}
    with mock.patch.object(trained, "label_strategy", strategy):
        estimator.fit(X, y, groups=groups, **outside)
    X_test, y_test = test
    predicted = estimator.predict(X_test)
    found = {
        "valid_loss": float(estimator.history_["valid_loss"].min()),
        "epochs": float(estimator.n_iter_),
    }
    if classes:
        found["accuracy"] = float(accuracy_score(y_test, predicted))
        found["mean recall"] = float(balanced_accuracy_score(y_test, predicted))
        return found
    found["MAE"] = float(np.abs(y_test - predicted).mean())
    found["Corr"] = corr_score(y_test, predicted)
    found["CCC"] = ccc(np.asarray(y_test), predicted)
    if truth_test is not None:
        unimodal = estimator.predict_unimodal(X_test)
        error = np.abs(unimodal.to_numpy() - truth_test[list(unimodal)].to_numpy())
        found["unimodal MAE"] = float(np.nanmean(error))
    if truth is not None:
        # Beside it stands the correlation of y, which is the label of every modality with "none".
        report = unimodal_label_report(estimator.unimodal_labels_, truth, np.asarray(y))
        found["label corr"] = float(report["corr"].mean())
        found["y corr"] = float(report["y_corr"].mean())
    return found


def compare_label_content(
    X: MultimodalData,
    y: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    X_test: MultimodalData,
    y_test: ArrayLike,
    rows: str | Path,
    data: str,
    part: str = "",
    X_val: MultimodalData | None = None,
    y_val: ArrayLike | None = None,
    classes: bool = False,
    params: Mapping[str, Any] | None = None,
    scale: bool = True,
    seeds: Iterable[int] = SEEDS,
    truth: pd.DataFrame | None = None,
    truth_test: pd.DataFrame | None = None,
    n_jobs: int = 1,
) -> pd.DataFrame:
    """Fit every variant with every seed on given rows, and return what the file holds of them.

    Parameters
    ----------
    X, y, groups
        The training rows. Validation rows are held out of them, whole groups at a time, unless
        `X_val` and `y_val` are given.
    X_test, y_test
        Rows that are scored, and choose nothing.
    rows
        The file in which rows are kept as they end; what is there is not fitted again.
    data, part
        Names of the data set, and of the part of it (a fold, a rotation) that these rows are.
        `content_tables` pairs the runs of all parts and seeds.
    classes
        Whether y are classes.
    params
        Constructor arguments of the estimator for all variants.
    scale
        Whether features are standardised over the training rows.
    seeds, n_jobs
        One fit for each seed, so many at once.
    truth, truth_test
        Unimodal truth of the training and of the test rows, where it is known; for numbers only.
    """
    kept = KeptRows(rows)
    if scale:
        scaler = SequenceScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
        X_val = None if X_val is None else scaler.transform(X_val)
    fit = partial(
        fit_one,
        train=(X, y, groups),
        valid=None if X_val is None else (X_val, y_val),
        test=(X_test, y_test),
        classes=classes,
        params=params or {},
        truth=truth,
        truth_test=truth_test,
    )
    keys = [
        {"data": data, "part": part, "classes": classes, "variant": variant, "seed": seed}
        for seed in seeds
        for variant in variants(classes)
    ]
    open_keys = [key for key in keys if not kept.has(key)]
    found = joblib.Parallel(n_jobs, return_as="generator")(
        joblib.delayed(fit)(key["variant"], key["seed"]) for key in open_keys
    )
    for key, values in zip(open_keys, found, strict=True):
        kept.add(key, values)
    frame = kept.frame()
    mine = (frame["data"] == data) & (frame["part"] == part) & (frame["classes"] == classes)
    return frame[mine]


def with_best_weight(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the rows of "none" at the weight that the validation rows of each part choose."""
    best = []
    for _, rows in frame.groupby(["data", "part", "classes"]):
        plain = rows[rows["variant"].str.startswith("none, weight")]
        chosen = plain.groupby("variant")["valid_loss"].mean().idxmin()
        best.append(plain[plain["variant"] == chosen].assign(variant=BEST, weight=chosen))
    return pd.concat([frame, *best], ignore_index=True)


def interval_text(row: pd.Series, spec: str) -> str:
    """A mean with its 95 % interval."""
    return f"{row['mean']:{spec}} [{row['low']:{spec}}, {row['high']:{spec}}]"


def content_tables(frame: pd.DataFrame) -> dict[str, tuple[pd.DataFrame, pd.DataFrame]]:
    """Two tables for each data set: scores of the variants, and paired differences of interest.

    Runs are paired by part and seed; intervals are over those. A difference is the first variant's
    score less the second's, so below zero the first has the lower MAE.
    """
    tables = {}
    for (data, classes), rows in with_best_weight(frame).groupby(["data", "classes"], sort=False):
        metrics = [
            name
            for name in rows
            if name not in (*KEY, "valid_loss", "weight") and rows[name].notna().any()
        ]
        by_run = {
            variant: own.set_index(["part", "seed"])[metrics].sort_index()
            for variant, own in rows.groupby("variant", sort=False)
        }
        scores = {
            variant: interval_table(own).apply(interval_text, axis=1, spec=".3f")
            for variant, own in by_run.items()
        }
        differences = {}
        for first, second in COMPARISONS:
            one, other = (name.format(STRATEGY[bool(classes)]) for name in (first, second))
            paired = interval_table(by_run[one] - by_run[other])
            differences[f"{one} - {other}"] = paired.apply(interval_text, axis=1, spec="+.3f")
        chosen = ", ".join(sorted(set(rows["weight"].dropna())))
        name = f"{data} ({'classes' if classes else 'numbers'}; chosen: {chosen})"
        tables[name] = (pd.DataFrame(scores).T, pd.DataFrame(differences).T)
    return tables


def known_worlds() -> list[str]:
    """The worlds of the generated data."""
    if "world" not in inspect.signature(make_multimodal_sentiment).parameters:
        return ["mean"]
    from sklearn_tamulag.datasets._worlds import WORLDS

    return list(WORLDS)


def compare_world(
    world: str, rows: Path, *, classes: bool, seeds: Iterable[int], n_jobs: int, **sizes: Any
) -> None:
    """Compare on generated data of a world; a seed makes the data too."""
    options: dict[str, Any] = {} if world == "mean" else {"world": world}
    n_train, n_test = sizes.get("n_train", N_TRAIN), sizes.get("n_test", N_TEST)
    if classes:
        options["n_classes"] = N_CLASSES
    for seed in seeds:
        made = make_multimodal_sentiment(n_train + n_test, random_state=seed, **options)
        truth = None if classes else made.unimodal_labels
        compare_label_content(
            made.X[:n_train],
            made.y[:n_train],
            X_test=made.X[n_train:],
            y_test=made.y[n_train:],
            rows=rows,
            data=f"world {world!r}",
            classes=classes,
            params=sizes.get("params"),
            scale=False,
            seeds=[seed],
            truth=None if truth is None else truth.iloc[:n_train],
            truth_test=None if truth is None else truth.iloc[n_train:],
            n_jobs=n_jobs,
        )


def compare_mosi(
    path: Path, rows: Path, *, encoder: Path | None, cache: Path | None, **options: Any
) -> None:
    """Compare on the train part of CMU-MOSI, scored on its valid part."""
    from common import packaged_encoder

    parts = [
        mosi.read(path, split, encoder or packaged_encoder(), cache) for split in ("train", "valid")
    ]
    train, test = parts
    compare_label_content(
        train.X,
        train.y,
        train.X.groups,
        X_test=test.X,
        y_test=test.y,
        rows=rows,
        data="CMU-MOSI, text + audio",
        **options,
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, default=None, help="keep the fits in this file")
    parser.add_argument("--worlds", nargs="*", default=known_worlds())
    parser.add_argument("--mosi", type=Path, default=None, help="an MMSA file of CMU-MOSI")
    parser.add_argument("--encoder", type=Path, default=None)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        rows = arguments.keep or Path(folder) / "rows.jsonl"
        options = {"seeds": range(arguments.seeds), "n_jobs": arguments.jobs}
        if arguments.mosi is not None:
            compare_mosi(
                arguments.mosi, rows, encoder=arguments.encoder, cache=arguments.cache, **options
            )
        for classes in (False, True):
            for world in arguments.worlds:
                compare_world(world, rows, classes=classes, **options)
                print(f"world {world!r}, {'classes' if classes else 'numbers'}: done", flush=True)
        for name, tables in content_tables(KeptRows(rows).frame()).items():
            print(f"\n{name}\n")
            print("\n\n".join(table.to_markdown() for table in tables))


if __name__ == "__main__":
    main()
