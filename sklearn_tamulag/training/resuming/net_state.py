"""What training has made of a net, as plain values and tensors, and a net made of them again."""

from collections.abc import Mapping
from typing import Any

import torch
from skorch.history import History
from torch import Tensor, nn

from sklearn_tamulag.training.loop.net import TAMULAGNet
from sklearn_tamulag.training.loop.stand_ins import stand_in_names

_NAMES = {"weights", "optimizer", "order", "history", "max_epochs", "batch_size"}

# Files of earlier versions do not have it.
_STAND_INS = "trained_stand_ins"

# Which of an optimizer's kernels runs: a matter of the device, not of what was learned.
_KERNEL_OPTIONS = ("fused", "foreach", "capturable")


def net_state(net: TAMULAGNet) -> dict[str, Any]:
    """Take the state of an initialised net.

    Parameters
    ----------
    net : TAMULAGNet
        The net; it stays as it is, and shares its tensors with the state.

    Returns
    -------
    dict of str to object
        ``weights``, the module's state dict; ``optimizer``, the optimizer's; ``order``, the state
        of the generator that orders rows; ``history``, its epochs without their batches;
        ``max_epochs`` and ``batch_size`` of the last training run.
    """
    trained = dict(net.callbacks_)["stand_ins"].trained_ if _fits_stand_ins(net) else None
    return {
        "weights": dict(plain_module(net).state_dict()),
        "optimizer": net.optimizer_.state_dict(),
        "order": net.order_.bit_generator.state,
        "history": [
            {name: value for name, value in epoch.items() if name != "batches"}
            for epoch in net.history
        ],
        **({} if trained is None else {_STAND_INS: trained}),
        "max_epochs": net.max_epochs,
        "batch_size": net.batch_size,
    }


def restore_net(net: TAMULAGNet, state: Mapping[str, Any]) -> None:
    """Initialise a net and give it the state of another one that was built alike.

    Weights are drawn from torch's global random state before they are replaced.

    Parameters
    ----------
    net : TAMULAGNet
        The net, not yet initialised.
    state : dict of str to object
        What `net_state` has taken; without an optimizer's state, that of `net` starts anew.

    Raises
    ------
    ValueError
        If the state belongs to a net of another shape, or has other names.
    """
    if state.keys() - {_STAND_INS} != _NAMES:
        raise ValueError(f"a net has the state {sorted(_NAMES)}, got {sorted(state)}.")
    weights = state["weights"]
    _check_shapes(net, weights)
    net.initialize()
    module = plain_module(net)
    module.load_state_dict(weights)
    if state["optimizer"] is not None:
        restore_optimizer(net.optimizer_, state["optimizer"])
    net.order_.bit_generator.state = state["order"]
    net.history_ = History([{"batches": []} | epoch for epoch in state["history"]])
    net.max_epochs = state["max_epochs"]
    net.batch_size = state["batch_size"]
    trained = state.get(_STAND_INS)
    if trained is not None:
        shapes = {name: getattr(value, "shape", None) for name, value in trained.items()}
        if shapes != {name: weights[name].shape for name in stand_in_names(net.module_)}:
            raise ValueError("the stand-ins of training have other names or shapes than the net's.")
        dict(net.callbacks_)["stand_ins"].trained_ = trained


def restore_optimizer(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Give an optimizer the state of another, but let it compute as suits its own device.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        The optimizer.
    state : dict
        The other's ``state_dict``.

    Raises
    ------
    ValueError
        If the other has other groups of weights.
    """
    own = optimizer.param_groups
    if len(own) != len(state["param_groups"]):
        raise ValueError("the optimizer has other groups of weights than the parameters ask for.")
    groups = [
        saved | {name: group[name] for name in _KERNEL_OPTIONS if name in group}
        for saved, group in zip(state["param_groups"], own, strict=True)
    ]
    optimizer.load_state_dict({"state": state["state"], "param_groups": groups})


def _fits_stand_ins(net: TAMULAGNet) -> bool:
    """Whether the net has the callback, which one out of an earlier version's dump has not."""
    return "stand_ins" in dict(net.callbacks_)


def plain_module(net: TAMULAGNet) -> nn.Module:
    """Return the module itself, where torch.compile has wrapped it.

    Parameters
    ----------
    net : TAMULAGNet
        An initialised net.

    Returns
    -------
    nn.Module
        The module whose weights have the names of its own layers.
    """
    module: nn.Module = getattr(net.module_, "_orig_mod", net.module_)
    return module


def _check_shapes(net: TAMULAGNet, weights: Mapping[str, Tensor]) -> None:
    """Compare the weights with those of the module, before any memory is taken for it."""
    # Every layer has weights: a number of layers out of all bounds is not even tried.
    if any(spec.num_layers > len(weights) for spec in net.module__modalities):
        raise ValueError("the weights are those of fewer layers than the parameters ask for.")
    with torch.device("meta"):
        skeleton = net.module(**net.get_params_for("module"))
    expected = {name: tuple(tensor.shape) for name, tensor in skeleton.state_dict().items()}
    given = {name: tuple(tensor.shape) for name, tensor in weights.items()}
    for name in sorted(expected.keys() | given.keys()):
        if expected.get(name) != given.get(name):
            raise ValueError(
                f"the weight {name} has the shape {given.get(name)}, but the parameters ask for "
                f"{expected.get(name)}."
            )
