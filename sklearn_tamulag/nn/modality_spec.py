"""The shape of one modality's branch of the network."""

from dataclasses import dataclass, replace

from .sequence_models import check_sequence_model
from .transformer import TransformerSpec


def check_size(name: str, value: int) -> None:
    """Refuse a size that is less than one.

    Parameters
    ----------
    name : str
        What the size is called in the message.
    value : int
        Size.

    Raises
    ------
    ValueError
        If `value` is less than 1.

    Examples
    --------
    >>> from sklearn_tamulag.nn.modality_spec import check_size
    >>> check_size("fusion_size", 0)
    Traceback (most recent call last):
        ...
    ValueError: fusion_size must be at least 1; got 0.
    """
    if value < 1:
        raise ValueError(f"{name} must be at least 1; got {value!r}.")


@dataclass(frozen=True)
class ModalitySpec:
    """Shape of the branch of one modality.

    Parameters
    ----------
    name : str
        Name of the modality.
    feature_size : int or None
        Number of features of a step; None for token ids, which only a transformer reads.
    hidden_size : int, default=64
        Size of the states, of one direction in a recurrent model.
    num_layers : int, default=1
        Number of layers.
    embedding_size : int, default=32
        Size K of the embedding.
    unimodal_size : int, optional
        Size of the unimodal representation; None is that of the embedding.
    cell : {"lstm", "gru", "transformer", "mlp", "conv"} or class, default="lstm"
        The sequence model, see `build_sequence_model`; or a class of one's own, as
        `sklearn_tamulag.testing.check_sequence_model` wants it.
    bidirectional : bool, default=False
        Whether a recurrent model reads the sequence in both directions; the others have none.
    step_path : bool, default=False
        Whether a path leads from a step's own features to its state, see `StepPath`; not beside a
        transformer.
    dropout : float in [0, 1], default=0.1
        Dropout between layers of the encoder, before the embedding and in the unimodal head.
    transformer : TransformerSpec, optional
        The transformer that encodes token ids; None is a sequence model of features.

    Raises
    ------
    ValueError
        If there is neither a feature size nor a transformer, or both; or a size is less than 1,
        `cell` is unknown or has no direction where `bidirectional` asks for two, or `dropout` is
        outside [0, 1].

    Examples
    --------
    >>> from sklearn_tamulag.nn import ModalitySpec
    >>> ModalitySpec("audio", feature_size=74, hidden_size=16).embedding_size
    32
    """

    name: str
    feature_size: int | None
    hidden_size: int = 64
    num_layers: int = 1
    embedding_size: int = 32
    unimodal_size: int | None = None
    cell: str | type = "lstm"
    bidirectional: bool = False
    step_path: bool = False
    dropout: float = 0.1
    transformer: TransformerSpec | None = None

    def __post_init__(self) -> None:
        """Check the values."""
        if (self.feature_size is None) == (self.transformer is None):
            raise ValueError(
                f"modality {self.name!r} must have features or a transformer: feature_size is "
                f"{self.feature_size!r}, transformer {self.transformer!r}."
            )
        sizes = ("feature_size", "hidden_size", "num_layers", "embedding_size", "unimodal_size")
        for field in sizes:
            if getattr(self, field) is not None:
                check_size(f"{field} of modality {self.name!r}", getattr(self, field))
        # A transformer of token ids has its own layers.
        both = self.bidirectional and self.transformer is None
        check_sequence_model(self.cell, both, of=f" of modality {self.name!r}")
        if not 0.0 <= self.dropout <= 1.0:
            raise ValueError(
                f"dropout of modality {self.name!r} must be in [0, 1]; got {self.dropout!r}."
            )

    def without_source(self) -> "ModalitySpec":
        """The same shape, of which nothing is looked for by name or in a folder.

        Returns
        -------
        ModalitySpec
            Built anew from it, a transformer has random weights, to be replaced by saved ones.
        """
        if self.transformer is None:
            return self
        return replace(self, transformer=replace(self.transformer, source=None))
