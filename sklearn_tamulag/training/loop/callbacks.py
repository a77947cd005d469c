"""Callbacks of the training loop: the best epoch's weights, and a progress bar."""

import math
from collections.abc import Iterable
from typing import Any

from skorch.callbacks import Callback


class TrainingStopped(KeyboardInterrupt):
    """Ends the training loop because the validation loss no longer improves."""


def raised_by(interrupt: KeyboardInterrupt, callbacks: Iterable[Callback]) -> bool:
    """Whether one of some callbacks raised an interrupt itself, as skorch's EarlyStopping does.

    Parameters
    ----------
    interrupt : KeyboardInterrupt
        What came out of notifying the callbacks.
    callbacks : iterable of skorch.callbacks.Callback
        Those that may ask for the end of training.

    Returns
    -------
    bool
        False for Ctrl-C that struck in what a callback calls, or in another callback.

    Examples
    --------
    >>> raised_by(KeyboardInterrupt(), [])
    False
    """
    traceback = interrupt.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    raiser = None if traceback is None else traceback.tb_frame.f_locals.get("self")
    return any(raiser is callback for callback in callbacks)


class BestEpoch(Callback):
    """Keeps the weights of the epoch with the lowest validation loss, and knows when to stop.

    Without validation rows the last epoch is the best one. Where training goes on, the weights that
    it starts from are the best so far, and stay so until an epoch is better.

    Parameters
    ----------
    patience : int or None
        Epochs without improvement after which training should stop. None only watches: training
        goes on to the end and the last epoch counts as the best.

    Attributes
    ----------
    epoch_ : int
        Number of the best epoch in the net's history, from 1.
    begun_ : int
        Number of epochs in the net's history when the training run began.
    exhausted_ : bool
        Whether the patience is used up.
    """

    def __init__(self, patience: int | None) -> None:
        self.patience = patience

    def initialize(self) -> "BestEpoch":
        """Know of no epoch."""
        self.loss_ = math.inf
        self.state_: dict[str, Any] | None = None
        self.epoch_ = 0
        self.begun_ = 0
        self.exhausted_ = False
        return self

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Begin with the weights at hand, if an earlier run has left any."""
        earlier = getattr(self, "epoch_", 0)
        self.initialize()
        self.begun_ = len(net.history)
        watched = self.begun_ > 0 and net.valid is not None
        if watched:
            loss = net.multimodal_loss(net.valid)
            self.loss_ = loss if math.isfinite(loss) else math.inf
        if watched and self.patience is not None:
            self.epoch_, self.state_ = earlier, _trained_state(net.module_)
        else:
            self.epoch_ = self.begun_

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Compare the epoch's validation loss with the best one so far."""
        epoch = len(net.history)
        if "valid_loss" not in net.history[-1]:
            self.epoch_ = epoch
            if "train_loss" in net.history[-1]:
                losses = net.history[:, "train_loss"]
                net.history.record("train_loss_best", losses[-1] <= min(losses))
            return
        loss = net.history[-1, "valid_loss"]
        better = loss < self.loss_
        net.history.record("valid_loss_best", better)
        if self.patience is None:
            self.loss_, self.epoch_ = loss if better else self.loss_, epoch
            return
        if better:
            state = _trained_state(net.module_)
            # At once: Ctrl-C leaves the former best epoch or this one.
            self.loss_, self.epoch_, self.state_ = loss, epoch, state
        self.exhausted_ = epoch - max(self.epoch_, self.begun_) >= self.patience

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Put the best epoch's weights back."""
        self.put_back(net)

    def count_epochs(self, net: Any) -> None:
        """Count an epoch that ended in training, but was not compared before training stopped.

        It is the best one where the last epoch is, or where it is the first.

        Parameters
        ----------
        net : TAMULAGNet
            The net whose training stopped.
        """
        if self.patience is None or self.loss_ == math.inf:
            broken = bool(net.history) and "train_loss" not in net.history[-1]
            self.epoch_ = len(net.history) - broken

    def put_back(self, net: Any) -> None:
        """Give a net the best epoch's weights, if that has not been done.

        Parameters
        ----------
        net : TAMULAGNet
            The net whose training is over.
        """
        if self.state_ is not None:
            net.module_.load_state_dict(self.state_, strict=False)
            self.state_ = None


def _trained_state(module: Any) -> dict[str, Any]:
    """Copies of a module's state; what is frozen is as it was, and would be copied for nothing."""
    frozen = {name for name, weight in module.named_parameters() if not weight.requires_grad}
    state = module.state_dict().items()
    return {name: value.clone() for name, value in state if name not in frozen}


class EpochProgress(Callback):
    """A progress bar over the epochs, with the losses behind it."""

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Open the bar."""
        # Where a notebook lacks its widgets, tqdm warns as soon as it is imported.
        from tqdm.auto import tqdm

        self.bar_ = tqdm(total=net.max_epochs, unit="epoch", desc="training")
        self.n_shown_ = len(net.history)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Advance the bar by one epoch, and by those that a checkpoint knew already."""
        row = net.history[-1]
        losses = {key: f"{row[key]:.3f}" for key in ("train_loss", "valid_loss") if key in row}
        self.bar_.set_postfix(losses, refresh=False)
        self.bar_.update(len(net.history) - self.n_shown_)
        self.n_shown_ = len(net.history)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Close the bar, and say so if it ends early; a pickled net keeps none."""
        # An epoch that was begun and not finished tells of Ctrl-C or an error, not of a callback.
        finished = self.n_shown_ == len(net.history)
        if finished and 0 < self.bar_.n < self.bar_.total:
            self.bar_.set_description(f"stopped early at {self.n_shown_}", refresh=False)
        self.bar_.close()
        del self.bar_

    def __getstate__(self) -> dict[str, Any]:
        # Checkpoints pickle a net in the middle of its training; an open bar cannot be pickled.
        return {name: value for name, value in vars(self).items() if name != "bar_"}
