"""What the fusions share: the layer that they end with, and whether they read states."""

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


def reads_states(fusion: nn.Module | type) -> bool:
    """Whether a fusion is called with the states and the lengths beside the embeddings.

    Parameters
    ----------
    fusion : nn.Module or class
        The fusion.

    Returns
    -------
    bool
        Its attribute of that name; False without one.

    Examples
    --------
    >>> from sklearn_tamulag.nn import ConcatFusion
    >>> reads_states(ConcatFusion)
    False
    """
    return bool(getattr(fusion, "reads_states", False))
