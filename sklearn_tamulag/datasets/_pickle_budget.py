"""How much a pickle may ask for: bytes while it is read, and how far its containers may unfold."""

from __future__ import annotations

import pickle
from collections.abc import Collection
from typing import Any

import numpy as np

# What a reader may hold beyond twice the file, whatever the file: small ones are never short of it.
_FREE_BYTES = 24 * 2**20
_MAX_DEPTH = 32
# Keys that are no text may all have the same hash; text is hashed with a secret of the process.
_MAX_NUMBER_KEYS = 2000
_MAX_KEY_LENGTH = 1000
_POINTER = 8

_CONTAINERS = (dict, list, tuple, set, frozenset)
PLAIN = (str, bytes, bool, int, float, complex, type(None), np.generic)
"""The types of single values that a file may hold."""

_NUMBERS = {bool, int, float, complex, type(None)}
_WORDS = {str, bytes}


class Budget:
    """The bytes that reading a file may take: twice its size and a little more.

    A pickle of a few bytes can make others of any size, by encoding one string a thousand times or
    by lists of lists of one list. Everything that is made is charged here before it is made.

    Parameters
    ----------
    n_bytes : int
        The size of the file.

    Attributes
    ----------
    limit : int
        What may be charged altogether.
    """

    def __init__(self, n_bytes: int) -> None:
        self.limit = 2 * n_bytes + _FREE_BYTES
        self._charged = 0
        self._number_keys = 0

    def charge(self, n_bytes: int) -> None:
        """Account for bytes that are about to be taken; a negative number gives some back.

        Parameters
        ----------
        n_bytes : int
            How many.

        Raises
        ------
        pickle.UnpicklingError
            If they are more than the file justifies.
        """
        self._charged += n_bytes
        if self._charged > self.limit:
            raise pickle.UnpicklingError(
                "it asks for far more memory than a file of its size needs; numbers are to be "
                "stored as NumPy arrays"
            )

    def check_key(self, key: object) -> None:
        """Refuse what cannot be a key of a dict, or an element of a set, at a bounded price.

        Parameters
        ----------
        key : object
            The key.

        Raises
        ------
        pickle.UnpicklingError
            If it is a container, long, or one number of too many.
        """
        if not isinstance(key, PLAIN):
            raise pickle.UnpicklingError("a key of a dict is neither text nor a number")
        if isinstance(key, str | bytes):
            if len(key) > _MAX_KEY_LENGTH:
                raise pickle.UnpicklingError(f"a key has {len(key)} characters")
            if type(key) in (str, bytes):
                return
        self._number_keys += 1
        if self._number_keys > _MAX_NUMBER_KEYS:
            raise pickle.UnpicklingError(
                f"its dicts and sets have more than {_MAX_NUMBER_KEYS} keys that are no text"
            )


def check_containers(root: object, limit: int) -> None:
    """Refuse containers that are nested too deep, or too large once every sharing is written out.

    A list that stands in a file once may be in another a thousand times, and that one in a third:
    what prints, hashes or converts such a value takes the size that is measured here.

    Parameters
    ----------
    root : object
        What a file holds.
    limit : int
        The bytes that its values may have, each counted as often as it is reached.

    Raises
    ------
    pickle.UnpicklingError
        If it is larger or nested deeper than 32, or holds anything but containers, arrays and plain
        values.
    """
    # id -> (bytes when written out, levels); None while the container's own children are visited
    known: dict[int, tuple[int, int] | None] = {}
    path: list[tuple[Any, list[Any]]] = []

    def visit(container: Any) -> None:
        if len(path) >= _MAX_DEPTH:
            raise pickle.UnpicklingError(f"its containers are nested deeper than {_MAX_DEPTH}")
        known[id(container)] = None
        path.append((container, [child for child in _children(container) if _is_container(child)]))

    if not _is_container(root):
        _size(root, in_dict=True)
        return
    visit(root)
    while path:
        container, waiting = path[-1]
        if waiting:
            child = waiting.pop()
            if id(child) not in known:
                visit(child)
            elif known[id(child)] is None:
                raise pickle.UnpicklingError(f"its containers are nested deeper than {_MAX_DEPTH}")
            continue
        path.pop()
        total, levels = _size_of_leaves(container), 0
        in_dict = isinstance(container, dict)
        for child in () if total else _children(container):
            # a container's own entry is complete here
            size, inner = known.get(id(child)) or (_size(child, in_dict), 0)
            total, levels = total + size + _POINTER, max(levels, inner)
        if total > limit:
            raise pickle.UnpicklingError(
                "its containers unfold to far more than the file, as they share what they hold"
            )
        if levels >= _MAX_DEPTH:
            raise pickle.UnpicklingError(f"its containers are nested deeper than {_MAX_DEPTH}")
        known[id(container)] = (total, levels + 1)


def _is_container(value: object) -> bool:
    """Tell whether a value has children."""
    return isinstance(value, _CONTAINERS) or (
        isinstance(value, np.ndarray) and value.dtype.hasobject
    )


def _children(container: Any) -> Collection[Any]:
    """Return what a container holds; the keys of a dict are checked when they are set."""
    children: Collection[Any] = container
    if isinstance(container, dict):
        children = container.values()
    elif isinstance(container, np.ndarray):
        children = container.ravel()
    return children


def _size_of_leaves(container: Any) -> int:
    """Count the bytes of a container of numbers or of text alone, at once; 0 for another."""
    children = _children(container)
    kinds = set(map(type, children))
    if kinds <= _NUMBERS:
        return 2 * _POINTER * len(children)
    return sum(map(len, children)) + _POINTER * len(children) if kinds <= _WORDS else 0


def _size(value: Any, in_dict: bool) -> int:
    """Count the bytes of a value that has no children.

    A whole array under a key is taken as it is, however often; in a list it is one row of many.
    """
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, np.ndarray):
        return 0 if in_dict else max(value.nbytes, value.shape[0] if value.ndim else 1)
    if isinstance(value, PLAIN):
        return _POINTER
    kind = type(value).__name__.lstrip("_")
    raise pickle.UnpicklingError(f"it holds an unfinished or unknown object ({kind})")
