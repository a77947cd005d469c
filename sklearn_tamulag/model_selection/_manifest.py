"""What a run can be repeated from: parameters, versions, data and rows, as plain JSON values."""

import math
import platform
import re
from collections.abc import Mapping
from contextlib import suppress
from importlib import metadata
from typing import Any

import numpy as np
import pandas as pd
import torch

from sklearn_tamulag._version import library_versions
from sklearn_tamulag.data.fingerprint import data_sha256
from sklearn_tamulag.model_selection._parts import Split
from sklearn_tamulag.model_selection._prepare import random_state_names

_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


def describe_run(
    estimator: Any, splits: list[Split], seeds: list[int], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Write down what the results hang on.

    Parameters
    ----------
    estimator : estimator instance
        The user's estimator.
    splits : list of Split
        The parts of every fit.
    seeds : list of int
        The seeds.
    settings : mapping of str to object
        Further arguments, by name.

    Returns
    -------
    dict
        Of str, int, float, bool, None, lists and dicts with str keys alone.
    """
    tables = {part.table.name: part.table for split in splits for _, part in split.named()}
    seeded = random_state_names(estimator)
    return {
        "estimator": _class_name(type(estimator)),
        "parameters": {
            name: json_value(value)
            for name, value in sorted(estimator.get_params().items())
            if name not in seeded
        },
        "seeded": seeded,
        "seeds": seeds,
        "settings": json_value(settings),
        "data": {
            name: {
                "rows": len(table),
                "X": data_sha256(table.X),
                "y": data_sha256(table.y),
                "groups": None if table.groups is None else data_sha256(table.groups),
                "fit_params": {key: data_sha256(value) for key, value in table.fit_params.items()},
            }
            for name, table in tables.items()
        },
        # A fit without a validation part holds its own out of the training rows, by its seed.
        "splits": [
            {
                name: {"of": part.table.name, "rows": part.rows.tolist()}
                for name, part in split.named()
            }
            for split in splits
        ],
        "versions": library_versions() | _text_versions(),
        "machine": {
            "platform": platform.platform(),
            "processor": platform.machine(),
            "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        },
    }


def json_value(value: Any) -> Any:
    """Describe any parameter by values that JSON has.

    Parameters
    ----------
    value : object
        A number, string, sequence, mapping, array, table, class, function or object.

    Returns
    -------
    object
        Plain values as they are; arrays and tables as shape and SHA-256; classes and functions by
        name; objects as class and parameters, without addresses in memory.

    Examples
    --------
    >>> from sklearn.model_selection import KFold
    >>> json_value({"lr": (0.1, np.float64(0.2)), "optimizer": torch.optim.SGD})
    {'lr': [0.1, 0.2], 'optimizer': 'torch.optim.sgd.SGD'}
    >>> json_value(KFold(3))
    'KFold(n_splits=3, random_state=None, shuffle=False)'
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): json_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return sorted((json_value(inner) for inner in value), key=str)
    if isinstance(value, np.ndarray | pd.DataFrame | pd.Series):
        return {"shape": list(value.shape), "sha256": data_sha256(value)}
    if isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        return _class_name(value)
    if hasattr(value, "get_params"):
        params = {name: json_value(inner) for name, inner in value.get_params(deep=False).items()}
        return {"class": _class_name(type(value)), "parameters": params}
    attributes = getattr(value, "__dict__", {})
    holds_arrays = any(isinstance(inner, np.ndarray) for inner in attributes.values())
    # The description of an object has addresses of others in it, and leaves most of an array out.
    if attributes and (holds_arrays or _ADDRESS.search(repr(value))):
        params = {name: json_value(inner) for name, inner in sorted(attributes.items())}
        return {"class": _class_name(type(value)), "parameters": params}
    return _ADDRESS.sub("", repr(value))


def _text_versions() -> dict[str, str]:
    """Versions of the libraries that read text, as far as they are installed."""
    found = {}
    for name in ("tokenizers", "transformers"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _class_name(named: Any) -> str:
    """Full name of a class or function."""
    return f"{named.__module__}.{named.__qualname__}"
