"""Every sequence model, attention, fusion and label strategy on the built-in data, over seeds.

Each variant changes one argument of the defaults. The table holds mean and deviation over the
seeds; a seed makes the data, the weights and the order of the batches.
"""

import argparse
from collections.abc import Iterator
from typing import Any

import common
import pandas as pd

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.nn.attention import POOLINGS
from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.nn.sequence_models import SEQUENCE_MODELS

LABELS = ("calibrated", "ulgm", "ulag", "none")


def variants() -> Iterator[tuple[str, dict[str, Any]]]:
    """The defaults, then every other value of the arguments that choose between ways."""
    defaults = TAMULAGRegressor()
    yield "default", {}
    choices: dict[str, tuple[Any, ...]] = {
        "cell": SEQUENCE_MODELS,
        "step_path": (False, True),
        "attention": POOLINGS,
        "fusion": FUSIONS,
        "label_generation": LABELS,
        "unimodal_weight": ("auto", 0.0, 0.1, 1.0),
        "weight_averaging": ("ema", "swa", None),
    }
    resolved = {**defaults.get_params(), "label_generation": "calibrated"}
    for argument, values in choices.items():
        for value in values:
            if value != resolved[argument]:
                yield f"{argument}={value}", {argument: value}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    seeds = range(parser.parse_args().seeds)

    rows = []
    for seed in seeds:
        parts = common.built_in_data(seed)
        _, result = common.fit_and_score(common.ridge(), parts)
        rows.append({"variant": "ridge, pooled features", **result})
        for name, arguments in variants():
            estimator, result = common.fit_and_score(
                TAMULAGRegressor(random_state=seed, **arguments), parts
            )
            result["label corr"] = common.label_gain(estimator, parts.train)["generated"].mean()
            if estimator.attention != "last":
                result["cue ratio"] = common.cue_ratio(estimator, parts.test).mean()
            rows.append({"variant": name, **result})
            print(f"seed {seed}  {name}: MAE {result['MAE']:.3f}", flush=True)
    by_variant = pd.DataFrame(rows).groupby("variant", sort=False)
    mean, deviation = by_variant.mean(), by_variant.std()
    columns = {
        name: [
            f"{centre:.3f} ± {spread:.3f}" if pd.notna(centre) else "-"
            for centre, spread in zip(mean[name], deviation[name], strict=True)
        ]
        for name in mean.columns
    }
    print()
    print(pd.DataFrame(columns, index=mean.index).to_markdown())


if __name__ == "__main__":
    main()
