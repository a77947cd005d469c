"""Going on with a network: what may have changed since it was made, and which rows it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_tamulag.estimators.encoders import OPTIMIZER_OPTIONS, encoder_options
from sklearn_tamulag.estimators.options import network_arguments
from sklearn_tamulag.estimators.own_classes import has_fixed_dropout
from sklearn_tamulag.estimators.planning import PlannedNetwork
from sklearn_tamulag.persistence.saved_parameters import former_defaults
from sklearn_tamulag.training.loop.further import take_settings
from sklearn_tamulag.training.objective.targets import ClassTarget
from sklearn_tamulag.training.resuming.net_state import restore_optimizer

# What y means to a network, which was trained on it.
_OF_THE_TARGET = ("neutral", "target_scale")
# Options of an encoder that may change: how it is trained, and where its states are kept.
_CHANGEABLE = (*OPTIMIZER_OPTIONS, "layer_decay", "cache")


def check_continued(estimator: PlannedNetwork) -> None:
    """Refuse parameters that a network which is there cannot take.

    Parameters
    ----------
    estimator : PlannedNetwork
        A fitted estimator that is to train on.

    Raises
    ------
    ValueError
        If a parameter asks for other shapes, another precision or another meaning of y than the
        network has; the message names it.
    """
    # The plan of an earlier version lacks the parameters that have come since.
    before = former_defaults(type(estimator)) | estimator._plan["params"]
    now = estimator._planned_parameters()
    changed = changed_parameters(before, now)
    refused = [name for name in changed if _shapes(estimator, name, before, now)]
    if refused:
        words = ", ".join(f"{name}={now[name]!r} (it has {before[name]!r})" for name in refused)
        raise ValueError(
            f"A network that is trained on cannot take {words}. Set it back, or train a new "
            "network: with warm_start=False, or a clone of the estimator."
        )


def changed_parameters(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Name the parameters that have changed.

    Parameters
    ----------
    before, now : mapping
        Parameters by name; those that one of them lacks have not changed.

    Returns
    -------
    list of str
        The names.

    Examples
    --------
    >>> changed_parameters({"lr": 0.1, "cell": "gru"}, {"lr": 0.2, "cell": "gru"})
    ['lr']
    """
    return [name for name in now if name in before and not _alike(before[name], now[name])]


def apply_changes(estimator: PlannedNetwork, device: str) -> None:
    """Let the network of an estimator train on by the parameters as they are now.

    Parameters
    ----------
    estimator : PlannedNetwork
        A fitted estimator whose parameters `check_continued` has let pass.
    device : str
        Where to train.
    """
    net = estimator.net_
    if torch.device(net.device) != torch.device(device):
        net.device = device
        net.module_.to(device)
        restore_optimizer(net.optimizer_, net.optimizer_.state_dict())
    params = estimator._planned_parameters()
    given = tuple(estimator.callbacks or ())
    new_callbacks = not _same_callbacks(estimator._given_callbacks, given)
    planned = estimator._plan["params"]
    lacking = params.keys() - planned.keys()
    if new_callbacks or lacking or changed_parameters(planned, params):
        plan = estimator._plan | {"params": params}
        wanted = estimator._plan_net(plan, device)
        take_settings(net, wanted, new_callbacks=new_callbacks)
        estimator._plan, estimator._given_callbacks = plan, given


def further_split(
    train: NDArray[np.int64],
    held_out: NDArray[np.int64],
    trained: NDArray[np.bool_],
    groups: Any,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Take rows that were trained on before out of a validation part.

    Parameters
    ----------
    train, held_out : int64 array
        Row numbers of the two parts.
    trained : bool array of shape (n,)
        Whether each of all rows was trained on by an earlier fit.
    groups : array-like of shape (n,) or None
        Rows of one group stay together.

    Returns
    -------
    train, held_out : int64 array
        The parts, with such rows, and the rest of their groups, in the first. Where that leaves no
        row to hold out, the parts as they are.

    Examples
    --------
    >>> import numpy as np
    >>> trained = np.array([True, False, True, False])
    >>> further_split(np.array([0, 1]), np.array([2, 3]), trained, None)
    (array([0, 1, 2]), array([3]))
    """
    moved = trained[held_out]
    if groups is not None and moved.any():
        of_rows = np.asarray(groups)[held_out]
        moved = np.isin(of_rows, of_rows[moved])
    if moved.all() or not moved.any():
        return train, held_out
    return np.sort(np.concatenate([train, held_out[moved]])), held_out[~moved]


def _alike(before: Any, now: Any) -> bool:
    """Whether two values of a parameter are the same."""
    try:
        return bool(before is now or before == now)
    except ValueError:  # an array in place of a number
        return False


def _same_callbacks(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Whether two lists hold the same callbacks, each named alike."""
    if len(before) != len(now):
        return False
    pairs = [(_named(one), _named(other)) for one, other in zip(before, now, strict=True)]
    return all(one[0] == other[0] and one[1] is other[1] for one, other in pairs)


def _named(callback: Any) -> tuple[str | None, Any]:
    """A callback with the name that it was given, if any."""
    return callback if isinstance(callback, tuple) else (None, callback)


def _shapes(
    estimator: PlannedNetwork, name: str, before: Mapping[str, Any], now: Mapping[str, Any]
) -> bool:
    """Whether the new value of a parameter asks for another network."""
    if name in _OF_THE_TARGET:
        return True
    if name == "precision":
        return "float64" in (before[name], now[name])
    if name == "dropout" and has_fixed_dropout(before):
        return True
    if name == "encoders" and _reading(before[name]) != _reading(now[name]):
        return True
    other = {**before, name: now[name]}
    return _network(estimator, before) != _network(estimator, other)


def _reading(encoders: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """What encoders are and how they read texts."""
    options = {
        name: {key: value for key, value in own.items() if key not in _CHANGEABLE}
        for name, own in encoder_options(encoders).items()
    }
    return {name: own for name, own in options.items() if own}


def _network(estimator: PlannedNetwork, params: Mapping[str, Any]) -> dict[str, Any]:
    """The network that some parameters ask for, but for its dropout."""
    target = estimator._plan["target"]
    n_outputs = target.n_classes if isinstance(target, ClassTarget) else 1
    arguments = network_arguments(
        params, estimator.feature_sizes_, n_outputs, estimator.transformers_
    )
    specs = [replace(spec, dropout=0.0).without_source() for spec in arguments["modalities"]]
    return arguments | {"modalities": specs, "dropout": 0.0}
