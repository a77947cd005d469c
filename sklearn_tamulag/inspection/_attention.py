"""Which steps of a row's sequences the temporal attention weighs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from sklearn_tamulag.data.forms import is_multimodal, to_multimodal
from sklearn_tamulag.data.sklearn_private import num_samples, safe_indexing
from sklearn_tamulag.inspection._panels import _make_panels

_BAR_COLOR = "#8fb3d1"
_CUE_COLOR = "#d1602f"
_WAYS = ("step", "token", "word")


class TemporalAttentionDisplay:
    """Bars of one row's attention weights over time, a panel per modality.

    Use :meth:`from_estimator` to make one from a fitted estimator.

    Parameters
    ----------
    attention : dict of str to array-like of shape (T,)
        The weight of every step of the row, by modality. Steps beyond the valid length are not
        shown.
    lengths : dict of str to int
        The number of valid steps, by modality; 0 where the modality is missing.
    cues : dict of str to array-like of shape (T,), dtype bool, default=None
        Steps known to carry the signal, for any of the modalities; they are marked.
    labels : dict of str to sequence of str, default=None
        What the valid steps are, for any of the modalities, as tokens or words; they stand below
        the bars.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once plotted.
    axes_ : ndarray of shape (M,) of matplotlib.axes.Axes
        The panels, in the order of the modalities.
    bars_ : dict of str to matplotlib.container.BarContainer
        The bars of every modality; empty where the modality is missing.

    Raises
    ------
    ValueError
        If a modality has no length, a length does not fit its weights, or cues or labels have
        another shape.

    See Also
    --------
    UnimodalLabelDisplay : The labels that the same estimator generated.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn_tamulag.inspection import TemporalAttentionDisplay
    >>> display = TemporalAttentionDisplay(
    ...     {"text": [0.1, 0.7, 0.2, 0.0]},
    ...     {"text": 3},
    ...     cues={"text": [False, True, False, False]},
    ... )
    >>> [float(bar.get_height()) for bar in display.plot().bars_["text"]]
    [0.1, 0.7, 0.2]
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        attention: Mapping[str, ArrayLike],
        lengths: Mapping[str, int],
        *,
        cues: Mapping[str, ArrayLike] | None = None,
        labels: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.attention = {
            name: np.asarray(weights, dtype=float) for name, weights in attention.items()
        }
        self.lengths = {name: int(lengths[name]) for name in self.attention if name in lengths}
        self.cues = {name: np.asarray(steps, dtype=bool) for name, steps in (cues or {}).items()}
        self.labels = {name: [str(label) for label in of] for name, of in (labels or {}).items()}
        self.figure_: Any = None
        self.axes_: NDArray[Any] | None = None
        self.bars_: dict[str, Any] = {}
        for name, weights in self.attention.items():
            if name not in self.lengths:
                raise ValueError(f'lengths must name every modality; "{name}" is missing.')
            if weights.ndim != 1 or not 0 <= self.lengths[name] <= len(weights):
                raise ValueError(
                    f'attention of "{name}" must have shape (T,), and its length must lie between '
                    f"0 and T; got shape {weights.shape} and length {self.lengths[name]}."
                )
        for name, steps in self.cues.items():
            if name not in self.attention:
                raise ValueError(f'cues names "{name}"; the modalities are {list(self.attention)}.')
            if steps.shape != self.attention[name].shape:
                raise ValueError(
                    f'cues of "{name}" must have shape {self.attention[name].shape}, '
                    f"as its weights; got {steps.shape}."
                )

        for name, steps_of in self.labels.items():
            if len(steps_of) != self.lengths.get(name):
                raise ValueError(
                    f'labels of "{name}" must be one per valid step, {self.lengths.get(name)}; '
                    f"got {len(steps_of)}."
                )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        row: int = 0,
        cues: Mapping[str, ArrayLike] | None = None,
        by: Literal["step", "token", "word"] = "step",
        ax: Any = None,
    ) -> Self:
        """Compute and plot the attention weights of one row.

        Parameters
        ----------
        estimator : fitted estimator or Pipeline
            A TAMULAGRegressor or TAMULAGClassifier, or a pipeline that ends in one.
        X : multimodal data of n rows
            In any form that the estimator takes.
        row : int, default=0
            The row to show, from 0 to n - 1; negative numbers count from the end.
        cues : dict of str to array-like of shape (n, T), dtype bool, default=None
            Steps known to carry the signal, as `make_multimodal_sentiment` gives them. They refer
            to the steps that the last step of a pipeline sees.
        by : {"step", "token", "word"}, default="step"
            "word" sums the weights of the tokens of every word of a text. The other modalities are
            shown by step. With any of them, the tokens or words of a text stand below its bars.
        ax : matplotlib Axes or sequence of them, default=None
            One Axes per modality, or one to divide among them. None makes a new figure.

        Returns
        -------
        display : TemporalAttentionDisplay
            The plotted display.

        Raises
        ------
        TypeError
            If the estimator has no temporal attention, or `row` is no integer.
        ValueError
            If there is no such row, `by` is none of these, or `cues` or `ax` do not fit.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import numpy as np
        >>> from sklearn_tamulag.inspection import TemporalAttentionDisplay
        >>> class Fitted:
        ...     def temporal_attention(self, X):
        ...         return {"audio": np.full((len(X), 4), 0.25)}
        >>> X = {"audio": np.ones((3, 4, 2))}
        >>> display = TemporalAttentionDisplay.from_estimator(Fitted(), X, row=2)
        >>> display.lengths
        {'audio': 4}
        >>> plt.close(display.figure_)
        """
        if isinstance(estimator, Pipeline):
            X = estimator[:-1].transform(X) if len(estimator) > 1 else X
            estimator = estimator[-1]
        if not hasattr(estimator, "temporal_attention"):
            raise TypeError(
                "estimator must have the method temporal_attention, as TAMULAGRegressor and "
                f"TAMULAGClassifier do; got {type(estimator).__name__}."
            )
        if by not in _WAYS:
            raise ValueError(f"by must be one of {list(_WAYS)}; got {by!r}.")
        read = getattr(estimator, "_row_attention", None)
        if read is None:
            X = to_multimodal(X) if is_multimodal(X) else X
        position = _check_row(row, num_samples(_any_column(X)))
        marked = {} if cues is None else {n: np.asarray(c)[position] for n, c in cues.items()}
        if read is not None:
            attention, lengths, labels = read(X, position, by)
            return cls(attention, lengths, cues=marked, labels=labels).plot(ax=ax)
        # A row's weights do not depend on the other rows, so only this one is computed.
        one = safe_indexing(X, [position])
        attention = {
            name: weights[0] for name, weights in estimator.temporal_attention(one).items()
        }
        if is_multimodal(one):
            lengths = {name: int(values[0]) for name, values in one.lengths.items()}
        else:
            lengths = dict.fromkeys(attention, 1)
        return cls(attention, lengths, cues=marked).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> Self:
        """Plot the weights.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One Axes per modality, or one to divide among them. None makes a new figure.

        Returns
        -------
        display : TemporalAttentionDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `ax` is none of these.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> from sklearn_tamulag.inspection import TemporalAttentionDisplay
        >>> display = TemporalAttentionDisplay({"text": [0.5, 0.5]}, {"text": 2})
        >>> display.plot().axes_[0].get_ylabel()
        'weight'
        >>> plt.close(display.figure_)
        """
        panels = _make_panels(
            ax, len(self.attention), display=type(self).__name__, direction="rows"
        )
        self.bars_ = {
            name: self._draw(panel, name)
            for panel, name in zip(panels, self.attention, strict=True)
        }
        panels[-1].set_xlabel("step")
        _add_legend(panels)
        self.axes_, self.figure_ = panels, panels[0].figure
        return self

    def _draw(self, panel: Any, name: str) -> Any:
        """Draw one modality."""
        length = self.lengths[name]
        weights = self.attention[name][:length]
        marked = self.cues.get(name, np.zeros(length, dtype=bool))[:length]
        panel.set_title(_describe(name, weights, marked), loc="left", fontsize="medium")
        panel.set_ylabel("weight")
        panel.spines[["top", "right"]].set_visible(False)
        if not length:
            panel.text(0.5, 0.5, "missing in this row", ha="center", transform=panel.transAxes)
            panel.set(xticks=[], yticks=[])
            return panel.bar([], [])
        colors = np.where(marked, _CUE_COLOR, _BAR_COLOR)
        bars = panel.bar(np.arange(length), weights, color=colors, width=0.85)
        panel.axhline(1 / length, color="0.25", linestyle="--", linewidth=1, label="uniform weight")
        if marked.any():
            # An empty container has no colour for the legend: one of its bars stands for all.
            bars[int(np.argmax(marked))].set_label("cue step")
        panel.set_xlim(-0.6, length - 0.4)
        if self.labels.get(name):
            panel.set_xticks(
                range(length), self.labels[name], rotation=45, ha="right", fontsize="small"
            )
        else:
            panel.xaxis.get_major_locator().set_params(integer=True)
        return bars


