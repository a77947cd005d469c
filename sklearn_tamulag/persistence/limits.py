"""What a file may ask for: every count and size is bounded by the bytes that are there."""

from collections.abc import Hashable, Iterable
from typing import Any

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


def number_values(values: Iterable[Hashable]) -> list[int]:
    """Number values, equal ones alike, and refuse those that were chosen to have one hash.

    A dict would compare each of those with each.

    Parameters
    ----------
    values : iterable
        Keys of a dict that is yet to be made, for instance.

    Returns
    -------
    list of int
        The number of each value, from 0 in the order of their first places.

    Raises
    ------
    ValueError
        If many different values have one hash.

    Examples
    --------
    >>> number_values(["b", "a", "b"])
    [0, 1, 0]
    >>> number_values(number * (2**61 - 1) for number in range(1000))
    Traceback (most recent call last):
        ...
    ValueError: more than 16 different keys have one hash
    """
    # Hashes are integers, whose own hashes hardly collide.
    of_hash: dict[int, list[tuple[Any, int]]] = {}
    numbers, different = [], 0
    for value in values:
        alike = of_hash.setdefault(hash(value), [])
        found = next((number for other, number in alike if other is value or other == value), None)
        if found is None:
            if len(alike) == _EQUAL_HASHES:
                raise ValueError(f"more than {_EQUAL_HASHES} different keys have one hash")
            found, different = different, different + 1
            alike.append((value, found))
        numbers.append(found)
    return numbers
