"""A sequence model of self-attention: every step reads the whole sequence at once."""

from torch import Tensor, nn

from .attention import sequence_mask
from .attention_layers import AttentionLayer, sinusoidal_positions
from .encoders import SequenceEncoder
from .full_precision import widened
from .randomness import Dropout, set_dropout

# Gain of the last normalisation at the start: states of about the size that recurrent nets have,
# which the pooling and the embedding after them are made for.
STATE_GAIN = 0.25


class SelfAttentionEncoder(SequenceEncoder):
    """Encode padded sequences with a transformer of one or more layers.

    The features are projected to `hidden_size` values, sinusoidal positions are added, and every
    layer lets each valid step read all valid steps of its row [1]_, before and after it. Layers
    are normalised before each of their parts, see
    :class:`sklearn_tamulag.nn.attention_layers.AttentionLayer`, and once more after the last one.

    Parameters
    ----------
    feature_size : int
        Number of features d of a step.
    hidden_size : int
        Size H of the states. The number of heads is its largest divisor up to 4.
    num_layers : int, default=1
        Number of layers, at least 1.
    dropout : float in [0, 1], default=0.0
        Share of the layers' input, and of what each part of a layer adds, that is set to zero while
        training.

    Attributes
    ----------
    output_size : int
        Size of the states, `hidden_size`.

    References
    ----------
    .. [1] Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv:1706.03762.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import SelfAttentionEncoder
    >>> encoder = SelfAttentionEncoder(feature_size=3, hidden_size=8)
    >>> states = encoder(torch.randn(2, 5, 3), torch.tensor([5, 2]))
    >>> states.shape
    torch.Size([2, 5, 8])
    >>> bool((states[1, 2:] == 0).all())
    True
    """

    def __init__(
        self, feature_size: int, hidden_size: int, *, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.projection = nn.Linear(feature_size, hidden_size)
        self.dropout = Dropout(dropout)
        self.layers = nn.ModuleList(
            AttentionLayer(hidden_size, dropout=dropout) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size)
        nn.init.constant_(self.norm.weight, STATE_GAIN)

    def set_dropout(self, share: float) -> None:
        """Drop another share of values from now on.

        Parameters
        ----------
        share : float in [0, 1]
            The share.
        """
        set_dropout(self, share)

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
        Tensor of shape (B, T, H)
            States, zero on padded steps.
        """
        n_steps = features.shape[1]
        if n_steps == 0:
            return features.new_zeros(features.shape[0], 0, self.output_size)
        valid = sequence_mask(lengths, n_steps)
        states = widened(self.projection(features))
        states = self.dropout(states + sinusoidal_positions(n_steps, self.output_size, states))
        for layer in self.layers:
            states = layer(states, valid=valid)
        return self.norm(states).masked_fill(~valid.unsqueeze(-1), 0.0)  # (B, T) -> (B, T, 1)
