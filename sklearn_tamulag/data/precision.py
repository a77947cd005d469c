"""Whether features fit into the precision of the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from sklearn_tamulag.data.blocks import row_blocks, valid_steps


def check_representable(
    arrays: Mapping[str, NDArray[Any]],
    lengths: Mapping[str, NDArray[np.int64]],
    dtype: DTypeLike,
) -> None:
    """Refuse features that are finite, but become infinite in another precision.

    Arrays are read block by block, and only those of a wider type than `dtype`. Values in padded
    steps do not matter.

    Parameters
    ----------
    arrays : mapping of str to ndarray of shape (n, T, d) or (n, T)
        Features, or integer token ids, by modality.
    lengths : mapping of str to ndarray of shape (n,)
        The number of valid steps of each row, by modality.
    dtype : dtype
        The precision that the features are to have.

    Raises
    ------
    ValueError
        If a value is too large; the message names modality, row and step.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.precision import check_representable
    >>> audio = np.array([[[0.5], [1e300]]])
    >>> check_representable({"audio": audio}, {"audio": np.array([2])}, "float64")
    >>> check_representable({"audio": audio}, {"audio": np.array([2])}, "float32")
    Traceback (most recent call last):
        ...
    ValueError: Modality 'audio' has 1e+300 at row 0, step 1, which is too large for float32: \
scale it (SequenceScaler does), or pass precision="float64".
    """
    largest = float(np.finfo(dtype).max)
    for name, array in arrays.items():
        if array.dtype.kind != "f" or float(np.finfo(array.dtype).max) <= largest:
            continue
        for rows in row_blocks(array):
            block = array[rows]
            # Nearly all data end here, without a copy; NaN in padding does not.
            if not block.size or (block.max() <= largest and block.min() >= -largest):
                continue
            # (B, T, d) -> (B, T)
            outside = (np.abs(block) > largest).any(axis=2)
            outside &= valid_steps(lengths[name][rows], array.shape[1])
            if outside.any():
                row, step = np.argwhere(outside)[0]
                value = block[row, step][np.abs(block[row, step]) > largest][0]
                raise ValueError(
                    f"Modality {name!r} has {value} at row {rows.start + row}, step {step}, which "
                    f"is too large for {np.dtype(dtype)}: scale it (SequenceScaler does), or pass "
                    'precision="float64".'
                )
