"""Named arrays as a folder: a .npy file per array, and a JSON index that makes it complete."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.blocks import row_blocks
from sklearn_tamulag.data.checksums import has_sha256
from sklearn_tamulag.data.files import create_file
from sklearn_tamulag.data.npy import MmapMode, map_npy, read_npy
from sklearn_tamulag.data.padding import zero_padded
from sklearn_tamulag.data.store_draft import (
    StoreDraft,
    clear_folder,
    missing_folders,
    remove_folders,
)
from sklearn_tamulag.data.store_index import (
    ARRAY_FILE,
    INDEX,
    VERSION,
    DamagedStoreError,
    check_index,
    index_sha256,
    named_files,
    open_inside,
    read_index,
)
from sklearn_tamulag.data.user_paths import user_path

MMAP_MODES = ("r", "c", None)


def write_store(
    folder: str | PathLike[str],
    kind: str,
    arrays: Mapping[str, NDArray[Any]],
    attributes: Mapping[str, Any],
    lengths: Mapping[str, NDArray[np.int64]] | None = None,
    *,
    checksums: bool = False,
) -> None:
    """Write arrays to a folder, all or nothing.

    Array files get names that no earlier write used, and the index, which names them, is put in
    place last and in one step. So whenever the writing stops, a reader finds the former arrays or
    the new ones, never a mixture; and arrays may be written to the folder they are mapped from.
    Of several writers at once the last one to finish has the folder. What a killed writer has left
    is deleted by the next one.

    Parameters
    ----------
    folder : str or path-like
        The folder; it is made where it does not exist. Of what is in it, only files are removed
        whose names this function has made.
    kind : str
        What the folder holds; `read_store` asks for the same.
    arrays : mapping of str to ndarray
        Numbers, dates or strings, of any shape, by name.
    attributes : mapping
        What else to keep; it has to be expressible in JSON.
    lengths : mapping of str to ndarray of shape (n,), default=None
        By name, the valid steps of the arrays that are to be written with zero padding. Arrays are
        written block by block, so that memory-mapped ones are never copied whole.
    checksums : bool, default=False
        Whether the index has the SHA-256 of every array and of itself; `read_store` compares them.

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
    made = missing_folders(folder)
    draft = StoreDraft(folder)
    former: set[str] = set()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        former = _former_files(folder, kind)
        # What a killed process left may be what the disk lacks.
        clear_folder(folder, kind)
        draft.open()
        index: dict[str, Any] = {"kind": kind, "version": VERSION, "arrays": {}}
        index["attributes"] = json.loads(text)
        sums: dict[str, str] = {}
        for number, (name, array) in enumerate(plain.items()):
            words = re.sub(r"[^A-Za-z0-9]+", "-", name)[:40].strip("-")
            path = folder / f"{number:02d}-{words}-{draft.token}.npy"
            steps = (lengths or {}).get(name)
            sums[name] = _write_array(path, array, steps, checksum=checksums)
            index["arrays"][name] = {
                "file": path.name,
                "dtype": array.dtype.str,
                "shape": list(array.shape),
            }
        if checksums:
            index["sha256"] = sums
            index["index_sha256"] = index_sha256(index)
        draft.publish(index)
        clear_folder(folder, kind, former)
    except BaseException as error:
        published = draft.discard()
        clear_folder(folder, kind, former)
        remove_folders(made)
        if isinstance(error, OSError) and error.errno and not error.filename and not published:
            message = f"{error.strerror}; nothing was changed"
            raise OSError(error.errno, message, os.fspath(folder)) from error
        raise


