"""The label memory: one label per training row and modality; generated ones move once an epoch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Proposal = Callable[[Tensor, Tensor, Tensor, Sequence[Tensor], Tensor], Tensor]

# What is needed while training only.
_TRANSIENT = ("propose", "_unimodal", "_fused")
_ATTRIBUTES = (
    *("target", "weight", "present", "propose", "fingerprint", "labels", "fixed", "epoch"),
    *("history", "_unimodal", "_fused", "_shown"),
)
_PARTS = {*_ATTRIBUTES} - {*_TRANSIENT}


def initial_labels(target: Tensor, n_modalities: int, human: Tensor | None = None) -> Tensor:
    """Labels of the modalities before any is generated: people's where known, else y's own.

    Parameters
    ----------
    target : Tensor of shape (n,) or (n, K)
        The multimodal labels.
    n_modalities : int
        The number of modalities M.
    human : Tensor of shape (n, M) or (n, M, K), optional
        Labels that people gave, NaN where they gave none.

    Returns
    -------
    Tensor of shape (n, M) or (n, M, K)
        A label per row and modality.

    Examples
    --------
    >>> import torch
    >>> initial_labels(torch.tensor([1.0, 2.0]), 2, torch.tensor([[torch.nan, 5.0]] * 2))
    tensor([[1., 5.],
            [2., 5.]])
    """
    # (n[, K]) -> (n, M[, K])
    labels = target.unsqueeze(1).repeat_interleave(n_modalities, dim=1)
    return labels if human is None else torch.where(human.isnan(), labels, human)


class LabelMemory:
    """One label per training row and modality, and how it came to be.

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
    human : Tensor of shape (n, M) or (n, M, K), optional
        Labels that people gave, NaN where one is to be generated. They never move.

    Attributes
    ----------
    labels : Tensor of shape (n, M) or (n, M, K)
        The current labels.
    fixed : bool Tensor of shape (n, M), or None
        Which of them people gave; None where there are none.
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
        human: Tensor | None = None,
    ) -> None:
        self.target = target
        self.weight = weight
        self.present = present
        self.propose = propose
        self.fingerprint = fingerprint
        self.labels = initial_labels(target, present.shape[1], human)
        self.fixed: Tensor | None = None
        if human is not None:
            # (n, M[, K]) -> (n, M)
            self.fixed = ~human.view(*human.shape[:2], -1).isnan().any(dim=2)
        self.epoch = 0
        self.history: list[Tensor] = []
        self._unimodal: list[Tensor] = []
        self._fused = target.new_empty(0)
        self._shown = torch.zeros_like(present)

    @property
    def updated(self) -> bool:
        """Whether the labels have moved from their start."""
        return self.propose is not None and self.epoch >= 2

    def store(
        self,
        index: Tensor,
        unimodal: Sequence[Tensor],
        fused: Tensor,
        shown: Tensor | None = None,
    ) -> None:
        """Keep the detached representations of some rows for the update at the epoch's end.

        Parameters
        ----------
        index : int64 Tensor of shape (B,)
            Which of the n rows these are.
        unimodal : sequence of M Tensors of shape (B, K_m)
            Their unimodal representations.
        fused : Tensor of shape (B, F)
            Their fused representation.
        shown : bool Tensor of shape (B, M), optional
            Whether each modality was present and not hidden; None where all that the rows have was
            shown.
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
        self._shown.index_copy_(0, index, self.present[index] if shown is None else shown)

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
            self.labels = self._unless_fixed(earlier.labels.to(self.labels))
            self.epoch = earlier.epoch
            self.history = list(earlier.history)

    def _unless_fixed(self, labels: Tensor) -> Tensor:
        """Other labels in place of the current ones, but for those that people gave."""
        if self.fixed is None:
            return labels
        return _chosen(self.fixed, self.labels, labels)

    def release(self) -> None:
        """Drop the representations and move the rest to the CPU, to be kept after training."""
        self._unimodal = []
        self._fused = self.target.new_empty(0)
        self.propose = None
        self.fixed = None
        self._shown = torch.zeros_like(self.present)
        for name in ("target", "weight", "present", "labels", "_fused", "_shown"):
            setattr(self, name, getattr(self, name).cpu())

    def state(self) -> dict[str, Any]:
        """Describe a released memory by plain values and tensors.

        Returns
        -------
        dict of str to object
            What `from_state` takes: all attributes that outlast training, by name.
        """
        return {name: value for name, value in vars(self).items() if name not in _TRANSIENT}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "LabelMemory":
        """Make the memory that another one has described.

        Parameters
        ----------
        state : dict of str to object
            What `state` has returned.

        Returns
        -------
        LabelMemory
            A released memory.

        Raises
        ------
        ValueError
            If the state has other names or shapes.
        """
        _check_state(state)
        transient = {"propose": None, "_unimodal": [], "_fused": state["target"].new_empty(0)}
        memory = cls.__new__(cls)
        vars(memory).update({name: {**transient, **state}[name] for name in _ATTRIBUTES})
        return memory

    def end_epoch(self) -> None:
        """Move the labels towards this epoch's proposals, by 2 / (n + 1) in epoch n >= 2.

        A modality that a row lacks, or that was hidden from it in this epoch, has no representation
        there: it enters no centre and no line, and its label stays as it was.
        """
        epoch, labels = self.epoch + 1, self.labels
        if self.propose is not None and epoch >= 2 and self._unimodal:
            proposals = self.propose(
                self.target, self.weight, self._shown, self._unimodal, self._fused
            )
            step = 2 / (epoch + 1)
            moved = (1 - step) * labels + step * proposals
            labels = self._unless_fixed(_chosen(self._shown, moved, labels))
        self.history.append(labels.cpu())
        self.epoch, self.labels = epoch, labels

    def forget_epoch(self) -> None:
        """Take back the last epoch's end, if Ctrl-C struck before its losses were kept."""
        self.history.pop()
        self.epoch = len(self.history)
        # The first epoch moves no label.
        if self.history:
            self.labels = self.history[-1].to(self.labels)


def _chosen(rows: Tensor, these: Tensor, others: Tensor) -> Tensor:
    """Some labels, (n, M[, K]), where a mask (n, M) is true, and others where it is not."""
    # (n, M) -> (n, M[, 1])
    return torch.where(rows.view(*rows.shape, *[1] * (these.ndim - 2)), these, others)


def _check_state(state: Mapping[str, Any]) -> None:
    """Check names, types and shapes of a described memory, before anything is made of them."""
    if state.keys() != _PARTS:
        raise ValueError(f"a label memory has the state {sorted(_PARTS)}, got {sorted(state)}.")
    target, present = state["target"], state["present"]
    if not all(isinstance(part, Tensor) and part.ndim > 0 for part in (target, present)):
        raise ValueError("target and present of a label memory are no tensors.")
    rows = (len(target), *present.shape[1:2])
    labels = (*rows, *target.shape[1:])
    shapes = {"weight": rows[:1], "present": rows, "_shown": rows, "labels": labels}
    named = [(name, state[name], shape) for name, shape in shapes.items()]
    if state["fixed"] is not None:
        named.append(("fixed", state["fixed"], rows))
    if type(state["history"]) is not list or type(state["epoch"]) is not int:
        raise ValueError("history and epoch of a label memory are no list and no number.")
    named += [("history", epoch, labels) for epoch in state["history"]]
    for name, part, shape in named:
        if not isinstance(part, Tensor) or tuple(part.shape) != shape:
            raise ValueError(f"{name} of a label memory is no tensor of the shape {shape}.")
