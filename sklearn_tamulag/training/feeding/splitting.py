"""The validation part: rows held out of training to choose the best epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedShuffleSplit,
)


def split_rows(
    y: NDArray[Any],
    fraction: float,
    *,
    stratify: bool,
    groups: NDArray[Any] | None,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split rows into a training and a validation part.

    Parameters
    ----------
    y : array of shape (n,)
        The labels.
    fraction : float in (0, 1)
        Share of the rows, or of the groups, that go into the validation part.
    stratify : bool
        Whether the validation part should hold the classes of y in their shares. Where a class
        has one row only, or groups leave no choice, the split is as near to that as it can be.
    groups : array of shape (n,) or None
        Rows of one group stay together.
    seed : int
        Seeds the split.

    Returns
    -------
    train, valid : int64 array
        Row numbers in increasing order.

    Raises
    ------
    ValueError
        If there are too few rows, or fewer than two groups.

    Examples
    --------
    >>> import numpy as np
    >>> y = np.arange(6.0)
    >>> groups = np.array(["a", "a", "b", "b", "c", "c"])
    >>> train, valid = split_rows(y, 0.3, stratify=False, groups=groups, seed=0)
    >>> len(train), len(valid), set(groups[train]) & set(groups[valid])
    (4, 2, set())
    """
    n = len(y)
    if n < 2:
        raise ValueError(
            "early_stopping=True holds rows out of training and needs at least 2 rows; got "
            f"n_samples={n}. Pass early_stopping=False, or X_val and y_val."
        )
    place = np.zeros(n)
    if groups is None:
        n_valid = min(max(round(fraction * n), 1), n - 1)
        if stratify:
            counts = np.unique(y, return_counts=True)[1]
            n_valid = max(n_valid, len(counts))
            stratify = counts.min() >= 2 and n - n_valid >= len(counts)
        splitter = StratifiedShuffleSplit if stratify else ShuffleSplit
        split = splitter(n_splits=1, test_size=min(n_valid, n - 1), random_state=seed)
        train, valid = next(split.split(place, y))
        return np.sort(train), np.sort(valid)
    n_groups = len(np.unique(groups))
    if n_groups < 2:
        raise ValueError(
            "early_stopping=True with groups holds whole groups out of training and needs at "
            f"least 2 groups; got {n_groups}. Pass early_stopping=False, or X_val and y_val."
        )
    n_folds = min(max(round(1 / fraction), 2), n_groups)
    if stratify and np.unique(y, return_counts=True)[1].min() >= n_folds:
        folds = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
        # The first with rows of every class: scikit-learn 1.6 spreads groups less evenly.
        for train, valid in folds.split(place, y, groups):
            if len(np.unique(y[valid])) == len(np.unique(y)) == len(np.unique(y[train])):
                return train, valid
    n_valid = min(max(round(fraction * n_groups), 1), n_groups - 1)
    split = GroupShuffleSplit(n_splits=1, test_size=n_valid, random_state=seed)
    train, valid = next(split.split(place, groups=groups))
    return np.sort(train), np.sort(valid)
