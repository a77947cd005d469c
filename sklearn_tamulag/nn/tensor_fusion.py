"""Fusion by the products of all embeddings: as a whole tensor, and through its low rank."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from .fused_layer import fused_layer

# The most weights of the layer that reads all products: 256 MB, and thrice that in training.
MOST_WEIGHTS = 2**26
# Rows are multiplied out together up to this many products, 64 MB.
MOST_PRODUCTS = 2**24
# Terms of the sum that stands for the tensor of weights.
RANK = 4


class TensorFusion(nn.Module):
    r"""Fuse the embeddings by all products of their entries.

    Every embedding is extended by a one, and the outer product of all of them is taken [1]_,

    .. math:: Z = \begin{bmatrix} 1 \\ z_1 \end{bmatrix} \otimes \cdots \otimes
        \begin{bmatrix} 1 \\ z_M \end{bmatrix},

    whose :math:`\prod_m (K_m + 1)` entries are one, the embeddings themselves, and the products of
    entries of two, three, .. M of them. Then :math:`f = \operatorname{relu}(
    \operatorname{linear}(\operatorname{dropout}(Z)))`.

    Parameters
    ----------
    embedding_sizes : sequence of int
        Sizes K_m of the embeddings.
    fusion_size : int
        Size F of the fused representation.
    dropout : float in [0, 1]
        Share of the products that is set to zero while training.

    Raises
    ------
    ValueError
        If there are so many products that the layer which reads them would have more than 2**26
        weights.

    References
    ----------
    .. [1] Zadeh, Chen, Poria, Cambria and Morency, "Tensor fusion network for multimodal sentiment
       analysis", EMNLP 2017, arXiv:1707.07250.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import TensorFusion
    >>> fusion = TensorFusion([2, 3], fusion_size=4, dropout=0.0)
    >>> fusion.fused[1].in_features
    12
    >>> fusion([torch.ones(5, 2), torch.ones(5, 3)]).shape
    torch.Size([5, 4])
    """

    def __init__(self, embedding_sizes: Sequence[int], fusion_size: int, *, dropout: float) -> None:
        super().__init__()
        self.n_products = prod(size + 1 for size in embedding_sizes)
        n_weights = self.n_products * fusion_size
        if n_weights > MOST_WEIGHTS:
            raise ValueError(
                "fusion='tensor' multiplies the entries of all embeddings: with embedding_size "
                f"{list(embedding_sizes)} that is {self.n_products} products, and with "
                f"fusion_size={fusion_size} {n_weights} weights; at most {MOST_WEIGHTS} are "
                "allowed. Choose a smaller embedding_size, or fusion='low_rank'."
            )
        self.fused = fused_layer(self.n_products, fusion_size, dropout)

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
        rows = max(1, MOST_PRODUCTS // self.n_products)
        if len(embeddings[0]) <= rows:
            return self._fuse(embeddings)
        parts = zip(*(embedding.split(rows) for embedding in embeddings), strict=True)
        return torch.cat([self._fuse(part) for part in parts])  # -> (B, F)

    def _fuse(self, embeddings: Sequence[Tensor]) -> Tensor:
        """Fuse rows whose products are held at once."""
        products = embeddings[0].new_ones(len(embeddings[0]), 1)
        for embedding in embeddings:
            extended = torch.cat([torch.ones_like(embedding[:, :1]), embedding], dim=1)
            # (B, P, 1) * (B, 1, K_m + 1) -> (B, P (K_m + 1))
            products = (products.unsqueeze(2) * extended.unsqueeze(1)).flatten(start_dim=1)
        fused: Tensor = self.fused(products)
        return fused


class LowRankFusion(nn.Module):
    r"""Fuse the embeddings by all products of their entries, with weights of low rank.

    The weights that `TensorFusion` gives the products for one output form a tensor with an axis for
    each modality. Here it is a sum of R = 4 products of one vector for each modality [1]_, and the
    products need not be formed:

    .. math:: h = \sum_{r=1}^{R} v_r \bigodot_{m=1}^{M} (W_{mr} z_m + b_{mr}) + c,

    with S = `fusion_size` entries, multiplied entry by entry. Then :math:`f =
    \operatorname{relu}(\operatorname{linear}(\operatorname{dropout}(h)))`. At the start all
    :math:`b_{mr}` are one and all :math:`v_r` 1 / R, so that h begins with the sum of what is
    linear in each modality, and products come after it.

    Parameters
    ----------
    embedding_sizes : sequence of int
        Sizes K_m of the embeddings.
    fusion_size : int
        Size F of the fused representation and S of h.
    dropout : float in [0, 1]
        Share of the inputs of the last layer that is set to zero while training.

    Attributes
    ----------
    factors : nn.ModuleList of M nn.Linear
        The factors of each modality, those of the first term first: from K_m to R * S values.
    weight : nn.Parameter of shape (R, 1)
        Weights v of the terms.
    bias : nn.Parameter of shape (S,)
        Biases c.

    References
    ----------
    .. [1] Liu, Shen, Lakshminarasimhan, Liang, Zadeh and Morency, "Efficient low-rank multimodal
       fusion with modality-specific factors", ACL 2018, arXiv:1806.00064.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import LowRankFusion
    >>> fusion = LowRankFusion([2, 3], fusion_size=5, dropout=0.0)
    >>> fusion.factors[0].weight.shape
    torch.Size([20, 2])
    >>> fusion([torch.ones(1, 2), torch.ones(1, 3)]).shape
    torch.Size([1, 5])
    """

    def __init__(self, embedding_sizes: Sequence[int], fusion_size: int, *, dropout: float) -> None:
        super().__init__()
        self.factors = nn.ModuleList(
            nn.Linear(size, RANK * fusion_size) for size in embedding_sizes
        )
        for factor in self.factors:
            nn.init.ones_(factor.bias)  # type: ignore[arg-type]
        self.weight = nn.Parameter(torch.ones(RANK, 1) / RANK)
        self.bias = nn.Parameter(torch.zeros(fusion_size))
        self.fused = fused_layer(fusion_size, fusion_size, dropout)

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
        first, *others = (
            factor(embedding) for factor, embedding in zip(self.factors, embeddings, strict=True)
        )
        product = first
        for factor in others:
            product = product * factor
        terms = product.unflatten(1, (RANK, -1))  # (B, R * S) -> (B, R, S)
        combined = (terms * self.weight).sum(dim=1) + self.bias  # -> (B, S)
        fused: Tensor = self.fused(combined)
        return fused
