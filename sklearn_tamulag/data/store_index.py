"""The index of a folder of arrays: which files there are, of which shape, dtype and checksum."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from sklearn_tamulag.data.files import lies_inside, open_regular

INDEX = "index.json"
VERSION = 1

# A file of the folder: its number, words of the array's name, and the token of its writing.
ARRAY_FILE = re.compile(r"\d{2,}-[A-Za-z0-9-]*-([0-9a-f]{8}|[0-9a-f]{16})\.npy")

# What a value of JSON may take as an object of Python, and what the budget for all of them is.
_VALUE_BYTES = 64
_SPARE_BYTES = 40 * 2**20
_FIELDS = {"file", "dtype", "shape"}


class DamagedStoreError(ValueError):
    """A folder of arrays is not as it was written."""


def open_inside(folder: Path, name: str) -> BinaryIO:
    """Open a regular file of a folder; a link may not lead out of it.

    Parameters
    ----------
    folder : Path
        The folder.
    name : str
        Name of the file.

    Returns
    -------
    binary file
        The open file.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DamagedStoreError
        If it is no regular file, or a link out of the folder.
    """
    path = folder / name
    if path.is_symlink() and not lies_inside(path, folder):
        raise DamagedStoreError(f"{path} is a link out of the folder, which is not followed.")
    try:
        return open_regular(path)
    except (IsADirectoryError, ValueError) as error:
        raise DamagedStoreError(f"{path} is no regular file.") from error


def read_index(folder: Path) -> tuple[bytes, Any]:
    """Read an index as JSON.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    content : bytes
        The bytes of the file, which no other writing has.
    index : object
        What they say.

    Raises
    ------
    FileNotFoundError
        If there is no index.
    DamagedStoreError
        If it is no JSON, or JSON that takes far more room than its file.
    """
    with open_inside(folder, INDEX) as file:
        content = file.read()
    values = sum(content.count(mark) for mark in (b",", b":", b"[", b"{"))
    if values * _VALUE_BYTES > len(content) + _SPARE_BYTES:
        raise DamagedStoreError(f"{folder / INDEX} is not readable: it holds {values} values.")
    try:
        return content, json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedStoreError(f"{folder / INDEX} is not readable: {error}.") from error


def check_index(index: Any, kind: str, folder: Path) -> None:
    """Refuse an index of another kind or version, or one that does not say what it has to.

    Parameters
    ----------
    index : object
        What :func:`read_index` has returned.
    kind : str
        What the folder has to hold.
    folder : Path
        The folder, for the message.

    Raises
    ------
    DamagedStoreError
        If the index does not say which arrays there are, or its checksum is wrong.
    ValueError
        If it is of another kind or version.
    """
    if not isinstance(index, dict) or "kind" not in index or "version" not in index:
        raise DamagedStoreError(f"{folder / INDEX} is not an index of {kind}.")
    if index["kind"] != kind:
        raise ValueError(f"{folder} holds {index['kind']}, not {kind}.")
    if index["version"] != VERSION or isinstance(index["version"], bool):
        raise ValueError(
            f"{folder} has the format version {index['version']!r}, and this version of "
            f"sklearn_tamulag reads {VERSION}. Delete the folder and write it again."
        )
    entries = index.get("arrays")
    sound = isinstance(entries, dict) and all(map(_is_entry, entries.values()))
    if not sound or not isinstance(index.get("attributes"), dict):
        raise DamagedStoreError(
            f"{folder / INDEX} is damaged: it does not say which arrays there are."
        )
    sums = index.get("sha256")
    if (sums is not None or "index_sha256" in index) and (
        not isinstance(sums, dict)
        or sums.keys() != index["arrays"].keys()
        or index.get("index_sha256") != index_sha256(index)
    ):
        raise DamagedStoreError(f"{folder / INDEX} is damaged: its checksum is wrong.")


def index_sha256(index: Mapping[str, Any]) -> str:
    """Compute the checksum of an index: of all that it says but this checksum itself.

    Parameters
    ----------
    index : mapping
        The index.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    others = {name: value for name, value in index.items() if name != "index_sha256"}
    return hashlib.sha256(json.dumps(others, sort_keys=True).encode()).hexdigest()


def named_files(index: Any) -> set[str]:
    """Names of the files that an index claims.

    Parameters
    ----------
    index : object
        An index, sound or not.

    Returns
    -------
    set of str
        The names.
    """
    entries = index.get("arrays") if isinstance(index, dict) else None
    listed = entries.values() if isinstance(entries, dict) else ()
    return {entry["file"] for entry in listed if _is_entry(entry)}


def _is_entry(entry: Any) -> bool:
    """Tell whether an entry of the index names a file in the folder, its dtype and its shape."""
    if not isinstance(entry, dict) or set(entry) != _FIELDS:
        return False
    file, shape = entry["file"], entry["shape"]
    return (
        isinstance(file, str)
        # nothing outside of the folder
        and re.fullmatch(r"[\w-]+\.npy", file) is not None
        and isinstance(entry["dtype"], str)
        and isinstance(shape, list)
        and all(isinstance(size, int) for size in shape)
    )
