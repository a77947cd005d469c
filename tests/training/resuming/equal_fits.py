"""Whether two fits came to the same, bit for bit, and callbacks that break one off."""

import numpy as np
import torch
from skorch.callbacks import Callback

from tests.interrupts import press_ctrl_c


class Interrupt(Callback):
    """Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch, batch=2):
        self.epoch = epoch
        self.batch = batch

    def on_batch_end(self, net, training=None, **kwargs):
        place = (len(net.history), len(net.history[-1]["batches"]))
        if training and place == (self.epoch, self.batch):
            press_ctrl_c()


class Epochs(Callback):
    """Counts the epochs that are really trained."""

    def __init__(self, run):
        self.run = run

    def on_epoch_begin(self, net, **kwargs):
        self.run.append(len(net.history))


def assert_equal_fits(first, second):
    """Compare weights, optimizers, histories, labels and best epochs."""
    for state in ("module_", "optimizer_"):
        tensors = [flat(getattr(fit.net_, state).state_dict()) for fit in (first, second)]
        assert tensors[0].keys() == tensors[1].keys()
        for name, value in tensors[0].items():
            other = tensors[1][name]
            same = torch.equal(value, other) if isinstance(value, torch.Tensor) else value == other
            assert same, f"{state} {name}"
    histories = [fit.history_.drop(columns="dur") for fit in (first, second)]
    np.testing.assert_array_equal(histories[0].columns, histories[1].columns)
    np.testing.assert_array_equal(histories[0], histories[1])
    for name in ("unimodal_label_history_", "unimodal_labels_", "n_iter_", "best_iter_"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def flat(state, place=()):
    """Name every leaf of nested dicts, lists and tuples."""
    if isinstance(state, dict):
        items = state.items()
    elif isinstance(state, list | tuple):
        items = enumerate(state)
    else:
        return {place: state}
    return {name: value for key, item in items for name, value in flat(item, (*place, key)).items()}
