"""All that a net in training hangs on, as plain values and tensors, and back."""

import json
from typing import Any

import numpy as np
from torch import Tensor

from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.persistence.json_text import parse_json
from sklearn_tamulag.training.loop.net import TAMULAGNet
from sklearn_tamulag.training.loop.seeding import generator_states, restore_generator
from sklearn_tamulag.training.resuming.callback_state import callback_state, restore_callback
from sklearn_tamulag.training.resuming.net_state import (
    check_epochs,
    plain_module,
    restore_optimizer,
)

_PARTS = {
    *("weights", "frozen", "optimizer", "history", "labels", "order", "random", "callbacks"),
}


def training_state(net: TAMULAGNet) -> dict[str, Any]:
    """Take the state of a training run at the end of an epoch.

    Parameters
    ----------
    net : TAMULAGNet
        A net in training.

    Returns
    -------
    dict
        Weights, optimizer, history, generated labels, the states of the generators of dropout and
        of the order of batches, and what callbacks have learned. It refers to the net's
        own tensors.

    Raises
    ------
    TypeError
        If a callback has recorded something in the history that is no number or string.
    """
    module = plain_module(net)
    return {
        "weights": dict(module.state_dict()),
        "frozen": [name for name, weight in module.named_parameters() if not weight.requires_grad],
        "optimizer": net.optimizer_.state_dict(),
        "history": json.dumps(list(net.history), default=_plain_number),
        "labels": net.memory.state(),
        "order": net.order_.bit_generator.state,
        "random": generator_states(net.generator_),
        "callbacks": {name: callback_state(callback) for name, callback in net.callbacks_},
    }


def restore_training_state(net: TAMULAGNet, state: dict[str, Any]) -> None:
    """Put a net that is about to train where another one was.

    Parameters
    ----------
    net : TAMULAGNet
        A net of the same parameters and data, whose callbacks know that training has begun.
    state : dict
        What `training_state` has returned.

    Raises
    ------
    ValueError
        If the state has other parts, or sets what no callback learns.
    """
    if state.keys() != _PARTS:
        raise ValueError(f"a checkpoint has the state {sorted(_PARTS)}, got {sorted(state)}.")
    history = state["history"].encode("ascii")
    # A record of each batch stands there too: small dicts, which take a multiple of their text.
    epochs = check_epochs(parse_json(history, 4 * len(history)))
    module = plain_module(net)
    module.load_state_dict(state["weights"])
    if not all(type(name) is str for name in state["frozen"]):
        raise ValueError("what is frozen has no names.")
    frozen = set(state["frozen"])
    for name, weight in module.named_parameters():
        weight.requires_grad_(name not in frozen)
    restore_optimizer(net.optimizer_, state["optimizer"])
    net.history.clear()
    net.history.extend(epochs)
    net.memory.resume(LabelMemory.from_state(state["labels"]))
    net.order_.bit_generator.state = state["order"]
    for name, callback in net.callbacks_:
        restore_callback(callback, state["callbacks"].get(name, {}))
    restore_generator(net.generator_, state["random"])


def _plain_number(value: Any) -> Any:
    """What JSON shall write for a number of NumPy or torch."""
    if isinstance(value, np.generic) or (isinstance(value, Tensor) and value.numel() == 1):
        return value.item()
    raise TypeError(
        f"checkpoint holds numbers and strings of the history, but a callback has recorded a "
        f"{type(value).__qualname__}."
    )
