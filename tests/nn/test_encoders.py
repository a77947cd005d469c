"""Recurrent encoders over padded batches."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from sklearn_tamulag.nn.encoders import CELLS, RecurrentEncoder

NETS = {"lstm": nn.LSTM, "gru": nn.GRU}
LENGTHS = torch.tensor([3, 6, 1, 4])


def pairs_of_parameters(encoder, reference):
    """Yield (name, ours, torch's) for every weight of a bidirectional encoder."""
    for depth, layer in enumerate(encoder.layers):
        for net, ending in ((layer.forward_net, ""), (layer.backward_net, "_reverse")):
            for name, ours in net.named_parameters():
                theirs = name.replace("_l0", f"_l{depth}{ending}")
                yield theirs, ours, getattr(reference, theirs)


def run_packed(reference, features, lengths):
    packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
    states, _ = pad_packed_sequence(
        reference(packed)[0], batch_first=True, total_length=features.shape[1]
    )
    return states


@pytest.mark.parametrize("num_layers", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_bidirectional_equals_packed_torch(cell, num_layers):
    encoder = RecurrentEncoder(5, 4, num_layers=num_layers, cell=cell, bidirectional=True)
    reference = NETS[cell](5, 4, num_layers=num_layers, batch_first=True, bidirectional=True)
    n_copied = 0
    with torch.no_grad():
        for _, ours, theirs in pairs_of_parameters(encoder, reference):
            ours.copy_(theirs)
            n_copied += 1
    assert n_copied == len(list(reference.parameters()))

    ours_in = torch.randn(4, 7, 5, requires_grad=True)
    theirs_in = ours_in.detach().clone().requires_grad_()
    ours, theirs = encoder(ours_in, LENGTHS), run_packed(reference, theirs_in, LENGTHS)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)

    direction = torch.randn_like(ours)
    (ours * direction).sum().backward()
    (theirs * direction).sum().backward()
    torch.testing.assert_close(ours_in.grad, theirs_in.grad, atol=1e-5, rtol=0)
    for name, weight, expected in pairs_of_parameters(encoder, reference):
        torch.testing.assert_close(weight.grad, expected.grad, atol=1e-5, rtol=1e-5, msg=name)


@pytest.mark.parametrize("cell", CELLS)
def test_unidirectional_equals_packed_torch(cell):
    encoder = RecurrentEncoder(5, 4, num_layers=2, cell=cell)
    features = torch.randn(4, 7, 5)
    expected = run_packed(encoder.recurrent, features, LENGTHS)
    torch.testing.assert_close(encoder(features, LENGTHS), expected, atol=1e-5, rtol=0)


def test_lstm_by_hand():
    encoder = RecurrentEncoder(1, 1)
    with torch.no_grad():
        for weight in encoder.parameters():
            weight.zero_()
        # Every gate is sigmoid(0) = 0.5; the cell's candidate reads the feature.
        encoder.recurrent.weight_ih_l0[2] = 1.0
    states = encoder(torch.tensor([[[1.0], [2.0], [5.0]]]), torch.tensor([2]))
    first = 0.5 * math.tanh(1.0)
    second = 0.5 * first + 0.5 * math.tanh(2.0)
    expected = [0.5 * math.tanh(first), 0.5 * math.tanh(second), 0.0]
    assert states.flatten().tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("num_layers", [1, 2])
@pytest.mark.parametrize("cell", CELLS)
@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    extra=st.integers(1, 4),
    noise=st.sampled_from([0.0, 1.0, 100.0]),
)
def test_padding_never_reaches_a_valid_step(cell, num_layers, bidirectional, lengths, extra, noise):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        3, 4, num_layers=num_layers, cell=cell, bidirectional=bidirectional
    ).eval()
    lengths = torch.tensor(lengths)
    longest = int(lengths.max())
    features = torch.randn(len(lengths), longest, 3)
    padded = torch.cat([features, torch.zeros(len(lengths), extra, 3)], dim=1)
    for row, length in enumerate(lengths):
        padded[row, length:] = noise * torch.randn(longest + extra - int(length), 3)
    expected, states = encoder(features, lengths), encoder(padded, lengths)
    assert states.shape == (len(lengths), longest + extra, encoder.output_size)
    torch.testing.assert_close(states[:, :longest], expected, atol=1e-5, rtol=0)
    for row, length in enumerate(lengths):
        assert (states[row, length:] == 0).all()


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_every_row_reaches_every_weight_and_no_padded_step(cell, bidirectional):
    encoder = RecurrentEncoder(3, 4, num_layers=2, cell=cell, bidirectional=bidirectional)
    for row, length in enumerate((4, 2, 3)):
        encoder.zero_grad()
        features = torch.randn(3, 4, 3, requires_grad=True)
        encoder(features, torch.tensor([4, 2, 3]))[row].square().sum().backward()
        for name, weight in encoder.named_parameters():
            assert weight.grad.abs().sum() > 0, name
        assert (features.grad[row, :length].abs().sum(dim=1) > 0).all()
        assert (features.grad[row, length:] == 0).all()


@pytest.mark.parametrize("bidirectional", [False, True])
def test_dropout_acts_between_layers_alone(bidirectional):
    features, lengths = torch.randn(2, 5, 3), torch.tensor([5, 3])
    single = RecurrentEncoder(3, 8, bidirectional=bidirectional, dropout=0.9)
    assert torch.equal(single(features, lengths), single(features, lengths))

    double = RecurrentEncoder(3, 8, num_layers=2, bidirectional=bidirectional, dropout=0.9)
    assert not torch.equal(double(features, lengths), double(features, lengths))
    # Nothing is dropped from the states themselves.
    assert (double(features, lengths)[0] != 0).all()
    double.eval()
    assert torch.equal(double(features, lengths), double(features, lengths))


@pytest.mark.parametrize("bidirectional", [False, True])
def test_batch_without_any_step(bidirectional):
    encoder = RecurrentEncoder(3, 4, bidirectional=bidirectional).double()
    states = encoder(torch.zeros(2, 0, 3, dtype=torch.float64), torch.zeros(2, dtype=torch.int64))
    assert states.shape == (2, 0, encoder.output_size)
    assert states.dtype == torch.float64


def test_lengths_may_be_of_any_integer_type():
    encoder = RecurrentEncoder(3, 4, bidirectional=True)
    features = torch.randn(4, 6, 3)
    expected = encoder(features, LENGTHS)
    for dtype in (torch.int32, torch.int16):
        assert torch.equal(encoder(features, LENGTHS.to(dtype)), expected)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match="cell must be one of 'lstm', 'gru'; got 'rnn'"):
        RecurrentEncoder(3, 4, cell="rnn")
    with pytest.raises(ValueError, match="num_layers must be at least 1; got 0"):
        RecurrentEncoder(3, 4, num_layers=0, bidirectional=True)
