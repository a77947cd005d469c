"""The sequence models that are not recurrent, and their choice by name."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sklearn_tamulag.nn import (
    SEQUENCE_MODELS,
    ConvolutionalEncoder,
    RecurrentEncoder,
    SelfAttentionEncoder,
    StepwiseEncoder,
    build_sequence_model,
)
from sklearn_tamulag.nn.attention_layers import sinusoidal_positions
from sklearn_tamulag.nn.randomness import use_generator
from sklearn_tamulag.nn.sequence_models import WHOLE_SEQUENCE_MODELS

KINDS = pytest.mark.parametrize("kind", WHOLE_SEQUENCE_MODELS)


def test_names_build_their_classes():
    classes = [type(build_sequence_model(kind, 3, 4)) for kind in SEQUENCE_MODELS]
    others = [SelfAttentionEncoder, StepwiseEncoder, ConvolutionalEncoder]
    assert classes == [RecurrentEncoder, RecurrentEncoder, *others]


def test_a_perceptron_by_hand():
    encoder = StepwiseEncoder(1, 2, num_layers=2)
    with torch.no_grad():
        encoder.layers[0].weight.copy_(torch.tensor([[1.0], [-1.0]]))
        encoder.layers[0].bias.zero_()
        encoder.layers[3].weight.copy_(torch.tensor([[1.0, 1.0], [1.0, -1.0]]))
        encoder.layers[3].bias.fill_(0.5)
    states = encoder(torch.tensor([[[2.0], [-3.0], [8.0]]]), torch.tensor([2]))
    # relu gives (2, 0) and (0, 3).
    assert states[0].tolist() == [[2.5, 2.5], [3.5, 0.0], [0.0, 0.0]]


def test_convolutions_by_hand():
    encoder = ConvolutionalEncoder(1, 1, num_layers=2)
    with torch.no_grad():
        for convolution in encoder.convolutions:
            convolution.weight.copy_(torch.tensor([[[1.0, 10.0, 100.0]]]))
            convolution.bias.fill_(1.0)
    # What stands on padding, and the bias of the first layer there, reach nothing.
    states = encoder(torch.tensor([[[1.0], [2.0], [99.0], [99.0]]]), torch.tensor([2]))
    first = [1.0 + 10.0 * 1 + 100.0 * 2, 1.0 + 1.0 * 1 + 10.0 * 2]
    expected = [1.0 + 10.0 * first[0] + 100.0 * first[1], 1.0 + first[0] + 10.0 * first[1]]
    assert states.flatten().tolist() == [*expected, 0.0, 0.0]


def test_self_attention_of_zeros_normalises_features_and_positions():
    encoder = SelfAttentionEncoder(2, 2)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.zero_()
        encoder.projection.weight.copy_(torch.eye(2))
        encoder.norm.weight.fill_(0.5)
    features = torch.tensor([[[3.0, 1.0], [1.0, 3.0]]]) - sinusoidal_positions(2, 2, torch.ones(1))
    states = encoder(features, torch.tensor([2]))
    expected = torch.tensor([[[0.5, -0.5], [-0.5, 0.5]]])
    torch.testing.assert_close(states, expected, atol=1e-4, rtol=0)


def test_what_the_order_of_steps_means():
    features, lengths = torch.randn(1, 5, 3), torch.tensor([5])
    for kind, blind in (("transformer", False), ("mlp", True), ("conv", False)):
        encoder = build_sequence_model(kind, 3, 8)
        turned = encoder(features.flip(1), lengths).flip(1)
        assert torch.allclose(turned, encoder(features, lengths), atol=1e-6) == blind, kind


@KINDS
@pytest.mark.parametrize("num_layers", [1, 2])
@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    extra=st.integers(1, 4),
    noise=st.sampled_from([0.0, 100.0]),
)
def test_a_row_depends_on_its_valid_steps_alone(kind, num_layers, lengths, extra, noise):
    torch.manual_seed(0)
    encoder = build_sequence_model(kind, 3, 6, num_layers=num_layers, dropout=0.5).eval()
    lengths = torch.tensor(lengths)
    longest = int(lengths.max())
    features = torch.randn(len(lengths), longest, 3)
    padded = nn.functional.pad(features, (0, 0, 0, extra))
    for row, length in enumerate(lengths):
        padded[row, length:] = noise * torch.randn(longest + extra - int(length), 3)
    expected, states = encoder(features, lengths), encoder(padded, lengths)
    assert states.shape == (len(lengths), longest + extra, encoder.output_size)
    torch.testing.assert_close(states[:, :longest], expected, atol=1e-6, rtol=0)
    for row, length in enumerate(lengths):
        assert (states[row, length:] == 0).all()
        alone = encoder(padded[[row]], lengths[[row]])
        torch.testing.assert_close(alone, states[[row]], atol=1e-6, rtol=0)


@KINDS
def test_every_row_reaches_every_weight_and_no_padded_step(kind):
    torch.manual_seed(0)
    # Wide enough that no layer starts with all its relus shut.
    encoder = build_sequence_model(kind, 3, 16, num_layers=2)
    for row, length in enumerate((4, 2, 3)):
        encoder.zero_grad()
        features = torch.randn(3, 4, 3, requires_grad=True)
        states = encoder(features, torch.tensor([4, 2, 3]))[row]
        # Squares of what is normalised have a constant sum.
        (states * torch.randn_like(states)).sum().backward()
        for name, weight in encoder.named_parameters():
            assert weight.grad.abs().sum() > 0, name
        assert (features.grad[row, :length].abs().sum(dim=1) > 0).all()
        assert (features.grad[row, length:] == 0).all()


@KINDS
def test_dropout_is_drawn_from_a_lent_generator(kind):
    encoder = build_sequence_model(kind, 3, 8, num_layers=2, dropout=0.5)
    features, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    generator = torch.Generator().manual_seed(0)
    use_generator(encoder, generator)
    before = torch.get_rng_state()
    first = encoder(features, lengths)
    assert not torch.equal(first, encoder(features, lengths))
    generator.manual_seed(0)
    assert torch.equal(first, encoder(features, lengths))
    assert torch.equal(torch.get_rng_state(), before)
    encoder.set_dropout(0.0)
    assert torch.equal(encoder(features, lengths), encoder.eval()(features, lengths))


@KINDS
def test_batches_without_any_step_in_double_precision(kind):
    encoder = build_sequence_model(kind, 3, 4).double()
    none = torch.zeros(2, dtype=torch.int64)
    states = encoder(torch.zeros(2, 0, 3, dtype=torch.float64), none)
    assert (states.shape, states.dtype) == ((2, 0, 4), torch.float64)
    states = encoder(torch.ones(2, 3, 3, dtype=torch.float64), none)
    assert (states == 0).all()


@KINDS
def test_states_under_bfloat16_are_near(kind):
    encoder = build_sequence_model(kind, 3, 8, num_layers=2)
    features, lengths = torch.randn(4, 9, 3), torch.tensor([9, 5, 1, 0])
    expected = encoder(features, lengths)
    with torch.autocast("cpu", torch.bfloat16):
        states = encoder(features, lengths)
    torch.testing.assert_close(states.float(), expected, atol=0.05, rtol=0.05)


@KINDS
def test_a_model_without_direction_has_no_two_of_them(kind):
    with pytest.raises(ValueError, match=f"bidirectional must be False with cell='{kind}'"):
        build_sequence_model(kind, 3, 4, bidirectional=True)


def test_bad_options_are_refused():
    known = "'lstm', 'gru', 'transformer', 'mlp', 'conv'; got 'rnn'"
    with pytest.raises(ValueError, match=known):
        build_sequence_model("rnn", 3, 4)
    with pytest.raises(ValueError, match="num_layers must be at least 1; got 0"):
        build_sequence_model("mlp", 3, 4, num_layers=0)
