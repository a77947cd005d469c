"""The container that every part of the package works on: padded sequences by modality."""

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from sklearn_tamulag._padding import clear_padding, stack_rows, zero_padded
from sklearn_tamulag._rows import PaddedRows, RowValues
from sklearn_tamulag._validation import (
    check_arrays,
    check_feature_sizes,
    check_lengths,
    check_same_modalities,
)


class MultimodalData(PaddedRows):
    """Sequences of several modalities, row by row, that index like an array.

    Slices, integers and boolean masks select rows, so the data passes through train_test_split,
    cross-validation and grid search as it is. ``np.asarray(X)`` is the flat matrix of all padded
    steps, so any scikit-learn model can be fitted for comparison.

    Parameters
    ----------
    arrays : dict of str to array-like
        The modalities: features of shape (n, T, d), or integer token ids of shape (n, T). T and d
        may differ between modalities. float16, float32 and float64 are kept, integer features
        become float32. Memory-mapped arrays stay memory-mapped.
    lengths : dict of str to array-like of int, shape (n,), default=None
        The number of valid steps of each row, from 0 (the modality is missing there) to T. Where a
        modality is left out, or for None, all T steps are valid.
    ids, groups : array-like of shape (n,), default=None
        Names of the rows, and what belongs together, such as the video that rows were cut from.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The padded modalities. Steps beyond a row's length are zero; only in memory-mapped arrays,
        which are not read, do they hold what the file holds.
    lengths : dict of str to ndarray of shape (n,), dtype int64
        The valid lengths of every modality.
    ids, groups : ndarray of shape (n,) or None
        The values that travel with the rows.

    Raises
    ------
    TypeError, ValueError
        If a name, dtype, shape, number of rows or length does not fit; the message says which.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag import MultimodalData
    >>> X = MultimodalData(
    ...     {"text": np.ones((3, 4, 2)), "audio": np.ones((3, 6, 5))},
    ...     lengths={"audio": [6, 2, 0]},
    ... )
    >>> X
    MultimodalData of 3 rows
      text: (3, 4, 2) float64, lengths 4..4, missing 0
      audio: (3, 6, 5) float64, lengths 2..6, missing 1
    >>> X[1:].lengths["audio"].tolist()
    [2, 0]
    >>> np.asarray(X).shape
    (3, 38)
    """

    def __init__(
        self,
        arrays: Mapping[str, ArrayLike],
        lengths: Mapping[str, ArrayLike] | None = None,
        *,
        ids: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> None:
        checked = check_arrays(arrays)
        self.lengths = check_lengths(lengths, checked)
        self.arrays = {name: zero_padded(checked[name], self.lengths[name]) for name in checked}
        self.ids = _check_row_values("ids", ids, len(self))
        self.groups = _check_row_values("groups", groups, len(self))

    @classmethod
    def concatenate(cls, parts: Sequence["MultimodalData"]) -> Self:
        """Join data sets row-wise, padding each modality to the longest part.

        Parameters
        ----------
        parts : sequence of MultimodalData
            At least one; other modalities or feature sizes than the first's are a ValueError.

        Returns
        -------
        data : MultimodalData
            All rows, in memory, with the modalities ordered as in the first part. ids and groups
            are kept where every part has them.

        Examples
        --------
        >>> parts = [MultimodalData({"text": np.ones((1, steps, 3))}) for steps in (2, 5)]
        >>> MultimodalData.concatenate(parts)
        MultimodalData of 2 rows
          text: (2, 5, 3) float64, lengths 2..5, missing 0
        """
        if not len(parts):
            raise ValueError("parts must hold at least one MultimodalData, got none.")
        for part in parts:
            if not isinstance(part, MultimodalData):
                raise TypeError(f"parts must be MultimodalData, got {type(part).__name__}.")
            check_same_modalities(part.modalities, parts[0].modalities)
            check_feature_sizes(part.feature_sizes, parts[0].feature_sizes)
        arrays, lengths = {}, {}
        for name in parts[0].modalities:
            lengths[name] = np.concatenate([part.lengths[name] for part in parts])
            stacked = stack_rows([part.arrays[name] for part in parts])
            arrays[name] = clear_padding(stacked, lengths[name])
        ids = _joined([part.ids for part in parts])
        return cls._unchecked(arrays, lengths, ids, _joined([part.groups for part in parts]))


def _check_row_values(argument: str, values: ArrayLike | None, n_rows: int) -> RowValues:
    """Check that values which travel with the rows are one per row."""
    array = None if values is None else np.asarray(values)
    if array is not None and array.shape != (n_rows,):
        raise ValueError(f"{argument} must have shape ({n_rows},), one per row, got {array.shape}.")
    return array


def _joined(parts: Sequence[RowValues]) -> RowValues:
    """Join what travels with the rows; None where a part lacks it."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None
