"""Stand-ins for what a pickle of arrays calls, which look at their arguments first."""

from __future__ import annotations

import math
import pickle
import re
import reprlib
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.npy import check_extent
from sklearn_tamulag.datasets._pickle_budget import PLAIN, Budget

# Numbers, byte strings, text and (checked element by element) objects; no records, no dates.
_DTYPE_CODE = re.compile(r"b1|[iu][1248]|f(2|4|8|12|16)|c(8|16|24|32)|[SU]\d{1,9}|O[48]?")
# What a small Python object takes, rounded up.
SMALL = 300
"""Bytes that are charged for a small object."""

_MAX_DIMENSIONS = 32
_USUAL = {str, bytes, bool, int, float, type(None)}


class StandInDtype:
    """Stand-in for numpy.dtype: a plain type by its code, then its byte order as state.

    Parameters
    ----------
    code : str
        The code that the file gives.
    *_ : object
        Two flags, which change nothing.

    Attributes
    ----------
    dtype : numpy.dtype
        The type.
    """

    __slots__ = ("dtype",)

    def __init__(self, code: object, *_: object) -> None:
        if not isinstance(code, str) or not _DTYPE_CODE.fullmatch(code):
            raise pickle.UnpicklingError(f"the array type {reprlib.repr(code)} is not allowed")
        self.dtype: np.dtype[Any] = np.dtype("O" if code.startswith("O") else code)

    def set_state(self, state: object) -> None:
        """Take the byte order out of a state, and nothing else.

        Parameters
        ----------
        state : object
            What the file gives.

        Raises
        ------
        pickle.UnpicklingError
            If it is no state of a plain type.
        """
        if not isinstance(state, tuple) or len(state) < 2 or not _is_byte_order(state[1]):
            raise pickle.UnpicklingError(
                f"an array type with the state {reprlib.repr(state)} is not allowed"
            )
        self.dtype = self.dtype.newbyteorder(state[1])


class StandInArray:
    """Stand-in for an array that has no state yet.

    Parameters
    ----------
    *_ : object
        What the file gives; it says nothing of the array to come.
    """

    __slots__ = ()

    def __init__(self, *_: object) -> None:
        pass


class Called:
    """What the file gets for an allowed name: it can be called, and nothing else.

    Parameters
    ----------
    build : callable
        Takes the budget, then the arguments that the file gives.
    """

    __slots__ = ("_build",)

    def __init__(self, build: Callable[..., object]) -> None:
        self._build = build

    def __call__(self, budget: Budget, *arguments: object) -> object:
        return self._build(budget, *arguments)


def array_of_state(state: object, budget: Budget) -> NDArray[Any]:
    """Make the array whose state a file sets.

    Parameters
    ----------
    state : object
        What the file gives: version, shape, type, order and content.
    budget : Budget
        It is charged for what is copied.

    Returns
    -------
    array : ndarray
        In native byte order; it shares its memory with the bytes of the state where it can.

    Raises
    ------
    pickle.UnpicklingError, ValueError
        If the state is that of no plain array.
    """
    if not isinstance(state, tuple) or len(state) != 5:
        raise pickle.UnpicklingError("an array has an unknown kind of state")
    _, shape, dtype, fortran, data = state
    return _build(budget, data, dtype, shape, "F" if fortran else "C")


def allowed_names() -> dict[tuple[str, str], Called]:
    """Return the stand-in for each name that a pickle of arrays uses.

    Returns
    -------
    names : dict of (str, str) to Called
        By module and name.
    """
    named = {
        ("numpy", "ndarray"): Called(lambda _, *arguments: StandInArray(*arguments)),
        ("numpy", "dtype"): Called(lambda _, *arguments: StandInDtype(*arguments)),
        ("_codecs", "encode"): Called(_encode),
        ("collections", "OrderedDict"): Called(_ordered_dict),
    }
    # Python 2 and 3 name the builtins' module differently. bytes: an empty one, protocols 0 to 2.
    for builtins in ("__builtin__", "builtins"):
        named[builtins, "bytes"] = Called(_empty_bytes)
        named[builtins, "set"] = Called(_set)
        named[builtins, "frozenset"] = Called(lambda *arguments: frozenset(_set(*arguments)))
    # NumPy 1 and NumPy 2 write different modules; either file reads under either version.
    for core in ("numpy.core", "numpy._core"):
        named[f"{core}.multiarray", "_reconstruct"] = named["numpy", "ndarray"]
        named[f"{core}.multiarray", "scalar"] = Called(_scalar)
        named[f"{core}.numeric", "_frombuffer"] = Called(_from_buffer)
    return named


def _is_byte_order(value: object) -> bool:
    """Tell whether a value is a byte order."""
    return isinstance(value, str) and value in ("<", ">", "|", "=")


def _is_int_tuple(value: object, most: int) -> TypeGuard[tuple[int, ...]]:
    """Tell whether a value is a tuple of so many ints at most."""
    return (
        isinstance(value, tuple)
        and len(value) <= most
        and all(type(element) is int for element in value)
    )


