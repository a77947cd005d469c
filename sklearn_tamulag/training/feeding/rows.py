"""The rows of a fit, gathered by number into batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypedDict

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from skorch.dataset import Dataset
from torch import Tensor

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.training.feeding.sources import memory_budget, place_arrays


class Inputs(TypedDict):
    """What travels with the rows of a batch.

    ``features`` {modality: (B, T, d)} and ``lengths`` {modality: (B,)} go into the network;
    ``index`` (B,), the place of the rows in the training part, ``weight`` (B,), ``share``, the
    batch's part in its accumulation group, and ``update``, whether the group ends here, do not.
    """

    features: dict[str, Tensor]
    lengths: dict[str, Tensor]
    index: Tensor
    weight: Tensor
    share: float
    update: bool


Batch = tuple[Inputs, Tensor]


class FeatureTable:
    """The padded features of all rows, ready to be gathered by row.

    Arrays in memory are kept on the device where they fit; memory-mapped arrays stay on disk, and
    only the rows of a batch are read.

    Parameters
    ----------
    data : MultimodalData
        The n rows.
    dtype : torch.dtype
        Precision of the gathered features.
    device : str
        Where the gathered features live.
    budget : int, optional
        Bytes of features that may be kept on the device; by default what `memory_budget` measures.

    Attributes
    ----------
    lengths : int64 array of shape (n, M)
        Valid lengths, on the host.
    present : bool Tensor of shape (n, M)
        Whether the row has the modality, on the device.
    on_device : bool
        Whether all features are.
    tokens : bool array of shape (M,), or None
        Which modalities are token ids; None if none is.
    """

    def __init__(
        self,
        data: MultimodalData,
        *,
        dtype: torch.dtype,
        device: str,
        budget: int | None = None,
    ) -> None:
        self.dtype = dtype
        self.device = device
        self.modalities = data.modalities
        self.lengths = np.stack([data.lengths[name] for name in data.modalities], axis=1)
        self._lengths = torch.from_numpy(self.lengths).to(device)
        self.present = self._lengths > 0
        tokens = np.array([array.ndim == 2 for array in data.arrays.values()])
        self.tokens = tokens if tokens.any() else None
        self._sources = place_arrays(
            data.arrays,
            dtype=dtype,
            device=device,
            budget=memory_budget(device) if budget is None else budget,
        )
        self.on_device = all(source.on_device for source in self._sources.values())

    def __len__(self) -> int:
        return len(self.lengths)

    def gather(
        self, rows: NDArray[np.int64], index: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features and lengths of some rows, each modality trimmed to its longest valid step.

        Parameters
        ----------
        rows : int64 array of shape (B,)
            Row numbers, on the host.
        index : int64 Tensor of shape (B,)
            The same row numbers, on the device.

        Returns
        -------
        features : dict of str to Tensor of shape (B, T, d), or int64 (B, T) for token ids
            By modality; T is at least 1.
        lengths : dict of str to int64 Tensor of shape (B,)
            By modality.
        """
        lengths = self.lengths[rows]
        features = {
            name: self._sources[name].gather(rows, index, lengths[:, column])
            for column, name in enumerate(self.modalities)
        }
        columns = self._lengths.index_select(0, index).unbind(dim=1)  # (B, M) -> M x (B,)
        return features, dict(zip(self.modalities, columns, strict=True))

    def telling_steps(self, rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        """What tells some rows from others: first steps of features, all token ids; on the host.

        Parameters
        ----------
        rows : int64 array of shape (B,)
            Row numbers.

        Returns
        -------
        list of M arrays of shape (B, d), or (B, T) for token ids
            In the order of the modalities.
        """
        return [source.telling_steps(rows) for source in self._sources.values()]


class RowDataset(Dataset):
    """Some rows of a feature table with their y and weights.

    Parameters
    ----------
    table : FeatureTable
        The features of all rows.
    rows : int64 array of shape (k,)
        Which rows of the table belong to this data set.
    y : array of shape (k,), optional
        Their y (float64) or class codes (int64); zeros by default.
    weight : float64 array of shape (k,), optional
        Their weights; ones by default.
    """

    def __init__(
        self,
        table: FeatureTable,
        rows: NDArray[np.int64],
        y: NDArray[Any] | None = None,
        weight: NDArray[np.float64] | None = None,
    ) -> None:
        self.table = table
        self.rows = rows
        self.host_weight = np.ones(len(rows)) if weight is None else weight
        host_y = np.zeros(len(rows)) if y is None else y
        self.y = torch.from_numpy(host_y).to(table.device)
        self.weight = torch.from_numpy(self.host_weight).to(table.device, table.dtype)
        self._rows = torch.from_numpy(rows).to(table.device)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def X(self) -> RowDataset:
        """What skorch's scoring hands to ``net.predict``: the data set itself."""
        return self

    @property
    def fingerprint(self) -> str:
        """A hash that tells these rows from others, by their lengths and telling steps."""
        return str(joblib.hash([self.lengths, *self.table.telling_steps(self.rows)]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Valid lengths of the rows, (k, M)."""
        return self.table.lengths[self.rows]

    @property
    def present(self) -> Tensor:
        """Whether each row has each modality, (k, M)."""
        return self.table.present.index_select(0, self._rows)

    def __getitem__(self, places: NDArray[np.int64]) -> Batch:
        """Gather the rows at some places of this data set as one batch."""
        return next(self.batches([places]))

    def batches(self, order: Sequence[NDArray[np.int64]]) -> Iterator[Batch]:
        """Gather one batch after the other.

        What is not on the device is read while the batch before is worked on.

        Parameters
        ----------
        order : sequence of int64 arrays of shape (B,)
            The places in this data set of the rows of every batch.

        Yields
        ------
        batch : tuple of Inputs and Tensor
            The inputs, and y.
        """
        # One copy to the device for all batches.
        index = torch.from_numpy(np.concatenate(order)).to(self.table.device)
        parts = index.split([len(places) for places in order])
        if self.table.on_device or len(order) == 1:
            yield from map(self._batch, order, parts)
            return
        with ThreadPoolExecutor(max_workers=1) as reader:
            upcoming = reader.submit(self._batch, order[0], parts[0])
            for number in range(1, len(order)):
                batch = upcoming.result()
                upcoming = reader.submit(self._batch, order[number], parts[number])
                yield batch
            yield upcoming.result()

    def _batch(self, places: NDArray[np.int64], index: Tensor) -> Batch:
        """Gather one batch, its places given on the host and on the device."""
        rows = self._rows.index_select(0, index)
        features, lengths = self.table.gather(self.rows[places], rows)
        inputs = Inputs(
            features=features,
            lengths=lengths,
            index=index,
            weight=self.weight.index_select(0, index),
            share=1.0,
            update=True,
        )
        return inputs, self.y.index_select(0, index)
