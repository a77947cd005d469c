"""DataFrames of unimodal labels: a column per modality, a row per row of the data."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_integer_dtype

from sklearn_tamulag.data.frames import row_names
from sklearn_tamulag.data.padding import is_missing


def check_label_columns(name: str, frame: Any, modalities: Sequence[str] | None = None) -> None:
    """Check that a table of unimodal labels has a column per modality.

    Parameters
    ----------
    name : str
        The argument that the table came as, for the message.
    frame : DataFrame of shape (n, <= M)
        The table.
    modalities : sequence of str, optional
        The M modalities that its columns may be; any by default.

    Raises
    ------
    TypeError
        If it is no DataFrame.
    ValueError
        If a column is no modality or stands twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tamulag.data.label_frames import check_label_columns
    >>> check_label_columns("labels", pd.DataFrame({"smell": [0.5]}), ["text", "audio"])
    Traceback (most recent call last):
        ...
    ValueError: labels has the column 'smell', which is no modality; they are ['text', 'audio'].
    """
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"{name} must be a pandas DataFrame with a column per modality, got "
            f"{type(frame).__name__}."
        )
    for column in frame.columns:
        if modalities is not None and column not in modalities:
            raise ValueError(
                f"{name} has the column {column!r}, which is no modality; they are "
                f"{list(modalities)}."
            )
    if not frame.columns.is_unique:
        raise ValueError(f"{name} has columns of the same name: {list(frame.columns)}.")


def check_label_rows(name: str, frame: pd.DataFrame, other: str, n_rows: int, ids: Any) -> None:
    """Check that a table of unimodal labels has the rows of what it stands beside.

    Rows belong together by their place. An index says nothing of that where it only counts: where
    it is 0 to n - 1, or integers beside names of another kind, as a part of such a count is.

    Parameters
    ----------
    name : str
        The argument that the table came as, for the message.
    frame : DataFrame of shape (n, <= M)
        The table.
    other : str
        What it stands beside, for the message.
    n_rows : int
        The n rows of that.
    ids : array-like of shape (n,) or None
        Their names; None where they have none.

    Raises
    ------
    ValueError
        If the number of rows differs, or a row has another name than the row at its place.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tamulag.data.label_frames import check_label_rows
    >>> labels = pd.DataFrame({"text": [0.5, -1.0]}, index=[7, 3])
    >>> check_label_rows("labels", labels, "X", 2, ["a", "b"])
    >>> check_label_rows("labels", labels.set_axis(["b", "a"]), "X", 2, ["a", "b"])
    Traceback (most recent call last):
        ...
    ValueError: labels must have its rows in the order of X: the index names row 0 'b', in X it is \
'a'. Put the rows in order with labels.loc[...], or drop the index with \
labels.reset_index(drop=True).
    """
    if len(frame) != n_rows:
        raise ValueError(
            f"{name} must have one row per row of {other}: {other} has {n_rows} rows, {name} has "
            f"{len(frame)}."
        )
    if ids is None or row_names(frame) is None:
        return
    index, expected = frame.index, pd.Index(ids)
    if is_integer_dtype(index.dtype) and not is_integer_dtype(expected.dtype):
        return
    differs = index.to_numpy(dtype=object) != expected.to_numpy(dtype=object)
    if differs.any():
        row = int(differs.argmax())
        raise ValueError(
            f"{name} must have its rows in the order of {other}: the index names row {row} "
            f"{index[row]!r}, in {other} it is {expected[row]!r}. Put the rows in order with "
            f"{name}.loc[...], or drop the index with {name}.reset_index(drop=True)."
        )


def label_numbers(name: str, column: pd.Series[Any]) -> NDArray[np.float64]:
    """Read the labels of one modality as numbers.

    Parameters
    ----------
    name : str
        What the column is called in a message.
    column : Series of length n
        Numbers, or NaN or None where a label is not known.

    Returns
    -------
    float64 array of shape (n,)
        The numbers; NaN where a label is not known.

    Raises
    ------
    TypeError
        If a value is no number.
    ValueError
        If a value is infinite.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tamulag.data.label_frames import label_numbers
    >>> label_numbers("labels['text']", pd.Series([1, None, 2.5]))
    array([1. , nan, 2.5])
    """
    values = np.full(len(column), np.nan)
    for row, value in enumerate(column):
        if is_missing(value):
            continue
        if not isinstance(value, Real):
            raise TypeError(f"{name} must hold numbers, NaN where unknown; row {row} is {value!r}.")
        values[row] = value
    bad = np.isinf(values)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f"{name} must be finite, or NaN where unknown; row {row} is {values[row]}."
        )
    return values
