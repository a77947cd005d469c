"""What was read from a file in the MMSA layout, kept as a folder that maps."""

import hashlib
import json
import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tamulag.data.files import open_regular
from sklearn_tamulag.data.store import read_store, write_store
from sklearn_tamulag.data.store_index import INDEX, DamagedStoreError, read_index
from sklearn_tamulag.data.user_paths import user_path
from sklearn_tamulag.datasets._mmsa_rows import MMSARows

KIND = "load_mmsa"
_BY_MODALITY = ("arrays", "lengths")
_BY_ROW = ("y", "ids", "split", "classification_labels", "annotations")
_LISTS = ("raw_text", "notes")


def file_sha256(path: str | PathLike[str]) -> str:
    """Compute the SHA-256 of a file, reading it piece by piece.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    digest : str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is a pipe or a device.
    """
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cached_rows(
    cache: str | PathLike[str], key: Mapping[str, Any], read: Callable[[], MMSARows]
) -> MMSARows:
    """Return rows from a cache, which they are written to at first.

    Parameters
    ----------
    cache : str or path-like
        The folder of the cache, made where it does not exist.
    key : mapping
        What the rows depend on, expressible in JSON. Each key has a folder in the cache.
    read : callable
        Makes the rows.

    Returns
    -------
    rows : MMSARows
        The rows, their arrays memory-mapped.

    Raises
    ------
    ValueError
        If the folder of this key holds something else or is of another version of the format.

    Warns
    -----
    UserWarning
        If the folder is incomplete, damaged or without checksums; it is written again.
    """
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
    folder = user_path(cache) / f"mmsa-{digest[:32]}"
    # A folder without an index is one whose first writing has not ended.
    if (folder / INDEX).exists():
        try:
            return _read(folder)
        except DamagedStoreError as error:
            warnings.warn(f"The cache is written again: {error}", UserWarning, stacklevel=3)
            _forget_unreadable_index(folder)
    _write(folder, read())
    return _read(folder)


def _forget_unreadable_index(folder: Path) -> None:
    """Delete an index that does not even say what the folder holds; else it would be left alone."""
    try:
        index = read_index(folder)[1]
    except FileNotFoundError:
        return
    except ValueError:
        index = None
    if not isinstance(index, dict) or index.get("kind") != KIND:
        (folder / INDEX).unlink(missing_ok=True)


def _write(folder: Path, rows: MMSARows) -> None:
    """Write rows to a folder, which counts once it is complete."""
    arrays = {
        f"{kind}/{name}": array
        for kind in _BY_MODALITY
        for name, array in getattr(rows, kind).items()
    }
    along = {name: getattr(rows, name) for name in _BY_ROW}
    arrays |= {name: array for name, array in along.items() if array is not None}
    attributes = {name: getattr(rows, name) for name in _LISTS}
    if rows.unimodal_labels is not None:
        arrays["unimodal_labels"] = rows.unimodal_labels.to_numpy()
        attributes["unimodal_columns"] = list(rows.unimodal_labels.columns)
    write_store(folder, KIND, arrays, attributes, checksums=True)


def _read(folder: Path) -> MMSARows:
    """Read rows from a complete folder, if its checksums are right."""
    arrays, attributes = read_store(folder, KIND, checksums=True)
    parts: dict[str, Any] = {
        kind: {
            name.removeprefix(f"{kind}/"): array
            for name, array in arrays.items()
            if name.startswith(f"{kind}/")
        }
        for kind in _BY_MODALITY
    }
    try:
        parts |= {name: arrays[name] for name in ("y", "ids", "split")}
        parts |= {name: arrays.get(name) for name in ("classification_labels", "annotations")}
        rows = MMSARows(**parts, **{name: attributes[name] for name in _LISTS})
        if "unimodal_labels" in arrays:
            rows.unimodal_labels = pd.DataFrame(
                np.array(arrays["unimodal_labels"]),
                index=pd.Index(rows.ids),
                columns=attributes["unimodal_columns"],
            )
    except KeyError as error:
        raise DamagedStoreError(
            f"{folder} is damaged: its index does not name {error}. Delete the folder and write it "
            "again."
        ) from error
    return rows
