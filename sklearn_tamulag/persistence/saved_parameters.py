"""Which constructor parameters a file may carry, class by class, and which come back unset."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from sklearn_tamulag.persistence.limits import shortened


@dataclass(frozen=True)
class SavedParameters:
    """The constructor parameters of one class, parted by what a file may say of them.

    Parameters
    ----------
    values : tuple of str
        Plain values, which are written and read.
    places : tuple of str
        Folders, files and names on a hub: neither written nor taken from a file.
    empty : tuple of str
        What has no form without code, and comes back only where there is nothing in it.
    classes : tuple of str
        Those of the plain values that may also be a class of a user's own, see
        `sklearn_tamulag.persistence.own_classes`.

    Examples
    --------
    >>> SAVED_PARAMETERS["TextTokenizer"].places
    ('tokenizer',)
    """

    values: tuple[str, ...]
    places: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()


_NETWORK = (
    *("hidden_size", "num_layers", "cell", "bidirectional", "step_path", "embedding_size"),
    *("unimodal_size", "fusion_size", "attention", "fusion", "dropout", "modality_dropout"),
    *("encoders", "label_generation", "label_mixing", "unimodal_weight", "temperature"),
    *("expert_size", "neutral", "target_scale"),
    *("max_epochs", "batch_size", "optimizer", "lr", "weight_decay", "warmup", "schedule"),
    *("gradient_accumulation", "gradient_clipping", "weight_averaging", "early_stopping"),
    *("validation_fraction", "n_iter_no_change", "refit", "random_state", "warm_start"),
    *("device", "precision", "compile", "expected_modalities", "allow_missing", "verbose"),
)

_ENSEMBLE = ("n_estimators", "random_state", "n_jobs", "verbose")
_CLASSES = ("cell", "attention", "fusion")

SAVED_PARAMETERS: Mapping[str, SavedParameters] = {
    "TAMULAGRegressor": SavedParameters(_NETWORK, ("checkpoint",), ("callbacks",), _CLASSES),
    "TAMULAGClassifier": SavedParameters(
        (*_NETWORK, "class_weight"), ("checkpoint",), ("callbacks",), _CLASSES
    ),
    "MultimodalPadder": SavedParameters(
        ("max_length", "keep", "dtype", "allow_missing", "ids", "groups")
    ),
    "SequenceScaler": SavedParameters(("with_mean", "with_std", "allow_missing")),
    "TextTokenizer": SavedParameters(
        ("modality", "max_length", "lowercase", "prefix", "ids", "groups"), ("tokenizer",)
    ),
    "TextEmbedder": SavedParameters(
        (
            *("modality", "max_length", "lowercase", "prefix", "batch_size", "device"),
            *("progress", "ids", "groups"),
        ),
        ("transformer", "tokenizer", "cache"),
    ),
    # The estimators that they hold are described beside their parameters.
    "SeedEnsembleRegressor": SavedParameters(_ENSEMBLE),
    "SeedEnsembleClassifier": SavedParameters(_ENSEMBLE),
    "Pipeline": SavedParameters(("transform_input", "verbose"), ("memory",), ()),
}
"""By the name of the class. A test compares each entry with the class's constructor."""

FORMER_VALUES: Mapping[str, Any] = {"step_path": False, "weight_averaging": None}
"""What estimators did before these parameters came, whatever their default is."""

# Within the parameter `encoders`, by modality.
ENCODER_PLACES = ("transformer", "tokenizer", "cache")
ENCODER_CLASSES = ("cell",)


