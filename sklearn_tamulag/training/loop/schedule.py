"""Learning rates over the steps of a fit: they rise from zero, and fall to it."""

import math
from typing import Any

from skorch.callbacks import Callback
from torch.optim.lr_scheduler import LambdaLR

SCHEDULES = ("constant", "linear", "cosine")
"""Names that `rate_factor` knows."""


def rate_factor(step: int, n_steps: int, *, warmup: float, schedule: str) -> float:
    r"""What the learning rates are multiplied by in a step.

    Over the first ``warmup * n_steps`` steps the factor rises linearly to one. With t going from 0
    to 1 over the steps after these, it is then 1, :math:`1 - t`, or
    :math:`\tfrac12 (1 + \cos \pi t)`.

    Parameters
    ----------
    step : int
        Number of the step, from 0; the factor is zero from `n_steps` on where the rates fall.
    n_steps : int
        Steps of the whole fit, at least 1.
    warmup : float in [0, 1)
        Share of the steps over which the factor rises.
    schedule : {"constant", "linear", "cosine"}
        What it does afterwards.

    Returns
    -------
    float
        The factor, in [0, 1]; never zero in step 0.

    Examples
    --------
    >>> [rate_factor(step, 4, warmup=0.5, schedule="constant") for step in range(4)]
    [0.5, 1.0, 1.0, 1.0]
    >>> [rate_factor(step, 4, warmup=0.0, schedule="linear") for step in range(4)]
    [1.0, 0.75, 0.5, 0.25]
    """
    rising = math.ceil(warmup * n_steps)
    if step < rising:
        return (step + 1) / rising
    passed = min((step - rising) / max(n_steps - rising, 1), 1.0)
    if schedule == "linear":
        return 1.0 - passed
    if schedule == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * passed))
    return 1.0


class LearningRateSchedule(Callback):
    """Moves all learning rates of the optimizer, each step of it, by `rate_factor`.

    Parameters
    ----------
    warmup : float in [0, 1)
        Share of the steps of all epochs over which the rates rise from zero.
    schedule : {"constant", "linear", "cosine"}
        What they do afterwards.

    Attributes
    ----------
    scheduler_ : torch.optim.lr_scheduler.LambdaLR
        The scheduler of the current training run.
    """

    def __init__(self, warmup: float, schedule: str) -> None:
        self.warmup = warmup
        self.schedule = schedule

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Start anew: the steps of this run are known once its rows are."""
        batches = len(net.get_iterator(X, training=True))
        self.n_steps_ = net.scheduled_epochs * math.ceil(batches / net.accumulation)
        self.scheduler_ = LambdaLR(net.optimizer_, self._factor)

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool | None = None, **kwargs: Any
    ) -> None:
        """Go one step on where the optimizer has."""
        if training and batch[0]["update"]:
            self.scheduler_.step()

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Let go of the optimizer: a fitted net keeps no scheduler."""
        del self.scheduler_

    def _factor(self, step: int) -> float:
        if self.n_steps_ == 0:  # training epoch by epoch, without an end to fall to
            return 1.0
        return rate_factor(step, self.n_steps_, warmup=self.warmup, schedule=self.schedule)
