"""Training rows as the fusion of a trained network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from sklearn_tamulag.training.feeding.batching import (
    cut_into_batches,
    inference_rows,
    length_order,
)

# Rows that are kept, drawn where there are more.
MOST_ROWS = 8192
# The most values of states that are kept, 128 MB, where the fusion reads them.
MOST_STATES = 2**25


@dataclass
class EmbeddedRows:
    """Training rows as the fusion sees them.

    Attributes
    ----------
    embeddings : list of M Tensors of shape (n, K_m)
        Their embeddings.
    present : bool Tensor of shape (n, M)
        Whether the row has the modality.
    target : Tensor of shape (n,) or (n, K)
        What the network is trained towards.
    weight : Tensor of shape (n,)
        Row weights.
    states : list of M Tensors of shape (n, T_m, H_m), or None
        Their states, if the fusion reads them.
    lengths : list of M int64 Tensors of shape (n,), or None
        How many of the states are valid.
    """

    embeddings: list[Tensor]
    present: Tensor
    target: Tensor
    weight: Tensor
    states: list[Tensor] | None = None
    lengths: list[Tensor] | None = None

    def __len__(self) -> int:
        return len(self.target)

    def means(self, fallback: list[Tensor]) -> list[Tensor]:
        """Weighted mean embedding of the rows that have a modality.

        Parameters
        ----------
        fallback : list of M Tensors of shape (K_m,)
            What stands where no row has it.

        Returns
        -------
        list of M Tensors of shape (K_m,)
            The means.
        """
        means = []
        for column, (embedding, other) in enumerate(zip(self.embeddings, fallback, strict=True)):
            weight = (self.weight * self.present[:, column]).double()
            mean = (weight @ embedding.double()) / weight.sum()  # (n,) @ (n, K) -> (K,)
            means.append(torch.where(weight.sum() > 0, mean.to(other.dtype), other))
        return means

    def read(self, index: Tensor, left: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """States and lengths of some rows that show some of their modalities.

        Parameters
        ----------
        index : int64 Tensor of shape (B,)
            Row numbers.
        left : bool Tensor of shape (B, M)
            What they show.

        Returns
        -------
        states : list of M Tensors of shape (B, T_m, H_m)
            Zero where a row does not show the modality, up to the longest row.
        lengths : list of M int64 Tensors of shape (B,)
            Zero there too.
        """
        assert self.states is not None, "the fusion reads states"
        assert self.lengths is not None
        lengths = [own[index] * left[:, m] for m, own in enumerate(self.lengths)]
        states = []
        for m, own in enumerate(self.states):
            longest = int(lengths[m].max())
            # (B,) -> (B, 1, 1)
            states.append(own[index, :longest] * left[:, m, None, None])
        return states, lengths


@torch.no_grad()
def embed_rows(net: Any, dataset: Any, random: np.random.Generator) -> EmbeddedRows:
    """Run the branches on the training rows, or on a draw of them.

    Parameters
    ----------
    net : TAMULAGNet
        A trained net, in evaluation mode.
    dataset : RowDataset
        The training rows.
    random : numpy.random.Generator
        Draws rows where there are too many.

    Returns
    -------
    EmbeddedRows
        The rows, from the shortest to the longest.
    """
    places = length_order(dataset.lengths, dataset.table.tokens)
    most = min(MOST_ROWS, _rows_of_states(net, dataset))
    if len(places) > most:
        places = places[np.sort(random.choice(len(places), most, replace=False))]
    embeddings, targets, weights, states, lengths = [], [], [], [], []
    for inputs, y in dataset.batches(cut_into_batches(places, inference_rows(net.device))):
        output = net.infer(inputs)
        embeddings.append([embedding.to(net.dtype) for embedding in output.embeddings])
        targets.append(net.target.encode(y))
        weights.append(inputs["weight"])
        if output.states is not None:
            states.append([own.to(net.dtype) for own in output.states])
            lengths.append([inputs["lengths"][name] for name in net.modalities])
    index = torch.from_numpy(places).to(dataset.present.device)
    return EmbeddedRows(
        embeddings=[torch.cat(parts) for parts in zip(*embeddings, strict=True)],
        present=dataset.present.index_select(0, index),
        target=torch.cat(targets),
        weight=torch.cat(weights),
        states=[_padded(parts) for parts in zip(*states, strict=True)] if states else None,
        lengths=[torch.cat(parts) for parts in zip(*lengths, strict=True)] if states else None,
    )


def _rows_of_states(net: Any, dataset: Any) -> int:
    """How many rows' states may be kept; any number where the fusion does not read them."""
    if not net.module_.reads_states:
        return len(dataset)
    sizes = [branch.encoder.output_size for branch in net.module_.branches]
    # (M,) @ (M,): values of the longest rows
    values = int(dataset.lengths.max(axis=0) @ np.array(sizes))
    return max(1, MOST_STATES // max(values, 1))


def _padded(parts: Sequence[Tensor]) -> Tensor:
    """Put batches of states together, padded to the longest: (n, T, H)."""
    longest = max(part.shape[1] for part in parts)
    return torch.cat([pad(part, (0, 0, 0, longest - part.shape[1])) for part in parts])
