"""What an evaluation gives back: scores per seed, their summary, predictions, the manifest."""

import json
from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Self

import pandas as pd

from sklearn_tamulag.data.files import write_atomically
from sklearn_tamulag.model_selection.intervals import interval_table
from sklearn_tamulag.persistence.container import read_value, write_value

KIND = "seed report"


@dataclass(repr=False, eq=False)
class SeedReport:
    """What `evaluate_seeds` found.

    Attributes
    ----------
    scores : DataFrame of shape (n_seeds, n_metrics), dtype float64
        A row per seed; the columns are named ``valid_...`` for validation and ``test_...`` for test
        rows, as far as there are such parts.
    predictions : dict of str to DataFrame
        By part, "valid" and "test": the predictions, a column per seed. The index has the numbers
        of the rows in the X that they come from; with several splits, one after another.
    manifest : dict
        What the results hang on: parameters, seeds, settings, SHA-256 of the data, the rows of each
        part, versions, the machine. Equal manifests give equal results, to the bit on the CPU.
    estimators : dict of int to list, or None
        By seed the fitted estimators, one per split; None unless asked for.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> from sklearn_tamulag.model_selection import evaluate_seeds
    >>> data = make_multimodal_sentiment(100, random_state=0)
    >>> regressor = TAMULAGRegressor(max_epochs=1)
    >>> report = evaluate_seeds(regressor, data.X, data.y, seeds=[1, 2], scoring=["neg_mae"])
    >>> list(report.summary.columns)
    ['mean', 'std', 'low', 'high']
    """

    scores: pd.DataFrame
    predictions: dict[str, pd.DataFrame]
    manifest: dict[str, Any]
    estimators: dict[int, list[Any]] | None = None

    @property
    def summary(self) -> pd.DataFrame:
        """Mean, deviation and 95 % interval over the seeds, a row per metric.

        Returns
        -------
        DataFrame of shape (n_metrics, 4)
            The columns "mean", "std", "low" and "high"; the interval is Student's t.
        """
        return interval_table(self.scores)

    def to_frame(self) -> pd.DataFrame:
        """Scores per seed, and below them their summary.

        Returns
        -------
        DataFrame of shape (n_seeds + 4, n_metrics)
            Indexed by seed, then "mean", "std", "low" and "high".
        """
        return pd.concat([self.scores, self.summary.T]).rename_axis("seed")

    def save(self, path: str | PathLike[str]) -> None:
        """Write scores, predictions and manifest to one file, from which `load` makes a report.

        So a second estimator can be evaluated later, over the same seeds and parts, and paired with
        the first by `SeedComparison`. Fitted estimators are not written: `sklearn_tamulag.save` is
        for them.

        Parameters
        ----------
        path : str or path-like
            The file, which is replaced if it exists.

        Raises
        ------
        OSError
            If the file cannot be written. One that was there is unchanged.
        """
        value = {name: getattr(self, name) for name in ("scores", "predictions", "manifest")}
        write_value(path, value, kind=KIND)

    @classmethod
    def load(cls, path: str | PathLike[str]) -> Self:
        """Read a report that `save` has written. Nothing in the file is run.

        Parameters
        ----------
        path : str or path-like
            The file.

        Returns
        -------
        SeedReport
            Equal to the one that was saved; its `estimators` are None.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is no report, damaged, or of a newer format.

        Examples
        --------
        >>> import tempfile
        >>> import pandas as pd
        >>> from sklearn_tamulag.model_selection import SeedReport
        >>> scores = pd.DataFrame({"test_mae": [0.5, 0.75]}, index=pd.Index([1, 2], name="seed"))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     SeedReport(scores, {}, {"seeds": [1, 2]}).save(f"{folder}/report")
        ...     SeedReport.load(f"{folder}/report").scores["test_mae"].tolist()
        [0.5, 0.75]
        """
        value = read_value(path, kind=KIND)
        if not _is_report(value):
            raise ValueError(f"{fspath(path)} cannot be read: it does not hold a seed report.")
        return cls(**value)

    def save_manifest(self, path: str | Path) -> None:
        """Write the manifest as JSON.

        Parameters
        ----------
        path : str or Path
            The file, which is replaced if it exists.

        Raises
        ------
        OSError
            If the file cannot be written. A file that was there is unchanged.
        """
        text = json.dumps(self.manifest, indent=2, ensure_ascii=False, allow_nan=False)
        write_atomically(path, [f"{text}\n".encode()])

    def __repr__(self) -> str:
        return f"{self._heading()}\n{self.to_frame().T.round(4).to_string()}"

    def _repr_html_(self) -> str:
        """Show the same as a table in a notebook."""
        return f"<p>{self._heading()}</p>{self.to_frame().T.round(4).to_html()}"

    def _heading(self) -> str:
        """Say what the table shows."""
        return f"SeedReport of {len(self.scores)} seeds: a row per metric, a column per seed"


