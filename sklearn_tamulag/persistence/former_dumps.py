"""Dumps of earlier versions, which lack the parameters that have come since."""

from __future__ import annotations

import inspect
from typing import Any


def default_parameters(cls: type) -> dict[str, Any]:
    """What the constructor of an estimator sets where nothing is said.

    Parameters
    ----------
    cls : type
        The estimator's class.

    Returns
    -------
    dict of str to object
        The defaults, by parameter.

    Examples
    --------
    >>> from sklearn_tamulag import MultimodalPadder
    >>> default_parameters(MultimodalPadder)["keep"]
    'head'
    """
    parameters = inspect.signature(cls).parameters
    return {name: parameter.default for name, parameter in parameters.items()}


def take_defaults(estimator: Any) -> None:
    """Give constructor parameters that an unpickled estimator lacks their default.

    Parameters
    ----------
    estimator : object
        The estimator, once it has the state of its dump.

    Examples
    --------
    >>> from sklearn_tamulag import MultimodalPadder
    >>> padder = MultimodalPadder()
    >>> del padder.keep
    >>> take_defaults(padder)
    >>> padder.keep
    'head'
    """
    for name, default in default_parameters(type(estimator)).items():
        if not hasattr(estimator, name):
            setattr(estimator, name, default)
