"""The label memory: one generated label per training row and modality, moved once an epoch."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Proposal = Callable[[Tensor, Tensor, Tensor, Sequence[Tensor], Tensor], Tensor]


class LabelMemory:
    """One generated label per training row and modality, and how it came to be.

    Parameters
    ----------
    target : Tensor of shape (n,) or (n, K)
        The multimodal labels: y' for regression, one-hot for classification. Every generated label
        starts as this.
    weight : Tensor of shape (n,)
        Row weights.
    present : bool Tensor of shape (n, M)
        Whether the row has the modality.
    propose : callable or None
        A strategy, as the functions of this module; None keeps y as every task's label.
    fingerprint : str, default=""
        Tells these rows from others, where training goes on later.

    Attributes
    ----------
    labels : Tensor of shape (n, M) or (n, M, K)
        The current labels.
    epoch : int
        How many epochs have ended.
    updated : bool
        Whether the labels have moved from their start.
    history : list of Tensor
        The labels as they were at the end of every epoch, on the CPU.

    Examples
    --------
    >>> import torch
    >>> y = torch.tensor([-1.0, 1.0])
    >>> memory = LabelMemory(y, torch.ones(2), torch.ones(2, 3, dtype=torch.bool), None)
    >>> memory.labels
    tensor([[-1., -1., -1.],
            [ 1.,  1.,  1.]])
    """

    def __init__(
        self,
        target: Tensor,
        weight: Tensor,
        present: Tensor,
        propose: Proposal | None,
        fingerprint: str = "",
    ) -> None:
        self.target = target
        self.weight = weight
        self.present = present
        self.propose = propose
        self.fingerprint = fingerprint
        # (n[, K]) -> (n, M[, K])
        self.labels = target.unsqueeze(1).repeat_interleave(present.shape[1], dim=1)
        self.epoch = 0
        self.history: list[Tensor] = []
        self._unimodal: list[Tensor] = []
        self._fused = target.new_empty(0)

    @property
    def updated(self) -> bool:
        """Whether the labels have moved from their start."""
        return self.propose is not None and self.epoch >= 2

    def store(self, index: Tensor, unimodal: Sequence[Tensor], fused: Tensor) -> None:
        """Keep the detached representations of some rows for the update at the epoch's end.

        Parameters
        ----------
        index : int64 Tensor of shape (B,)
            Which of the n rows these are.
        unimodal : sequence of M Tensors of shape (B, K_m)
            Their unimodal representations.
        fused : Tensor of shape (B, F)
            Their fused representation.
        """
        if self.propose is None:
            return
        if not self._unimodal:
            n = len(self.target)
            self._unimodal = [self.target.new_zeros(n, part.shape[1]) for part in unimodal]
            self._fused = self.target.new_zeros(n, fused.shape[1])
        tables = [*self._unimodal, self._fused]
        for table, part in zip(tables, [*unimodal, fused], strict=True):
            table.index_copy_(0, index, part.detach().to(table.dtype))

    def resume(self, earlier: "LabelMemory") -> None:
        """Go on from the labels of an earlier training run, if it had the same rows.

        Parameters
        ----------
        earlier : LabelMemory
            The memory of the earlier run.
        """
        target = earlier.target.to(self.target)
        same_target = target.shape == self.target.shape and torch.equal(target, self.target)
        same_rows = same_target and earlier.fingerprint == self.fingerprint
        if same_rows and earlier.labels.shape == self.labels.shape:
            self.labels = earlier.labels.to(self.labels)
            self.epoch = earlier.epoch
            self.history = list(earlier.history)

    def release(self) -> None:
        """Drop the representations and move the rest to the CPU, to be kept after training."""
        self._unimodal = []
        self._fused = self.target.new_empty(0)
        self.propose = None
        for name in ("target", "weight", "present", "labels", "_fused"):
            setattr(self, name, getattr(self, name).cpu())

    def end_epoch(self) -> None:
        """Move the labels towards this epoch's proposals, by 2 / (n + 1) in epoch n >= 2."""
        self.epoch += 1
        if self.propose is not None and self.epoch >= 2 and self._unimodal:
            proposals = self.propose(
                self.target, self.weight, self.present, self._unimodal, self._fused
            )
            step = 2 / (self.epoch + 1)
            self.labels = (1 - step) * self.labels + step * proposals
        self.history.append(self.labels.cpu())
