"""What a pickle writes out in its bytes, text and long ints: read within a budget."""

from __future__ import annotations

import codecs
import pickle
import re
from collections.abc import Callable
from io import BufferedReader
from typing import Any

import numpy as np

from sklearn_tamulag.datasets._pickle_budget import Budget

# What the object of a short string takes beside its characters, rounded up.
_STRING = 80
_MAX_INT_BYTES = 255
# A string of Python 2 that is longer is the content of an array, and no text.
_MAX_OLD_TEXT = 2**20
# Characters beyond Latin-1, as protocol 0 writes them.
_ESCAPED_WIDE = re.compile(rb"\\u(?!00)|\\U(?!000000)")


class BoundedFile:
    """A file of known size, of which nothing is asked beyond its end.

    Parameters
    ----------
    file : buffered binary file
        At its start.
    n_bytes : int
        Its size.
    """

    def __init__(self, file: BufferedReader, n_bytes: int) -> None:
        self._file = file
        self._left = n_bytes

    def check(self, n_bytes: int) -> None:
        """Refuse to go beyond the end.

        Parameters
        ----------
        n_bytes : int
            How many bytes have to be left.

        Raises
        ------
        pickle.UnpicklingError
            If fewer are.
        """
        if not 0 <= n_bytes <= self._left:
            raise pickle.UnpicklingError("it is truncated, or a length in it is wrong")

    def read_code(self) -> bytes:
        """Read the next instruction.

        Returns
        -------
        bytes
            One byte, none at the end of the file.
        """
        self._left -= 1
        return self._file.read(1)

    def read(self, n_bytes: int) -> bytes:
        """Read so many bytes, which have to be there.

        Parameters
        ----------
        n_bytes : int
            How many.

        Returns
        -------
        bytes
            All of them.

        Raises
        ------
        pickle.UnpicklingError
            If fewer are left; nothing is allocated then.
        """
        self.check(n_bytes)
        self._left -= n_bytes
        return self._file.read(n_bytes)

    def readinto(self, n_bytes: int) -> bytearray:
        """Read so many bytes into memory that can be written to.

        Parameters
        ----------
        n_bytes : int
            How many.

        Returns
        -------
        bytearray
            All of them.

        Raises
        ------
        pickle.UnpicklingError
            If fewer are left; nothing is allocated then.
        """
        self.check(n_bytes)
        self._left -= n_bytes
        content = bytearray(n_bytes)
        if self._file.readinto(content) != n_bytes:
            raise pickle.UnpicklingError("it became shorter while it was read")
        return content

    def readline(self) -> bytes:
        """Read up to the end of a line.

        Returns
        -------
        bytes
            The line, with its end where the file has one.
        """
        line = self._file.readline()
        self._left -= len(line)
        return line


def _text_of(size_bytes: int) -> Callable[[BoundedFile, Budget], str]:
    """Make a reader of text in UTF-8, after a length of so many bytes."""

    def read(file: BoundedFile, budget: Budget) -> str:
        data = file.read(_size(file, size_bytes))
        budget.charge(_STRING + len(data) * _width(data))
        return str(data, "utf-8", "surrogatepass")

    return read


def _bytes_of(size_bytes: int) -> Callable[[BoundedFile, Budget], bytes]:
    """Make a reader of bytes, after a length of so many bytes."""

    def read(file: BoundedFile, budget: Budget) -> bytes:
        n_bytes = _size(file, size_bytes)
        budget.charge(_STRING + n_bytes)
        return file.read(n_bytes)

    return read


def _old_string_of(size_bytes: int) -> Callable[[BoundedFile, Budget], str | bytes]:
    """Make a reader of strings of Python 2, after a length of so many bytes."""

    def read(file: BoundedFile, budget: Budget) -> str | bytes:
        return _old_text(file.read(_size(file, size_bytes)), budget)

    return read


def _int_of(size_bytes: int) -> Callable[[BoundedFile, Budget], int]:
    """Make a reader of long ints, which are no longer than a label or a size can be."""

    def read(file: BoundedFile, budget: Budget) -> int:
        n_bytes = _size(file, size_bytes)
        if n_bytes > _MAX_INT_BYTES:
            raise pickle.UnpicklingError(f"it has an int of {n_bytes} bytes")
        budget.charge(_STRING + n_bytes)
        return pickle.decode_long(file.read(n_bytes))

    return read


def _read_bytearray(file: BoundedFile, budget: Budget) -> bytearray:
    """Read what NumPy writes for an array that can be written to."""
    n_bytes = _size(file, 8)
    budget.charge(_STRING + n_bytes)
    return file.readinto(n_bytes)


def _read_escaped(file: BoundedFile, budget: Budget) -> str:
    """Read a line of text as protocol 0 writes it."""
    line = file.readline()
    budget.charge(_STRING + len(line) * (4 if _ESCAPED_WIDE.search(line) else 1))
    return line.removesuffix(b"\n").decode("raw-unicode-escape")


def _read_quoted(file: BoundedFile, budget: Budget) -> str | bytes:
    """Read a string of Python 2 as protocol 0 writes it, in quotes and with escapes."""
    line = file.readline().rstrip(b"\n")
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
        raise pickle.UnpicklingError("a string has no quotes around it")
    content, _ = codecs.escape_decode(line[1:-1])
    return _old_text(content, budget)


def _size(file: BoundedFile, size_bytes: int) -> int:
    """Read a length, a little-endian number of so many bytes."""
    return int.from_bytes(file.read(size_bytes), "little")


def _width(data: bytes) -> int:
    """Return the bytes per character that Python needs for a text in UTF-8."""
    widest = 0 if not data else int(np.frombuffer(data, np.uint8).max())
    return 4 if widest >= 0xF0 else 2 if widest >= 0xC4 else 1


def _old_text(data: bytes, budget: Budget) -> str | bytes:
    """Read a string of Python 2 as text where it is some, else leave it as bytes."""
    is_short = len(data) <= _MAX_OLD_TEXT
    budget.charge(_STRING + len(data) * (_width(data) if is_short else 1))
    if not is_short:
        return data
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data


READERS: dict[str, Callable[[BoundedFile, Budget], Any]] = {
    "UNICODE": _read_escaped,
    "SHORT_BINUNICODE": _text_of(1),
    "BINUNICODE": _text_of(4),
    "BINUNICODE8": _text_of(8),
    "STRING": _read_quoted,
    "SHORT_BINSTRING": _old_string_of(1),
    "BINSTRING": _old_string_of(4),
    "SHORT_BINBYTES": _bytes_of(1),
    "BINBYTES": _bytes_of(4),
    "BINBYTES8": _bytes_of(8),
    "BYTEARRAY8": _read_bytearray,
    "LONG1": _int_of(1),
    "LONG4": _int_of(4),
}
"""By instruction, the reader of a value whose size the file chooses."""
