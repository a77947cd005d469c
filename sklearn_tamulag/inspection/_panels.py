"""Where a display draws: one panel per modality, in a new figure or in axes handed in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


def _make_panels(
    ax: Any, n_panels: int, *, display: str, direction: Literal["rows", "columns"]
) -> NDArray[Any]:
    """Return an array of n_panels Axes, stacked in rows or side by side in columns.

    `ax` is None for a new figure, one Axes to divide, or one Axes per panel.
    """
    try:
        import matplotlib.pyplot as plt
        from matplotlib.axes import Axes
        from matplotlib.gridspec import GridSpecFromSubplotSpec
    except ImportError as error:
        raise ImportError(
            f'{display} needs matplotlib: pip install "sklearn-tamulag[plot]".'
        ) from error
    shape = (n_panels, 1) if direction == "rows" else (1, n_panels)
    if ax is None:
        size = (7.0, 0.5 + 1.7 * n_panels) if direction == "rows" else (0.4 + 3.2 * n_panels, 3.5)
        _, panels = plt.subplots(*shape, figsize=size, layout="constrained", squeeze=False)
        return np.asarray(panels, dtype=object).ravel()
    if not isinstance(ax, Axes):
        given = np.ravel(np.asarray(list(ax) if isinstance(ax, Iterable) else [ax], dtype=object))
        if len(given) != n_panels or not all(isinstance(panel, Axes) for panel in given):
            raise ValueError(
                f"ax must be None, one matplotlib Axes or {n_panels} of them, one per modality; "
                f"got {ax!r}."
            )
        return given
    if n_panels == 1:
        return np.array([ax], dtype=object)
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            f"ax must stand in a grid of subplots to be divided into {n_panels} panels; "
            "make it with Figure.subplots, or hand in one Axes per modality."
        )
    ax.set_axis_off()
    grid = GridSpecFromSubplotSpec(*shape, subplot_spec=place)
    cells = [grid[panel] for panel in range(n_panels)]
    return np.array([ax.figure.add_subplot(cell) for cell in cells], dtype=object)
