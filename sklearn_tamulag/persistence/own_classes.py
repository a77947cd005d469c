"""Classes of a user's own in saved parameters: named by text, and taken from whoever loads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from sklearn_tamulag.persistence.errors import MissingClassError
from sklearn_tamulag.persistence.limits import shortened
from sklearn_tamulag.persistence.saved_parameters import (
    ENCODER_CLASSES,
    check_parameters,
    class_parameters,
)

MARK = "custom"
"""The only key of the dict that stands in a file where a class of the maker's own stood."""

# A module and a name within it, of any script that Python takes; "<locals>" of a function's inside.
_NAME = re.compile(r"[\w.]+:[\w.<>]+")
_MAX_NAME = 500


def named_classes(params: Mapping[str, Any], cls: type) -> dict[str, Any]:
    """Put the names of classes in their places.

    Parameters
    ----------
    params : dict
        Constructor parameters by name.
    cls : type
        Their class.

    Returns
    -------
    dict
        The same, with ``{"custom": "module:name"}`` for every class of modules where one may be.

    Examples
    --------
    >>> TAMULAGRegressor = type("TAMULAGRegressor", (), {})
    >>> named_classes({"fusion": nn.Linear, "cell": "gru"}, TAMULAGRegressor)
    {'fusion': {'custom': 'torch.nn.modules.linear:Linear'}, 'cell': 'gru'}
    """

    def named(value: Any, place: str) -> Any:
        if not isinstance(value, type) or not issubclass(value, nn.Module):
            return value
        return {MARK: f"{value.__module__}:{value.__qualname__}"}

    return _replaced(params, cls, named)


def given_classes(
    params: Mapping[str, Any], cls: type, custom: Mapping[str, type] | None
) -> dict[str, Any]:
    """Put the classes that a caller gives in the place of their names. Nothing is imported.

    Parameters
    ----------
    params : dict
        What `named_classes` has returned, read from a file.
    cls : type
        The class whose parameters they are.
    custom : dict of str to type, or None
        The caller's classes by name: "module.name", "module:name", or the name alone where only one
        class of the file has it. Those that the file does not name are left alone.

    Returns
    -------
    dict
        The parameters.

    Raises
    ------
    ValueError
        If a class is not given, or the file names one where none may be.

    Examples
    --------
    >>> TAMULAGRegressor = type("TAMULAGRegressor", (), {})
    >>> saved = {"fusion": {"custom": "my_package.fusion:Gated"}}
    >>> given_classes(saved, TAMULAGRegressor, {"Gated": nn.Linear})
    {'fusion': <class 'torch.nn.modules.linear.Linear'>}
    """
    needed = dict(_names(params, cls))
    missing = {}
    found = {}
    for place, name in needed.items():
        fitting = _fitting(name, set(needed.values()), custom or {})
        if fitting is None:
            missing[place] = name
        else:
            found[place] = fitting
    if missing:
        raise MissingClassError(_missing(missing, custom))
    return _replaced(params, cls, lambda value, place: found.get(place, value))


def with_given_classes(learned: Any, cls: type, custom: Mapping[str, type] | None) -> Any:
    """Put the classes that a caller gives into the plan that learned state may hold.

    Parameters
    ----------
    learned : object
        Learned state, read from a file.
    cls : type
        The class of the estimator.
    custom : dict of str to type, or None
        As for `given_classes`.

    Returns
    -------
    object
        The state, in which the parameters of its own time have the caller's classes.

    Raises
    ------
    ValueError
        As `given_classes`, or if the parameters of the plan are not those of the class.

    Examples
    --------
    >>> with_given_classes({"classes_": [0, 1]}, nn.Module, None)
    {'classes_': [0, 1]}
    """
    if not isinstance(learned, dict) or "plan" not in learned:
        return learned
    plan = learned["plan"]
    check_parameters(plan["params"], cls)
    return learned | {"plan": plan | {"params": given_classes(plan["params"], cls, custom)}}


def check_custom(custom: Any) -> None:
    """Check what a caller gives as the classes of a file.

    Parameters
    ----------
    custom : mapping of str to type, or None
        The argument.

    Raises
    ------
    TypeError
        If it is anything else, or a class is not derived from ``torch.nn.Module``.

    Examples
    --------
    >>> check_custom({"Gated": nn.Linear(1, 1)})
    Traceback (most recent call last):
        ...
    TypeError: custom['Gated'] must be a class derived from torch.nn.Module, got Linear(in_...
    """
    if custom is None:
        return
    if not isinstance(custom, Mapping):
        raise TypeError(f"custom must be a dict of classes by name, got {custom!r}.")
    for name, value in custom.items():
        if not isinstance(name, str):
            raise TypeError(f"custom must have names of classes as keys, got {name!r}.")
        if not isinstance(value, type) or not issubclass(value, nn.Module):
            raise TypeError(
                f"custom[{name!r}] must be a class derived from torch.nn.Module, got {value!r}."
            )


