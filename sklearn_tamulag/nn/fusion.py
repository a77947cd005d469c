"""Fusion: from one embedding per modality to one representation of them all."""

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from typing import Any

import torch
from torch import Tensor, nn

# Dumps of earlier versions look for it here.
from .absent_gain import AbsentGain as AbsentGain
from .attention_fusion import AttentionFusion
from .crossmodal_fusion import CrossmodalFusion
from .fused_layer import fused_layer, reads_states
from .own_modules import build_own
from .tensor_fusion import LowRankFusion, TensorFusion


class ConcatFusion(nn.Module):
    """Fuse the embeddings laid side by side.

    ``f = relu(linear(dropout([z_1 .. z_M])))``

    Parameters
    ----------
    embedding_sizes : sequence of int
        Sizes K_m of the embeddings.
    fusion_size : int
        Size F of the fused representation.
    dropout : float in [0, 1]
        Share of the inputs of the layer that is set to zero while training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import ConcatFusion
    >>> fusion = ConcatFusion([2, 3], fusion_size=4, dropout=0.0)
    >>> fusion([torch.ones(5, 2), torch.ones(5, 3)]).shape
    torch.Size([5, 4])
    """

    def __init__(self, embedding_sizes: Sequence[int], fusion_size: int, *, dropout: float) -> None:
        super().__init__()
        self.fused = fused_layer(sum(embedding_sizes), fusion_size, dropout)

    def forward(self, embeddings: Sequence[Tensor]) -> Tensor:
        """Fuse a batch.

        Parameters
        ----------
        embeddings : sequence of M tensors of shape (B, K_m), float
            Embeddings z_m.

        Returns
        -------
        Tensor of shape (B, F)
            Fused representation, not negative.
        """
        # M x (B, K_m) -> (B, sum of K_m)
        fused: Tensor = self.fused(torch.cat(tuple(embeddings), dim=1))
        return fused


class CrossFusion(nn.Module):
    """Fuse the embeddings and their products over all ordered pairs of modalities.

    Behind the embeddings stands, for every ordered pair of different modalities (m, k), the vector
    ``z_m * sum(z_k)``: the outer product of the two embeddings, summed over the dimensions of the
    second. Then ``f = relu(linear(dropout(.)))``. With one modality it is `ConcatFusion`.

    Parameters
    ----------
    embedding_sizes : sequence of int
        Sizes K_m of the embeddings.
    fusion_size : int
        Size F of the fused representation.
    dropout : float in [0, 1]
        Share of the inputs of the layer that is set to zero while training.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import CrossFusion
    >>> fusion = CrossFusion([2, 3], fusion_size=4, dropout=0.0)
    >>> fusion([torch.ones(5, 2), torch.ones(5, 3)]).shape
    torch.Size([5, 4])
    """

    def __init__(self, embedding_sizes: Sequence[int], fusion_size: int, *, dropout: float) -> None:
        super().__init__()
        # Every embedding occurs once as it is and once with each of the M - 1 others.
        self.fused = fused_layer(sum(embedding_sizes) * len(embedding_sizes), fusion_size, dropout)

    def forward(self, embeddings: Sequence[Tensor]) -> Tensor:
        """Fuse a batch.

        Parameters
        ----------
        embeddings : sequence of M tensors of shape (B, K_m), float
            Embeddings z_m.

        Returns
        -------
        Tensor of shape (B, F)
            Fused representation, not negative.
        """
        products = [
            first * second.sum(dim=1, keepdim=True)  # (B, K_m) * (B, 1) -> (B, K_m)
            for first, second in permutations(embeddings, 2)
        ]
        # M^2 x (B, K_m) -> (B, M * sum of K_m)
        fused: Tensor = self.fused(torch.cat([*embeddings, *products], dim=1))
        return fused


