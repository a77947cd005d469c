"""IEMOCAP, speakers of no training row: single modalities, all of them, and every baseline.

    python benchmarks/iemocap.py FILE --keep FOLDER [--all] [--only MODEL ...] [--plot PICTURE]
        [--encoder FOLDER] [--prefix "query: "]

FILE is an .npz with the transcripts, mel bands and prosody of the utterances of sessions 1 to 4, a
row each: `id`, `session`, `dialog`, `text`, `length`, `mel` (the frames of all rows in one array),
`prosody`, `vad` and `emotion`. The corpus is licensed; no part of it comes with this repository.

Each session is reported once. The one after it chooses (the first after the last): the epoch of a
network, the penalty of a linear model, the iterations of boosting. The other two are trained on. So
no speaker of a training row is reported, and nobody who is reported has chosen anything. Networks
are trained with three seeds. A paired difference is taken between two models on the same session
and seed, and its 95 % interval is Student's, over the twelve of them.

The states of the text encoder are computed once and kept in FOLDER, as is every row of the table
once it is there: a run that was cut off goes on when it is started again. ``--all`` adds the rest
of the models to those of the default table.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import common
import iemocap_data
import joblib
import numpy as np
import pandas as pd
import torch
from iemocap_data import CLASSES, INPUTS, SESSIONS, TASKS, Rotation, pooled
from iemocap_plot import draw
from kept import KeptRows
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, balanced_accuracy_score, mean_absolute_error
from sklearn.preprocessing import StandardScaler

from sklearn_tamulag import TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.model_selection.intervals import interval_table

SEEDS = (0, 1, 2)
EVERYTHING = "text + audio"
DEFAULT = "default"
AVERAGED = "default, mean of 3 seeds"
# By task: what models are compared by, and what stands beside it.
SCORE_NAMES = {
    task: ("mean recall", "accuracy") if task == CLASSES else ("CCC", "MAE") for task in TASKS
}
PENALTIES = np.logspace(1, 6, 11)
INVERSE_PENALTIES = np.logspace(-5, 0, 11)

# Constructor arguments of every network but the default one.
UNIMODAL_TASKS_OFF = {"label_generation": "none", "unimodal_weight": 0.0}
NETWORKS: dict[str, dict[str, Any]] = {
    "late-fusion transformer": {"cell": "transformer", "fusion": "attention", **UNIMODAL_TASKS_OFF},
    "MulT (cross-modal attention)": {
        "cell": "transformer",
        "fusion": "crossmodal",
        **UNIMODAL_TASKS_OFF,
    },
    "TFN": {"fusion": "tensor", "attention": "mean", "embedding_size": 16, **UNIMODAL_TASKS_OFF},
    "LMF": {"fusion": "low_rank", "attention": "mean", **UNIMODAL_TASKS_OFF},
    "LSTM, last step, concatenated": {"attention": "last", **UNIMODAL_TASKS_OFF},
    "MLP per step, mean": {"cell": "mlp", "attention": "mean", **UNIMODAL_TASKS_OFF},
    "convolutions, mean": {"cell": "conv", "attention": "mean", **UNIMODAL_TASKS_OFF},
    "default, last weights": {"weight_averaging": None},
    "default, step path": {"step_path": True},
    "default, unimodal weight 1": {"unimodal_weight": 1.0},
    "default, unimodal weight 0": {"unimodal_weight": 0.0},
    "default, labels none": {"label_generation": "none"},
}
# The neural baselines of the default table, the best two of `NETWORKS` on the sessions that choose.
BEST_TWO = ("late-fusion transformer", "MLP per step, mean")


class Fitted(NamedTuple):
    """What a fitted model says of the reported session, and how it was chosen."""

    predicted: NDArray[Any]
    # Predictions, or probabilities where there are any: what a mean over seeds is taken of.
    outputs: NDArray[Any]
    # Epoch, iteration or number of the penalty.
    chosen: int
    # The score on the session that chooses.
    validation: float


class Run(NamedTuple):
    """One fit: a row of the table, for one session and seed."""

    model: str
    task: str
    inputs: str
    reported: str
    seed: int


def concordance(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> float:
    """Concordance correlation coefficient, which also counts a wrong mean and a wrong scale."""
    spread = y_true.var() + y_pred.var() + (y_true.mean() - y_pred.mean()) ** 2
    return float(2 * np.cov(y_true, y_pred, bias=True)[0, 1] / spread)


def scores(task: str, y_true: NDArray[Any], y_pred: NDArray[Any]) -> dict[str, float]:
    """The score that the table is about first."""
    if task == CLASSES:
        return {
            "mean recall": float(balanced_accuracy_score(y_true, y_pred)),
            "accuracy": float(accuracy_score(y_true, y_pred)),
        }
    return {
        "CCC": concordance(y_true, y_pred),
        "MAE": float(mean_absolute_error(y_true, y_pred)),
    }


def main_score(task: str, y_true: NDArray[Any], y_pred: NDArray[Any]) -> float:
    """The score that models are chosen by."""
    return next(iter(scores(task, y_true, y_pred).values()))


def fit_network(rotation: Rotation, run: Run, params: dict[str, Any]) -> Fitted:
    """Train a network; the session that chooses stops it."""
    kind = TAMULAGClassifier if run.task == CLASSES else TAMULAGRegressor
    # What is reported is the mean recall, in which classes count alike; linear models have it too.
    balanced = {"class_weight": "balanced"} if run.task == CLASSES else {}
    network = kind(random_state=run.seed, **balanced, **params)
    train, chosen_on, reported = rotation
    network.fit(train.X, train.y, X_val=chosen_on.X, y_val=chosen_on.y)
    validation = main_score(run.task, chosen_on.y, network.predict(chosen_on.X))
    if run.task == CLASSES:
        outputs = network.predict_proba(reported.X)
        predicted = network.classes_[outputs.argmax(axis=1)]
    else:
        outputs = predicted = network.predict(reported.X)
    return Fitted(predicted, outputs, network.best_iter_, validation)


def fit_linear(rotation: Rotation, run: Run) -> Fitted:
    """Ridge or logistic regression on pooled inputs, its penalty chosen on the session for that."""
    train, chosen_on, reported = (pooled(part.X) for part in rotation)
    scaler = StandardScaler().fit(train)
    train, chosen_on, reported = map(scaler.transform, (train, chosen_on, reported))
    if run.task == CLASSES:
        models = [
            LogisticRegression(C=value, class_weight="balanced", max_iter=1000)
            for value in INVERSE_PENALTIES
        ]
    else:
        models = [Ridge(alpha=value) for value in PENALTIES]
    validation = [
        main_score(
            run.task, rotation.chosen_on.y, model.fit(train, rotation.train.y).predict(chosen_on)
        )
        for model in models
    ]
    best = int(np.argmax(validation))
    predicted = models[best].predict(reported)
    return Fitted(predicted, predicted, best, validation[best])


def fit_boosting(rotation: Rotation, run: Run) -> Fitted:
    """Gradient boosting on pooled inputs; the session that chooses says how many iterations."""
    train, chosen_on, reported = (pooled(part.X) for part in rotation)
    shared = {"max_iter": 300, "learning_rate": 0.05, "max_features": 0.1, "early_stopping": False}
    if run.task == CLASSES:
        model = HistGradientBoostingClassifier(
            class_weight="balanced", random_state=run.seed, **shared
        )
    else:
        model = HistGradientBoostingRegressor(random_state=run.seed, **shared)
    model.fit(train, rotation.train.y)
    staged = [
        main_score(run.task, rotation.chosen_on.y, predicted)
        for predicted in model.staged_predict(chosen_on)
    ]
    best = int(np.argmax(staged))
    predicted = next(islice(model.staged_predict(reported), best, None))
    return Fitted(predicted, predicted, best + 1, staged[best])


MODELS: dict[str, Callable[[Rotation, Run], Fitted]] = {
    DEFAULT: lambda rotation, run: fit_network(rotation, run, {}),
    "linear": fit_linear,
    "boosting": fit_boosting,
    **{
        name: (lambda rotation, run, params=params: fit_network(rotation, run, params))
        for name, params in NETWORKS.items()
    },
}


def plan(*, everything: bool, seeds: tuple[int, ...]) -> Iterator[Run]:
    """The runs of the default table, or of all models."""
    for model in MODELS:
        if not everything and model in NETWORKS and model not in BEST_TWO:
            continue
        single = model in (DEFAULT, "linear") or everything
        for task in TASKS:
            for inputs in INPUTS if single else (EVERYTHING,):
                for reported in SESSIONS:
                    # A linear model has no seed.
                    for seed in seeds[:1] if model == "linear" else seeds:
                        yield Run(model, task, inputs, reported, seed)


def execute(folder: Path, run: Run) -> tuple[Run, dict[str, Any], NDArray[Any]]:
    """Fit one model and score it; its outputs come along, to be averaged over seeds."""
    torch.set_num_threads(1)
    rotation = iemocap_data.rotation(folder, run.task, run.inputs, run.reported)
    start = time.perf_counter()
    fitted = MODELS[run.model](rotation, run)
    seconds = time.perf_counter() - start
    result: dict[str, Any] = scores(run.task, rotation.reported.y, fitted.predicted)
    result |= {"validation": fitted.validation, "chosen": fitted.chosen, "seconds": seconds}
    return run, result, fitted.outputs


def outputs_file(folder: Path, run: Run) -> Path:
    """Where what a run predicts is kept."""
    name = "-".join(str(part).replace(" ", "_") for part in run)
    return folder / "outputs" / f"{name}.npy"


def averaged_over_seeds(folder: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """Rows of the default whose predictions, or probabilities, are the means over all seeds."""
    kept = []
    default = rows[(rows["model"] == DEFAULT) & (rows["inputs"] == EVERYTHING)]
    for (task, reported), part in default.groupby(["task", "reported"]):
        outputs = [
            np.load(outputs_file(folder, Run(DEFAULT, task, EVERYTHING, reported, seed)))
            for seed in part["seed"]
        ]
        mean = np.mean(outputs, axis=0)
        y = iemocap_data.rotation(folder, task, EVERYTHING, reported).reported.y
        predicted = np.unique(y)[mean.argmax(axis=1)] if task == CLASSES else mean
        row = {"model": AVERAGED, "task": task, "inputs": EVERYTHING, "reported": reported}
        kept.append(row | {"seed": default["seed"].min()} | scores(task, y, predicted))
    return pd.DataFrame(kept)


def with_interval(values: pd.Series, spec: str) -> str:
    """A mean with its interval."""
    row = interval_table(values.to_frame()).iloc[0]
    return f"{row['mean']:{spec}} [{row['low']:{spec}}, {row['high']:{spec}}]"


def paired(rows: pd.DataFrame, task: str, model: str, inputs: str) -> pd.Series:
    """Main scores of a model by session and seed; one without seeds has the same for each."""
    of_task = rows[rows["task"] == task]
    seeds = sorted(of_task.loc[of_task["model"] == DEFAULT, "seed"].unique())
    index = pd.MultiIndex.from_product([SESSIONS, seeds], names=["reported", "seed"])
    part = of_task[(of_task["model"] == model) & (of_task["inputs"] == inputs)]
    own = part.set_index(["reported", "seed"])[SCORE_NAMES[task][0]]
    if part["seed"].nunique() == 1:
        by_session = own.groupby("reported").first()
        return pd.Series(by_session.reindex(index.get_level_values(0)).to_numpy(), index=index)
    return own.reindex(index)


def overview(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per task: the default by its inputs, and what all of them gain over the others."""
    lines = {}
    for task in TASKS:
        default = {inputs: paired(rows, task, DEFAULT, inputs) for inputs in INPUTS}
        everything = default[EVERYTHING]
        if everything.empty or any(values.isna().any() for values in default.values()):
            continue  # a run that was cut off, or of some models only
        best = max(("text", "audio"), key=lambda inputs: default[inputs].mean())
        line = {inputs: f"{values.mean():.3f}" for inputs, values in default.items()}
        line["mean of seeds"] = f"{paired(rows, task, AVERAGED, EVERYTHING).mean():.3f}"
        line[f"{EVERYTHING} - better single"] = with_interval(everything - default[best], "+.3f")
        for model in ("linear", "boosting", *BEST_TWO):
            other = paired(rows, task, model, EVERYTHING)
            if other.notna().all():
                line[model] = f"{other.mean():.3f}"
                line[f"default - {model}"] = with_interval(everything - other, "+.3f")
        lines[f"{task}, {SCORE_NAMES[task][0]}"] = line
    return pd.DataFrame.from_dict(lines, orient="index").fillna("-")


