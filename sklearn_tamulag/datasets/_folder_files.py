"""The files of a folder of clips: which are features, of which clip, and which are neither."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag.data.media_files import suffix_hint

SUFFIX = ".npy"
TABLE = "clips.csv"
# What macOS puts beside the files when it packs a folder.
_PACKED = "__MACOSX"


def one_form(name: str) -> str:
    """Bring a name into the form that it is compared in.

    The same letter may be written as one character or as a letter and an accent, and macOS writes
    it otherwise than people do.

    Parameters
    ----------
    name : str
        A name of a clip, file or column.

    Returns
    -------
    str
        The name in Unicode's form NFC, without blanks around it.

    Examples
    --------
    >>> from sklearn_tamulag.datasets._folder_files import one_form
    >>> len(one_form(" e" + chr(0x301)))
    1
    """
    return unicodedata.normalize("NFC", name).strip()


def find_table(folder: Path) -> Path:
    """Find the table of clips, whose name may be written in capitals.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    if (folder / TABLE).exists():
        return folder / TABLE
    if folder.is_dir():
        for entry in sorted(folder.iterdir()):
            if entry.name.lower() == TABLE:
                return entry
    hint = _hint(folder) if folder.is_dir() else None
    raise FileNotFoundError(
        f"There is no {folder / TABLE}, which names the clips." + (f" {hint}" if hint else "")
    )


def modality_folders(folder: Path) -> dict[str, Path]:
    """Find the subfolders with .npy files.

    Parameters
    ----------
    folder : Path
        The folder of clips.

    Returns
    -------
    folders : dict of str to Path
        By their names in one form, sorted by these.
    """
    found = {
        one_form(entry.name): entry
        for entry in _subfolders(folder)
        if any(_is_features(file) for file in _visible(entry))
    }
    return dict(sorted(found.items()))


def unread_folders(folder: Path, ids: NDArray[np.str_]) -> dict[str, str]:
    """Find the subfolders that hold something of the clips, though no .npy file.

    Parameters
    ----------
    folder : Path
        The folder of clips.
    ids : str array of shape (n,)
        The names of the clips.

    Returns
    -------
    folders : dict of str to str
        By name, what is in it and what to do about it.
    """
    clips = {one_form(clip) for clip in ids}
    found = {}
    for entry in _subfolders(folder):
        files = list(_visible(entry))
        if any(map(_is_features, files)):
            continue
        of_clips = [file for file in files if _clip_of(file.relative_to(entry)) in clips]
        known = [file for file in files if suffix_hint(file.suffix)]
        suffixes = Counter(file.suffix for file in known or of_clips)
        if suffixes:
            [(suffix, n_files)] = suffixes.most_common(1)
            hint = suffix_hint(suffix) or f"Features are read from {SUFFIX} files, one per clip."
            found[one_form(entry.name)] = f"{n_files} {suffix or 'other'} files. {hint}"
    return found


def clip_files(folder: Path, subfolder: Path, ids: NDArray[np.str_]) -> pd.Series[Any]:
    """Find the file of each clip in the subfolder of a modality.

    Parameters
    ----------
    folder : Path
        The folder of clips.
    subfolder : Path
        A folder in it.
    ids : str array of shape (n,)
        The names of the clips.

    Returns
    -------
    files : Series of n Path or None
        The paths in `folder`; None where a clip has no file.

    Raises
    ------
    ValueError
        If a file belongs to no clip, or two files belong to one.
    """
    wanted = [one_form(clip) for clip in ids]
    files: dict[str, Path] = {}
    strays = []
    for file in _visible(subfolder):
        if not _is_features(file):
            continue
        clip = _clip_of(file.relative_to(subfolder))
        if clip in files:
            raise ValueError(
                f"{files[clip]} and {file} belong to the same clip, {clip!r}. Remove one of them."
            )
        files[clip] = file
    strays = sorted(file for clip, file in files.items() if clip not in set(wanted))
    if strays:
        raise ValueError(
            f"{strays[0]} belongs to no id of {TABLE}; {len(strays)} of {len(files)} files do not."
        )
    paths = [files[clip].relative_to(folder) if clip in files else None for clip in wanted]
    return pd.Series(paths, dtype=object)


def unknown_modalities(
    folder: Path, names: Sequence[str], known: Sequence[str], ids: NDArray[np.str_]
) -> str:
    """Say why modalities cannot be read, and what to do.

    Parameters
    ----------
    folder : Path
        The folder of clips.
    names : sequence of str
        The modalities asked for.
    known : sequence of str
        Those that can be read.
    ids : str array of shape (n,)
        The names of the clips.

    Returns
    -------
    str
        The message.
    """
    unread = unread_folders(folder, ids)
    asked = [name for name in unread if name in names or not known]
    if asked:
        return f"{folder / asked[0]} has no {SUFFIX} files, but {unread[asked[0]]}"
    if not known:
        hint = _hint(folder) or "Each modality has a subfolder of its own."
        return f"{folder} has no subfolder with {SUFFIX} files. {hint}"
    return (
        f"modalities must be one or more of the subfolders of {folder} with {SUFFIX} files, "
        f"{list(known)}, each once; got {list(names)}."
    )


def _hint(folder: Path) -> str | None:
    """Say what to do with recordings that lie in a folder itself."""
    suffixes = (file.suffix for file in sorted(folder.iterdir()) if file.is_file())
    return next(filter(None, map(suffix_hint, suffixes)), None)


def _subfolders(folder: Path) -> list[Path]:
    """Return the subfolders that people have made, in order."""
    return sorted(
        entry for entry in folder.iterdir() if entry.is_dir() and not _is_hidden(entry.name)
    )


def _visible(folder: Path) -> Iterator[Path]:
    """Walk over the files in a folder and its subfolders that people have made."""
    for entry in sorted(folder.iterdir()):
        if _is_hidden(entry.name):
            continue
        if entry.is_dir():
            yield from _visible(entry)
        else:
            yield entry


def _is_hidden(name: str) -> bool:
    """Tell the files and folders of a system or a program, such as ._x of macOS."""
    return name.startswith(".") or name == _PACKED


def _is_features(file: PurePath) -> bool:
    """Tell whether a file is a .npy file, by its name."""
    return file.suffix.lower() == SUFFIX


def _clip_of(file: PurePath) -> str:
    """Return the name of the clip that a file of a modality's folder belongs to."""
    return one_form(file.with_suffix("").as_posix())
