"""Fusion by attention between the states: every modality reads every other's steps."""

from collections.abc import Sequence
from itertools import permutations

import torch
from torch import Tensor, nn

from .attention import sequence_mask
from .attention_layers import AttentionLayer, sinusoidal_positions
from .full_precision import widened
from .fused_layer import fused_layer
from .randomness import Dropout


class CrossmodalFusion(nn.Module):
    r"""Fuse the embeddings and what every modality reads in the states of every other.

    The states of each modality are projected to S = `fusion_size` values, :math:`x_m = P_m h_m`
    plus sinusoidal positions. For every ordered pair of different modalities (m, k) a layer of its
    own lets each step of m read all steps of k [1]_, and the mean over the valid steps of m is
    taken:

    .. math:: r_{mk} = \frac{1}{L_m} \sum_{t=1}^{L_m}
        \operatorname{norm}(\operatorname{layer}_{mk}(x_m, x_k))_t .

    These stand behind the embeddings, then :math:`f = \operatorname{relu}(\operatorname{linear}(
    \operatorname{dropout}([z_1, \ldots, z_M, r_{12}, r_{13}, \ldots])))`. In a row that lacks m,
    :math:`r_{mk}` is zero; where it lacks k, the steps of m read nothing. With one modality it is
    `ConcatFusion`.

    Parameters
    ----------
    embedding_sizes : sequence of int
        Sizes K_m of the embeddings.
    fusion_size : int
        Size F of the fused representation and S of the projected states.
    dropout : float in [0, 1]
        Share of the projected states, of what each part of a layer adds and of the inputs of the
        last layer that is set to zero while training.
    state_sizes : sequence of int
        Sizes H_m of the states.

    Attributes
    ----------
    reads_states : bool
        True: it is called with the states and the lengths too.
    projections : nn.ModuleList of M nn.Linear
        The projections P; none if there is one modality.
    layers : nn.ModuleList of M (M - 1) AttentionLayer
        Those of the pairs (1, 2), (1, 3), .. (M, M - 1).

    References
    ----------
    .. [1] Tsai, Bai, Liang, Kolter, Morency and Salakhutdinov, "Multimodal transformer for
       unaligned multimodal language sequences", ACL 2019, arXiv:1906.00295.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import CrossmodalFusion
    >>> fusion = CrossmodalFusion([2, 3], fusion_size=4, dropout=0.0, state_sizes=[6, 5])
    >>> embeddings = [torch.ones(2, 2), torch.ones(2, 3)]
    >>> states = [torch.ones(2, 7, 6), torch.ones(2, 9, 5)]
    >>> fusion(embeddings, states, [torch.tensor([7, 7]), torch.tensor([9, 9])]).shape
    torch.Size([2, 4])
    """

    reads_states = True

    def __init__(
        self,
        embedding_sizes: Sequence[int],
        fusion_size: int,
        *,
        dropout: float,
        state_sizes: Sequence[int],
    ) -> None:
        super().__init__()
        n_modalities = len(embedding_sizes)
        self.pairs = list(permutations(range(n_modalities), 2))
        n_inputs = sum(embedding_sizes) + len(self.pairs) * fusion_size
        if self.pairs:
            self.projections = nn.ModuleList(nn.Linear(size, fusion_size) for size in state_sizes)
            self.layers = nn.ModuleList(
                AttentionLayer(fusion_size, dropout=dropout) for _ in self.pairs
            )
            self.norms = nn.ModuleList(nn.LayerNorm(fusion_size) for _ in self.pairs)
            self.dropout = Dropout(dropout)
        self.fused = fused_layer(n_inputs, fusion_size, dropout)

    def forward(
        self,
        embeddings: Sequence[Tensor],
        states: Sequence[Tensor],
        lengths: Sequence[Tensor],
    ) -> Tensor:
        """Fuse a batch.

        Parameters
        ----------
        embeddings : sequence of M tensors of shape (B, K_m), float
            Embeddings z_m.
        states : sequence of M tensors of shape (B, T_m, H_m), float
            States h_m, finite on padded steps too.
        lengths : sequence of M tensors of shape (B,), integer
            Numbers of valid steps, from 0 to T_m.

        Returns
        -------
        Tensor of shape (B, F)
            Fused representation, not negative.
        """
        parts = list(embeddings)
        if self.pairs:
            sequences = [
                self._placed(projection, own)
                for projection, own in zip(self.projections, states, strict=True)
            ]
            valid = [
                sequence_mask(own, sequence.shape[1])
                for own, sequence in zip(lengths, sequences, strict=True)
            ]
            parts += [
                self._read(number, sequences[m], sequences[k], valid[m], valid[k])
                for number, (m, k) in enumerate(self.pairs)
            ]
        # M x (B, K_m), M (M - 1) x (B, S) -> (B, sum of K_m + M (M - 1) S)
        fused: Tensor = self.fused(torch.cat(parts, dim=1))
        return fused

    def _placed(self, projection: nn.Module, states: Tensor) -> Tensor:
        """Project (B, T, H) states and say where each step stands: (B, T, S)."""
        projected = widened(projection(widened(states)))
        positions = sinusoidal_positions(projected.shape[1], projected.shape[2], projected)
        placed: Tensor = self.dropout(projected + positions)
        return placed

    def _read(
        self, number: int, reading: Tensor, read: Tensor, valid: Tensor, valid_read: Tensor
    ) -> Tensor:
        """The mean (B, S) over the valid steps of one modality of what they read in another."""
        if read.shape[1] == 0:
            # Where no row has a step of the other there is one of padding to read.
            read = nn.functional.pad(read, (0, 0, 0, 1))
            valid_read = nn.functional.pad(valid_read, (0, 1))
        steps = self.norms[number](self.layers[number](reading, read, valid_read))
        weights = valid / valid.sum(dim=1, keepdim=True).clamp(min=1)  # (B, T)
        mean: Tensor = (steps * weights.unsqueeze(-1)).sum(dim=1)  # (B, T, S) -> (B, S)
        return mean
