"""Averages of the weights over the steps of training, which stand in for the last weights."""

from __future__ import annotations

from typing import Any

from skorch.callbacks import Callback
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, get_swa_multi_avg_fn

AVERAGES = ("ema", "swa")
"""Names that `WeightAveraging` knows."""

# The decay of "ema" in every step, once it has warmed up.
EMA_DECAY = 0.998
# The epoch, from 1, whose first step is the first that "swa" averages.
SWA_START = 2


def ema_decay(n_averaged: int) -> float:
    r"""The share of the running mean that a step of "ema" keeps.

    It is :math:`\min(0.998, (1 + n) / (10 + n))` after n weights: a young mean forgets fast, or the
    weights that training started from would weigh in it for long.

    Parameters
    ----------
    n_averaged : int
        How many weights are in the mean, at least 1.

    Returns
    -------
    float
        The share, in (0, 1).

    Examples
    --------
    >>> ema_decay(8), ema_decay(10_000)
    (0.5, 0.998)
    """
    return min(EMA_DECAY, (1 + n_averaged) / (10 + n_averaged))


class TrainedWeights(nn.Module):
    """The weights of a module that training moves, and its buffers of floats, without the rest.

    It holds the module's own tensors, so that a copy of it costs no more than they do.

    Parameters
    ----------
    module : nn.Module
        The module.

    Attributes
    ----------
    names : list of str
        Names of the weights, then of the buffers, in the state of the module.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        weights = {n: weight for n, weight in module.named_parameters() if weight.requires_grad}
        buffers = {n: value for n, value in module.named_buffers() if value.is_floating_point()}
        self.names = [*weights, *buffers]
        self.weights = nn.ParameterList(weights.values())
        for number, value in enumerate(buffers.values()):
            self.register_buffer(f"buffer_{number}", value)

    def by_name(self) -> dict[str, Tensor]:
        """The tensors, by their names in the state of the module.

        Returns
        -------
        dict of str to Tensor
            Detached, but not copied.
        """
        tensors = [*self.parameters(), *self.buffers()]
        return {name: value.detach() for name, value in zip(self.names, tensors, strict=True)}


class WeightAveraging(Callback):
    """Averages the weights over the steps, and puts the average where losses are watched.

    Training itself goes on with its own weights. From the end of an epoch's training to the start
    of the next epoch, and after the last one, the module has the average: held-out rows are scored
    with it, the best epoch's copy is one of it, and the fitted network predicts with it.

    Parameters
    ----------
    kind : {"ema", "swa"}
        "ema" is a running mean over all steps, whose share kept is `ema_decay`; "swa" the equal
        mean over all steps from the second epoch of the network on, and none before.

    Attributes
    ----------
    average_ : torch.optim.swa_utils.AveragedModel or None
        The average of `TrainedWeights`, while training runs.
    own_ : dict of str to Tensor, or None
        The weights of training itself, while the module has the average.
    """

    average_: Any = None
    own_: dict[str, Tensor] | None = None
    # What is averaged, found once in an epoch; and which weights were free then, to see a change.
    _trained: TrainedWeights | None = None
    _watched: tuple[list[Tensor], list[bool]] = ([], [])

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Begin a new average: that of an earlier run is what this one starts from."""
        self.forget()

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Put the weights of training back, and begin to average what a callback has freed."""
        if self.own_ is not None:
            net.module_.load_state_dict(self.own_, strict=False)
            self.own_ = None
        if self.kind == "swa" and len(net.history) < SWA_START:
            return
        trained = self._look_at(net.module_)
        if self.average_ is None or not _alike(self.average_.module, trained):
            self.average_ = self._begun(trained)

    def _look_at(self, module: nn.Module) -> TrainedWeights:
        """Find what is averaged of a module, and remember it for the steps of an epoch."""
        weights: list[Tensor] = list(module.parameters())
        self._watched = weights, [weight.requires_grad for weight in weights]
        self._trained = TrainedWeights(module)
        return self._trained

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Add the weights after a step of the optimizer."""
        if not training or not batch[0]["update"] or self.average_ is None:
            return
        weights, free = self._watched
        if self._trained is None or [weight.requires_grad for weight in weights] != free:
            # A callback after this one has freed some since, or frozen them.
            self.average_ = self._begun(self._look_at(net.module_))
        self.average_.update_parameters(self._trained)

    def put(self, net: Any) -> None:
        """Give a module the average, and keep its own weights for the next epoch.

        Parameters
        ----------
        net : TAMULAGNet
            The net, after an epoch's training.
        """
        if self.average_ is None or self.own_ is not None:
            return
        average, own = self.average_.module.by_name(), net.module_.state_dict()
        own = {name: own[name].clone() for name in average if name in own}
        net.module_.load_state_dict(average, strict=False)
        self.own_ = own

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Leave the average in the module, also where Ctrl-C ended an epoch."""
        end_averaging(net)

    def forget(self) -> None:
        """Drop the average and the copy: the module keeps what it has."""
        self.average_ = self.own_ = self._trained = None
        self._watched = [], []

    def __getstate__(self) -> dict[str, Any]:
        # A callback may pickle the net while training runs; its module has the average already.
        left_out = ("average_", "own_", "_trained", "_watched")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def state_dict(self) -> dict[str, Any]:
        """Describe what the next epoch hangs on.

        Returns
        -------
        dict of str to object
            ``average``, its tensors by name, ``n_averaged``, and ``own``, the weights of training.
        """
        if self.average_ is None:
            return {"average": None, "n_averaged": 0, "own": self.own_}
        average, n_averaged = self.average_.module.by_name(), int(self.average_.n_averaged)
        return {"average": average, "n_averaged": n_averaged, "own": self.own_}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take what another one has described.

        Parameters
        ----------
        state : dict of str to object
            What `state_dict` has returned.

        Raises
        ------
        ValueError
            If it has other names.
        """
        if state.keys() != {"average", "n_averaged", "own"}:
            raise ValueError(f"an average of weights has no state {sorted(state)}.")
        self.own_, self.average_ = state["own"], None
        if state["average"] is not None:
            self.average_ = self._of(state["average"], state["n_averaged"])

    def _begun(self, trained: TrainedWeights) -> Any:
        """An average of the weights at hand, with what an earlier one knows of them."""
        average: Any = AveragedModel(trained, multi_avg_fn=self._mix, use_buffers=True)
        if self.average_ is None:
            average.update_parameters(trained)
            return average
        known = self.average_.module.by_name()
        for name, value in average.module.by_name().items():
            if name in known:
                value.copy_(known[name])
        average.n_averaged.copy_(self.average_.n_averaged)
        return average

    def _of(self, tensors: dict[str, Tensor], n_averaged: int) -> AveragedModel:
        """An average whose tensors are known."""
        holder = TrainedWeights(nn.Module())
        holder.names = list(tensors)
        holder.weights = nn.ParameterList(tensors.values())
        average = AveragedModel(holder, multi_avg_fn=self._mix, use_buffers=True)
        average.n_averaged.fill_(n_averaged)
        return average

    def _mix(self, averaged: Any, current: Any, n_averaged: Any) -> None:
        """Move some averages to what they are with the current weights."""
        if self.kind == "swa":
            get_swa_multi_avg_fn()(averaged, current, n_averaged)
        else:
            assert self.average_ is not None, "what is averaged has been begun"
            # The counter of its own is on the host, so that no step waits for the device.
            decay = ema_decay(int(self.average_.n_averaged))
            get_ema_multi_avg_fn(decay)(averaged, current, n_averaged)


