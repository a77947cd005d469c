"""Training anew on all rows, for as many epochs as held-out rows have chosen."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any


def check_refit(estimator: Any, X_val: Any, *, incremental: bool) -> bool:
    """Tell whether a fit is to train anew on all rows, and refuse what leaves nothing to choose.

    Parameters
    ----------
    estimator : BaseTAMULAG
        The estimator.
    X_val : object
        Validation rows that the user passes, or None.
    incremental : bool
        Whether this is `partial_fit`, which holds no rows out and never trains anew.

    Returns
    -------
    bool
        Whether it is.

    Raises
    ------
    ValueError
        If no rows are held out of X, or the fit is to go on from weights at hand.
    """
    if not estimator.refit or incremental:
        return False
    if not estimator.early_stopping:
        raise ValueError(
            "refit=True needs early_stopping=True: the held-out rows choose the number of epochs, "
            "and with early_stopping=False none are held out. Set one of the two otherwise."
        )
    if estimator.warm_start:
        raise ValueError(
            "refit=True and warm_start=True exclude each other: a refit trains anew, and a warm "
            "start goes on from the weights at hand. Set one of them to False."
        )
    if X_val is not None:
        raise ValueError(
            "refit=True trains anew on the rows that were held out of X, and with X_val none are: "
            "the refit would repeat the fit. Leave X_val out, or set refit=False."
        )
    return True


def refitted(estimator: Any, train: Callable[[Any], None]) -> None:
    """Let an estimator learn what a copy of it learns in training anew, once that has ended.

    Parameters
    ----------
    estimator : BaseTAMULAG
        A fitted estimator, with the best epoch of its search in use. Whatever interrupts the
        training leaves it so.
    train : callable
        Trains a shallow copy of the estimator from the start.
    """
    twin = copy.copy(estimator)
    train(twin)
    twin.search_history_ = estimator.history_
    # At once: Ctrl-C leaves the search's state or the new one.
    vars(estimator).update(vars(twin))
