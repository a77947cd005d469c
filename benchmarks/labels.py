"""Generated labels against the unimodal truth, and what they do for the multimodal task.

Prints, for the default strategy and every modality, the correlation of the generated labels with
the unimodal truth beside that of y, with the 95 % interval of the paired gain over the seeds, and
the multimodal test MAE beside that of ``label_generation="none"``.
"""

import argparse

import common
import pandas as pd

from sklearn_tamulag import TAMULAGRegressor


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)

    correlations, errors = [], {}
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
        print(f"seed {seed} done", flush=True)
    print("\nCorrelation with the unimodal truth, training rows")
    rows = {}
    for name in correlations[0].index:
        generated = [table.loc[name, "generated"] for table in correlations]
        multimodal = [table.loc[name, "y"] for table in correlations]
        gain, low, high = common.interval(
            [a - b for a, b in zip(generated, multimodal, strict=True)]
        )
        rows[name] = {
            "generated": sum(generated) / len(generated),
            "y": sum(multimodal) / len(multimodal),
            "gain": gain,
            "low": low,
            "high": high,
        }
    print(pd.DataFrame(rows).T.rename_axis("modality").to_markdown(floatfmt=".3f"))
    table = pd.DataFrame(errors).T.rename_axis("seed")
    table["gain"] = 1 - table["auto"] / table["none"]
    print("\nTest MAE of the multimodal task")
    print(table.to_markdown(floatfmt=".3f"))
    print(f"mean gain: {table['gain'].mean():.1%}")


if __name__ == "__main__":
    main()
