"""The skorch net: what it is made of, its loop over epochs, and the outputs it gives for rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback, EpochTimer, PrintLog
from skorch.helper import predefined_split
from skorch.utils import is_dataset, to_numpy
from torch import Tensor

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.exceptions import NonFiniteLossError
from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.nn.module import TAMULAGModule, TAMULAGOutput
from sklearn_tamulag.training.feeding.batching import BatchLoader, inference_order, inference_rows
from sklearn_tamulag.training.feeding.rows import FeatureTable, RowDataset
from sklearn_tamulag.training.loop.averaging import averaging_callbacks, end_averaging
from sklearn_tamulag.training.loop.callbacks import (
    BestEpoch,
    EpochProgress,
    TrainingStopped,
    raised_by,
)
from sklearn_tamulag.training.loop.compilation import compile_module, quiet_tracing
from sklearn_tamulag.training.loop.epoch_losses import MULTIMODAL
from sklearn_tamulag.training.loop.epoch_saver import EpochSaver
from sklearn_tamulag.training.loop.health import FiniteWeights, all_finite
from sklearn_tamulag.training.loop.monitors import end_epoch_unwatched
from sklearn_tamulag.training.loop.schedule import LearningRateSchedule
from sklearn_tamulag.training.loop.seeding import lent_generator
from sklearn_tamulag.training.loop.stand_ins import StandIns
from sklearn_tamulag.training.loop.steps import MultitaskSteps
from sklearn_tamulag.training.loop.threads import worker_threads
from sklearn_tamulag.training.objective.targets import ClassTarget, ScaledTarget
from sklearn_tamulag.training.objective.task_weights import TaskWeights


class TAMULAGNet(MultitaskSteps):
    """Trains a TAM-ULAG module; skorch's fit loop, callbacks and parameters are kept.

    Parameters
    ----------
    module : callable
        Builds the module from the ``module__`` parameters.
    criterion : type
        Loss of a row, built with ``reduction="none"``.
    target : ScaledTarget or ClassTarget
        The way from y to the training targets and back.
    modalities : sequence of str
        Names of the modalities, in the module's order.
    dtype : torch.dtype
        Precision of weights and features.
    autocast : bool
        Whether the forward pass runs in bfloat16 where torch deems that safe.
    compiled : bool
        Whether training runs the module through torch.compile.
    similarity_mixing : float or None
        Share of the kept label in the loss target of the ``ulag`` strategy; None for the others.
    task_weights : TaskWeights or None
        How much the unimodal terms count; None lets all count by one.
    modality_dropout : float
        Probability that a modality of a row is hidden in training.
    accumulation : int
        Batches whose gradients are added up before the weights move.
    clipping : float or None
        Largest norm of the gradient.
    weight_averaging : {"ema", "swa"} or None
        Which average over the steps stands in for the last weights.
    patience : int or None
        Epochs without a better validation loss after which training stops; None never stops.
    warmup : float
        Share of the steps over which the learning rates rise from zero.
    schedule : {"constant", "linear", "cosine"}
        How they fall afterwards.
    seed : int
        Seeds the order of the batches.
    **kwargs
        As for :class:`skorch.NeuralNet`.

    Attributes
    ----------
    scheduled_epochs : int
        The epochs that `warmup` and `schedule` reach over in the next training run; 0 leaves the
        rates as they are.
    order_ : numpy.random.Generator
        The source of the order of the batches.
    """

    checkpoint: EpochSaver | None = None
    valid: RowDataset | None = None

    def __init__(
        self,
        module: Any,
        criterion: Any,
        *,
        target: ScaledTarget | ClassTarget,
        modalities: Sequence[str],
        dtype: torch.dtype = torch.float32,
        autocast: bool = False,
        compiled: bool = False,
        similarity_mixing: float | None = None,
        task_weights: TaskWeights | None = None,
        modality_dropout: float = 0.0,
        accumulation: int = 1,
        clipping: float | None = None,
        weight_averaging: str | None = None,
        patience: int | None = None,
        warmup: float = 0.0,
        schedule: str = "constant",
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        self.target = target
        self.modalities = modalities
        self.dtype = dtype
        self.autocast = autocast
        self.compiled = compiled
        self.similarity_mixing = similarity_mixing
        self.task_weights = task_weights
        self.modality_dropout = modality_dropout
        self.accumulation = accumulation
        self.clipping = clipping
        self.weight_averaging = weight_averaging
        self.patience = patience
        self.warmup = warmup
        self.schedule = schedule
        self.scheduled_epochs = 0
        self.seed = seed
        super().__init__(module, criterion, criterion__reduction="none", **kwargs)

    @property
    def _default_callbacks(self) -> list[tuple[str, Callback]]:
        callbacks: list[tuple[str, Callback]] = [
            ("epoch_timer", EpochTimer()),
            *averaging_callbacks(self.weight_averaging),
            ("best_epoch", BestEpoch(self.patience)),
            ("finite_weights", FiniteWeights()),
            # After the best epoch's weights are back.
            ("stand_ins", StandIns()),
        ]
        if self.warmup or self.schedule != "constant":
            schedule = LearningRateSchedule(self.warmup, self.schedule)
            callbacks.append(("learning_rate", schedule))
        if self.verbose == 1:
            callbacks.append(("progress", EpochProgress()))
        if self.verbose > 1:
            unimodal = [f"{part}_{name}" for part in ("train", "valid") for name in self.modalities]
            hidden = [f"train_{MULTIMODAL}", f"valid_{MULTIMODAL}", *unimodal]
            callbacks.append(("print_log", PrintLog(keys_ignored=hidden)))
        return callbacks

    @property
    def best_epoch(self) -> BestEpoch:
        """The callback that knows the best epoch."""
        return dict(self.callbacks_)["best_epoch"]

    @property
    def classes_(self) -> NDArray[np.int64]:
        """Class codes, which scikit-learn's scorers ask for."""
        if not isinstance(self.target, ClassTarget):
            raise AttributeError("a regression net has no classes_")
        return np.arange(self.target.n_classes)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        classifies = isinstance(self.target, ClassTarget)
        tags.estimator_type = "classifier" if classifies else "regressor"
        return tags

    def initialize_module(self) -> TAMULAGNet:
        """Build the module in the wanted precision."""
        super().initialize_module()
        self.module_: TAMULAGModule = self.module_.to(self.dtype)
        self.order_ = np.random.default_rng(self.seed)
        return self

    def fit_labels(
        self,
        dataset: RowDataset,
        memory: LabelMemory,
        valid: RowDataset | None,
        valid_human: Tensor | None = None,
        checkpoint: EpochSaver | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        """Train on a data set whose rows are those of the label memory.

        Parameters
        ----------
        dataset : RowDataset
            The training rows.
        memory : LabelMemory
            Unimodal labels of these rows; the generated ones move at the end of every epoch.
        valid : RowDataset or None
            Rows that choose the best epoch.
        valid_human : Tensor of shape (k, M) or (k, M, K), optional
            What people said of the modalities of those rows; NaN, where they said nothing, is
            compared with y.
        checkpoint : EpochSaver, optional
            Where training goes on from, if it was interrupted there, and saves every epoch.
        generator : torch.Generator, optional
            Where dropout and hidden modalities are drawn from, on the net's device; None is torch's
            global one.
        """
        self.memory = memory
        self.valid_human = valid_human
        self.checkpoint = checkpoint
        self.generator_ = generator
        self.valid = valid
        self.train_split = None if valid is None else predefined_split(valid)
        self._compiled = compile_module(self.module_) if self.compiled else None
        known = len(self.history) - len(memory.history) if self.initialized_ else 0
        try:
            with (
                worker_threads(),
                quiet_tracing(self.compiled or torch.device(self.device).type != "cpu"),
                lent_generator(self.module_, generator),
            ):
                self.partial_fit(dataset)
        finally:
            # A fitted net is pickled, and it shall not carry the training data along.
            self.train_split = self.valid = None
            self._compiled = None
            self.generator_ = None
            self.checkpoint = None
            del self.memory
            self.valid_human = None
            # An epoch that broke off in training is none: labels and history count alike.
            if self.history and "train_loss" not in self.history[-1]:
                self.history.pop()
            if len(self.history) - len(memory.history) < known:
                memory.forget_epoch()

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any
    ) -> TAMULAGNet:
        """Run the fit loop; callbacks may end it.

        A user's interrupt, a loss that is not finite, and a disk that is full are raised on, once
        the best weights are back.
        """
        if not self.initialized_:
            self.initialize()
        stopped: KeyboardInterrupt | NonFiniteLossError | OSError | None = None
        self.notify("on_train_begin", X=X, y=y)
        try:
            try:
                epochs = self.max_epochs
                if self.checkpoint is not None:
                    self.checkpoint.restore(self)
                    epochs -= len(self.history)
                if not self.best_epoch.exhausted_:
                    self.fit_loop(X, y, epochs=epochs, **fit_params)
            except TrainingStopped:
                pass
            except (KeyboardInterrupt, OSError) as error:
                stopped = error
                self.best_epoch.count_epochs(self)
            except NonFiniteLossError as error:
                stopped = error
            if isinstance(stopped, NonFiniteLossError) or not all_finite(self.module_):
                dict(self.callbacks_)["finite_weights"].restore(self)
            self.notify("on_train_end", X=X, y=y)
        finally:
            # Whatever else ended it, a callback's error or Ctrl-C just now: the weights are those
            # of the epoch that is called the best.
            end_averaging(self)
            self.best_epoch.put_back(self)
        if stopped is not None:
            raise stopped
        return self

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Notify the callbacks; once all have seen an epoch's end, save it, and stop if need be."""
        try:
            if method_name == "on_epoch_end" and self.train_split is None:
                end_epoch_unwatched(self, [one for _, one in self.callbacks_], **cb_kwargs)
            else:
                super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt as interrupt:
            own = {name for name, _ in self._default_callbacks}
            others = [callback for name, callback in self.callbacks_ if name not in own]
            if not raised_by(interrupt, others):
                raise
            raise TrainingStopped from interrupt
        if method_name != "on_epoch_end":
            return
        if self.checkpoint is not None:
            self.checkpoint.save(self)
        if self.best_epoch.exhausted_:
            raise TrainingStopped

    def get_dataset(self, X: Any, y: Any = None) -> Any:
        """Wrap multimodal data; data sets pass through."""
        if is_dataset(X):
            return X
        if not isinstance(X, MultimodalData):
            raise TypeError(f"X must be MultimodalData or a data set, got {type(X).__name__}.")
        table = FeatureTable(
            X.select(list(self.modalities)), dtype=self.dtype, device=str(self.device)
        )
        return RowDataset(table, np.arange(len(X)), y)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        """Batches of rows: shuffled for training, else in order."""
        if training:
            return BatchLoader(dataset, self.batch_size, self.order_, self.accumulation)
        return BatchLoader(dataset, inference_rows(self.device))

    def predict(self, X: Any) -> NDArray[Any]:
        """Predictions in the units of y, or class codes."""
        scores = to_numpy(self.forward(X))
        if isinstance(self.target, ClassTarget):
            return np.asarray(scores.argmax(axis=1))
        return np.asarray(scores)

    def outputs(self, data: MultimodalData) -> Iterator[tuple[NDArray[np.int64], TAMULAGOutput]]:
        """Module outputs of all rows, in large batches of rows of similar length.

        Parameters
        ----------
        data : MultimodalData
            The rows.

        Yields
        ------
        rows : int64 array of shape (B,)
            Which rows these are; the last may come several times.
        output : TAMULAGOutput
            Their outputs, on the net's device.
        """
        self._set_training(False)
        dataset = self.get_dataset(data)
        size = inference_rows(self.device)
        order = inference_order(dataset.lengths, size, dataset.table.tokens)
        with worker_threads():
            for rows, (inputs, _) in zip(order, dataset.batches(order), strict=True):
                with torch.inference_mode():
                    output = self.infer(inputs)
                yield rows, output
