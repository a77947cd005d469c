"""Named arrays as a folder: a .npy file per array, and a JSON index that makes it complete."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.blocks import row_blocks
from sklearn_tamulag.data.npy_files import read_npy
from sklearn_tamulag.data.padding import zero_padded
from sklearn_tamulag.data.user_paths import user_path

MmapMode = Literal["r", "c"]

INDEX = "index.json"
VERSION = 1
MMAP_MODES = ("r", "c", None)


def write_store(
    folder: str | PathLike[str],
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    attributes: Mapping[str, Any],
    lengths: Mapping[str, NDArray[np.int64]] | None = None,
) -> None:
    """Write arrays to a folder, all or nothing.

    Array files get names that no earlier write used, and the index, which names them, is put in
    place last and in one step. So whenever the writing stops, a reader finds the former arrays or
    the new ones, never a mixture; and arrays may be written to the folder they are mapped from.

    Parameters
    ----------
    folder : str or path-like
        The folder; it is made where it does not exist. Of what is in it, only the files that its
        former index names are removed.
    kind : str
        What the folder holds; `read_store` asks for the same.
    arrays : mapping of str to ndarray
        Numbers, dates or strings, of any shape, by name.
    attributes : mapping
        What else to keep; it has to be expressible in JSON.
    lengths : mapping of str to ndarray of shape (n,), default=None
        By name, the valid steps of the arrays that are to be written with zero padding. Arrays are
        written block by block, so that memory-mapped ones are never copied whole.

    Raises
    ------
    TypeError
        If an array holds Python objects other than strings.
    FileExistsError
        If the folder has an index of another kind.
    OSError
        If the folder cannot be written to, or is full; its former contents stay whole.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from sklearn_tamulag.data.store import read_store, write_store
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_store(folder, "numbers", {"primes": np.array([2, 3, 5])}, {"unit": "none"})
    ...     read_store(folder, "numbers")
    ({'primes': array([2, 3, 5])}, {'unit': 'none'})
    """
    plain = {name: plain_array(name, array) for name, array in arrays.items()}
    text = json.dumps(attributes, allow_nan=False)
    folder = user_path(folder)
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    former = _former_files(folder, kind)
    token = secrets.token_hex(4)
    entries: dict[str, dict[str, Any]] = {}
    written: list[Path] = []
    try:
        for number, (name, array) in enumerate(plain.items()):
            words = re.sub(r"[^A-Za-z0-9]+", "-", name)[:40].strip("-")
            path = folder / f"{number:02d}-{words}-{token}.npy"
            written.append(path)
            with open(path, "wb") as file:
                _write_array(file, array, (lengths or {}).get(name))
            entries[name] = {
                "file": path.name,
                "dtype": array.dtype.str,
                "shape": list(array.shape),
            }
        index = {"kind": kind, "version": VERSION, "arrays": entries, "attributes": None}
        index["attributes"] = json.loads(text)
        path = folder / f"index-{token}.tmp"
        written.append(path)
        with open(path, "w", encoding="utf-8") as words_out:
            json.dump(index, words_out, indent=1)
            words_out.flush()
            os.fsync(words_out.fileno())
        os.replace(path, folder / INDEX)
    except BaseException:
        _remove(written)
        if is_new:
            _remove_folder(folder)
        raise
    _remove(folder / name for name in former)


def read_store(
    folder: str | PathLike[str], kind: str, mmap_mode: MmapMode | None = "r"
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_store` wrote.

    Parameters
    ----------
    folder : str or path-like
        The folder.
    kind : str
        What it has to hold.
    mmap_mode : {"r", "c"} or None, default="r"
        How arrays of two or more dimensions are memory-mapped: read-only, or so that changes stay
        in memory; None reads them. Other arrays are always read.

    Returns
    -------
    arrays : dict of str to ndarray
        The arrays by name, in the order in which they were written.
    attributes : dict
        What was kept beside them.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If the folder is incomplete, holds something else, is of another version of the format, or
        a file is not of the shape and dtype that the index says.
    """
    if mmap_mode not in MMAP_MODES:
        raise ValueError(f"mmap_mode must be one of {list(MMAP_MODES)}, got {mmap_mode!r}.")
    folder = user_path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    if not (folder / INDEX).is_file():
        raise ValueError(
            f"{folder} is incomplete: it has no {INDEX}, which is written last. Delete the folder "
            "and write it again."
        )
    index = _read_index(folder)
    _check_index(index, kind, folder)
    arrays = {
        name: _read_array(folder, name, entry, mmap_mode) for name, entry in index["arrays"].items()
    }
    return arrays, index["attributes"]


