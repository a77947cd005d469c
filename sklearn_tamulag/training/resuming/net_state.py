"""What training has made of a net, as plain values and tensors, and a net made of them again."""

from collections.abc import Mapping
from typing import Any

import torch
from skorch.history import History
from torch import nn

from sklearn_tamulag.nn.skeleton import check_repetitions, check_weights
from sklearn_tamulag.training.loop.net import TAMULAGNet
from sklearn_tamulag.training.loop.stand_ins import stand_in_names

_NAMES = {"weights", "optimizer", "order", "history", "max_epochs", "batch_size"}

# Files of earlier versions do not have it.
_STAND_INS = "trained_stand_ins"

# As many layers cost next to nothing to make, whatever they are.
_FEW_LAYERS = 100

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

    Weights are drawn at random before they are replaced.

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
    if not all(type(state[name]) is int for name in ("max_epochs", "batch_size")):
        raise ValueError("max_epochs and batch_size of a net are no integers.")
    epochs = check_epochs(state["history"])
    check_weights(lambda: net.module(**net.get_params_for("module")), weights, net.dtype)
    net.initialize()
    module = plain_module(net)
    module.load_state_dict(weights)
    if state["optimizer"] is not None:
        restore_optimizer(net.optimizer_, state["optimizer"])
    net.order_.bit_generator.state = state["order"]
    net.history_ = History([{"batches": []} | epoch for epoch in epochs])
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
    own, saved_groups = optimizer.param_groups, state["param_groups"]
    numbers = [number for group in saved_groups for number in group["params"]]
    if len(own) != len(saved_groups) or numbers != list(range(len(numbers))):
        raise ValueError("the optimizer has other groups of weights than the parameters ask for.")
    groups = [
        saved | {name: group[name] for name in _KERNEL_OPTIONS if name in group}
        for saved, group in zip(saved_groups, own, strict=True)
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


def check_counts(
    feature_sizes: Mapping[str, Any], params: Mapping[str, Any], transformers: Any, weights: Any
) -> None:
    """Refuse more modalities and layers than there are weights, before a net of them is planned.

    Parameters
    ----------
    feature_sizes : dict of str to int or None
        Features per step, by modality.
    params : dict
        The estimator's constructor parameters.
    transformers : dict of str to dict
        Configurations, by modality.
    weights : dict of str to Tensor
        The weights.

    Raises
    ------
    ValueError
        If the weights are those of fewer modalities or layers.

    Examples
    --------
    >>> params = {"num_layers": 1, "cell": "lstm", "encoders": None}
    >>> check_counts({"text": 3, "audio": 2}, params, {}, {})
    Traceback (most recent call last):
        ...
    ValueError: the weights are those of fewer layers than the parameters ask for.
    """
    check_repetitions(transformers, len(weights))
    layers = 0
    for name in feature_sizes:
        options = (params["encoders"] or {}).get(name, {})
        recurrent = 0 if name in transformers else options.get("num_layers", params["num_layers"])
        if isinstance(options.get("cell", params["cell"]), type) and recurrent <= _FEW_LAYERS:
            # Layers of a user's own may have any number of weights.
            recurrent = 0
        layers += 1 + recurrent
    # A recurrent layer has four weights, and so have embedding and head of a modality.
    if 4 * layers > len(weights):
        raise ValueError("the weights are those of fewer layers than the parameters ask for.")


def check_epochs(epochs: Any) -> list[dict[str, Any]]:
    """Check that a history is a table that its own entries fill.

    Parameters
    ----------
    epochs : list of dict
        What was recorded of each epoch.

    Returns
    -------
    list of dict
        The same.

    Raises
    ------
    ValueError
        If it is no history, or has far more columns than values in a row.

    Examples
    --------
    >>> check_epochs([{"train_loss": 0.5}])
    [{'train_loss': 0.5}]
    """
    if type(epochs) is not list or not all(type(epoch) is dict for epoch in epochs):
        raise ValueError("a history is no list of epochs.")
    if not all(type(name) is str for epoch in epochs for name in epoch):
        raise ValueError("a history has values without a name.")
    columns = set().union(*epochs)
    values = sum(map(len, epochs))
    if len(columns) * len(epochs) > 16 * values + 10_000:
        raise ValueError(f"a history of {values} values has {len(columns)} columns.")
    return epochs
