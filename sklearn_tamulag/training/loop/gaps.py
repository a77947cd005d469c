"""Gaps made in training rows, and the fusion of rows with gaps."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.func import functional_call

from sklearn_tamulag.nn.fused_layer import reads_states
from sklearn_tamulag.training.loop.embedded_rows import EmbeddedRows

# Rows with gaps in a step; where all of them are fewer, all are in every step.
BATCH_ROWS = 1024
# What is read in the states of so many rows with gaps is computed once, for all steps.
READ_ROWS = 512
# Rows whose states are fused at once; in a step, where what is read cannot be kept.
STATES_ROWS = 64


def gap_codes(
    n_rows: int, n_modalities: int, random: np.random.Generator, most: int
) -> tuple[Tensor, Tensor]:
    """Pairs of rows and of patterns of modalities that they are to show.

    Parameters
    ----------
    n_rows : int
        Number of rows n.
    n_modalities : int
        Number of modalities M, at least 2.
    random : numpy.random.Generator
        Draws the pairs where there are too many.
    most : int
        How many are too many.

    Returns
    -------
    rows : int64 Tensor of shape (B,)
        Row numbers.
    shown : bool Tensor of shape (B, M)
        Patterns, none of them empty or complete: all of them for every row, or a draw.

    Examples
    --------
    >>> import numpy as np
    >>> gap_codes(1, 2, np.random.default_rng(0), 9)
    (tensor([0, 0]), tensor([[ True, False],
            [False,  True]]))
    """
    n_patterns = 2**n_modalities - 2
    if n_rows * n_patterns <= most:
        rows = np.repeat(np.arange(n_rows), n_patterns)
        codes = np.tile(np.arange(1, n_patterns + 1), n_rows)
    else:
        rows = random.integers(0, n_rows, most)
        codes = random.integers(1, n_patterns + 1, most)
    # (B, 1), (M,) -> (B, M)
    shown = (codes[:, np.newaxis] >> np.arange(n_modalities)) % 2 == 1
    return torch.from_numpy(rows), torch.from_numpy(shown)


class Gaps:
    """Draws rows with gaps, and fuses their embeddings.

    A fusion that reads states takes far longer for a row than the others. Where it has the methods
    ``read(states, lengths)`` and ``fuse(embeddings, read)`` as parts of its ``forward``, what is
    read is computed once, for gaps that are then the same in all steps; else each step has few
    rows.

    Parameters
    ----------
    fusion : nn.Module
        A trained fusion, in evaluation mode; it stays as it is.
    rows : EmbeddedRows
        The rows.
    random : numpy.random.Generator
        Draws rows and gaps.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn_tamulag.nn import ConcatFusion
    >>> parts = [torch.ones(3, 2), torch.ones(3, 2)]
    >>> present = torch.ones(3, 2, dtype=torch.bool)
    >>> rows = EmbeddedRows(parts, present, torch.ones(3), torch.ones(3))
    >>> gaps = Gaps(ConcatFusion([2, 2], 4, dropout=0.0), rows, np.random.default_rng(0))
    >>> index, left = gaps.draw()
    >>> index.tolist(), left[0].tolist()
    ([0, 0, 1, 1, 2, 2], [True, False])
    >>> gaps.fuse([part[index] for part in parts]).shape
    torch.Size([6, 4])
    """

    def __init__(self, fusion: nn.Module, rows: EmbeddedRows, random: np.random.Generator) -> None:
        self.fusion = fusion
        self.rows = rows
        self.random = random
        self.reads = reads_states(fusion)
        self.once = self.reads and hasattr(fusion, "read") and hasattr(fusion, "fuse")
        self.most = BATCH_ROWS
        if self.reads:
            self.most = READ_ROWS if self.once else STATES_ROWS
        if self.once:
            self.index, self.left = self._drawn()
            self.read = self._read()

    def draw(self) -> tuple[Tensor, Tensor]:
        """Rows with gaps for a step.

        Returns
        -------
        index : int64 Tensor of shape (B,)
            Row numbers.
        left : bool Tensor of shape (B, M)
            The modalities that each of them shows.
        """
        if not self.once:
            self.index, self.left = self._drawn()
        return self.index, self.left

    def fuse(self, embeddings: list[Tensor]) -> Tensor:
        """Fuse what was drawn last.

        Parameters
        ----------
        embeddings : list of M Tensors of shape (B, K_m)
            Embeddings of those rows, and what stands for the modalities that they do not show.

        Returns
        -------
        Tensor of shape (B, F)
            The fused representation.
        """
        fused: Tensor
        if self.once:
            fused = self.fusion.fuse(embeddings, self.read)  # type: ignore[operator]
        elif self.reads:
            given = (embeddings, *self.rows.read(self.index, self.left))
            # What comes of the states alone has no gradient, and nothing is kept for one.
            fixed = {name: weight.detach() for name, weight in self.fusion.named_parameters()}
            fused = functional_call(self.fusion, fixed, given)
        else:
            fused = self.fusion(embeddings)
        return fused

    def _drawn(self) -> tuple[Tensor, Tensor]:
        """Draw rows and what they show."""
        present = self.rows.present
        n_rows, n_modalities = present.shape
        codes = gap_codes(n_rows, n_modalities, self.random, self.most)
        index, shown = (part.to(present.device) for part in codes)
        present = present[index]
        left = present & shown
        # A row that would have nothing left shows what it has, and that is not all.
        return index, torch.where(left.any(dim=1, keepdim=True), left, present)

    @torch.no_grad()
    def _read(self) -> Tensor:
        """What is read in the states of all rows drawn."""
        pairs = zip(self.index.split(STATES_ROWS), self.left.split(STATES_ROWS), strict=True)
        parts = [self.fusion.read(*self.rows.read(*pair)) for pair in pairs]  # type: ignore[operator]
        return torch.cat(parts)
