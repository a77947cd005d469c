"""What a file may ask for: every count and size is bounded by the bytes that are there."""

from collections.abc import Hashable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

MAX_DEPTH = 64
"""How deep values may be nested; more is refused instead of exhausting the interpreter."""

# JSON readers refuse numbers of more than 4,300 digits.
MAX_INTEGER_BITS = 10_000

# What any file may take beside what its own size allows: files of a few bytes are small, too.
SPARE_BYTES = 32 * 2**20
SPARE_ROWS = 100_000

# Of a few keys the hashes may be equal, as those of -1 and -2 are.
_EQUAL_HASHES = 16
_SHOWN = 300


def shortened(text: object) -> str:
    """Cut what a message quotes from a file, whoever made that, to a length that can be read.

    Parameters
    ----------
    text : object
        What is quoted.

    Returns
    -------
    str
        Its beginning, with control characters escaped.

    Examples
    --------
    >>> shortened("a" * 1000)[-8:]
    'aaaaa...'
    """
    quoted = str(text)
    quoted = quoted if len(quoted) <= _SHOWN else f"{quoted[:_SHOWN]}..."
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in quoted)


def check_shape(shape: Any, room: int) -> list[int]:
    """Check that a shape is a list of sizes, none of which exceeds the size of the file.

    An array without a value has any number of rows for nothing: whoever makes something of each of
    them runs out of memory.

    Parameters
    ----------
    shape : object
        What the file calls a shape.
    room : int
        Bytes of the file.

    Returns
    -------
    list of int
        The shape.

    Raises
    ------
    ValueError
        If it is no shape.

    Examples
    --------
    >>> check_shape([2, 3], room=100)
    [2, 3]
    """
    if type(shape) is not list or len(shape) > 32:
        raise ValueError(f"{shortened(shape)} is no shape")
    if not all(type(size) is int and 0 <= size <= max(room, 1) for size in shape):
        raise ValueError(f"{shortened(shape)} is no shape in a file of {room} bytes")
    return shape


def check_hashes(values: Sequence[Hashable]) -> None:
    """Refuse values that were chosen to have one hash: a dict would compare each with each.

    Parameters
    ----------
    values : sequence
        Keys of a dict that is yet to be made; some may be equal.

    Raises
    ------
    ValueError
        If many different values have one hash.

    Examples
    --------
    >>> check_hashes(["a"] * 1000)
    >>> check_hashes([number * (2**61 - 1) for number in range(1000)])
    Traceback (most recent call last):
        ...
    ValueError: more than 16 different keys have one hash
    """
    hashes = np.fromiter(map(hash, values), np.int64, len(values))
    order = np.argsort(hashes, kind="stable")
    hashes = hashes[order]
    starts = [0, *(np.flatnonzero(hashes[1:] != hashes[:-1]) + 1).tolist(), len(hashes)]
    for start, stop in pairwise(starts):
        if stop - start <= _EQUAL_HASHES:
            continue
        different: list[Hashable] = []
        for place in order[start:stop].tolist():
            value = values[place]
            if not any(value is other or value == other for other in different):
                different.append(value)
            if len(different) > _EQUAL_HASHES:
                raise ValueError(f"more than {_EQUAL_HASHES} different keys have one hash")
