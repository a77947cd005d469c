"""What a finished training run leaves for its user: tables of losses and of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.training.loop.epoch_losses import MULTIMODAL
from sklearn_tamulag.training.loop.net import TAMULAGNet

_BOOKKEEPING = ("batches", "epoch")
_BOOKKEEPING_ENDS = ("_best", "_batch_count")


def history_frame(net: TAMULAGNet) -> pd.DataFrame:
    """Losses of every finished epoch.

    Parameters
    ----------
    net : TAMULAGNet
        A trained net.

    Returns
    -------
    DataFrame of shape (epochs, columns)
        Indexed by epoch from 1. ``train_loss`` is what training minimises: the sum over all tasks,
        terms of modalities weighted as they are there. ``valid_loss``, by which the best epoch is
        chosen, is the loss of the multimodal task. ``train_multimodal``, ``valid_multimodal`` and a
        ``train_`` and a ``valid_`` column per modality are mean losses of single tasks, weighted by
        row and class weights alone: rows that lack a modality, or from which it was hidden, do not
        count in its column. A modality is compared with its generated labels in training, and in
        validation with what people said of it, or else with y. ``valid_`` columns are NaN without
        validation rows. Then ``dur`` in seconds, and whatever else callbacks recorded.
    """
    tasks = ["loss", MULTIMODAL, *net.modalities]
    columns = [f"{part}_{task}" for part in ("train", "valid") for task in tasks]
    rows = [
        {
            key: value
            for key, value in row.items()
            if key in columns or (key not in _BOOKKEEPING and not key.endswith(_BOOKKEEPING_ENDS))
        }
        for row in net.history
    ]
    frame = pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="epoch"))
    others = [name for name in frame.columns if name not in columns]
    losses = ["train_loss", "valid_loss"]
    return frame.reindex(columns=[*losses, *(c for c in columns if c not in losses), *others])


def label_history(
    memory: LabelMemory,
    train: NDArray[np.int64],
    n_rows: int,
    decode: Callable[[Any], Any],
) -> NDArray[np.float64]:
    """Generated labels of every epoch, a place for every row given to fit.

    Parameters
    ----------
    memory : LabelMemory
        The memory of the training rows.
    train : int64 array of shape (k,)
        Which of the rows given to fit these are.
    n_rows : int
        Rows given to fit.
    decode : callable
        Maps labels to the units of y.

    Returns
    -------
    float64 array of shape (epochs, n_rows, M) or (epochs, n_rows, M, K)
        NaN where a row was held out or lacks the modality.
    """
    shape = (len(memory.history), n_rows, *memory.labels.shape[1:])
    history = np.full(shape, np.nan)
    for epoch, labels in enumerate(memory.history):
        history[epoch, train] = decode(labels).double().numpy()
    rows, columns = np.nonzero(~memory.present.cpu().numpy())
    history[:, train[rows], columns] = np.nan
    return history


def label_frame(
    labels: NDArray[np.float64],
    modalities: Sequence[str],
    classes: Sequence[Any] | None,
    index: pd.Index,
) -> pd.DataFrame:
    """One epoch's labels as a table.

    Parameters
    ----------
    labels : float64 array of shape (n, M) or (n, M, K)
        The labels.
    modalities : sequence of str
        Names of the M modalities.
    classes : sequence or None
        The K classes of a classifier.
    index : pandas.Index
        Names of the rows.

    Returns
    -------
    DataFrame of shape (n, M) or (n, M * K)
        A column per modality, or per (modality, class).
    """
    if classes is None:
        return pd.DataFrame(labels, index=index, columns=pd.Index(modalities, name="modality"))
    if np.asarray(classes).dtype.kind == "f":
        # pandas has no index of float16 or long double
        classes = np.asarray(classes, dtype=np.float64).tolist()
    columns = pd.MultiIndex.from_product([modalities, classes], names=["modality", "class"])
    # (n, M, K) -> (n, M * K)
    return pd.DataFrame(labels.reshape(len(labels), -1), index=index, columns=columns)