def table(rows: pd.DataFrame, task: str) -> pd.DataFrame:
    """A row per model and inputs: scores, and the difference to the default on all inputs."""
    first, second = SCORE_NAMES[task]
    reference = paired(rows, task, DEFAULT, EVERYTHING)
    lines = []
    of_task = rows[rows["task"] == task]
    order = [(model, inputs) for model in (AVERAGED, *MODELS) for inputs in INPUTS]
    groups = of_task.groupby(["model", "inputs"])
    for (model, inputs), part in sorted(groups, key=lambda group: order.index(group[0])):
        own = paired(rows, task, model, inputs)
        spread = part.groupby("reported")[first].agg(lambda values: values.max() - values.min())
        line = {
            "model": f"{model}, {inputs}",
            first: f"{part[first].mean():.3f}",
            second: f"{part[second].mean():.3f}",
            "by session": " ".join(f"{x:.3f}" for x in part.groupby("reported")[first].mean()),
            "default - it": "-"
            if (model, inputs) == (DEFAULT, EVERYTHING) or (reference - own).isna().any()
            else with_interval(reference - own, "+.3f"),
            "range over seeds": f"{spread.mean():.3f}" if part["seed"].nunique() > 1 else "-",
            "s": f"{part['seconds'].mean():.0f}" if part["seconds"].notna().any() else "-",
        }
        lines.append(line)
    return pd.DataFrame(lines).set_index("model")


