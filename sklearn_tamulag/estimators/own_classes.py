"""Classes of a user's own as `cell`, `attention` and `fusion`: what is allowed, and their check."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from sklearn_tamulag.data.sklearn_private import StrOptions
from sklearn_tamulag.nn.modality_spec import ModalitySpec
from sklearn_tamulag.nn.own_modules import is_module_class
from sklearn_tamulag.testing.contracts import (
    Contract,
    fusion_contract,
    pooling_contract,
    sequence_contract,
)
from sklearn_tamulag.testing.rules import check_essentials
from sklearn_tamulag.testing.trials import build


class NameOrClass(StrOptions):
    """A constraint of scikit-learn's kind: one of some names, or a class of modules.

    Parameters
    ----------
    names : sequence of str
        The names.

    Examples
    --------
    >>> constraint = NameOrClass(("concat", "cross"))
    >>> constraint.is_satisfied_by("cross"), constraint.is_satisfied_by(torch.nn.Linear)
    (True, True)
    >>> constraint.is_satisfied_by(torch.nn.Linear(1, 1)), constraint.is_satisfied_by("sum")
    (False, False)
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(set(names))
        self._names = tuple(names)

    def is_satisfied_by(self, val: Any) -> bool:
        """Tell whether a value is allowed.

        Parameters
        ----------
        val : object
            The value.

        Returns
        -------
        bool
            Whether it is a name or such a class.
        """
        return is_module_class(val) or bool(super().is_satisfied_by(val))

    def __str__(self) -> str:
        return (
            f"a str among {{{', '.join(map(repr, self._names))}}} or a class derived from "
            "torch.nn.Module, the class itself and neither an instance nor a function"
        )


def check_own_classes(arguments: Mapping[str, Any], dtype: torch.dtype) -> None:
    """Check the classes of a user's own in a network that is to be built.

    Parameters
    ----------
    arguments : dict
        What `sklearn_tamulag.estimators.options.network_arguments` has returned.
    dtype : torch.dtype
        Of weights and features.

    Raises
    ------
    ValueError
        If a class breaks a rule of its contract; the message names the parameter and the class.
    """
    checked: list[tuple[Any, ...]] = []
    for parameter, contract, sizes in _contracts(arguments):
        if (contract.cls, *sizes) in checked:
            continue
        checked.append((contract.cls, *sizes))
        try:
            check_essentials(contract, dtype)
        except ValueError as error:
            check = f"check_{contract.noun.replace(' ', '_')}"
            raise ValueError(
                f"{parameter}: {error} See sklearn_tamulag.testing.{check}."
            ) from error


def has_fixed_dropout(params: Mapping[str, Any]) -> bool:
    """Tell whether a class of a user's own takes its dropout from its constructor alone.

    Parameters
    ----------
    params : mapping
        The estimator's constructor parameters.

    Returns
    -------
    bool
        Whether a class without a method ``set_dropout`` is among `cell` and `fusion`.

    Examples
    --------
    >>> has_fixed_dropout({"cell": "lstm", "fusion": torch.nn.Linear, "encoders": None})
    True
    """
    encoders = (params["encoders"] or {}).values()
    values = [params["cell"], params["fusion"], *(options.get("cell") for options in encoders)]
    return any(
        isinstance(v, type) and not callable(getattr(v, "set_dropout", None)) for v in values
    )


def _contracts(
    arguments: Mapping[str, Any],
) -> Iterator[tuple[str, Contract, tuple[Any, ...]]]:
    """What is to be checked: the name of the parameter, the contract, and the sizes in it."""
    specs: list[ModalitySpec] = arguments["modalities"]
    for spec in specs:
        if (contract := _sequence_contract(spec)) is not None:
            options = (spec.num_layers, spec.bidirectional, spec.dropout)
            yield f"cell of {spec.name!r}", contract, (spec.feature_size, spec.hidden_size, options)
    if isinstance(arguments["attention"], type):
        for spec in specs:
            size = _state_size(spec)
            yield "attention", pooling_contract(arguments["attention"], size), (size,)
    if isinstance(arguments["fusion"], type):
        contract = fusion_contract(
            arguments["fusion"],
            [spec.embedding_size for spec in specs],
            arguments["fusion_size"],
            dropout=arguments["dropout"],
            state_sizes=[_state_size(spec) for spec in specs],
        )
        yield "fusion", contract, ()


def _sequence_contract(spec: ModalitySpec) -> Contract | None:
    """The contract of a modality's encoder, if that is of a user's own class."""
    if not isinstance(spec.cell, type) or spec.feature_size is None:
        return None
    return sequence_contract(
        spec.cell,
        spec.feature_size,
        spec.hidden_size,
        num_layers=spec.num_layers,
        bidirectional=spec.bidirectional,
        dropout=spec.dropout,
    )


def _state_size(spec: ModalitySpec) -> int:
    """A size of states to try a class with, that of the modality where it is known at once."""
    contract = _sequence_contract(spec)
    if contract is not None:
        own: Any = build(contract)
        return int(own.output_size)
    return spec.hidden_size * (2 if spec.bidirectional else 1)
