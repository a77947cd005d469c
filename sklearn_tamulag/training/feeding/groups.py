"""What rows belong together: the groups that a user names, checked."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag.data.sklearn_private import num_samples

_JOIN = 'join their parts to one string, as f"{film}/{speaker}"'


def read_groups(name: str, values: Any, n_rows: int, rows_of: str = "X") -> NDArray[Any]:
    """Check that every row has a group, and that all groups are of one kind.

    Parameters
    ----------
    name : str
        The argument that they came as, for messages.
    values : array-like of shape (n,) or (n, 1)
        The group of every row: strings, numbers, or other values of one kind.
    n_rows : int
        The number of rows n.
    rows_of : str, default="X"
        What the rows are called in messages.

    Returns
    -------
    ndarray of shape (n,)
        The groups.

    Raises
    ------
    ValueError
        If there is not one value per row, a row has no group, a group is a pair or another
        collection, or groups are of several kinds, such as numbers and strings.

    Examples
    --------
    >>> read_groups("groups", ["a", "a", "b"], 3).tolist()
    ['a', 'a', 'b']
    >>> read_groups("groups", ["a", None], 2)
    Traceback (most recent call last):
        ...
    ValueError: groups must name the group of every row, but row 1 has none: got None.
    """
    if isinstance(values, str | bytes | dict | set) or not hasattr(values, "__len__"):
        raise ValueError(
            f"{name} must have shape (n,), one value per row, got {type(values).__name__} "
            f"{values!r:.60}."
        )
    if num_samples(values) != n_rows:
        raise ValueError(
            f"{name} must have one value per row of {rows_of}: {rows_of} has {n_rows} rows, {name} "
            f"has {num_samples(values)}."
        )
    flat = _one_column(name, values)
    missing = pd.isna(flat)
    if missing.any():
        row = int(missing.argmax())
        raise ValueError(
            f"{name} must name the group of every row, but row {row} has none: got {flat[row]!r}."
        )
    if flat.dtype == object:
        _check_kinds(name, flat)
        # A list of strings and the like has a type of its own.
        return flat if hasattr(values, "dtype") else np.asarray(values)
    return flat


def _one_column(name: str, values: Any) -> NDArray[Any]:
    """Return the values as an array of shape (n,), if none of them is a collection."""
    shape: tuple[int, ...] = getattr(values, "shape", ())
    if len(shape) == 2 and shape[1] == 1:
        return np.asarray(values)[:, 0]  # (n, 1) -> (n,)
    if len(shape) > 1:
        raise ValueError(
            f"{name} must have shape (n,), one value per row, got {type(values).__name__} of shape "
            f"{tuple(shape)}. Where pairs name a group, {_JOIN}."
        )
    if isinstance(values, np.ndarray) and values.dtype.kind not in "OV":
        return values
    cells = list(values)
    for row, cell in enumerate(cells):
        if isinstance(cell, Sized) and not isinstance(cell, str | bytes):
            raise ValueError(
                f"{name} must have one value per row, but row {row} has {cell!r} of type "
                f"{type(cell).__name__}. Where pairs name a group, {_JOIN}."
            )
    flat = np.empty(len(cells), dtype=object)
    flat[:] = cells
    return flat


def _check_kinds(name: str, flat: NDArray[Any]) -> None:
    """Refuse numbers beside strings, and other values that cannot be told apart for sure."""
    first = _kind(flat[0])
    for row, value in enumerate(flat):
        if _kind(value) != first:
            raise ValueError(
                f"{name} must be of one kind, but row 0 has {flat[0]!r}, a {first}, and row {row} "
                f"has {value!r}, a {_kind(value)}. Turn them all into strings."
            )


def _kind(value: Any) -> str:
    """What a group is, numbers of all types being one kind."""
    if isinstance(value, int | float | np.number | np.bool_):
        return "number"
    return "string" if isinstance(value, str) else type(value).__name__
