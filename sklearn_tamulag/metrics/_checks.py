"""What truth, prediction and protocol of a score may look like."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Protocol = Literal["mosi", "mosei", "sims"]

# The labels of a protocol lie in [-limit, limit].
_LABEL_LIMITS = {"mosi": 3.0, "mosei": 3.0, "sims": 1.0}


def _check_values(values: ArrayLike, name: str) -> NDArray[np.floating]:
    """Return a one-dimensional finite float array; floats keep their own precision."""
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} must be one-dimensional, of shape (n,); {error}") from error
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, of shape (n,); got shape {array.shape}.")
    if array.dtype.kind not in "biufO":
        raise TypeError(f"{name} must hold real numbers; got dtype {array.dtype}.")
    if array.dtype.kind != "f":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(f"{name} must hold real numbers; {error}") from error
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValueError(
            f"{name} must be finite; row {bad[0]} is {array[bad[0]]} ({bad.size} such rows)."
        )
    return array


def _check_pair(
    y_true: ArrayLike, y_pred: ArrayLike
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return truth and prediction as two float arrays of one shape (n,), n >= 1."""
    truth, prediction = _check_values(y_true, "y_true"), _check_values(y_pred, "y_pred")
    if len(truth) != len(prediction):
        raise ValueError(
            "y_true and y_pred must have the same length; "
            f"got {len(truth)} and {len(prediction)} rows."
        )
    if not len(truth):
        raise ValueError("y_true and y_pred must have at least one row; got none.")
    return truth, prediction


def _check_weighted(
    y_true: ArrayLike, y_pred: ArrayLike, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.float64] | None]:
    """Return truth, prediction and weights, if there are any, of the rows that have a weight."""
    truth, prediction = _check_pair(y_true, y_pred)
    if sample_weight is None:
        return truth, prediction, None
    weight = _check_weight(sample_weight, len(truth))
    kept = weight > 0
    return truth[kept], prediction[kept], weight[kept]


def _check_weight(sample_weight: ArrayLike, n_rows: int) -> NDArray[np.float64]:
    """Return weights of rows, divided by a power of two so that the largest is at most one."""
    weight = _check_values(sample_weight, "sample_weight").astype(np.float64)
    if len(weight) != n_rows:
        raise ValueError(f"sample_weight must have one value per row, {n_rows}; got {len(weight)}.")
    if (weight < 0).any() or not weight.any():
        raise ValueError(
            "sample_weight must have no negative values and a positive one; got values from "
            f"{weight.min():g} to {weight.max():g}."
        )
    return np.ldexp(weight, -math.frexp(weight.max())[1])


def check_protocol(protocol: str) -> None:
    """Refuse a protocol that is not one of the three."""
    if protocol not in list(_LABEL_LIMITS):
        raise ValueError(f"protocol must be one of {list(_LABEL_LIMITS)}; got {protocol!r}.")


def check_labels(y: ArrayLike, protocol: str, *, name: str = "y_true") -> None:
    """Refuse labels outside the range of a known protocol."""
    labels, limit = _check_values(y, name), _LABEL_LIMITS[protocol]
    outside = np.flatnonzero(np.abs(labels) > limit)
    if outside.size:
        raise ValueError(
            f'{name} must lie in [{-limit:g}, {limit:g}] under protocol "{protocol}"; '
            f"row {outside[0]} is {labels[outside[0]]:g} ({outside.size} such rows)."
        )
