"""Constructor parameters, and what they mean for the network and its training."""

import functools

import pytest
import torch

from sklearn_tamulag.estimators.options import (
    label_strategy,
    network_arguments,
    optimizer_arguments,
    resolve_device,
)
from sklearn_tamulag.estimators.parameters import CONSTRAINTS, OPTIMIZERS
from sklearn_tamulag.labels import calibrated_proposals, class_proposals, ulgm_proposals
from tests.small_fits import classifier, regressor

SIZES = {"text": 4, "audio": 3}


def params(**changes):
    return regressor(**changes).get_params(deep=False)


def test_every_parameter_has_a_constraint():
    assert {*CONSTRAINTS, "label_generation"} == set(regressor().get_params())
    assert set(type(classifier())._parameter_constraints) == set(classifier().get_params())


def test_one_value_serves_every_modality():
    arguments = network_arguments(params(dropout=0.3, embedding_size=5), SIZES, 1)
    assert [spec.name for spec in arguments["modalities"]] == ["text", "audio"]
    assert {spec.dropout for spec in arguments["modalities"]} == {0.3}
    assert {spec.embedding_size for spec in arguments["modalities"]} == {5}
    assert (arguments["dropout"], arguments["n_outputs"]) == (0.3, 1)


def test_values_by_modality_and_for_the_rest():
    changes = {
        "dropout": {"audio": 0.5, "rest": 0.2},
        "embedding_size": {"text": 7, "rest": 3},
        "encoders": {"audio": {"hidden_size": 9, "cell": "gru", "bidirectional": True}},
    }
    arguments = network_arguments(params(**changes), SIZES, 3)
    text, audio = arguments["modalities"]
    assert (text.dropout, audio.dropout, arguments["dropout"]) == (0.2, 0.5, 0.2)
    assert (text.embedding_size, audio.embedding_size) == (7, 3)
    assert (text.hidden_size, text.cell, text.bidirectional) == (6, "lstm", False)
    assert (audio.hidden_size, audio.cell, audio.bidirectional) == (9, "gru", True)
    assert (text.feature_size, audio.feature_size) == (4, 3)


@pytest.mark.parametrize(("strategy", "expected"), [("ulag", 11), ("calibrated", None)])
def test_experts_belong_to_one_strategy(strategy, expected):
    changes = params(label_generation=strategy, expert_size=11)
    assert network_arguments(changes, SIZES, 1)["expert_size"] == expected


def test_token_ids_have_no_recurrent_encoder():
    with pytest.raises(ValueError, match="'text' must have features or a transformer"):
        network_arguments(params(), {"text": None, "audio": 3}, 1)


def test_one_rate_needs_no_groups():
    arguments = optimizer_arguments(params(lr=0.5, weight_decay=0.1), ("text", "audio"), "cpu")
    assert arguments == {
        "optimizer": OPTIMIZERS[params()["optimizer"]],
        "lr": 0.5,
        "optimizer__weight_decay": 0.1,
        "optimizer__fused": True,
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ({}, 2e-3),
        ({"transformer": "model", "trainable": False}, 2e-3),
        ({"transformer": "model", "lr": 1e-5}, 5e-4),
    ],
)
def test_layers_beside_a_transformer_that_is_fine_tuned_learn_slower(text, expected):
    changes = params(encoders={"text": text}, lr="auto")
    assert optimizer_arguments(changes, ("text", "audio"), "cpu")["lr"] == expected
    assert optimizer_arguments(changes | {"lr": 0.3}, ("text", "audio"), "cpu")["lr"] == 0.3


def test_rates_by_modality_become_groups():
    changes = params(lr={"text": 0.1, "rest": 0.5}, weight_decay=0.3)
    arguments = optimizer_arguments(changes, ("text", "audio"), "cpu")
    assert arguments["lr"] == 0.5
    assert arguments["optimizer__param_groups"] == [
        ("branches.0.*", {"lr": 0.1, "weight_decay": 0.3}),
        ("branches.1.*", {"lr": 0.5, "weight_decay": 0.3}),
    ]


def test_an_encoder_has_its_own_rate_before_its_branch():
    encoders = {"text": {"lr": 0.01}, "audio": {"weight_decay": 0.5, "hidden_size": 3}}
    changes = params(lr=0.1, weight_decay=0.2, encoders=encoders)
    assert optimizer_arguments(changes, ("text", "audio"), "cpu")["optimizer__param_groups"] == [
        ("branches.0.encoder.*", {"lr": 0.01, "weight_decay": 0.2}),
        ("branches.1.encoder.*", {"lr": 0.1, "weight_decay": 0.5}),
    ]
    changes["lr"] = {"text": 0.3, "rest": 0.1}
    assert optimizer_arguments(changes, ("text", "audio"), "cpu")["optimizer__param_groups"] == [
        ("branches.0.encoder.*", {"lr": 0.01, "weight_decay": 0.2}),
        ("branches.0.*", {"lr": 0.3, "weight_decay": 0.2}),
        ("branches.1.encoder.*", {"lr": 0.1, "weight_decay": 0.5}),
        ("branches.1.*", {"lr": 0.1, "weight_decay": 0.2}),
    ]


def test_unimodal_sizes():
    assert [s.unimodal_size for s in network_arguments(params(), SIZES, 1)["modalities"]] == [
        None,
        None,
    ]
    sizes = {"text": 7, "rest": 3}
    arguments = network_arguments(params(unimodal_size=sizes), SIZES, 1)
    assert [spec.unimodal_size for spec in arguments["modalities"]] == [7, 3]


def test_an_optimizer_of_the_users_own():
    assert optimizer_arguments(params(optimizer=torch.optim.Adamax), ("text",), "cpu")[
        "optimizer"
    ] is (torch.optim.Adamax)


@pytest.mark.parametrize(
    ("name", "function", "bound"),
    [
        ("calibrated", calibrated_proposals, {"mixing": 0.25}),
        ("soft", class_proposals, {"mixing": 0.25, "temperature": 0.5}),
    ],
)
def test_strategies_are_bound_to_their_parameters(name, function, bound):
    strategy = label_strategy(name, params(label_mixing=0.25, temperature=0.5))
    assert isinstance(strategy, functools.partial)
    assert strategy.func is function
    assert strategy.keywords == bound


def test_strategies_without_parameters():
    assert label_strategy("none", params()) is None
    assert label_strategy("ulgm", params()) is ulgm_proposals
    assert label_strategy("ulag", params()) is ulgm_proposals


def test_devices():
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    assert resolve_device(torch.device("cpu")) == "cpu"
    for device in ("abacus", "cuda:99"):
        with pytest.raises(ValueError, match=f"device must be 'auto' .* got '{device}'"):
            resolve_device(device)


@pytest.mark.parametrize(
    ("optimizer", "device", "fused"),
    [
        ("adamw", "cpu", True),
        ("sgd", "cuda:1", True),
        ("adamw", "mps", False),
        ("nadam", "cpu", False),
        (torch.optim.AdamW, "cpu", False),
    ],
)
def test_one_kernel_moves_all_weights_where_there_is_one(optimizer, device, fused):
    arguments = optimizer_arguments(params(optimizer=optimizer), ("text",), device)
    assert arguments.get("optimizer__fused", False) is fused
