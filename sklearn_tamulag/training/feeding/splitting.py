"""The validation part: rows held out of training to choose the best epoch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

from sklearn_tamulag.training.feeding.group_choice import choose_groups

# A difference between the share asked for and the share held out that is worth a warning: beyond
# the first, or beyond the second where one of the two parts is less than half of what was asked.
NOTED = 0.1
NOTED_OF_SMALL = 0.05


def split_rows(
    y: NDArray[Any],
    fraction: float,
    *,
    stratify: bool,
    groups: NDArray[Any] | None,
    seed: int,
    argument: str = "validation_fraction",
    classes: Sequence[Any] | NDArray[Any] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split rows into a training and a validation part.

    Parameters
    ----------
    y : array of shape (n,)
        The labels.
    fraction : float in (0, 1)
        Share of the rows that go into the validation part. With groups it is met as nearly as
        whole groups allow.
    stratify : bool
        Whether the validation part should hold the classes of y in their shares, as nearly as it
        can. No class is held out as a whole while there is a split that keeps a row of each in
        training.
    groups : array of shape (n,) or None
        Rows of one group stay together.
    seed : int
        Seeds the split.
    argument : str, default="validation_fraction"
        What the fraction came as, for warnings.
    classes : sequence, optional
        The names of the classes where y holds their numbers, for warnings.

    Returns
    -------
    train, valid : int64 array
        Row numbers in increasing order.

    Raises
    ------
    ValueError
        If there are too few rows, or fewer than two groups.

    Warns
    -----
    UserWarning
        If the share held out is far from `fraction`, or a class is held out as a whole because no
        split keeps it.

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
    names, codes = np.unique(y, return_inverse=True) if stratify else (None, np.zeros(n, dtype=int))
    if groups is not None:
        held = _held_groups(codes, fraction, groups, seed)
    elif stratify:
        held = _held_by_class(codes, fraction, seed)
    else:
        splitter = ShuffleSplit(n_splits=1, test_size=_n_held(n, fraction), random_state=seed)
        held = _mask(n, next(splitter.split(codes))[1])
    if names is not None:
        lost = names[np.bincount(codes[~held], minlength=len(names)) == 0].tolist()
        named = lost if classes is None else np.asarray(classes)[lost].tolist()
        _warn_of_classes(named, argument, groups)
    _warn_of_share(held, fraction, argument, groups, stratify=stratify)
    return np.flatnonzero(~held), np.flatnonzero(held)


def _n_held(n: int, fraction: float) -> int:
    """Rows, or groups, to hold out: at least one, and not all."""
    return min(max(round(fraction * n), 1), n - 1)


def _mask(n: int, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Mark some of n rows."""
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask


def _held_by_class(codes: NDArray[np.intp], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Hold rows of every class out in their share, but never all of a class."""
    n, counts = len(codes), np.bincount(codes)
    n_held = _n_held(n, fraction)
    if counts.min() >= 2 and len(counts) <= min(n_held, n - n_held):
        split = StratifiedShuffleSplit(n_splits=1, test_size=n_held, random_state=seed)
        held = _mask(n, next(split.split(codes, codes))[1])
        if np.bincount(codes[~held], minlength=len(counts)).all():
            return held
    random = np.random.default_rng(seed)
    spare = counts - 1
    if not spare.any():  # every row is a class of its own: one is lost at least
        return _mask(n, random.integers(0, n, 1))
    quota = min(n_held, spare.sum()) * counts / n
    taken = np.minimum(np.floor(quota).astype(np.int64), spare)
    missing = min(n_held, int(spare.sum())) - int(taken.sum())
    while missing:
        open_classes = random.permutation(np.flatnonzero(taken < spare))
        nearest = open_classes[np.argsort((taken - quota)[open_classes], kind="stable")]
        taken[nearest[:missing]] += 1
        missing -= len(nearest[:missing])
    held = np.zeros(n, dtype=bool)
    for code in np.flatnonzero(taken):
        rows = np.flatnonzero(codes == code)
        held[random.choice(rows, taken[code], replace=False)] = True
    return held


def _held_groups(
    codes: NDArray[np.intp], fraction: float, groups: NDArray[Any], seed: int
) -> NDArray[np.bool_]:
    """Hold whole groups out."""
    numbers, n_groups = _numbered(groups)
    if n_groups < 2:
        raise ValueError(
            "early_stopping=True with groups holds whole groups out of training and needs at "
            f"least 2 groups; got {n_groups}. Pass early_stopping=False, or X_val and y_val."
        )
    counts = np.zeros((n_groups, codes.max() + 1), dtype=np.int64)
    np.add.at(counts, (numbers, codes), 1)
    # Where groups are of one size and there are no classes, scikit-learn's split is the best.
    test_size = _n_held(n_groups, fraction)
    split = GroupShuffleSplit(n_splits=1, test_size=test_size, random_state=seed)
    rows = next(split.split(numbers, groups=numbers))[1]
    first = _mask(n_groups, numbers[rows])
    return choose_groups(counts, fraction, seed=seed, first=first)[numbers]


def _numbered(groups: NDArray[Any]) -> tuple[NDArray[np.intp], int]:
    """Number the groups, in their order if they have one, and count them."""
    try:
        names, numbers = np.unique(groups, return_inverse=True)
    except TypeError:  # values without an order
        numbers, found = pd.factorize(np.asarray(groups, dtype=object))
        return numbers, len(found)
    return numbers, len(names)


def _warn_of_classes(lost: list[Any], argument: str, groups: NDArray[Any] | None) -> None:
    """Name the classes of which no row is left to train on."""
    if not lost:
        return
    why = "every class has one row only" if groups is None else "groups are kept whole"
    warnings.warn(
        f"{argument} holds all rows of {len(lost)} classes out of training, {lost[:10]}: {why}, "
        "and no split keeps a row of every class in training.",
        UserWarning,
        stacklevel=6,
    )


def _warn_of_share(
    held: NDArray[np.bool_],
    fraction: float,
    argument: str,
    groups: NDArray[Any] | None,
    *,
    stratify: bool,
) -> None:
    """Say how much is held out, where that is far from what was asked."""
    n, share = len(held), float(held.mean())
    off = abs(share - fraction)
    ratios = share / fraction, (1 - share) / (1 - fraction)
    noted = NOTED_OF_SMALL if max(ratios) > 2 or min(ratios) < 0.5 else NOTED
    # A row more or less is no matter of the split.
    if off <= noted + 1e-9 or off * n <= 1:
        return
    reasons = ["groups are kept whole"] if groups is not None else []
    reasons += ["a row of every class is kept in training"] if stratify else []
    warnings.warn(
        f"{argument}={fraction:g} holds {held.sum()} of {n} rows out, a share of {share:.2f}: "
        f"{' and '.join(reasons)} where that can be.",
        UserWarning,
        stacklevel=6,
    )
