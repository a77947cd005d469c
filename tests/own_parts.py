"""Classes that users might write as sequence model, pooling and fusion, as they should be."""

import torch
from torch import nn

from sklearn_tamulag.nn import sequence_mask


class GatedFusion(nn.Module):
    """The sum of projected embeddings, each times a gate."""

    def __init__(self, embedding_sizes, fusion_size, *, dropout):
        super().__init__()
        self.values = nn.ModuleList(nn.Linear(size, fusion_size) for size in embedding_sizes)
        self.gates = nn.ModuleList(nn.Linear(size, fusion_size) for size in embedding_sizes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, embeddings):
        parts = zip(self.values, self.gates, embeddings, strict=True)
        return sum(v(self.dropout(z)) * torch.sigmoid(g(z)) for v, g, z in parts)


class StateFusion(GatedFusion):
    """The same, and the mean state of every modality."""

    reads_states = True

    def __init__(self, embedding_sizes, fusion_size, *, dropout, state_sizes):
        super().__init__(embedding_sizes, fusion_size, dropout=dropout)
        self.means = nn.ModuleList(nn.Linear(size, fusion_size) for size in state_sizes)

    def forward(self, embeddings, states, lengths):
        fused = super().forward(embeddings)
        for layer, state, length in zip(self.means, states, lengths, strict=True):
            fused = fused + layer(state.sum(dim=1) / length.clamp(min=1).unsqueeze(1))
        return fused


class SquaredPooling(nn.Module):
    """Weights by a learned score, squared."""

    def __init__(self, state_size):
        super().__init__()
        self.score = nn.Linear(state_size, 1)

    def forward(self, states, lengths):
        weights = self.score(states).squeeze(-1).square()
        weights = weights * sequence_mask(lengths, states.shape[1])
        return (weights.unsqueeze(-1) * states).sum(dim=1), weights


class StepModel(nn.Module):
    """A layer per step, whose dropout can be changed."""

    def __init__(self, feature_size, hidden_size, *, num_layers, bidirectional, dropout):
        super().__init__()
        self.output_size = hidden_size + 1
        self.layer = nn.Linear(feature_size, self.output_size)
        self.share = dropout

    def set_dropout(self, share):
        self.share = share

    def forward(self, features, lengths):
        states = nn.functional.dropout(self.layer(features), self.share, self.training)
        mask = sequence_mask(lengths, features.shape[1])
        return torch.tanh(states) * mask.unsqueeze(-1)


OWN = {"GatedFusion": GatedFusion, "SquaredPooling": SquaredPooling, "StepModel": StepModel}
PARTS = {"fusion": GatedFusion, "attention": SquaredPooling, "cell": StepModel}
