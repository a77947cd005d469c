"""Every kind of broken class is named by the check of its kind, and what is right passes."""

import random

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_tamulag.nn import (
    ConcatFusion,
    RecurrentEncoder,
    TemporalAttention,
    sequence_mask,
)
from sklearn_tamulag.testing import check_fusion, check_pooling, check_sequence_model
from tests.own_parts import GatedFusion, SquaredPooling, StateFusion, StepModel


class AttendingFusion(nn.Module):
    """A layer of torch that draws inside its own functions."""

    def __init__(self, embedding_sizes, fusion_size, *, dropout):
        super().__init__()
        self.projections = nn.ModuleList(nn.Linear(size, 8) for size in embedding_sizes)
        self.attention = nn.MultiheadAttention(8, 2, dropout=dropout, batch_first=True)
        self.fused = nn.Linear(8, fusion_size)

    def forward(self, embeddings):
        tokens = torch.stack(
            [layer(z) for layer, z in zip(self.projections, embeddings, strict=True)], dim=1
        )
        attended, _ = self.attention(tokens, tokens, tokens, need_weights=False)
        return self.fused(attended.mean(dim=1))


@pytest.mark.parametrize("kind", [ConcatFusion, GatedFusion, StateFusion, AttendingFusion])
def test_fusions_that_keep_the_contract_pass(kind):
    check_fusion(kind)


def test_poolings_and_sequence_models_that_keep_the_contract_pass():
    for pooling in (TemporalAttention, SquaredPooling):
        check_pooling(pooling)
    for model in (RecurrentEncoder, StepModel):
        check_sequence_model(model)


def test_a_check_leaves_global_random_states_alone():
    states = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    check_fusion(AttendingFusion)
    with pytest.raises(ValueError, match="moves the global random state of torch and random"):
        check_fusion(DrawingElsewhere)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert np.random.get_state()[1].tolist() == states[1]
    assert random.getstate() == states[2]


class DrawingElsewhere(GatedFusion):
    """Its first weights come from generators that no fit seeds."""

    def __init__(self, *sizes, **options):
        super().__init__(*sizes, **options)
        self.scale = nn.Parameter(torch.rand_like(torch.ones(1)) + random.random())


def broken(base, **methods):
    """A class with other methods, which is named as a user's would be."""
    return type("Broken", (base,), {"__module__": __name__} | methods)


def built(base, extra):
    """A class whose constructor does something more."""

    def __init__(self, *sizes, **options):
        base.__init__(self, *sizes, **options)
        extra(self)

    return broken(base, __init__=__init__)


def fused(change):
    """A fusion whose result is changed."""
    return broken(GatedFusion, forward=lambda self, z: change(self, GatedFusion.forward(self, z)))


def state_fused(change):
    """A fusion that adds something of the first modality's states."""

    def forward(self, embeddings, states, lengths):
        fused = StateFusion.forward(self, embeddings, states, lengths)
        return fused + change(states[0], lengths[0]).unsqueeze(1)

    return broken(StateFusion, forward=forward)


def scored(self, state):
    """Attention over all steps, padding among them."""
    return torch.softmax(state.sum(dim=2), dim=1).square().sum(dim=1)


def doubled(embeddings):
    """The embeddings themselves, times two."""
    return [embedding.mul_(2) for embedding in embeddings]


def norm(self):
    """Add a layer that looks at the batch."""
    self.norm = nn.BatchNorm1d(6)