def plain_array(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that a .npy file can hold without pickling.

    Parameters
    ----------
    name : str
        What the array is, for the message.
    array : ndarray
        Any array.

    Returns
    -------
    array : ndarray
        The same array; strings kept as objects become an array of strings.

    Raises
    ------
    TypeError
        If it holds Python objects other than strings.
    """
    if array.dtype.kind == "T":
        return array.astype(str)
    if not array.dtype.hasobject:
        return array
    others = [value for value in array.flat if not isinstance(value, str)]
    if array.dtype.kind != "O" or others:
        found = type(others[0]).__name__ if others else str(array.dtype)
        raise TypeError(
            f"{name} holds objects of type {found}: only numbers, dates and strings can be saved."
        )
    return array.astype(str)


def _write_array(file: BinaryIO, array: NDArray[Any], lengths: NDArray[np.int64] | None) -> None:
    """Write one array in the .npy format, block by block, down to the disk."""
    header = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": array.shape,
    }
    np.lib.format.write_array_header_1_0(file, header)
    if array.ndim == 0:
        file.write(array.tobytes())
    else:
        for rows in row_blocks(array):
            block = np.asarray(array[rows])
            if lengths is not None:
                block = zero_padded(block, lengths[rows])
            # Not through a memory map: a full disk would end the process, not the writing.
            file.write(block.tobytes())
    file.flush()
    os.fsync(file.fileno())


def _read_index(folder: Path) -> Any:
    """Read the index as JSON."""
    try:
        return json.loads((folder / INDEX).read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{folder / INDEX} is not readable: {error}.") from error


def _check_index(index: Any, kind: str, folder: Path) -> None:
    """Refuse an index of another kind or version, or one that does not say what it has to."""
    if not isinstance(index, dict) or "kind" not in index or "version" not in index:
        raise ValueError(f"{folder / INDEX} is not an index of {kind}.")
    if index["kind"] != kind:
        raise ValueError(f"{folder} holds {index['kind']}, not {kind}.")
    if index["version"] != VERSION:
        raise ValueError(
            f"{folder} has the format version {index['version']!r}, and this version of "
            f"sklearn_tamulag reads {VERSION}. Delete the folder and write it again."
        )
    entries = index.get("arrays")
    sound = isinstance(entries, dict) and all(map(_is_entry, entries.values()))
    if not sound or not isinstance(index.get("attributes"), dict):
        raise ValueError(f"{folder / INDEX} is damaged: it does not say which arrays there are.")


def _is_entry(entry: Any) -> bool:
    """Tell whether an entry of the index names a file in the folder, its dtype and its shape."""
    if not isinstance(entry, dict) or set(entry) != {"file", "dtype", "shape"}:
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


def _read_array(
    folder: Path, name: str, entry: Mapping[str, Any], mmap_mode: MmapMode | None
) -> NDArray[Any]:
    """Read or map one array and compare it with the index."""
    path = folder / entry["file"]
    if not path.is_file():
        raise ValueError(
            f"{folder} is incomplete: {path.name}, which holds {name}, is not there. Delete the "
            "folder and write it again."
        )
    expected = tuple(entry["shape"])
    # a map of nothing is impossible
    mapped = len(expected) > 1 and 0 not in expected
    try:
        array = read_npy(path, mmap_mode=mmap_mode if mapped else None)
    except ValueError as error:
        raise ValueError(f"{path}, which holds {name}, is damaged: {error}.") from error
    if array.shape != expected or array.dtype.str != entry["dtype"]:
        raise ValueError(
            f"{path} holds {name} as {array.dtype.str} of shape {array.shape}, and {INDEX} says "
            f"{entry['dtype']} of shape {expected}."
        )
    return array


def _former_files(folder: Path, kind: str) -> list[str]:
    """Name the array files of the index that is in the folder now, if it is of this kind."""
    if not (folder / INDEX).exists():
        return []
    try:
        index = _read_index(folder)
    except ValueError:
        index = None
    if not isinstance(index, dict) or index.get("kind") != kind:
        raise FileExistsError(
            f"{folder} has an {INDEX} that is not one of {kind}; it is left as it is."
        )
    entries = index.get("arrays")
    listed = entries.values() if isinstance(entries, dict) else ()
    return [entry["file"] for entry in listed if _is_entry(entry)]


def _remove(paths: Iterable[Path]) -> None:
    """Delete files that may be gone, or that a system does not let go while they are mapped."""
    for path in paths:
        try:
            path.unlink(missing_ok=True)
        except OSError:
            continue


def _remove_folder(folder: Path) -> None:
    """Delete a folder if it is empty."""
    try:
        folder.rmdir()
    except OSError:
        return
