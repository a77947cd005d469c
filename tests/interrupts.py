"""Ctrl-C, pressed by a test: at once, or at some line of the package's own code."""

import signal
import sys
from pathlib import Path

PACKAGE = str(Path(__file__).parents[1] / "sklearn_tamulag")


def press_ctrl_c():
    """Strike here, in no callback's own code."""
    signal.raise_signal(signal.SIGINT)


def interrupted_at_line(number, work, within=("",)):
    """Call a function; Ctrl-C strikes before the line of the package that is run as the n-th.

    Only files count whose path in the package starts with one of `within`. Returns whether
    so many lines were run; then KeyboardInterrupt has arrived here.
    """
    places = tuple(f"{PACKAGE}/{place}" for place in within)
    left = number

    def strike(frame, event, arg):
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return strike

    def enter(frame, event, arg):
        return strike if frame.f_code.co_filename.startswith(places) else None

    before = sys.gettrace()
    arrived = False
    sys.settrace(enter)
    try:
        work()
    except KeyboardInterrupt:
        arrived = True
    finally:
        sys.settrace(before)
    assert arrived == (left <= 0), f"Ctrl-C at line {number} did not arrive"
    return arrived
