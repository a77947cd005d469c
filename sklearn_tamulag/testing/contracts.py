"""What a class must do to be a fusion, a pooling or a sequence model: its arguments and results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from sklearn_tamulag.nn.fused_layer import reads_states
from sklearn_tamulag.nn.own_modules import is_module_class
from sklearn_tamulag.testing.batches import Batch


@dataclass(frozen=True)
class Result:
    """One tensor that a part of the network has returned, and what it should be.

    Attributes
    ----------
    name : str
        What it is called in messages.
    value : object
        What was returned.
    shape : tuple of int
        The shape that it must have.
    words : str
        The same in letters.
    lengths : int64 Tensor of shape (B,) or None
        Valid steps of the rows, where axis 1 is time: behind them the tensor must be zero.
    """

    name: str
    value: Any
    shape: tuple[int, ...]
    words: str
    lengths: Tensor | None = None


@dataclass(frozen=True)
class Contract:
    """A class of a user's own, and how the network would build and call it.

    Attributes
    ----------
    cls : type
        The class.
    noun : str
        What it is to be, in words.
    signature : str
        How its constructor is called, in words.
    construct : callable
        Makes an instance.
    call : callable
        Calls an instance with a `Batch`.
    results : callable
        Names what an instance has returned for a `Batch`, as a list of `Result`; None where that
        is not even the right number of things.
    returns : str
        What a call must return, in words.
    vector_sizes : tuple of int
        Sizes of the vectors of a `Batch`.
    step_sizes : tuple of int
        Sizes of the steps of its sequences.
    loud_padding : bool
        Whether anything may stand on padding. If not, zeros do.
    sized : bool
        Whether an instance says the size of what it returns, by `output_size`.
    """

    cls: type
    noun: str
    signature: str
    construct: Callable[[], nn.Module]
    call: Callable[[nn.Module, Batch], Any]
    results: Callable[[nn.Module, Any, Batch], list[Result] | None]
    returns: str
    vector_sizes: tuple[int, ...]
    step_sizes: tuple[int, ...]
    loud_padding: bool
    sized: bool = False

    def refusal(self, did: str, wanted: str, cause: Exception | None = None) -> ValueError:
        """Make the error that names the class, what it did and what is wanted.

        Parameters
        ----------
        did : str
            What the class does.
        wanted : str
            What the contract wants.
        cause : Exception, optional
            An error of the class itself.

        Returns
        -------
        ValueError
            To be raised.
        """
        because = f": {type(cause).__name__}: {cause}" if cause is not None else ""
        return ValueError(
            f"{self.cls.__qualname__} cannot be a {self.noun}: it {did}{because.rstrip('.')}. "
            f"{wanted}"
        )


def fusion_contract(
    candidate: Any,
    embedding_sizes: Sequence[int],
    fusion_size: int,
    *,
    dropout: float,
    state_sizes: Sequence[int],
) -> Contract:
    """What a fusion must do.

    Parameters
    ----------
    candidate : type
        The class.
    embedding_sizes : sequence of int
        Sizes of the embeddings.
    fusion_size : int
        Size of the result.
    dropout : float in [0, 1)
        Dropout.
    state_sizes : sequence of int
        Sizes of the states, for a class that reads them.

    Returns
    -------
    Contract
        The contract.

    Raises
    ------
    TypeError
        If `candidate` is no subclass of ``torch.nn.Module``.
    """
    _check_class(candidate, "fusion")
    reads = reads_states(candidate)
    options: dict[str, Any] = {"dropout": dropout}
    if reads:
        options["state_sizes"] = list(state_sizes)

    def call(module: nn.Module, batch: Batch) -> Any:
        if reads:
            return module(batch.vectors, batch.sequences, batch.lengths)
        return module(batch.vectors)

    def results(module: nn.Module, returned: Any, batch: Batch) -> list[Result]:
        shape = (len(batch.vectors[0]), fusion_size)
        return [Result("fused representation", returned, shape, "(B, fusion_size)")]

    arguments = "(embeddings, states, lengths)" if reads else "(embeddings)"
    return Contract(
        candidate,
        "fusion",
        "The network calls the constructor of a fusion as Class(embedding_sizes, fusion_size, *, "
        "dropout), with state_sizes by keyword too if the class has reads_states = True.",
        lambda: candidate(list(embedding_sizes), fusion_size, **options),
        call,
        results,
        f"forward{arguments} returns one tensor of shape (B, fusion_size).",
        tuple(embedding_sizes),
        tuple(state_sizes) if reads else (),
        loud_padding=False,
    )


def pooling_contract(candidate: Any, state_size: int) -> Contract:
    """What a pooling must do.

    Parameters
    ----------
    candidate : type
        The class.
    state_size : int
        Size of the states.

    Returns
    -------
    Contract
        The contract.

    Raises
    ------
    TypeError
        If `candidate` is no subclass of ``torch.nn.Module``.
    """
    _check_class(candidate, "pooling")

    def results(module: nn.Module, returned: Any, batch: Batch) -> list[Result] | None:
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            return None
        n_rows, n_steps, size = batch.sequences[0].shape
        return [
            Result("pooled states", returned[0], (n_rows, size), "(B, state_size)"),
            Result("weights", returned[1], (n_rows, n_steps), "(B, T)", batch.lengths[0]),
        ]

    return Contract(
        candidate,
        "pooling",
        "The network calls the constructor of a pooling as Class(state_size).",
        lambda: candidate(state_size),
        lambda module, batch: module(batch.sequences[0], batch.lengths[0]),
        results,
        "forward(states, lengths) returns two tensors: the pooled states, of shape "
        "(B, state_size), and the weights of the steps, of shape (B, T), zero on padding.",
        (),
        (state_size,),
        loud_padding=True,
    )


def sequence_contract(
    candidate: Any,
    feature_size: int,
    hidden_size: int,
    *,
    num_layers: int,
    bidirectional: bool,
    dropout: float,
) -> Contract:
    """What a sequence model must do.

    Parameters
    ----------
    candidate : type
        The class.
    feature_size : int
        Features of a step.
    hidden_size : int
        What the class makes the size of its states of.
    num_layers : int
        Number of layers.
    bidirectional : bool
        Whether to read in both directions.
    dropout : float in [0, 1)
        Dropout.

    Returns
    -------
    Contract
        The contract.

    Raises
    ------
    TypeError
        If `candidate` is no subclass of ``torch.nn.Module``.
    """
    _check_class(candidate, "sequence model")

    def results(module: Any, returned: Any, batch: Batch) -> list[Result]:
        shape = (*batch.sequences[0].shape[:2], module.output_size)
        return [Result("states", returned, shape, "(B, T, output_size)", batch.lengths[0])]

    return Contract(
        candidate,
        "sequence model",
        "The network calls the constructor of a sequence model as Class(feature_size, "
        "hidden_size, *, num_layers, bidirectional, dropout).",
        lambda: candidate(
            feature_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        ),
        lambda module, batch: module(batch.sequences[0], batch.lengths[0]),
        results,
        "forward(features, lengths) returns one tensor of shape (B, T, output_size), zero on "
        "padding.",
        (),
        (feature_size,),
        loud_padding=True,
        sized=True,
    )


def _check_class(candidate: Any, noun: str) -> None:
    """Refuse what is no class of modules."""
    if not is_module_class(candidate):
        raise TypeError(
            f"a {noun} must be a class that is derived from torch.nn.Module, the class itself and "
            f"no instance; got {candidate!r}."
        )
