"""Padded rows of several modalities that index like an array."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, DTypeLike, NDArray

from sklearn_tamulag.data.blocks import row_blocks, valid_steps
from sklearn_tamulag.data.flat import flatten_steps, n_columns
from sklearn_tamulag.data.padding import clear_padding, stack_rows, zero_padded
from sklearn_tamulag.data.selection import row_index, take_rows
from sklearn_tamulag.data.validation import check_feature_sizes, check_same_modalities

Arrays = dict[str, NDArray[Any]]
RowValues = NDArray[Any] | None


class PaddedRows:
    """What MultimodalData is once it is made: arrays, lengths and names of rows, selected together.

    Attributes
    ----------
    arrays : dict of str to ndarray of shape (n, T, d) or (n, T)
        The padded modalities.
    lengths : dict of str to ndarray of shape (n,), dtype int64
        The valid lengths of every modality.
    ids, groups : ndarray of shape (n,) or None
        The values that travel with the rows.
    """

    # scikit-learn reads it, beside shape, as the dimensions of the flat matrix
    ndim = 2

    arrays: Arrays
    lengths: Arrays
    ids: RowValues
    groups: RowValues

    @classmethod
    def _unchecked(cls, arrays: Arrays, lengths: Arrays, ids: RowValues, groups: RowValues) -> Self:
        """Build from parts that are known to be valid, without looking at them again."""
        data = cls.__new__(cls)
        data.arrays, data.lengths, data.ids, data.groups = arrays, lengths, ids, groups
        return data

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in order."""
        return tuple(self.arrays)

    @property
    def feature_sizes(self) -> dict[str, int | None]:
        """Features per step by modality, None for token ids."""
        return {
            name: array.shape[2] if array.ndim == 3 else None for name, array in self.arrays.items()
        }

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the flat matrix: rows, and the sum of T * d (T for token ids)."""
        return len(self), n_columns(self.shapes)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Steps and features (T, d) by modality, (T,) for token ids: what leads back from flat."""
        return {name: array.shape[1:] for name, array in self.arrays.items()}

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the flat matrix: what holds every modality, token ids counting as float32."""
        kinds = [array.dtype if array.ndim == 3 else np.float32 for array in self.arrays.values()]
        return np.result_type(*kinds)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Whether a row has a modality, of shape (n, M): False where the length is 0."""
        return np.stack([self.lengths[name] > 0 for name in self.arrays], axis=1)

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Mark the valid steps of a modality.

        Parameters
        ----------
        name : str
            The modality; an unknown one is a ValueError.

        Returns
        -------
        mask : ndarray of shape (n, T), dtype bool
            True on valid steps, False on padding.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_tamulag import MultimodalData
        >>> X = MultimodalData({"text": np.ones((2, 2, 1))}, {"text": [2, 1]})
        >>> X.mask("text").tolist()
        [[True, True], [True, False]]
        """
        return valid_steps(self.select(name).lengths[name], self.arrays[name].shape[1])

    def select(self, modalities: str | Sequence[str]) -> Self:
        """Keep some of the modalities.

        Parameters
        ----------
        modalities : str or sequence of str
            The names to keep, in the order wanted; an unknown one is a ValueError.

        Returns
        -------
        data : MultimodalData
            The same rows with these modalities; arrays are shared, not copied.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_tamulag import MultimodalData
        >>> X = MultimodalData({"text": np.ones((2, 3, 1)), "audio": np.ones((2, 5, 4))})
        >>> X.select("audio").modalities
        ('audio',)
        """
        names = [modalities] if isinstance(modalities, str) else list(modalities)
        if not names or not set(names) <= set(self.arrays):
            raise ValueError(f"modalities must be among {list(self.arrays)}, got {names}.")
        arrays = {name: self.arrays[name] for name in names}
        lengths = {name: self.lengths[name] for name in names}
        return self._unchecked(arrays, lengths, self.ids, self.groups)

    @classmethod
    def concatenate(cls, parts: Sequence[PaddedRows]) -> Self:
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
        >>> import numpy as np
        >>> from sklearn_tamulag import MultimodalData
        >>> parts = [MultimodalData({"text": np.ones((1, steps, 3))}) for steps in (2, 5)]
        >>> MultimodalData.concatenate(parts)
        MultimodalData of 2 rows
          text: (2, 5, 3) float64, lengths 2..5, missing 0
        """
        if not len(parts):
            raise ValueError("parts must hold at least one MultimodalData, got none.")
        for part in parts:
            if not isinstance(part, PaddedRows):
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

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def __iter__(self) -> Iterator[Self]:
        return (self[row] for row in range(len(self)))

    def __getitem__(self, key: Any) -> Self:
        rows = row_index(key, len(self))
        lengths = {name: values[rows] for name, values in self.lengths.items()}
        return self._unchecked(
            {name: take_rows(array, rows, lengths[name]) for name, array in self.arrays.items()},
            lengths,
            None if self.ids is None else self.ids[rows],
            None if self.groups is None else self.groups[rows],
        )

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is not None and not copy:
            raise ValueError("The flat matrix is always a copy: copy=False is impossible.")
        flat = np.empty(self.shape, dtype=self.dtype if dtype is None else dtype)
        stop = 0
        for name, array in self.arrays.items():
            start, stop = stop, stop + math.prod(array.shape[1:])
            for rows in row_blocks(array):
                flat[rows, start:stop] = flatten_steps(
                    self._block(name, rows), self.lengths[name][rows]
                )
        return flat

    def _block(self, name: str, rows: slice) -> NDArray[Any]:
        """Read some rows of a modality into memory, with zero padding."""
        return zero_padded(np.asarray(self.arrays[name][rows]), self.lengths[name][rows])

    def __sizeof__(self) -> int:
        # joblib and dask decide by it how rows travel to their workers
        parts = [*self.arrays.values(), *self.lengths.values(), self.ids, self.groups]
        return object.__sizeof__(self) + sum(part.nbytes for part in parts if part is not None)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, PaddedRows):
            return NotImplemented
        return (
            self.modalities == other.modalities
            and len(self) == len(other)
            and self.shapes == other.shapes
            and all(np.array_equal(self.lengths[name], other.lengths[name]) for name in self.arrays)
            and all(np.array_equal(getattr(self, k), getattr(other, k)) for k in ("ids", "groups"))
            and all(
                np.array_equal(self._block(name, rows), other._block(name, rows), equal_nan=True)
                for name, array in self.arrays.items()
                for rows in row_blocks(array)
            )
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        # an array that was memory-mapped when it was saved may have been loaded into memory
        self.arrays = {
            name: zero_padded(self.arrays[name], self.lengths[name]) for name in self.arrays
        }

    def _described(self) -> Iterator[tuple[str, str]]:
        """Describe every modality in a few words."""
        for name, array in self.arrays.items():
            present = self.lengths[name][self.lengths[name] > 0]
            span = f"{present.min()}..{present.max()}" if present.size else "none"
            missing = len(self) - present.size
            yield name, f"{array.shape} {array.dtype}, lengths {span}, missing {missing}"

    def _heading(self) -> str:
        """Say how many rows there are and what travels with them."""
        along = [f" + {name}" for name in ("ids", "groups") if getattr(self, name) is not None]
        rows = "1 row" if len(self) == 1 else f"{len(self)} rows"
        return f"MultimodalData of {rows}{''.join(along)}"

    def __repr__(self) -> str:
        lines = [f"  {name}: {words}" for name, words in self._described()]
        return "\n".join([self._heading(), *lines])

    def _repr_html_(self) -> str:
        """Show the same as a table in a notebook."""
        cells = [f"<th>{escape(name)}</th><td>{words}</td>" for name, words in self._described()]
        return f"<p>{self._heading()}</p><table><tr>{'</tr><tr>'.join(cells)}</tr></table>"


def check_row_values(argument: str, values: ArrayLike | None, n_rows: int) -> RowValues:
    """Check that values which travel with the rows are one per row.

    Parameters
    ----------
    argument : str
        What they are, for the message.
    values : array-like of shape (n,) or None
        The values.
    n_rows : int
        The number of rows n.

    Returns
    -------
    values : ndarray of shape (n,) or None
        The values as an array.

    Raises
    ------
    ValueError
        If there are more or fewer.
    """
    array = None if values is None else np.asarray(values)
    if array is not None and array.shape != (n_rows,):
        raise ValueError(f"{argument} must have shape ({n_rows},), one per row, got {array.shape}.")
    return array


def check_unique_ids(ids: ArrayLike | None, where: str = "") -> None:
    """Refuse ids that are missing or stand for more than one row.

    Parameters
    ----------
    ids : array-like of shape (n,) or None
        The names of the rows; None names nothing.
    where : str, default=""
        Where they come from, for the message, such as ``" of clips.csv"``.

    Raises
    ------
    ValueError
        If an id is missing or stands twice; the message names it and its rows.

    Examples
    --------
    >>> from sklearn_tamulag.data.rows import check_unique_ids
    >>> check_unique_ids(["a", "b", "a"])
    Traceback (most recent call last):
        ...
    ValueError: ids must differ from row to row, but 'a' stands in rows 0 and 2.
    """
    index = pd.Index([] if ids is None else np.asarray(ids))
    missing = np.flatnonzero(index.isna())
    if missing.size:
        raise ValueError(f"ids{where} must name every row, but row {missing[0]} has none.")
    repeated = np.flatnonzero(index.duplicated())
    if repeated.size:
        value = index[repeated[0]]
        first = int(np.flatnonzero(index == value)[0])
        raise ValueError(
            f"ids{where} must differ from row to row, but {str(value)!r} stands in rows {first} "
            f"and {repeated[0]}."
        )


def _joined(parts: Sequence[RowValues]) -> RowValues:
    """Join what travels with the rows; None where a part lacks it."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None
