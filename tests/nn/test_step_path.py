"""The path from a step's own features to its state."""

import pytest
import torch
from torch import nn

from sklearn_tamulag.nn.branch import build_branch
from sklearn_tamulag.nn.encoders import CELLS, RecurrentEncoder, SequenceEncoder
from sklearn_tamulag.nn.modality_spec import ModalitySpec
from sklearn_tamulag.nn.module import build_module
from sklearn_tamulag.nn.randomness import use_generator
from sklearn_tamulag.nn.step_path import StepPath
from sklearn_tamulag.nn.transformer import TransformerSpec

FEATURES = torch.randn(3, 6, 4, generator=torch.Generator().manual_seed(0))
LENGTHS = torch.tensor([6, 2, 0])


class Constant(SequenceEncoder):
    """An encoder of a user's: states of two values, without `set_dropout`."""

    output_size = 2
    set_dropout = None

    def forward(self, features, lengths):
        valid = torch.arange(features.shape[1]) < lengths.unsqueeze(1)
        return torch.stack([valid.float(), 2.0 * valid], dim=2)


def moved(encoder):
    """A path whose last layer is no longer zero."""
    nn.init.ones_(encoder.path[-1].weight)
    nn.init.constant_(encoder.path[-1].bias, 0.5)
    return encoder


def test_a_path_by_hand():
    encoder = moved(StepPath(Constant(), 1))
    with torch.no_grad():
        encoder.path[0].weight.copy_(torch.tensor([[1.0], [-2.0]]))
        encoder.path[0].bias.copy_(torch.tensor([1.0, 0.0]))
    states = encoder(torch.tensor([[[1.0], [-3.0], [9.0]]]), torch.tensor([2]))
    # Step 1: relu(2, -2) sums to 2, step 2: relu(-2, 6) to 6; the third is padding.
    assert states.tolist() == [[[3.5, 4.5], [7.5, 8.5], [0.0, 0.0]]]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("bidirectional", [False, True])
def test_at_the_start_the_states_are_those_of_the_encoder(cell, bidirectional):
    inner = RecurrentEncoder(4, 3, num_layers=2, cell=cell, bidirectional=bidirectional)
    encoder = StepPath(inner, 4, dropout=0.5).train()
    assert encoder.output_size == inner.output_size
    assert torch.equal(encoder(FEATURES, LENGTHS), inner(FEATURES, LENGTHS))
    encoder(FEATURES, LENGTHS).sum().backward()
    # The last layer moves at once, the first as soon as the last is no longer zero.
    assert (encoder.path[-1].weight.grad != 0).any()
    assert (encoder.path[0].weight.grad == 0).all()


def test_padding_says_nothing():
    encoder = moved(StepPath(RecurrentEncoder(4, 3), 4))
    states = encoder(FEATURES, LENGTHS)
    assert (states[1, 2:] == 0).all()
    assert (states[2] == 0).all()
    noisy = FEATURES.clone()
    noisy[1, 2:], noisy[2] = 7.0, -7.0
    assert torch.equal(encoder(noisy, LENGTHS), states)
    longer = nn.functional.pad(noisy, (0, 0, 0, 3), value=5.0)
    torch.testing.assert_close(encoder(longer, LENGTHS)[:, :6], states)
    assert encoder(FEATURES[:, :0], torch.zeros(3).long()).shape == (3, 0, 3)


def test_dropout_of_the_path_is_drawn_from_the_generator_that_is_lent():
    encoder = moved(StepPath(Constant(), 4, dropout=0.5)).train()
    use_generator(encoder, torch.Generator().manual_seed(0))
    state = torch.get_rng_state()
    first, second = encoder(FEATURES, LENGTHS), encoder(FEATURES, LENGTHS)
    assert not torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), state)
    encoder.set_dropout(0.0)
    assert torch.equal(encoder(FEATURES, LENGTHS), encoder.eval()(FEATURES, LENGTHS))


def test_dropout_reaches_the_encoder_too():
    encoder = StepPath(RecurrentEncoder(4, 3, num_layers=2, dropout=0.1), 4, dropout=0.1)
    encoder.set_dropout(0.3)
    assert (encoder.path[2].p, encoder.encoder.recurrent.dropout) == (0.3, 0.3)


def test_a_branch_has_a_path_if_its_shape_asks_for_one():
    plain, path = (
        build_branch(ModalitySpec("audio", 4, step_path=asked), "softmax", 1).encoder
        for asked in (False, True)
    )
    assert isinstance(plain, RecurrentEncoder)
    assert isinstance(path, StepPath)


def test_the_other_layers_of_a_network_start_as_they_would_without():
    weights = []
    for asked in (False, True):
        torch.manual_seed(3)
        specs = [ModalitySpec(name, 4, step_path=asked) for name in ("text", "audio")]
        module = build_module(specs)
        named = {n.replace("encoder.encoder", "encoder"): w for n, w in module.named_parameters()}
        weights.append(named)
    assert weights[1].keys() - weights[0].keys() == {
        f"branches.{branch}.encoder.path.{layer}.{part}"
        for branch in (0, 1)
        for layer in (0, 3)
        for part in ("weight", "bias")
    }
    assert all(torch.equal(weight, weights[1][name]) for name, weight in weights[0].items())


def test_a_transformer_has_no_path():
    pytest.importorskip("transformers")
    from tests.nn.test_transformer import CONFIG

    spec = ModalitySpec("text", None, transformer=TransformerSpec(CONFIG), step_path=True)
    assert not isinstance(build_branch(spec, "softmax", 1).encoder, StepPath)
