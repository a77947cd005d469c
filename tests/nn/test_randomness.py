"""Layers that draw from a generator of their own: the same numbers, and nothing global touched."""

import copy
import pickle

import pytest
import torch
from torch import nn

from sklearn_tamulag.nn import Dropout, ModalitySpec, build_module
from sklearn_tamulag.nn.encoders import RecurrentEncoder
from sklearn_tamulag.nn.randomness import drawn_from, set_dropout, use_generator
from sklearn_tamulag.nn.time_blocks import LayerByLayer

SPECS = [
    ModalitySpec("text", 3, hidden_size=4, num_layers=2, dropout=0.4),
    ModalitySpec("audio", 2, hidden_size=4, cell="gru", bidirectional=True, num_layers=2),
]


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_a_mask_is_that_of_the_global_generator_in_the_same_state():
    values = torch.randn(30, 7)
    layer = Dropout(0.3)
    layer.generator = seeded(4)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        expected = nn.functional.dropout(values, 0.3, True)
    assert torch.equal(layer(values), expected)
    assert torch.equal(layer.eval()(values), values)
    assert layer.train()(values).count_nonzero() < values.numel()


def test_gradients_pass_what_the_mask_keeps():
    values = torch.ones(40, requires_grad=True)
    layer = Dropout(0.5)
    layer.generator = seeded(0)
    dropped = layer(values)
    dropped.sum().backward()
    assert torch.equal(values.grad, dropped.detach())


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_copies_come_without_the_generator(copied):
    layer = Dropout(0.3)
    layer.generator = seeded(0)
    twin = copied(layer)
    assert (twin.p, twin.generator) == (0.3, None)
    assert layer.generator is not None


@pytest.mark.parametrize("net_class", [nn.LSTM, nn.GRU])
def test_layers_one_by_one_are_the_net_of_the_library(net_class):
    net = net_class(3, 4, num_layers=3, batch_first=True, dropout=0.4)
    features = torch.randn(5, 6, 3)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(8)
        first, state = net(features)
        second, _ = net(features, state)
    one_by_one = LayerByLayer(net, seeded(8))
    own, own_state = one_by_one(features)
    assert torch.equal(own, first)
    assert torch.equal(one_by_one(features, own_state)[0], second)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_first_weights_are_those_of_a_seed_whatever_the_process_defaults_to(dtype):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        expected = build_module(SPECS, fusion="semantic", expert_size=3).state_dict()
    before = torch.get_rng_state()
    torch.set_default_dtype(dtype)
    try:
        with drawn_from(seeded(3)):
            weights = build_module(SPECS, fusion="semantic", expert_size=3).state_dict()
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(torch.get_rng_state(), before)
    for name, weight in expected.items():
        assert weights[name].dtype == weight.dtype
        assert torch.equal(weights[name], weight), name


def test_a_lent_generator_reaches_every_layer_that_draws():
    module = build_module(SPECS)
    generator = seeded(0)
    use_generator(module, generator)
    drawing = [one for one in module.modules() if isinstance(one, Dropout | RecurrentEncoder)]
    assert len(drawing) == 2 * 3 + 1
    assert all(layer.generator is generator for layer in drawing)
    features = {"text": torch.randn(6, 30, 3), "audio": torch.randn(6, 9, 2)}
    lengths = {"text": torch.arange(1, 31, 5), "audio": torch.full((6,), 9)}
    before = torch.get_rng_state()
    first = module(features, lengths).prediction
    assert not torch.equal(first, module(features, lengths).prediction)
    assert torch.equal(torch.get_rng_state(), before)
    generator.manual_seed(0)
    assert torch.equal(first, module(features, lengths).prediction)
    use_generator(module, None)
    assert all(layer.generator is None for layer in drawing)


def test_dropout_layers_of_the_library_are_replaced():
    layers = nn.Sequential(nn.Dropout(0.2), nn.Linear(3, 3))
    use_generator(layers.eval(), seeded(0))
    assert type(layers[0]) is Dropout
    assert (layers[0].p, layers[0].training) == (0.2, False)


def test_shares_change_in_place():
    module = build_module(SPECS, dropout=0.3)
    module.set_dropout({"text": 0.0, "audio": 0.25}, 0.5)
    text, audio = module.branches
    assert [one.p for one in module.fusion.modules() if isinstance(one, Dropout)] == [0.5]
    assert {one.p for one in text.modules() if isinstance(one, Dropout)} == {0.0}
    assert {one.p for one in audio.modules() if isinstance(one, Dropout)} == {0.25}
    assert (text.encoder.recurrent.dropout, audio.encoder.dropout) == (0.0, 0.25)
    set_dropout(module, 0.1)
    assert module.fusion.fused[0].p == 0.1
