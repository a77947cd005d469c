"""Small random batches, and the same ones seen otherwise: fewer rows, more padding, other rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

N_ROWS = 5
"""Rows of a batch: one without padding, one of no step at all, and some in between."""

# Steps of the sequences of a batch, each of another length.
_MOST_STEPS = 6
# What stands on padding is far from what stands on steps.
_LOUD = 100.0


@dataclass(frozen=True)
class Batch:
    """What a part of the network is called with, before it is put in the order of its arguments.

    Parameters
    ----------
    vectors : tuple of Tensor of shape (B, K)
        One vector per row, of every modality.
    sequences : tuple of Tensor of shape (B, T, d)
        Padded sequences.
    lengths : tuple of int64 Tensor of shape (B,)
        Their valid steps.
    """

    vectors: tuple[Tensor, ...]
    sequences: tuple[Tensor, ...]
    lengths: tuple[Tensor, ...]

    def rows(self, chosen: list[int]) -> Batch:
        """Take some rows.

        Parameters
        ----------
        chosen : list of int
            Their numbers.

        Returns
        -------
        Batch
            A smaller batch, padded as before.
        """
        parts = (self.vectors, self.sequences, self.lengths)
        return Batch(*(tuple(tensor[chosen] for tensor in part) for part in parts))

    def copied(self) -> Batch:
        """Copy all tensors.

        Returns
        -------
        Batch
            Of equal values.
        """
        parts = (self.vectors, self.sequences, self.lengths)
        return Batch(*(tuple(tensor.clone() for tensor in part) for part in parts))

    def equals(self, other: Batch) -> bool:
        """Compare all values.

        Parameters
        ----------
        other : Batch
            Of the same sizes.

        Returns
        -------
        bool
            Whether they are the same.
        """
        own, others = (
            (*batch.vectors, *batch.sequences, *batch.lengths) for batch in (self, other)
        )
        return all(torch.equal(a, b) for a, b in zip(own, others, strict=True))

    def padded_by(self, steps: int) -> Batch:
        """Append padding.

        Parameters
        ----------
        steps : int
            How much.

        Returns
        -------
        Batch
            The same rows, with zeros behind them.
        """
        # (B, T, d) -> (B, T + steps, d)
        longer = tuple(torch.nn.functional.pad(s, (0, 0, 0, steps)) for s in self.sequences)
        return replace(self, sequences=longer)

    def loud(self) -> Batch:
        """Let something stand on the padding.

        Returns
        -------
        Batch
            The same rows, with great numbers on padded steps.
        """
        filled = tuple(
            sequence.masked_fill(_padding(length, sequence), _LOUD)
            for sequence, length in zip(self.sequences, self.lengths, strict=True)
        )
        return replace(self, sequences=filled)

    def with_row_of(self, other: Batch, number: int) -> Batch:
        """Put one row of a batch among the rows of another.

        Parameters
        ----------
        other : Batch
            Where the row is from, of the same sizes.
        number : int
            Its number in both.

        Returns
        -------
        Batch
            This batch but for that row.
        """

        def merged(mine: tuple[Tensor, ...], theirs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            parts = zip(mine, theirs, strict=True)
            return tuple(
                torch.cat([a[:number], b[number, None], a[number + 1 :]]) for a, b in parts
            )

        return Batch(
            merged(self.vectors, other.vectors),
            merged(self.sequences, other.sequences),
            merged(self.lengths, other.lengths),
        )

    def without_steps(self) -> Batch:
        """Take all steps away, as in a batch in which no row has the modality.

        Returns
        -------
        Batch
            With sequences of shape (B, 0, d).
        """
        return replace(
            self,
            sequences=tuple(sequence[:, :0] for sequence in self.sequences),
            lengths=tuple(torch.zeros_like(length) for length in self.lengths),
        )

    def tracked(self) -> Batch:
        """Ask for gradients.

        Returns
        -------
        Batch
            Copies of vectors and sequences that gradients are kept of.
        """
        vectors, sequences = (
            tuple(tensor.clone().requires_grad_() for tensor in part)
            for part in (self.vectors, self.sequences)
        )
        return replace(self, vectors=vectors, sequences=sequences)


def random_batch(
    vector_sizes: Sequence[int],
    step_sizes: Sequence[int],
    dtype: torch.dtype,
    *,
    seed: int = 0,
    shortest: int = 0,
) -> Batch:
    """Draw a batch, from a generator of its own.

    Parameters
    ----------
    vector_sizes : sequence of int
        Size of every vector.
    step_sizes : sequence of int
        Size of a step of every sequence.
    dtype : torch.dtype
        Of the numbers.
    seed : int, default=0
        Seed of the generator.
    shortest : int, default=0
        Valid steps of the shortest row.

    Returns
    -------
    Batch
        Of `N_ROWS` rows; what stands on padding is zero.

    Examples
    --------
    >>> import torch
    >>> batch = random_batch([2], [3], torch.float32)
    >>> batch.sequences[0].shape, batch.lengths[0].tolist()
    (torch.Size([5, 6, 3]), [6, 3, 1, 0, 5])
    """
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(shape, dtype=dtype, generator=generator, device="cpu")

    sequences, lengths = [], []
    for number, size in enumerate(step_sizes):
        most = max(_MOST_STEPS - number, 2)
        length = torch.tensor([most, most // 2, 1, shortest, most - 1], device="cpu").roll(seed)
        sequence = drawn(N_ROWS, most, size)
        lengths.append(length)
        sequences.append(sequence.masked_fill(_padding(length, sequence), 0.0))
    vectors = tuple(drawn(N_ROWS, size) for size in vector_sizes)
    return Batch(vectors, tuple(sequences), tuple(lengths))


def _padding(length: Tensor, sequence: Tensor) -> Tensor:
    """Mark padded steps, as a mask of shape (B, T, 1)."""
    steps = torch.arange(sequence.shape[1], device=length.device)
    return (steps >= length.unsqueeze(1)).unsqueeze(-1)  # (T,), (B, 1) -> (B, T) -> (B, T, 1)
