"""Single keys of a split in the MMSA layout, each checked and in one shape and type."""

from __future__ import annotations

import reprlib
from collections.abc import Iterable
from itertools import islice
from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.padding import is_missing
from sklearn_tamulag.datasets._mmsa_features import as_numbers

Split = dict[str, Any]
# The layout of MulT's files has the labels under another key.
_OTHER_KEYS = {"regression_labels": "labels"}
_NAMED = 20
# A table of words is as wide as its longest: it may be so many times the words themselves.
_MAX_WIDENING = 4
_FREE_CHARACTERS = 2**20
_WORD_TYPES = (str, bytes, int, float, np.generic)
# An id of several parts, such as MulT's of video, start and end, is joined by what parts a clip's.
_SEPARATOR = "$_$"


def listed(names: Iterable[object]) -> str:
    """Name the keys of a file in a message, not more than a reader reads.

    Parameters
    ----------
    names : iterable of object
        The keys.

    Returns
    -------
    str
        The first 20, shortened.
    """
    names = list(names)
    shown = [reprlib.repr(name) for name in islice(names, _NAMED)]
    more = [f"and {len(names) - _NAMED} more"] if len(names) > _NAMED else []
    return f"[{', '.join(shown + more)}]"


def _pick_split(content: Any, split: object, path: str | PathLike[str]) -> Split:
    """Return the dict of one split."""
    if not isinstance(content, dict) or not all(
        isinstance(part, dict) for part in content.values()
    ):
        raise ValueError(f"{path} must hold a dict of splits, each a dict of arrays.")
    if not isinstance(split, str) or split not in content:
        raise ValueError(
            f'split must be one of {listed(content)}, which {path} has, or "all"; got {split!r}.'
        )
    part: Split = content[split]
    return part


def _get_value(content: Split, key: str, where: str, hint: str = "") -> Any:
    """Return the value of a key that has to be there."""
    if key not in content:
        raise ValueError(
            f'There is no key "{key}" in {where}; the keys are {listed(content)}.{hint}'
        )
    return content[key]


def _labels_key(content: Split) -> str:
    """Return the key of the labels: "labels" in MulT's layout."""
    key = "regression_labels"
    return _OTHER_KEYS[key] if key not in content and _OTHER_KEYS[key] in content else key


def _check_rows(
    key: str, n_given: int, n_rows: int | None, where: str, other: str = "regression_labels"
) -> None:
    """Refuse a key with another number of rows than the labels, or another key, has."""
    if n_rows is not None and n_given != n_rows:
        raise ValueError(f"{key} has {n_given} rows where {other} has {n_rows}, in {where}.")


def _read_numbers(content: Split, key: str, where: str, dtype: type[np.generic]) -> NDArray[Any]:
    """Return the numbers under a key as a new array of shape (n,)."""
    given = _get_value(content, key, where)
    try:
        values = as_numbers(given)
        if values.dtype.kind == "c":
            raise ValueError("they are complex")
        values = values.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        reason = str(error)[:200]
        raise ValueError(f"{key} must hold numbers, in {where}: {reason}.") from error
    if values.ndim > 1 and set(values.shape[1:]) == {1}:
        values = values.reshape(len(values))  # (n, 1) or (n, 1, 1) -> (n,)
    if values.ndim != 1:
        raise ValueError(f"{key} must have shape (n,), in {where}; got {values.shape}.")
    if np.issubdtype(dtype, np.integer):
        # float64 has no gaps up to there
        whole = (values == np.rint(values)) & (np.abs(values) <= 2**53)
        if not whole.all():
            row = np.flatnonzero(~whole)[0]
            raise ValueError(
                f"{key} must hold whole numbers, in {where}; row {row} is {values[row]}."
            )
    return values.astype(dtype)


def _read_labels(
    content: Split, key: str, where: str, n_rows: int | None = None, *, allow_nan: bool = False
) -> NDArray[np.float64]:
    """Return finite labels, one per row; NaN where one is not known, if that is allowed."""
    labels = _read_numbers(content, key, where, np.float64)
    _check_rows(key, len(labels), n_rows, where)
    bad = np.flatnonzero(np.isinf(labels) if allow_nan else ~np.isfinite(labels))
    if bad.size:
        raise ValueError(f"{key} must be finite, in {where}; row {bad[0]} is {labels[bad[0]]}.")
    return labels


def _read_words(
    content: Split, key: str, n_rows: int | None, where: str, missing: str | None = None
) -> list[str]:
    """Return the words under a key, one per row; bytes are read as UTF-8.

    `missing` stands in for None and NaN, which are refused without it.
    """
    given = _get_value(content, key, where)
    is_array = isinstance(given, np.ndarray) and given.ndim > 0
    if not is_array and not isinstance(given, list | tuple):
        raise ValueError(f"{key} must hold a word per row, in {where}; got {type(given).__name__}.")
    if is_array and given.ndim > 1 and set(given.shape[1:]) == {1}:
        given = given.reshape(len(given))  # (n, 1) -> (n,)
    _check_rows(key, len(given), n_rows, where)
    return [_read_word(value, key, row, where, missing) for row, value in enumerate(given)]


def _read_word(value: Any, key: str, row: int, where: str, missing: str | None) -> str:
    """Return the word of one row; several parts are joined."""
    if isinstance(value, list | tuple | np.ndarray) and len(np.shape(value)) == 1:
        parts = [_read_word(part, key, row, where, missing) for part in value[:_NAMED]]
        return _SEPARATOR.join(parts)
    if is_missing(value):
        if missing is not None:
            return missing
        raise ValueError(f"{key} must have a value in every row, in {where}; row {row} is {value}.")
    if not isinstance(value, _WORD_TYPES):
        raise ValueError(
            f"{key} must hold words, in {where}; row {row} is a {type(value).__name__}."
        )
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{key} must be text in UTF-8, in {where}; row {row} is {reprlib.repr(value)}."
        ) from error


def _read_strings(
    content: Split, key: str, n_rows: int | None, where: str, missing: str | None = None
) -> NDArray[np.str_]:
    """Return the words under a key as an array, which is as wide as the longest."""
    words = _read_words(content, key, n_rows, where, missing)
    longest = max(range(len(words)), key=lambda row: len(words[row]), default=0)
    width = len(words[longest]) if words else 0
    if width * len(words) > _FREE_CHARACTERS + _MAX_WIDENING * sum(map(len, words)):
        raise ValueError(f"{key} has {width} characters in row {longest}, in {where}.")
    return np.array(words, dtype=str)


def _read_raw_text(content: Split, n_rows: int, where: str) -> list[str] | None:
    """Return the transcripts, if there are any."""
    if "raw_text" not in content:
        return None
    return _read_words(content, "raw_text", n_rows, where, missing="")


def _read_class_numbers(content: Split, n_rows: int, where: str) -> NDArray[np.int64] | None:
    """Return the classes as numbers, if there are any."""
    key = "classification_labels"
    if key not in content:
        return None
    classes = _read_numbers(content, key, where, np.int64)
    _check_rows(key, len(classes), n_rows, where)
    return classes
