"""One modality's branch of the network, from its features to its own prediction."""

import torch
from torch import Tensor, nn

from .attention import build_pooling
from .encoders import SequenceEncoder
from .heads import UnimodalHead
from .modality_spec import ModalitySpec
from .own_modules import change_dropout
from .randomness import Dropout, set_dropout
from .sequence_models import build_sequence_model
from .step_path import StepPath


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
    branch = plain_branch(spec, attention, n_outputs)
    add_step_path(branch, spec)
    return branch


def plain_branch(spec: ModalitySpec, attention: str | type, n_outputs: int) -> ModalityBranch:
    """Build the branch of one modality without the step path that its shape may ask for.

    Parameters
    ----------
    spec : ModalitySpec
        Shape of the branch.
    attention : str
        As in `build_branch`.
    n_outputs : int
        As in `build_branch`.

    Returns
    -------
    ModalityBranch
        The branch.

    Raises
    ------
    ValueError
        If `attention` is unknown.
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
    return build_sequence_model(
        spec.cell,
        spec.feature_size,
        spec.hidden_size,
        num_layers=spec.num_layers,
        bidirectional=spec.bidirectional,
        dropout=spec.dropout,
    )


def add_step_path(branch: ModalityBranch, spec: ModalitySpec) -> None:
    """Lead a path past the encoder of a branch, if its shape asks for one and reads features.

    Parameters
    ----------
    branch : ModalityBranch
        A branch without a path.
    spec : ModalitySpec
        Its shape.

    Examples
    --------
    >>> from sklearn_tamulag.nn import ModalitySpec
    >>> from sklearn_tamulag.nn.branch import add_step_path, plain_branch
    >>> spec = ModalitySpec("audio", feature_size=3, step_path=True)
    >>> branch = plain_branch(spec, "softmax", n_outputs=1)
    >>> add_step_path(branch, spec)
    >>> type(branch.encoder).__name__
    'StepPath'
    """
    if spec.step_path and spec.feature_size is not None:
        branch.encoder = StepPath(branch.encoder, spec.feature_size, dropout=spec.dropout)
