"""Sequence encoders: from the features of every step to a state of every step."""

from typing import Any

import torch
from torch import Tensor, nn

from .attention import sequence_mask
from .randomness import Drawing, dropped
from .time_blocks import LayerByLayer, run_recurrent

CELLS = ("lstm", "gru")
"""Names of the recurrent cells that `RecurrentEncoder` knows."""

_RECURRENT: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}


class SequenceEncoder(nn.Module):
    """Base of the encoders: an ``nn.Module`` that states the size of what it returns.

    A subclass is called with padded features, of shape (B, T, d) or (B, T), and lengths, of shape
    (B,), and returns states of shape (B, T, output_size) that are zero on padded steps. What
    stands on a padded step never influences a valid one.

    Attributes
    ----------
    output_size : int
        Size of the states.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import SequenceEncoder
    >>> class Identity(SequenceEncoder):
    ...     def __init__(self, feature_size):
    ...         super().__init__()
    ...         self.output_size = feature_size
    ...
    ...     def forward(self, features, lengths):
    ...         return features
    >>> Identity(3)(torch.zeros(2, 5, 3), torch.tensor([5, 2])).shape
    torch.Size([2, 5, 3])
    """

    output_size: int

    def set_dropout(self, share: float) -> None:
        """Drop another share of values from now on; an encoder that drops none stays as it is.

        Parameters
        ----------
        share : float in [0, 1]
            The share.
        """


def _reversal_index(lengths: Tensor, max_length: int) -> Tensor:
    """Index (B, T) that reverses the valid part of every row and leaves the padding in place."""
    steps = torch.arange(max_length, device=lengths.device)
    mirrored = lengths.unsqueeze(1) - 1 - steps  # (B, 1), (T,) -> (B, T)
    return torch.where(mirrored >= 0, mirrored, steps)


def _reorder(sequence: Tensor, index: Tensor) -> Tensor:
    """Take the steps of every row of a (B, T, d) sequence in the order of a (B, T) index."""
    # (B, T) -> (B, T, d)
    return sequence.gather(1, index.unsqueeze(-1).expand(-1, -1, sequence.shape[-1]))


class _BidirectionalLayer(nn.Module):
    """One recurrent net over the sequence and one over its reversed valid part, side by side."""

    def __init__(self, net: type[nn.LSTM] | type[nn.GRU], input_size: int, hidden_size: int):
        super().__init__()
        self.forward_net = net(input_size, hidden_size, batch_first=True)
        self.backward_net = net(input_size, hidden_size, batch_first=True)

    def forward(self, features: Tensor, lengths: Tensor, index: Tensor) -> Tensor:
        """Map (B, T, d) features and the (B, T) reversal index to (B, T, 2 H) states."""
        ahead = run_recurrent(self.forward_net, features, lengths)
        back = run_recurrent(self.backward_net, _reorder(features, index), lengths)
        # Reversing twice is the identity, so the same index leads back.
        return torch.cat([ahead, _reorder(back, index)], dim=-1)  # 2 x (B, T, H) -> (B, T, 2 H)


class RecurrentEncoder(Drawing, SequenceEncoder):
    """Encode padded sequences with a recurrent net of one or more layers.

    A net that reads forwards meets the padding after the valid steps; one that reads backwards is
    given the valid part in reverse order, with the padding after it here too. So the states of
    valid steps are those of a packed sequence, without packing: see
    :func:`sklearn_tamulag.nn.time_blocks.run_recurrent`.

    Parameters
    ----------
    feature_size : int
        Number of features d of a step.
    hidden_size : int
        Size of the state of one layer in one direction.
    num_layers : int, default=1
        Number of layers, at least 1.
    cell : {"lstm", "gru"}, default="lstm"
        Recurrent cell.
    bidirectional : bool, default=False
        Whether every layer reads the sequence in both directions.
    dropout : float in [0, 1], default=0.0
        Share of the values that is set to zero between one layer and the next while training.

    Attributes
    ----------
    output_size : int
        Size of the states: `hidden_size`, or twice that if `bidirectional`.

    Raises
    ------
    ValueError
        If `cell` is unknown or `num_layers` is less than 1.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import RecurrentEncoder
    >>> encoder = RecurrentEncoder(feature_size=3, hidden_size=8, bidirectional=True)
    >>> encoder.output_size
    16
    >>> states = encoder(torch.randn(2, 5, 3), torch.tensor([5, 2]))
    >>> states.shape
    torch.Size([2, 5, 16])
    >>> bool((states[1, 2:] == 0).all())
    True
    """

    def __init__(
        self,
        feature_size: int,
        hidden_size: int,
        *,
        num_layers: int = 1,
        cell: str = "lstm",
        bidirectional: bool = False,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if cell not in CELLS:
            raise ValueError(f"cell must be one of {', '.join(map(repr, CELLS))}; got {cell!r}.")
        if num_layers < 1:
            raise ValueError(f"num_layers must be at least 1; got {num_layers!r}.")
        net = _RECURRENT[cell]
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.output_size = 2 * hidden_size if bidirectional else hidden_size
        if bidirectional:
            input_sizes = [feature_size] + [self.output_size] * (num_layers - 1)
            self.layers = nn.ModuleList(
                _BidirectionalLayer(net, input_size, hidden_size) for input_size in input_sizes
            )
        else:
            self.recurrent = net(
                feature_size,
                hidden_size,
                num_layers=num_layers,
                batch_first=True,
                # torch warns about dropout that has no following layer to act on.
                dropout=dropout if num_layers > 1 else 0.0,
            )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        # The weights of a copy lie scattered, and cuDNN would gather them at every call.
        for module in self.modules():
            if isinstance(module, nn.RNNBase):
                module.flatten_parameters()

    def set_dropout(self, share: float) -> None:
        """Drop another share of values between layers from now on.

        Parameters
        ----------
        share : float in [0, 1]
            The share.
        """
        self.dropout = share
        if not self.bidirectional:
            self.recurrent.dropout = share if self.recurrent.num_layers > 1 else 0.0

    def _both_directions(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Run the bidirectional layers, with dropout between them."""
        index = _reversal_index(lengths, features.shape[1])
        states = features
        for depth, layer in enumerate(self.layers):
            if depth > 0 and self.training:
                states = dropped(states, self.dropout, self.generator)
            states = layer(states, lengths, index)
        return states

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        features : Tensor of shape (B, T, d), float
            Padded features, finite on padded steps too.
        lengths : Tensor of shape (B,), integer
            Number of valid steps of every row, from 0 to T.

        Returns
        -------
        Tensor of shape (B, T, output_size)
            States in (-1, 1), zero on padded steps.
        """
        max_length = features.shape[1]
        if max_length == 0:
            # A modality that all rows of a batch lack may come without a step; torch refuses that.
            return features.new_zeros(features.shape[0], 0, self.output_size)
        if self.bidirectional:
            states = self._both_directions(features, lengths)
        else:
            net: nn.LSTM | nn.GRU | LayerByLayer = self.recurrent
            if self.training and self.generator is not None and self.recurrent.dropout:
                net = LayerByLayer(self.recurrent, self.generator)
            states = run_recurrent(net, features, lengths)
        padding = ~sequence_mask(lengths, max_length)
        return states.masked_fill(padding.unsqueeze(-1), 0.0)  # (B, T) -> (B, T, 1)
