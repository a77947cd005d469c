"""Layers of attention, and the fusions made of them."""

import math

import pytest
import torch
from torch import nn

from sklearn_tamulag.nn import AttentionFusion, CrossmodalFusion
from sklearn_tamulag.nn.attention_layers import (
    AttentionLayer,
    MultiHeadAttention,
    head_count,
    sinusoidal_positions,
)
from tests.nn.test_fusion import pass_through


def zeroed(module):
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
    return module


def identity(linear):
    with torch.no_grad():
        linear.weight.copy_(torch.eye(*linear.weight.shape))
        if linear.bias is not None:
            linear.bias.zero_()


def test_positions_by_hand():
    positions = sinusoidal_positions(3, 4, torch.ones(1, dtype=torch.float64))
    rates = [1.0, 0.01]
    for step in range(3):
        expected = [wave(step * rate) for rate in rates for wave in (math.sin, math.cos)]
        assert positions[step].tolist() == pytest.approx(expected)
    assert sinusoidal_positions(5, 1, torch.ones(1)).shape == (5, 1)


def test_attention_by_hand():
    attention = zeroed(MultiHeadAttention(1))
    for linear in (attention.query, attention.key, attention.value, attention.out):
        identity(linear)
    read = torch.tensor([[[1.0], [2.0], [9.0]]])
    valid = torch.tensor([[True, True, False]])
    result = attention(torch.tensor([[[3.0]]]), read, valid)
    first, second = math.exp(3.0 * 1.0), math.exp(3.0 * 2.0)
    assert result.item() == pytest.approx((first + 2.0 * second) / (first + second))


def test_attention_is_that_of_the_library():
    ours = MultiHeadAttention(8)
    theirs = nn.MultiheadAttention(8, head_count(8), batch_first=True)
    parts = (ours.query, ours.key, ours.value)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        theirs.in_proj_bias.copy_(torch.cat([part.bias for part in parts]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    reading, read = torch.randn(3, 4, 8), torch.randn(3, 5, 8)
    valid = torch.arange(5) < torch.tensor([[5], [2], [1]])
    expected, _ = theirs(reading, read, read, key_padding_mask=~valid)
    torch.testing.assert_close(ours(reading, read, valid), expected, atol=1e-6, rtol=0)


def test_a_row_with_nothing_to_read():
    attention = MultiHeadAttention(4)
    reading = torch.randn(2, 3, 4, requires_grad=True)
    valid = torch.tensor([[False, False], [True, False]])
    result = attention(reading, torch.randn(2, 2, 4), valid)
    assert (result[0] == 0).all()
    assert (result[1] != 0).all()
    result.square().sum().backward()
    for tensor in (reading, *attention.parameters()):
        assert tensor.grad.isfinite().all()


def test_a_layer_of_zeros_passes_its_input_on():
    values = torch.randn(2, 3, 6)
    assert torch.equal(zeroed(AttentionLayer(6, dropout=0.5))(values), values)


def test_fusion_by_attention_of_zeros_is_its_token():
    fusion = zeroed(AttentionFusion([2, 3], 4, dropout=0.0))
    with torch.no_grad():
        fusion.token.copy_(torch.tensor([1.0, -1.0, 1.0, -1.0]))
        fusion.norm.weight.fill_(1.0)
    fused = pass_through(fusion)([torch.randn(1, 2), torch.randn(1, 3)])
    assert fused[0].tolist() == pytest.approx([1.0, 0.0, 1.0, 0.0], abs=1e-4)


def test_fusion_by_attention_tells_modalities_apart():
    fusion = AttentionFusion([3, 3], 8, dropout=0.0)
    first, second = torch.randn(1, 3), torch.randn(1, 3)
    assert not torch.allclose(fusion([first, second]), fusion([second, first]))


def crossmodal(**options):
    return CrossmodalFusion([2, 3], 4, dropout=0.0, state_sizes=[5, 6], **options)


def given(lengths):
    embeddings = [torch.randn(3, size) for size in (2, 3)]
    states = [torch.randn(3, 7, 5), torch.randn(3, 4, 6)]
    return embeddings, states, [torch.tensor(own) for own in lengths]


def test_crossmodal_means_by_hand():
    fusion = CrossmodalFusion([1, 1], 2, dropout=0.0, state_sizes=[2, 2])
    zeroed(fusion)
    for projection in fusion.projections:
        identity(projection)
    for norm in fusion.norms:
        nn.init.ones_(norm.weight)
    # Layers of zeros pass the first modality's steps on, which the norm takes to (1, -1), (-1, 1).
    positions = sinusoidal_positions(3, 2, torch.ones(1))
    steps = torch.tensor([[5.0, -5.0], [5.0, -5.0], [-5.0, 5.0]]) - positions
    states = [steps[None], torch.zeros(1, 1, 2)]
    fusion.fused = nn.Identity()
    fused = fusion([torch.tensor([[7.0]]), torch.tensor([[8.0]])], states, [torch.tensor([3])] * 2)
    assert fused[0, :4].tolist() == pytest.approx([7.0, 8.0, 1 / 3, -1 / 3], abs=1e-5)


def test_crossmodal_reads_valid_steps_alone():
    fusion = crossmodal()
    embeddings, states, lengths = given([[7, 2, 0], [1, 4, 3]])
    expected = fusion(embeddings, states, lengths)
    noisy = [own.clone() for own in states]
    for own, rows in zip(noisy, lengths, strict=True):
        for row, length in enumerate(rows):
            own[row, length:] = 50.0
    padded = [nn.functional.pad(own, (0, 0, 0, 3), value=9.0) for own in noisy]
    torch.testing.assert_close(fusion(embeddings, noisy, lengths), expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(fusion(embeddings, padded, lengths), expected, atol=1e-6, rtol=0)
    for row in range(3):
        parts = [[part[[row]] for part in group] for group in (embeddings, states, lengths)]
        torch.testing.assert_close(fusion(*parts), expected[[row]], atol=1e-6, rtol=0)


def test_crossmodal_of_rows_and_batches_that_lack_a_modality():
    fusion = crossmodal()
    embeddings, states, lengths = given([[0, 0, 0], [4, 0, 2]])
    expected = fusion(embeddings, states, lengths)
    assert expected.isfinite().all()
    # A batch may lack all steps of a modality.
    empty = fusion(embeddings, [states[0][:, :0], states[1]], lengths)
    torch.testing.assert_close(empty, expected, atol=1e-6, rtol=0)
    expected.square().sum().backward()
    assert all(weight.grad.isfinite().all() for weight in fusion.parameters())


def test_crossmodal_tells_the_order_of_steps():
    fusion = crossmodal()
    embeddings, states, lengths = given([[7, 7, 7], [4, 4, 4]])
    turned = [states[0].flip(1), states[1]]
    assert not torch.allclose(
        fusion(embeddings, states, lengths), fusion(embeddings, turned, lengths)
    )
