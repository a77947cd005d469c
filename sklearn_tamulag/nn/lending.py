"""Torch's global generator, lent to code that can draw from no other."""

from typing import Any

import torch
from torch import nn


def exchange_states(generator: torch.Generator) -> None:
    """Exchange the states of a generator and of torch's global one, of the same device.

    Done before and after a block of code that can draw from the global generator alone, the block
    draws from the other one and leaves the global one as it was.

    Parameters
    ----------
    generator : torch.Generator
        The generator.

    Examples
    --------
    >>> import torch
    >>> generator = torch.Generator().manual_seed(0)
    >>> expected = torch.rand(2, generator=generator.clone_state())
    >>> exchange_states(generator)
    >>> drawn = torch.rand(2)
    >>> exchange_states(generator)
    >>> torch.equal(drawn, expected)
    True
    """
    own = generator.get_state()
    if generator.device.type == "cpu":
        state = torch.get_rng_state()
        torch.set_rng_state(own)
    else:
        device = torch.get_device_module(generator.device)
        state = device.get_rng_state(generator.device)
        device.set_rng_state(own, generator.device)
    generator.set_state(state)


class Lender:
    """Two hooks of a module, between which torch's global generator has the state of another.

    Attributes
    ----------
    generator : torch.Generator or None
        The other one, lent while training runs (see `use_generator`): copies and pickles come
        without it.
    """

    def __init__(self) -> None:
        self.generator: torch.Generator | None = None
        self._exchanged = False

    def __getstate__(self) -> dict[str, Any]:
        return {"generator": None, "_exchanged": False}

    def before(self, module: nn.Module, inputs: Any) -> None:
        """Lend the generator, if the module trains.

        Parameters
        ----------
        module : nn.Module
            The module that is about to be called.
        inputs : tuple
            What with.
        """
        if module.training and self.generator is not None:
            self._exchange()

    def after(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """Take back what was lent.

        Parameters
        ----------
        module : nn.Module
            The module that was called.
        inputs : tuple
            What with.
        output : object
            What it returned.
        """
        if self._exchanged:
            self._exchange()

    def _exchange(self) -> None:
        """Exchange the two states, outside of a compiled graph."""
        exchange = exchange_states
        if torch.compiler.is_compiling():
            exchange = torch.compiler.disable(exchange)
        exchange(self.generator)  # type: ignore[arg-type]
        self._exchanged = not self._exchanged


def lender_of(module: nn.Module) -> Lender | None:
    """Find the lender among the hooks of a module.

    Parameters
    ----------
    module : nn.Module
        The module.

    Returns
    -------
    Lender or None
        None where the module is of no user's own class.

    Examples
    --------
    >>> lender_of(nn.Linear(1, 1)) is None
    True
    """
    for hook in module._forward_pre_hooks.values():
        owner = getattr(hook, "__self__", None)
        if isinstance(owner, Lender):
            return owner
    return None
