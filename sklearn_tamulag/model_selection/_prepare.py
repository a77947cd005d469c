"""From the user's estimator to one that is ready to fit: seeded, and with its metadata routed."""

import inspect
from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
import sklearn
from sklearn.base import clone, is_classifier
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object

from sklearn_tamulag.data.sklearn_private import BaseSearchCV
from sklearn_tamulag.model_selection._parts import Part, Split
from sklearn_tamulag.model_selection._splits import (
    fixed_splitter,
    fold_splitter,
    splits_by_group,
)

RANDOM_STATE = "random_state"
DEFAULT_FOLDS = 5


def random_state_names(estimator: Any) -> list[str]:
    """Names of the parameters that seed an estimator, those of nested estimators included.

    Parameters
    ----------
    estimator : estimator instance
        The estimator.

    Returns
    -------
    list of str
        Sorted, at least one.

    Raises
    ------
    TypeError
        If the estimator is none, or a class rather than an instance.
    ValueError
        If there is none.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from sklearn.linear_model import Ridge
    >>> random_state_names(make_pipeline(StandardScaler(), Ridge()))
    ['ridge__random_state']
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise TypeError(f"estimator must be an instance of an estimator, got {estimator!r}.")
    names = [name for name in estimator.get_params() if name.rpartition("__")[2] == RANDOM_STATE]
    if not names:
        raise ValueError(
            f"estimator must have a parameter random_state, its own or that of an estimator in it; "
            f"{type(estimator).__name__} has none, so that every seed would train the same."
        )
    return sorted(names)


def prepare(estimator: Any, seed: int, split: Split) -> tuple[Any, list[str]]:
    """Clone an estimator for one fit.

    Parameters
    ----------
    estimator : estimator instance
        The user's estimator, which stays as it is.
    seed : int
        The value of every parameter named random_state.
    split : Split
        The parts of the fit.

    Returns
    -------
    estimator : estimator instance
        A clone that is seeded, whose searches keep groups together and which requests its metadata.
    metadata : list of str
        Which of "X_val", "y_val", "sample_weight_val", "groups" and the names of fit_params its fit
        is to be given.

    Raises
    ------
    ValueError
        If validation rows, groups or fit_params cannot reach the estimator that needs them, or a
        search would split a group.
    """
    twin = clone(estimator)
    twin.set_params(**dict.fromkeys(random_state_names(twin), seed))
    for search in _nested(twin):
        if isinstance(search, BaseSearchCV):
            search.set_params(cv=_inner_splitter(search, split.train, seed))
    metadata: list[str] = []
    with sklearn.config_context(enable_metadata_routing=True):
        if split.valid is not None:
            metadata += _request_validation(twin, split)
        if split.train.groups is not None:
            metadata += _request_groups(twin, split.train)
        for name in split.train.table.fit_params:
            if not _request(twin, name):
                raise ValueError(
                    f"fit_params holds {name!r}, which reaches no fit inside {type(twin).__name__}."
                )
            metadata.append(name)
    return twin, metadata


def _nested(estimator: Any) -> Iterator[Any]:
    """Walk through an estimator and all estimators among its parameters."""
    yield estimator
    for value in estimator.get_params().values():
        if hasattr(value, "fit") and hasattr(value, "get_params") and not isinstance(value, type):
            yield value


def _takers(estimator: Any, argument: str) -> list[Any]:
    """Estimators whose fit has an argument of this name."""
    return [
        each for each in _nested(estimator) if argument in inspect.signature(each.fit).parameters
    ]


def _request_validation(estimator: Any, split: Split) -> list[str]:
    """Ask for validation rows, which pipelines transform on their way."""
    takers = _takers(estimator, "X_val")
    if not takers:
        return []
    inner, within_search = estimator, False
    while not any(inner is taker for taker in takers):
        if isinstance(inner, Pipeline):
            # Each pipeline on the way transforms the rows by the steps before its last.
            transformed = {*(inner.transform_input or []), "X_val"}
            inner.set_params(transform_input=sorted(transformed))
            inner = inner.steps[-1][1]
        elif isinstance(inner, BaseSearchCV):
            inner, within_search = inner.estimator, True
        elif getattr(inner, "_passes_rows_on", False):
            inner = inner.estimator
        else:
            break
    if len(takers) > 1 or inner is not takers[0]:
        raise ValueError(
            f"Validation rows cannot reach {type(takers[0]).__name__} inside "
            f"{type(inner).__name__}: they pass through searches and to the last step of pipelines "
            "only. Leave X_val and val_size out, and it holds its own out of the training rows."
        )
    assert split.valid is not None, "validation rows are asked for where there are any"
    if within_search and len(split.valid.rows) == len(split.train.rows):
        raise ValueError(
            f"A search cannot be given as many validation as training rows ({len(split.valid.rows)}"
            "): scikit-learn would take them for values of the training rows and cut them by fold."
        )
    names = ["X_val", "y_val"]
    if "sample_weight" in split.valid.table.fit_params:
        if "sample_weight_val" in inspect.signature(inner.fit).parameters:
            names.append("sample_weight_val")
        elif split.valid.table is not split.train.table:
            raise ValueError(
                f"sample_weight_val reaches no fit inside {type(estimator).__name__}: "
                f"{type(inner).__name__} takes validation rows without weights."
            )
    inner.set_fit_request(**dict.fromkeys(names, True))
    return names


def _request_groups(estimator: Any, train: Part) -> list[str]:
    """Ask for groups, for splitters of searches and for estimators that hold rows out."""
    consumed = _request(estimator, "groups")
    takers = _takers(estimator, "groups")
    if takers and not consumed and getattr(train.table.X, "groups", None) is not train.table.groups:
        raise ValueError(
            f"groups cannot reach {type(takers[0]).__name__} inside {type(estimator).__name__}. "
            "Let X carry them instead: MultimodalData(..., groups=groups)."
        )
    return ["groups"] if consumed else []


def _request(estimator: Any, name: str) -> bool:
    """Ask for a value per row wherever a fit takes it, and tell whether it arrives."""
    takers = _takers(estimator, name)
    for taker in takers:
        taker.set_fit_request(**{name: True})
    # A search refuses weights that it may not score its folds by; scikit-learn 1.6 asks pipelines.
    pipelines = [each for each in _nested(estimator) if takers and isinstance(each, Pipeline)]
    for scored in [*takers, *pipelines]:
        if (
            hasattr(scored, "set_score_request")
            and name in inspect.signature(scored.score).parameters
        ):
            scored.set_score_request(**{name: True})
    try:
        return bool(get_routing_for_object(estimator).consumes("fit", [name]))
    except NotImplementedError:  # a meta-estimator that routes nothing
        return False


def _inner_splitter(search: Any, train: Part, seed: int) -> Any:
    """The splitter of a search: seeded, and refused where it splits a group."""
    cv = search.cv
    if cv is None or isinstance(cv, Integral):
        if train.groups is None:
            return cv
        folds = DEFAULT_FOLDS if cv is None else int(cv)
        stratify = is_classifier(search.estimator)
        return fold_splitter(folds, stratify=stratify, grouped=True, seed=seed)
    cv = fixed_splitter(cv, seed)
    if train.groups is None:
        return cv
    splitter = check_cv(cv)
    if splits_by_group(splitter):
        return splitter
    for fitted, held_out in splitter.split(np.zeros(len(train.rows)), train.y):
        shared = np.intersect1d(train.groups[fitted], train.groups[held_out])
        if shared.size:
            raise ValueError(
                f"cv of {type(search).__name__} splits the group {str(shared[0])!r}: groups are "
                "known, so pass GroupKFold, another splitter by group, or a number of folds."
            )
    return splitter
