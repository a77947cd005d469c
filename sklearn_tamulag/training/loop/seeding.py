"""Random states: drawn once, used in training, and left for others as they were."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor


def draw_seed(random_state: Any) -> int:
    """Draw one seed as scikit-learn does: an int always gives the same one.

    Parameters
    ----------
    random_state : int, RandomState instance or None
        None and an instance advance the state they stand for.

    Returns
    -------
    int
        A seed in [0, 2**31 - 1).

    Examples
    --------
    >>> draw_seed(0) == draw_seed(0)
    True
    """
    return int(check_random_state(random_state).randint(np.iinfo(np.int32).max))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch within a block; afterwards its random states are what they were.

    Parameters
    ----------
    seed : int
        The seed.

    Yields
    ------
    None
        Once, for the block to run.

    Examples
    --------
    >>> import torch
    >>> before = torch.get_rng_state()
    >>> with seeded(0):
    ...     _ = torch.rand(3)
    >>> torch.equal(before, torch.get_rng_state())
    True
    """
    devices = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(seed)
        yield


def random_states(device: str) -> dict[str, Tensor]:
    """Take torch's random states.

    Parameters
    ----------
    device : str
        A CUDA device has a state beside that of the CPU.

    Returns
    -------
    dict of str to uint8 Tensor
        The states of "cpu" and, if it is one, of "cuda".

    Examples
    --------
    >>> import torch
    >>> states = random_states("cpu")
    >>> first = torch.rand(3)
    >>> restore_random_states(states, "cpu")
    >>> torch.equal(first, torch.rand(3))
    True
    """
    states = {"cpu": torch.get_rng_state()}
    if torch.device(device).type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_random_states(states: dict[str, Tensor], device: str) -> None:
    """Set torch's random states to what they were.

    Parameters
    ----------
    states : dict of str to uint8 Tensor
        What `random_states` has returned; a device without a state there keeps the one it has.
    device : str
        The device.
    """
    torch.set_rng_state(states["cpu"])
    if torch.device(device).type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
