"""From the losses of an epoch's batches to what the history says of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skorch.history import History

MULTIMODAL = "multimodal"


def record_losses(
    history: History,
    prefix: str,
    losses: NDArray[np.float64],
    weights: NDArray[np.float64],
    errors: NDArray[np.float64],
    modalities: Sequence[str],
) -> None:
    """Write the losses of one pass over the data into the history's current epoch.

    An epoch's loss is the mean over its rows, not a mean of batch means: it does not depend on how
    rows were put into batches. Row weights count in all of them.

    Parameters
    ----------
    history : skorch.history.History
        Receives ``{prefix}_loss``, ``{prefix}_multimodal``, a ``{prefix}_`` entry per modality, and
        the loss of every batch. The entry of a modality is the mean loss of its own task over the
        rows that have it, NaN where none has; terms that training weighs are not weighed there.
    prefix : {"train", "valid"}
        In training the loss is what is minimised, the sum over all tasks, in validation that of the
        multimodal task.
    losses : float64 array of shape (batches, M + 1)
        By batch: the weighted losses of the multimodal task and of every modality.
    weights : float64 array of shape (batches,)
        By batch: the rows' weight.
    errors : float64 array of shape (batches, 2, M)
        By batch and modality: the sums of `modality_errors`.
    modalities : sequence of str
        Names of the M modalities.

    Examples
    --------
    >>> import numpy as np
    >>> from skorch.history import History
    >>> history = History()
    >>> history.new_epoch()
    >>> for _ in range(2):
    ...     history.new_batch()
    >>> losses, weights = np.array([[1.0, 2.0], [5.0, 2.0]]), np.array([3.0, 1.0])
    >>> errors = np.array([[[6.0], [3.0]], [[0.0], [0.0]]])
    >>> record_losses(history, "valid", losses, weights, errors, ["text"])
    >>> history[-1, "valid_loss"], history[-1, "valid_text"]
    (2.0, 2.0)
    """
    watched = slice(None) if prefix == "train" else slice(1)
    # The batches of this pass are the last ones: validation follows training in an epoch.
    for batch, row in zip(history[-1]["batches"][-len(losses) :], losses, strict=True):
        batch[f"{prefix}_loss"] = float(row[watched].sum())
    means = np.average(losses, axis=0, weights=weights)
    history.record(f"{prefix}_loss", float(means[watched].sum()))
    history.record(f"{prefix}_{MULTIMODAL}", float(means[0]))
    for name, (error, weight) in zip(modalities, errors.sum(axis=0).T, strict=True):
        history.record(f"{prefix}_{name}", float(error / weight) if weight else math.nan)
    history.record(f"{prefix}_batch_count", len(losses))
