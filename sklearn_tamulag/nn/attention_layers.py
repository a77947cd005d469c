"""Layers of attention between sequences: positions, heads, and the layer made of them."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .full_precision import widened
from .randomness import Dropout

# The most heads of a layer, and how much wider its feed-forward part is.
MOST_HEADS = 4
WIDENING = 2


def head_count(size: int) -> int:
    """Number of heads into which vectors of a size are cut.

    Parameters
    ----------
    size : int
        Size of the vectors, at least 1.

    Returns
    -------
    int
        The largest divisor of the size up to 4.

    Examples
    --------
    >>> from sklearn_tamulag.nn.attention_layers import head_count
    >>> [head_count(size) for size in (64, 30, 9, 7)]
    [4, 3, 3, 1]
    """
    return max(heads for heads in range(1, MOST_HEADS + 1) if size % heads == 0)


def sinusoidal_positions(n_steps: int, size: int, like: Tensor) -> Tensor:
    r"""Vectors that tell the steps of a sequence apart by their place.

    Dimensions 2i and 2i + 1 of step t are the sine and the cosine of
    :math:`t / 10000^{2i / \mathrm{size}}`.

    Parameters
    ----------
    n_steps : int
        Number of steps T.
    size : int
        Size of the vectors.
    like : Tensor
        Of the dtype, float, and the device of the result.

    Returns
    -------
    Tensor of shape (T, size)
        In [-1, 1].

    References
    ----------
    .. [1] Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv:1706.03762.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn.attention_layers import sinusoidal_positions
    >>> sinusoidal_positions(1, 3, torch.ones(1)).tolist()
    [[0.0, 1.0, 0.0]]
    """
    steps = torch.arange(n_steps, device=like.device, dtype=like.dtype)
    even = torch.arange(0, size, 2, device=like.device, dtype=like.dtype)
    angles = steps.unsqueeze(1) * torch.exp(even * (-math.log(10000.0) / size))  # (T, S / 2)
    # (T, S / 2, 2) -> (T, S), less one column where S is odd
    waves = torch.stack([torch.sin(angles), torch.cos(angles)], dim=-1)
    return waves.flatten(start_dim=1)[:, :size]


class MultiHeadAttention(nn.Module):
    r"""Read values of one sequence for every step of another.

    In each head, :math:`\operatorname{softmax}(Q K^\top / \sqrt{D}) V` over the valid steps of the
    sequence that is read; :math:`Q` are linear in the steps that read, :math:`K` and :math:`V` in
    those that are read, and D is the size of a head. The heads lie side by side and go through one
    linear layer.

    Parameters
    ----------
    size : int
        Size S of the steps of both sequences and of the result. There are `head_count` heads.

    Attributes
    ----------
    query, key, value, out : nn.Linear
        The linear layers.

    References
    ----------
    .. [1] Vaswani et al., "Attention is all you need", NeurIPS 2017, arXiv:1706.03762.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn.attention_layers import MultiHeadAttention
    >>> attention = MultiHeadAttention(8)
    >>> valid = torch.tensor([[True, True, False], [False, False, False]])
    >>> attention(torch.ones(2, 5, 8), torch.ones(2, 3, 8), valid)[1].unique().tolist()
    [0.0]
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.n_heads = head_count(size)
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)
        self.out = nn.Linear(size, size)

    def forward(self, reading: Tensor, read: Tensor, valid: Tensor | None = None) -> Tensor:
        """Attend.

        Parameters
        ----------
        reading : Tensor of shape (B, T, S), float
            The steps that read.
        read : Tensor of shape (B, U, S), float
            The steps that are read; U is at least 1.
        valid : bool Tensor of shape (B, U), optional
            Which steps may be read; None is all.

        Returns
        -------
        Tensor of shape (B, T, S)
            What was read; zero in rows where there is nothing to read.
        """
        parts = (self.query(reading), self.key(read), self.value(read))
        # (B, T, S) -> (B, heads, T, S / heads)
        query, key, value = (
            part.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for part in parts
        )
        if valid is None:
            heads = F.scaled_dot_product_attention(query, key, value)
        else:
            some = valid.any(dim=1)[:, None, None, None]  # (B,) -> (B, 1, 1, 1)
            # A softmax over no step at all is NaN, and so is its gradient: such rows read all.
            mask = valid[:, None, None, :] | ~some  # (B, U) -> (B, 1, 1, U)
            heads = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        # (B, heads, T, S / heads) -> (B, T, S)
        read_out: Tensor = self.out(heads.transpose(1, 2).flatten(start_dim=2))
        return read_out if valid is None else read_out.masked_fill(~some.squeeze(-1), 0.0)


class AttentionLayer(nn.Module):
    r"""One layer of a transformer, normalised before each of its two parts.

    .. math::

        x' &= x + \operatorname{dropout}(\operatorname{attention}(
        \operatorname{norm}(x), \operatorname{norm}(y))) \\
        x'' &= x' + \operatorname{dropout}(W_2 \operatorname{relu}(W_1 \operatorname{norm}(x')))

    x are the steps that read and y those that are read, x itself for self-attention.

    Parameters
    ----------
    size : int
        Size S of the steps.
    dropout : float in [0, 1]
        Share of what each part adds that is set to zero while training.

    References
    ----------
    .. [1] Xiong et al., "On layer normalization in the transformer architecture", ICML 2020,
       arXiv:2002.04745.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn.attention_layers import AttentionLayer
    >>> layer = AttentionLayer(8, dropout=0.1)
    >>> layer(torch.ones(2, 5, 8), torch.ones(2, 3, 8)).shape
    torch.Size([2, 5, 8])
    """

    def __init__(self, size: int, *, dropout: float) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(size)
        self.attention = MultiHeadAttention(size)
        self.forward_norm = nn.LayerNorm(size)
        self.feed_forward = nn.Sequential(
            nn.Linear(size, WIDENING * size), nn.ReLU(), nn.Linear(WIDENING * size, size)
        )
        self.dropout = Dropout(dropout)

    def forward(
        self, reading: Tensor, read: Tensor | None = None, valid: Tensor | None = None
    ) -> Tensor:
        """Run the layer.

        Parameters
        ----------
        reading : Tensor of shape (B, T, S), float
            The steps that read.
        read : Tensor of shape (B, U, S), float, optional
            The steps that are read; None is `reading`.
        valid : bool Tensor of shape (B, U), optional
            Which steps may be read; None is all.

        Returns
        -------
        Tensor of shape (B, T, S)
            The steps, with what they read. In rows where there is nothing to read the second part
            alone has added to them.
        """
        normed = self.attention_norm(reading)
        source = normed if read is None else self.attention_norm(read)
        # Sums over layers stay in the weights' own precision under autocast.
        added = widened(self.attention(normed, source, valid))
        reading = reading + self.dropout(added)
        added = widened(self.feed_forward(self.forward_norm(reading)))
        layered: Tensor = reading + self.dropout(added)
        return layered
