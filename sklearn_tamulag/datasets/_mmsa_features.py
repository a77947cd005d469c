"""Features of a split in the MMSA layout: one array, or a sequence of any length per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.padding import is_missing

# A list of sequences is padded to the longest, up to so many times what they take themselves.
_MAX_PADDING = 10
_FREE_BYTES = 16 * 2**20

Features = tuple[NDArray[np.floating], NDArray[np.int64] | None]
"""Padded features of shape (n, T, d), and the lengths that they came with, if they were a list."""


def read_features(name: str, values: Any, where: str) -> Features:
    """Return the features of a modality.

    Parameters
    ----------
    name : str
        The key.
    values : ndarray of shape (n, T, d), or list of n arrays of shape (T_i, d)
        What the file has under it. In a list or an array of objects, None and an empty array stand
        for a row that lacks the modality. A list of arrays of one length is taken as an array.
    where : str
        Split and file, for messages.

    Returns
    -------
    array : ndarray of shape (n, T, d)
        The file's own array where it is one of numbers; else padded with zeros.
    lengths : int64 array of shape (n,) or None
        The steps of each row of a list; None for an array, and for rows of one length.

    Raises
    ------
    ValueError
        If they are no numbers, rows differ in their features, or one row is so much longer than the
        others that padding takes more than the file can have meant.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.datasets._mmsa_features import read_features
    >>> array, lengths = read_features("audio", [np.ones((3, 2)), None, np.ones((5, 2))], "a file")
    >>> array.shape, lengths.tolist()
    ((3, 5, 2), [3, 0, 5])
    """
    if isinstance(values, np.ndarray) and values.dtype.kind == "O" and values.ndim:
        values = list(values)
    if isinstance(values, list | tuple):
        return _padded(
            name, [_read_row(name, n, row, where) for n, row in enumerate(values)], where
        )
    array = np.asarray(values) if isinstance(values, np.ndarray) else np.empty(0, dtype=object)
    if array.ndim != 3 or array.dtype.kind not in "biuf":
        found = f"{array.dtype} of shape {array.shape}"
        raise ValueError(
            f"{name} must hold numbers of shape (n, T, d), or a list of n arrays of shape (T_i, d),"
            f" in {where}; got {found if values is array else type(values).__name__}."
        )
    if not array.shape[2]:
        raise ValueError(f"{name} has no features: its shape is {array.shape}, in {where}.")
    return (array if array.dtype.kind == "f" else array.astype(np.float32)), None


def as_numbers(values: Any) -> NDArray[Any]:
    """Convert nested lists of numbers to an array; an array is taken as it is.

    Parameters
    ----------
    values : array-like of numbers
        The numbers.

    Returns
    -------
    array : ndarray
        The array itself, or one of float64.

    Raises
    ------
    ValueError
        If the lists are of unequal length, or hold anything but numbers.
    """
    if isinstance(values, np.ndarray):
        return values
    try:
        # With a type given nothing is converted to text, which NumPy makes as wide as its longest.
        return np.array(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(str(error)[:200]) from error


def _read_row(name: str, row: int, value: Any, where: str) -> NDArray[Any] | None:
    """Return the sequence of one row, None where there is none."""
    if value is None or is_missing(value):
        return None
    try:
        array = as_numbers(value)
    except ValueError as error:
        raise ValueError(
            f"{name}, row {row}, must hold numbers of shape (T, d), in {where}: {error}."
        ) from error
    if array.size == 0 and array.ndim < 3:
        return None
    if array.ndim != 2 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name}, row {row}, must hold numbers of shape (T, d), in {where}; got {array.dtype} "
            f"of shape {array.shape}."
        )
    return array


def _padded(name: str, rows: Sequence[NDArray[Any] | None], where: str) -> Features:
    """Pad the rows of a list to the longest."""
    filled = [(row, array) for row, array in enumerate(rows) if array is not None]
    if not filled:
        raise ValueError(f"{name} is empty in every row, in {where}.")
    first, example = filled[0]
    for row, array in filled:
        if array.shape[1] != example.shape[1]:
            raise ValueError(
                f"{name} has {array.shape[1]} features in row {row} and {example.shape[1]} in row "
                f"{first}, in {where}."
            )
    lengths = np.zeros(len(rows), dtype=np.int64)
    lengths[[row for row, _ in filled]] = [len(array) for _, array in filled]
    dtype = np.result_type(*{array.dtype for _, array in filled})
    if dtype.kind != "f":
        dtype = np.dtype(np.float32)
    shape = (len(rows), int(lengths.max()), example.shape[1])
    bytes_per_step = shape[2] * dtype.itemsize
    needed = shape[0] * shape[1] * bytes_per_step
    if needed > _FREE_BYTES + _MAX_PADDING * int(lengths.sum()) * bytes_per_step:
        raise ValueError(
            f"{name} would take {needed / 2**20:.0f} MB when its rows are padded to the longest, "
            f"row {lengths.argmax()} with {shape[1]} steps where the mean is {lengths.mean():.1f}, "
            f"in {where}. Cut that row before."
        )
    array = np.zeros(shape, dtype=dtype)
    for row, steps in filled:
        array[row, : len(steps)] = steps
    # all of one length: padded already, so that it is not known where they end
    return array, None if (lengths == shape[1]).all() else lengths
