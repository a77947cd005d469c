"""DataFrames whose columns hold sequences, or paths to files that hold them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_tamulag.data.files import lies_inside
from sklearn_tamulag.data.media_files import suffix_hint
from sklearn_tamulag.data.npy import read_npy_file
from sklearn_tamulag.data.padding import is_missing
from sklearn_tamulag.data.rows import PaddedRows
from sklearn_tamulag.data.user_paths import user_path

SUFFIX = ".npy"


def row_names(frame: pd.DataFrame) -> NDArray[Any] | None:
    """Take the index of a DataFrame as the rows' ids.

    Parameters
    ----------
    frame : DataFrame of n rows
        The data.

    Returns
    -------
    ids : ndarray of shape (n,) or None
        The index; None for one that only counts the rows, as it names nothing.
    """
    return None if frame.index.equals(pd.RangeIndex(len(frame))) else frame.index.to_numpy()


def holds_sequences(column: pd.Series[Any]) -> bool:
    """Tell whether a column holds arrays or strings, by its first cell that is not missing.

    Parameters
    ----------
    column : Series
        The column.

    Returns
    -------
    sequences : bool
        False for numbers, dates and the like.
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return False
    first = _first_cell(column)
    return isinstance(first, str | bytes) or not pd.api.types.is_scalar(first)


def column_values(column: pd.Series[Any]) -> Any:
    """Take the values of a column.

    Parameters
    ----------
    column : Series of n rows
        The column.

    Returns
    -------
    values : ndarray of shape (n,) or list of n cells
        An array where the column holds numbers, with NaN where one is missing; else its cells.
    """
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return list(column)
    if isinstance(column.dtype, np.dtype):
        return column.to_numpy()
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def check_frame(frame: Any) -> None:
    """Refuse what is no DataFrame.

    Parameters
    ----------
    frame : object
        The data, after `open_container`.

    Raises
    ------
    TypeError
        If it is no DataFrame.
    """
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"frame must be a pandas DataFrame, got {type(frame).__name__}. A table of another "
            "library, which narwhals reads, will do too."
        )


def frame_of_cells(rows: PaddedRows) -> pd.DataFrame:
    """Make a DataFrame whose cells are the sequences, without their padding.

    Parameters
    ----------
    rows : PaddedRows
        The n rows of M modalities.

    Returns
    -------
    frame : DataFrame of shape (n, M)
        An array (T_i, d) or (T_i,) per cell, None where a row lacks the modality. The index is the
        ids, where there are any.
    """
    columns = {}
    for name, array in rows.arrays.items():
        cells = np.empty(len(rows), dtype=object)
        for row, length in enumerate(rows.lengths[name]):
            cells[row] = array[row, :length] if length else None
        columns[name] = cells
    return pd.DataFrame(columns, index=rows.ids)


def row_values(frame: pd.DataFrame, argument: str, values: str | ArrayLike | None) -> Any:
    """Take what travels with the rows from a column, or as it is given.

    Parameters
    ----------
    frame : DataFrame of n rows
        The data.
    argument : str
        What is taken, for the message.
    values : str, array-like of shape (n,) or None
        The name of a column, or the values themselves.

    Returns
    -------
    values : ndarray of shape (n,), array-like or None
        The values.

    Raises
    ------
    ValueError
        If the column does not exist.
    """
    if not isinstance(values, str):
        return values
    if values not in frame:
        raise ValueError(
            f"{argument} must be a column of the frame, which are {list(frame.columns)}, or one "
            f"value per row; got {values!r}."
        )
    return frame[values].to_numpy()


def read_sequences(
    frame: pd.DataFrame,
    modalities: str | Sequence[str] | None = None,
    others: Sequence[Any] = (),
    root: str | PathLike[str] | None = None,
    *,
    outside_root: bool = False,
) -> dict[str, Any]:
    """Read the modalities of a DataFrame.

    Parameters
    ----------
    frame : DataFrame of n rows
        The data.
    modalities : str, sequence of str or None, default=None
        The columns that are modalities. None takes every column that holds arrays or paths to .npy
        files, judged by its first cell that is not missing.
    others : sequence, default=()
        What is no modality: the columns of ids and groups.
    root : str, path-like or None, default=None
        The folder that relative paths start from, and that no path leaves; by default the current
        one, which paths may leave.
    outside_root : bool, default=False
        Whether paths may leave `root`: absolute ones, through "..", and links.

    Returns
    -------
    sequences : dict of str to ndarray of shape (n,) or list of n cells
        By modality, numbers, or cells with arrays in place of paths.

    Raises
    ------
    TypeError
        If `frame` is no DataFrame.
    FileNotFoundError
        If a file does not exist.
    ValueError
        If a column does not exist or none is a modality, a string is no path to a .npy file, a path
        leaves `root`, or a file is not readable without running code.
    """
    check_frame(frame)
    if not frame.columns.is_unique:
        raise ValueError(f"frame has columns of the same name: {list(frame.columns)}.")
    bounds = None if root is None or outside_root else os.path.realpath(user_path(root))
    sequences = {}
    for name in _modality_columns(frame, modalities, others):
        values = column_values(frame[name])
        if isinstance(values, list):
            folder = user_path(root or "")
            values = [
                _read_cell(f"Modality {name!r}, row {row},", folder, bounds, cell)
                for row, cell in enumerate(values)
            ]
        sequences[name] = values
    return sequences


def _modality_columns(
    frame: pd.DataFrame, modalities: str | Sequence[str] | None, others: Sequence[Any]
) -> list[str]:
    """Choose the columns that are modalities, at least one."""
    columns = list(frame.columns)
    if modalities is not None:
        names = [modalities] if isinstance(modalities, str) else list(modalities)
        if not names or len(set(names)) < len(names) or not set(names) <= set(columns):
            raise ValueError(
                f"modalities must be among the columns {columns}, each once, got {names}."
            )
        return names
    names = [name for name in columns if name not in others and _is_modality(frame[name])]
    if not names:
        raise ValueError(
            f"No column of the frame holds arrays or paths to {SUFFIX} files; the columns are "
            f"{columns}. Name those that are meant in modalities."
        )
    return names


def _read_cell(where: str, root: Path, bounds: str | None, path: Any) -> Any:
    """Read the file of a cell that is a path; an empty one is a missing modality."""
    if not isinstance(path, str | os.PathLike):
        return path
    if path == "":
        return None
    if Path(path).suffix.lower() != SUFFIX:
        hint = suffix_hint(Path(path).suffix)
        raise ValueError(
            f"{where} is {os.fspath(path)!r}, which is no path to a {SUFFIX} file."
            + (f" {hint}" if hint else "")
        )
    file = root / user_path(path)
    if bounds is not None and not lies_inside(file, bounds):
        raise ValueError(
            f"{where} is {os.fspath(path)!r}, which lies outside of root, {os.fspath(root)!r}. "
            "Where such files may be read, pass outside_root=True."
        )
    try:
        return read_npy_file(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{where} is in {file}, which does not exist.") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{where} is in {file}, which is not readable: {error}") from error


def _first_cell(column: pd.Series[Any]) -> Any:
    """Return the first cell that is not missing, None where there is none."""
    return next((cell for cell in column if not is_missing(cell)), None)


def _is_modality(column: pd.Series[Any]) -> bool:
    """Tell whether a column holds arrays or paths to .npy files."""
    first = _first_cell(column)
    if isinstance(first, str | os.PathLike):
        return Path(first).suffix.lower() == SUFFIX
    return holds_sequences(column)