FUSIONS = {
    "no keyword dropout": (
        broken(nn.Module, __init__=lambda self, sizes, size: nn.Module.__init__(self)),
        r"cannot be built: TypeError: .*\. The network calls the constructor of a fusion as",
    ),
    "another shape": (
        fused(lambda self, f: f[:, :-1]),
        r"returns fused representation of shape \(5, 5\) .*\(B, fusion_size\) is \(5, 6\)",
    ),
    "no batch": (fused(lambda self, f: f.sum(dim=0)), r"of shape \(6,\)"),
    "another dtype": (fused(lambda self, f: f.double()), "of torch.float64 for inputs"),
    "float32 only": (
        fused(lambda self, f: f + torch.zeros(1).float() if f.dtype.itemsize == 4 else f.float()),
        "of torch.float32 for inputs and weights of torch.float64",
    ),
    "a dict": (fused(lambda self, f: {"fused": f}), "returns a dict as its fused representation"),
    "an array": (fused(lambda self, f: f.detach().numpy()), "returns a ndarray"),
    "NaN": (fused(lambda self, f: f * torch.nan), "returns NaN or infinite"),
    "the mean of the batch": (
        fused(lambda self, f: f - f.mean(dim=0)),
        "depends on the other rows of the batch in evaluation mode|while it trains",
    ),
    "batch normalisation": (
        broken(
            built(GatedFusion, norm),
            forward=lambda self, z: self.norm(GatedFusion.forward(self, z)),
        ),
        "depends on the other rows of the batch through BatchNorm1d while it trains",
    ),
    "dropout in use": (
        fused(lambda self, f: nn.functional.dropout(f, 0.5)),
        "draws random numbers in evaluation mode",
    ),
    "numpy in training": (
        fused(lambda self, f: f * np.random.rand() if self.training else f),
        "moves the global random state of numpy.random when it is called while it trains",
    ),
    "no gradient": (fused(lambda self, f: f.detach()), "no gradient leads back"),
    "an unused weight": (
        built(GatedFusion, lambda self: setattr(self, "spare", nn.Linear(1, 1))),
        r"weights that no gradient reaches: spare\.weight, spare\.bias",
    ),
    "a weight that is lost": (
        broken(
            built(GatedFusion, lambda self: setattr(self, "scale", torch.randn(()))),
            forward=lambda self, z: GatedFusion.forward(self, z) * self.scale.to(z[0].dtype),
        ),
        "another result once its state_dict is loaded",
    ),
    "a lambda": (
        built(GatedFusion, lambda self: setattr(self, "act", lambda x: x)),
        "cannot be pickled",
    ),
    "no copy": (
        broken(GatedFusion, __deepcopy__=lambda self, memo: 1 / 0),
        "cannot be copied: ZeroDivisionError",
    ),
    "work in place": (
        broken(
            GatedFusion, forward=lambda self, z: GatedFusion.forward(self, [x.mul_(2) for x in z])
        ),
        "changes what it is given",
    ),
    "a lazy layer": (
        built(GatedFusion, lambda self: setattr(self, "late", nn.LazyLinear(2))),
        r"has weights of no shape before it is called: late\.weight",
    ),
    "values at the start": (
        built(GatedFusion, lambda self: float(self.gates[0].weight.detach().sum())),
        "cannot be built on torch's device meta",
    ),
    "mean over padding": (
        state_fused(lambda state, length: state.sum(dim=2).sum(dim=1) / max(state.shape[1], 1)),
        "keeps padding visible: more of it changes a result",
    ),
    "softmax over padding": (
        state_fused(lambda state, length: torch.softmax(state.sum(2), 1).square().sum(1)),
        "keeps padding visible: more of it changes a result",
    ),
    "division by no step": (
        state_fused(lambda state, length: state.sum(dim=(1, 2)) / length),
        "NaN or infinite fused representation on a batch with rows of length 0",
    ),
    "the last step": (
        state_fused(lambda state, length: state[:, 0].sum(dim=1)),
        r"fails on a batch whose T is 0 in evaluation mode: IndexError",
    ),
}


@pytest.mark.parametrize("name", FUSIONS)
def test_a_broken_fusion_is_named(name):
    kind, words = FUSIONS[name]
    with pytest.raises(ValueError, match=rf"Broken cannot be a fusion: it .*({words})"):
        check_fusion(kind)


def pooled(change):
    """A pooling whose two results are changed."""

    def forward(self, states, lengths):
        return change(states, lengths, *SquaredPooling.forward(self, states, lengths))

    return broken(SquaredPooling, forward=forward)


