"""The one door: tables, columns and arrays of any library, in the form that the rest reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pandas as pd
from narwhals.exceptions import DuplicateError
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import Bunch

from sklearn_tamulag.data.cells import SEQUENCES, array_of, is_tensor, unmasked
from sklearn_tamulag.data.padding import is_missing
from sklearn_tamulag.data.refusals import describe_forms, refuse_form
from sklearn_tamulag.data.rows import PaddedRows


def open_container(X: Any, names: Sequence[str] | None = None) -> Any:
    """Bring X into one of few forms, whatever library it comes from.

    Parameters
    ----------
    X : object
        The data.
    names : sequence of str, optional
        The modalities, for a table of arrays whose columns have no names; "x0", "x1" and so on
        where none are given, or not as many as there are columns.

    Returns
    -------
    X : MultimodalData, dict, DataFrame, Series, ndarray, list or sparse matrix
        The same rows. A table of any library that narwhals reads, an Arrow table or a data set of
        the package datasets becomes a pandas DataFrame; a list of dicts, and an array with arrays
        or texts in its cells, a dict of lists; a Series of arrays a DataFrame of one column. What
        is none of all these is returned as it is.

    Raises
    ------
    TypeError
        If X is a lazy table, a Bunch or a data set of several parts, from which to choose first.

    Examples
    --------
    >>> from sklearn_tamulag.data.containers import open_container
    >>> open_container([{"audio": [[1.0], [2.0]]}, {"audio": None, "age": 31.0}])
    {'audio': [[[1.0], [2.0]], None], 'age': [None, 31.0]}
    """
    if X is None or isinstance(X, PaddedRows | pd.DataFrame | str | bytes) or issparse(X):
        return X
    if isinstance(X, Mapping):
        _refuse_gatherings(X)
        return {name: open_values(values) for name, values in X.items()}
    frame = _eager_frame(X)
    if frame is not None:
        return _to_pandas(frame)
    values = open_values(X)
    if isinstance(values, pd.Series):
        return _open_series(values)
    if isinstance(values, np.ma.MaskedArray):
        values = unmasked(values)
    if isinstance(values, np.ndarray) and values.dtype.kind in "OUST":
        return _open_cells(values, names)
    if isinstance(values, list | tuple):
        return _open_list(values, names)
    return values


def open_values(values: Any) -> Any:
    """Bring one value per row, as of a modality or of y, into one of few forms.

    Parameters
    ----------
    values : object
        An array, a list, a column of any library that narwhals reads, of Arrow or of the package
        datasets, an Index, an array of pandas or a torch tensor.

    Returns
    -------
    values : ndarray, list, Series or object
        Numbers as an array, NaN where one is missing, other columns as a Series or list of cells.
        A masked array keeps its mask. What is none of these is returned as it is.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn_tamulag.data.containers import open_values
    >>> open_values(pd.Index(["good", "bad"])).tolist()
    ['good', 'bad']
    """
    if isinstance(values, np.ndarray | list | tuple | pd.Series | pd.DataFrame | PaddedRows):
        return values
    if is_tensor(values):
        return array_of(values)
    if isinstance(values, pd.Index | pd.api.extensions.ExtensionArray):
        return pd.Series(values)
    if hasattr(values, "to_pylist") and hasattr(values, "to_numpy"):  # an array of Arrow
        return values.to_pylist()
    column = nw.from_native(values, allow_series=True, pass_through=True)
    if isinstance(column, nw.Series):
        return pd.Series(_column(column), name=column.name or None)
    if isinstance(column, nw.DataFrame):
        return column.to_numpy()
    # A sequence that is computed when it is asked for, as a column of the package datasets.
    own = hasattr(values, "__len__") and hasattr(values, "__getitem__")
    if own and not isinstance(values, str | bytes | Mapping) and not hasattr(values, "__array__"):
        return list(values)
    return values


def plain_values(values: Any) -> Any:
    """Bring values by row, such as y, into what NumPy and scikit-learn read.

    Parameters
    ----------
    values : object
        What `open_values` takes.

    Returns
    -------
    values : array-like
        Without a mask: what is masked is NaN, or None among values that are no numbers. Bytes are
        in the order of this machine.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.data.containers import plain_values
    >>> plain_values(np.ma.array([1.5, 2.5], mask=[False, True]))
    array([1.5, nan])
    """
    opened = open_values(values)
    if isinstance(opened, np.ma.MaskedArray):
        opened = unmasked(opened)
    if isinstance(opened, np.ndarray) and opened.dtype.kind == "T":  # scikit-learn reads no such
        return opened.astype(object)
    if isinstance(opened, np.ndarray) and opened.dtype == np.longdouble:  # no file holds it
        return opened.astype(np.float64)
    if isinstance(opened, np.ndarray) and not opened.dtype.isnative:
        return opened.astype(opened.dtype.newbyteorder("="))
    return opened


def _refuse_gatherings(X: Mapping[Any, Any]) -> None:
    """Refuse mappings that hold the data beside something else, naming what is meant."""
    if isinstance(X, Bunch) and ("X" in X or "data" in X):
        part, target = ("X", "y") if "X" in X else ("data", "target")
        refuse_form(X, f"Pass its .{part}, and its .{target} as y.")
    parts = [name for name, values in X.items() if hasattr(values, "with_format")]
    if parts:
        refuse_form(X, f"Choose one of its parts, as X[{parts[0]!r}].")


def _eager_frame(X: Any) -> nw.DataFrame[Any] | None:
    """Recognise a table; None for what is none."""
    if hasattr(X, "with_format") and hasattr(X, "column_names"):
        # A data set of the package datasets: read as Arrow, whatever it is set to give.
        if not hasattr(X, "__len__"):
            refuse_form(X, "A data set that streams has no number of rows: load it first.")
        X = X.with_format("arrow")[:]
    try:
        frame = nw.from_native(X, allow_series=True, pass_through=True)
    except DuplicateError as error:
        raise ValueError(f"X has columns of the same name: {error}") from error
    if isinstance(frame, nw.LazyFrame):
        refuse_form(X, "It is lazy, and the order of its rows open: pass X.collect().")
    if isinstance(frame, nw.DataFrame):
        return frame
    # Any library's table, handed over as Arrow; its columns have such a stream too, but no columns.
    is_table = hasattr(X, "__arrow_c_stream__") and hasattr(X, "schema")
    return nw.from_arrow(X, backend="pyarrow") if is_table else None


def _to_pandas(frame: nw.DataFrame[Any]) -> pd.DataFrame:
    """Make a DataFrame of numbers and of cells, the index counting the rows."""
    native = nw.to_native(frame)
    if isinstance(native, pd.DataFrame):
        return native
    columns = {name: _column(frame[name]) for name in frame.columns}
    return pd.DataFrame(columns, index=pd.RangeIndex(len(frame)))


def _column(column: nw.Series[Any]) -> NDArray[Any]:
    """Take the numbers of a column, or its cells, nested ones as arrays."""
    if column.dtype.is_numeric():
        exact = column.cast(nw.Float64) if column.dtype == nw.Decimal else column
        return np.asarray(exact.to_numpy())
    cells = np.empty(len(column), dtype=object)
    for row, cell in enumerate(column):
        cells[row] = _cell(cell)
    return cells


def _cell(cell: Any) -> Any:
    """Turn a nested cell into an array; what is none is refused later, where its row is known."""
    if cell is None or pd.api.types.is_scalar(cell) or isinstance(cell, Mapping):
        return cell
    try:
        return array_of(cell)
    except (TypeError, ValueError, RuntimeError):
        return cell


def _open_series(series: pd.Series[Any]) -> Any:
    """Make a frame of a Series of arrays; texts and numbers stay a Series."""
    first = _first(series)
    if isinstance(first, Mapping):
        return _records(list(series))
    if first is None or pd.api.types.is_scalar(first):
        return series
    return series.to_frame() if isinstance(series.name, str) else series


def _open_cells(array: NDArray[Any], names: Sequence[str] | None) -> Any:
    """Name the columns of an array whose cells are arrays or texts; numbers stay an array."""
    if array.ndim == 1 and isinstance(_first(array), Mapping):
        return _records(list(array))
    if array.ndim != 2:
        return array
    columns = [list(array[:, place]) for place in range(array.shape[1])]
    if not any(_holds_cells(column) for column in columns):
        return array
    if len(columns) == 1 and names is None and isinstance(_first(columns[0]), str):
        return columns[0]
    known = names is not None and len(names) == len(columns)
    called = list(names or ()) if known else [f"x{place}" for place in range(len(columns))]
    return dict(zip(called, columns, strict=True))


def _open_list(rows: Sequence[Any], names: Sequence[str] | None) -> Any:
    """Tell lists of dicts, and lists of rows with texts in them, from lists of numbers."""
    first = _first(rows)
    if isinstance(first, Mapping):
        return _records(rows)
    if isinstance(first, list | tuple) and any(map(_is_text, first)):
        table = np.empty((len(rows), len(first)), dtype=object)
        if any(not isinstance(row, list | tuple) or len(row) != len(first) for row in rows):
            return rows
        for place, row in enumerate(rows):
            table[place] = row
        return _open_cells(table, names)
    return rows


def _records(rows: Sequence[Any]) -> dict[Any, list[Any]]:
    """Turn dicts by row into lists by modality; a key that a row lacks is missing there."""
    for place, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise TypeError(
                f"X is a list of dicts, but row {place} is of type {type(row).__name__}. "
                f"{describe_forms()}"
            )
    keys = dict.fromkeys(key for row in rows for key in row)
    return {key: [row.get(key) for row in rows] for key in keys}


def _holds_cells(column: Sequence[Any]) -> bool:
    """Tell whether a column holds arrays or texts, by its first cell that is not missing."""
    first = _first(column)
    return isinstance(first, SEQUENCES) or is_tensor(first) or _is_text(first)


def _is_text(cell: Any) -> bool:
    """Tell a text from a number, and from a number that is written out."""
    if not isinstance(cell, str):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _first(cells: Any) -> Any:
    """Return the first cell that is not missing, None where there is none."""
    return next((cell for cell in cells if not is_missing(cell)), None)
