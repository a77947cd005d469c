"""The rules of the contracts that a fit does not check: copies, files, weights, random states."""

from __future__ import annotations

import pickle
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor, nn

from sklearn_tamulag.nn.randomness import BORROWED
from sklearn_tamulag.testing.contracts import Contract
from sklearn_tamulag.testing.rules import check_essentials, trained_weights
from sklearn_tamulag.testing.trials import Trial, build


def check_contract(contract: Contract) -> None:
    """Check every rule, in float32 and in float64.

    Parameters
    ----------
    contract : Contract
        What is checked.

    Raises
    ------
    ValueError
        If the class breaks a rule; the message names the class, what it does, and what is wanted.
    """
    with BORROWED, torch.inference_mode(False):
        with _unmoved_states(contract, "built"):
            build(contract)
        trial = Trial(contract, torch.float32)
        with _unmoved_states(contract, "called while it trains"):
            trial.run(trial.batch(shortest=2), training=True)
        for dtype in (torch.float32, torch.float64):
            trial = check_essentials(contract, dtype)
        _check_weights_learn(trial)
        _check_weights_are_all(trial)
        _check_shapes_alone(contract)
        _check_pickle(trial)


@contextmanager
def _unmoved_states(contract: Contract, when: str) -> Iterator[None]:
    """Refuse a class that moves a global random state, and put the states back."""
    # scikit-learn's name for the generator behind numpy.random.
    numpy_random = check_random_state(None)
    torch_state, numpy_state = torch.get_rng_state(), numpy_random.get_state()
    python_state = random.getstate()
    try:
        yield
        unmoved = {
            "torch": torch.equal(torch_state, torch.get_rng_state()),
            "numpy.random": _same_state(numpy_state, numpy_random.get_state()),
            "random": python_state == random.getstate(),
        }
    finally:
        torch.set_rng_state(torch_state)
        numpy_random.set_state(numpy_state)
        random.setstate(python_state)
    moved = [name for name, same in unmoved.items() if not same]
    if moved:
        raise contract.refusal(
            f"moves the global random state of {' and '.join(moved)} when it is {when}",
            "First weights are drawn by functions of torch that take a generator, as torch.randn "
            "and those of torch.nn.init do. Later draws come from torch: for their time the "
            "global generator has the state of the fit's own.",
        )


def _same_state(first: Any, second: Any) -> bool:
    """Compare two states of NumPy's global generator."""
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def _check_weights_learn(trial: Trial) -> None:
    """Refuse weights that no gradient reaches."""
    module = trial.copied().train()
    weights = trained_weights(module)
    if not weights:
        return
    with torch.enable_grad():
        results = trial.run_tracked(module, trial.batch(shortest=2).tracked(), on="a batch")
        # Weights that sum to one say nothing when they are summed.
        total = sum(result.value.square().sum() for result in results)
    assert isinstance(total, torch.Tensor), "a contract has results"
    found: tuple[Tensor | None, ...] = torch.autograd.grad(
        total, list(weights.values()), allow_unused=True
    )
    without = [name for name, gradient in zip(weights, found, strict=True) if gradient is None]
    if without:
        raise trial.contract.refusal(
            f"has weights that no gradient reaches: {', '.join(without)}",
            "Every weight takes part in the result by functions of torch, or has "
            "requires_grad=False.",
        )


def _check_weights_are_all(trial: Trial) -> None:
    """Refuse what was drawn or learned and is not in the state dict, as it would be lost."""
    contract = trial.contract
    other = Trial(contract, trial.dtype)
    other.module = build(contract, seed=1).to(trial.dtype)
    other.module.load_state_dict(trial.module.state_dict())
    batch = trial.batch(shortest=2)
    if not trial.same(trial.run(batch), other.run(batch)):
        raise contract.refusal(
            "comes to another result once its state_dict is loaded into a new instance",
            "save writes the state_dict: tensors that are drawn or learned are nn.Parameter, or "
            "are given to register_buffer.",
        )


def _check_shapes_alone(contract: Contract) -> None:
    """Refuse a class that cannot be built without memory, as load does to compare shapes."""
    try:
        with torch.device("meta"):
            skeleton = contract.construct()
    except Exception as error:
        raise contract.refusal(
            "cannot be built on torch's device meta",
            "load builds it there first, to compare its weights with those of the file: the "
            "constructor reads no value of a tensor.",
            error,
        ) from error
    elsewhere = [name for name, w in skeleton.state_dict().items() if w.device.type != "meta"]
    if elsewhere:
        raise contract.refusal(
            f"takes memory for {', '.join(elsewhere)} on torch's device meta",
            "Weights are made on torch's default device, by functions of torch.",
        )


def _check_pickle(trial: Trial) -> None:
    """Refuse an instance that does not survive pickle."""
    contract = trial.contract
    wanted = (
        "A class that is pickled stands at the top level of a module, and holds nothing that has "
        "no pickle, as a lambda."
    )
    try:
        twin: nn.Module = pickle.loads(pickle.dumps(trial.module))
    except Exception as error:
        raise contract.refusal("cannot be pickled", wanted, error) from error
    other = Trial(contract, trial.dtype)
    other.module = twin
    batch = trial.batch(shortest=2)
    if not trial.same(trial.run(batch), other.run(batch)):
        raise contract.refusal("comes to another result once it was pickled", wanted)
