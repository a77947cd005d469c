"""Fusion by attention between the embeddings: the late-fusion transformer."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .attention_layers import AttentionLayer
from .full_precision import widened
from .fused_layer import fused_layer

# The modalities meet in the first layer; in the last one the token reads what came of it.
LAYERS = 2


class AttentionFusion(nn.Module):
    r"""Fuse the embeddings with a transformer over them and a token of its own.

    Every embedding is projected to S = `fusion_size` values, and a learned vector tells its
    modality. In front stands a learned token that belongs to none. Two layers let all of them
    read one another,

    .. math:: [t_0, t_1, \ldots, t_M] = \operatorname{transformer}(
        [c, P_1 z_1 + e_1, \ldots, P_M z_M + e_M]),

    and the token is what is read: :math:`f = \operatorname{relu}(\operatorname{linear}(
    \operatorname{dropout}(\operatorname{norm}(t_0))))`. The layers are those of
    :class:`sklearn_tamulag.nn.attention_layers.AttentionLayer` [1]_; a token that sums up others is
    that of [2]_.

    Parameters
    ----------
    embedding_sizes : sequence of int
        Sizes K_m of the embeddings.
    fusion_size : int
        Size F of the fused representation and S of the tokens.
    dropout : float in [0, 1]
        Share of what each part of a layer adds, and of the inputs of the last layer, that is set to
        zero while training.

    Attributes
    ----------
    projections : nn.ModuleList of M nn.Linear
        The projections P, without biases.
    modality : nn.Parameter of shape (M, S)
        The vectors e.
    token : nn.Parameter of shape (S,)
        The token c.

    References
    ----------
    .. [1] Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv:1706.03762.
    .. [2] Devlin, Chang, Lee and Toutanova, "BERT: pre-training of deep bidirectional transformers
       for language understanding", NAACL 2019, arXiv:1810.04805.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import AttentionFusion
    >>> fusion = AttentionFusion([2, 3], fusion_size=4, dropout=0.0)
    >>> fusion([torch.ones(5, 2), torch.ones(5, 3)]).shape
    torch.Size([5, 4])
    """

    def __init__(self, embedding_sizes: Sequence[int], fusion_size: int, *, dropout: float) -> None:
        super().__init__()
        self.projections = nn.ModuleList(
            nn.Linear(size, fusion_size, bias=False) for size in embedding_sizes
        )
        bound = fusion_size**-0.5
        modality = torch.empty(len(embedding_sizes), fusion_size).uniform_(-bound, bound)
        self.modality = nn.Parameter(modality)
        self.token = nn.Parameter(torch.empty(fusion_size).uniform_(-bound, bound))
        self.layers = nn.ModuleList(
            AttentionLayer(fusion_size, dropout=dropout) for _ in range(LAYERS)
        )
        self.norm = nn.LayerNorm(fusion_size)
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
        projected = [
            widened(projection(embedding))
            for projection, embedding in zip(self.projections, embeddings, strict=True)
        ]
        named = torch.stack(projected, dim=1) + self.modality  # M x (B, S) -> (B, M, S)
        token = self.token.expand(len(named), 1, -1)  # (S,) -> (B, 1, S)
        tokens = torch.cat([token, named], dim=1)  # (B, 1 + M, S)
        for layer in self.layers[:-1]:
            tokens = layer(tokens)
        # Of the last layer nothing but the token is read.
        token = self.layers[-1](tokens[:, :1], tokens)  # (B, 1, S)
        fused: Tensor = self.fused(self.norm(token.squeeze(1)))
        return fused
