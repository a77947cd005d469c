"""A sequence model of convolutions: every step reads its neighbours."""

from torch import Tensor, nn

from .attention import sequence_mask
from .encoders import SequenceEncoder
from .randomness import Dropout, set_dropout

# Steps that a layer reads for each step: itself and one on either side.
KERNEL_SIZE = 3


class ConvolutionalEncoder(SequenceEncoder):
    r"""Encode padded sequences with convolutions over time.

    Layer l makes of every step t and its neighbours

    .. math:: h^l_t = \operatorname{relu}(\textstyle\sum_{j=-1}^{1} W_{lj} h^{l-1}_{t+j} + b_l),

    the first one of the features; before the first step and after the last valid one there are
    zeros. So n layers read n steps on either side [1]_.

    Parameters
    ----------
    feature_size : int
        Number of features d of a step.
    hidden_size : int
        Size H of the states, and of all layers.
    num_layers : int, default=1
        Number of layers, at least 1.
    dropout : float in [0, 1], default=0.0
        Share of the values that is set to zero between one layer and the next while training.

    Attributes
    ----------
    output_size : int
        Size of the states, `hidden_size`.

    References
    ----------
    .. [1] Kim, "Convolutional neural networks for sentence classification", EMNLP 2014,
       arXiv:1408.5882.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import ConvolutionalEncoder
    >>> encoder = ConvolutionalEncoder(feature_size=3, hidden_size=8, num_layers=2)
    >>> states = encoder(torch.randn(2, 5, 3), torch.tensor([5, 2]))
    >>> states.shape, states[1, 2:].unique().tolist()
    (torch.Size([2, 5, 8]), [0.0])
    """

    def __init__(
        self, feature_size: int, hidden_size: int, *, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.output_size = hidden_size
        sizes = [feature_size] + [hidden_size] * (num_layers - 1)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size, hidden_size, KERNEL_SIZE, padding="same") for size in sizes
        )
        self.dropout = Dropout(dropout)

    def set_dropout(self, share: float) -> None:
        """Drop another share of values between layers from now on.

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
            States, not negative, zero on padded steps.
        """
        n_steps = features.shape[1]
        if n_steps == 0:
            return features.new_zeros(features.shape[0], 0, self.output_size)
        padding = ~sequence_mask(lengths, n_steps).unsqueeze(1)  # (B, T) -> (B, 1, T)
        # (B, T, d) -> (B, d, T)
        states = features.transpose(1, 2).masked_fill(padding, 0.0)
        for depth, convolution in enumerate(self.convolutions):
            if depth > 0:
                states = self.dropout(states)
            # Padding is zero again before the next layer reads it.
            states = convolution(states).relu().masked_fill(padding, 0.0)
        return states.transpose(1, 2)  # (B, H, T) -> (B, T, H)
