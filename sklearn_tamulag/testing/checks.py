"""The checks that a user runs a class through, before an estimator is given it."""

from __future__ import annotations

from collections.abc import Sequence

from sklearn_tamulag.testing.contracts import (
    fusion_contract,
    pooling_contract,
    sequence_contract,
)
from sklearn_tamulag.testing.further_rules import check_contract


def check_fusion(
    candidate: type,
    *,
    embedding_sizes: Sequence[int] = (3, 5, 4),
    fusion_size: int = 6,
    dropout: float = 0.1,
    state_sizes: Sequence[int] | None = None,
) -> None:
    """Check that a class can be the parameter `fusion` of an estimator.

    The network builds it as ``candidate(embedding_sizes, fusion_size, dropout=dropout)``, a
    ``torch.nn.Module``, and calls it with a sequence of M embeddings of shapes (B, K_m). It returns
    one tensor of shape (B, fusion_size). A class with the attribute ``reads_states = True`` is also
    built with the keyword ``state_sizes``, and called as ``forward(embeddings, states, lengths)``:
    states a sequence of M tensors of shapes (B, T_m, H_m), zero on padding, lengths a sequence of M
    integer tensors of shape (B,), from 0 to T_m.

    The check builds the class and calls it with small random batches, in float32 and float64, and
    refuses

    - a constructor or a ``forward`` that fails, also on rows of length 0 and where T_m is 0;
    - another shape or dtype, NaN, and gradients that are not finite or reach a weight not at all;
    - a result that changes with the amount of padding or with the other rows of the batch;
    - random numbers in evaluation mode, or from elsewhere than torch's default generator;
    - instances that cannot be copied, pickled, restored from their ``state_dict`` or built on
      torch's device "meta".

    Global random states are left as they were.

    Parameters
    ----------
    candidate : type
        The class.
    embedding_sizes : sequence of int, default=(3, 5, 4)
        Sizes K_m to try it with.
    fusion_size : int, default=6
        Size of the fused representation to try it with.
    dropout : float in [0, 1), default=0.1
        Dropout to try it with.
    state_sizes : sequence of int, default=None
        Sizes H_m to try it with, one for each embedding; None is some. Only for a class that reads
        states.

    Raises
    ------
    TypeError
        If `candidate` is no class derived from ``torch.nn.Module``.
    ValueError
        If it breaks a rule. The message names the class, what it does and what is wanted.

    See Also
    --------
    check_pooling : The same for the parameter `attention`.
    check_sequence_model : The same for the parameter `cell`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import ConcatFusion
    >>> from sklearn_tamulag.testing import check_fusion
    >>> check_fusion(ConcatFusion)
    >>> class Normalised(ConcatFusion):
    ...     def forward(self, embeddings):
    ...         return super().forward([z - z.mean(dim=0) for z in embeddings])
    >>> check_fusion(Normalised)
    Traceback (most recent call last):
        ...
    ValueError: Normalised cannot be a fusion: it depends on the other rows of the batch...
    """
    if state_sizes is None:
        state_sizes = [4 + number for number in range(len(embedding_sizes))]
    if len(state_sizes) != len(embedding_sizes):
        raise ValueError(
            f"state_sizes must have one entry for each of the {len(embedding_sizes)} embeddings; "
            f"got {list(state_sizes)!r}."
        )
    check_contract(
        fusion_contract(
            candidate, embedding_sizes, fusion_size, dropout=dropout, state_sizes=state_sizes
        )
    )


def check_pooling(candidate: type, *, state_size: int = 6) -> None:
    """Check that a class can be the parameter `attention` of an estimator.

    The network builds it as ``candidate(state_size)``, a ``torch.nn.Module``, and calls it as
    ``forward(states, lengths)``, with states of shape (B, T, H) and integer lengths of shape (B,),
    from 0 to T. It returns the pooled states, of shape (B, H), and the weights of the steps, of
    shape (B, T), which are zero on padding. `check_fusion` names what is refused; here what stands
    on padding must not change a result either.

    Parameters
    ----------
    candidate : type
        The class.
    state_size : int, default=6
        Size H of the states to try it with.

    Raises
    ------
    TypeError
        If `candidate` is no class derived from ``torch.nn.Module``.
    ValueError
        If it breaks a rule. The message names the class, what it does and what is wanted.

    See Also
    --------
    check_fusion : The same for the parameter `fusion`.
    check_sequence_model : The same for the parameter `cell`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import TemporalAttention
    >>> from sklearn_tamulag.testing import check_pooling
    >>> check_pooling(TemporalAttention)
    >>> class Mean(torch.nn.Module):
    ...     def __init__(self, state_size):
    ...         super().__init__()
    ...
    ...     def forward(self, states, lengths):
    ...         weights = states.new_ones(states.shape[:2]) / max(states.shape[1], 1)
    ...         return (weights.unsqueeze(-1) * states).sum(dim=1), weights
    >>> check_pooling(Mean)
    Traceback (most recent call last):
        ...
    ValueError: Mean cannot be a pooling: it returns weights that are not zero on padding...
    """
    check_contract(pooling_contract(candidate, state_size))


def check_sequence_model(
    candidate: type,
    *,
    feature_size: int = 5,
    hidden_size: int = 4,
    num_layers: int = 2,
    bidirectional: bool = True,
    dropout: float = 0.1,
) -> None:
    """Check that a class can be the parameter `cell` of an estimator.

    The network builds it as ``candidate(feature_size, hidden_size, num_layers=num_layers,
    bidirectional=bidirectional, dropout=dropout)``, a ``torch.nn.Module`` with the attribute
    ``output_size``, and calls it as ``forward(features, lengths)``, with features of shape
    (B, T, d) and integer lengths of shape (B,), from 0 to T. It returns states of shape
    (B, T, output_size), zero on padding. What an option means is the class's own affair, and it may
    mean nothing. `check_fusion` names what is refused; here what stands on padding must not change
    a result either.

    Parameters
    ----------
    candidate : type
        The class.
    feature_size : int, default=5
        Features of a step to try it with.
    hidden_size : int, default=4
        Hidden size to try it with.
    num_layers : int, default=2
        Number of layers to try it with.
    bidirectional : bool, default=True
        Whether to try it in both directions; in one direction it is tried in any case.
    dropout : float in [0, 1), default=0.1
        Dropout to try it with.

    Raises
    ------
    TypeError
        If `candidate` is no class derived from ``torch.nn.Module``.
    ValueError
        If it breaks a rule. The message names the class, what it does and what is wanted.

    See Also
    --------
    check_fusion : The same for the parameter `fusion`.
    check_pooling : The same for the parameter `attention`.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import RecurrentEncoder
    >>> from sklearn_tamulag.testing import check_sequence_model
    >>> check_sequence_model(RecurrentEncoder)
    >>> class Linear(torch.nn.Module):
    ...     def __init__(self, feature_size, hidden_size, *, num_layers, bidirectional, dropout):
    ...         super().__init__()
    ...         self.layer = torch.nn.Linear(feature_size, hidden_size)
    ...
    ...     def forward(self, features, lengths):
    ...         return self.layer(features)
    >>> check_sequence_model(Linear)
    Traceback (most recent call last):
        ...
    ValueError: Linear cannot be a sequence model: it has no attribute output_size...
    """
    for directions in sorted({False, bidirectional}):
        check_contract(
            sequence_contract(
                candidate,
                feature_size,
                hidden_size,
                num_layers=num_layers,
                bidirectional=directions,
                dropout=dropout,
            )
        )
