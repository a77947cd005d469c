"""A sequence model that reads every step by itself."""

from torch import Tensor, nn

from .attention import sequence_mask
from .encoders import SequenceEncoder
from .randomness import Dropout, set_dropout


class StepwiseEncoder(SequenceEncoder):
    r"""Encode every step of padded sequences by itself, with one multilayer perceptron for all.

    Layer l makes :math:`h^l_t = \operatorname{relu}(W_l h^{l-1}_t + b_l)` of every step t, the
    first one of the features. No step knows of another: what a sequence says is the weighted sum
    of what its steps say, and their order means nothing.

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

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import StepwiseEncoder
    >>> encoder = StepwiseEncoder(feature_size=3, hidden_size=8)
    >>> states = encoder(torch.ones(2, 5, 3), torch.tensor([5, 2]))
    >>> torch.equal(states[0, 0], states[0, 4]), states[1, 2:].unique().tolist()
    (True, [0.0])
    """

    def __init__(
        self, feature_size: int, hidden_size: int, *, num_layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.output_size = hidden_size
        layers: list[nn.Module] = [nn.Linear(feature_size, hidden_size), nn.ReLU()]
        for _ in range(num_layers - 1):
            layers += [Dropout(dropout), nn.Linear(hidden_size, hidden_size), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

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
        states: Tensor = self.layers(features)
        valid = sequence_mask(lengths, features.shape[1]).unsqueeze(-1)  # (B, T) -> (B, T, 1)
        return states.masked_fill(~valid, 0.0)
