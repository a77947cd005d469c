"""The layer that every fusion ends with."""

from torch import nn

from .randomness import Dropout


def fused_layer(input_size: int, fusion_size: int, dropout: float) -> nn.Sequential:
    """Build the layer that every fusion ends with: ``f = relu(linear(dropout(.)))``.

    Parameters
    ----------
    input_size : int
        Number of inputs.
    fusion_size : int
        Size F of the fused representation.
    dropout : float in [0, 1]
        Share of the inputs that is set to zero while training.

    Returns
    -------
    nn.Sequential
        The layer.

    Examples
    --------
    >>> from sklearn_tamulag.nn.fused_layer import fused_layer
    >>> fused_layer(5, 3, 0.1)[1]
    Linear(in_features=5, out_features=3, bias=True)
    """
    return nn.Sequential(Dropout(dropout), nn.Linear(input_size, fusion_size), nn.ReLU())
