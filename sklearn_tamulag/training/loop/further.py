"""A net that goes on with other settings: rates, callbacks and all that has no shape."""

from __future__ import annotations

from typing import Any

from sklearn_tamulag.training.loop.net import TAMULAGNet

_SETTINGS = (
    *("autocast", "compiled", "similarity_mixing", "task_weights", "modality_dropout"),
    *("accumulation", "clipping", "weight_averaging", "patience", "warmup", "schedule", "verbose"),
)


def take_settings(net: TAMULAGNet, wanted: TAMULAGNet, *, new_callbacks: bool) -> None:
    """Let a net go on as another one would begin, but for its weights and their shapes.

    Parameters
    ----------
    net : TAMULAGNet
        An initialised net. Its optimizer keeps what it has gathered, unless it becomes one of
        another class; so do its callbacks, unless there are new ones.
    wanted : TAMULAGNet
        A net of the same shapes, not initialised.
    new_callbacks : bool
        Whether the callbacks of `wanted` replace those of `net`.
    """
    rates_move = net.warmup or net.schedule != "constant"
    rescheduled = (net.warmup, net.schedule) != (wanted.warmup, wanted.schedule)
    for name in _SETTINGS:
        setattr(net, name, getattr(wanted, name))
    net.__dict__.update({name: value for name, value in vars(wanted).items() if "module__" in name})
    shares = {spec.name: spec.dropout for spec in wanted.module__modalities}
    net.module_.set_dropout(shares, wanted.module__dropout)
    if _optimizer_settings(net) != _optimizer_settings(wanted) or (rates_move and rescheduled):
        _renew_optimizer(net, wanted)
    _renew_callbacks(net, wanted, new_callbacks)


def _optimizer_settings(net: TAMULAGNet) -> dict[str, Any]:
    """What a net makes its optimizer of."""
    names = ("optimizer", "lr")
    return {
        name: value
        for name, value in vars(net).items()
        if name in names or name.startswith("optimizer__")
    }


def _renew_optimizer(net: TAMULAGNet, wanted: TAMULAGNet) -> None:
    """Make the optimizer again, with its own means where it is of the same class."""
    for name in _optimizer_settings(net):
        net.__dict__.pop(name)
    settings = _optimizer_settings(wanted)
    net.__dict__.update(settings)
    before = net.optimizer_
    net.initialize_optimizer()
    if type(before) is type(net.optimizer_):
        net.optimizer_.state.update(before.state)


def _renew_callbacks(net: TAMULAGNet, wanted: TAMULAGNet, new: bool) -> None:
    """Make the net's own callbacks again; those of the user keep what they know, unless new."""
    before = dict(net.callbacks_)
    given = net.callbacks
    net.callbacks = wanted.callbacks
    net.initialize_callbacks()
    own = {name for name, _ in net._default_callbacks}
    if not new:
        net.callbacks = given
        net.callbacks_ = [
            (name, callback if name in own else before.get(name, callback))
            for name, callback in net.callbacks_
        ]
    best = before["best_epoch"]
    net.best_epoch.epoch_ = getattr(best, "epoch_", len(net.history))
