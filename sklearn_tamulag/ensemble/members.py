"""The members of an ensemble: what may be one, its seeds, and one training of it in a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from sklearn_tamulag.training.loop.threads import one_thread

_RANDOM_STATE = "random_state"


def last_step(estimator: Any) -> tuple[Any, list[str]]:
    """Walk through pipelines to what the last one ends in.

    Parameters
    ----------
    estimator : estimator instance
        An estimator, a Pipeline, or a Pipeline that ends in a Pipeline.

    Returns
    -------
    estimator : estimator instance
        The last step of all.
    path : list of str
        Names of the steps on the way; empty where there is no Pipeline.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.preprocessing import SequenceScaler
    >>> last_step(make_pipeline(SequenceScaler(), TAMULAGRegressor()))[1]
    ['tamulagregressor']
    """
    path = []
    while isinstance(estimator, Pipeline) and estimator.steps:
        name, estimator = estimator.steps[-1]
        path.append(name)
    return estimator, path


def seeded_clone(estimator: Any, random: np.random.RandomState) -> Any:
    """Clone an estimator, and draw a seed for every random state in it.

    Parameters
    ----------
    estimator : estimator instance
        The estimator, which stays as it is.
    random : numpy.random.RandomState
        Where seeds are drawn from, in the order of the parameters' names.

    Returns
    -------
    estimator : estimator instance
        The clone.
    """
    twin = clone(estimator)
    names = sorted(name for name in twin.get_params() if name.rpartition("__")[2] == _RANDOM_STATE)
    return twin.set_params(**{name: random.randint(np.iinfo(np.int32).max) for name in names})


def unrouted(estimator: Any, fit_params: Mapping[str, Any]) -> dict[str, Any]:
    """Name the arguments of a member's fit where scikit-learn's metadata routing is off.

    Parameters
    ----------
    estimator : estimator instance
        The member: for a Pipeline the arguments are those of its last step.
    fit_params : mapping of str to object
        The arguments by name; None counts as not given. A name with two underscores says itself
        which step it is for.

    Returns
    -------
    dict of str to object
        The arguments.

    Raises
    ------
    ValueError
        If validation rows are to pass through a Pipeline, which needs routing.
    """
    given = {name: value for name, value in fit_params.items() if value is not None}
    _, path = last_step(estimator)
    if not path:
        return given
    if "X_val" in given:
        raise ValueError(
            "X_val passes through the steps of a Pipeline by scikit-learn's metadata routing only: "
            "set_config(enable_metadata_routing=True), transform_input=['X_val'] of the Pipeline, "
            "and set_fit_request(X_val=True, y_val=True) of its last step."
        )
    prefix = "".join(f"{name}__" for name in path)
    return {name if "__" in name else prefix + name: value for name, value in given.items()}


def trained(member: Any, method: str, X: Any, y: Any, given: Mapping[str, Any]) -> Any:
    """Train a member, in whatever process this runs.

    One thread computes, so that a member is the same however many are trained at a time.

    Parameters
    ----------
    member : estimator instance
        The member.
    method : {"fit", "partial_fit"}
        How.
    X, y : object
        The rows and their labels.
    given : mapping of str to object
        Further arguments.

    Returns
    -------
    member : estimator instance
        The same member, or in another process a copy.
    """
    with one_thread():
        return getattr(member, method)(X, y, **given)


def member_input(member: Any, X: Any) -> tuple[Any, Any]:
    """Bring rows to the network of a member.

    Parameters
    ----------
    member : estimator instance
        A fitted member.
    X : object
        Rows as the ensemble is given them.

    Returns
    -------
    network : TAMULAGRegressor or TAMULAGClassifier
        The last step.
    X : object
        The rows as it is to be given them.
    """
    while isinstance(member, Pipeline):
        if len(member.steps) > 1:
            X = member[:-1].transform(X)
        member = member.steps[-1][1]
    return member, X