POOLINGS = {
    "two sizes": (
        broken(SquaredPooling, __init__=lambda self, state_size, heads: None),
        r"cannot be built.*called|calls the constructor of a pooling as Class\(state_size\)",
    ),
    "no weights": (pooled(lambda s, n, p, w: p), r"returns one tensor, of shape \(5, 6\)"),
    "weights of states": (
        pooled(lambda s, n, p, w: (p, w.unsqueeze(-1))),
        r"returns weights of shape \(5, 6, 1\)",
    ),
    "weights on padding": (
        pooled(lambda s, n, p, w: (p, w + 1)),
        "weights that are not zero on padding",
    ),
    "what stands on padding": (
        pooled(lambda s, n, p, w: (p + s.sum(dim=1), w)),
        "keeps padding visible: what stands on it changes a result",
    ),
    "a maximum over padding": (
        pooled(lambda s, n, p, w: (p + s.abs().sum(1) / max(s.shape[1], 1), w)),
        "keeps padding visible: more of it changes a result",
    ),
    "a gradient of the root of 0": (
        pooled(lambda s, n, p, w: (p + (w.unsqueeze(-1) * s).square().sum(1).sqrt(), w)),
        "not finite, on a batch with rows of length 0",
    ),
}


@pytest.mark.parametrize("name", POOLINGS)
def test_a_broken_pooling_is_named(name):
    kind, words = POOLINGS[name]
    with pytest.raises(ValueError, match=rf"Broken cannot be a pooling: it .*({words})"):
        check_pooling(kind)


class PackedModel(nn.Module):
    """What one finds first: it fails on rows of no step, and cuts off what all rows are padded."""

    def __init__(self, feature_size, hidden_size, *, num_layers, bidirectional, dropout):
        super().__init__()
        self.output_size = hidden_size
        self.net = nn.GRU(feature_size, hidden_size, batch_first=True)

    def forward(self, features, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            features, lengths, batch_first=True, enforce_sorted=False
        )
        return nn.utils.rnn.pad_packed_sequence(self.net(packed)[0], batch_first=True)[0]


def stepped(change):
    """A sequence model whose states are changed."""

    def forward(self, features, lengths):
        states = StepModel.forward(self, features, lengths)
        mask = sequence_mask(lengths, features.shape[1]).unsqueeze(-1)
        return change(states, features, mask)

    return broken(StepModel, forward=forward)


SEQUENCE_MODELS = {
    "no size": (built(StepModel, lambda self: delattr(self, "output_size")), "has no attribute"),
    "a size that is no int": (
        built(StepModel, lambda self: setattr(self, "output_size", 5.0)),
        "has output_size=5.0",
    ),
    "another size": (
        built(StepModel, lambda self: setattr(self, "output_size", 7)),
        r"returns states of shape \(5, 6, 5\) .*\(B, T, output_size\) is \(5, 6, 7\)",
    ),
    "states on padding": (stepped(lambda h, x, m: h + 1), "states that are not zero on padding"),
    "the mean of all steps": (
        stepped(lambda h, x, m: (h + x.sum(dim=(1, 2), keepdim=True)) * m),
        "keeps padding visible: what stands on it changes a result",
    ),
    "other rows": (
        stepped(lambda h, x, m: (h - h.sum(dim=0)) * m),
        "depends on the other rows of the batch in evaluation mode",
    ),
    "packing": (
        broken(PackedModel),
        "fails on a batch with rows of length 0 in evaluation mode: RuntimeError",
    ),
}


@pytest.mark.parametrize("name", SEQUENCE_MODELS)
def test_a_broken_sequence_model_is_named(name):
    kind, words = SEQUENCE_MODELS[name]
    with pytest.raises(ValueError, match=rf"Broken cannot be a sequence model: it .*({words})"):
        check_sequence_model(kind)


def test_a_class_inside_a_function_is_named_for_its_pickle():
    class Inner(GatedFusion):
        pass

    with pytest.raises(ValueError, match=r"Inner cannot be a fusion: it cannot be pickled"):
        check_fusion(Inner)


@pytest.mark.parametrize("check", [check_fusion, check_pooling, check_sequence_model])
@pytest.mark.parametrize("given", ["concat", int, nn.Linear(1, 1), lambda sizes: nn.Linear(1, 1)])
def test_what_is_no_class_of_modules_is_refused(check, given):
    with pytest.raises(TypeError, match="the class itself and no instance; got"):
        check(given)


def test_sizes_that_do_not_belong_together_are_refused():
    with pytest.raises(ValueError, match="one entry for each of the 3 embeddings"):
        check_fusion(StateFusion, state_sizes=(1, 2))
