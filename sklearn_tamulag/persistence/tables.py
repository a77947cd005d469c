"""The tables of pandas and their indexes, taken apart into arrays and put together again."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from sklearn_tamulag.persistence.errors import NotStorableError
from sklearn_tamulag.persistence.levels import read_levels
from sklearn_tamulag.persistence.limits import SPARE_ROWS, shortened

_STRING_DTYPES = ("str", "string")
# Without a prefix, which may name a file.
_TIME_ZONE = re.compile(r"(?!dateutil)[A-Za-z][A-Za-z0-9_+:-]*(/[A-Za-z0-9_+-]+)*")


def index_fields(index: "pd.Index[Any]", write: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Describe an index.

    Parameters
    ----------
    index : pandas.Index
        A range, or values that a NumPy array holds, strings, times with a zone, or several levels
        of these.
    write : callable
        Writes a part, given its name and value.

    Returns
    -------
    dict
        What `read_index` reads, each part written.

    Raises
    ------
    NotStorableError
        If the index is of another type.
    """
    names = write("names", list(index.names))
    if isinstance(index, pd.RangeIndex):
        return {"names": names, "range": [int(index.start), int(index.stop), int(index.step)]}
    if isinstance(index, pd.MultiIndex):
        levels = [index.get_level_values(number) for number in range(index.nlevels)]
        return {"names": names, "levels": write("levels", levels)}
    if isinstance(index.dtype, pd.DatetimeTZDtype):
        zone = str(index.dtype.tz)
        if not _TIME_ZONE.fullmatch(zone):
            raise NotStorableError(f"an index with the time zone {zone} cannot be stored")
        times = index.tz_convert("UTC").tz_localize(None).to_numpy()  # type: ignore[attr-defined]
        return {"names": names, "values": write("values", times), "zone": zone}
    return {"names": names} | _column_fields(index, write)


def read_index(fields: Mapping[str, Any], room: int) -> "pd.Index[Any]":
    """Make an index of its description.

    Parameters
    ----------
    fields : dict
        What `index_fields` has written, each part read.
    room : int
        Bytes of the file, which bound the length of a range.

    Returns
    -------
    pandas.Index
        The index.

    Raises
    ------
    ValueError
        If the description is none.
    """
    names = fields["names"]
    index: pd.Index[Any]
    if fields.keys() == {"names", "range"}:
        index = _read_range(fields["range"], room)
    elif fields.keys() == {"names", "levels"}:
        index = read_levels(fields["levels"])
    elif fields.keys() == {"names", "values", "zone"}:
        if not _TIME_ZONE.fullmatch(fields["zone"]):
            raise ValueError(f"{fields['zone']!r} is no time zone")
        times = fields["values"]
        if not (isinstance(times, np.ndarray) and times.ndim == 1 and times.dtype.kind == "M"):
            raise ValueError("times with a zone are no array of times")
        index = pd.DatetimeIndex(times).tz_localize("UTC").tz_convert(fields["zone"])
    else:
        index = pd.Index(_read_column(fields, {"names"}), dtype=_read_dtype(fields))
    if type(names) is not list or len(names) != index.nlevels:
        raise ValueError(f"{names!r} does not name an index of {index.nlevels} levels")
    index.names = names
    return index


def frame_fields(frame: pd.DataFrame, write: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Describe a table.

    Parameters
    ----------
    frame : DataFrame
        Its columns hold what NumPy arrays hold, or strings.
    write : callable
        Writes a part, given its name and value.

    Returns
    -------
    dict
        What `read_frame` reads, each part written.

    Raises
    ------
    NotStorableError
        If a column is of another type.
    """
    columns = [
        _column_fields(frame.iloc[:, number], lambda _, value: value)
        for number in range(frame.shape[1])
    ]
    return {
        "index": write("index", frame.index),
        "columns": write("columns", frame.columns),
        "data": write("data", columns),
    }


def read_frame(fields: Mapping[str, Any]) -> pd.DataFrame:
    """Make a table of its description.

    Parameters
    ----------
    fields : dict
        What `frame_fields` has written, each part read.

    Returns
    -------
    DataFrame
        The table.

    Raises
    ------
    ValueError
        If the parts do not fit together.
    """
    index, columns, data = fields["index"], fields["columns"], fields["data"]
    if fields.keys() != {"index", "columns", "data"} or not (
        isinstance(index, pd.Index) and isinstance(columns, pd.Index) and len(columns) == len(data)
    ):
        raise ValueError("a table is malformed")
    lengths = {len(_read_column(column, set())) for column in data}
    # A range has any length for nothing: only columns of that length show that it is meant.
    if lengths - {len(index)} or (not lengths and len(index) > SPARE_ROWS):
        raise ValueError(f"a table of {len(index)} rows has columns of other lengths")
    series = {
        number: pd.Series(_read_column(column, set()), index=index, dtype=_read_dtype(column))
        for number, column in enumerate(data)
    }
    frame = pd.DataFrame(series, index=index)
    frame.columns = columns
    return frame


def _column_fields(values: Any, write: Callable[[str, Any], Any]) -> dict[str, Any]:
    """Describe a column or a plain index by its values and, of strings, their type."""
    if isinstance(values.dtype, np.dtype):
        return {"values": write("values", values.to_numpy()), "dtype": None}
    if str(values.dtype) not in _STRING_DTYPES:
        raise NotStorableError(f"pandas values of dtype {values.dtype} cannot be stored")
    strings = [None if pd.isna(value) else str(value) for value in values]
    return {"values": write("values", strings), "dtype": str(values.dtype)}


def _read_range(bounds: Any, room: int) -> pd.RangeIndex:
    """A range whose length the size of the file bounds."""
    if type(bounds) is not list or len(bounds) != 3 or any(type(b) is not int for b in bounds):
        raise ValueError(f"{shortened(bounds)} is no range")
    if len(range(*bounds)) > max(room, SPARE_ROWS):
        raise ValueError(f"a range of {len(range(*bounds))} rows in a file of {room} bytes")
    return pd.RangeIndex(*bounds)


def _read_column(fields: Mapping[str, Any], others: set[str]) -> Any:
    """The values of a column or a plain index."""
    values, dtype = fields["values"], fields["dtype"]
    if fields.keys() != {"values", "dtype"} | others:
        raise ValueError(f"a column has the fields {sorted(fields)}")
    # A single value would be repeated, whatever length an index claims.
    if not isinstance(values, np.ndarray if dtype is None else list) or np.ndim(values) != 1:
        raise ValueError(f"a column is no array of one axis, but {type(values).__name__}")
    return values


def _read_dtype(fields: Mapping[str, Any]) -> Any:
    """The type of a column or a plain index: its array's own, or that of its strings."""
    dtype = fields["dtype"]
    if dtype is None:
        return fields["values"].dtype
    if dtype not in _STRING_DTYPES:
        raise ValueError(f"pandas values of dtype {dtype!r} are not read")
    return dtype
