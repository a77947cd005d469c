"""A folder's new index while its arrays are written, and what is cleared away afterwards."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

from sklearn_tamulag.data.files import abandon, create_exclusively, sync_folder
from sklearn_tamulag.data.leftovers import LOCKS, claim, remove_abandoned
from sklearn_tamulag.data.store_index import ARRAY_FILE, INDEX, named_files, read_index

_DRAFT = re.compile(r"index-([0-9a-f]{16})\.tmp")


class StoreDraft:
    """The index of a writing in progress.

    It is made before the first array and locked until it is in its place. All files of a writing
    carry its token; so whoever clears the folder knows whose arrays are still to be named by an
    index. Nobody waits for anybody: of several writers the last one to publish has the folder.

    Parameters
    ----------
    folder : Path
        The folder, which exists when `open` is called.

    Attributes
    ----------
    token : str
        What the names of the arrays end in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(8)
        self._file: BinaryIO | None = None

    @property
    def _path(self) -> Path:
        """Where the index is until it is in its place."""
        return self.folder / f"index-{self.token}.tmp"

    def open(self) -> None:
        """Make the file and lock it.

        Raises
        ------
        OSError
            If the folder cannot be written to.
        """
        while self._file is None:
            self._file = create_exclusively(self._path)
            if not claim(self._file.fileno(), self._path):
                self._file.close()
                self._file = None
                self.token = secrets.token_hex(8)

    def publish(self, index: Mapping[str, Any]) -> None:
        """Put the index in place, in one step and once all files are safe on the disk.

        Parameters
        ----------
        index : mapping
            The index.

        Raises
        ------
        OSError
            If no room is left, or the folder cannot be written to.
        """
        file = self._file
        if file is None:
            raise RuntimeError("a draft is opened before it is published")
        file.write(json.dumps(index, indent=1).encode("ascii"))
        file.flush()
        os.fsync(file.fileno())
        sync_folder(self.folder)
        if not LOCKS:  # Windows moves no open file
            file.close()
        os.replace(self._path, self.folder / INDEX)
        with suppress(OSError):
            file.close()
        sync_folder(self.folder)

    def discard(self) -> bool:
        """Close and delete the file, unless it is in its place by now.

        Returns
        -------
        bool
            Whether it is in its place.
        """
        published = self._file is not None and not os.path.lexists(self._path)
        abandon(self._file, self._path)
        return published


def clear_folder(folder: Path, kind: str, former: Iterable[str] = ()) -> None:
    """Delete arrays that no index names, or will name.

    These are files whose name ends in the token of a writing that is over, be it that another one
    took its place, or that its process was killed. Nothing is deleted beside an index that is not
    readable or of another kind. What cannot be deleted stays, as files do on Windows that are
    mapped.

    Parameters
    ----------
    folder : Path
        The folder.
    kind : str
        What it holds.
    former : iterable of str
        Names of arrays that an earlier version of this package has written, and its index named.
    """
    with suppress(OSError):
        names = os.listdir(folder)
        arrays = {name: match[1] for name in names if (match := ARRAY_FILE.fullmatch(name))}
        tokens = {token for token in arrays.values() if len(token) == 16}
        tokens |= {match[1] for name in names if (match := _DRAFT.fullmatch(name))}
        over = {token for token in tokens if remove_abandoned(folder / f"index-{token}.tmp")}
        # Read after the drafts: a draft that has become the index meanwhile is seen here.
        try:
            index: Any = read_index(folder)[1]
        except FileNotFoundError:
            index = {"kind": kind}
        except ValueError:
            return
        if not isinstance(index, dict) or index.get("kind") != kind:
            return
        kept = named_files(index)
        unnamed = [name for name, token in arrays.items() if token in over or name in set(former)]
        for name in unnamed:
            if name not in kept:
                with suppress(OSError):
                    os.unlink(folder / name)


def missing_folders(folder: Path) -> list[Path]:
    """Find out which of a folder and those above it do not exist.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    list of Path
        Those that would have to be made, the innermost first.
    """
    return [place for place in (folder, *folder.parents) if not place.exists()]


def remove_folders(folders: Iterable[Path]) -> None:
    """Delete folders that are empty, from the innermost on.

    Parameters
    ----------
    folders : iterable of Path
        The folders, the innermost first.
    """
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()
