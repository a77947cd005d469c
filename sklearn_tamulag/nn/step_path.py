"""A path from what a step says by itself to its state, beside an encoder that reads sequences."""

import torch
from torch import Tensor, nn

from .attention import sequence_mask
from .encoders import SequenceEncoder
from .randomness import Dropout, set_dropout


class StepPath(SequenceEncoder):
    r"""The states of another encoder, and added to each what its own step says.

    .. math:: h_t + W_2\, \operatorname{relu}(W_1 x_t + b_1) + b_2

    An encoder carries what it has read from step to step, and states of neighbouring steps become
    alike. The path shows the attention each step as it is. :math:`W_2` and :math:`b_2` are zero at
    the start, so that training starts from the states of the encoder alone.

    Parameters
    ----------
    encoder : SequenceEncoder
        From features and lengths to states h.
    feature_size : int
        Number of features d of a step x.
    dropout : float in [0, 1], default=0.0
        Share of the values between the two layers that is set to zero while training.

    Attributes
    ----------
    output_size : int
        Size H of the states: that of the encoder, and of both layers of the path.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import RecurrentEncoder
    >>> from sklearn_tamulag.nn.step_path import StepPath
    >>> encoder = StepPath(RecurrentEncoder(3, 8), feature_size=3)
    >>> features, lengths = torch.randn(2, 5, 3), torch.tensor([5, 2])
    >>> states = encoder(features, lengths)
    >>> states.shape
    torch.Size([2, 5, 8])
    >>> torch.equal(states, encoder.encoder(features, lengths))
    True
    """

    def __init__(
        self, encoder: SequenceEncoder, feature_size: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.output_size = encoder.output_size
        last = nn.Linear(self.output_size, self.output_size)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        first = nn.Linear(feature_size, self.output_size)
        self.path = nn.Sequential(first, nn.ReLU(), Dropout(dropout), last)

    def set_dropout(self, share: float) -> None:
        """Drop another share of values from now on, in the path and in the encoder.

        Parameters
        ----------
        share : float in [0, 1]
            The share.
        """
        set_dropout(self.path, share)
        # An encoder of a user's need not have it.
        inner = getattr(self.encoder, "set_dropout", None)
        if inner is not None:
            inner(share)

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
            States, zero on padded steps.
        """
        states: Tensor = self.encoder(features, lengths)
        padding = ~sequence_mask(lengths, features.shape[1])
        own = self.path(features).masked_fill(padding.unsqueeze(-1), 0.0)  # (B, T) -> (B, T, 1)
        return torch.add(states, own)
