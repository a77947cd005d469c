"""A fit that is killed over and over, until it ends: a program that tests run in a new process.

    python -m tests.training.resuming.killed_fits FOLDER MAX_EPOCHS moments|random

It prints what it saw as JSON.
"""

import hashlib
import json
import os
import random
import signal
import sys
import time
from functools import partial
from pathlib import Path

import torch
from skorch.callbacks import Callback

from tests.small_fits import clips, regressor
from tests.training.resuming.equal_fits import flat

PARAMS = {"lr": 0.02, "batch_size": 6, "n_iter_no_change": 30, "dropout": 0.3}


class KillInBatch(Callback):
    """Kills its process in the middle of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_batch_end(self, net, training=None, **kwargs):
        if training and (len(net.history), len(net.history[-1]["batches"])) == (self.epoch, 2):
            os.kill(os.getpid(), signal.SIGKILL)


def fit(folder, max_epochs, callbacks=None):
    X, y = clips(40, missing=True)
    estimator = regressor(checkpoint=folder, max_epochs=max_epochs, callbacks=callbacks, **PARAMS)
    return estimator.fit(X, y)


def fit_and_die_while_saving(folder, max_epochs, epoch):
    """Fit until the checkpoint of some epoch is written, but not yet in its place."""
    replace, saved = os.replace, []

    def kill(source, target):
        if str(target).endswith(".safetensors"):
            saved.append(target)
        if len(saved) == epoch:
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    os.replace = kill
    fit(folder, max_epochs)


def in_child(work):
    """Start some work in a copy of this process, which has done its imports already."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return child


def was_killed(child):
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def digest(estimator):
    """Everything that was learned, as one hash."""
    found = hashlib.sha256()
    for part in (estimator.net_.module_, estimator.net_.optimizer_):
        for name, value in flat(part.state_dict()).items():
            content = value.numpy().tobytes() if isinstance(value, torch.Tensor) else repr(value)
            found.update(repr((name, content)).encode())
    found.update(estimator.history_.drop(columns="dur").to_numpy().tobytes())
    found.update(estimator.unimodal_label_history_.tobytes())
    found.update(repr((estimator.n_iter_, estimator.best_iter_)).encode())
    return found.hexdigest()


def main(folder, max_epochs, how):
    torch.set_num_threads(1)
    work = partial(fit, folder, int(max_epochs))
    unbroken = fit(f"{folder}/unbroken", int(max_epochs))
    killed = 0
    if how == "moments":
        killed += was_killed(in_child(lambda: work([KillInBatch(4)])))
        killed += was_killed(in_child(lambda: fit_and_die_while_saving(folder, int(max_epochs), 3)))
    else:
        # The first epoch has to warm up. Ten of these pauses are about as long as all the others.
        seconds = unbroken.history_["dur"].iloc[1:].sum()
        for _ in range(10):
            child = in_child(work)
            time.sleep(random.uniform(0, 0.2) * seconds)
            os.kill(child, signal.SIGKILL)
            killed += was_killed(child)
    left_over = list(Path(folder).rglob("*.tmp"))
    resumed = work()
    print(
        json.dumps(
            {
                "killed": killed,
                "left over": len(left_over),
                "equal": digest(resumed) == digest(unbroken),
                "epochs": resumed.n_iter_,
            }
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
