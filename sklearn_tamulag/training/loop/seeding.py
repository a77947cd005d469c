"""Generators of a fit: seeded once, lent to its network, and no one else's."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import nn

from sklearn_tamulag.nn.randomness import BORROWED, borrows, use_generator


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


def further_seed(seed: int, n_epochs: int) -> int:
    """The seed of a training run that goes on from an earlier one.

    It follows from the seed and from how far training is, so that an estimator that was saved in
    between goes on as if it had not been, and no run repeats the draws of another.

    Parameters
    ----------
    seed : int
        The seed of the first run.
    n_epochs : int
        Epochs trained before.

    Returns
    -------
    int
        A seed in [0, 2**32).

    Examples
    --------
    >>> further_seed(0, 1) == further_seed(0, 1) != further_seed(0, 2)
    True
    """
    return int(np.random.SeedSequence([seed, n_epochs]).generate_state(1)[0])


def make_generator(seed: int, device: str) -> torch.Generator:
    """Make a generator of a device.

    Parameters
    ----------
    seed : int
        Its seed.
    device : str
        As torch names it.

    Returns
    -------
    torch.Generator
        On the CPU it gives the numbers that torch's global generator would give after the same
        seed.

    Examples
    --------
    >>> import torch
    >>> first, second = (torch.rand(2, generator=make_generator(3, "cpu")) for _ in range(2))
    >>> torch.equal(first, second)
    True
    """
    return torch.Generator(device).manual_seed(seed)


def generator_states(generator: torch.Generator | None) -> dict[str, torch.Tensor]:
    """Take the state of a generator, under the kind of its device.

    Parameters
    ----------
    generator : torch.Generator or None
        The generator.

    Returns
    -------
    dict of str to uint8 Tensor
        Nothing where there is none.

    Examples
    --------
    >>> list(generator_states(make_generator(0, "cpu")))
    ['cpu']
    """
    return {} if generator is None else {generator.device.type: generator.get_state()}


def restore_generator(generator: torch.Generator | None, states: dict[str, torch.Tensor]) -> None:
    """Put a generator where another one of the same kind of device was.

    Parameters
    ----------
    generator : torch.Generator or None
        The generator; without a state of its kind of device it stays where it is.
    states : dict of str to uint8 Tensor
        What `generator_states` has returned.

    Raises
    ------
    ValueError
        If there is a generator and no state at all.
    """
    if generator is not None and not states:
        raise ValueError("a training run has the state of a generator, got none.")
    if generator is not None and generator.device.type in states:
        generator.set_state(states[generator.device.type].cpu())


@contextmanager
def lent_generator(module: nn.Module, generator: torch.Generator | None) -> Iterator[None]:
    """Let the layers of a network draw from a generator within a block.

    Where the network holds a transformer that is trained, the block waits for others of the kind:
    inside that model draws come from torch's global generator, which has the state of `generator`
    for the time.

    Parameters
    ----------
    module : nn.Module
        The network.
    generator : torch.Generator or None
        Of its device; None leaves torch's global one to it.

    Yields
    ------
    None
        Once, for the block to run.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import Dropout
    >>> layer, before = Dropout(0.5), torch.get_rng_state()
    >>> with lent_generator(layer, make_generator(0, "cpu")):
    ...     _ = layer(torch.ones(4))
    >>> torch.equal(torch.get_rng_state(), before)
    True
    """
    turn: Any = BORROWED if borrows(module) else threading.RLock()
    with turn:
        use_generator(module, generator)
        try:
            yield
        finally:
            use_generator(module, None)


@contextmanager
def training_modes() -> Iterator[None]:
    """Compute gradients within a block of this thread, also where they are switched off around it.

    Yields
    ------
    None
        Once, for the block to run.

    Examples
    --------
    >>> import torch
    >>> with torch.inference_mode(), training_modes():
    ...     torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    (True, False)
    """
    with torch.inference_mode(False), torch.enable_grad():
        yield