class SemanticFusion(nn.Module):
    """Fuse the embeddings dimension by dimension in one semantic space.

    Every embedding is projected into a space of S = `fusion_size` dimensions. In every dimension j
    the M projected values and their M (M - 1) / 2 pairwise products are combined linearly with
    weights and a bias that belong to that dimension alone. The S results stand behind the
    embeddings, then ``f = relu(linear(dropout(.)))``.

    Parameters
    ----------
    embedding_sizes : sequence of int
        Sizes K_m of the embeddings.
    fusion_size : int
        Size F of the fused representation and S of the semantic space.
    dropout : float in [0, 1]
        Share of the inputs of the last layer that is set to zero while training.

    Attributes
    ----------
    projections : nn.ModuleList of M nn.Linear
        From the embeddings to the semantic space.
    weight : nn.Parameter of shape (M + M (M - 1) / 2, S)
        Combination weights: of the M values, then of the products of the pairs (1, 2), (1, 3), ..,
        (M - 1, M).
    bias : nn.Parameter of shape (S,)
        Combination biases.

    References
    ----------
    .. [1] Sun and Wang, "Self-supervised multimodal emotion recognition combining temporal
       attention mechanism and unimodal label automatic generation strategy", Journal of
       Electronics & Information Technology 46(2), 588-601, 2024, doi:10.11999/JEIT231107.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import SemanticFusion
    >>> fusion = SemanticFusion([2, 3, 4], fusion_size=5, dropout=0.0)
    >>> fusion.weight.shape
    torch.Size([6, 5])
    >>> fusion([torch.ones(1, 2), torch.ones(1, 3), torch.ones(1, 4)]).shape
    torch.Size([1, 5])
    """

    first: Tensor
    second: Tensor

    def __init__(self, embedding_sizes: Sequence[int], fusion_size: int, *, dropout: float) -> None:
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(size, fusion_size) for size in embedding_sizes)
        n_modalities = len(embedding_sizes)
        first, second = torch.triu_indices(n_modalities, n_modalities, offset=1)
        self.register_buffer("first", first, persistent=False)
        self.register_buffer("second", second, persistent=False)
        n_terms = n_modalities + len(first)
        # The range that nn.Linear uses for a layer of n_terms inputs.
        bound = n_terms**-0.5
        self.weight = nn.Parameter(torch.empty(n_terms, fusion_size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(fusion_size).uniform_(-bound, bound))
        self.fused = fused_layer(sum(embedding_sizes) + fusion_size, fusion_size, dropout)

    def forward(self, embeddings: Sequence[Tensor]) -> Tensor:
        """Fuse a batch.

        Parameters
        ----------
        embeddings : sequence of M tensors of shape (B, K_m), float
            Embeddings z_m.

        Returns
        -------
        Tensor of shape (B, F)
            Fused representation, not negative.
        """
        projected = [
            projection(embedding)
            for projection, embedding in zip(self.projections, embeddings, strict=True)
        ]
        values = torch.stack(projected, dim=1)  # M x (B, S) -> (B, M, S)
        products = values[:, self.first] * values[:, self.second]  # (B, M (M - 1) / 2, S)
        terms = torch.cat([values, products], dim=1)  # (B, M + M (M - 1) / 2, S)
        combined = (terms * self.weight).sum(dim=1) + self.bias  # -> (B, S)
        # M x (B, K_m), (B, S) -> (B, sum of K_m + S)
        fused: Tensor = self.fused(torch.cat([*embeddings, combined], dim=1))
        return fused


_FUSION_CLASSES: dict[str, type[nn.Module]] = {
    "concat": ConcatFusion,
    "cross": CrossFusion,
    "semantic": SemanticFusion,
    "tensor": TensorFusion,
    "low_rank": LowRankFusion,
    "attention": AttentionFusion,
    "crossmodal": CrossmodalFusion,
}

FUSIONS = tuple(_FUSION_CLASSES)
"""Names that `build_fusion` knows."""


def build_fusion(
    kind: str | type,
    embedding_sizes: Sequence[int],
    fusion_size: int,
    *,
    dropout: float,
    state_sizes: Sequence[int] | None = None,
) -> nn.Module:
    """Build the fusion of a given name, or of a class.

    Parameters
    ----------
    kind : str or class
        A name in `FUSIONS`, whose class is named alike; or a class of one's own, as
        `sklearn_tamulag.testing.check_fusion` wants it.
    embedding_sizes : sequence of int
        Sizes K_m of the embeddings, one per modality, at least one.
    fusion_size : int
        Size F of the fused representation.
    dropout : float in [0, 1]
        Share of the inputs of the last layer that is set to zero while training.
    state_sizes : sequence of int, optional
        Sizes H_m of the states, for a fusion that reads them.

    Returns
    -------
    nn.Module
        Called with a sequence of M embeddings of shapes (B, K_m), it returns the fused
        representation, of shape (B, F). One with the attribute ``reads_states = True`` is called
        with the embeddings, a sequence of M states of shapes (B, T_m, H_m) and a sequence of M
        lengths of shape (B,).

    Raises
    ------
    ValueError
        If `kind` is unknown, `embedding_sizes` is empty or too large for the fusion, or
        `state_sizes` is missing or of another number.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import build_fusion
    >>> fusion = build_fusion("cross", [2, 2], 3, dropout=0.1)
    >>> fusion([torch.ones(1, 2), torch.ones(1, 2)]).shape
    torch.Size([1, 3])
    """
    if not isinstance(kind, type) and kind not in FUSIONS:
        raise ValueError(f"fusion must be one of {', '.join(map(repr, FUSIONS))}; got {kind!r}.")
    if not embedding_sizes:
        raise ValueError("embedding_sizes must have at least one entry; got none.")
    fusion = kind if isinstance(kind, type) else _FUSION_CLASSES[kind]
    options: dict[str, Any] = {"dropout": dropout}
    if reads_states(fusion):
        if state_sizes is None or len(state_sizes) != len(embedding_sizes):
            raise ValueError(
                f"fusion={kind!r} reads states: state_sizes must have {len(embedding_sizes)} "
                f"entries, one per modality; got {state_sizes!r}."
            )
        options["state_sizes"] = state_sizes
    build = partial(build_own, kind) if isinstance(kind, type) else fusion
    return build(embedding_sizes, fusion_size, **options)
