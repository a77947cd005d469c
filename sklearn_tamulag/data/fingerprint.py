"""SHA-256 of data in every form that X, y and groups may have, read block by block."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag.data.blocks import row_blocks, valid_steps
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.rows import PaddedRows

# Kinds of arrays whose bytes are their values; strings and objects are read value by value.
_NUMERIC_KINDS = "biufc"


def data_sha256(data: Any) -> str:
    """Digest of the values of some data.

    Arrays are read block by block, so that memory-mapped ones are never copied whole. Whether an
    array is in memory or on disk, and what stands on padded steps, makes no difference.

    Parameters
    ----------
    data : MultimodalData, DataFrame, Series, array-like, dict or None
        The data. Cells may be numbers, strings, arrays, lists or dicts of these, or missing.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    TypeError
        If a value is of none of these kinds.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.fingerprint import data_sha256
    >>> data_sha256([1.0, 2.0]) == data_sha256(np.array([1.0, 2.0]))
    True
    >>> data_sha256([1.0, 2.0]) == data_sha256([2.0, 1.0])
    False
    """
    digest = hashlib.sha256()
    _update(digest, data)
    return digest.hexdigest()


def modality_sha256(rows: PaddedRows, name: str) -> str:
    """Digest of one modality alone, without the names and groups of its rows.

    Parameters
    ----------
    rows : PaddedRows
        The rows.
    name : str
        The modality.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag import MultimodalData
    >>> from sklearn_tamulag.data.fingerprint import modality_sha256
    >>> arrays = [np.full((2, 3, 1), value) for value in (0.0, 0.0, 1.0)]
    >>> hashes = [modality_sha256(MultimodalData({"text": array}), "text") for array in arrays]
    >>> hashes[0] == hashes[1], hashes[0] == hashes[2]
    (True, False)
    """
    digest = hashlib.sha256()
    _update_modality(digest, rows, name)
    return digest.hexdigest()


def row_keys(rows: PaddedRows, values: NDArray[Any]) -> NDArray[np.uint8]:
    """A fingerprint of every row, by what is cheap to read of it.

    That is its lengths, its value, and of every modality the first step, or all token ids. Rows
    that are alike in these are told apart by their order.

    Parameters
    ----------
    rows : PaddedRows
        The n rows.
    values : array of shape (n,)
        A number for each row, as y.

    Returns
    -------
    uint8 array of shape (n, 16)
        The fingerprints, all of them different.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag import MultimodalData
    >>> rows = MultimodalData({"text": np.array([1.0, 1.0, 2.0]).reshape(3, 1, 1)})
    >>> keys = row_keys(rows, np.zeros(3))
    >>> len(np.unique(keys, axis=0)), bool((row_keys(rows[2:], np.zeros(1)) == keys[2]).all())
    (3, True)
    """
    parts = [np.asarray(values).reshape(len(values), 1)]
    for name in rows.modalities:
        array, lengths = rows.arrays[name], rows.lengths[name]
        parts.append(lengths.reshape(-1, 1))
        if array.ndim == 3:
            # (n, T, d) -> (n, d); what stands on padding says nothing.
            with np.errstate(over="ignore", invalid="ignore"):
                first = np.array(array[:, 0], dtype=np.float32)
            first[lengths == 0] = 0
            parts.append(first)
    tokens = [name for name in rows.modalities if rows.arrays[name].ndim == 2]
    seen: dict[bytes, int] = {}
    keys = np.empty((len(values), 16), dtype=np.uint8)
    for row in range(len(values)):
        digest = hashlib.blake2b(digest_size=16)
        for part in parts:
            digest.update(part[row].tobytes())
        for name in tokens:
            digest.update(rows.arrays[name][row, : rows.lengths[name][row]].astype("<i8").tobytes())
        key = digest.digest()
        seen[key] = seen.get(key, 0) + 1
        if seen[key] > 1:
            digest.update(str(seen[key]).encode())
            key = digest.digest()
        keys[row] = np.frombuffer(key, dtype=np.uint8)
    return keys


def _update(digest: Any, value: Any) -> None:
    """Add one value of any kind, led by a mark of its kind and size."""
    if isinstance(value, MultimodalData):
        _update_multimodal(digest, value)
    elif isinstance(value, pd.DataFrame):
        _mark(digest, "frame", value.shape)
        for column in range(value.shape[1]):
            _update(digest, str(value.columns[column]))
            _update(digest, value.iloc[:, column])
    elif isinstance(value, Mapping):
        _mark(digest, "mapping", len(value))
        for name, inner in value.items():
            _update(digest, str(name))
            _update(digest, inner)
    elif isinstance(value, str | bytes):
        content = value.encode() if isinstance(value, str) else value
        _mark(digest, type(value).__name__, len(content))
        digest.update(content)
    elif value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        _mark(digest, "missing")
    elif np.isscalar(value) or isinstance(value, np.generic):
        _mark(digest, "number", value.item() if isinstance(value, np.generic) else value)
    else:
        _update_array(digest, value)


def _update_multimodal(digest: Any, data: MultimodalData) -> None:
    """Add every modality, its padding cleared, and what travels with the rows."""
    for name in data.modalities:
        _update_modality(digest, data, name)
    _update(digest, data.ids)
    _update(digest, data.groups)


def _update_modality(digest: Any, data: PaddedRows, name: str) -> None:
    """Add the lengths of one modality, and its values with their padding cleared."""
    array, lengths = data.arrays[name], data.lengths[name]
    _mark(digest, "modality", name, array.shape, array.dtype)
    _update_array(digest, lengths)
    for rows in row_blocks(array):
        block = np.array(array[rows])
        block[~valid_steps(lengths[rows], array.shape[1])] = 0
        digest.update(np.ascontiguousarray(block))


def _update_array(digest: Any, value: Any) -> None:
    """Add an array, a column or a list: numbers by their bytes, other values one by one."""
    array = _as_array(value)
    if array.dtype.kind in _NUMERIC_KINDS:
        _mark(digest, "array", array.shape, array.dtype)
        flat_rows = np.atleast_1d(array)
        for rows in row_blocks(flat_rows):
            digest.update(np.ascontiguousarray(flat_rows[rows]))
        return
    if array.ndim == 0:
        raise TypeError(f"Only numbers, strings and arrays have a digest, got {type(value)}.")
    _mark(digest, "values", len(array))
    for cell in array.tolist():
        _update(digest, cell)


def _as_array(value: Any) -> NDArray[Any]:
    """Turn a sequence into an array of native byte order; ragged ones into one of objects."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.empty(len(value), dtype=object)
        array[:] = list(value)
    kept = array.dtype.isnative
    return array if kept else array.astype(array.dtype.newbyteorder("="))


def _mark(digest: Any, *parts: Any) -> None:
    """Add a mark that ends in a character which cannot stand in it."""
    digest.update(("|".join(map(str, parts)) + "\0").encode())
