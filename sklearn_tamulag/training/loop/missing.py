"""Modalities that rows lack: hidden at random in training, and what stands for them after it."""

from typing import Any

import torch
from skorch.callbacks import Callback
from torch import Tensor

from sklearn_tamulag.training.feeding.batching import (
    cut_into_batches,
    inference_rows,
    length_order,
)


def hide_modalities(
    lengths: dict[str, Tensor], share: float, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Hide modalities of the rows of a batch at random; one that is present always remains.

    Every modality that a row has is hidden with the same probability. Where that would hide all
    of a row, one of them, drawn evenly, stays.

    Parameters
    ----------
    lengths : dict of str to int64 Tensor of shape (B,)
        Valid lengths by modality, 0 where it is missing.
    share : float in [0, 1)
        Probability that a modality is hidden.
    generator : torch.Generator, optional
        Where draws come from, on the device of the lengths; None is torch's global one.

    Returns
    -------
    dict of str to int64 Tensor of shape (B,)
        The lengths, 0 where the modality is hidden or missing. The host does not wait for them.

    Examples
    --------
    >>> import torch
    >>> lengths = {"text": torch.tensor([3, 0]), "audio": torch.tensor([5, 4])}
    >>> hidden = hide_modalities(lengths, 0.9)
    >>> int(hidden["audio"][1]), bool(hidden["text"][0] + hidden["audio"][0])
    (4, True)
    """
    # M x (B,) -> (B, M)
    table = torch.stack(list(lengths.values()), dim=1)
    # A modality that is missing already has the lowest draw and is never the one that stays.
    draws = torch.empty(table.shape, dtype=torch.float32, device=table.device)
    draws = draws.uniform_(generator=generator).masked_fill(table == 0, -1.0)
    hidden = (draws < share).scatter(1, draws.argmax(dim=1, keepdim=True), False)
    return dict(zip(lengths, table.masked_fill(hidden, 0).unbind(dim=1), strict=True))


class AbsentMeans(Callback):
    """Lets a modality that no training row lacked be stood for by its mean embedding.

    Where training rows lack a modality, or had it hidden, the vector that stands for it is learned.
    Where none did, nothing has taught that vector: after training it becomes the weighted mean
    of the embeddings of the training rows, by the weights that are kept. That takes one pass over
    the rows without gradients. What an earlier run has taught stays.

    Parameters
    ----------
    hidden : bool
        Whether training hides modalities, so that all vectors are learned.
    """

    def __init__(self, hidden: bool) -> None:
        self.hidden = hidden

    @torch.inference_mode()
    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Set the vectors that training did not reach."""
        lacked = ~X.present.all(dim=0)
        if net.taught_ is not None:
            # Rows of an earlier run have taught what these cannot.
            lacked |= torch.from_numpy(net.taught_).to(lacked.device)
        branches = net.module_.branches
        if lacked.all() or len(branches) == 1 or self.hidden:
            return
        net._set_training(False)
        sums = [torch.zeros_like(branch.absent, dtype=torch.float64) for branch in branches]
        mass = torch.zeros((), dtype=torch.float64, device=X.weight.device)
        rows = length_order(X.lengths, X.table.tokens)
        for inputs, _ in X.batches(cut_into_batches(rows, inference_rows(net.device))):
            weight = inputs["weight"].double()
            mass += weight.sum()
            for total, embedding in zip(sums, net.infer(inputs).embeddings, strict=True):
                total += weight @ embedding.double()  # (B,) @ (B, K) -> (K,)
        for branch, total, learned in zip(branches, sums, lacked.tolist(), strict=True):
            if not learned:
                branch.absent.copy_(total / mass)
