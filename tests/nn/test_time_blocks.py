"""Blocks of time: every valid step once, and the states and gradients of a padded batch."""

import copy
import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from sklearn_tamulag.nn import RecurrentEncoder, time_blocks
from sklearn_tamulag.nn.time_blocks import ROW_TILE, STEP_TILE, run_recurrent

NETS = {"lstm": nn.LSTM, "gru": nn.GRU}
LENGTHS = st.lists(st.integers(0, 90), min_size=1, max_size=70)


@given(lengths=LENGTHS, state_size=st.sampled_from([4, 64, 2**15]))
def test_blocks_hold_every_valid_step_once(lengths, state_size):
    lengths = sorted(lengths, reverse=True)
    blocks = time_blocks.time_blocks(lengths, state_size)
    assert blocks[0].start == 0
    assert blocks[-1].stop == max(lengths[0], 1)
    assert all(earlier.stop == later.start for earlier, later in itertools.pairwise(blocks))
    assert all(earlier.rows >= later.rows for earlier, later in itertools.pairwise(blocks))
    assert all((block.stop - block.start) % STEP_TILE == 0 for block in blocks[:-1])
    for row, length in enumerate(lengths):
        assert sum(block.stop - block.start for block in blocks if row < block.rows) >= length
    assert all(block.rows % ROW_TILE == 0 or block.rows == len(lengths) for block in blocks)


@given(lengths=LENGTHS)
def test_less_padding_is_read_than_stands_in_the_batch(lengths):
    lengths = sorted(lengths * ROW_TILE, reverse=True)
    blocks = time_blocks.time_blocks(lengths, 4)
    read = sum(block.rows * (block.stop - block.start) for block in blocks)
    padding = len(lengths) * max(lengths[0], 1) - sum(lengths)
    allowed = len(lengths) * (STEP_TILE + 1) + padding / 2
    assert read - sum(lengths) <= allowed


def test_long_batches_are_cut_and_equal_lengths_stay_whole():
    assert len(time_blocks.time_blocks([100] * 32, 64)) == 1
    assert [block.rows for block in time_blocks.time_blocks([500] * 64, 64)] == [64] * 4


@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", NETS)
@given(
    lengths=st.lists(st.integers(0, 60), min_size=1, max_size=40),
    seed=st.integers(0, 3),
    extra=st.sampled_from([0, 5]),
)
def test_states_and_gradients_are_those_of_the_padded_batch(cell, num_layers, lengths, seed, extra):
    torch.manual_seed(seed)
    net = NETS[cell](3, 4, num_layers=num_layers, batch_first=True).double()
    plain = copy.deepcopy(net)
    lengths = torch.tensor(lengths)
    n_steps = max(int(lengths.max()), 1) + extra
    features = torch.randn(len(lengths), n_steps, 3, dtype=torch.float64, requires_grad=True)
    same = features.detach().clone().requires_grad_()
    valid = (torch.arange(n_steps) < lengths.unsqueeze(1)).unsqueeze(2)

    states = run_recurrent(net, features, lengths)
    expected, _ = plain(same)
    assert states.shape == expected.shape
    torch.testing.assert_close(states * valid, expected * valid, atol=1e-12, rtol=0)

    direction = torch.randn_like(expected) * valid
    (states * direction).sum().backward()
    (expected * direction).sum().backward()
    torch.testing.assert_close(features.grad, same.grad, atol=1e-12, rtol=0)
    for (name, ours), theirs in zip(net.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours.grad, theirs.grad, atol=1e-10, rtol=0, msg=name)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_float32_states_agree_with_those_of_one_piece(bidirectional, monkeypatch):
    lengths = torch.randint(1, 301, (32,))
    features = torch.randn(32, 300, 5)
    encoder = RecurrentEncoder(5, 16, bidirectional=bidirectional)
    states = encoder(features, lengths)
    # In one piece, as it is read on a device that is not the CPU.
    monkeypatch.setattr(time_blocks, "STEP_TILE", 1000)
    torch.testing.assert_close(states, encoder(features, lengths), atol=1e-6, rtol=0)


def test_a_batch_is_read_in_one_piece_where_the_lengths_are_not_at_hand():
    """On another device nothing waits for the lengths: they are never read."""
    net = nn.LSTM(3, 4, batch_first=True, device="meta")
    features = torch.empty(8, 100, 3, device="meta")
    lengths = torch.empty(8, dtype=torch.int64, device="meta")
    assert run_recurrent(net, features, lengths).shape == (8, 100, 4)
