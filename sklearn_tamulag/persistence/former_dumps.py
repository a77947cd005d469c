"""Dumps of earlier versions, which lack the parameters that have come since."""

from __future__ import annotations

import inspect
from typing import Any


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
    for name, parameter in inspect.signature(type(estimator)).parameters.items():
        if not hasattr(estimator, name):
            setattr(estimator, name, parameter.default)