def _build(
    budget: Budget, data: object, stand_in: object, shape: object, order: object
) -> NDArray[Any]:
    """Build an array in native byte order from its bytes, or from a list where it holds objects."""
    if not isinstance(stand_in, StandInDtype):
        raise pickle.UnpicklingError("an array has no valid type")
    if not _is_int_tuple(shape, _MAX_DIMENSIONS) or min(shape, default=0) < 0:
        raise pickle.UnpicklingError(f"an array has the shape {reprlib.repr(shape)}")
    if not isinstance(order, str) or order not in ("C", "F"):
        raise pickle.UnpicklingError(f"an array has the order {reprlib.repr(order)}")
    return _filled(budget, data, stand_in.dtype, shape, order)


def _filled(
    budget: Budget, data: object, dtype: np.dtype[Any], shape: tuple[int, ...], order: Any
) -> NDArray[Any]:
    """Build an array of a type and shape that are plain."""
    budget.charge(SMALL)
    n_elements = math.prod(shape)
    if dtype.hasobject:
        if not isinstance(data, list) or len(data) != n_elements:
            raise pickle.UnpicklingError("an array of objects does not fit its shape")
        check_extent(shape, 1, len(data))
        # its elements, and once more where their order is turned
        budget.charge(16 * n_elements)
        kinds = set(map(type, data))
        for element in data if kinds - _USUAL else ():
            _check_element(element)
        flat = np.empty(n_elements, dtype=object)
        if np.ndarray in kinds:
            # one by one: NumPy would take arrays of one shape apart
            for place, element in enumerate(data):
                flat[place] = element
        else:
            flat[:] = data
        return flat.reshape(shape, order=order)
    if isinstance(data, str):
        # Python 2 has one type for text and bytes; what could be text was read as such.
        budget.charge(len(data))
        data = data.encode("utf-8")
    if not isinstance(data, bytes | bytearray) or len(data) != n_elements * dtype.itemsize:
        raise pickle.UnpicklingError(f"the bytes of an array do not fit its shape {shape}")
    check_extent(shape, dtype.itemsize, len(data))
    if not dtype.isnative:
        budget.charge(len(data))
    array: NDArray[Any] = np.ndarray(shape, dtype, buffer=data, order=order)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _check_element(element: object) -> None:
    """Refuse an element of an array of objects that is neither a plain value nor a plain array."""
    plain = isinstance(element, np.ndarray) and not element.dtype.hasobject
    if not plain and not isinstance(element, PLAIN):
        raise pickle.UnpicklingError(
            f"an array holds an object of type {type(element).__name__.lstrip('_')}; only text, "
            "bytes, numbers, arrays of these and None are allowed"
        )


def _from_buffer(
    budget: Budget, data: object, dtype: object, shape: object, order: object, axes: object = None
) -> NDArray[Any]:
    """Stand-in for numpy's _frombuffer; order "K" stores the axes in their order in memory."""
    in_memory = isinstance(order, str) and order == "K"
    array = _build(budget, data, dtype, shape, "C" if in_memory else order)
    if in_memory and axes is not None:
        if not _is_int_tuple(axes, array.ndim):
            raise pickle.UnpicklingError(f"an array has the axes {reprlib.repr(axes)}")
        array = array.transpose(axes)
    return array


def _scalar(budget: Budget, dtype: object, data: object) -> object:
    """Stand-in for numpy's scalar: one number or string of a plain type."""
    if isinstance(dtype, StandInDtype) and dtype.dtype.hasobject:
        raise pickle.UnpicklingError("a scalar that is a Python object is not allowed")
    array = _build(budget, data, dtype, (), "C")
    budget.charge(array.nbytes)
    return array[()]


def _encode(budget: Budget, text: object, encoding: object) -> bytes:
    """Stand-in for _codecs.encode, which is how protocols 0 to 2 write bytes."""
    if not isinstance(text, str) or not isinstance(encoding, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes must be written as text in latin1")
    budget.charge(len(text))
    return text.encode("latin1")


def _empty_bytes(_: Budget) -> bytes:
    """Stand-in for bytes, which is called without arguments alone."""
    return b""


def _ordered_dict(budget: Budget, pairs: object = ()) -> dict[Any, Any]:
    """Stand-in for OrderedDict: empty, or of a list of pairs as Python 2 writes it."""
    if not isinstance(pairs, list | tuple):
        raise pickle.UnpicklingError("an OrderedDict is made of something else than pairs")
    budget.charge(SMALL + 100 * len(pairs))
    made: dict[Any, Any] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise pickle.UnpicklingError("an OrderedDict is made of something else than pairs")
        budget.check_key(pair[0])
        made[pair[0]] = pair[1]
    return made


def _set(budget: Budget, elements: object = ()) -> set[Any]:
    """Stand-in for set, which is made of a list."""
    if not isinstance(elements, list | tuple):
        raise pickle.UnpicklingError("a set is made of something else than a list")
    return set(checked_keys(elements, budget))


def checked_keys(elements: Iterable[Any], budget: Budget) -> list[Any]:
    """Check the elements of a set before the first is hashed.

    Parameters
    ----------
    elements : sequence of object
        The elements.
    budget : Budget
        It is charged for the set.

    Returns
    -------
    elements : list
        The same.

    Raises
    ------
    pickle.UnpicklingError
        If an element is a container, or they are too many.
    """
    elements = list(elements)
    budget.charge(SMALL + 100 * len(elements))
    for element in elements:
        budget.check_key(element)
    return elements
