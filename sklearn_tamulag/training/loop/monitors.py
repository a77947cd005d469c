"""Callbacks that watch a validation score, in a training run that has no validation rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from skorch.callbacks import Callback


def end_epoch_unwatched(net: Any, callbacks: Iterable[Callback], **kwargs: Any) -> None:
    """Tell callbacks that an epoch has ended whose history has no validation scores.

    skorch's `EarlyStopping`, `Checkpoint` and `LRScheduler` look up the score that they monitor,
    and fail where there is none. Where it is a validation loss they are shown the training loss of
    the same task; where the history holds nothing of that name either, they are left out.

    Parameters
    ----------
    net : TAMULAGNet
        The net, at the end of an epoch.
    callbacks : iterable of skorch.callbacks.Callback
        Those to tell, in their order.
    **kwargs
        What the method ``on_epoch_end`` is called with.
    """
    for callback in callbacks:
        monitor = getattr(callback, "monitor", None)
        if not isinstance(monitor, str):
            callback.on_epoch_end(net, **kwargs)
            continue
        watched = _shown(monitor, net.history[-1])
        if watched is None:
            continue
        callback.monitor = watched
        try:
            callback.on_epoch_end(net, **kwargs)
        finally:
            callback.monitor = monitor


def _shown(monitor: str, epoch: Any) -> str | None:
    """The entry of the history that stands for a monitored one, or None."""
    if monitor in epoch:
        return monitor
    training = f"train_{monitor.removeprefix('valid_')}"
    return training if training in epoch else None
