"""Which rows train, which choose and which are tested: fixed before any training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import column_or_1d

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.sklearn_private import num_samples, safe_indexing
from sklearn_tamulag.data.validation import check_feature_sizes, check_same_modalities
from sklearn_tamulag.training.feeding.groups import read_groups

# What a fit is given for its own purposes, and under its own checks.
OWN_METADATA = ("X_val", "y_val", "sample_weight_val", "groups")


@dataclass(frozen=True)
class Table:
    """Rows that the user passes together: features, labels and groups.

    Attributes
    ----------
    name : str
        What the argument is called: "X", "X_val" or "X_test".
    X : MultimodalData, DataFrame or array-like of shape (n, d)
        The features.
    y : ndarray of shape (n,)
        The labels.
    groups : ndarray of shape (n,) or None
        What belongs together, such as the video of every row.
    fit_params : dict of str to array-like or DataFrame of n rows
        What else is given to fit, row by row.
    """

    name: str
    X: Any
    y: NDArray[Any]
    groups: NDArray[Any] | None
    fit_params: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.int64]) -> tuple[Any, NDArray[Any]]:
        """Select rows; all of them, or a run of them, are not copied.

        Parameters
        ----------
        rows : int64 array of shape (k,)
            Row numbers, increasing.

        Returns
        -------
        X : of the type of X
            The features of these rows.
        y : ndarray of shape (k,)
            Their labels.
        """
        if len(rows) == len(self):
            return self.X, self.y
        start, stop = int(rows[0]), int(rows[-1]) + 1
        # A slice of a memory-mapped array stays on disk.
        key = slice(start, stop) if stop - start == len(rows) else rows
        return safe_indexing(self.X, key), self.y[key]


@dataclass(frozen=True)
class Part:
    """Some rows of a table.

    Attributes
    ----------
    table : Table
        The table.
    rows : int64 ndarray of shape (k,)
        Row numbers, increasing.
    """

    table: Table
    rows: NDArray[np.int64]

    def values(self) -> tuple[Any, NDArray[Any]]:
        """Features and labels of the part.

        Returns
        -------
        X : of the type of the table's X
            The features of these rows.
        y : ndarray of shape (k,)
            Their labels.
        """
        return self.table.take(self.rows)

    @property
    def fit_params(self) -> dict[str, Any]:
        """What else is given to fit, of these rows."""
        return {
            name: safe_indexing(values, self.rows) for name, values in self.table.fit_params.items()
        }

    @property
    def y(self) -> NDArray[Any]:
        """Labels of the part."""
        return self.table.y[self.rows]

    @property
    def groups(self) -> NDArray[Any] | None:
        """Groups of the part, where they are known."""
        return None if self.table.groups is None else self.table.groups[self.rows]


@dataclass(frozen=True)
class Split:
    """The parts that one fit has to do with.

    Attributes
    ----------
    train : Part
        The rows that are fitted.
    valid : Part or None
        The rows that stop training early and are chosen by; None where the estimator holds its own
        out of the training rows.
    test : Part or None
        The rows that nothing sees before the fit is over.
    """

    train: Part
    valid: Part | None
    test: Part | None

    def named(self) -> Iterator[tuple[str, Part]]:
        """Walk through the parts there are.

        Yields
        ------
        name : str
            "train", "valid" or "test".
        part : Part
            The rows.
        """
        for name in ("train", "valid", "test"):
            part = getattr(self, name)
            if part is not None:
                yield name, part


def read_table(
    name: str, X: Any, y: Any, groups: Any, fit_params: Mapping[str, Any] | None = None
) -> Table | None:
    """Check features, labels and groups that belong together.

    Parameters
    ----------
    name : {"X", "X_val", "X_test"}
        What the features are called; labels and groups are called alike.
    X : MultimodalData, DataFrame, array-like of shape (n, d) or None
        The features.
    y : array-like of shape (n,) or None
        The labels, None together with X.
    groups : array-like of shape (n,), False or None
        The groups. None takes ``X.groups``, False leaves groups out of account.
    fit_params : mapping of str to array-like or DataFrame of n rows, default=None
        What else is given to fit; of validation rows their "sample_weight".

    Returns
    -------
    Table or None
        None where X and y are None.

    Raises
    ------
    TypeError
        If X is a dict, which cannot be indexed by row, or fit_params is none.
    ValueError
        If one of X and y is missing, values are not one per row, or a row has no group.
    """
    y_name, groups_name = name.replace("X", "y"), name.replace("X", "groups")
    if X is None and y is None:
        if groups is not None and groups is not False:
            raise ValueError(f"{groups_name} was given without {name}.")
        return None
    if X is None or y is None:
        raise ValueError(f"{name} and {y_name} must be given together, got one of them.")
    if isinstance(X, dict):
        raise TypeError(
            f"{name} must be a MultimodalData, a DataFrame or an array, whose rows can be selected;"
            " got a dict. MultimodalPadder().fit_transform(X) makes a MultimodalData of it."
        )
    labels = _flat(y_name, y)
    if groups is None and isinstance(X, MultimodalData):
        groups = X.groups
    values = None
    if groups is not None and groups is not False:
        values = read_groups(groups_name, groups, num_samples(X), rows_of=name)
    if fit_params is not None and not isinstance(fit_params, Mapping):
        raise TypeError(f"fit_params must be a dict by name, got {type(fit_params).__name__}.")
    fit_params = dict(fit_params or {})
    reserved = [argument for argument in fit_params if argument in OWN_METADATA]
    if reserved:
        raise ValueError(f"fit_params must not hold {reserved[0]!r}: it is an argument of its own.")
    argument = "fit_params[{!r}]" if name == "X" else "{}" + name.removeprefix("X")
    per_row = [(argument.format(key), value) for key, value in fit_params.items()]
    for argument, given in ((y_name, labels), *per_row):
        if num_samples(given) != num_samples(X):
            raise ValueError(
                f"{argument} must have one value per row of {name}: {name} has {num_samples(X)} "
                f"rows, {argument} has {num_samples(given)}."
            )
    if not len(labels):
        raise ValueError(f"{name} must have at least one row, got none.")
    return Table(name, X, labels, values, fit_params)


def _flat(name: str, values: Any) -> NDArray[Any]:
    """Return values as an array of shape (n,); a single column of shape (n, 1) will do."""
    try:
        flat: NDArray[Any] = column_or_1d(values)
    except ValueError as error:
        raise ValueError(
            f"{name} must have shape (n,), one value per row, got {type(values).__name__} of shape "
            f"{getattr(values, 'shape', ())}."
        ) from error
    return flat


def check_features(estimator: Any, table: Table, other: Table) -> None:
    """Find out before any training whether an estimator of some rows can predict others.

    Parameters
    ----------
    estimator : estimator instance
        The estimator to be fitted; one with ``allow_missing=True`` takes rows without a modality.
    table : Table
        The rows to train on.
    other : Table
        Rows to be predicted.

    Raises
    ------
    ValueError
        If both are MultimodalData, and modalities or feature sizes differ.
    """
    if not (isinstance(table.X, MultimodalData) and isinstance(other.X, MultimodalData)):
        return
    sizes, given = table.X.feature_sizes, other.X.feature_sizes
    params = estimator.get_params().items()
    if any(name.endswith("allow_missing") and value is True for name, value in params):
        sizes = {name: size for name, size in sizes.items() if name in given}
    try:
        check_same_modalities(given, sizes)
        check_feature_sizes(given, sizes)
    except ValueError as error:
        raise ValueError(
            f"{other.name} must have the modalities of {table.name}. {error}"
        ) from None


def check_groups(tables: list[Table], splits: list[Split]) -> None:
    """Refuse parts that share a group.

    Parameters
    ----------
    tables : list of Table
        All rows that were passed.
    splits : list of Split
        The parts of every fit.

    Raises
    ------
    ValueError
        If a group has rows in two parts, or groups are known for some tables only.
    """
    known = [table.name for table in tables if table.groups is not None]
    unknown = [table.name for table in tables if table.groups is None]
    if known and unknown:
        raise ValueError(
            f"groups are known for {', '.join(known)} but not for {', '.join(unknown)}: pass "
            f"{unknown[0].replace('X', 'groups')}, or groups=False to leave groups out of account."
        )
    for split in splits:
        for (name, part), (other_name, other) in combinations(split.named(), 2):
            if part.groups is None or other.groups is None:
                continue
            shared = set(part.groups.tolist()) & set(other.groups.tolist())
            if shared:
                first = sorted(map(str, shared))[0]
                raise ValueError(
                    f"A group must not be in two parts: {first!r} has rows in the {name} part (of "
                    f"{part.table.name}) and in the {other_name} part (of {other.table.name}); "
                    f"{len(shared)} such groups. groups=False leaves groups out of account."
                )