def read_store(
    folder: str | PathLike[str],
    kind: str,
    mmap_mode: MmapMode | None = "r",
    *,
    checksums: bool = False,
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Read what `write_store` wrote.

    Where another process writes to the folder meanwhile, the arrays are those of one writing.

    Parameters
    ----------
    folder : str or path-like
        The folder.
    kind : str
        What it has to hold.
    mmap_mode : {"r", "c"} or None, default="r"
        How arrays of two or more dimensions are memory-mapped: read-only, or so that changes stay
        in memory; None reads them. Other arrays are always read.
    checksums : bool, default=False
        Whether the folder must have checksums; those that are there are always compared.

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
    DamagedStoreError
        If the folder is incomplete, or a file is not of the shape, dtype and checksum that the
        index says, no regular file, or a link out of the folder. It is a ValueError.
    ValueError
        If the folder holds something else or is of another version of the format.
    """
    if mmap_mode not in MMAP_MODES:
        raise ValueError(f"mmap_mode must be one of {list(MMAP_MODES)}, got {mmap_mode!r}.")
    folder = user_path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}.")
    content, index = _index_there(folder)
    while True:
        check_index(index, kind, folder)
        if checksums and "sha256" not in index:
            raise DamagedStoreError(f"{folder} has no checksums.")
        sums = index.get("sha256", {})
        try:
            arrays = {
                name: _read_array(folder, name, entry, mmap_mode, sums.get(name))
                for name, entry in index["arrays"].items()
            }
        except FileNotFoundError as error:
            before, (content, index) = content, _index_there(folder)
            # A new index: the files of the former one were deleted while they were looked for.
            if content != before:
                continue
            entries = index["arrays"].items()
            lacking = [
                f"{entry['file']}, which holds {name}"
                for name, entry in entries
                if not (folder / entry["file"]).exists()
            ]
            raise DamagedStoreError(
                f"{folder} is incomplete: {', '.join(lacking)}, is not there. Delete the folder "
                "and write it again."
            ) from error
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


def _write_array(
    path: Path, array: NDArray[Any], lengths: NDArray[np.int64] | None, *, checksum: bool
) -> str:
    """Write one array in the .npy format, block by block, down to the disk; "" or its SHA-256."""
    digest = hashlib.sha256() if checksum else None
    head = io.BytesIO()
    header = {
        "descr": np.lib.format.dtype_to_descr(array.dtype),
        "fortran_order": False,
        "shape": array.shape,
    }
    np.lib.format.write_array_header_1_0(head, header)

    def write(file: BinaryIO) -> None:
        # Not through a memory map: a full disk would end the process, not the writing.
        file.write(head.getvalue())
        for rows in row_blocks(array) if array.ndim else [...]:
            block = np.asarray(array[rows])
            if lengths is not None:
                block = zero_padded(block, lengths[rows])
            values = block.tobytes()
            file.write(values)
            if digest is not None:
                digest.update(values)

    if digest is not None:
        digest.update(head.getvalue())
    create_file(path, write)
    return "" if digest is None else digest.hexdigest()


def _index_there(folder: Path) -> tuple[bytes, Any]:
    """Read the index of a folder that should have one."""
    try:
        return read_index(folder)
    except FileNotFoundError as error:
        raise DamagedStoreError(
            f"{folder} is incomplete: it has no {INDEX}, which is written last. Delete the folder "
            "and write it again."
        ) from error


def _read_array(
    folder: Path,
    name: str,
    entry: Mapping[str, Any],
    mmap_mode: MmapMode | None,
    checksum: str | None,
) -> NDArray[Any]:
    """Read or map one array and compare it with the index."""
    path = folder / entry["file"]
    expected = tuple(entry["shape"])
    # A map of nothing is impossible.
    mode = mmap_mode if len(expected) > 1 and 0 not in expected else None
    with open_inside(folder, entry["file"]) as file:
        size = os.fstat(file.fileno()).st_size
        if checksum is not None and not has_sha256(file, size, checksum):
            raise DamagedStoreError(
                f"{path}, which holds {name}, is damaged: its checksum is wrong."
            )
        file.seek(0)
        try:
            array = read_npy(file) if mode is None else map_npy(file, mode)
        except (ValueError, EOFError) as error:
            raise DamagedStoreError(f"{path}, which holds {name}, is damaged: {error}.") from error
    if array.shape != expected or array.dtype.str != entry["dtype"]:
        raise DamagedStoreError(
            f"{path} holds {name} as {array.dtype.str} of shape {array.shape}, and {INDEX} says "
            f"{entry['dtype']} of shape {expected}."
        )
    return array


def _former_files(folder: Path, kind: str) -> set[str]:
    """Name the array files of the index that is in the folder now, if it is of this kind."""
    try:
        index = read_index(folder)[1]
    except FileNotFoundError:
        return set()
    except ValueError:
        index = None
    if not isinstance(index, dict) or index.get("kind") != kind:
        raise FileExistsError(
            f"{folder} has an {INDEX} that is not one of {kind}; it is left as it is."
        )
    return {name for name in named_files(index) if ARRAY_FILE.fullmatch(name)}
