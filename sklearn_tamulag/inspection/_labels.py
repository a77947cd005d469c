"""How the generated unimodal labels lie beside the truth, or beside y."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from sklearn_tamulag.inspection._panels import _make_panels
from sklearn_tamulag.metrics import corr_score

_COLOR = "#3b6f9e"


class UnimodalLabelDisplay:
    """Generated labels, a panel per modality.

    Labels of a regressor are scattered over the unimodal truth where it is given, else over y, with
    a dashed line where both are equal; with neither, a histogram shows how they are spread. Labels
    of a classifier are distributions over classes: a histogram shows the probability that they give
    to the true class, else to y's class, else to the most probable one.

    Use :meth:`from_estimator` to make one from a fitted estimator.

    Parameters
    ----------
    labels : DataFrame of shape (n, M) or (n, M * K)
        A column per modality, or per (modality, class). Rows with NaN, which were held out or lack
        the modality, are left out of that modality's panel.
    truth : DataFrame of shape (n, >= M), default=None
        The true label of every modality, in the order of the rows whatever its index: a number, or
        a class. NaN where unknown.
    y : array-like of shape (n,), default=None
        The multimodal label of every row.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure
        The figure, once plotted.
    axes_ : ndarray of shape (M,) of matplotlib.axes.Axes
        The panels, in the order of the modalities.
    artists_ : dict of str to matplotlib artist
        The points (a PathCollection) or bars (a BarContainer) of every modality.

    Raises
    ------
    TypeError
        If `labels` or `truth` is no DataFrame.
    ValueError
        If numbers of rows differ, or `truth` lacks a modality.

    See Also
    --------
    TemporalAttentionDisplay : The attention of the same estimator.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> import pandas as pd
    >>> from sklearn_tamulag.inspection import UnimodalLabelDisplay
    >>> labels = pd.DataFrame({"text": [-1.0, 0.5, 2.0], "audio": [0.0, 0.1, 0.3]})
    >>> display = UnimodalLabelDisplay(labels, y=[-1.0, 0.0, 1.0]).plot()
    >>> print(display.axes_[1].get_title())
    audio
    r = 0.98
    >>> plt.close(display.figure_)
    """

    def __init__(
        self,
        labels: pd.DataFrame,
        *,
        truth: pd.DataFrame | None = None,
        y: ArrayLike | None = None,
    ) -> None:
        for name, table in (("labels", labels), ("truth", truth)):
            if table is not None and not isinstance(table, pd.DataFrame):
                raise TypeError(f"{name} must be a DataFrame; got {type(table).__name__}.")
        self.labels, self.truth = labels, truth
        self.y = None if y is None else np.asarray(y)
        self.figure_: Any = None
        self.axes_: NDArray[Any] | None = None
        self.artists_: dict[str, Any] = {}
        for name, rows in (("truth", self.truth), ("y", self.y)):
            if rows is not None and len(rows) != len(labels):
                raise ValueError(
                    f"{name} must have {len(labels)} rows, as labels; got {len(rows)}."
                )
        if self.truth is not None:
            missing = [name for name in self._modalities if name not in self.truth]
            if missing:
                raise ValueError(
                    f"truth must have a column for every modality; {missing} are missing, "
                    f"it has {list(self.truth.columns)}."
                )

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        truth: pd.DataFrame | None = None,
        y: ArrayLike | None = None,
        ax: Any = None,
    ) -> Self:
        """Plot the labels that a fitted estimator generated.

        Parameters
        ----------
        estimator : fitted estimator or Pipeline
            A TAMULAGRegressor or TAMULAGClassifier, or a pipeline that ends in one.
        truth : DataFrame of shape (n, >= M), default=None
            The true label of every modality of the n rows given to fit, in their order.
        y : array-like of shape (n,), default=None
            The labels given to fit.
        ax : matplotlib Axes or sequence of them, default=None
            One Axes per modality, or one to divide among them. None makes a new figure.

        Returns
        -------
        display : UnimodalLabelDisplay
            The plotted display.

        Raises
        ------
        TypeError
            If the estimator has no generated labels, or `truth` is no DataFrame.
        ValueError
            If `truth`, `y` or `ax` do not fit.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import pandas as pd
        >>> from sklearn_tamulag.inspection import UnimodalLabelDisplay
        >>> class Fitted:
        ...     unimodal_labels_ = pd.DataFrame({"text": [-1.0, 0.5, 2.0]})
        >>> display = UnimodalLabelDisplay.from_estimator(Fitted())
        >>> display.axes_[0].get_ylabel()
        'rows'
        >>> plt.close(display.figure_)
        """
        if isinstance(estimator, Pipeline):
            estimator = estimator[-1]
        if not hasattr(estimator, "unimodal_labels_"):
            raise TypeError(
                "estimator must have the attribute unimodal_labels_, as a fitted TAMULAGRegressor "
                f"or TAMULAGClassifier does; got {type(estimator).__name__}."
            )
        return cls(estimator.unimodal_labels_, truth=truth, y=y).plot(ax=ax)

    @property
    def _modalities(self) -> list[str]:
        """Names of the modalities, in the order of the columns."""
        return list(self.labels.columns.get_level_values(0).unique())

    def plot(self, *, ax: Any = None) -> Self:
        """Plot the labels.

        Parameters
        ----------
        ax : matplotlib Axes or sequence of them, default=None
            One Axes per modality, or one to divide among them. None makes a new figure.

        Returns
        -------
        display : UnimodalLabelDisplay
            The display itself.

        Raises
        ------
        ValueError
            If `ax` is none of these, or `truth` or `y` holds a class that labels do not have.
        ImportError
            If matplotlib is not installed.

        Examples
        --------
        >>> import matplotlib.pyplot as plt
        >>> import pandas as pd
        >>> from sklearn_tamulag.inspection import UnimodalLabelDisplay
        >>> labels = pd.DataFrame({"text": [-1.0, 0.5, 2.0]})
        >>> display = UnimodalLabelDisplay(labels, truth=labels + 0.1).plot()
        >>> display.axes_[0].get_xlabel()
        'true unimodal label'
        >>> plt.close(display.figure_)
        """
        names = self._modalities
        panels = _make_panels(ax, len(names), display=type(self).__name__, direction="columns")
        draw = self._draw_classes if self.labels.columns.nlevels > 1 else self._draw_numbers
        self.artists_ = {}
        for panel, name in zip(panels, names, strict=True):
            truth = None if self.truth is None else self.truth[name].to_numpy()
            self.artists_[name] = draw(panel, name, truth)
            panel.spines[["top", "right"]].set_visible(False)
        for panel in panels[1:]:
            panel.set_ylabel("")
        self.axes_, self.figure_ = panels, panels[0].figure
        return self

    def _draw_numbers(self, panel: Any, name: str, truth: NDArray[Any] | None) -> Any:
        """Draw the labels of a regressor for one modality."""
        labels = self.labels[name].to_numpy(dtype=np.float64)
        reference = self.y if truth is None else truth
        if reference is None:
            _set_title(panel, name, "")
            panel.set(xlabel="generated label", ylabel="rows")
            return panel.hist(labels[np.isfinite(labels)], bins=30, color=_COLOR)[2]
        reference = np.asarray(reference, dtype=np.float64)
        known = np.isfinite(labels) & np.isfinite(reference)
        _set_title(panel, name, self._correlations(labels, reference, known, truth is not None))
        panel.set(ylabel="generated label")
        panel.set(xlabel="true unimodal label" if truth is not None else "multimodal label y")
        points = panel.scatter(
            reference[known], labels[known], s=10, alpha=0.5, color=_COLOR, linewidths=0
        )
        panel.axline((0, 0), slope=1, color="0.25", linestyle="--", linewidth=1)
        # One scale on both axes, so that the line of equal values is the diagonal.
        limits = np.array([panel.get_xlim(), panel.get_ylim()])
        shared = (limits.min(), limits.max())
        panel.set(xlim=shared, ylim=shared, box_aspect=1)
        return points

    def _correlations(
        self,
        labels: NDArray[np.float64],
        reference: NDArray[np.float64],
        known: NDArray[np.bool_],
        with_truth: bool,
    ) -> str:
        """Say how labels correlate with the reference and, if that is the truth, how y does."""
        if not known.any():
            return "no labels"
        words = f"r = {corr_score(reference[known], labels[known]):.2f}"
        if with_truth and self.y is not None:
            words += f" (y itself: {corr_score(reference[known], self.y[known]):.2f})"
        return words

    def _draw_classes(self, panel: Any, name: str, truth: NDArray[Any] | None) -> Any:
        """Draw the labels of a classifier for one modality."""
        table = self.labels[name]
        labels = table.to_numpy(dtype=np.float64)
        reference = self.y if truth is None else truth
        known = np.isfinite(labels).all(axis=1)
        words, kind = "", "the most probable class"
        if reference is None:
            shown = labels[known].max(axis=1)
        else:
            known &= ~pd.isna(reference)
            argument, kind = ("y", "y's class") if truth is None else ("truth", "the true class")
            places = _class_places(table.columns, reference[known], argument)
            shown = labels[known, places]
            words = self._agreement(labels[known].argmax(axis=1) == places, known, truth)
        _set_title(panel, name, words)
        panel.set(xlabel=f"probability of {kind}", ylabel="rows", xlim=(0, 1))
        return panel.hist(shown, bins=np.linspace(0, 1, 26), color=_COLOR)[2]

    def _agreement(
        self, same: NDArray[np.bool_], known: NDArray[np.bool_], truth: NDArray[Any] | None
    ) -> str:
        """Say how often the most probable class is the reference; if that is the truth, y too."""
        if not known.any():
            return "no labels"
        words = f"agree: {same.mean():.0%}"
        if truth is not None and self.y is not None:
            words += f" (y itself: {(self.y[known] == truth[known]).mean():.0%})"
        return words


def _set_title(panel: Any, name: str, words: str) -> None:
    """Name the modality, and below it what the panel says in numbers."""
    panel.set_title(f"{name}\n{words}" if words else name, fontsize="medium")


def _class_places(classes: pd.Index, values: NDArray[Any], argument: str) -> NDArray[np.intp]:
    """Return the column of each value's class."""
    places = classes.get_indexer(pd.Index(values))
    if (places < 0).any():
        unknown = values[np.flatnonzero(places < 0)[0]]
        raise ValueError(
            f'{argument} must hold classes of labels, which are {list(classes)}; got "{unknown}".'
        )
    return places
