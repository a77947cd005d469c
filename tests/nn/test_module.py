"""The assembled network."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sklearn_tamulag.nn.attention import POOLINGS
from sklearn_tamulag.nn.encoders import CELLS
from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.nn.module import ModalitySpec, TAMULAGModule, build_module

FEATURE_SIZES = {"text": 4, "audio": 3, "vision": 2, "pulse": 1, "gaze": 5}


def small_module(n_modalities=2, *, dropout=0.0, spec=None, **options):
    shape = {"hidden_size": 6, "embedding_size": 5, "dropout": dropout, **(spec or {})}
    specs = [
        ModalitySpec(name, size, **shape)
        for name, size in list(FEATURE_SIZES.items())[:n_modalities]
    ]
    return build_module(specs, dropout=dropout, **{"fusion_size": 7, **options})


def full_batch(module, n_rows=4, n_steps=5, dtype=torch.float32):
    """Random features, every step of every row valid."""
    features = {
        name: torch.randn(n_rows, n_steps, FEATURE_SIZES[name], dtype=dtype)
        for name in module.modalities
    }
    return features, {name: torch.full((n_rows,), n_steps) for name in module.modalities}


def ragged_batch(module, lengths):
    """Random features, zero on padding; `lengths` has a list per modality."""
    features = {}
    for name, given_lengths in zip(module.modalities, lengths, strict=True):
        sequence = torch.randn(len(given_lengths), max(given_lengths), FEATURE_SIZES[name])
        for row, length in enumerate(given_lengths):
            sequence[row, length:] = 0.0
        features[name] = sequence
    return features, dict(zip(module.modalities, map(torch.tensor, lengths), strict=True))


def take(batch, rows):
    features, lengths = batch
    return (
        {name: value[rows] for name, value in features.items()},
        {name: value[rows] for name, value in lengths.items()},
    )


def tensors(output):
    """Every tensor of an output but the attention, whose width is that of the padding."""
    named = {
        "prediction": output.prediction,
        "unimodal_predictions": output.unimodal_predictions,
        "fused": output.fused,
        "confidence": output.confidence,
    }
    named |= {f"embedding {m}": value for m, value in enumerate(output.embeddings)}
    named |= {f"unimodal {m}": value for m, value in enumerate(output.unimodal)}
    return {name: value for name, value in named.items() if value is not None}


def assert_rows_equal(output, expected, rows):
    """Check `output` against the given rows of `expected`, attention up to its padding."""
    for name, value in tensors(expected).items():
        torch.testing.assert_close(
            tensors(output)[name], value[rows], atol=1e-5, rtol=0, msg=lambda m, n=name: f"{n}: {m}"
        )
    for weights, wanted in zip(output.attention, expected.attention, strict=True):
        steps = wanted.shape[1]
        torch.testing.assert_close(weights[:, :steps], wanted[rows], atol=1e-5, rtol=0)
        assert (weights[:, steps:] == 0).all()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("attention", POOLINGS)
@settings(max_examples=6)
@given(data=st.data())
def test_a_row_depends_on_itself_alone(attention, cell, num_layers, bidirectional, data):
    torch.manual_seed(data.draw(st.integers(0, 5), label="seed"))
    module = small_module(
        2,
        spec={"cell": cell, "num_layers": num_layers, "bidirectional": bidirectional},
        attention=attention,
        fusion=data.draw(st.sampled_from(FUSIONS), label="fusion"),
        expert_size=3,
    ).eval()
    row_lengths = st.lists(st.integers(0, 6), min_size=4, max_size=4)
    batch = ragged_batch(module, [data.draw(row_lengths, label="lengths") for _ in range(2)])
    with torch.no_grad():
        expected = module(*batch)
        order = data.draw(st.permutations(range(4)), label="order")
        assert_rows_equal(module(*take(batch, order)), expected, order)
        row = data.draw(st.integers(0, 3), label="row")
        assert_rows_equal(module(*take(batch, [row])), expected, [row])
        extra = data.draw(st.integers(1, 5), label="extra")
        features, lengths = batch
        longer = {
            name: nn.functional.pad(value, (0, 0, 0, extra)) for name, value in features.items()
        }
        assert_rows_equal(module(longer, lengths), expected, slice(None))


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("attention", ["softmax", "gate"])
@pytest.mark.parametrize("n_modalities", [1, 2, 3, 5])
def test_every_parameter_learns(n_modalities, attention, fusion):
    # Wide enough that no layer starts with all its relus shut.
    # The products of five embeddings are many already where these are small.
    spec = {"embedding_size": 4 if fusion == "tensor" and n_modalities == 5 else 16}
    options = {"attention": attention, "fusion": fusion, "fusion_size": 32, "expert_size": 16}
    module = small_module(n_modalities, spec=spec, **options)
    output = module(*full_batch(module, n_rows=16))
    loss = output.prediction.square().sum() + output.unimodal_predictions.square().sum()
    loss = loss + output.confidence.square().sum()
    loss.backward()
    for name, weight in module.named_parameters():
        if "absent" in name:  # no row here lacks a modality
            assert (weight.grad == 0).all(), name
        else:
            assert weight.grad.abs().sum() > 0, name


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("attention", POOLINGS)
def test_every_row_trains_the_recurrent_layers(attention, num_layers):
    spec = {"embedding_size": 16, "num_layers": num_layers}
    # At its last step a backward net has read that step alone, which `last` pooling then takes.
    spec["bidirectional"] = attention != "last"
    module = small_module(2, attention=attention, fusion="cross", spec=spec)
    batch = ragged_batch(module, [[6, 1, 3], [2, 5, 4]])
    for row in range(3):
        module.zero_grad()
        output = module(*batch)
        (output.prediction[row] + output.unimodal_predictions[row].sum()).backward()
        for branch in module.branches:
            for name, weight in branch.encoder.named_parameters():
                # One step has no state before it for the recurrent weights to act on.
                if row != 1 or "weight_hh" not in name:
                    assert weight.grad.abs().sum() > 0, (row, branch.name, name)


def test_shapes_for_regression():
    module = small_module(3, expert_size=4)
    output = module(*full_batch(module, n_rows=1))
    assert output.prediction.shape == (1,)
    assert output.unimodal_predictions.shape == (1, 3)
    assert [value.shape for value in output.embeddings] == [(1, 5)] * 3
    assert [value.shape for value in output.unimodal] == [(1, 5)] * 3
    assert output.fused.shape == (1, 7)
    assert [value.shape for value in output.attention] == [(1, 5)] * 3
    assert output.confidence.shape == (1, 3)


def test_shapes_for_classification():
    module = small_module(3, n_outputs=4)
    output = module(*full_batch(module, n_rows=1))
    assert output.prediction.shape == (1, 4)
    assert output.unimodal_predictions.shape == (1, 3, 4)
    assert output.confidence is None


def test_modalities_keep_their_own_shapes_and_order():
    module = build_module(
        [
            ModalitySpec("vision", 2, hidden_size=3, embedding_size=4, cell="gru"),
            ModalitySpec("text", 4, hidden_size=6, embedding_size=2, bidirectional=True),
        ],
        fusion="semantic",
        fusion_size=3,
        expert_size=2,
    ).eval()
    features = {"text": torch.randn(2, 3, 4), "vision": torch.randn(2, 8, 2)}
    lengths = {"text": torch.tensor([3, 1]), "vision": torch.tensor([8, 2])}
    output = module(features, lengths)
    assert module.modalities == ("vision", "text")
    assert [value.shape[1] for value in output.embeddings] == [4, 2]
    assert [value.shape[1] for value in output.attention] == [8, 3]
    # The order of the keys changes nothing.
    other = module(dict(reversed(features.items())), lengths)
    assert torch.equal(other.prediction, output.prediction)


@pytest.mark.parametrize("attention", POOLINGS)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_missing_modalities_give_finite_outputs_and_gradients(attention, fusion):
    module = small_module(2, attention=attention, fusion=fusion, expert_size=3)
    output = module(*ragged_batch(module, [[0, 3, 0], [4, 0, 0]]))
    assert all(value.isfinite().all() for value in tensors(output).values())
    assert torch.equal(output.embeddings[0][0], module.branches[0].absent)
    assert torch.equal(output.embeddings[1][1], module.branches[1].absent)
    (output.prediction.square().sum() + output.unimodal_predictions.square().sum()).backward()
    gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert all(branch.absent.grad.abs().sum() > 0 for branch in module.branches)


def test_parameters_of_a_modality_live_in_its_branch():
    module = small_module(2)
    names = {name.split(".")[0] for name, _ in module.named_parameters()}
    assert names == {"branches", "fusion", "head", "absent_gain"}
    module.branches[0].requires_grad_(False)
    output = module(*full_batch(module))
    assert [value.requires_grad for value in output.unimodal] == [False, True]
    assert [value.requires_grad for value in output.attention] == [False, True]


@pytest.mark.parametrize("fusion", FUSIONS)
def test_copies_and_pickles_predict_the_same(fusion):
    module = small_module(3, fusion=fusion, expert_size=3, spec={"bidirectional": True}).eval()
    batch = full_batch(module)
    expected = module(*batch).prediction
    for twin in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert twin.modalities == module.modalities
        assert torch.equal(twin(*batch).prediction, expected)
    other = small_module(3, fusion=fusion, expert_size=3, spec={"bidirectional": True}).eval()
    other.load_state_dict(module.state_dict())
    assert torch.equal(other(*batch).prediction, expected)


@pytest.mark.parametrize("attention", POOLINGS)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_float64_all_the_way(attention, fusion):
    module = small_module(2, attention=attention, fusion=fusion, expert_size=3).double()
    output = module(*full_batch(module, dtype=torch.float64))
    assert {value.dtype for value in tensors(output).values()} == {torch.float64}
    assert {value.dtype for value in output.attention} == {torch.float64}


@pytest.mark.parametrize("attention", POOLINGS)
def test_bfloat16_autocast_gives_finite_values(attention):
    module = small_module(2, attention=attention, fusion="semantic", expert_size=3)
    batch = ragged_batch(module, [[2, 3, 0], [4, 0, 1]])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = module(*batch)
    assert all(value.isfinite().all() for value in tensors(output).values())
    torch.testing.assert_close(
        output.prediction.float(), module(*batch).prediction, atol=0.05, rtol=0
    )


def test_equal_seeds_build_equal_modules():
    def built():
        torch.manual_seed(3)
        return small_module(2, fusion="semantic", expert_size=3).state_dict()

    first, second = built(), built()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_dropout_acts_in_training_alone():
    module = small_module(2, dropout=0.5)
    batch = full_batch(module)
    assert not torch.equal(module(*batch).prediction, module(*batch).prediction)
    module.eval()
    assert torch.equal(module(*batch).prediction, module(*batch).prediction)


def test_a_small_module_learns_to_sum():
    module = small_module(1, spec={"cell": "gru"})
    features, lengths = full_batch(module, n_rows=64)
    target = features["text"][:, :, 0].sum(dim=1)
    optimizer = torch.optim.Adam(module.parameters(), lr=0.02)
    for _ in range(80):
        optimizer.zero_grad()
        loss = (module(features, lengths).prediction - target).square().mean()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1 * target.var().item()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"attention": "max"}, "attention must be one of 'softmax', .*; got 'max'"),
        ({"fusion": "sum"}, "fusion must be one of 'concat', .*; got 'sum'"),
        ({"fusion_size": 0}, "fusion_size must be at least 1; got 0"),
        ({"n_outputs": 0}, "n_outputs must be at least 1; got 0"),
        ({"expert_size": 0}, "expert_size must be at least 1; got 0"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        build_module([ModalitySpec("text", 4)], **options)


def test_modalities_are_named_once_each():
    with pytest.raises(ValueError, match="modalities must have at least one entry"):
        build_module([])
    with pytest.raises(ValueError, match="branches must have at least one modality"):
        TAMULAGModule([], nn.Identity(), nn.Identity())
    with pytest.raises(ValueError, match=r"must differ; got \['text', 'text'\]"):
        build_module([ModalitySpec("text", 4), ModalitySpec("text", 3)])


@pytest.mark.parametrize("argument", ["features", "lengths"])
def test_missing_inputs_are_named(argument):
    module = small_module(2)
    features, lengths = full_batch(module)
    del {"features": features, "lengths": lengths}[argument]["audio"]
    with pytest.raises(ValueError, match=rf"{argument} must have .*; \['audio'\] missing"):
        module(features, lengths)
