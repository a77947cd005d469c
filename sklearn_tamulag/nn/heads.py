"""Heads: from representations to predictions, and to the confidence of generated labels."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .full_precision import full_precision, widened
from .randomness import Dropout


def _prediction_layers(input_size: int, n_outputs: int) -> nn.Sequential:
    """Build linear-relu-linear, as wide inside as its input."""
    return nn.Sequential(
        nn.Linear(input_size, input_size), nn.ReLU(), nn.Linear(input_size, n_outputs)
    )


class UnimodalHead(nn.Module):
    """Represent and predict from the embedding of one modality.

    ``u = relu(linear(dropout(z)))``, and the prediction is linear-relu-linear on u.

    Parameters
    ----------
    embedding_size : int
        Size K of the embedding.
    n_outputs : int
        Number of predicted values: 1, or the number of classes.
    dropout : float in [0, 1]
        Share of the embedding that is set to zero while training.
    representation_size : int, optional
        Size U of the representation; None is that of the embedding.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import UnimodalHead
    >>> head = UnimodalHead(embedding_size=4, n_outputs=1, dropout=0.1)
    >>> representation, prediction = head(torch.ones(2, 4))
    >>> representation.shape, prediction.shape
    (torch.Size([2, 4]), torch.Size([2, 1]))
    """

    def __init__(
        self,
        embedding_size: int,
        n_outputs: int,
        *,
        dropout: float,
        representation_size: int | None = None,
    ) -> None:
        super().__init__()
        size = embedding_size if representation_size is None else representation_size
        self.representation = nn.Sequential(
            Dropout(dropout), nn.Linear(embedding_size, size), nn.ReLU()
        )
        self.prediction = _prediction_layers(size, n_outputs)

    def forward(self, embedding: Tensor) -> tuple[Tensor, Tensor]:
        """Represent and predict a batch.

        Parameters
        ----------
        embedding : Tensor of shape (B, K), float
            Embedding z.

        Returns
        -------
        representation : Tensor of shape (B, U)
            Unimodal representation u, not negative.
        prediction : Tensor of shape (B, n_outputs)
            Predicted values or logits.
        """
        with full_precision(embedding):
            representation = self.representation(widened(embedding))
            return representation, self.prediction(representation)


class MultimodalHead(nn.Module):
    """Predict from the fused representation: linear-relu-linear.

    Parameters
    ----------
    fusion_size : int
        Size F of the fused representation.
    n_outputs : int
        Number of predicted values: 1, or the number of classes.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import MultimodalHead
    >>> MultimodalHead(fusion_size=4, n_outputs=3)(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    """

    def __init__(self, fusion_size: int, n_outputs: int) -> None:
        super().__init__()
        self.prediction = _prediction_layers(fusion_size, n_outputs)

    def forward(self, fused: Tensor) -> Tensor:
        """Predict a batch.

        Parameters
        ----------
        fused : Tensor of shape (B, F), float
            Fused representation.

        Returns
        -------
        Tensor of shape (B, n_outputs)
            Predicted values or logits.
        """
        with full_precision(fused):
            prediction: Tensor = self.prediction(widened(fused))
        return prediction


class SimilarityConfidence(nn.Module):
    r"""Say how far the multimodal label holds for a single modality.

    Expert vectors :math:`e_k = \operatorname{relu}(\operatorname{linear}_k(v_k))` stand for the
    fused representation and for every unimodal one. With the similarities
    :math:`s_{mk} = e_m \cdot e_k`, modality m gathers :math:`g_m = \sum_k s_{mk} e_k` over the
    fused and all unimodal representations, its own included, and its confidence is
    :math:`\operatorname{sigmoid}` of two linear layers on :math:`g_m`.

    The representations are detached: a loss on the confidence trains the layers of this module
    and nothing before them.

    Parameters
    ----------
    fused_size : int
        Size F of the fused representation.
    unimodal_sizes : sequence of int
        Sizes K_m of the unimodal representations.
    expert_size : int, default=16
        Size of the expert vectors.

    Attributes
    ----------
    fused_expert : nn.Linear
        Expert layer of the fused representation.
    unimodal_experts : nn.ModuleList of M nn.Linear
        Expert layers of the unimodal representations.
    confidence : nn.ModuleList of M nn.Sequential
        Confidence layers, two linear ones per modality.

    References
    ----------
    .. [1] Sun and Wang, "Self-supervised multimodal emotion recognition combining temporal
       attention mechanism and unimodal label automatic generation strategy", Journal of
       Electronics & Information Technology 46(2), 588-601, 2024, doi:10.11999/JEIT231107.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import SimilarityConfidence
    >>> layers = SimilarityConfidence(4, [2, 3], expert_size=5)
    >>> confidence = layers(torch.ones(6, 4), [torch.ones(6, 2), torch.ones(6, 3)])
    >>> confidence.shape
    torch.Size([6, 2])
    >>> bool(((confidence > 0) & (confidence < 1)).all())
    True
    """

    def __init__(
        self, fused_size: int, unimodal_sizes: Sequence[int], *, expert_size: int = 16
    ) -> None:
        super().__init__()
        self.fused_expert = nn.Linear(fused_size, expert_size)
        self.unimodal_experts = nn.ModuleList(
            nn.Linear(size, expert_size) for size in unimodal_sizes
        )
        self.confidence = nn.ModuleList(
            nn.Sequential(nn.Linear(expert_size, expert_size), nn.Linear(expert_size, 1))
            for _ in unimodal_sizes
        )

    def forward(
        self, fused: Tensor, unimodal: Sequence[Tensor], present: Tensor | None = None
    ) -> Tensor:
        """Compute the confidence of every modality.

        Parameters
        ----------
        fused : Tensor of shape (B, F), float
            Fused representation.
        unimodal : sequence of M tensors of shape (B, K_m), float
            Unimodal representations u_m.
        present : bool Tensor of shape (B, M), optional
            Whether the row has the modality; one that is missing adds nothing to the others. None
            takes all as present.

        Returns
        -------
        Tensor of shape (B, M)
            Confidence of every modality, in (0, 1).
        """
        experts = [
            expert(representation.detach())
            for expert, representation in zip(self.unimodal_experts, unimodal, strict=True)
        ]
        own = torch.relu(torch.stack(experts, dim=1))  # M x (B, E) -> (B, M, E)
        if present is not None:
            own = own * present.unsqueeze(2)  # (B, M) -> (B, M, 1)
        # (B, E) -> (B, 1, E)
        shared = torch.relu(self.fused_expert(fused.detach())).unsqueeze(1)
        everything = torch.cat([shared, own], dim=1)  # (B, 1 + M, E)
        similarity = own @ everything.transpose(1, 2)  # (B, M, 1 + M)
        gathered = (similarity @ everything).unbind(dim=1)  # (B, M, E) -> M x (B, E)
        logits = [layers(row) for layers, row in zip(self.confidence, gathered, strict=True)]
        return torch.sigmoid(torch.cat(logits, dim=1))  # M x (B, 1) -> (B, M)
