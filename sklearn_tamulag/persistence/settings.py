"""What scikit-learn keeps on an instance beside parameters and learned state."""

from collections.abc import Mapping
from typing import Any

import sklearn
from sklearn.base import BaseEstimator

from sklearn_tamulag.persistence.limits import shortened

SETTINGS = ("_metadata_request", "_sklearn_output_config")
"""The attributes that hold it."""

_OUTPUTS = ("default", "pandas", "polars", None)


def metadata_requests(estimator: BaseEstimator) -> dict[str, dict[str, Any]]:
    """The metadata that an estimator has been told to request.

    Parameters
    ----------
    estimator : estimator instance
        The estimator.

    Returns
    -------
    dict of str to dict
        By method, the alias of each name; empty if it has been told nothing.
    """
    if "_metadata_request" not in vars(estimator):
        return {}
    routing = estimator.get_metadata_routing()
    return {
        method: {name: alias for name, alias in of_method.requests.items() if alias is not None}
        for method, of_method in vars(routing).items()
        if hasattr(of_method, "requests")
    }


def set_requests(estimator: Any, requests: Mapping[str, Mapping[str, Any]]) -> None:
    """Let an estimator request metadata as another one did.

    Parameters
    ----------
    estimator : estimator instance
        The estimator.
    requests : dict of str to dict
        What `metadata_requests` has returned.

    Raises
    ------
    ValueError
        If the estimator has no such method, or the method takes no such metadata.
    """
    if not requests:
        return
    with sklearn.config_context(enable_metadata_routing=True):
        routing = estimator.get_metadata_routing()
        for method, request in requests.items():
            known = getattr(vars(routing).get(method), "requests", {})
            if not request.keys() <= known.keys():
                raise ValueError(
                    f"a {type(estimator).__name__} cannot request {shortened(request)}."
                )
            if not all(isinstance(alias, bool | str) for alias in request.values()):
                raise ValueError(f"{shortened(request)} is no request of metadata.")
            if request:
                getattr(estimator, f"set_{method}_request")(**request)


def set_output(estimator: Any, output: Any) -> None:
    """Let `transform` return what another estimator's did.

    Parameters
    ----------
    estimator : estimator instance
        The estimator.
    output : dict or None
        What scikit-learn's ``set_output`` keeps on an instance; None leaves the estimator alone.

    Raises
    ------
    ValueError
        If there is no such container.
    """
    if output is None:
        return
    if not isinstance(output, dict) or not output.keys() <= {"transform"}:
        raise ValueError(f"{shortened(output)} is no kind of output.")
    if output.get("transform") not in _OUTPUTS:
        raise ValueError(f"transform returns one of {_OUTPUTS}, not {shortened(output)}.")
    estimator.set_output(**output)
