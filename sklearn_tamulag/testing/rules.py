"""The rules of the contracts: those that a fit checks before it trains."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from sklearn_tamulag.testing.batches import N_ROWS
from sklearn_tamulag.testing.contracts import Contract, Result
from sklearn_tamulag.testing.trials import Trial, build

_MORE_PADDING = 3


def check_essentials(contract: Contract, dtype: torch.dtype) -> Trial:
    """Check what a network cannot do without, on a few small batches.

    Neither torch's global random state nor NumPy's is moved, unless the class moves it.

    Parameters
    ----------
    contract : Contract
        What is checked.
    dtype : torch.dtype
        Of weights and inputs, float32 or float64.

    Returns
    -------
    Trial
        An instance that has passed.

    Raises
    ------
    ValueError
        If the class breaks a rule; the message names the class, what it does, and what is wanted.
    """
    trial = Trial(contract, dtype)
    _check_first_weights(contract, trial.module)
    trial.run(trial.batch(shortest=2))
    _check_evaluation(trial)
    _check_padding(trial)
    _check_other_rows(trial)
    _check_repetition(trial)
    if contract.step_sizes:
        trial.run(trial.batch().without_steps(), on="a batch whose T is 0")
    _check_gradients(trial)
    return trial


def _check_first_weights(contract: Contract, module: nn.Module) -> None:
    """Refuse weights that the seed of a fit does not decide."""
    second = build(contract).state_dict()
    for name, weight in module.state_dict().items():
        other = second.get(name)
        if other is None or not torch.equal(weight, other.to(weight.dtype)):
            raise contract.refusal(
                f"has another weight {name} each time it is built from the same seed",
                "First weights are drawn by functions that take a generator, as torch.randn and "
                "those of torch.nn.init do; torch.rand_like, numpy and random do not.",
            )


def _check_evaluation(trial: Trial) -> None:
    """Refuse predictions that draw random numbers."""
    batch = trial.batch()
    on = "a batch with rows of length 0"
    if not trial.same(trial.run(batch, on=on, seed=0), trial.run(batch, on=on, seed=1)):
        raise trial.contract.refusal(
            "draws random numbers in evaluation mode",
            "Only what trains may draw: torch.nn.functional.dropout needs "
            "training=self.training, or use torch.nn.Dropout.",
        )


def _check_padding(trial: Trial) -> None:
    """Refuse results that show padding, how much there is or what stands on it."""
    contract, batch = trial.contract, trial.batch()
    if not contract.step_sizes:
        return
    wanted = (
        "Padding is invisible: steps behind the length of a row neither change a result nor "
        "count, see sklearn_tamulag.nn.sequence_mask(lengths, T)."
    )
    plain = trial.run(batch)
    longer = trial.run(batch.padded_by(_MORE_PADDING), on="a batch with more padding")
    if not trial.same(plain, longer):
        raise contract.refusal("keeps padding visible: more of it changes a result", wanted)
    if not contract.loud_padding:
        return
    for training in (False, True):
        results = [
            trial.run(rows, on="a batch with numbers on padding", training=training)
            for rows in (batch, batch.loud())
        ]
        if not trial.same(*results):
            raise contract.refusal(
                "keeps padding visible: what stands on it changes a result", wanted
            )


def _check_other_rows(trial: Trial) -> None:
    """Refuse results that hang on the other rows of the batch."""
    batch, other = trial.batch(), trial.batch(seed=1)
    for training in (False, True):
        plain = trial.run(batch, training=training)
        for number in (0, 1):
            # Of the same shape, so that the same numbers are drawn for the row.
            among = trial.run(other.with_row_of(batch, number), training=training)
            if not trial.same(plain, among, [number]):
                raise _of_other_rows(trial, training)
    plain = trial.run(batch)
    for number in range(N_ROWS):
        alone = trial.run(batch.rows([number]), on="a batch of one row")
        if not trial.same(_row(plain, number), alone):
            raise _of_other_rows(trial, training=False)
    trial.run(batch.rows([0]), on="a batch of one row", training=True)


def _row(results: list[Result], number: int) -> list[Result]:
    """One row of results."""
    return [replace(result, value=result.value[[number]]) for result in results]


def _of_other_rows(trial: Trial, training: bool) -> ValueError:
    """The error of a class that mixes rows."""
    layers = {type(layer).__name__ for layer in trial.module.modules()}
    names = sorted(name for name in layers if "BatchNorm" in name)
    why = f" through {' and '.join(names)}" if names else ""
    mode = "while it trains" if training else "in evaluation mode"
    return trial.contract.refusal(
        f"depends on the other rows of the batch{why} {mode}",
        "What a row comes to hangs on that row alone; torch.nn.LayerNorm normalises within one.",
    )


def _check_repetition(trial: Trial) -> None:
    """Refuse random numbers that the seed of a fit does not decide."""
    batch = trial.batch()
    if not trial.same(trial.run(batch, training=True), trial.run(batch, training=True)):
        raise trial.contract.refusal(
            "comes to another result each time it trains from the same seed",
            "What it draws comes from torch's default generator, which has the state of the fit's "
            "own: torch.nn.Dropout and torch.rand do that, numpy and random do not.",
        )


def _check_gradients(trial: Trial) -> None:
    """Refuse gradients that are not finite, or none at all."""
    contract, module = trial.contract, trial.copied().train()
    batch = trial.batch().tracked()
    with torch.enable_grad():
        results = trial.run_tracked(module, batch, on="a batch with rows of length 0")
        total = sum(result.value.square().sum() for result in results)
    assert isinstance(total, torch.Tensor), "a contract has results"
    if not total.requires_grad:
        raise contract.refusal(
            "returns what no gradient leads back from",
            "Results are computed from the inputs by torch, without detach or no_grad.",
        )
    named = [
        *((f"the weight {name}", weight) for name, weight in trained_weights(module).items()),
        *(("its inputs", tensor) for tensor in (*batch.vectors, *batch.sequences)),
    ]
    found: tuple[Tensor | None, ...] = torch.autograd.grad(
        total, [tensor for _, tensor in named], allow_unused=True
    )
    for (name, _), gradient in zip(named, found, strict=True):
        if gradient is not None and not bool(gradient.isfinite().all()):
            raise contract.refusal(
                f"has a gradient of {name} that is not finite, on a batch with rows of length 0",
                "A softmax over no step, a division by a length of 0 and the root of 0 give NaN "
                "in the gradient, also where it is masked later.",
            )


def trained_weights(module: nn.Module) -> dict[str, Tensor]:
    """The weights of a module that training moves.

    Parameters
    ----------
    module : nn.Module
        The module.

    Returns
    -------
    dict of str to Tensor
        Its parameters by name, but for those that are frozen.

    Examples
    --------
    >>> list(trained_weights(torch.nn.Linear(2, 1)))
    ['weight', 'bias']
    """
    weights: dict[str, Tensor] = dict(module.named_parameters())
    return {name: weight for name, weight in weights.items() if weight.requires_grad}
