"""Error on rows that lack modalities, by how many training rows lacked them.

    python benchmarks/lacking_rows.py [--seeds 61 62 63 64 65] [--modality-dropout 0]

Of 400 training rows of the built-in data, 0 to 40 lack each modality, no row more than one. Prints
the test MAE on complete rows, with two of the three modalities present, and with one: mean and
standard deviation over the seeds, and the difference to no lacking rows. ``--classes`` scores a
classifier by its log loss.
"""

import argparse

import common
import numpy as np
import pandas as pd

from sklearn_tamulag import MultimodalData, TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.inspection import missing_modality_report

SEEDS = (61, 62, 63, 64, 65)
LACKING = (0, 1, 2, 5, 10, 20, 40)
APART = 100
PRESENT = ("complete", "two present", "one present")


def lacking(X: MultimodalData, count: int) -> MultimodalData:
    """The same rows, of which `count` lack each modality, other rows for each."""
    lengths = {name: values.copy() for name, values in X.lengths.items()}
    for column, values in enumerate(lengths.values()):
        values[column * APART : column * APART + count] = 0
    arrays = {
        # (n, T, d) * (n, T, 1)
        name: array * (np.arange(array.shape[1]) < lengths[name][:, None])[..., None]
        for name, array in X.arrays.items()
    }
    return MultimodalData(arrays, lengths, groups=X.groups)


def errors(seed: int, count: int, classes: bool, modality_dropout: float) -> dict[str, float]:
    """Mean test error by the number of modalities that are present."""
    data = make_multimodal_sentiment(common.N_TRAIN + common.N_TEST, random_state=seed)
    train, test = slice(common.N_TRAIN), slice(common.N_TRAIN, None)
    build = TAMULAGClassifier if classes else TAMULAGRegressor
    y = np.digitize(data.y, [-0.5, 0.5]) if classes else data.y
    estimator = build(random_state=seed, modality_dropout=modality_dropout)
    estimator.fit(lacking(data.X[train], count), y[train])
    scoring = "neg_log_loss" if classes else "neg_mean_absolute_error"
    report = missing_modality_report(estimator, data.X[test], y[test], scoring=scoring)
    n_present = report[list(data.X.modalities)].sum(axis=1)
    means = -report["score"].groupby(n_present).mean()
    return dict(zip(PRESENT, means.sort_index(ascending=False), strict=True))


def main() -> None:
    """Print the table, and each seed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--classes", action="store_true")
    parser.add_argument("--modality-dropout", type=float, default=0.0)
    given = parser.parse_args()
    table = pd.DataFrame(
        {
            (seed, count): errors(seed, count, given.classes, given.modality_dropout)
            for seed in given.seeds
            for count in LACKING
        }
    ).T.rename_axis(["seed", "lacking"])
    by_count = table.groupby("lacking")
    mean, deviation = by_count.mean(), by_count.std()
    columns = {"mean": mean, "std": deviation, "rise": mean - mean.loc[0]}
    shown = pd.concat(columns, axis=1).swaplevel(axis=1)[list(PRESENT)]
    number = "{:.3f}".format
    print(shown.to_string(float_format=number))
    print()
    print(table.to_string(float_format=number))


if __name__ == "__main__":
    main()
