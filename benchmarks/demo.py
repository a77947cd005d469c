"""Train on the built-in data, compare with simpler models, and save one picture.

``make demo`` runs it. It prints a table of test scores, the correlation of the generated labels
with the unimodal truth, and the path of the picture.
"""

import argparse
from pathlib import Path

import common
import pandas as pd
from sklearn.utils import Bunch

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.inspection import TemporalAttentionDisplay, UnimodalLabelDisplay

SEED = 0

VARIANTS = {
    "default": {},
    'attention="mean"': {"attention": "mean"},
    'label_generation="none"': {"label_generation": "none"},
}


def only_text(part: Bunch) -> Bunch:
    """The same rows without audio and vision."""
    return Bunch(**{**part, "X": part.X.select("text")})


def draw(estimator: TAMULAGRegressor, parts: common.Parts, path: Path) -> None:
    """Attention over time with the cues marked, and generated labels against the truth."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(12, 9.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.5, 1])
    above.suptitle("Temporal attention of one test row")
    TemporalAttentionDisplay.from_estimator(
        estimator,
        parts.test.X,
        row=0,
        cues=parts.test.cues,
        ax=above.subplots(3, 1),
    )
    below.suptitle("Generated labels against the unimodal truth, training rows")
    UnimodalLabelDisplay.from_estimator(
        estimator,
        truth=parts.train.unimodal_labels,
        y=parts.train.y,
        ax=below.subplots(1, 3),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo.png"), help="the picture")
    output = parser.parse_args().output

    parts = common.built_in_data(SEED)
    text = common.Parts(SEED, only_text(parts.train), only_text(parts.test))
    print(f"built-in data: {len(parts.train.y)} training rows, {len(parts.test.y)} test rows")
    print(parts.train.X)

    fitted, table = {}, {}
    for name, arguments in VARIANTS.items():
        print(f"\n{name}")
        estimator = TAMULAGRegressor(random_state=SEED, verbose=1, **arguments)
        fitted[name], table[name] = common.fit_and_score(estimator, parts)
    print("\ntext alone")
    _, table["text alone"] = common.fit_and_score(
        TAMULAGRegressor(random_state=SEED, verbose=1), text
    )
    _, table["ridge, pooled features"] = common.fit_and_score(common.ridge(), parts)

    print("\nTest rows")
    frame = pd.DataFrame(table).T
    print(frame.to_string(float_format="{:.3f}".format, na_rep="-"))
    print("\nCorrelation of the training rows' labels with the unimodal truth")
    print(
        common.label_gain(fitted["default"], parts.train).T.to_string(float_format="{:.3f}".format)
    )
    print("\nShare of attention on cue steps, as a multiple of their share of the steps")
    print(
        common.cue_ratio(fitted["default"], parts.test)
        .to_frame("ratio")
        .T.to_string(float_format="{:.2f}".format)
    )

    draw(fitted["default"], parts, output)
    print(f"\nPicture: {output}")


if __name__ == "__main__":
    main()
