"""From the losses of an epoch's batches to what the history says of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skorch.history import History

MULTIMODAL = "multimodal"


def record_losses(
    history: History, prefix: str, table: NDArray[np.float64], modalities: Sequence[str]
) -> None:
    """Write the losses of one pass over the data into the history's current epoch.

    An epoch's loss is the mean over its rows, not a mean of batch means: it does not depend on how
    rows were put into batches.

    Parameters
    ----------
    history : skorch.history.History
        Receives ``{prefix}_loss``, a ``{prefix}_`` entry per task, and the loss of every batch.
    prefix : {"train", "valid"}
        In training the loss is the sum over all tasks, in validation that of the multimodal task.
    table : float64 array of shape (batches, M + 2)
        By batch: the losses of the multimodal task and of every modality, and the rows' weight.
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
    >>> record_losses(history, "valid", np.array([[1.0, 2.0, 3.0], [5.0, 2.0, 1.0]]), ["text"])
    >>> history[-1, "valid_loss"], history[-1, "valid_text"]
    (2.0, 2.0)
    """
    losses, weights = table[:, :-1], table[:, -1]
    watched = slice(None) if prefix == "train" else slice(1)
    # The batches of this pass are the last ones: validation follows training in an epoch.
    for batch, row in zip(history[-1]["batches"][-len(table) :], losses, strict=True):
        batch[f"{prefix}_loss"] = float(row[watched].sum())
    means = np.average(losses, axis=0, weights=weights)
    history.record(f"{prefix}_loss", float(means[watched].sum()))
    for name, value in zip([MULTIMODAL, *modalities], means, strict=True):
        history.record(f"{prefix}_{name}", float(value))
    history.record(f"{prefix}_batch_count", len(table))
