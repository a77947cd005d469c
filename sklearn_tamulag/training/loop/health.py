"""Watches that losses and weights stay finite, and what to go back to where they do not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch import Tensor

from sklearn_tamulag.exceptions import NonFiniteLossError
from sklearn_tamulag.training.loop.averaging import averaging_of
from sklearn_tamulag.training.loop.epoch_losses import MULTIMODAL


def check_losses(
    losses: NDArray[np.float64], modalities: Sequence[str], *, epoch: int, part: str
) -> None:
    """Stop where a loss of a pass over the data is NaN or infinite.

    Parameters
    ----------
    losses : float64 array of shape (batches, M + 1)
        The losses of the multimodal task and of every modality, by batch.
    modalities : sequence of str
        Names of the M modalities.
    epoch : int
        The epoch, from 1.
    part : {"train", "valid"}
        The rows of the pass.

    Raises
    ------
    NonFiniteLossError
        With the first such batch, and the first such task in it.

    Examples
    --------
    >>> import numpy as np
    >>> check_losses(np.array([[1.0, 0.5], [2.0, np.nan]]), ["text"], epoch=4, part="train")
    Traceback (most recent call last):
        ...
    sklearn_tamulag.exceptions.NonFiniteLossError: The training loss of task 'text' is NaN or \
infinite in epoch 4, batch 2: ...
    """
    bad = np.argwhere(~np.isfinite(losses))
    if len(bad):
        batch, task = bad[0]
        raise NonFiniteLossError(epoch, int(batch) + 1, [MULTIMODAL, *modalities][task], part)


def all_finite(module: torch.nn.Module) -> Tensor:
    """Whether all weights of a module are finite, without waiting for its device.

    Parameters
    ----------
    module : torch.nn.Module
        The module.

    Returns
    -------
    bool Tensor of shape ()
        On the device of the weights.

    Examples
    --------
    >>> import torch
    >>> bool(all_finite(torch.nn.Linear(2, 1)))
    True
    """
    with torch.no_grad():
        # A norm is infinite where squares overflow, the largest magnitude only where a weight is.
        # What is frozen stays as it is, and may be far larger than all that is trained.
        trained: list[Tensor] = [w for w in module.parameters() if w.requires_grad]
        largest = torch._foreach_norm(trained, ord=float("inf"))
        return torch.stack(largest).isfinite().all()


class FiniteWeights(Callback):
    """Keeps the weights of the last epoch that ended well, for the case that one does not.

    A copy costs what early stopping's copy of the best epoch costs; none is made once that one
    exists, and none of weights that are not trained.

    Attributes
    ----------
    state_ : dict of str to Tensor, or None
        The trained weights to go back to, by name.
    """

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Keep the weights that training starts from."""
        self.state_: dict[str, Tensor] | None = _trained_weights(net.module_)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Keep the weights of an epoch, all of whose losses were finite."""
        kept = net.best_epoch.state_ is not None
        self.state_ = None if kept else _trained_weights(net.module_)

    def restore(self, net: Any) -> None:
        """Go back to the weights kept, and forget what the optimizer has gathered.

        Parameters
        ----------
        net : TAMULAGNet
            The net whose training stopped.
        """
        if self.state_ is not None:
            net.module_.load_state_dict(self.state_, strict=False)
        averaging = averaging_of(net)
        if averaging is not None:
            averaging.forget()
        # Its running means may hold what the weights held.
        net.initialize_optimizer()

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Drop the copy."""
        self.state_ = None


def _trained_weights(module: torch.nn.Module) -> dict[str, Tensor]:
    """Copies of the weights that training moves, by name."""
    weights = module.named_parameters()
    return {name: weight.detach().clone() for name, weight in weights if weight.requires_grad}
