"""Unimodal labels that people gave: read from a table, and put on the scale of the targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_tamulag.data.containers import open_container
from sklearn_tamulag.data.label_frames import check_label_columns, check_label_rows, label_numbers
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.training.objective.classes import class_codes
from sklearn_tamulag.training.objective.targets import ClassTarget, ScaledTarget


def read_human_labels(
    frame: Any,
    data: MultimodalData,
    weight: NDArray[np.float64],
    classes: NDArray[Any] | None,
    name: str = "unimodal_labels",
) -> NDArray[np.float64]:
    """Check a table of human labels and bring it into the order of the modalities.

    Parameters
    ----------
    frame : DataFrame or table of any library, of shape (n, <= M)
        Labels in the units of y, or classes; a column per modality that has any. NaN or None where
        a label is not known.
    data : MultimodalData
        The n rows, whose ids the table's index must not contradict.
    weight : float64 array of shape (n,)
        Row weights; the classes of rows of weight zero are not checked.
    classes : array of shape (K,) or None
        The classes of a classifier, sorted; None for a regressor.
    name : str, default="unimodal_labels"
        The argument that the table came as, for messages.

    Returns
    -------
    float64 array of shape (n, M)
        The labels, or codes 0 to K - 1 of the classes; NaN where none is known.

    Raises
    ------
    TypeError
        If the table is no DataFrame, or a regressor's label is no number.
    ValueError
        If a column is no modality, rows differ in number or name, a label is infinite or a class
        is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_tamulag import MultimodalData
    >>> from sklearn_tamulag.training.objective.human_labels import read_human_labels
    >>> data = MultimodalData({"text": np.ones((2, 3, 1)), "audio": np.ones((2, 5, 1))})
    >>> frame = pd.DataFrame({"audio": ["sad", None]})
    >>> read_human_labels(frame, data, np.ones(2), np.array(["glad", "sad"]))
    array([[nan,  1.],
           [nan, nan]])
    """
    frame = open_container(frame)
    check_label_columns(name, frame, data.modalities)
    check_label_rows(name, frame, "X", len(data), data.ids)
    labels = np.full((len(data), len(data.modalities)), np.nan)
    for place, modality in enumerate(data.modalities):
        if modality not in frame:
            continue
        column, called = frame[modality], f"{name}[{modality!r}]"
        if classes is None:
            labels[:, place] = label_numbers(called, column)
        else:
            labels[:, place] = _codes(called, column, weight, classes)
    return labels


def _codes(
    name: str, column: pd.Series[Any], weight: NDArray[np.float64], classes: NDArray[Any]
) -> NDArray[np.float64]:
    """Number the classes of one modality."""
    codes = np.full(len(column), np.nan)
    known = column.notna().to_numpy()
    if known.any():
        # A column with gaps holds its values as objects: without the gaps they have their own type.
        values = column[known].astype(object).infer_objects().to_numpy()
        codes[known] = class_codes(values, classes, weight[known], name)
    return codes


def encode_human_labels(
    labels: NDArray[np.float64] | None,
    rows: NDArray[np.int64],
    target: ScaledTarget | ClassTarget,
    device: str,
) -> Tensor | None:
    """Put the human labels of some rows on the scale that the network is trained on.

    Parameters
    ----------
    labels : float64 array of shape (n, M) or None
        What `read_human_labels` returns; None where there are none.
    rows : int64 array of shape (k,)
        The rows.
    target : ScaledTarget or ClassTarget
        The way from y to what the network is trained on, learned from y.
    device : str
        Where the labels are needed.

    Returns
    -------
    Tensor of shape (k, M) or (k, M, K), or None
        NaN where no label is known; None where none is known at all.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> target = ScaledTarget(neutral=50.0, scale=10.0, dtype=torch.float32)
    >>> encode_human_labels(np.array([[np.nan, 65.0]]), np.array([0]), target, "cpu")
    tensor([[   nan, 1.5000]])
    """
    if labels is None or not np.isfinite(labels[rows]).any():
        return None
    values = torch.from_numpy(labels[rows]).to(device)
    if isinstance(target, ScaledTarget):
        return target.encode(values)
    # (k, M) -> (k, M, K)
    encoded = target.encode(values.nan_to_num().long())
    return encoded.masked_fill(values.isnan().unsqueeze(2), torch.nan)
