"""The sequence models by name: what leads from the features of the steps to their states."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from .convolution import ConvolutionalEncoder
from .encoders import CELLS, RecurrentEncoder, SequenceEncoder
from .own_modules import build_own, is_module_class
from .self_attention import SelfAttentionEncoder
from .stepwise import StepwiseEncoder

WHOLE_SEQUENCE_MODELS: Mapping[
    str, type[SelfAttentionEncoder] | type[StepwiseEncoder] | type[ConvolutionalEncoder]
] = MappingProxyType(
    {"transformer": SelfAttentionEncoder, "mlp": StepwiseEncoder, "conv": ConvolutionalEncoder}
)
"""Those that are not recurrent and so have no direction of reading."""

SEQUENCE_MODELS = (*CELLS, *WHOLE_SEQUENCE_MODELS)
"""Names that `build_sequence_model` knows."""


def check_sequence_model(kind: str | type, bidirectional: bool, *, of: str = "") -> None:
    """Refuse a name that is unknown, and a direction of reading where there is none.

    Parameters
    ----------
    kind : str or class
        Name of the sequence model; of a class of one's own nothing is known here.
    bidirectional : bool
        Whether it is to read in both directions.
    of : str, default=""
        Whose model it is, for the message: " of modality 'text'" for instance.

    Raises
    ------
    ValueError
        If the name is unknown, or `bidirectional` is true and the model is not recurrent.

    Examples
    --------
    >>> from sklearn_tamulag.nn.sequence_models import check_sequence_model
    >>> check_sequence_model("gru", True)
    >>> check_sequence_model("conv", True)
    Traceback (most recent call last):
        ...
    ValueError: bidirectional must be False with cell='conv', which has no direction of reading; ...
    """
    if is_module_class(kind):
        return
    if kind not in SEQUENCE_MODELS:
        known = ", ".join(map(repr, SEQUENCE_MODELS))
        raise ValueError(f"cell{of} must be one of {known}; got {kind!r}.")
    if bidirectional and kind in WHOLE_SEQUENCE_MODELS:
        raise ValueError(
            f"bidirectional{of} must be False with cell={kind!r}, which has no direction of "
            f"reading; got {bidirectional!r}. It is for {' and '.join(map(repr, CELLS))}."
        )


def build_sequence_model(
    kind: str | type,
    feature_size: int,
    hidden_size: int,
    *,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
) -> SequenceEncoder:
    """Build the sequence model of a given name, or of a class.

    Parameters
    ----------
    kind : {"lstm", "gru", "transformer", "mlp", "conv"} or class
        `RecurrentEncoder` of either cell, `SelfAttentionEncoder`, `StepwiseEncoder` or
        `ConvolutionalEncoder`; or a class of one's own, as
        `sklearn_tamulag.testing.check_sequence_model` wants it.
    feature_size : int
        Number of features d of a step.
    hidden_size : int
        Size of the states; of one direction in a recurrent model.
    num_layers : int, default=1
        Number of layers, at least 1.
    bidirectional : bool, default=False
        Whether a recurrent model reads in both directions. The others have no direction.
    dropout : float in [0, 1], default=0.0
        Share of the values that is set to zero between layers while training.

    Returns
    -------
    SequenceEncoder
        Called with features of shape (B, T, d) and lengths of shape (B,), it returns states of
        shape (B, T, output_size), zero on padding.

    Raises
    ------
    ValueError
        If `kind` is unknown, `num_layers` is less than 1, or `bidirectional` is true and the model
        is not recurrent.

    Examples
    --------
    >>> from sklearn_tamulag.nn import build_sequence_model
    >>> build_sequence_model("gru", 3, 8, bidirectional=True).output_size
    16
    >>> build_sequence_model("conv", 3, 8).output_size
    8
    """
    check_sequence_model(kind, bidirectional)
    if num_layers < 1:
        raise ValueError(f"num_layers must be at least 1; got {num_layers!r}.")
    if isinstance(kind, type):
        own: Any = build_own(
            kind,
            feature_size,
            hidden_size,
            num_layers=num_layers,
            bidirectional=bidirectional,
            dropout=dropout,
        )
        return own
    if kind in WHOLE_SEQUENCE_MODELS:
        return WHOLE_SEQUENCE_MODELS[kind](
            feature_size, hidden_size, num_layers=num_layers, dropout=dropout
        )
    return RecurrentEncoder(
        feature_size,
        hidden_size,
        num_layers=num_layers,
        cell=kind,
        bidirectional=bidirectional,
        dropout=dropout,
    )
