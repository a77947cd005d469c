"""Which rows make a batch: lengths alike, random in training, in tiles for inference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_tamulag.training.feeding.rows import Batch, RowDataset

# Shuffled rows are sorted by length within windows of this many batches: long enough to cut most
# of the padding, short enough that batches differ from epoch to epoch.
BUCKET_BATCHES = 8

# Rows of a batch without gradients: on the CPU as many as the cache holds, elsewhere as many as
# keep the device busy.
CPU_INFERENCE_ROWS = 128
DEVICE_INFERENCE_ROWS = 1024

# Rows of an inference batch come in multiples of this.
ROW_TILE = 8

# A row alone that has more steps than this is not repeated: eight rows would cost three times as
# much as one, and below it they cost the same.
ALONE_STEPS = 16


def inference_rows(device: Any) -> int:
    """Rows of a batch in validation and prediction.

    Parameters
    ----------
    device : str or torch.device
        Where the network is.

    Returns
    -------
    int
        More on a device of its own than on the CPU.

    Examples
    --------
    >>> inference_rows("cpu")
    128
    """
    on_cpu = torch.device(device).type == "cpu"
    return CPU_INFERENCE_ROWS if on_cpu else DEVICE_INFERENCE_ROWS


def length_order(
    lengths: NDArray[np.int64], tokens: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Rows from the shortest to the longest.

    A transformer computes on padding, which a recurrent net hardly does: where there are token ids,
    rows are sorted by their number first. Equal rows stay as they come.

    Parameters
    ----------
    lengths : int64 array of shape (n, M)
        Valid lengths by modality.
    tokens : bool array of shape (M,), optional
        Which modalities are token ids; None is none.

    Returns
    -------
    int64 array of shape (n,)
        Every row number once.

    Examples
    --------
    >>> import numpy as np
    >>> lengths = np.array([[3, 100], [4, 10], [3, 50]])
    >>> length_order(lengths)
    array([1, 2, 0])
    >>> length_order(lengths, tokens=np.array([True, False]))
    array([2, 0, 1])
    """
    total = lengths.sum(axis=1)
    if tokens is None:
        return np.argsort(total, kind="stable")
    return np.lexsort((total, lengths[:, tokens].sum(axis=1)))


def cut_into_batches(rows: NDArray[np.int64], batch_size: int) -> list[NDArray[np.int64]]:
    """Cut rows into batches, in their order.

    Parameters
    ----------
    rows : int64 array of shape (n,)
        Row numbers.
    batch_size : int
        Rows in a batch; the last batch may have fewer.

    Returns
    -------
    list of int64 array
        The batches; none of no rows.

    Examples
    --------
    >>> import numpy as np
    >>> cut_into_batches(np.array([4, 0, 2]), 2)
    [array([4, 0]), array([2])]
    """
    return [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]


def bucketed_order(
    lengths: NDArray[np.int64],
    batch_size: int,
    random: np.random.Generator,
    tokens: NDArray[np.bool_] | None = None,
) -> list[NDArray[np.int64]]:
    """Random batches of rows of similar length.

    Rows are shuffled, sorted by length within windows of a few batches, cut into batches, and the
    batches are shuffled. Rows of equal length stay in random order, so where all lengths are equal
    this is a plain shuffle.

    Parameters
    ----------
    lengths : int64 array of shape (n, M)
        Valid lengths by modality.
    batch_size : int
        Rows in a batch; the last batch may have fewer.
    random : numpy.random.Generator
        Source of randomness.
    tokens : bool array of shape (M,), optional
        As for `length_order`.

    Returns
    -------
    list of int64 array
        Every row number exactly once.

    Examples
    --------
    >>> import numpy as np
    >>> lengths = np.array([[1], [9], [1], [9]])
    >>> batches = bucketed_order(lengths, 2, np.random.default_rng(0))
    >>> sorted(sorted(batch.tolist()) for batch in batches)
    [[0, 2], [1, 3]]
    """
    shuffled = random.permutation(len(lengths))
    batches = []
    for rows in cut_into_batches(shuffled, batch_size * BUCKET_BATCHES):
        batches += cut_into_batches(rows[length_order(lengths[rows], tokens)], batch_size)
    return [batches[place] for place in random.permutation(len(batches))]


def inference_order(
    lengths: NDArray[np.int64], batch_size: int, tokens: NDArray[np.bool_] | None = None
) -> list[NDArray[np.int64]]:
    """Batches of rows of similar length, each filled up to a whole number of tiles.

    Matrix products of a few rows round otherwise than those of many: the last row of a batch is
    repeated to fill the tile, so that a prediction rounds alike in any batch. A single row of many
    steps is left alone, which is three times as fast.

    Parameters
    ----------
    lengths : int64 array of shape (n, M)
        Valid lengths by modality.
    batch_size : int
        Rows in a batch, before it is filled up.
    tokens : bool array of shape (M,), optional
        As for `length_order`.

    Returns
    -------
    list of int64 array
        Every row number once, but for the repeated ones.

    Examples
    --------
    >>> import numpy as np
    >>> inference_order(np.array([[5], [2], [9]]), 256)
    [array([1, 0, 2, 2, 2, 2, 2, 2])]
    """
    if len(lengths) == 1 and lengths.sum() > ALONE_STEPS:
        return [np.zeros(1, dtype=np.int64)]
    order = length_order(lengths, tokens)
    batches = cut_into_batches(order, batch_size)
    return [np.pad(rows, (0, -len(rows) % ROW_TILE), mode="edge") for rows in batches]


class BatchLoader:
    """Iterates over the batches of a data set, shuffled for training, else in the order of rows.

    Parameters
    ----------
    dataset : RowDataset
        The rows.
    batch_size : int
        Rows in a batch.
    random : numpy.random.Generator, optional
        Where given, every pass is in a new random order.
    accumulation : int, default=1
        Batches whose gradients are added up before the weights move.
    """

    def __init__(
        self,
        dataset: RowDataset,
        batch_size: int,
        random: np.random.Generator | None = None,
        accumulation: int = 1,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.random = random
        self.accumulation = accumulation

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        order = self._order()
        weights = [float(self.dataset.host_weight[places].sum()) for places in order]
        for number, (inputs, y) in enumerate(self.dataset.batches(order)):
            start = number - number % self.accumulation
            group = weights[start : start + self.accumulation]
            # A group's gradient is that of one batch of all its rows, a short group's too.
            inputs["share"] = weights[number] / sum(group)
            inputs["update"] = number == start + len(group) - 1
            yield inputs, y

    def _order(self) -> list[NDArray[np.int64]]:
        """The places of every batch."""
        if self.random is not None:
            lengths, tokens = self.dataset.lengths, self.dataset.table.tokens
            return bucketed_order(lengths, self.batch_size, self.random, tokens)
        return cut_into_batches(np.arange(len(self.dataset)), self.batch_size)
