"""Data of one's own, as a folder: a table of clips, and a .npy file per clip and modality."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_tamulag.data.files import open_regular
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.rows import check_unique_ids
from sklearn_tamulag.data.user_paths import user_path
from sklearn_tamulag.datasets._folder_files import (
    SUFFIX,
    TABLE,
    clip_files,
    find_table,
    modality_folders,
    one_form,
    unknown_modalities,
    unread_folders,
)
from sklearn_tamulag.datasets._transcripts import transcript_frame

__all__ = ["load_folder"]

TEXT_FORMS = ("features", "raw")


def load_folder(
    path: str | PathLike[str],
    *,
    modalities: Sequence[str] | None = None,
    text: Literal["features", "raw"] = "features",
    outside_root: bool = False,
) -> Bunch:
    """Read a folder of clips: ``clips.csv``, and a subfolder of .npy files per modality.

    ``clips.csv`` is a comma-separated table in UTF-8 with a line of column names and a line per
    clip. It has these columns, in any order; others are left alone:

    - ``id``, needed: the name of the clip, different in every row;
    - ``group``: what belongs together, such as the video that a clip was cut from;
    - ``label``: the sentiment as a number, or a class as a number or a word;
    - ``text``: the transcript;
    - ``split``: the part that the clip belongs to, such as train, valid and test;
    - ``label_audio`` and so on: what people said of one modality alone, a number or nothing.

    A modality is a subfolder, such as ``audio``. The sequence of a clip is in the file of its id
    there, ``audio/<id>.npy``: an array of shape (T, d), or (T,) for steps of one feature or for
    integer token ids. Where the file is not there, the clip lacks the modality. Files are read
    without unpickling anything, and nothing in the folder is changed.

    Blanks around a value of the table, capitals in a suffix and the Unicode form of a name make no
    difference. Hidden files and folders, whose names begin with a dot, are left alone, as is the
    folder ``__MACOSX``.

    Parameters
    ----------
    path : str or path-like
        The folder.
    modalities : sequence of str, default=None
        The modalities to read, in the order wanted; by default every subfolder that has a .npy
        file, in the order of their names, transcripts first. A subfolder that holds something else
        of the clips, such as recordings, is warned of then.
    text : {"features", "raw"}, default="features"
        What the text is: "features", the arrays in the subfolder ``text``, like any other modality,
        or "raw", the transcripts in ``clips.csv``.
    outside_root : bool, default=False
        Whether files may be links that lead out of the folder.

    Returns
    -------
    data : sklearn.utils.Bunch
        Its rows are in the order of the table. It has these attributes:

        X : MultimodalData, or DataFrame for ``text="raw"``
            The modalities, padded to the longest clip, with `ids` and `groups`. The DataFrame has
            the column "text" of str and for each other modality one of (T_i, d) arrays; `ids` are
            its index. It has no place for `groups`: hand them on, as
            ``fit(X, y, groups=groups)``.
        y : ndarray of shape (n,) or None
            The labels: int64 where all are whole numbers without a point, else float64, or str
            where all are words. None without the column.
        ids : ndarray of shape (n,), dtype str
            The names of the clips.
        groups : ndarray of shape (n,), dtype str, or None
            The groups; None without the column.
        split : ndarray of shape (n,), dtype str, or None
            The parts; None without the column.
        unimodal_labels : DataFrame of shape (n, M) or None
            A column for every modality read that has labels, NaN where a clip has none, indexed by
            `ids`. None where no modality has.
        raw_text : list of str or None
            The transcripts; None without the column.

    Raises
    ------
    FileNotFoundError
        If there is no ``clips.csv`` in the folder.
    ValueError
        If the table or a file is not readable, a column is missing, an id stands twice, a label is
        missing in some rows, a file belongs to no row or two belong to one, no subfolder has a
        .npy file, or arrays do not fit together. For recordings, the message says what to do.

    Warns
    -----
    UserWarning
        If a subfolder with files of the clips is not read, as none of them is a .npy file.

    See Also
    --------
    sklearn_tamulag.MultimodalData.from_frame : The same from a DataFrame of arrays or of paths.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_tamulag.datasets import load_folder
    >>> clips = pd.DataFrame({"id": ["a1", "a2"], "group": ["a", "a"], "label": [1.5, -2.0]})
    >>> with tempfile.TemporaryDirectory() as name:
    ...     folder = Path(name)
    ...     clips.to_csv(folder / "clips.csv", index=False)
    ...     (folder / "audio").mkdir()
    ...     for clip, steps in (("a1", 4), ("a2", 7)):
    ...         np.save(folder / "audio" / f"{clip}.npy", np.ones((steps, 3)))
    ...     data = load_folder(folder)
    >>> data.X
    MultimodalData of 2 rows + ids + groups
      audio: (2, 7, 3) float64, lengths 4..7, missing 0
    >>> data.y.tolist()
    [1.5, -2.0]
    """
    if text not in TEXT_FORMS:
        raise ValueError(f"text must be one of {list(TEXT_FORMS)}; got {text!r}.")
    folder = user_path(path)
    table = _read_table(find_table(folder))
    ids = table["id"].to_numpy(dtype=str)
    folders = modality_folders(folder)
    names = _check_modalities(folder, folders, modalities, text, ids)
    padded = [name for name in names if name != "text" or text == "features"]
    files = {name: clip_files(folder, folders[name], ids) for name in padded}
    groups = _words(table, "group", folder)
    raw_text = table["text"].tolist() if "text" in table else None
    data = (
        MultimodalData.from_frame(
            pd.DataFrame(files),
            modalities=padded,
            ids=ids,
            groups=groups,
            root=folder,
            outside_root=outside_root,
        )
        if padded
        else None
    )
    X: Any = data
    if text == "raw":
        if raw_text is None and "text" in names:
            raise ValueError(f'text="raw" needs the column "text", in {folder / TABLE}.')
        arrays, lengths = ({}, {}) if data is None else (data.arrays, data.lengths)
        X = transcript_frame(names, raw_text or [], arrays, lengths, ids)
    return Bunch(
        X=X,
        y=_labels(table, folder),
        ids=ids,
        groups=groups,
        split=_words(table, "split", folder),
        unimodal_labels=_unimodal_labels(table, names, folder),
        raw_text=raw_text,
    )


def _read_table(path: Path) -> pd.DataFrame:
    """Read the table of clips as strings, each clip with an id of its own."""
    try:
        # utf-8-sig: spreadsheets write a mark in front of the first name
        with open_regular(path) as file:
            table = pd.read_csv(
                file, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig"
            )
    except ValueError as error:
        raise ValueError(f"{path} is not a readable table in UTF-8: {error}") from error
    table = table.fillna("").rename(columns=one_form)
    # A transcript is left as it is; of all other values, blanks around them are no part.
    if not table.columns.is_unique:
        raise ValueError(f"{path} has columns of the same name: {list(table)}.")
    for name in table:
        if name != "text":
            table[name] = table[name].str.strip()
    if "id" not in table:
        raise ValueError(f'There is no column "id" in {path}; the columns are {list(table)}.')
    if not len(table):
        raise ValueError(f"{path} has no rows.")
    _check_filled(table["id"], path)
    # two ways to write one name would share a file
    check_unique_ids(table["id"].map(one_form), f" of {path}")
    return table


def _check_filled(column: pd.Series[str], path: Path) -> None:
    """Refuse a column that is empty in some row."""
    empty = np.flatnonzero(column.str.strip() == "")
    if empty.size:
        raise ValueError(
            f'The column "{column.name}" is empty in row {empty[0]} of {path}: every row needs a '
            "value."
        )


def _words(table: pd.DataFrame, name: str, folder: Path) -> NDArray[np.str_] | None:
    """Return a column of words, None where the table lacks it."""
    if name not in table:
        return None
    _check_filled(table[name], folder / TABLE)
    return table[name].to_numpy(dtype=str)


def _labels(table: pd.DataFrame, folder: Path) -> NDArray[Any] | None:
    """Return the labels, as numbers where they are, None where the table has none."""
    words = _words(table, "label", folder)
    if words is None:
        return None
    values = pd.to_numeric(pd.Series(words), errors="coerce").to_numpy()
    unread = np.isnan(values)
    if unread.all():
        return words
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(
            f"Labels must be finite numbers in every row, or words in every row; row {bad[0]} of "
            f"{folder / TABLE} is {words[bad[0]]}."
        )
    return values


def _unimodal_labels(
    table: pd.DataFrame, names: Sequence[str], folder: Path
) -> pd.DataFrame | None:
    """Return the labels of single modalities, None where there are none."""
    columns = {}
    for name in names:
        key = f"label_{name}"
        if key not in table:
            continue
        try:
            columns[name] = pd.to_numeric(table[key].replace("", None)).to_numpy(dtype=np.float64)
        except ValueError as error:
            raise ValueError(f"{key} must hold numbers, in {folder / TABLE}: {error}.") from error
    return pd.DataFrame(columns, index=pd.Index(table["id"])) if columns else None


def _check_modalities(
    folder: Path,
    folders: Mapping[str, Path],
    modalities: Sequence[str] | None,
    text: str,
    ids: NDArray[np.str_],
) -> tuple[str, ...]:
    """Return the names of the modalities to read, each with a subfolder."""
    if isinstance(modalities, str):
        raise TypeError(f'modalities must be a sequence of names; got the string "{modalities}".')
    known = list(folders)
    if text == "raw":
        known = ["text", *(name for name in folders if name != "text")]
    names = tuple(known if modalities is None else map(one_form, modalities))
    if not names or len(set(names)) < len(names) or not set(names) <= set(known):
        raise ValueError(unknown_modalities(folder, names, known, ids))
    if modalities is None:
        for name, found in unread_folders(folder, ids).items():
            if name not in names:
                warnings.warn(
                    f"{folder / name} is not read: it has no {SUFFIX} files, but {found} "
                    "Name the modalities that are meant in modalities to go on without it.",
                    UserWarning,
                    stacklevel=3,
                )
    return names
