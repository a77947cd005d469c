"""Pooling over time: from the states of a sequence to one vector and a weight for every step."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .full_precision import full_precision, widened
from .own_modules import build_own

# The range of the gates' first weights, as a multiple of torch's for a linear layer.
GATE_GAIN = 4.0

POOLINGS = ("softmax", "gate", "mean", "last")
"""Names that `build_pooling` knows."""


def sequence_mask(lengths: Tensor, max_length: int) -> Tensor:
    """Mark the valid steps of padded sequences.

    Parameters
    ----------
    lengths : Tensor of shape (B,), integer
        Number of valid steps of every row, from 0 to `max_length`. Valid steps come first.
    max_length : int
        Number of steps T, valid and padded together.

    Returns
    -------
    Tensor of shape (B, T), bool
        True on valid steps, False on padding.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import sequence_mask
    >>> sequence_mask(torch.tensor([2, 0]), 3).tolist()
    [[True, True, False], [False, False, False]]
    """
    steps = torch.arange(max_length, device=lengths.device)
    return steps < lengths.unsqueeze(1)  # (T,), (B, 1) -> (B, T)


def _weighted_sum(weights: Tensor, states: Tensor) -> Tensor:
    """Sum the states over time, each step times its weight."""
    with full_precision(states):
        # (B, 1, T) @ (B, T, H) -> (B, H)
        pooled: Tensor = (weights.unsqueeze(1) @ states).squeeze(1)
    return pooled


class TemporalAttention(nn.Module):
    r"""Weigh every step of a sequence by how much it says, and sum the steps.

    One linear layer gives two gates per step, :math:`a_t = \tanh(w_a \cdot h_t + b_a)` and
    :math:`c_t = \operatorname{tanhshrink}(w_c \cdot h_t + b_c)` with
    :math:`\operatorname{tanhshrink}(x) = x - \tanh(x)`. The weight of a valid step is

    - in mode ``"softmax"`` the softmax of :math:`a_t + c_t` over the valid steps of the row;
    - in mode ``"gate"`` the product :math:`a_t c_t` divided by the number of valid steps.

    The weight of a padded step is zero. A row without valid steps has only zero weights and is
    pooled to the zero vector.

    Parameters
    ----------
    hidden_size : int
        Size H of the states.
    mode : {"softmax", "gate"}, default="softmax"
        How the two gates become a weight.

    Attributes
    ----------
    gates : nn.Linear
        From a state to the two gates before their nonlinearities, :math:`a` first; weight of
        shape (2, H).

    Raises
    ------
    ValueError
        If `mode` is unknown.

    References
    ----------
    .. [1] Sun and Wang, "Self-supervised multimodal emotion recognition combining temporal
       attention mechanism and unimodal label automatic generation strategy", Journal of
       Electronics & Information Technology 46(2), 588-601, 2024, doi:10.11999/JEIT231107.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import TemporalAttention
    >>> attention = TemporalAttention(hidden_size=4)
    >>> pooled, weights = attention(torch.ones(2, 3, 4), torch.tensor([2, 0]))
    >>> pooled.shape
    torch.Size([2, 4])
    >>> weights.tolist()
    [[0.5, 0.5, 0.0], [0.0, 0.0, 0.0]]
    """

    def __init__(self, hidden_size: int, mode: str = "softmax") -> None:
        super().__init__()
        if mode not in ("softmax", "gate"):
            raise ValueError(f"mode must be one of 'softmax', 'gate'; got {mode!r}.")
        self.mode = mode
        self.gates = nn.Linear(hidden_size, 2)
        # States are small: with torch's range both gates start near zero, where tanhshrink is flat
        # and all steps weigh alike.
        with torch.no_grad():
            self.gates.weight.mul_(GATE_GAIN)

    def forward(self, states: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Pool the states of a batch.

        Parameters
        ----------
        states : Tensor of shape (B, T, H), float
            States, finite on padded steps too.
        lengths : Tensor of shape (B,), integer
            Number of valid steps of every row, from 0 to T.

        Returns
        -------
        pooled : Tensor of shape (B, H)
            Weighted sums of the states.
        weights : Tensor of shape (B, T)
            Zero on padding. In mode ``"softmax"`` they are not negative and sum to one in every
            row that has a valid step; in mode ``"gate"`` they may have either sign.
        """
        with full_precision(states):
            return self._pooled(widened(states), lengths)

    def _pooled(self, states: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Pool states in their own precision."""
        mask = sequence_mask(lengths, states.shape[1])
        first, second = self.gates(states).unbind(dim=-1)  # (B, T, 2) -> two of (B, T)
        first, second = torch.tanh(first), F.tanhshrink(second)
        if self.mode == "softmax":
            scores = first + second
            # The least finite number, not -inf: a row of padding alone would otherwise give NaN.
            scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
            weights = torch.softmax(scores, dim=1) * mask
        else:
            weights = first * second * mask / lengths.clamp(min=1).unsqueeze(1)
        return _weighted_sum(weights, states), weights


class MeanPooling(nn.Module):
    """Average the states of the valid steps.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import MeanPooling
    >>> states = torch.tensor([[[1.0], [3.0], [0.0]]])
    >>> pooled, weights = MeanPooling()(states, torch.tensor([2]))
    >>> pooled.tolist(), weights.tolist()
    ([[2.0]], [[0.5, 0.5, 0.0]])
    """

    def forward(self, states: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Pool the states of a batch.

        Parameters
        ----------
        states : Tensor of shape (B, T, H), float
            States, finite on padded steps too.
        lengths : Tensor of shape (B,), integer
            Number of valid steps of every row, from 0 to T.

        Returns
        -------
        pooled : Tensor of shape (B, H)
            Means over the valid steps; zero for a row without any.
        weights : Tensor of shape (B, T)
            One over the number of valid steps on these, zero on padding.
        """
        states = widened(states)
        mask = sequence_mask(lengths, states.shape[1]).to(states.dtype)
        weights = mask / lengths.clamp(min=1).unsqueeze(1)
        return _weighted_sum(weights, states), weights


class LastPooling(nn.Module):
    """Take the state of the last valid step.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import LastPooling
    >>> states = torch.tensor([[[1.0], [3.0], [0.0]]])
    >>> pooled, weights = LastPooling()(states, torch.tensor([2]))
    >>> pooled.tolist(), weights.tolist()
    ([[3.0]], [[0.0, 1.0, 0.0]])
    """

    def forward(self, states: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Pool the states of a batch.

        Parameters
        ----------
        states : Tensor of shape (B, T, H), float
            States, finite on padded steps too.
        lengths : Tensor of shape (B,), integer
            Number of valid steps of every row, from 0 to T.

        Returns
        -------
        pooled : Tensor of shape (B, H)
            States of the last valid steps; zero for a row without any.
        weights : Tensor of shape (B, T)
            One on the last valid step, zero elsewhere.
        """
        states = widened(states)
        steps = torch.arange(states.shape[1], device=lengths.device)
        weights = (steps == lengths.unsqueeze(1) - 1).to(states.dtype)  # (T,), (B, 1) -> (B, T)
        return _weighted_sum(weights, states), weights


def build_pooling(kind: str | type, hidden_size: int) -> nn.Module:
    """Build the pooling of a given name, or of a class.

    Parameters
    ----------
    kind : {"softmax", "gate", "mean", "last"} or class
        ``"softmax"`` and ``"gate"`` are the two modes of `TemporalAttention`; ``"mean"`` and
        ``"last"`` have nothing to learn. Or a class of one's own, as
        `sklearn_tamulag.testing.check_pooling` wants it.
    hidden_size : int
        Size H of the states.

    Returns
    -------
    nn.Module
        Called with states of shape (B, T, H) and lengths of shape (B,), it returns the pooled
        states, of shape (B, H), and the weights of the steps, of shape (B, T).

    Raises
    ------
    ValueError
        If `kind` is unknown.

    Examples
    --------
    >>> from sklearn_tamulag.nn import build_pooling
    >>> build_pooling("mean", hidden_size=4)
    MeanPooling()
    """
    if isinstance(kind, type):
        return build_own(kind, hidden_size)
    if kind in ("softmax", "gate"):
        return TemporalAttention(hidden_size, mode=kind)
    if kind == "mean":
        return MeanPooling()
    if kind == "last":
        return LastPooling()
    raise ValueError(f"attention must be one of {', '.join(map(repr, POOLINGS))}; got {kind!r}.")
