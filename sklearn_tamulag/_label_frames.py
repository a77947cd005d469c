"""DataFrames of unimodal labels: a column per modality, a row per row of the data."""

from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag._padding import is_missing


def check_label_frame(
    name: str, frame: Any, modalities: Sequence[str], other: str, n_rows: int
) -> None:
    """Check the type, the columns and the number of rows of a table of unimodal labels.

    Parameters
    ----------
    name : str
        The argument that the table came as, for the message.
    frame : DataFrame of shape (n, <= M)
        The table.
    modalities : sequence of str
        The M modalities that its columns may be.
    other : str
        What it stands beside, for the message.
    n_rows : int
        The n rows of that.

    Raises
    ------
    TypeError
        If it is no DataFrame.
    ValueError
        If a column is no modality or stands twice, or the number of rows differs.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tamulag._label_frames import check_label_frame
    >>> check_label_frame("labels", pd.DataFrame({"smell": [0.5]}), ["text", "audio"], "X", 1)
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
        if column not in modalities:
            raise ValueError(
                f"{name} has the column {column!r}, which is no modality; they are "
                f"{list(modalities)}."
            )
    if not frame.columns.is_unique:
        raise ValueError(f"{name} has columns of the same name: {list(frame.columns)}.")
    if len(frame) != n_rows:
        raise ValueError(
            f"{name} must have one row per row of {other}: {other} has {n_rows} rows, {name} has "
            f"{len(frame)}."
        )


def check_row_names(name: str, index: pd.Index, other: str, ids: Any) -> None:
    """Refuse a table whose rows are named, but otherwise than the rows it stands beside.

    Rows belong together by their place. An index says nothing of that where it only counts: where
    it is 0 to n - 1, or integers beside names of another kind, as a part of such a count is.

    Parameters
    ----------
    name : str
        The argument that the table came as, for the message.
    index : pandas.Index of length n
        The index of the table.
    other : str
        What holds the other names, for the message.
    ids : array-like of shape (n,) or None
        The names of the rows beside it; None where they have none.

    Raises
    ------
    ValueError
        If a row has another name than the row at its place.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tamulag._label_frames import check_row_names
    >>> check_row_names("labels", pd.Index([7, 3]), "X.ids", ["a", "b"])
    >>> check_row_names("labels", pd.Index(["b", "a"]), "X.ids", ["a", "b"])
    Traceback (most recent call last):
        ...
    ValueError: labels must have its rows in the order of X.ids: row 0 is named 'b' in its index, \
'a' there. Put them in order with labels.loc[X.ids], or drop names with \
labels.reset_index(drop=True).
    """
    if ids is None or _only_counts(index):
        return
    expected = pd.Index(ids)
    if _only_counts(expected) or (_is_integer(index) and not _is_integer(expected)):
        return
    differs = index.to_numpy(dtype=object) != expected.to_numpy(dtype=object)
    if differs.any():
        row = int(differs.argmax())
        raise ValueError(
            f"{name} must have its rows in the order of {other}: row {row} is named {index[row]!r} "
            f"in its index, {expected[row]!r} there. Put them in order with {name}.loc[{other}], "
            f"or drop names with {name}.reset_index(drop=True)."
        )


def label_numbers(name: str, column: "pd.Series[Any]") -> NDArray[np.float64]:
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
    >>> from sklearn_tamulag._label_frames import label_numbers
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


def _only_counts(index: pd.Index) -> bool:
    """Whether an index is 0 to n - 1, which names nothing."""
    return index.equals(pd.RangeIndex(len(index)))


def _is_integer(index: pd.Index) -> bool:
    """Whether an index holds integers."""
    return pd.api.types.is_integer_dtype(index.dtype)
