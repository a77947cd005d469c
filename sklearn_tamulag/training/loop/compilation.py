"""Compiled training: torch.compile around a module that stays as it is."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

# What torch.compile generates code with.
BACKEND = "inductor"


def compile_module(module: nn.Module) -> Any:
    """Wrap a module so that its forward and backward passes are compiled when they first run.

    Parameters
    ----------
    module : nn.Module
        Keeps its weights, their names and its class; the result shares the weights.

    Returns
    -------
    callable
        Called like the module. Lengths and batch sizes may vary without compiling again.
    """
    # Not the wrapper itself, which skorch would take for a second module of the net.
    compiled: Any = torch.compile(module, backend=BACKEND, dynamic=True)
    return compiled.__call__


def check_compiler(device: str) -> None:
    """Compile a small function, to say before training what is missing.

    Parameters
    ----------
    device : str
        Where the network is trained.

    Raises
    ------
    ValueError
        If torch cannot compile here, for want of a C++ compiler for instance.
    """
    try:
        with quiet_tracing():
            torch.compile(_probe, backend=BACKEND, dynamic=True)(torch.ones(4, device=device))
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise ValueError(
            f"compile=True needs a compiler that torch.compile can use on the device {device!r}, a "
            f"C++ compiler on the CPU, and there is none: {reason[0]} Install one, or set "
            "compile=False."
        ) from error


@contextmanager
def quiet_tracing(compiles: bool = True) -> Iterator[None]:
    """Keep back what torch warns of in its own code while it compiles.

    Filters of warnings are those of all threads, so they stay as they are where nothing compiles.

    Parameters
    ----------
    compiles : bool, default=True
        Whether anything is compiled within the block.

    Yields
    ------
    None
        Once, for the block to run.

    Examples
    --------
    >>> import warnings
    >>> with quiet_tracing():
    ...     warnings.warn("The .grad attribute of a Tensor that is not a leaf", UserWarning)
    """
    if not compiles:
        yield
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The .grad attribute of a Tensor that is not a leaf")
        warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
        # Layers that run one by one, for the dropout between them.
        warnings.filterwarnings("ignore", "RNN module weights are not part of single contiguous")
        yield


def _probe(values: Tensor) -> Tensor:
    """Something to compile."""
    return torch.tanh(values) + 1
