"""The rows of one or more splits in the MMSA layout, joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag.data.padding import stack_rows, zero_padded
from sklearn_tamulag.data.rows import check_unique_ids
from sklearn_tamulag.data.user_paths import user_path
from sklearn_tamulag.datasets._mmsa_keys import (
    Split,
    _check_rows,
    _get_value,
    _labels_key,
    _pick_split,
    _read_class_numbers,
    _read_labels,
    _read_raw_text,
    _read_strings,
)
from sklearn_tamulag.datasets._mmsa_sequences import (
    Sequences,
    _read_signal,
    _read_text,
    _text_form,
    _without_infinite,
)

FilePath = str | PathLike[str]
# What a row takes beside its features: an id, a group, a split and places in two tables.
_BYTES_PER_ROW = 400
_FREE_BYTES = 24 * 2**20


@dataclass
class MMSARows:
    """What the files say about n rows.

    Attributes
    ----------
    y : float64 array of shape (n,)
        Sentiment.
    ids : str array of shape (n,)
        Names of the rows.
    split : str array of shape (n,)
        The split that each row is from.
    arrays, lengths : dict of str to ndarray
        Padded modalities and their valid lengths; no text where transcripts stand for it.
    unimodal_labels : DataFrame of shape (n, M) or None
        Human labels by modality, NaN where there is none.
    raw_text : list of str or None
        Transcripts.
    classification_labels : int64 array of shape (n,) or None
        Classes as numbers.
    annotations : str array of shape (n,) or None
        Classes as words.
    notes : list of str
        What has to be warned about.
    """

    y: NDArray[np.float64]
    ids: NDArray[np.str_]
    split: NDArray[np.str_]
    arrays: dict[str, NDArray[Any]] = field(default_factory=dict)
    lengths: dict[str, NDArray[np.int64]] = field(default_factory=dict)
    unimodal_labels: pd.DataFrame | None = None
    raw_text: list[str] | None = None
    classification_labels: NDArray[np.int64] | None = None
    annotations: NDArray[np.str_] | None = None
    notes: list[str] = field(default_factory=list)


def read_rows(
    contents: Mapping[str, Any],
    splits: Sequence[str],
    names: Sequence[str],
    text: str,
    paths: Mapping[str, FilePath],
) -> MMSARows:
    """Join the rows of some splits.

    Splits that are not asked for are removed from the contents, and so is each modality once it is
    read, so that at most one is in memory twice.

    Parameters
    ----------
    contents : mapping of str to object
        What files hold, under "" that of the main file and under a modality's name that of the file
        which has its features.
    splits : sequence of str
        The splits, in order.
    names : sequence of str
        The modalities.
    text : {"auto", "features", "token_ids", "raw"}
        What the text is.
    paths : mapping of str to str or path-like
        The files, under the names of `contents`, for messages.

    Returns
    -------
    rows : MMSARows
        The rows, split by split; padding is zero.

    Raises
    ------
    ValueError
        If a split or key is missing, or arrays do not fit together.
    """
    for name, content in contents.items():
        _keep_splits(content, splits, paths[name])
    parts: dict[str, Split] = {split: contents[""][split] for split in splits}
    where = {split: f'split "{split}" of {paths[""]}' for split in splits}
    y = {s: _read_labels(part, _labels_key(part), where[s]) for s, part in parts.items()}
    _check_count(sum(map(len, y.values())), paths[""])
    ids = {s: _read_strings(part, "id", len(y[s]), where[s]) for s, part in parts.items()}
    rows = MMSARows(
        y=np.concatenate(list(y.values())),
        ids=np.concatenate(list(ids.values())),
        split=np.repeat(np.array(splits, dtype=str), [len(labels) for labels in y.values()]),
    )
    check_unique_ids(rows.ids, f" of {paths['']}")
    n_rows = {split: len(labels) for split, labels in y.items()}
    _read_words_and_labels(rows, parts, names, n_rows, where)
    if text == "raw" and "text" in names and rows.raw_text is None:
        for split, part in parts.items():
            _get_value(part, "raw_text", where[split])
    for name in _padded_modalities(names, text):
        own = name if name in contents else ""
        content, path = contents[own], paths[own]
        form = _text_form(content[splits[0]], text)
        found = []
        for split in splits:
            part = content[split]
            place = f'split "{split}" of {path}'
            sequences = _read_modality(part, name, form, place)
            order = None if own == "" else _row_order(part, name, sequences, ids[split], place)
            found.append(_in_order(sequences, order))
            _check_rows(name, len(found[-1][0]), len(ids[split]), place)
            if name in part:
                # let go of, but still named among the keys present
                part[name] = None
        _check_sizes(name, splits, found, path)
        lengths = np.concatenate([part_lengths for _, part_lengths in found])
        # one split is used as the file holds it, where nothing in it has to be changed
        array = found[0][0] if len(found) == 1 else stack_rows([values for values, _ in found])
        del found, sequences
        if name != "text":
            array = _without_infinite(array, name, f"{_listed(splits)} of {path}", rows.notes)
        rows.arrays[name], rows.lengths[name] = zero_padded(array, lengths), lengths
    return rows


def _keep_splits(content: Any, splits: Sequence[str], path: FilePath) -> None:
    """Check that a file has the splits, and let go of the others."""
    for split in splits:
        _pick_split(content, split, path)
    for split in set(content) - set(splits):
        del content[split]


def _check_count(n_rows: int, path: FilePath) -> None:
    """Refuse rows of a few bytes each: their names alone would take many times the file."""
    n_bytes = user_path(path).stat().st_size
    if n_rows * _BYTES_PER_ROW > _FREE_BYTES + 2 * n_bytes:
        raise ValueError(f"{path} has {n_rows} rows in {n_bytes} bytes, too many for features.")


def _padded_modalities(names: Sequence[str], text: str) -> list[str]:
    """Leave text out where transcripts stand for it."""
    return [name for name in names if name != "text" or text != "raw"]


def _listed(splits: Sequence[str]) -> str:
    """Name splits for a message."""
    quoted = ", ".join(f'"{split}"' for split in splits)
    return f"split {quoted}" if len(splits) == 1 else f"splits {quoted}"


def _read_words_and_labels(
    rows: MMSARows,
    parts: Mapping[str, Split],
    names: Sequence[str],
    n_rows: Mapping[str, int],
    where: Mapping[str, str],
) -> None:
    """Read what only some files have; words and classes count where every split has them."""
    texts = [_read_raw_text(part, n_rows[s], where[s]) for s, part in parts.items()]
    if all(words is not None for words in texts):
        rows.raw_text = [word for words in texts if words is not None for word in words]
    classes = [_read_class_numbers(part, n_rows[s], where[s]) for s, part in parts.items()]
    rows.classification_labels = _joined(classes)
    key = "annotations"
    rows.annotations = _joined(
        [
            _read_strings(part, key, n_rows[s], where[s]) if key in part else None
            for s, part in parts.items()
        ]
    )
    labels = [_unimodal_labels(part, names, n_rows[s], where[s]) for s, part in parts.items()]
    joined = pd.concat(labels, ignore_index=True)
    if len(joined.columns):
        rows.unimodal_labels = joined.set_axis(pd.Index(rows.ids), axis=0)


def _joined(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """Join the splits' values, None where one lacks them."""
    known = [part for part in parts if part is not None]
    return np.concatenate(known) if len(known) == len(parts) else None