def _is_report(value: Any) -> bool:
    """Tell whether a value read from a file is what `SeedReport.save` writes."""
    kinds = {"scores": pd.DataFrame, "predictions": dict, "manifest": dict}
    return (
        isinstance(value, dict)
        and value.keys() == kinds.keys()
        and all(isinstance(value[name], kind) for name, kind in kinds.items())
        and all(isinstance(table, pd.DataFrame) for table in value["predictions"].values())
    )


@dataclass(repr=False, eq=False)
class SeedComparison:
    """Two evaluations over the same seeds and parts, seed by seed.

    `compare_seeds` returns one, and so two reports of `evaluate_seeds` over the same seeds, labels
    and parts can be paired, saved and loaded ones included.

    Attributes
    ----------
    first : SeedReport
        The report of the first estimator.
    second : SeedReport
        That of the second, over the same seeds and parts.

    Raises
    ------
    ValueError
        If seeds, parts, labels or metrics of the two differ.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> from sklearn_tamulag.model_selection import compare_seeds
    >>> data = make_multimodal_sentiment(100, random_state=0)
    >>> last, mean = (TAMULAGRegressor(max_epochs=1, attention=name) for name in ("last", "mean"))
    >>> comparison = compare_seeds(last, mean, data.X, data.y, seeds=[1, 2], scoring=["neg_mae"])
    >>> list(comparison.summary.columns)
    ['first', 'second', 'difference', 'std', 'low', 'high']
    """

    first: SeedReport
    second: SeedReport

    def __post_init__(self) -> None:
        if not self.first.scores.columns.equals(self.second.scores.columns):
            raise ValueError("first and second must have the same metrics.")
        for name in ("seeds", "splits"):
            if self.first.manifest[name] != self.second.manifest[name]:
                raise ValueError(f"first and second must have the same {name} in their manifests.")
        labels = [
            {name: table["y"] for name, table in report.manifest["data"].items()}
            for report in (self.first, self.second)
        ]
        if labels[0] != labels[1]:
            raise ValueError("first and second must have been given the same labels.")

    @property
    def differences(self) -> pd.DataFrame:
        """Scores of the second estimator less those of the first, seed by seed.

        Returns
        -------
        DataFrame of shape (n_seeds, n_metrics)
            Above zero where the second scored higher, which is worse for an error such as "mae".
        """
        return self.second.scores - self.first.scores

    @property
    def summary(self) -> pd.DataFrame:
        """Means of both, and the paired difference with its deviation and 95 % interval.

        Returns
        -------
        DataFrame of shape (n_metrics, 6)
            The columns "first" and "second" (means), "difference" (mean of second - first), "std",
            "low" and "high" of the difference. An interval without zero speaks for a difference
            that the choice of seeds does not explain.
        """
        paired = interval_table(self.differences).rename(columns={"mean": "difference"})
        means = {"first": self.first.scores.mean(), "second": self.second.scores.mean()}
        return pd.concat([pd.DataFrame(means), paired], axis=1)

    def __repr__(self) -> str:
        heading = f"SeedComparison over {len(self.first.scores)} seeds, difference = second - first"
        return f"{heading}\n{self.summary.round(4).to_string()}"

    def _repr_html_(self) -> str:
        """Show the same as a table in a notebook."""
        heading = f"SeedComparison over {len(self.first.scores)} seeds, difference = second - first"
        return f"<p>{heading}</p>{self.summary.round(4).to_html()}"
