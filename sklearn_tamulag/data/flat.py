"""The flat matrix of all steps side by side, and the way back from it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A step of zeros at the end of a sequence looks like padding: the sign of its first zero tells.
SILENT = -0.0


def flatten_steps(block: NDArray[Any], lengths: NDArray[np.int64]) -> NDArray[Any]:
    """Put the steps of some rows side by side, so that the lengths can be found again.

    Padding is zero. Where the last valid step of a row holds nothing but zeros, its first value is
    written as negative zero, which equals zero in every comparison and sum.

    Parameters
    ----------
    block : ndarray of shape (B, T, d) or (B, T)
        Rows of one modality, in memory, their padding zero.
    lengths : ndarray of shape (B,)
        The number of valid steps of each row.

    Returns
    -------
    flat : ndarray of shape (B, T * d) or (B, T), dtype float
        The same values; those of token ids as float32.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.flat import flatten_steps
    >>> flatten_steps(np.array([[[1.0], [0.0], [0.0]]]), np.array([2])).tolist()
    [[1.0, -0.0, 0.0]]
    """
    dtype = block.dtype if block.dtype.kind == "f" else np.float32
    # (B, T, d) -> (B, T, d), (B, T) -> (B, T, 1); adding zero leaves no negative zero in padding
    steps = block.reshape(*block.shape[:2], math.prod(block.shape[2:])).astype(dtype)
    steps += np.zeros((), dtype=dtype)
    rows = np.flatnonzero(lengths)
    last = lengths[rows] - 1
    silent = ~steps[rows, last].any(axis=1)
    steps[rows[silent], last[silent], 0] = SILENT
    return steps.reshape(len(block), math.prod(block.shape[1:]))  # (B, T, d) -> (B, T * d)


def steps_of(
    flat: NDArray[Any], shapes: Mapping[str, Sequence[int]]
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[np.int64]]]:
    """Part a flat matrix into modalities, and find the lengths again.

    Parameters
    ----------
    flat : ndarray of shape (n, sum of T * d)
        What `flatten_steps` made of all modalities, side by side.
    shapes : mapping of str to (T, d), or to (T,) for token ids
        The steps and features of every modality, in order.

    Returns
    -------
    arrays : dict of str to ndarray of shape (n, T, d), or (n, T) for token ids
        The steps; token ids as integers, rounded.
    lengths : dict of str to ndarray of shape (n,), dtype int64
        The steps up to the last one that is not padding.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.flat import steps_of
    >>> arrays, lengths = steps_of(
    ...     np.array([[1.0, -0.0, 0.0, 7.0]]), {"audio": (3, 1), "text": (1,)}
    ... )
    >>> lengths["audio"].tolist(), arrays["text"].tolist()
    ([2], [[7]])
    """
    arrays, lengths = {}, {}
    stop = 0
    for name, shape in shapes.items():
        start, stop = stop, stop + math.prod(shape)
        # (n, T * d) -> (n, T, d), or (n, T, 1) for token ids
        steps = flat[:, start:stop].reshape(len(flat), shape[0], math.prod(shape[1:]))
        counts = ((steps != 0) | np.signbit(steps)).any(axis=2)
        lengths[name] = np.where(counts.any(axis=1), shape[0] - counts[:, ::-1].argmax(axis=1), 0)
        ids = len(shape) == 1
        arrays[name] = np.rint(steps[:, :, 0]).astype(np.int64) if ids else steps
    return arrays, lengths


def n_columns(shapes: Mapping[str, Sequence[int]]) -> int:
    """Count the columns of the flat matrix.

    Parameters
    ----------
    shapes : mapping of str to (T, d), or to (T,) for token ids
        The steps and features of every modality.

    Returns
    -------
    columns : int
        The sum of T * d.
    """
    return sum(math.prod(shape) for shape in shapes.values())
