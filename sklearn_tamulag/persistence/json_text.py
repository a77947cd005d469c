"""JSON of any origin, parsed only once it is known how much memory that takes."""

import json
from typing import Any

import numpy as np

from sklearn_tamulag.persistence.limits import MAX_DEPTH, MAX_INTEGER_BITS, SPARE_BYTES

# A value may be a dict, whose items are pairs in a list: three brackets for each level of values.
_MAX_BRACKETS = 4 * (MAX_DEPTH + 4)
_MAX_DIGITS = MAX_INTEGER_BITS // 3

# Bytes that Python takes for each part of a text, with what is made of it afterwards.
_COST = {b"{": 260, b"[": 100, b",": 56, b":": 32}
_BLOCK = 2**17


def parse_json(text: bytes, room: int) -> Any:
    """Parse JSON in time and memory that the size of its file bounds.

    Parameters
    ----------
    text : bytes
        The JSON, in ASCII.
    room : int
        Bytes of the whole file: an honest one holds more than empty lists.

    Returns
    -------
    object
        What it says.

    Raises
    ------
    ValueError
        If it is no JSON, is nested too deep, has a number of very many digits, or would take a
        multiple of its file in memory.

    Examples
    --------
    >>> parse_json(b'{"a": [1, 2.5, null]}', room=100)
    {'a': [1, 2.5, None]}
    >>> parse_json(b"[" * 1000, room=1000)
    Traceback (most recent call last):
        ...
    ValueError: JSON is nested too deep
    """
    _check_structure(text, room)
    return json.loads(text.decode("ascii"), parse_int=_integer, parse_float=_real)


def _check_structure(text: bytes, room: int) -> None:
    """Count brackets and commas outside strings, block by block, without parsing anything."""
    # Quotes that end no string are escaped, and nothing else begins with a backslash.
    plain = text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text
    inside, depth, cost = 0, 0, 0
    for start in range(0, len(plain), _BLOCK):
        block = np.frombuffer(plain, np.uint8, min(_BLOCK, len(plain) - start), start)
        parity = (np.cumsum(block == ord('"'), dtype=np.int64) + inside) & 1
        inside = int(parity[-1])
        outside = block[parity == 0]
        for sign, price in _COST.items():
            cost += price * int(np.count_nonzero(outside == ord(sign)))
        steps = np.isin(outside, (ord("["), ord("{"))).astype(np.int64)
        steps -= np.isin(outside, (ord("]"), ord("}")))
        if len(steps):
            levels = depth + np.cumsum(steps)
            depth = int(levels[-1])
            if levels.max() > _MAX_BRACKETS:
                raise ValueError("JSON is nested too deep")
    if cost > 2 * room + SPARE_BYTES:
        raise ValueError(f"JSON would take {cost // 2**20} MB of memory, in a file of {room} bytes")


def _integer(digits: str) -> int:
    """An integer that is not too long to be read in no time."""
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is too long")
    return int(digits)


def _real(digits: str) -> float:
    """A float that is written as floats are."""
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits is too long")
    return float(digits)
