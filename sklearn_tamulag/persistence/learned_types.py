"""What learned attributes are, by name: a file may not put anything else in their place."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd


def _is_count(value: Any) -> bool:
    """Tell whether a value is a number of things."""
    return isinstance(value, int | np.integer) and type(value) is not bool and bool(value >= 0)


def _is_row(value: Any) -> bool:
    """Tell whether a value is an array of one axis."""
    return isinstance(value, np.ndarray) and value.ndim == 1


def _by_modality(matches: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Tell whether a value is a dict by modality, each entry being something."""
    return lambda value: (
        type(value) is dict
        and all(type(name) is str for name in value)
        and all(map(matches, value.values()))
    )


LEARNED_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "modalities_": lambda value: type(value) is tuple and all(type(name) is str for name in value),
    "feature_sizes_": _by_modality(lambda size: size is None or _is_count(size)),
    "transformers_": _by_modality(lambda config: type(config) is dict),
    "tokenizers_": _by_modality(lambda state: type(state) is dict),
    "transformer_": lambda value: type(value) is dict,
    "tokenizer_": lambda value: type(value) is dict,
    "n_features_in_": _is_count,
    "feature_names_in_": lambda value: _is_row(value) and value.dtype.kind == "O",
    "classes_": _is_row,
    "n_iter_": _is_count,
    "best_iter_": _is_count,
    "search_history_": lambda value: isinstance(value, pd.DataFrame),
    "unimodal_labels_": lambda value: isinstance(value, pd.DataFrame),
    "unimodal_label_history_": lambda value: (
        isinstance(value, np.ndarray) and value.dtype == np.float64 and value.ndim in (3, 4)
    ),
    "lengths_": _by_modality(lambda length: length is None or _is_count(length)),
    "mean_": _by_modality(_is_row),
    "scale_": _by_modality(_is_row),
}
"""By the name of the attribute, whether a value is one that fit learns."""


def check_learned(learned: Any, names: tuple[str, ...], owner: str) -> None:
    """Refuse learned state that no estimator of a class can have learned.

    Parameters
    ----------
    learned : object
        What a file calls learned attributes.
    names : tuple of str
        Those that the class learns.
    owner : str
        Name of the class, for messages.

    Raises
    ------
    ValueError
        If there is another name, or a value of another type.

    Examples
    --------
    >>> check_learned({"n_iter_": "many"}, ("n_iter_",), "TAMULAGRegressor")
    Traceback (most recent call last):
        ...
    ValueError: n_iter_ of a TAMULAGRegressor cannot be a str.
    """
    if type(learned) is not dict:
        raise ValueError(f"learned attributes are no dict, but a {type(learned).__name__}.")
    unknown = [name for name in learned if name not in names]
    if unknown:
        raise ValueError(f"{owner} learns nothing that is named {str(unknown[0])[:100]!r}.")
    for name, value in learned.items():
        if name in LEARNED_TYPES and not LEARNED_TYPES[name](value):
            raise ValueError(f"{name} of a {owner} cannot be a {type(value).__name__}.")
    sizes = learned.get("feature_sizes_", {})
    if "feature_sizes_" in learned and tuple(sizes) != learned.get("modalities_"):
        raise ValueError(f"feature_sizes_ of a {owner} are not those of its modalities_.")
