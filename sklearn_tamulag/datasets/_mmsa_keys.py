"""Single keys of a split in the MMSA layout, each checked and in one shape and type."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.padding import is_missing

Split = dict[str, Any]


def _pick_split(content: Any, split: object, path: str | PathLike[str]) -> Split:
    """Return the dict of one split."""
    if not isinstance(content, dict) or not all(
        isinstance(part, dict) for part in content.values()
    ):
        raise ValueError(f"{path} must hold a dict of splits, each a dict of arrays.")
    if not isinstance(split, str) or split not in content:
        raise ValueError(
            f'split must be one of {list(content)}, which {path} has, or "all"; got {split!r}.'
        )
    part: Split = content[split]
    return part


def _get_value(content: Split, key: str, where: str, hint: str = "") -> Any:
    """Return the value of a key that has to be there."""
    if key not in content:
        raise ValueError(f'There is no key "{key}" in {where}; the keys are {list(content)}.{hint}')
    return content[key]


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
        values = np.array(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{key} must hold numbers, in {where}: {error}.") from error
    if values.shape[1:] == (1,):
        values = values[:, 0]  # (n, 1) -> (n,)
    if values.ndim != 1:
        raise ValueError(f"{key} must have shape (n,), in {where}; got {values.shape}.")
    if np.issubdtype(dtype, np.integer) and not (values == np.rint(values)).all():
        raise ValueError(f"{key} must hold whole numbers, in {where}.")
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


def _read_strings(
    content: Split, key: str, n_rows: int | None, where: str, missing: str | None = None
) -> NDArray[np.str_]:
    """Return the words under a key, one per row; bytes are read as UTF-8.

    `missing` stands in for None and NaN, which are refused without it.
    """
    values = np.asarray(_get_value(content, key, where), dtype=object).ravel()
    _check_rows(key, len(values), n_rows, where)
    absent = [row for row, value in enumerate(values) if is_missing(value)]
    if absent and missing is None:
        raise ValueError(
            f"{key} must have a value in every row, in {where}; row {absent[0]} is "
            f"{values[absent[0]]}."
        )
    values = np.array(values)
    values[absent] = missing
    words = [value.decode() if isinstance(value, bytes) else str(value) for value in values]
    return np.array(words, dtype=str)


def _read_raw_text(content: Split, n_rows: int, where: str) -> list[str] | None:
    """Return the transcripts, if there are any."""
    if "raw_text" not in content:
        return None
    return [str(words) for words in _read_strings(content, "raw_text", n_rows, where, missing="")]


def _read_class_numbers(content: Split, n_rows: int, where: str) -> NDArray[np.int64] | None:
    """Return the classes as numbers, if there are any."""
    key = "classification_labels"
    if key not in content:
        return None
    classes = _read_numbers(content, key, where, np.int64)
    _check_rows(key, len(classes), n_rows, where)
    return classes


def _read_features(name: str, values: Any, where: str) -> NDArray[np.floating]:
    """Return an array of features of shape (n, T, d), the file's own where that is one."""
    array = np.asarray(values)
    if array.ndim != 3 or array.dtype.kind not in "biuf":
        raise ValueError(
            f"{name} must hold numbers of shape (n, T, d), in {where}; "
            f"got {array.dtype} of shape {array.shape}."
        )
    return array if array.dtype.kind == "f" else array.astype(np.float32)
