"""What stands for a missing modality, fitted once the network is trained.

Rows that lack a modality may be many, few or none in training, and the vectors and gains that stand
for it would be taught by as many. So they are fitted after training, on the training rows with gaps
made in them: every row shows what it has, less some modalities. The rest of the network stays as it
is, and so does what it says of complete rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor
from torch.func import functional_call

from sklearn_tamulag.nn.module import TAMULAGModule
from sklearn_tamulag.training.loop.embedded_rows import EmbeddedRows, embed_rows
from sklearn_tamulag.training.objective.losses import RowLoss, weighted_mean

# Rows with gaps in a step; where all of them are fewer, all are in every step.
BATCH_ROWS = 1024
# The same where the fusion reads the states of every step.
READING_ROWS = 64
STEPS = 100
RATE = 0.01
# How much vectors and gains are drawn to where they start.
PULL_OF_VECTORS = 1e-2
PULL_OF_GAINS = 1e-3


def gap_codes(
    n_rows: int, n_modalities: int, random: np.random.Generator, most: int = BATCH_ROWS
) -> tuple[Tensor, Tensor]:
    """Pairs of rows and of patterns of modalities that they are to show.

    Parameters
    ----------
    n_rows : int
        Number of rows n.
    n_modalities : int
        Number of modalities M, at least 2.
    random : numpy.random.Generator
        Draws the pairs where there are too many.
    most : int, default=1024
        How many are too many.

    Returns
    -------
    rows : int64 Tensor of shape (B,)
        Row numbers.
    shown : bool Tensor of shape (B, M)
        Patterns, none of them empty or complete: all of them for every row, or a draw.

    Examples
    --------
    >>> import numpy as np
    >>> gap_codes(1, 2, np.random.default_rng(0))
    (tensor([0, 0]), tensor([[ True, False],
            [False,  True]]))
    """
    n_patterns = 2**n_modalities - 2
    if n_rows * n_patterns <= most:
        rows = np.repeat(np.arange(n_rows), n_patterns)
        codes = np.tile(np.arange(1, n_patterns + 1), n_rows)
    else:
        rows = random.integers(0, n_rows, most)
        codes = random.integers(1, n_patterns + 1, most)
    # (B, 1), (M,) -> (B, M)
    shown = (codes[:, np.newaxis] >> np.arange(n_modalities)) % 2 == 1
    return torch.from_numpy(rows), torch.from_numpy(shown)


def fit_stand_ins(
    module: TAMULAGModule,
    row_loss: RowLoss,
    rows: EmbeddedRows,
    start: list[Tensor],
    gain: Tensor,
    random: np.random.Generator,
) -> tuple[list[Tensor], Tensor]:
    """Fit the vectors and gains that stand for missing modalities on rows with gaps made in them.

    Parameters
    ----------
    module : TAMULAGModule
        A trained network, in evaluation mode; it stays as it is.
    row_loss : callable
        Maps (predictions, targets) of N rows to N losses.
    rows : EmbeddedRows
        The training rows.
    start : list of M Tensors of shape (K_m,)
        Where the vectors start from, and are drawn to a little.
    gain : Tensor of shape (M, F)
        The same of the gains.
    random : numpy.random.Generator
        Draws rows and gaps.

    Returns
    -------
    vectors : list of M Tensors of shape (K_m,)
        The fitted vectors, or `start` if fitting has led to no finite values.
    gains : Tensor of shape (M, F)
        The fitted gains, or `gain`.
    """
    scale = module.absent_gain
    assert scale is not None, "a network of several modalities has gains"
    origins, device = [*start, gain], gain.device
    values = [origin.detach().clone() for origin in origins]
    # What a callback has frozen stays where it starts.
    weights = [*(branch.absent for branch in module.branches), scale.gain]
    free = [
        value.requires_grad_()
        for value, weight in zip(values, weights, strict=True)
        if weight.requires_grad
    ]
    if not free:
        return start, gain
    optimizer = torch.optim.Adam(free, lr=RATE)
    pulls = [*[PULL_OF_VECTORS] * len(start), PULL_OF_GAINS]
    most = READING_ROWS if module.reads_states else BATCH_ROWS
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = RATE * (1 - step / STEPS)
        codes = gap_codes(len(rows), len(start), random, most)
        index, shown = (part.to(device) for part in codes)
        present = rows.present[index]
        left = present & shown
        # A row that would have nothing left shows what it has, and that is not all.
        left = torch.where(left.any(dim=1, keepdim=True), left, present)
        embeddings = [
            torch.where(left[:, column, None], embedding[index], values[column])
            for column, embedding in enumerate(rows.embeddings)
        ]
        if module.reads_states:
            given = (embeddings, *rows.read(index, left))
            # What comes of the states alone has no gradient, and nothing is kept for one.
            fixed = {name: weight.detach() for name, weight in module.fusion.named_parameters()}
            fused = functional_call(module.fusion, fixed, given)
        else:
            fused = module.fusion(embeddings)
        scaled = functional_call(scale, {"gain": values[-1]}, (fused, left))
        prediction = module.head(scaled)
        if rows.target.ndim == 1:
            prediction = prediction.squeeze(-1)  # (B, 1) -> (B,)
        loss = weighted_mean(row_loss(prediction, rows.target[index]), rows.weight[index])
        for pull, value, origin in zip(pulls, values, origins, strict=True):
            loss = loss + pull * (value - origin).square().sum()
        gradients = torch.autograd.grad(loss, free)
        for value, gradient in zip(free, gradients, strict=True):
            value.grad = gradient
        optimizer.step()
    if not all(bool(value.isfinite().all()) for value in values):
        values = origins
    *vectors, gains = (value.detach() for value in values)
    return vectors, gains


class StandIns(Callback):
    """Fits what stands for a missing modality, after training and on the best epoch's weights.

    Each time it starts from the mean embedding of the training rows that have the modality and from
    no gain. That takes one pass over the rows, and some steps through the fusion alone. Training
    that goes on later goes on from the values of training, so that it ends as an unbroken one.

    Attributes
    ----------
    trained_ : dict of str to Tensor, or None
        What training itself has made of the vectors and gains, by the names of the module's state.
    earlier_ : int
        Epochs that the net had been trained for before.
    """

    trained_: dict[str, Tensor] | None = None

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Put the values of training back."""
        self.earlier_ = len(net.history)
        if self.trained_ is not None:
            net.module_.load_state_dict(self.trained_, strict=False)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Fit the vectors and the gains, and give them to the network."""
        module = net.module_
        if len(module.branches) == 1 or module.absent_gain is None:
            return
        if self.trained_ is not None and net.best_epoch.epoch_ <= self.earlier_:
            # The best weights are those of an earlier run, with what was fitted for them.
            return
        state = module.state_dict()
        self.trained_ = {name: state[name].clone() for name in stand_in_names(module)}
        net._set_training(False)
        random = np.random.default_rng(net.seed)
        rows = embed_rows(net, X, random)
        start = rows.means([branch.absent.detach() for branch in module.branches])
        gain = torch.zeros_like(module.absent_gain.gain)
        with torch.enable_grad():
            vectors, gains = fit_stand_ins(module, net.criterion_, rows, start, gain, random)
        with torch.no_grad():
            kept = [branch.absent for branch in module.branches] + [module.absent_gain.gain]
            for weights, fitted in zip(kept, [*vectors, gains], strict=True):
                # A callback may have frozen what it is not to move.
                if weights.requires_grad:
                    weights.copy_(fitted)


def stand_in_names(module: TAMULAGModule) -> list[str]:
    """Names of the vectors and gains in the state of a module.

    Parameters
    ----------
    module : TAMULAGModule
        A network of several modalities.

    Returns
    -------
    list of str
        One vector for each branch, and the gains.
    """
    return [*(f"branches.{n}.absent" for n in range(len(module.branches))), "absent_gain.gain"]
