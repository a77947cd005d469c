"""What happens to one batch, and to the batches of one epoch: M + 1 tasks, losses read once."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.dataset import unpack_data
from skorch.utils import TeeGenerator
from torch import Tensor

from sklearn_tamulag.exceptions import NonFiniteLossError
from sklearn_tamulag.labels import LabelMemory, initial_labels
from sklearn_tamulag.nn.module import TAMULAGModule, TAMULAGOutput
from sklearn_tamulag.training.feeding.rows import Batch, Inputs, RowDataset
from sklearn_tamulag.training.loop.averaging import averaging_of
from sklearn_tamulag.training.loop.epoch_losses import record_losses
from sklearn_tamulag.training.loop.health import all_finite, check_losses
from sklearn_tamulag.training.loop.missing import hide_modalities
from sklearn_tamulag.training.objective.loss_targets import training_labels
from sklearn_tamulag.training.objective.losses import modality_errors, task_losses
from sklearn_tamulag.training.objective.targets import ClassTarget, ScaledTarget
from sklearn_tamulag.training.objective.task_weights import TaskWeights

# What is there while training runs.
_TRANSIENT = ("_compiled", "generator_", "valid")


class MultitaskSteps(NeuralNet):
    """Trains and evaluates a TAM-ULAG module batch by batch, within skorch's loop over epochs.

    Attributes
    ----------
    module_ : TAMULAGModule
        The network.
    memory : LabelMemory
        The unimodal labels of the training rows, while training runs.
    valid_human : Tensor of shape (k, M) or (k, M, K), or None
        What people said of the modalities of the validation rows, while training runs.
    """

    module_: TAMULAGModule
    memory: LabelMemory
    valid_human: Tensor | None = None
    target: ScaledTarget | ClassTarget
    modalities: Sequence[str]
    autocast: bool
    similarity_mixing: float | None
    task_weights: TaskWeights | None
    clipping: float | None
    modality_dropout: float
    # Nets out of dumps of earlier versions do not have it.
    weight_averaging: str | None = None
    # The compiled module, while training runs; predictions come from the module itself.
    _compiled: Any = None
    # Where the draws of training come from, while it runs.
    generator_: torch.Generator | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A callback may pickle the net in the middle of its training.
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name not in _TRANSIENT}

    def _set_training(self, training: bool = True) -> None:
        """Switch the module only where it has to be: the walk through it is long for a batch."""
        if self.module_.training != training:
            super()._set_training(training)

    def infer(self, x: Inputs, **fit_params: Any) -> TAMULAGOutput:
        """Run the module on features and lengths; index and weights stay outside."""
        module = self.module_ if self._compiled is None else self._compiled
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=self.autocast):
            output: TAMULAGOutput = module(x["features"], x["lengths"])
        return output

    def _present(self, x: Inputs) -> Tensor:
        """Whether each row of a batch shows each modality, (B, M)."""
        return torch.stack([x["lengths"][name] > 0 for name in self.modalities], dim=1)

    def get_all_learnable_params(self) -> Iterator[tuple[str, Tensor]]:
        """Names and weights of what is trained; what is frozen is no matter of the optimizer's."""
        return (pair for pair in super().get_all_learnable_params() if pair[1].requires_grad)

    def _task_losses(
        self,
        output: TAMULAGOutput,
        y_true: Tensor,
        x: Inputs,
        training: bool,
        human: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Losses of all tasks, (M + 1,), the multimodal one first, and `modality_errors`."""
        present = self._present(x)
        target = self.target.encode(y_true)
        if not training:
            labels, task_weight = initial_labels(target, len(self.modalities), human), None
        else:
            labels, task_weight = training_labels(
                self.memory,
                x["index"],
                target,
                output.confidence,
                similarity_mixing=self.similarity_mixing,
                task_weights=self.task_weights,
            )
        unimodal = output.unimodal_predictions.to(target.dtype)
        weights = {"weight": x["weight"], "present": present}
        losses = task_losses(
            self.criterion_,
            output.prediction.to(target.dtype),
            unimodal,
            target,
            labels,
            task_weight=task_weight,
            **weights,
        )
        return losses, modality_errors(self.criterion_, unimodal, labels, **weights)

    def get_loss(
        self, y_pred: TAMULAGOutput, y_true: Tensor, X: Any = None, training: bool = False
    ) -> Tensor:
        """Sum over all tasks in training; the multimodal loss in validation."""
        losses, _ = self._task_losses(y_pred, y_true, X, training)
        return losses.sum() if training else losses[0]

    def train_step_single(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Forward and backward on one batch; its representations go into the label memory."""
        self._set_training(True)
        inputs, y_true = unpack_data(batch)
        if self.modality_dropout:
            hidden = hide_modalities(inputs["lengths"], self.modality_dropout, self.generator_)
            inputs = inputs | {"lengths": hidden}
        output = self.infer(inputs, **fit_params)
        losses, errors = self._task_losses(output, y_true, inputs, training=True)
        loss = losses.sum()
        (loss if inputs["share"] == 1.0 else loss * inputs["share"]).backward()
        shown = self._present(inputs)
        self.memory.store(inputs["index"], output.unimodal, output.fused, shown)
        return self._step_result(output, losses.detach(), errors, loss.detach())

    def train_step(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Add one batch's gradient; move the weights where its accumulation group ends."""
        step = self.train_step_single(batch, **fit_params)
        if batch[0]["update"]:
            named_parameters = TeeGenerator(self.get_all_learnable_params())
            self.notify(
                "on_grad_computed", named_parameters=named_parameters, batch=batch, training=True
            )
            if self.clipping is not None:
                # The optimizer's lists, rather than a walk through all modules in every step.
                groups = self.optimizer_.param_groups
                weights = [weight for group in groups for weight in group["params"]]
                torch.nn.utils.clip_grad_norm_(weights, self.clipping)
            self._step_optimizer(None)
            self._zero_grad_optimizer()
        return step

    def validation_step(self, batch: Batch, **fit_params: Any) -> dict[str, Any]:
        """Forward on one batch without gradients."""
        self._set_training(False)
        inputs, y_true = unpack_data(batch)
        human = self.valid_human
        if human is not None:
            human = human.index_select(0, inputs["index"])
        with torch.no_grad():
            output = self.infer(inputs, **fit_params)
            losses, errors = self._task_losses(output, y_true, inputs, training=False, human=human)
        return self._step_result(output, losses, errors, losses[0])

    def multimodal_loss(self, dataset: RowDataset) -> float:
        """The loss of the multimodal task over rows, as validation reports it.

        Parameters
        ----------
        dataset : RowDataset
            The rows.

        Returns
        -------
        float
            Their weighted mean.
        """
        losses, weights = [], []
        for batch in self.get_iterator(dataset, training=False):
            losses.append(self.validation_step(batch)["loss"])
            weights.append(batch[0]["weight"].sum())
        table = torch.stack([torch.stack(losses), torch.stack(weights)]).double().cpu().numpy()
        return float(np.average(table[0], weights=table[1]))

    def _step_result(
        self, output: TAMULAGOutput, losses: Tensor, errors: Tensor, loss: Tensor
    ) -> dict[str, Any]:
        """What skorch's callbacks see of a step: predictions are in the units of y."""
        y_pred = self.target.decode(output.prediction.detach())
        return {"loss": loss, "y_pred": y_pred, "task_losses": losses, "modality_errors": errors}

    def evaluation_step(self, batch: Batch, training: bool = False) -> Tensor:
        """Predictions of one batch, in the units of y, or logits."""
        self.check_is_fitted()
        inputs, _ = unpack_data(batch)
        with torch.set_grad_enabled(training):
            self._set_training(training)
            return self.target.decode(self.infer(inputs).prediction)

    def run_single_epoch(
        self, iterator: Any, training: bool, prefix: str, step_fn: Any, **fit_params: Any
    ) -> None:
        """One pass over the data; the losses stay on the device until it ends."""
        if iterator is None:
            return
        rows, losses, weights, errors = [], [], [], []
        for batch in iterator:
            self.notify("on_batch_begin", batch=batch, training=training)
            step = step_fn(batch, **fit_params)
            rows.append(len(batch[1]))
            losses.append(step["task_losses"])
            weights.append(batch[0]["weight"].sum())
            errors.append(step["modality_errors"].flatten())  # (2, M) -> (2 M,)
            self.history.record_batch(f"{prefix}_loss", step["loss"])
            self.history.record_batch(f"{prefix}_batch_size", rows[-1])
            self.notify("on_batch_end", batch=batch, training=training, **step)
        # The only reading of the device: (batches, 3 M + 3) -> host, the last the weights' state
        parts = [torch.stack(losses), torch.stack(weights).unsqueeze(1), torch.stack(errors)]
        table = torch.cat(parts, dim=1).double()
        finite = all_finite(self.module_).to(table).expand(len(table), 1)
        read = torch.cat([table, finite], dim=1).cpu().numpy()
        n_tasks = len(self.modalities) + 1
        read_losses, epoch = read[:, :n_tasks], len(self.history)
        check_losses(read_losses, self.modalities, epoch=epoch, part=prefix)
        if not read[:, -1].all():
            raise NonFiniteLossError(epoch, len(read), "weights", prefix)
        if training:
            self.memory.end_epoch()
            averaging = averaging_of(self)
            if averaging is not None:
                averaging.put(self)
        # (batches, 2 M) -> (batches, 2, M)
        sums = read[:, n_tasks + 1 : -1].reshape(len(read), 2, -1)
        record_losses(self.history, prefix, read_losses, read[:, n_tasks], sums, self.modalities)
