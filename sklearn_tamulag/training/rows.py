"""The rows of a fit, gathered by number: data kept on the device or on disk."""

from typing import Any, TypedDict

import joblib
import numpy as np
import torch
from numpy.typing import NDArray
from skorch.dataset import Dataset
from torch import Tensor

from sklearn_tamulag._data import MultimodalData


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


def _to_tensor(array: NDArray[Any], dtype: torch.dtype, device: str) -> Tensor:
    """Move an array to the device; memory is shared where dtype and device allow it."""
    # torch warns about read-only arrays, which joblib's workers receive.
    source = array if array.flags.writeable else array.copy()
    return torch.from_numpy(np.ascontiguousarray(source)).to(device=device, dtype=dtype)


class FeatureTable:
    """The padded features of all rows, ready to be gathered by row.

    Arrays in memory are moved to the device once. Memory-mapped arrays stay on disk, and only the
    rows of a batch are read.

    Parameters
    ----------
    data : MultimodalData
        The n rows.
    dtype : torch.dtype
        Precision of the gathered features.
    device : str
        Where the gathered features live.

    Attributes
    ----------
    lengths : int64 array of shape (n, M)
        Valid lengths, on the host.
    present : bool Tensor of shape (n, M)
        Whether the row has the modality, on the device.
    """

    def __init__(self, data: MultimodalData, *, dtype: torch.dtype, device: str) -> None:
        self.dtype = dtype
        self.device = device
        self.modalities = data.modalities
        self.lengths = np.stack([data.lengths[name] for name in data.modalities], axis=1)
        self.present = torch.from_numpy(self.lengths > 0).to(device)
        self._sources: dict[str, Tensor | NDArray[Any]] = {
            name: array
            if isinstance(array, np.memmap)
            else _to_tensor(array, self._dtype_of(array), device)
            for name, array in data.arrays.items()
        }

    def __len__(self) -> int:
        return len(self.lengths)

    def _dtype_of(self, array: NDArray[Any]) -> torch.dtype:
        """Features are in the precision of the network, token ids are numbers of rows."""
        return self.dtype if array.ndim == 3 else torch.int64

    def gather(self, rows: NDArray[np.int64]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Features and lengths of some rows, each modality trimmed to its longest valid step.

        Parameters
        ----------
        rows : int64 array of shape (B,)
            Row numbers.

        Returns
        -------
        features : dict of str to Tensor of shape (B, T, d), or int64 (B, T) for token ids
            By modality; T is at least 1.
        lengths : dict of str to int64 Tensor of shape (B,)
            By modality.
        """
        index = torch.from_numpy(rows).to(self.device, non_blocking=True)
        lengths = self.lengths[rows]
        # One copy to the device for all modalities.
        on_device = torch.from_numpy(lengths).to(self.device, non_blocking=True)
        features = {}
        for column, name in enumerate(self.modalities):
            longest = max(int(lengths[:, column].max()), 1)
            source = self._sources[name]
            if isinstance(source, Tensor):
                # (n, T_max[, d]) -> (B, T[, d])
                features[name] = source[:, :longest].index_select(0, index)
            else:
                features[name] = self._read(source, rows, longest, on_device[:, column])
        return features, {name: on_device[:, column] for column, name in enumerate(self.modalities)}

    def first_steps(self, rows: NDArray[np.int64]) -> list[NDArray[Any]]:
        """The first step of some rows, on the host.

        Parameters
        ----------
        rows : int64 array of shape (B,)
            Row numbers.

        Returns
        -------
        list of M arrays of shape (B, d), or (B,) for token ids
            In the order of the modalities.
        """
        # (n, T[, d]) -> (n[, d]) -> (B[, d])
        return [
            np.asarray(source[:, 0].cpu() if isinstance(source, Tensor) else source[:, 0])[rows]
            for source in self._sources.values()
        ]

    def _read(
        self, source: NDArray[Any], rows: NDArray[np.int64], longest: int, lengths: Tensor
    ) -> Tensor:
        """Read rows from disk; padding there is not known to be zero, so it is cleared."""
        # In the order of the file, which disks prefer.
        order = np.argsort(rows, kind="stable")
        block = np.empty((len(rows), longest, *source.shape[2:]), dtype=source.dtype)
        for place in order:
            block[place] = source[rows[place], :longest]
        features = torch.from_numpy(block).to(device=self.device, dtype=self._dtype_of(source))
        padded = torch.arange(longest, device=self.device) >= lengths.unsqueeze(1)
        # (B, T) -> (B, T[, 1])
        return features.masked_fill_(padded if features.ndim == 2 else padded.unsqueeze(2), 0)


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

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def X(self) -> "RowDataset":
        """What skorch's scoring hands to ``net.predict``: the data set itself."""
        return self

    @property
    def fingerprint(self) -> str:
        """A hash that tells these rows from others, by their lengths and first steps."""
        return str(joblib.hash([self.lengths, *self.table.first_steps(self.rows)]))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Valid lengths of the rows, (k, M)."""
        return self.table.lengths[self.rows]

    @property
    def present(self) -> Tensor:
        """Whether each row has each modality, (k, M)."""
        return self.table.present[torch.from_numpy(self.rows).to(self.table.device)]

    def __getitem__(self, places: NDArray[np.int64]) -> Batch:
        """Gather the rows at some places of this data set as one batch."""
        index = torch.from_numpy(places).to(self.table.device, non_blocking=True)
        features, lengths = self.table.gather(self.rows[places])
        inputs = Inputs(
            features=features,
            lengths=lengths,
            index=index,
            weight=self.weight.index_select(0, index),
            share=1.0,
            update=True,
        )
        return inputs, self.y.index_select(0, index)