def _any_column(X: Any) -> Any:
    """Something that has as many rows as X: a mapping has as many keys as modalities."""
    return next(iter(X.values()), []) if isinstance(X, Mapping) else X


def _check_row(row: int, n_rows: int) -> int:
    """Return the row counted from 0."""
    if not isinstance(row, Integral) or isinstance(row, bool):
        raise TypeError(f"row must be an integer; got {row!r}.")
    if not -n_rows <= row < n_rows:
        raise ValueError(f"row must lie between {-n_rows} and {n_rows - 1}; got {row}.")
    return int(row) % n_rows


def _describe(name: str, weights: NDArray[Any], marked: NDArray[np.bool_]) -> str:
    """Return a panel's title: how much of the weight lies on cues, and how much of the steps."""
    if not marked.any() or (weights < 0).any() or not weights.sum() > 0:
        return name
    share = weights[marked].sum() / weights.sum()
    return f"{name}: {share:.0%} of the weight on {marked.mean():.0%} of the steps, the cues"


def _add_legend(panels: NDArray[Any]) -> None:
    """Explain the colours once, in the first panel that has them all."""
    entries = [panel.get_legend_handles_labels() for panel in panels]
    fullest = int(np.argmax([len(labels) for _, labels in entries]))
    handles, labels = entries[fullest]
    if labels:
        # Beside the title, where no bar can be hidden.
        panels[fullest].legend(
            handles,
            labels,
            loc="lower right",
            bbox_to_anchor=(1, 0.97),
            ncols=len(labels),
            frameon=False,
            fontsize="small",
        )