def _unimodal_labels(content: Split, names: Sequence[str], n_rows: int, where: str) -> pd.DataFrame:
    """Return the human labels of the modalities that have them, a column each."""
    keys = {name: f"regression_labels_{name[0].upper()}" for name in names}
    columns = {
        name: _read_labels(content, key, where, n_rows, allow_nan=True)
        for name, key in keys.items()
        if key in content
    }
    return pd.DataFrame(columns, index=range(n_rows))


def _read_modality(content: Split, name: str, form: str, where: str) -> Sequences:
    """Return one modality of a split and its lengths."""
    if name == "text":
        return _read_text(content, form, where)
    return _read_signal(content, name, where)


def _row_order(
    content: Split, name: str, sequences: Sequences, ids: NDArray[np.str_], where: str
) -> NDArray[np.intp] | None:
    """Find the rows of a feature file that are meant, None where they are all, in order."""
    if "id" not in content:
        return None
    given = _read_strings(content, "id", None, where)
    _check_rows("id", len(given), len(sequences[0]), where, name)
    check_unique_ids(given, f" of {where}")
    order = pd.Index(given).get_indexer(pd.Index(ids))
    absent = np.flatnonzero(order < 0)
    if absent.size:
        raise ValueError(
            f"There is no row for the id {str(ids[absent[0]])!r} in {where}; {absent.size} of "
            f"{len(ids)} ids are not there."
        )
    return None if np.array_equal(order, np.arange(len(given))) else order


def _in_order(sequences: Sequences, order: NDArray[np.intp] | None) -> Sequences:
    """Take the rows in the order wanted."""
    array, lengths = sequences
    return (array, lengths) if order is None else (array[order], lengths[order])


def _check_sizes(
    name: str, splits: Sequence[str], found: Sequence[Sequences], path: FilePath
) -> None:
    """Refuse splits of different feature sizes."""
    sizes = {split: array.shape[2:] for split, (array, _) in zip(splits, found, strict=True)}
    for split, size in sizes.items():
        if size != sizes[splits[0]]:
            raise ValueError(
                f'{name} has {size[0]} features in split "{split}" and {sizes[splits[0]][0]} in '
                f'split "{splits[0]}" of {path}.'
            )
