"""Ctrl-C, pressed by a test."""

import signal


def press_ctrl_c():
    """Strike here, in no callback's own code."""
    signal.raise_signal(signal.SIGINT)
