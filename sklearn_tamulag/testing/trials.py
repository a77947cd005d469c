"""Instances of a class that is tried: built, called and compared, with random numbers of their own.

Torch's global generator is given back as it was after each call, and others that would use it wait.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from sklearn_tamulag.nn.lending import exchange_states
from sklearn_tamulag.nn.randomness import BORROWED, drawn_from
from sklearn_tamulag.testing.batches import Batch, random_batch
from sklearn_tamulag.testing.contracts import Contract, Result

# By how much two results may differ that should be the same: sums in another order round otherwise.
_TOLERANCES = {torch.float32: 1e-4, torch.float64: 1e-9}


class Trial:
    """An instance of a class, ready to be called.

    Parameters
    ----------
    contract : Contract
        What is tried.
    dtype : torch.dtype
        Of weights and inputs.

    Attributes
    ----------
    module : nn.Module
        The instance.

    Raises
    ------
    ValueError
        If the constructor fails, or the instance lacks what the network asks of it.
    """

    def __init__(self, contract: Contract, dtype: torch.dtype) -> None:
        self.contract = contract
        self.dtype = dtype
        self.module = build(contract).to(dtype)

    def batch(self, *, seed: int = 0, shortest: int = 0) -> Batch:
        """Draw a batch.

        Parameters
        ----------
        seed : int, default=0
            Seed of its numbers.
        shortest : int, default=0
            Valid steps of the shortest row.

        Returns
        -------
        Batch
            Of the sizes that the class was built for.
        """
        contract = self.contract
        sizes = contract.vector_sizes, contract.step_sizes
        return random_batch(*sizes, self.dtype, seed=seed, shortest=shortest)

    def run(
        self, batch: Batch, *, on: str = "a batch", training: bool = False, seed: int = 0
    ) -> list[Result]:
        """Call a copy of the instance, and check shapes, types and numbers of what it returns.

        Parameters
        ----------
        batch : Batch
            The batch.
        on : str, default="a batch"
            What the batch is, for messages.
        training : bool, default=False
            Whether the instance trains.
        seed : int, default=0
            Seed of what the instance draws.

        Returns
        -------
        list of Result
            The tensors by name.

        Raises
        ------
        ValueError
            If the call fails, or what it returns breaks the contract.
        """
        given = batch.copied()
        with torch.no_grad():
            results = self.run_tracked(self.copied().train(training), given, on=on, seed=seed)
        if not given.equals(batch):
            raise self.contract.refusal(
                "changes what it is given",
                "Inputs are read by others too: functions of torch whose names end in _ are for "
                "tensors that the class has made itself.",
            )
        return results

    def copied(self) -> nn.Module:
        """Copy the instance.

        Returns
        -------
        nn.Module
            A deep copy.

        Raises
        ------
        ValueError
            If there is none.
        """
        try:
            return copy.deepcopy(self.module)
        except Exception as error:
            raise self.contract.refusal(
                "cannot be copied", "copy.deepcopy of an instance returns its like.", error
            ) from error

    def run_tracked(
        self, module: nn.Module, batch: Batch, *, on: str, seed: int = 0
    ) -> list[Result]:
        """Call a module, with gradients where they are switched on.

        Parameters
        ----------
        module : nn.Module
            The instance, or a copy.
        batch : Batch
            The batch.
        on : str
            What the batch is, for messages.
        seed : int, default=0
            Seed of what the module draws.

        Returns
        -------
        list of Result
            The tensors by name.

        Raises
        ------
        ValueError
            If the call fails, or what it returns breaks the contract.
        """
        contract = self.contract
        mode = "while it trains" if module.training else "in evaluation mode"
        try:
            with _drawing(seed):
                returned = contract.call(module, batch)
        except Exception as error:
            raise contract.refusal(f"fails on {on} {mode}", contract.returns, error) from error
        results = contract.results(module, returned, batch)
        if results is None:
            raise contract.refusal(f"returns {_described(returned)}", contract.returns)
        for result in results:
            self._check(result, f"on {on} {mode}")
        return results

    def _check(self, result: Result, where: str) -> None:
        """Check what one tensor is."""
        contract, value = self.contract, result.value
        if not isinstance(value, Tensor):
            raise contract.refusal(
                f"returns {_described(value)} as its {result.name}", contract.returns
            )
        if tuple(value.shape) != result.shape:
            raise contract.refusal(
                f"returns {result.name} of shape {tuple(value.shape)} {where}, where {result.words}"
                f" is {result.shape}",
                contract.returns,
            )
        if value.dtype != self.dtype:
            raise contract.refusal(
                f"returns {result.name} of {value.dtype} for inputs and weights of {self.dtype}",
                "What is returned has the dtype of the inputs: tensors that a class makes itself "
                "take dtype and device from these.",
            )
        if not bool(value.isfinite().all()):
            raise contract.refusal(
                f"returns NaN or infinite {result.name} {where}",
                "All numbers are finite, also those of rows of length 0.",
            )
        if result.lengths is not None and value.shape[1]:
            steps = torch.arange(value.shape[1], device=value.device)
            padding = steps >= result.lengths.unsqueeze(1)  # (T,), (B, 1) -> (B, T)
            if bool((value[padding] != 0).any()):
                raise contract.refusal(
                    f"returns {result.name} that are not zero on padding {where}",
                    "Steps behind the length of a row are padding: multiply by "
                    "sklearn_tamulag.nn.sequence_mask(lengths, T).",
                )

    def same(self, first: list[Result], second: list[Result], rows: Any = slice(None)) -> bool:
        """Tell whether two runs have come to the same.

        Parameters
        ----------
        first, second : list of Result
            Results of batches that may differ in padding.
        rows : slice or list of int, default=all
            Which rows of both are compared.

        Returns
        -------
        bool
            Whether they are equal but for rounding.
        """
        pairs = zip(first, second, strict=True)
        return all(self._close(a.value[rows], b.value[rows]) for a, b in pairs)

    def _close(self, first: Tensor, second: Tensor) -> bool:
        """Compare two tensors, on the steps that both have."""
        if first.ndim > 1 and first.shape[1] != second.shape[1]:
            steps = min(first.shape[1], second.shape[1])
            first, second = first[:, :steps], second[:, :steps]
        scale = max(1.0, float(first.abs().amax())) if first.numel() else 1.0
        tolerance = _TOLERANCES[self.dtype]
        return torch.allclose(first, second, rtol=tolerance, atol=tolerance * scale)


def build(contract: Contract, seed: int = 0) -> nn.Module:
    """Make an instance, its weights drawn as in a fit.

    Parameters
    ----------
    contract : Contract
        What is tried.
    seed : int, default=0
        Seed of the weights.

    Returns
    -------
    nn.Module
        The instance.

    Raises
    ------
    ValueError
        If the constructor fails, or the instance lacks what the network asks of it.
    """
    try:
        with drawn_from(torch.Generator().manual_seed(seed)):
            module = contract.construct()
    except Exception as error:
        raise contract.refusal("cannot be built", contract.signature, error) from error
    weights: dict[str, Any] = dict(module.named_parameters())
    lazy = [name for name, weight in weights.items() if is_lazy(weight)]
    if lazy:
        raise contract.refusal(
            f"has weights of no shape before it is called: {', '.join(lazy)}",
            "Weights are made by the constructor, which is told all sizes.",
        )
    size = getattr(module, "output_size", None)
    if contract.sized and (type(size) is not int or size < 1):
        raise contract.refusal(
            f"has output_size={size!r}"
            if hasattr(module, "output_size")
            else "has no attribute output_size",
            "An instance says the size of its states by the attribute output_size, an int of at "
            "least 1.",
        )
    return module


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """Let torch's global generator have the state of a new one within a block."""
    generator = torch.Generator().manual_seed(seed)
    with BORROWED:
        exchange_states(generator)
        try:
            yield
        finally:
            exchange_states(generator)


def _described(value: Any) -> str:
    """Say what something is that should be tensors."""
    if isinstance(value, Tensor):
        return f"one tensor, of shape {tuple(value.shape)},"
    if isinstance(value, tuple | list):
        return f"a {type(value).__name__} of {len(value)} entries"
    return f"a {type(value).__name__}"
