"""The state of a net: what restores, and what belongs to another net."""

import numpy as np
import pytest
import torch

from sklearn_tamulag.training.resuming.net_state import net_state, restore_net
from tests.small_fits import clips, regressor

X, Y = clips(16)


def fresh_net(estimator, **plan):
    """The net that an estimator would build, not yet initialised."""
    return estimator._plan_net({**estimator._plan, **plan}, "cpu")


def test_a_restored_net_has_the_state_and_none_of_the_tensors():
    estimator = regressor().fit(X, Y)
    state = net_state(estimator.net_)
    net = fresh_net(estimator, seed=99)
    restore_net(net, state)
    for name, weight in estimator.net_.module_.state_dict().items():
        twin = net.module_.state_dict()[name]
        assert torch.equal(twin, weight)
        assert twin.data_ptr() != weight.data_ptr()
    assert net.order_.integers(1000) == estimator.net_.order_.integers(1000)
    assert net.history[:, "train_loss"] == estimator.net_.history[:, "train_loss"]
    assert (net.batch_size, net.max_epochs) == (32, 2)
    np.testing.assert_array_equal(net.predict(X), estimator.net_.predict(X))


def test_an_optimizer_keeps_the_kernels_of_its_own_device():
    estimator = regressor(schedule="linear").fit(X, Y)
    state = net_state(estimator.net_)
    (before,) = estimator.net_.optimizer_.param_groups
    other = {"fused": not before["fused"], "capturable": True}
    elsewhere = [group | other for group in state["optimizer"]["param_groups"]]
    state["optimizer"] = {**state["optimizer"], "param_groups": elsewhere}
    net = fresh_net(estimator)
    restore_net(net, state)
    (group,) = net.optimizer_.param_groups
    for name in ("fused", "capturable", "lr", "initial_lr"):
        assert group[name] == before[name]
    averages = [part["exp_avg"] for part in net.optimizer_.state_dict()["state"].values()]
    expected = [
        part["exp_avg"] for part in estimator.net_.optimizer_.state_dict()["state"].values()
    ]
    assert all(map(torch.equal, averages, expected))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"hidden_size": 7}, r"branches\.0\.\S+ has the shape"),
        ({"num_layers": 2}, r"has the shape None, but the parameters ask for \("),
        ({"num_layers": 10**9}, "fewer layers"),
        ({"lr": {"text": 1e-3, "rest": 2e-3}}, "other groups of weights"),
    ],
)
def test_a_state_of_another_net_is_refused(params, message):
    estimator = regressor().fit(X, Y)
    net = fresh_net(estimator, params=estimator._plan["params"] | params)
    with pytest.raises(ValueError, match=message):
        restore_net(net, net_state(estimator.net_))


def test_a_state_with_other_names_is_refused():
    estimator = regressor().fit(X, Y)
    state = net_state(estimator.net_) | {"scheduler": {}}
    with pytest.raises(ValueError, match=r"a net has the state .* got .*scheduler"):
        restore_net(fresh_net(estimator), state)
