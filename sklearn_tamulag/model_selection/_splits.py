"""How parts come about: passed by the user, carved out of X, or by a splitter."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    StratifiedGroupKFold,
    StratifiedKFold,
    check_cv,
)
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_tamulag.model_selection._parts import Part, Split, Table, check_groups
from sklearn_tamulag.training.feeding.splitting import split_rows

DEFAULT_TEST_SIZE = 0.2


def make_splits(
    table: Table,
    valid: Table | None,
    test: Table | None,
    *,
    test_size: float | None,
    val_size: float | None,
    cv: Any,
    stratify: bool,
    seed: int,
) -> list[Split]:
    """Fix the parts of every fit, with groups kept whole.

    Parameters
    ----------
    table : Table
        The rows to train on, and to carve parts out of.
    valid, test : Table or None
        Parts that the user passes.
    test_size, val_size : float in (0, 1) or None
        Shares of the rows to carve out, in whole groups; `val_size` of what the test part leaves.
    cv : int, splitter, iterable of (train, test) row numbers, or None
        Where given, every split's test rows are a test part.
    stratify : bool
        Whether carved parts should hold the classes in their shares.
    seed : int
        Seeds what is drawn.

    Returns
    -------
    list of Split
        One, or one per split of `cv`.

    Raises
    ------
    ValueError
        If several of X_test, test_size and cv are given, or both X_val and val_size; if a group is
        in two parts; if too few rows or groups are left, or `cv` tests a row twice.
    """
    given = {"X_test": test, "test_size": test_size, "cv": cv}
    named = [name for name, value in given.items() if value is not None]
    if len(named) > 1:
        raise ValueError(f"Only one of X_test, test_size and cv may be given, got {named}.")
    if valid is not None and val_size is not None:
        raise ValueError("Only one of X_val and val_size may be given, got both.")
    if not named and valid is None:
        test_size = DEFAULT_TEST_SIZE
    rows = np.arange(len(table))
    pairs: list[tuple[NDArray[np.int64], NDArray[np.int64] | None]] = [(rows, None)]
    if cv is not None:
        pairs = [*_folds(table, cv, stratify, seed)]
    elif test_size is not None:
        pairs = [_carve(table, rows, test_size, "test_size", stratify, seed)]
    splits = []
    for train, tested in pairs:
        valid_part = None if valid is None else Part(valid, np.arange(len(valid)))
        if val_size is not None:
            train, held_out = _carve(table, train, val_size, "val_size", stratify, seed)
            valid_part = Part(table, held_out)
        test_part = None if test is None else Part(test, np.arange(len(test)))
        if tested is not None:
            test_part = Part(table, tested)
        splits.append(Split(Part(table, train), valid_part, test_part))
    check_groups([each for each in (table, valid, test) if each is not None], splits)
    return splits


def fixed_splitter(cv: Any, seed: int) -> Any:
    """Copy a splitter, seeded where it would draw from the global random state.

    Parameters
    ----------
    cv : object
        A splitter, or anything else that stands for one.
    seed : int
        The seed.

    Returns
    -------
    object
        The copy.
    """
    cv = copy.deepcopy(cv)
    # Splitters that do not shuffle have a random state of None too, and may not be given one.
    if getattr(cv, "random_state", seed) is None and getattr(cv, "shuffle", True):
        cv.random_state = seed
    return cv


def splits_by_group(splitter: Any) -> bool:
    """Tell whether a splitter asks for groups; one that says nothing may.

    Parameters
    ----------
    splitter : splitter
        A splitter of scikit-learn, or one that has its method split.

    Returns
    -------
    bool
        Whether to hand it groups.

    Examples
    --------
    >>> splits_by_group(GroupKFold()), splits_by_group(KFold())
    (True, False)
    """
    if not hasattr(splitter, "get_metadata_routing"):
        return True
    return bool(get_routing_for_object(splitter).consumes("split", ["groups"]))


def fold_splitter(n_splits: int, *, stratify: bool, grouped: bool, seed: int) -> Any:
    """Choose the splitter that a number of folds stands for.

    Parameters
    ----------
    n_splits : int
        The number of folds, at least 2.
    stratify : bool
        Whether the folds should hold the classes in their shares.
    grouped : bool
        Whether the folds keep groups together.
    seed : int
        Seeds the order of rows or groups.

    Returns
    -------
    splitter
        A shuffling k-fold splitter of scikit-learn.
    """
    kinds = {
        (False, False): KFold,
        (True, False): StratifiedKFold,
        (False, True): GroupKFold,
        (True, True): StratifiedGroupKFold,
    }
    return kinds[stratify, grouped](n_splits, shuffle=True, random_state=seed)


def _carve(
    table: Table,
    rows: NDArray[np.int64],
    share: float,
    argument: str,
    stratify: bool,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold a share of some rows out, in whole groups where they are known."""
    groups = None if table.groups is None else table.groups[rows]
    count, what = (len(rows), "rows") if groups is None else (len(np.unique(groups)), "groups")
    if count < 2:
        raise ValueError(f"{argument}={share} needs at least 2 {what} to part, got {count}.")
    kept, held_out = split_rows(
        table.y[rows], share, stratify=stratify, groups=groups, seed=seed, argument=argument
    )
    return rows[kept], rows[held_out]


def _folds(
    table: Table, cv: Any, stratify: bool, seed: int
) -> Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Read the splits of a splitter; no row may be tested twice."""
    if isinstance(cv, Integral) and not isinstance(cv, bool):
        grouped = table.groups is not None
        splitter = fold_splitter(int(cv), stratify=stratify, grouped=grouped, seed=seed)
    else:
        splitter = fixed_splitter(check_cv(cv), seed)
    rows, tested = np.arange(len(table)), np.zeros(len(table), dtype=np.int64)
    groups = table.groups if splits_by_group(splitter) else None
    for train, test in splitter.split(np.zeros(len(table)), table.y, groups):
        # Row numbers or masks.
        train, test = np.sort(rows[train]), np.sort(rows[test])
        if not len(train) or not len(test) or np.intersect1d(train, test).size:
            raise ValueError(
                "cv must give training and test rows, at least one of each and none in both; got "
                f"{len(train)} and {len(test)}, {np.intersect1d(train, test).size} in both."
            )
        np.add.at(tested, test, 1)
        yield train, test
    if tested.max() > 1:
        raise ValueError(
            f"cv must test a row once at most: row {tested.argmax()} is tested {tested.max()} "
            "times. The predictions of all splits are scored together."
        )
