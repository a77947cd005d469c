"""Pooling over time."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag.nn.attention import (
    POOLINGS,
    TemporalAttention,
    build_pooling,
    sequence_mask,
)

STATES = torch.tensor([[[1.0, 0.0], [0.0, 2.0], [9.0, 9.0]], [[3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]])
LENGTHS = torch.tensor([2, 3])


def attention_by_hand(mode):
    """Attention whose first gate reads the first state, and the second gate the second one."""
    attention = TemporalAttention(2, mode)
    with torch.no_grad():
        attention.gates.weight.copy_(torch.eye(2))
        attention.gates.bias.copy_(torch.tensor([0.5, -0.5]))
    return attention


def gates(state):
    first, second = state[0] + 0.5, state[1] - 0.5
    return math.tanh(first), second - math.tanh(second)


def test_mask_is_true_on_valid_steps_alone():
    mask = sequence_mask(torch.tensor([0, 1, 3]), 3)
    assert mask.dtype == torch.bool
    assert mask.tolist() == [[False] * 3, [True, False, False], [True] * 3]


def test_softmax_weights_by_hand():
    pooled, weights = attention_by_hand("softmax")(STATES, LENGTHS)
    first, second = (math.exp(sum(gates(state))) for state in ((1.0, 0.0), (0.0, 2.0)))
    expected = [first / (first + second), second / (first + second), 0.0]
    assert weights[0].tolist() == pytest.approx(expected, abs=1e-6)
    assert pooled[0].tolist() == pytest.approx([expected[0], 2 * expected[1]], abs=1e-6)


def test_gate_weights_by_hand():
    pooled, weights = attention_by_hand("gate")(STATES, LENGTHS)
    expected = [math.prod(gates(state)) / 2 for state in ((1.0, 0.0), (0.0, 2.0))]
    assert weights[0].tolist() == pytest.approx([*expected, 0.0], abs=1e-6)
    assert pooled[0].tolist() == pytest.approx([expected[0], 2 * expected[1]], abs=1e-6)
    # The second row is divided by its own length.
    assert weights[1, 0].item() == pytest.approx(math.prod(gates((3.0, 4.0))) / 3, abs=1e-6)


def test_mean_is_over_valid_steps():
    pooled, weights = build_pooling("mean", 2)(STATES, LENGTHS)
    assert pooled.tolist() == [[0.5, 1.0], pytest.approx([5.0, 6.0])]
    assert weights[0].tolist() == [0.5, 0.5, 0.0]


def test_last_is_the_last_valid_step():
    pooled, weights = build_pooling("last", 2)(STATES, LENGTHS)
    assert pooled.tolist() == [[0.0, 2.0], [7.0, 8.0]]
    assert weights.tolist() == [[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]


@pytest.mark.parametrize("kind", POOLINGS)
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4), padding=st.integers(0, 3))
def test_weights_are_zero_on_padding_and_explain_the_pooled_state(kind, lengths, padding):
    torch.manual_seed(0)
    pooling = build_pooling(kind, 3)
    states = torch.randn(len(lengths), max(lengths) + padding, 3)
    lengths = torch.tensor(lengths)
    pooled, weights = pooling(states, lengths)
    mask = sequence_mask(lengths, states.shape[1])
    assert weights.shape == states.shape[:2]
    assert (weights[~mask] == 0).all()
    torch.testing.assert_close(pooled, torch.einsum("bt,bth->bh", weights, states))
    if kind != "gate":
        assert (weights >= 0).all()
        torch.testing.assert_close(weights.sum(dim=1), (lengths > 0).float())


@pytest.mark.parametrize("kind", POOLINGS)
def test_row_without_steps_is_zero_forwards_and_backwards(kind):
    pooling = build_pooling(kind, 3)
    states = torch.randn(2, 4, 3, requires_grad=True)
    pooled, weights = pooling(states, torch.tensor([0, 3]))
    assert (weights[0] == 0).all()
    assert (pooled[0] == 0).all()
    pooled.square().sum().backward()
    assert (states.grad[0] == 0).all()
    assert states.grad[1, :3].abs().sum() > 0
    for gradient in (states.grad, *(weight.grad for weight in pooling.parameters())):
        assert gradient.isfinite().all()


def test_softmax_is_safe_for_large_scores():
    attention = attention_by_hand("softmax")
    states = torch.tensor([[[0.0, 1e4], [0.0, -1e4], [0.0, 1e4]]], requires_grad=True)
    pooled, weights = attention(states, torch.tensor([2]))
    assert weights.tolist() == [[1.0, 0.0, 0.0]]
    pooled.sum().backward()
    assert states.grad.isfinite().all()


@pytest.mark.parametrize("mode", ["softmax", "gate"])
def test_gradient_is_that_of_finite_differences(mode):
    attention = TemporalAttention(2, mode).double()
    states = torch.randn(3, 4, 2, dtype=torch.float64, requires_grad=True)
    lengths = torch.tensor([4, 2, 0])
    assert torch.autograd.gradcheck(lambda states: attention(states, lengths), (states,))


def test_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="'softmax', 'gate', 'mean', 'last'; got 'max'"):
        build_pooling("max", 2)
    with pytest.raises(ValueError, match="mode must be one of 'softmax', 'gate'; got 'mean'"):
        TemporalAttention(2, mode="mean")