def main() -> None:
    """Run what is not kept yet, and print a table per task."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", nargs="+", metavar="MODEL", help="run no others, keep the rest")
    parser.add_argument("--encoder", type=Path, default=None)
    parser.add_argument("--prefix", default="")
    parser.add_argument("--seeds", type=int, default=len(SEEDS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--plot", type=Path, default=None, help="a picture of the table")
    arguments = parser.parse_args()

    folder = arguments.keep
    encoder = arguments.encoder or common.packaged_encoder()
    iemocap_data.prepare(arguments.file, encoder, arguments.prefix, folder)
    (folder / "outputs").mkdir(exist_ok=True)
    rows = KeptRows(folder / "rows.jsonl")
    runs = plan(everything=arguments.all, seeds=tuple(range(arguments.seeds)))
    only = arguments.only or list(MODELS)
    wanted = [run for run in runs if run.model in only and not rows.has(run._asdict())]
    results = joblib.Parallel(arguments.jobs, return_as="generator_unordered")(
        joblib.delayed(execute)(folder, run) for run in wanted
    )
    for done, (run, result, outputs) in enumerate(results, start=1):
        np.save(outputs_file(folder, run), outputs)
        rows.add(run._asdict(), result)
        print(f"{done}/{len(wanted)} {' | '.join(map(str, run))}: {result}", flush=True)
    frame = rows.frame()
    frame = pd.concat([frame, averaged_over_seeds(folder, frame)], ignore_index=True)
    if arguments.plot is not None:
        draw(frame, SCORE_NAMES, arguments.plot)
    print()
    print(overview(frame).to_markdown())
    for task in TASKS:
        print(f"\n{task}\n")
        print(table(frame, task).to_markdown())


if __name__ == "__main__":
    main()
