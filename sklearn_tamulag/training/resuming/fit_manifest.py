"""What tells one fit from another: its parameters in words, and hashes of its data."""

import hashlib
import json
from collections.abc import Mapping
from numbers import Integral
from os import PathLike, fspath
from typing import Any

import joblib
import numpy as np

from sklearn_tamulag.data.fingerprint import data_sha256, modality_sha256
from sklearn_tamulag.data.rows import PaddedRows

# They change nothing about an epoch, or cannot be compared, as callbacks.
NOT_COMPARED = ("max_epochs", "verbose", "device", "checkpoint", "callbacks")

Manifest = dict[str, dict[str, Any]]
"""Sections of names and their values, as JSON has them."""


def fit_manifest(estimator: str, params: Mapping[str, Any], content: Mapping[str, Any]) -> Manifest:
    """Describe a fit, so that it can be compared with another.

    Parameters
    ----------
    estimator : str
        Name of the estimator's class.
    params : dict
        Its constructor parameters. `max_epochs`, `verbose`, `device`, `checkpoint` and `callbacks`
        are left out; `max_epochs` counts where learning rates follow a schedule over it.
    content : dict
        What is trained on, by name: padded rows, arrays, or None for what is not given.

    Returns
    -------
    dict
        The sections "parameters" and "data".

    Raises
    ------
    TypeError
        If a parameter cannot be compared between two processes, as a lambda.
    ValueError
        If `random_state` is no int or `warm_start` is set: the fit could not be repeated.

    Examples
    --------
    >>> import numpy as np
    >>> params = {"random_state": 0, "lr": {"text": np.float64(0.1)}, "verbose": 2}
    >>> manifest = fit_manifest("TAMULAGRegressor", params, {"y": np.zeros(2), "groups": None})
    >>> manifest["parameters"]
    {'estimator': 'TAMULAGRegressor', 'random_state': 0, 'lr': {'text': 0.1}}
    >>> sorted(manifest["data"])
    ['groups', 'y']
    """
    _check_repeatable(params)
    scheduled = params.get("warmup", 0) or params.get("schedule", "constant") != "constant"
    left_out = {*NOT_COMPARED} - ({"max_epochs"} if scheduled else set())
    parameters = {
        name: _in_words(name, value) for name, value in params.items() if name not in left_out
    }
    data: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, PaddedRows):
            data[f"modalities of {name}"] = list(value.modalities)
            data |= {f"{name}[{part!r}]": modality_sha256(value, part) for part in value.modalities}
        else:
            data[name] = None if value is None else data_sha256(value)
    return {"parameters": {"estimator": estimator} | parameters, "data": data}


def manifest_hash(manifest: Manifest) -> str:
    """Name a fit by its manifest.

    Parameters
    ----------
    manifest : dict
        What `fit_manifest` has returned.

    Returns
    -------
    str
        The SHA-256 of the manifest, whose order does not count, as 64 hexadecimal digits.

    Examples
    --------
    >>> manifest_hash({"data": {"a": 1, "b": 2}}) == manifest_hash({"data": {"b": 2, "a": 1}})
    True
    """
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def manifest_differences(there: Manifest, here: Manifest) -> list[str]:
    """Name what differs between two fits.

    Parameters
    ----------
    there, here : dict
        What `fit_manifest` has returned, or its like read from a file.

    Returns
    -------
    list of str
        Parameters with both values, and names of data; empty where the fits are the same.

    Examples
    --------
    >>> there = {"parameters": {"lr": 0.1, "cell": "gru"}, "data": {"y": "5e1f"}}
    >>> here = {"parameters": {"lr": 0.2, "cell": "gru"}, "data": {"y": "08c7"}}
    >>> manifest_differences(there, here)
    ['lr (0.1 there, 0.2 here)', 'y']
    """
    found = []
    for section in ("parameters", "data"):
        first, second = there.get(section, {}), here[section]
        for name in [*second, *(name for name in first if name not in second)]:
            values = [part.get(name, "unknown") for part in (first, second)]
            if values[0] != values[1]:
                words = f" ({values[0]!r} there, {values[1]!r} here)"
                found.append(name + (words if section == "parameters" else ""))
    return found


def _check_repeatable(params: Mapping[str, Any]) -> None:
    """Refuse what makes two fits of the same parameters differ."""
    random_state = params.get("random_state")
    if not isinstance(random_state, Integral):
        raise ValueError(
            f"checkpoint needs an int random_state, got {random_state!r}: otherwise no two fits "
            "are the same, and none can go on where another was interrupted."
        )
    if params.get("warm_start"):
        raise ValueError(
            "checkpoint and warm_start=True exclude each other: a checkpoint is of a fit from the "
            "start. To train longer, call fit with a larger max_epochs and the same checkpoint."
        )


def _in_words(name: str, value: Any) -> Any:
    """A parameter's value as JSON has it."""
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _in_words(name, item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_in_words(name, item) for item in value]
    if isinstance(value, PathLike):
        return str(fspath(value))
    qualified = getattr(value, "__qualname__", None)
    if qualified is not None and "<" not in qualified:
        return f"{value.__module__}.{qualified}"
    try:
        # An object of its own kind, by what pickle would write of it.
        return f"{type(value).__qualname__} {joblib.hash(value)}"
    except Exception as error:
        raise TypeError(
            f"checkpoint cannot tell the value of {name} from others, {value!r}: a function or "
            "class must have a name that other processes can import."
        ) from error
