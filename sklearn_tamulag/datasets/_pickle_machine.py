"""The machine that a pickle is a program for, with the few instructions that plain data need."""

from __future__ import annotations

import pickle
import pickletools
from collections.abc import Callable
from io import BufferedReader
from typing import Any

from sklearn_tamulag.datasets._pickle_arrays import (
    SMALL,
    Called,
    StandInArray,
    StandInDtype,
    allowed_names,
    array_of_state,
    checked_keys,
)
from sklearn_tamulag.datasets._pickle_budget import Budget
from sklearn_tamulag.datasets._pickle_file import READERS, BoundedFile

_NAMES = allowed_names()
# Opcodes that fetch objects from outside the file, past the check on names.
_OUTSIDE = {
    **dict.fromkeys(("PERSID", "BINPERSID"), "a persistent id"),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), "an extension code"),
    **dict.fromkeys(("NEXT_BUFFER", "READONLY_BUFFER"), "a buffer outside the file"),
}
_POINTER = 8
_NUMBER = 32
_STOP = b"."
# What the memo has where nothing was put.
_EMPTY = object()


class PickleMachine:
    """Carries a pickle out, one instruction after another, within a budget.

    Every instruction takes a time that its own bytes and its charge bound, and nothing outside this
    room is called but constructors of arrays and builtin containers.

    Parameters
    ----------
    file : buffered binary file
        The pickle, at its start.
    n_bytes : int
        Its size.
    budget : Budget
        What may be taken.
    """

    def __init__(self, file: BufferedReader, n_bytes: int, budget: Budget) -> None:
        self._file = BoundedFile(file, n_bytes)
        self._budget = budget
        self._stack: list[Any] = []
        self._marked: list[list[Any]] = []
        self._memo: list[Any] = []
        # where an array without state is in the memo
        self._unfinished: dict[int, int] = {}
        self._count = 0

    def run(self) -> Any:
        """Carry out all instructions.

        Returns
        -------
        object
            What the pickle holds.

        Raises
        ------
        Exception
            Of any kind, for a file that is no pickle of arrays.
        """
        file, code = self._file, self._file.read_code()
        while code != _STOP:
            self._count += 1
            if code not in _MACHINE_CODE:
                raise pickle.UnpicklingError(
                    f"{code!r} is no instruction of a pickle" if code else "it is truncated"
                )
            _MACHINE_CODE[code](self)
            code = file.read_code()
        return self._pop()

    def _push(self, value: Any, n_bytes: int = 0) -> None:
        """Put a value on the stack."""
        self._budget.charge(_POINTER + n_bytes)
        self._stack.append(value)

    def _pop(self) -> Any:
        """Take a value from the stack."""
        if not self._stack:
            raise pickle.UnpicklingError("it takes from an empty stack")
        return self._stack.pop()

    def _pop_mark(self) -> list[Any]:
        """Take all values above the last mark."""
        if not self._marked:
            raise pickle.UnpicklingError("it takes up to a mark that is not there")
        values, self._stack = self._stack, self._marked.pop()
        return values

    def _memoize(self, index: int) -> None:
        """Keep the topmost value for later."""
        if not 0 <= index <= self._count:
            raise pickle.UnpicklingError(f"its memo index {index} is out of bounds")
        if not self._stack:
            raise pickle.UnpicklingError("it takes from an empty stack")
        n_new = max(0, index + 1 - len(self._memo))
        # twice, for the moment in which the list grows
        self._budget.charge(2 * _POINTER * n_new)
        self._memo.extend([_EMPTY] * n_new)
        self._memo[index] = self._stack[-1]
        if isinstance(self._stack[-1], StandInArray):
            self._unfinished[id(self._stack[-1])] = index

    def _remember(self, index: int) -> None:
        """Push an entry of the memo."""
        if not 0 <= index < len(self._memo) or self._memo[index] is _EMPTY:
            raise pickle.UnpicklingError(f"its memo has no entry {index}")
        self._push(self._memo[index])

    def _top(self, kind: type[Any]) -> Any:
        """Return the topmost value, a container that is to be filled."""
        if not self._stack or type(self._stack[-1]) is not kind:
            raise pickle.UnpicklingError(f"it fills a {kind.__name__} that is not there")
        return self._stack[-1]

    def _check_protocol(self, protocol: int) -> None:
        """Refuse a version of the language that is not known."""
        if protocol > pickle.HIGHEST_PROTOCOL:
            raise pickle.UnpicklingError(f"it is of the unknown protocol {protocol}")

    def _mark(self, _: None) -> None:
        """Start a new group of values."""
        self._budget.charge(2 * _POINTER + 64)
        self._marked.append(self._stack)
        self._stack = []

    def _pop_one(self, _: None) -> None:
        """Drop the topmost value, or an empty group."""
        if self._stack:
            self._stack.pop()
        else:
            self._pop_mark()

    def _pop_to_mark(self, _: None) -> None:
        """Drop a group of values."""
        self._pop_mark()

    def _duplicate(self, _: None) -> None:
        """Push the topmost value again."""
        value = self._pop()
        self._push(value)
        self._push(value)

    def _tuple(self, n_values: int) -> None:
        """Make a tuple of a few values."""
        values = [self._pop() for _ in range(n_values)]
        self._push(tuple(reversed(values)), SMALL)

    def _tuple_from_mark(self, _: None) -> None:
        """Make a tuple of a group."""
        values = self._pop_mark()
        self._push(tuple(values), SMALL + _POINTER * len(values))

    def _list_from_mark(self, _: None) -> None:
        """Make a list of a group."""
        self._push(self._pop_mark(), SMALL)

    def _append(self, _: None) -> None:
        """Append a value to a list."""
        value = self._pop()
        self._top(list).append(value)

    def _appends(self, _: None) -> None:
        """Append a group to a list."""
        values = self._pop_mark()
        # on the stack and in the list for a moment
        self._budget.charge(_POINTER * len(values))
        self._top(list).extend(values)
        self._budget.charge(-_POINTER * len(values))

    def _set_items(self, pairs: dict[Any, Any], values: list[Any]) -> None:
        """Put keys and values, in turn, into a dict."""
        if len(values) % 2:
            raise pickle.UnpicklingError("a dict has a key without a value")
        self._budget.charge(100 * (len(values) // 2))
        for key, value in zip(values[::2], values[1::2], strict=True):
            self._budget.check_key(key)
            pairs[key] = value

    def _dict_from_mark(self, _: None) -> None:
        """Make a dict of a group."""
        pairs: dict[Any, Any] = {}
        self._set_items(pairs, self._pop_mark())
        self._push(pairs, SMALL)

    def _set_item(self, _: None) -> None:
        """Put one value into a dict."""
        value, key = self._pop(), self._pop()
        self._set_items(self._top(dict), [key, value])

    def _set_items_from_mark(self, _: None) -> None:
        """Put a group into a dict."""
        values = self._pop_mark()
        self._set_items(self._top(dict), values)

    def _add_items(self, _: None) -> None:
        """Put a group into a set."""
        elements = checked_keys(self._pop_mark(), self._budget)
        self._top(set).update(elements)

    def _frozenset(self, _: None) -> None:
        """Make a frozenset of a group."""
        self._push(frozenset(checked_keys(self._pop_mark(), self._budget)))

    def _global(self, names: str) -> None:
        """Push what a name stands for."""
        self._push_name(*names.split(" ", 1))

    def _stack_global(self, _: None) -> None:
        """Push what a name on the stack stands for."""
        name, module = self._pop(), self._pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise pickle.UnpicklingError("a name in it is no text")
        self._push_name(module, name)

    def _push_name(self, module: str, name: str = "") -> None:
        """Push the stand-in for a name, or refuse it."""
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(
                f"it asks for {module[:100]}.{name[:100]}, which is neither a NumPy array nor a "
                "builtin container. Nothing was run"
            )
        self._push(_NAMES[module, name])

    def _reduce(self, _: None) -> None:
        """Call a stand-in."""
        arguments, called = self._pop(), self._pop()
        if not isinstance(called, Called) or not isinstance(arguments, tuple):
            raise pickle.UnpicklingError("it calls what is no function. Nothing was run")
        # No allowed name takes more, and a call copies them.
        if len(arguments) > 8:
            raise pickle.UnpicklingError(f"it calls with {len(arguments)} arguments")
        self._push(called(self._budget, *arguments), SMALL)

    def _set_state(self, _: None) -> None:
        """Finish an array or its type."""
        state, made = self._pop(), self._pop()
        if isinstance(made, StandInDtype):
            made.set_state(state)
            self._push(made)
            return
        if not isinstance(made, StandInArray):
            raise pickle.UnpicklingError(
                "the file sets the state of a function or type, or of a finished object"
            )
        array = array_of_state(state, self._budget)
        index = self._unfinished.pop(id(made), None)
        if index is not None and self._memo[index] is made:
            self._memo[index] = array
        self._push(array, SMALL)


_INSTRUCTIONS: dict[str, Callable[[PickleMachine, Any], None]] = {
    "PROTO": PickleMachine._check_protocol,
    "FRAME": lambda machine, n_bytes: machine._file.check(n_bytes),
    "NONE": lambda machine, _: machine._push(None),
    "NEWTRUE": lambda machine, _: machine._push(True),
    "NEWFALSE": lambda machine, _: machine._push(False),
    "MARK": PickleMachine._mark,
    "POP": PickleMachine._pop_one,
    "POP_MARK": PickleMachine._pop_to_mark,
    "DUP": PickleMachine._duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), PickleMachine._memoize),
    "MEMOIZE": lambda machine, _: machine._memoize(len(machine._memo)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), PickleMachine._remember),
    "EMPTY_TUPLE": lambda machine, _: machine._push(()),
    "EMPTY_LIST": lambda machine, _: machine._push([], SMALL),
    "EMPTY_DICT": lambda machine, _: machine._push({}, SMALL),
    "EMPTY_SET": lambda machine, _: machine._push(set(), SMALL),
    "LIST": PickleMachine._list_from_mark,
    "DICT": PickleMachine._dict_from_mark,
    "TUPLE": PickleMachine._tuple_from_mark,
    "TUPLE1": lambda machine, _: machine._tuple(1),
    "TUPLE2": lambda machine, _: machine._tuple(2),
    "TUPLE3": lambda machine, _: machine._tuple(3),
    "FROZENSET": PickleMachine._frozenset,
    "APPEND": PickleMachine._append,
    "APPENDS": PickleMachine._appends,
    "SETITEM": PickleMachine._set_item,
    "SETITEMS": PickleMachine._set_items_from_mark,
    "ADDITEMS": PickleMachine._add_items,
    "GLOBAL": PickleMachine._global,
    "STACK_GLOBAL": PickleMachine._stack_global,
    "REDUCE": PickleMachine._reduce,
    "BUILD": PickleMachine._set_state,
    **dict.fromkeys(
        ("INT", "LONG", "BININT", "BININT1", "BININT2", "FLOAT", "BINFLOAT"),
        lambda machine, number: machine._push(number, _NUMBER),
    ),
}


def _with_argument(opcode: pickletools.OpcodeInfo) -> Callable[[PickleMachine], None]:
    """Return what carries an instruction out, its argument read first."""
    name = opcode.name
    if name in READERS:
        read = READERS[name]
        return lambda machine: machine._push(read(machine._file, machine._budget))
    carry_out = _INSTRUCTIONS.get(name)
    if carry_out is None:
        reason = (
            f"it asks for {_OUTSIDE[name]}"
            if name in _OUTSIDE
            else f"it makes an object by {name}, which no array needs"
        )
        return lambda machine: _refuse(reason)
    if opcode.arg is None:
        return lambda machine: carry_out(machine, None)
    # It reads bytes and lines, nothing else.
    read_argument: Callable[[Any], Any] = opcode.arg.reader
    return lambda machine: carry_out(machine, read_argument(machine._file))


def _refuse(reason: str) -> None:
    """Refuse an instruction."""
    raise pickle.UnpicklingError(f"{reason}. Nothing was run")


_MACHINE_CODE = {
    opcode.code.encode("latin1"): _with_argument(opcode)
    for opcode in pickletools.opcodes
    if opcode.name != "STOP"
}
