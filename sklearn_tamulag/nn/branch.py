"""One modality's branch of the network, from its features to its own prediction."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from .attention import build_pooling
from .encoders import SequenceEncoder
from .heads import UnimodalHead
from .own_modules import build_own, change_dropout, is_module_class
from .randomness import Dropout, set_dropout
from .sequence_models import build_sequence_model, check_sequence_model
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
    >>> from sklearn_tamulag.nn.branch import check_size
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
        if isinstance(self.cell, str):
            # A transformer of token ids has its own layers.
            both = self.bidirectional and self.transformer is None
            check_sequence_model(self.cell, both, of=f" of modality {self.name!r}")
        elif not is_module_class(self.cell):
            raise ValueError(
                f"cell of modality {self.name!r} must be a name or a class derived from "
                f"torch.nn.Module; got {self.cell!r}."
            )
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


class ModalityBranch(nn.Module):
    """All layers of one modality: encoder, pooling, embedding and unimodal head.

    Parameters
    ----------
    name : str
        Name of the modality.
    encoder : SequenceEncoder
        From features and lengths to states.
    pooling : nn.Module
        From states and lengths to pooled states and weights, as `build_pooling` builds it.
    embedding_size : int
        Size K of the embedding.
    n_outputs : int
        Number of predicted values: 1, or the number of classes.
    dropout : float in [0, 1]
        Dropout before the embedding and in the unimodal head.
    unimodal_size : int, optional
        Size U of the unimodal representation; None is that of the embedding.

    Attributes
    ----------
    embedding : nn.Sequential
        Dropout and the linear layer from the pooled state to the embedding.
    head : UnimodalHead
        From the embedding to the unimodal representation and prediction.
    absent : nn.Parameter of shape (K,)
        Stands for the embedding in rows of length 0; zero at the start, and learned.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import ModalityBranch, RecurrentEncoder, build_pooling
    >>> branch = ModalityBranch(
    ...     "audio",
    ...     RecurrentEncoder(3, 8),
    ...     build_pooling("softmax", 8),
    ...     embedding_size=4,
    ...     n_outputs=1,
    ...     dropout=0.0,
    ... )
    >>> embedding, unimodal, prediction, weights, states = branch(
    ...     torch.ones(2, 5, 3), torch.tensor([5, 0])
    ... )
    >>> torch.equal(embedding[1], branch.absent)
    True
    """

    def __init__(
        self,
        name: str,
        encoder: SequenceEncoder,
        pooling: nn.Module,
        *,
        embedding_size: int,
        n_outputs: int,
        dropout: float,
        unimodal_size: int | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.encoder = encoder
        self.pooling = pooling
        self.embedding = nn.Sequential(
            Dropout(dropout), nn.Linear(encoder.output_size, embedding_size)
        )
        self.absent = nn.Parameter(torch.zeros(embedding_size))
        self.head = UnimodalHead(
            embedding_size, n_outputs, dropout=dropout, representation_size=unimodal_size
        )

    def set_dropout(self, share: float) -> None:
        """Drop another share of values from now on.

        Parameters
        ----------
        share : float in [0, 1]
            Of what goes into the embedding and the head, and between layers of the encoder.
        """
        set_dropout(self.embedding, share)
        set_dropout(self.head, share)
        change_dropout(self.encoder, share)

    def forward(
        self, features: Tensor, lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Run the modality of a batch.

        Parameters
        ----------
        features : Tensor of shape (B, T, d) or (B, T)
            Padded input of the encoder.
        lengths : Tensor of shape (B,), integer
            Number of valid steps of every row, from 0 (the row lacks the modality) to T.

        Returns
        -------
        embedding : Tensor of shape (B, K)
            Embedding z.
        unimodal : Tensor of shape (B, U)
            Unimodal representation u.
        prediction : Tensor of shape (B, n_outputs)
            Unimodal prediction.
        weights : Tensor of shape (B, T)
            Weight of every step.
        states : Tensor of shape (B, T, H)
            The states that the encoder made, zero on padding.
        """
        states = self.encoder(features, lengths)
        pooled, weights = self.pooling(states, lengths)
        present = (lengths > 0).unsqueeze(1)  # (B,) -> (B, 1)
        embedding = torch.where(present, self.embedding(pooled), self.absent)  # (B, K)
        unimodal, prediction = self.head(embedding)
        return embedding, unimodal, prediction, weights, states


def build_branch(spec: ModalitySpec, attention: str | type, n_outputs: int) -> ModalityBranch:
    """Build the branch of one modality, with a sequence model of features or a transformer.

    Parameters
    ----------
    spec : ModalitySpec
        Shape of the branch.
    attention : {"softmax", "gate", "mean", "last"} or class
        Pooling over time, see `build_pooling`.
    n_outputs : int
        1 for regression, the number of classes for classification.

    Returns
    -------
    ModalityBranch
        The branch, its weights drawn from torch's global random state.

    Raises
    ------
    ValueError
        If `attention` is unknown.

    Examples
    --------
    >>> from sklearn_tamulag.nn import ModalitySpec, build_branch
    >>> spec = ModalitySpec("audio", feature_size=74, hidden_size=16, bidirectional=True)
    >>> build_branch(spec, "softmax", n_outputs=1).encoder.output_size
    32
    """
    encoder = _build_encoder(spec)
    return ModalityBranch(
        spec.name,
        encoder,
        build_pooling(attention, encoder.output_size),
        embedding_size=spec.embedding_size,
        n_outputs=n_outputs,
        dropout=spec.dropout,
        unimodal_size=spec.unimodal_size,
    )


def _build_encoder(spec: ModalitySpec) -> SequenceEncoder:
    """Build what leads from the steps of a modality to their states."""
    if spec.transformer is not None:
        return spec.transformer.build(f"encoders[{spec.name!r}]['transformer']")
    assert spec.feature_size is not None, "ModalitySpec asks for one of them"
    if isinstance(spec.cell, type):
        own: Any = build_own(
            spec.cell,
            spec.feature_size,
            spec.hidden_size,
            num_layers=spec.num_layers,
            bidirectional=spec.bidirectional,
            dropout=spec.dropout,
        )
        return own
    return build_sequence_model(
        spec.cell,
        spec.feature_size,
        spec.hidden_size,
        num_layers=spec.num_layers,
        bidirectional=spec.bidirectional,
        dropout=spec.dropout,
    )
