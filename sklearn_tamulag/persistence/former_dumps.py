"""Dumps of earlier versions, which lack the parameters that have come since."""

from __future__ import annotations

from typing import Any

from sklearn_tamulag.persistence.saved_parameters import former_defaults


def take_defaults(estimator: Any) -> None:
    """Give parameters that an unpickled estimator lacks the values of `former_defaults`.

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
    for name, default in former_defaults(type(estimator)).items():
        if not hasattr(estimator, name):
            setattr(estimator, name, default)
