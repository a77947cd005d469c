"""The picture of benchmarks/iemocap.py: each model by task, with the sessions and their mean."""

from pathlib import Path

import pandas as pd

# Model, inputs, what the picture calls it, and its colour.
SHOWN = (
    ("linear", "text + audio", "linear, both", "0.55"),
    ("default", "text", "text alone", "#56B4E9"),
    ("default", "audio", "audio alone", "#E69F00"),
    ("default", "text + audio", "both", "#0072B2"),
    ("default, mean of 3 seeds", "text + audio", "both, mean of 3 seeds", "#009E73"),
)


def draw(rows: pd.DataFrame, score_names: dict[str, tuple[str, str]], path: Path) -> None:
    """Draw a panel per task: a point per session, the mean of its seeds, and a line at the mean."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, len(score_names), sharey=True, squeeze=False)[0]
    for panel, (task, (score, _)) in zip(panels, score_names.items(), strict=True):
        for place, (model, inputs, _, colour) in enumerate(reversed(SHOWN)):
            part = rows[
                (rows["task"] == task) & (rows["model"] == model) & (rows["inputs"] == inputs)
            ]
            sessions = part.groupby("reported")[score].mean()
            panel.plot(sessions, [place] * len(sessions), "o", color=colour, alpha=0.6, ms=5)
            panel.plot([sessions.mean()] * 2, [place - 0.32, place + 0.32], color=colour, lw=3)
        panel.set_title(task)
        panel.set_xlabel(score)
        panel.grid(axis="x", alpha=0.3)
        panel.spines[["top", "right", "left"]].set_visible(False)
        panel.tick_params(axis="y", length=0)
    panels[0].set_yticks(range(len(SHOWN)), [name for _, _, name, _ in reversed(SHOWN)])
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
