"""Train on rows that lack 40 % of their modalities, and on what people do instead.

    python benchmarks/missing.py [--rows 800]

Prints the test MAE on complete rows and on rows that lack modalities, mean over three seeds. The
training rows are 800 of the built-in data, whose default size is 1,000; ``--rows`` takes another
number of them.
"""

import argparse

import common
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment

SEEDS = (0, 1, 2)
RATE = 0.4


def zero_filled(X: MultimodalData, complete: MultimodalData) -> MultimodalData:
    """The rows with zeros, of the length that was there, in place of what is missing."""
    return MultimodalData(X.arrays, complete.lengths)


def errors(
    estimator: TAMULAGRegressor,
    tests: dict[str, tuple[MultimodalData, NDArray[np.float64]]],
) -> dict[str, float]:
    """MAE on each test part."""
    return {name: float(np.abs(estimator.predict(X) - y).mean()) for name, (X, y) in tests.items()}


def compare(seed: int, n_train: int) -> pd.DataFrame:
    """MAE of every way to train, on complete rows and on those that lack modalities."""
    n_rows = n_train + common.N_TEST
    complete, lacking = (
        make_multimodal_sentiment(n_rows, missing_rate=rate, random_state=seed)
        for rate in (0.0, RATE)
    )
    y, train, test = complete.y, slice(n_train), slice(n_train, None)
    whole = lacking.X.present.all(axis=1)
    filled = zero_filled(lacking.X, complete.X)
    some = np.flatnonzero(~whole)
    some = some[some >= n_train]
    tests = {
        "complete rows": (complete.X[test], y[test]),
        "rows that lack": (lacking.X[some], y[some]),
    }
    tests_filled = tests | {"rows that lack": (filled[some], y[some])}
    kept = np.flatnonzero(whole[train])
    ways = {
        "complete training data": (complete.X[train], y[train], tests),
        "40 % missing": (lacking.X[train], y[train], tests),
        "40 % missing, filled with zeros": (filled[train], y[train], tests_filled),
        "40 % missing, incomplete rows dropped": (lacking.X[kept], y[kept], tests),
    }
    return pd.DataFrame(
        {
            name: errors(TAMULAGRegressor(random_state=seed).fit(X, target), parts)
            for name, (X, target, parts) in ways.items()
        }
    ).T


def main() -> None:
    """Print the mean over the seeds, and each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=800, help="rows to train on")
    arguments = parser.parse_args()
    tables = {seed: compare(seed, arguments.rows) for seed in SEEDS}
    stacked = pd.concat(tables, names=["seed", "training"])
    print(stacked.groupby("training", sort=False).mean().to_string(float_format="{:.3f}".format))
    print()
    print(stacked.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    main()
