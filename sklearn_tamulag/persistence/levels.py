"""Indexes of several levels, made of their levels' values without pandas' tables of hashes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag.persistence.limits import SPARE_ROWS, check_hashes

_MAX_LEVELS = 64


def read_levels(levels: Any) -> pd.MultiIndex:
    """Make an index of the values of its levels.

    pandas would look the values up by hashes that are easily made equal, and then compare each
    value with each. Numbers and times are sorted here instead.

    Parameters
    ----------
    levels : list of Index
        The values of each level, of one length.

    Returns
    -------
    MultiIndex
        Equal to ``MultiIndex.from_arrays(levels)``.

    Raises
    ------
    ValueError
        If these are no levels, ranges alone are longer than the file can vouch for, or values were
        chosen to have one hash.

    Examples
    --------
    >>> read_levels([pd.Index([3, 1]), pd.Index(["a", "b"])]).tolist()
    [(3, 'a'), (1, 'b')]
    """
    if type(levels) is not list or not 0 < len(levels) <= _MAX_LEVELS:
        raise ValueError("an index of several levels is no list of levels")
    if any(not isinstance(level, pd.Index) or level.nlevels > 1 for level in levels):
        raise ValueError("the levels of an index are no plain indexes")
    if len({len(level) for level in levels}) > 1:
        raise ValueError("the levels of an index differ in length")
    # A range has any length for nothing: another level's values show that it is meant.
    ranges = [isinstance(level, pd.RangeIndex) for level in levels]
    if (all(ranges) or sum(ranges) > 2) and len(levels[0]) > SPARE_ROWS:
        raise ValueError(f"nothing in the file vouches for {len(levels[0])} rows")
    parts = [_different(level) for level in levels]
    return pd.MultiIndex(
        levels=[level.take(first) for level, (first, _) in zip(levels, parts, strict=True)],
        codes=[codes for _, codes in parts],  # type: ignore[misc]
        verify_integrity=False,
    )


def _different(level: pd.Index[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Where each different value comes first, and which of them each row has; -1 for none."""
    absent = np.asarray(level.isna())
    known = np.flatnonzero(~absent)
    codes = np.full(len(level), -1, dtype=np.intp)
    if level.dtype.kind in "biufmM":
        values = getattr(level, "asi8", None)
        values = (level.to_numpy() if values is None else values)[known]
        _, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        codes[known] = inverse
        return known[first], codes
    objects = level.to_numpy(dtype=object)[known]
    if all(type(value) is str for value in objects):
        _, first, inverse = np.unique(objects, return_index=True, return_inverse=True)
        codes[known] = inverse
        return known[first], codes
    keys = objects.tolist()
    check_hashes(keys)
    numbers: dict[Any, int] = {}
    codes[known] = [numbers.setdefault(value, len(numbers)) for value in keys]
    places = np.unique(codes[known], return_index=True)[1]
    return known[places], codes