def _replaced(params: Mapping[str, Any], cls: type, replace: Any) -> dict[str, Any]:
    """Pass every value where a class may be through a function of it and its place."""
    kept = dict(params)
    for name in class_parameters(cls):
        if name in kept:
            kept[name] = replace(kept[name], name)
    encoders = kept.get("encoders")
    if class_parameters(cls) and isinstance(encoders, Mapping):
        kept["encoders"] = {
            modality: {
                option: replace(value, _place(modality, option))
                if option in ENCODER_CLASSES
                else value
                for option, value in options.items()
            }
            if isinstance(options, Mapping)
            else options
            for modality, options in encoders.items()
        }
    return kept


def _place(modality: Any, option: str) -> str:
    """Name an option of an encoder as a user would write it."""
    return f"encoders[{modality!r}][{option!r}]"


def _names(params: Mapping[str, Any], cls: type) -> Iterator[tuple[str, str]]:
    """The places of a file's parameters where a class stood, and its name."""
    allowed = class_parameters(cls)
    for parameter, value in params.items():
        if parameter in allowed and isinstance(value, Mapping):
            yield parameter, _name(parameter, value)
        elif _is_marked(value):
            raise ValueError(f"{shortened(parameter)} of a {cls.__name__} cannot be a class.")
    encoders = params.get("encoders")
    if not isinstance(encoders, Mapping):
        return
    for modality, options in encoders.items():
        if not isinstance(options, Mapping):
            continue
        for option, value in options.items():
            place = _place(modality, option)
            if allowed and option in ENCODER_CLASSES and isinstance(value, Mapping):
                yield place, _name(place, value)
            elif _is_marked(value):
                raise ValueError(f"{shortened(place)} of a {cls.__name__} cannot be a class.")


def _is_marked(value: Any) -> bool:
    """Whether a value stands for a class."""
    return isinstance(value, Mapping) and value.keys() == {MARK} and isinstance(value[MARK], str)


def _name(place: str, value: Any) -> str:
    """The name of the class at a place."""
    if not _is_marked(value):
        kind = type(value).__name__
        raise ValueError(f"{shortened(place)} is neither a name nor a class, but a {kind}.")
    name: str = value[MARK]
    if len(name) > _MAX_NAME or _NAME.fullmatch(name) is None:
        raise ValueError(f"{shortened(place)} names no class: {shortened(repr(name))}.")
    return name


def _fitting(name: str, needed: set[str], custom: Mapping[str, type]) -> type | None:
    """The class that a caller gives for a name of a file."""
    module, _, qualified = name.partition(":")
    for whole in (f"{module}.{qualified}", name):
        if whole in custom:
            return custom[whole]
    for short in (_of_class, _last):
        alone = short(name)
        if alone in custom:
            alike = sorted(_dotted(other) for other in needed if short(other) == alone)
            if len(alike) > 1:
                raise MissingClassError(
                    f"custom[{shortened(repr(alone))}] could be any of "
                    f"{', '.join(map(shortened, alike))}: give their whole names."
                )
            return custom[alone]
    return None


def _of_class(name: str) -> str:
    """A name without its module."""
    return name.partition(":")[2]


def _last(name: str) -> str:
    """The last part of a name."""
    return _of_class(name).rpartition(".")[2]


def _dotted(name: str) -> str:
    """A name as Python writes it."""
    return name.replace(":", ".", 1)


def _missing(missing: Mapping[str, str], custom: Mapping[str, type] | None) -> str:
    """Say which classes are not given, and which call gives them."""
    places: dict[str, list[str]] = {}
    for place, name in list(missing.items())[:10]:
        places.setdefault(name, []).append(shortened(place))
    words = "; ".join(
        f"{shortened(_dotted(name))} as {' and '.join(where)}" for name, where in places.items()
    )
    pairs = ", ".join(
        f"{shortened(repr(_dotted(name)))}: {shortened(_last(name))}" for name in places
    )
    given = f"custom has {shortened(list(custom))}" if custom else "custom has none"
    return (
        "it needs classes of its maker's own, which are never imported by a name in a file: "
        f"{words}; {given}. Import them yourself, and give them: "
        f"load(path, custom={{{pairs}}})."
    )
