"""Estimators that hold others, as plain values: their own parameters, and what they hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sklearn_tamulag.persistence.saved_parameters import check_parameters

_FIELDS = {"class", "params", "estimator", "members"}


def gathering_value(gathering: Any, describe: Callable[[Any], Any]) -> dict[str, Any]:
    """Describe an estimator that holds others by plain values.

    Parameters
    ----------
    gathering : estimator instance
        It has the parameter ``estimator`` and, once fitted, ``estimators_``.
    describe : callable
        Describes what it holds.

    Returns
    -------
    dict
        What `gathering_of` takes.
    """
    params = gathering.get_params(deep=False)
    template = params.pop("estimator")
    members = vars(gathering).get("estimators_")
    return {
        "class": type(gathering).__name__,
        "params": params,
        "estimator": None if template is None else describe(template),
        "members": None if members is None else [describe(member) for member in members],
    }


def gathering_of(
    value: Mapping[str, Any],
    cls: Any,
    make: Callable[[Any, dict[str, Any]], Any],
    places: dict[str, Any],
) -> Any:
    """Make an estimator that holds others of its description.

    Parameters
    ----------
    value : dict
        What `gathering_value` has written.
    cls : type
        Its class.
    make : callable
        Makes a held estimator of its description, and puts the places that it names in a dict.
    places : dict of str to object
        Receives these places.

    Returns
    -------
    estimator
        Fitted as the described one was.

    Raises
    ------
    ValueError
        If there are other fields, or it holds what it cannot hold.
    """
    name = cls.__name__
    if value.keys() != _FIELDS:
        raise ValueError(f"a {name} is described by {sorted(_FIELDS)}, got {sorted(value)}.")
    check_parameters(value["params"], cls)
    inner: dict[str, Any] = {}

    def held(described: Any) -> Any:
        estimator = make(described, inner)
        try:
            cls._check_kind(estimator)
        except TypeError as error:
            raise ValueError(str(error)) from error
        return estimator

    template = None if value["estimator"] is None else held(value["estimator"])
    gathering = cls(template, **value["params"])
    if value["members"] is not None:
        if type(value["members"]) is not list or not value["members"]:
            raise ValueError(f"a fitted {name} has a list of members, got none.")
        gathering.estimators_ = [held(member) for member in value["members"]]
    places |= {f"estimator__{key}": place for key, place in inner.items()}
    return gathering
