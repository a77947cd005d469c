"""Planted cues: temporal attention against its ablations and ridge, over five seeds.

Prints the test MAE by seed, the mean gain of ``softmax`` over the others, and the share of the
attention on cue steps as a multiple of the cue steps' share of all valid steps.
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

    errors, ratios = {}, {}
    for seed in seeds:
        parts = common.built_in_data(seed)
        errors[seed] = {}
        for attention in ("softmax", "mean", "last"):
            estimator, result = common.fit_and_score(
                TAMULAGRegressor(attention=attention, random_state=seed), parts
            )
            errors[seed][attention] = result["MAE"]
            if attention == "softmax":
                ratios[seed] = common.cue_ratio(estimator, parts.test)
        errors[seed]["ridge"] = common.fit_and_score(common.ridge(), parts)[1]["MAE"]
        print(f"seed {seed} done", flush=True)
    table = pd.DataFrame(errors).T.rename_axis("seed")
    print("\nTest MAE")
    print(table.to_markdown(floatfmt=".3f"))
    for other in table.columns[1:]:
        gain = 1 - table["softmax"] / table[other]
        print(
            f"softmax against {other}: {gain.mean():.1%} lower on average, least {gain.min():.1%}"
        )
    print("\nAttention on cue steps, as a multiple of their share of the steps")
    print(pd.DataFrame(ratios).T.rename_axis("seed").to_markdown(floatfmt=".2f"))


if __name__ == "__main__":
    main()