def former_defaults(estimator_class: type) -> dict[str, Any]:
    """The values of parameters that a file or a dump of an earlier version does not name.

    Parameters
    ----------
    estimator_class : type
        The class.

    Returns
    -------
    dict of str to object
        By name: the constructor's defaults, or those of `FORMER_VALUES`. Parameters without a
        default are left out.

    Examples
    --------
    >>> class Estimator:
    ...     def __init__(self, places, step_path=True, verbose=0):
    ...         pass
    >>> former_defaults(Estimator)
    {'step_path': False, 'verbose': 0}
    """
    parameters = inspect.signature(estimator_class).parameters
    return {
        name: FORMER_VALUES.get(name, parameter.default)
        for name, parameter in parameters.items()
        if parameter.default is not parameter.empty
    }


def without_places(params: Mapping[str, Any], cls: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take out of constructor parameters whatever names a place.

    Parameters
    ----------
    params : dict
        Parameters by name.
    cls : type
        Their class. Parameters that a user's subclass has added are plain values.

    Returns
    -------
    params : dict
        The same, with None in each place.
    places : dict of str to object
        What was taken out, by the name under which a user would set it again.

    Examples
    --------
    >>> TAMULAGRegressor = type("TAMULAGRegressor", (), {})
    >>> encoders = {"text": {"transformer": "google/bert", "trainable": False}}
    >>> kept, places = without_places({"encoders": encoders}, TAMULAGRegressor)
    >>> kept
    {'encoders': {'text': {'transformer': None, 'trainable': False}}}
    >>> places
    {"encoders['text']['transformer']": 'google/bert'}
    """
    kept, places = dict(params), {}
    for name in _entry(cls).places:
        if kept.get(name) is not None:
            places[name] = kept[name]
            kept[name] = None
    encoders = kept.get("encoders")
    if isinstance(encoders, Mapping):
        kept["encoders"] = dict(encoders)
        for modality, options in encoders.items():
            if not isinstance(options, Mapping):
                continue
            found = {
                name: options[name]
                for name in ENCODER_PLACES
                # A transformer may be a whole configuration, which is no place.
                if isinstance(options.get(name), str | PathLike)
            }
            if found:
                kept["encoders"][modality] = {**options, **dict.fromkeys(found)}
                shown = shortened(repr(modality))
                places |= {f"encoders[{shown}][{name!r}]": found[name] for name in found}
    return kept, places


def check_parameters(params: Any, cls: type) -> None:
    """Refuse parameters that no file of this class carries.

    Parameters
    ----------
    params : object
        What a file calls parameters.
    cls : type
        Their class.

    Raises
    ------
    ValueError
        If there is another parameter among them, or one that is never written.
    """
    name = cls.__name__
    if not isinstance(params, dict) or not all(isinstance(key, str) for key in params):
        raise ValueError(f"the parameters of a {name} are no dict by name.")
    entry = _entry(cls)
    known = {*entry.values, *entry.places, *entry.empty, *_added(cls)}
    unknown = sorted(params.keys() - known)
    if unknown:
        raise ValueError(f"{name} has no parameter {shortened(repr(unknown[0]))}.")
    for parameter in entry.empty:
        if params.get(parameter) not in (None, [], ()):
            raise ValueError(f"{parameter} of a {name} is never written to a file.")


def class_parameters(owner: type) -> tuple[str, ...]:
    """Name the parameters that may be a class of a user's own.

    Parameters
    ----------
    owner : type
        Class of an estimator.

    Returns
    -------
    tuple of str
        The names.

    Examples
    --------
    >>> class_parameters(type("TAMULAGClassifier", (), {}))
    ('cell', 'attention', 'fusion')
    """
    return _entry(owner).classes


def _entry(cls: type) -> SavedParameters:
    """The entry of a class, or of the one that a user has derived it from."""
    names = [base.__name__ for base in cls.__mro__ if base.__name__ in SAVED_PARAMETERS]
    return SAVED_PARAMETERS[names[0]] if names else SavedParameters(())


def _added(cls: type) -> set[str]:
    """The parameters that a user's subclass has beside those of the class in the table."""
    names = getattr(cls, "_get_param_names", None)
    if names is None or cls.__name__ in SAVED_PARAMETERS:
        return set()
    return set(names())
