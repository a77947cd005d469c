"""The label memory: one label per training row and modality; generated ones move once an epoch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_tamulag.labels.initial import initial_labels
from sklearn_tamulag.labels.known_rows import KnownRows
from sklearn_tamulag.labels.memory_parts import check_parts

Proposal = Callable[[Tensor, Tensor, Tensor, Sequence[Tensor], Tensor], Tensor]

# What is needed while training only.
_TRANSIENT = ("propose", "_unimodal", "_fused", "_former")
# What memories of earlier versions lack.
_LATER = ("behind", "row_keys", "others")
_ATTRIBUTES = (
    *("target", "weight", "present", "propose", "fingerprint", "labels", "fixed", "epoch"),
    *(*_LATER, "history", "_unimodal", "_fused", "_shown", "_former"),
)
_PARTS = {*_ATTRIBUTES} - {*_TRANSIENT}


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
    row_keys : uint8 Tensor of shape (n, 16), optional
        A fingerprint of each row, by which it is recognised among others.

    Attributes
    ----------
    labels : Tensor of shape (n, M) or (n, M, K)
        The current labels.
    fixed : bool Tensor of shape (n, M), or None
        Which of them people gave; None where there are none.
    epoch : int
        How many epochs have ended, for the row that has seen the most.
    behind : int64 Tensor of shape (n,), or None
        How many of them a row has not seen; None where all have seen all.
    others : KnownRows or None
        Rows of earlier training runs that are not among these.
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
        row_keys: Tensor | None = None,
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
        self.behind: Tensor | None = None
        self.row_keys = row_keys
        self.others: KnownRows | None = None
        self.history: list[Tensor] = []
        self._unimodal: list[Tensor] = []
        self._fused = target.new_empty(0)
        self._shown = torch.zeros_like(present)
        # The labels before the last epoch's end.
        self._former: Tensor | None = None

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update({**dict.fromkeys((*_LATER, "_former")), **state})

    @property
    def updated(self) -> bool:
        """Whether the labels have moved from their start."""
        return self.propose is not None and self.epoch >= 2

    def moved_rows(self, index: Tensor) -> Tensor | None:
        """Which rows' labels have moved from their start, once some have.

        Parameters
        ----------
        index : int64 Tensor of shape (B,)
            The rows.

        Returns
        -------
        bool Tensor of shape (B,), or None
            None where all have.
        """
        return None if self.behind is None else self.epoch - self.behind[index] >= 2

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
        """Go on from the labels of earlier training runs, for the rows that come again.

        Where all rows come again in the same order, their history goes on too.

        Parameters
        ----------
        earlier : LabelMemory
            The memory of the run before; it knows the rows of those before that.
        """
        if earlier.labels.shape[1:] != self.labels.shape[1:]:
            return
        target = earlier.target.to(self.target)
        same_target = target.shape == self.target.shape and torch.equal(target, self.target)
        if same_target and earlier.fingerprint == self.fingerprint:
            self.labels = self._unless_fixed(earlier.labels.to(self.labels))
            self.epoch = earlier.epoch
            self.behind = None if earlier.behind is None else earlier.behind.to(target.device)
            self.history = list(earlier.history)
            self.others = earlier.others
            return
        known = earlier.known_rows()
        if known is None or self.row_keys is None:
            return
        places = known.places(self.row_keys)
        again = places >= 0
        # The last of them stands in for rows that are new, and is not taken.
        found = known.labels[places].to(self.labels)
        self.labels = self._unless_fixed(
            _chosen(again.to(found.device).unsqueeze(1).expand_as(self.present), found, self.labels)
        )
        epochs = torch.where(again, known.epochs[places], 0)
        self.epoch = int(epochs.max())
        behind = self.epoch - epochs
        self.behind = behind.to(self.labels.device) if behind.any() else None
        self.others = known.without(places[again])

    def knows(self, keys: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Tell which rows were trained on, by their fingerprints.

        Parameters
        ----------
        keys : uint8 array of shape (k, 16)
            The fingerprints.

        Returns
        -------
        bool array of shape (k,)
            False too where this memory has no fingerprints.
        """
        known = self.known_rows()
        if known is None:
            return np.zeros(len(keys), dtype=bool)
        found: NDArray[np.bool_] = (known.places(torch.from_numpy(keys)) >= 0).numpy()
        return found

    def known_rows(self) -> "KnownRows | None":
        """All rows that labels are known of, those of earlier training runs included.

        Returns
        -------
        KnownRows or None
            None where rows have no fingerprints.
        """
        if self.row_keys is None:
            return None
        epochs = torch.full((len(self.labels),), self.epoch)
        if self.behind is not None:
            epochs -= self.behind.cpu()
        own = KnownRows(self.row_keys, self.labels.cpu(), epochs)
        return own if self.others is None else self.others.followed_by(own)

    def _unless_fixed(self, labels: Tensor) -> Tensor:
        """Other labels in place of the current ones, but for those that people gave."""
        if self.fixed is None:
            return labels
        return _chosen(self.fixed, self.labels, labels)

    def release(self) -> None:
        """Drop the representations and move the rest to the CPU, to be kept after training."""
        self._unimodal = []
        self._fused = self.target.new_empty(0)
        self._former = None
        self.propose = None
        self.fixed = None
        self._shown = torch.zeros_like(self.present)
        for name in ("target", "weight", "present", "labels", "_fused", "_shown"):
            setattr(self, name, getattr(self, name).cpu())
        self.behind = None if self.behind is None else self.behind.cpu()

    def state(self) -> dict[str, Any]:
        """Describe a released memory by plain values and tensors.

        Returns
        -------
        dict of str to object
            What `from_state` takes: all attributes that outlast training, by name.
        """
        state = {name: value for name, value in vars(self).items() if name not in _TRANSIENT}
        return state | {"others": None if self.others is None else vars(self.others)}

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
        state = {**dict.fromkeys(_LATER), **state}
        check_parts(state, _PARTS)
        transient = dict.fromkeys(_TRANSIENT)
        transient |= {"_unimodal": [], "_fused": state["target"].new_empty(0)}
        memory = cls.__new__(cls)
        vars(memory).update({name: {**transient, **state}[name] for name in _ATTRIBUTES})
        memory.others = None if state["others"] is None else KnownRows(**state["others"])
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
            step: float | Tensor = 2 / (epoch + 1)
            shown = self._shown
            if self.behind is not None:
                own = epoch - self.behind
                shown = shown & (own >= 2).unsqueeze(1)
                # (n,) -> (n, 1[, 1])
                step = (2 / (own.double() + 1)).to(proposals).view(-1, *[1] * (proposals.ndim - 1))
            moved = (1 - step) * labels + step * proposals
            labels = self._unless_fixed(_chosen(shown, moved, labels))
        history = [*self.history, labels.cpu()]
        # At once: Ctrl-C leaves the former epoch's end or this one.
        self._former, self.history, self.epoch, self.labels = self.labels, history, epoch, labels

    def forget_epoch(self) -> None:
        """Take back the last epoch's end, if Ctrl-C struck before its losses were kept."""
        if self._former is not None:
            self.history, self.epoch, self.labels = self.history[:-1], self.epoch - 1, self._former


def _chosen(rows: Tensor, these: Tensor, others: Tensor) -> Tensor:
    """Some labels, (n, M[, K]), where a mask (n, M) is true, and others where it is not."""
    # (n, M) -> (n, M[, 1])
    return torch.where(rows.view(*rows.shape, *[1] * (these.ndim - 2)), these, others)
