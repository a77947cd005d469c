"""Estimators as plain values: constructor parameters, and what fit has learned, by name."""

import inspect
import warnings
from collections.abc import Mapping
from os import PathLike
from typing import Any, Self

from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.encoding import encode
from sklearn_tamulag.persistence.errors import NotStorableError, described
from sklearn_tamulag.persistence.learned_types import check_learned
from sklearn_tamulag.persistence.limits import shortened
from sklearn_tamulag.persistence.own_classes import (
    check_custom,
    given_classes,
    named_classes,
    with_given_classes,
)
from sklearn_tamulag.persistence.saved_parameters import (
    check_parameters,
    former_defaults,
    without_places,
)
from sklearn_tamulag.persistence.settings import (
    SETTINGS,
    metadata_requests,
    set_output,
    set_requests,
)

KIND = "estimator"
"""The kind of the files that hold an estimator."""

_FIELDS = {"class", "params", "learned", "requests", "output"}


class SavedEstimator:
    """Adds `save` and `load` to an estimator."""

    def save(self, path: str | PathLike[str]) -> None:
        """Write the estimator to one file, without pickle.

        The file has constructor parameters, learned state, and all that training needs to go on.
        A parameter that cannot be stored without code, as callbacks cannot, is replaced by its
        default, with a warning. Parameters that name a place, as `checkpoint` or a transformer's
        folder, are not in the file; see :func:`sklearn_tamulag.save`.

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
    def load(
        cls,
        path: str | PathLike[str],
        *,
        device: Any = None,
        custom: Mapping[str, type] | None = None,
    ) -> Self:
        """Restore an estimator that `save` has written.

        It predicts the same bits on the same device, and trains on from where it was. Parameters
        that name a place are None.

        Parameters
        ----------
        path : str or path
            The file.
        device : str or torch.device, default=None
            Where the network shall be; it becomes the parameter `device`. None keeps that of the
            saved estimator.
        custom : dict of str to type, default=None
            Classes of one's own that the saved estimator has as `cell`, `attention` or `fusion`, by
            name, as "my_package.fusion.MyFusion" or "MyFusion". See
            :func:`sklearn_tamulag.load`.

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
            another class, needs a class that is not given, or asks for a device that is not at
            hand.
        TypeError
            If `custom` is no dict of classes derived from ``torch.nn.Module``.
        """
        check_custom(custom)
        value = read_value(path, kind=KIND)
        places: dict[str, Any] = {}
        made = restored(
            path,
            lambda: estimator_of(value, {cls.__name__: cls}, device, places=places, custom=custom),
        )
        warn_of_places(path, places)
        estimator: Self = made
        return estimator


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
    except (KeyboardInterrupt, SystemExit):
        raise
    # The checksum holds, so only a file that another program has made gets here by other errors,
    # such as a panic of a library in Rust, which is no Exception.
    except BaseException as error:
        raise ValueError(f"{path} cannot be loaded: {described(error)}") from error


def warn_of_places(path: str | PathLike[str], places: Mapping[str, Any]) -> None:
    """Warn of the places that a file names and that were not taken from it.

    Parameters
    ----------
    path : str or path
        The file.
    places : dict of str to object
        The places, by the name of their parameter; no warning if there are none.
    """
    if places:
        named = ", ".join(f"{name}={value!r}" for name, value in places.items())
        warnings.warn(
            f"{path} names places, which are not taken from a file: {shortened(named)}. These "
            "parameters are None; set them before the next fit if it needs them.",
            UserWarning,
            stacklevel=3,
        )


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
    params, places = without_places(estimator.get_params(deep=False), type(estimator))
    params = named_classes(params, type(estimator))
    # A fit that needs a source says so; one without checkpoint or cache would not.
    lost = [name for name in places if "checkpoint" in name or "cache" in name]
    if lost:
        warnings.warn(
            f"{', '.join(lost)} of {type(estimator).__name__} name places, which are not saved: "
            "after load they are None.",
            UserWarning,
            stacklevel=4,
        )
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
        "requests": metadata_requests(estimator),
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
    known = {*names, *others, *SETTINGS, *estimator.get_params(deep=False)}
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
        If the class of the estimator does not declare such a name, or never learns such a value.
    """
    check_learned(learned, estimator._learned_names, type(estimator).__name__)
    for name, value in learned.items():
        setattr(estimator, name, value)


def estimator_of(
    value: Any,
    classes: Mapping[str, type],
    device: Any = None,
    *,
    places: dict[str, Any],
    custom: Mapping[str, type] | None = None,
) -> Any:
    """Make an estimator of its description.

    Parameters
    ----------
    value : dict
        What `estimator_value` has written.
    classes : dict of str to type
        The classes that may be made, by name.
    device : str, torch.device or None, default=None
        Replaces the parameter `device`, where there is one.
    places : dict of str to object
        Receives the parameters that name a place, and are None in the estimator.
    custom : dict of str to type, optional
        Classes of the caller's own, by name.

    Returns
    -------
    estimator
        Fitted as the described one was.

    Raises
    ------
    ValueError
        If the class is another one, has no such parameters or learned state, or needs a class that
        `custom` does not have.
    """
    name = value["class"]
    if name not in classes:
        raise ValueError(f"it holds a {shortened(name)}, not a {' or '.join(classes)}.")
    if value.keys() != _FIELDS:
        raise ValueError(f"a {name} is described by {sorted(_FIELDS)}, got {sorted(value)}.")
    cls = classes[name]
    check_parameters(value["params"], cls)
    params, found = without_places(value["params"], cls)
    params = given_classes(params, cls, custom)
    places |= found
    if device is not None and "device" in params:
        params["device"] = device
    # What has no default and names a place is None, too.
    estimator = cls(**(dict.fromkeys(_required(cls)) | former_defaults(cls) | params))
    set_requests(estimator, value["requests"])
    set_output(estimator, value["output"])
    restore = getattr(estimator, "_restore_learned", None)
    if restore is None:
        restore_attributes(estimator, value["learned"])
    else:
        restore(with_given_classes(value["learned"], cls, custom))
    return estimator


def _required(cls: type) -> list[str]:
    """The parameters of a class that have no default."""
    parameters = inspect.signature(cls).parameters.values()
    return [p.name for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