def _alike(averaged: TrainedWeights, trained: TrainedWeights) -> bool:
    """Whether an average is one of these weights, on their device."""
    pairs = zip(averaged.by_name().items(), trained.by_name().items(), strict=False)
    return len(averaged.names) == len(trained.names) and all(
        name == other and value.device == weight.device for (name, value), (other, weight) in pairs
    )


def averaging_callbacks(kind: str | None) -> list[tuple[str, Callback]]:
    """Name what averages the weights of a net, before all that reads them when training ends.

    Parameters
    ----------
    kind : {"ema", "swa"} or None
        The average; None is none.

    Returns
    -------
    list of (str, WeightAveraging)
        One, or none.

    Examples
    --------
    >>> [name for name, _ in averaging_callbacks("ema")]
    ['weight_averaging']
    """
    return [] if kind is None else [("weight_averaging", WeightAveraging(kind))]


def averaging_of(net: Any) -> WeightAveraging | None:
    """Find the average of a net's weights.

    Parameters
    ----------
    net : TAMULAGNet
        An initialised net.

    Returns
    -------
    WeightAveraging or None
        None where its weights are not averaged.
    """
    found = (callback for _, callback in net.callbacks_ if isinstance(callback, WeightAveraging))
    return next(found, None)


def end_averaging(net: Any) -> None:
    """Leave the average of a net's weights in its module, if there is one, and drop the rest.

    Parameters
    ----------
    net : TAMULAGNet
        The net whose training is over, however it ended.
    """
    averaging = averaging_of(net)
    if averaging is not None:
        averaging.put(net)
        averaging.forget()
