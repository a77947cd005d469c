"""Estimators as plain values: constructor parameters, and what fit has learned, by name."""

import inspect
import warnings
from collections.abc import Mapping
from os import PathLike
from typing import Any, Self

import sklearn
from sklearn.base import BaseEstimator

from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.encoding import encode
from sklearn_tamulag.persistence.errors import NotStorableError

KIND = "estimator"
"""The kind of the files that hold an estimator."""

# What scikit-learn keeps on an instance beside parameters and learned state.
_SETTINGS = ("_metadata_request", "_sklearn_output_config")
_FIELDS = {"class", "params", "learned", "requests", "output"}


class SavedEstimator:
    """Adds `save` and `load` to an estimator."""

    def save(self, path: str | PathLike[str]) -> None:
        """Write the estimator to one file, without pickle.

        The file has constructor parameters, learned state, and all that training needs to go on.
        A parameter that cannot be stored without code, as callbacks cannot, is replaced by its
        default, with a warning.

        Parameters
        ----------
        path : str or path
            Where to. A file that is there is replaced once the new one is complete.

        Raises
        ------
        OSError
            If the file cannot be written. A file that was there is unchanged.
        TypeError
            If the names of the training rows, or other learned state, are of a type that cannot be
            stored without code.
        """
        write_value(path, estimator_value(self), kind=KIND)

    @classmethod
    def load(cls, path: str | PathLike[str], *, device: Any = None) -> Self:
        """Restore an estimator that `save` has written.

        It predicts the same bits on the same device, and trains on from where it was.

        Parameters
        ----------
        path : str or path
            The file.
        device : str or torch.device, default=None
            Where the network shall be; it becomes the parameter `device`. None keeps that of the
            saved estimator.

        Returns
        -------
        estimator
            An estimator of this class.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If the file is damaged, of another origin, of a newer format, holds an estimator of
            another class, or asks for a device that is not at hand.
        """
        value = read_value(path, kind=KIND)
        return restored(path, lambda: estimator_of(value, {cls.__name__: cls}, device))


def restored(path: str | PathLike[str], restore: Any) -> Any:
    """Call what restores the content of a file, and let its errors name the file.

    Parameters
    ----------
    path : str or path
        The file.
    restore : callable
        Returns the restored object.

    Returns
    -------
    object
        What `restore` returns.

    Raises
    ------
    ValueError
        If anything goes wrong.
    """
    try:
        return restore()
    # The checksum holds, so only a file that another program has made gets here by other errors.
    except Exception as error:
        raise ValueError(f"{path} cannot be loaded: {error}") from error


def is_storable(value: Any) -> bool:
    """Tell whether a value belongs to the vocabulary of saved files.

    Parameters
    ----------
    value : object
        Anything.

    Returns
    -------
    bool
        Whether `encode` takes it.

    Examples
    --------
    >>> is_storable({"text": 0.5}), is_storable(len)
    (True, False)
    """
    try:
        encode(value)
    except NotStorableError:
        return False
    return True


def estimator_value(estimator: Any) -> dict[str, Any]:
    """Describe an estimator by plain values.

    Its class says by `_learned_names` which attributes are learned state, or describes its state
    itself, by the methods `_learned_state` and `_restore_learned`.

    Parameters
    ----------
    estimator : estimator instance
        Fitted or not.

    Returns
    -------
    dict
        What `estimator_of` takes.
    """
    params = estimator.get_params(deep=False)
    for name, value in params.items():
        if not is_storable(value):
            params[name] = inspect.signature(type(estimator)).parameters[name].default
            warnings.warn(
                f"{name} cannot be stored without code: after load it is {params[name]!r}. "
                "joblib.dump keeps it.",
                UserWarning,
                stacklevel=4,
            )
    describe = getattr(estimator, "_learned_state", None)
    learned = learned_attributes(estimator) if describe is None else describe()
    return {
        "class": type(estimator).__name__,
        "params": params,
        "learned": learned,
        "requests": _requests(estimator),
        "output": vars(estimator).get("_sklearn_output_config"),
    }


def learned_attributes(estimator: Any, *others: str) -> dict[str, Any]:
    """Collect the attributes that the class of an estimator declares as learned state.

    Parameters
    ----------
    estimator : estimator instance
        The estimator. It warns if there are attributes that nobody has declared.
    *others : str
        Names of attributes that are described otherwise.

    Returns
    -------
    dict of str to object
        Those that are there, by name.
    """
    names = estimator._learned_names
    known = {*names, *others, *_SETTINGS, *estimator.get_params(deep=False)}
    unknown = sorted(vars(estimator).keys() - known)
    if unknown:
        warnings.warn(
            f"The attributes {unknown} of {type(estimator).__name__} are not saved: they are no "
            "learned state that it knows.",
            UserWarning,
            stacklevel=5,
        )
    return {name: vars(estimator)[name] for name in names if name in vars(estimator)}


def restore_attributes(estimator: Any, learned: Mapping[str, Any]) -> None:
    """Set attributes that `learned_attributes` has collected.

    Parameters
    ----------
    estimator : estimator instance
        The estimator.
    learned : dict of str to object
        Learned state by name.

    Raises
    ------
    ValueError
        If the class of the estimator does not declare such a name.
    """
    unknown = [name for name in learned if name not in estimator._learned_names]
    if unknown:
        raise ValueError(f"{type(estimator).__name__} learns nothing that is named {unknown[0]!r}.")
    for name, value in learned.items():
        setattr(estimator, name, value)


def estimator_of(value: Any, classes: Mapping[str, type], device: Any = None) -> Any:
    """Make an estimator of its description.

    Parameters
    ----------
    value : dict
        What `estimator_value` has written.
    classes : dict of str to type
        The classes that may be made, by name.
    device : str, torch.device or None, default=None
        Replaces the parameter `device`, where there is one.

    Returns
    -------
    estimator
        Fitted as the described one was.

    Raises
    ------
    ValueError
        If the class is another one, or has no such parameters or learned state.
    """
    name = value["class"]
    if name not in classes:
        raise ValueError(f"it holds a {name}, not a {' or '.join(classes)}.")
    if value.keys() != _FIELDS:
        raise ValueError(f"a {name} is described by {sorted(_FIELDS)}, got {sorted(value)}.")
    params = dict(value["params"])
    if device is not None and "device" in params:
        params["device"] = device
    cls = classes[name]
    unknown = sorted(params.keys() - inspect.signature(cls).parameters.keys())
    if unknown:
        raise ValueError(f"{name} has no parameter {unknown[0]!r}.")
    estimator = cls(**params)
    _set_requests(estimator, value["requests"])
    if value["output"] is not None:
        estimator.set_output(**value["output"])
    restore = getattr(estimator, "_restore_learned", None)
    if restore is None:
        restore_attributes(estimator, value["learned"])
    else:
        restore(value["learned"])
    return estimator


def _requests(estimator: BaseEstimator) -> dict[str, dict[str, Any]]:
    """The metadata that an estimator has been told to request, by method."""
    if "_metadata_request" not in vars(estimator):
        return {}
    routing = estimator.get_metadata_routing()
    return {
        method: {name: alias for name, alias in of_method.requests.items() if alias is not None}
        for method, of_method in vars(routing).items()
        if hasattr(of_method, "requests")
    }


def _set_requests(estimator: Any, requests: Mapping[str, Mapping[str, Any]]) -> None:
    """Let an estimator request metadata as another one did."""
    with sklearn.config_context(enable_metadata_routing=True):
        for method, request in requests.items():
            if request:
                getattr(estimator, f"set_{method}_request")(**request)
