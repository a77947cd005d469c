"""Generated labels against the unimodal truth, and what they and human ones do for the tasks.

Prints, for the default strategy and every modality, the correlation of the generated labels with
the unimodal truth beside that of y, with the 95 % interval of the paired gain over the seeds, and
the multimodal test MAE beside that of ``label_generation="none"``. Then the test MAE of both kinds
of task with generated labels alone, and where the true label of half the cells, and of all cells,
is given as a human label.
"""

import argparse

import common
import numpy as np
import pandas as pd

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.model_selection.intervals import interval_table


def human_labels(truth: pd.DataFrame, share: float, seed: int) -> pd.DataFrame:
    """The truth as people might give it: some cells only."""
    return truth.where(np.random.default_rng(seed).uniform(size=truth.shape) < share)


def unimodal_error(estimator: TAMULAGRegressor, parts: common.Parts) -> float:
    """MAE of the unimodal predictions, all modalities together, on the test rows."""
    predicted = estimator.predict_unimodal(parts.test.X)
    return float(np.abs(predicted.to_numpy() - parts.test.unimodal_labels.to_numpy()).mean())


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)

    correlations, errors, given = [], {}, []
    for seed in seeds:
        parts = common.built_in_data(seed)
        errors[seed] = {}
        for strategy in ("auto", "none"):
            estimator, result = common.fit_and_score(
                TAMULAGRegressor(label_generation=strategy, random_state=seed), parts
            )
            errors[seed][strategy] = result["MAE"]
            if strategy == "auto":
                correlations.append(common.label_gain(estimator, parts.train))
                error = unimodal_error(estimator, parts)
                given.append({"labels": "generated", "MAE": result["MAE"], "unimodal MAE": error})
        for share, name in ((0.5, "half given"), (1.0, "all given")):
            estimator, result = common.fit_and_score(
                TAMULAGRegressor(random_state=seed),
                parts,
                unimodal_labels=human_labels(parts.train.unimodal_labels, share, seed),
            )
            error = unimodal_error(estimator, parts)
            given.append({"labels": name, "MAE": result["MAE"], "unimodal MAE": error})
        print(f"seed {seed} done", flush=True)
    print("\nCorrelation with the unimodal truth, training rows")
    rows = {}
    for name in correlations[0].index:
        generated = [table.loc[name, "generated"] for table in correlations]
        multimodal = [table.loc[name, "y"] for table in correlations]
        gains = [a - b for a, b in zip(generated, multimodal, strict=True)]
        paired = interval_table(pd.DataFrame({"gain": gains})).loc["gain"]
        rows[name] = {
            "generated": sum(generated) / len(generated),
            "y": sum(multimodal) / len(multimodal),
            "gain": paired["mean"],
            "low": paired["low"],
            "high": paired["high"],
        }
    print(pd.DataFrame(rows).T.rename_axis("modality").to_markdown(floatfmt=".3f"))
    table = pd.DataFrame(errors).T.rename_axis("seed")
    table["gain"] = 1 - table["auto"] / table["none"]
    print("\nTest MAE of the multimodal task")
    print(table.to_markdown(floatfmt=".3f"))
    print(f"mean gain: {table['gain'].mean():.1%}")
    by_labels = pd.DataFrame(given).groupby("labels", sort=False)
    mean, deviation = by_labels.mean(), by_labels.std()
    text = mean.map("{:.3f}".format) + " ± " + deviation.map("{:.3f}".format)
    print("\nTest MAE with labels that are given")
    print(text.to_markdown())


if __name__ == "__main__":
    main()
