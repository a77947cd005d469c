"""Results of a long benchmark, kept as they end, so that a run that was cut off goes on."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


class KeptRows:
    """Rows of a table in a file, one line of JSON each, found again by their keys.

    A key says which run a row comes from, such as a variant and a seed; its order does not matter.
    One process writes to the file at a time; the workers of joblib hand their rows to it. A last
    line that was torn when a run was killed counts for nothing.

    Parameters
    ----------
    path : str or path-like
        The file, made with its folder by the first row; one that is there is gone on with.

    Raises
    ------
    ValueError
        If the file has a line, other than a torn last one, that is no row.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = KeptRows(f"{folder}/rows.jsonl")
    ...     rows.add({"model": "ridge", "seed": 0}, {"MAE": 0.5})
    ...     again = KeptRows(f"{folder}/rows.jsonl")
    >>> again.has({"seed": 0, "model": "ridge"}), again.has({"seed": 1, "model": "ridge"})
    (True, False)
    >>> again.frame().to_dict("records")
    [{'model': 'ridge', 'seed': 0, 'MAE': 0.5}]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._rows: dict[str, dict[str, Any]] = {}
        lines = self.path.read_bytes().split(b"\n") if self.path.exists() else [b""]
        # What comes after the last line's end is empty, or torn.
        for number, line in enumerate(lines[:-1], start=1):
            try:
                row = json.loads(line)
                self._remember(row["key"], row["values"])
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"Line {number} of {self.path} is no kept row.") from error

    def __len__(self) -> int:
        return len(self._rows)

    def has(self, key: Mapping[str, Any]) -> bool:
        """Tell whether the row of a key is kept."""
        return _text(key) in self._rows

    def add(self, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Keep a row, in the place of an earlier one of the same key.

        Parameters
        ----------
        key, values : mapping of str
            What the row comes from and what came out, of plain values or NumPy's.

        Raises
        ------
        ValueError
            If a name stands in both.
        TypeError
            If a value cannot be written as JSON.
        """
        twice = sorted(key.keys() & values.keys())
        if twice:
            raise ValueError(
                f"A key and its values must have names of their own; both have {twice}."
            )
        line = json.dumps({"key": dict(key), "values": dict(values)}, default=_plain)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "ab+") as file:
            _cut_torn_line(file)
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        row = json.loads(line)
        self._remember(row["key"], row["values"])

    def frame(self) -> pd.DataFrame:
        """Return the rows in the order in which they were kept, the columns of the keys first."""
        keys = {name: None for row in self._rows.values() for name in row["key"]}
        values = {name: None for row in self._rows.values() for name in row["values"]}
        table = [{**row["key"], **row["values"]} for row in self._rows.values()]
        return pd.DataFrame(table, columns=list(keys | values))

    def _remember(self, key: dict[str, Any], values: dict[str, Any]) -> None:
        """Hold a row by its key."""
        self._rows[_text(key)] = {"key": dict(key), "values": dict(values)}


def _cut_torn_line(file: Any) -> None:
    """Remove what a killed run has left of a line at the end of a file."""
    end = file.seek(0, os.SEEK_END)
    file.seek(0)
    whole = file.read().rfind(b"\n") + 1
    if whole < end:
        file.truncate(whole)
    file.seek(0, os.SEEK_END)


def _text(key: Mapping[str, Any]) -> str:
    """Write a key the same way whatever its order."""
    return json.dumps(dict(key), sort_keys=True, default=_plain)


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers and arrays into what JSON can write."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"A kept value must be a number, string, list or dict, got {value!r}.")
