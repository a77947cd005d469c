"""What the regressor and the classifier share: validate, build the net, train, read results."""

from __future__ import annotations

from abc import ABCMeta
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray

from sklearn_tamulag.data.containers import open_container
from sklearn_tamulag.data.fingerprint import row_keys
from sklearn_tamulag.data.forms import modality_names
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.naming import check_modality_names
from sklearn_tamulag.estimators.continuing import apply_changes, check_continued, further_split
from sklearn_tamulag.estimators.encoders import frozen_caches, learn_text
from sklearn_tamulag.estimators.given_rows import FitRows, GivenRows, RowReading
from sklearn_tamulag.estimators.learned_state import SavedNetwork
from sklearn_tamulag.estimators.options import (
    label_strategy,
    resolve_device,
)
from sklearn_tamulag.estimators.outputs import NetworkOutputs, row_index
from sklearn_tamulag.estimators.refitting import check_refit, refitted
from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.training.feeding.frozen import with_frozen_states
from sklearn_tamulag.training.feeding.rows import FeatureTable, RowDataset
from sklearn_tamulag.training.feeding.splitting import split_rows
from sklearn_tamulag.training.loop.compilation import check_compiler
from sklearn_tamulag.training.loop.results import history_frame, label_frame, label_history
from sklearn_tamulag.training.loop.seeding import (
    draw_seed,
    further_seed,
    make_generator,
    training_modes,
)
from sklearn_tamulag.training.objective.human_labels import encode_human_labels
from sklearn_tamulag.training.resuming.checkpoint import EpochCheckpoint, open_checkpoint


class BaseTAMULAG(NetworkOutputs, RowReading, SavedNetwork, metaclass=ABCMeta):
    """Base of the TAM-ULAG estimators."""

    _criterion: ClassVar[type[torch.nn.Module]]
    _stratify: ClassVar[bool]
    _default_labels: ClassVar[str]

    @training_modes()
    def _fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        unimodal_labels: pd.DataFrame | None = None,
        incremental: bool = False,
    ) -> Self:
        """Validate everything, then train: a new net, or the one at hand."""
        fresh = not (hasattr(self, "net_") and (incremental or self.warm_start))
        device = self._check_settings(y)
        anew = check_refit(self, X_val, incremental=incremental)
        X = open_container(X, modality_names(self, reset=fresh))
        if fresh:
            self.transformers_, self.tokenizers_ = learn_text(self.encoders, X)
        else:
            check_continued(self)
        data = self._read(X, reset=fresh)
        if fresh:
            self._check_own_classes()
        given = self._read_rows(
            data, y, sample_weight, groups, unimodal_labels, learn=fresh and not incremental
        )
        outside = self._read_validation(X_val, y_val, sample_weight_val, given)
        seed = draw_seed(self.random_state) if fresh else self._plan["seed"]
        train, held_out = self._split(given, outside, seed, incremental=incremental)
        keys = row_keys(data, given.values)
        if not fresh and len(held_out) and self._label_memory is not None:
            train, held_out = further_split(
                train, held_out, self._label_memory.knows(keys), given.groups
            )
        checkpoint = None if incremental else self._open_checkpoint(given, outside, train, held_out)
        if fresh:
            self.__dict__.pop("search_history_", None)
            generator = self._begin(given, train, device, seed)
        else:
            apply_changes(self, device)
            self.net_.best_epoch.epoch_ = self.best_iter_
            # An int asks for the draws of its own.
            own = isinstance(self.random_state, Integral)
            seed = draw_seed(self.random_state) if own else seed
            generator = make_generator(further_seed(seed, len(self.net_.history)), device)
        epochs = 1 if incremental else int(self.max_epochs)
        scheduled = 0 if incremental else epochs
        rows = FitRows(given, outside, train, held_out, keys)
        self._train(rows, checkpoint, generator, epochs, scheduled)
        if anew and self.best_iter_:
            both = FitRows(
                given, None, np.sort(np.concatenate([train, held_out])), held_out[:0], keys
            )
            best = self.best_iter_
            again = None if checkpoint is None else checkpoint.of_refit(best)

            def train_anew(twin: BaseTAMULAG) -> None:
                # The rates are those of the same epochs of the search.
                twin._train(both, again, twin._begin(given, both.train, device, seed), best, epochs)

            refitted(self, train_anew)
        return self

    def _begin(
        self, given: GivenRows, train: NDArray[np.int64], device: str, seed: int
    ) -> torch.Generator:
        """Make a new net, and return the generator that its training draws from."""
        generator = make_generator(seed, "cpu")
        self._label_memory = None
        self.net_ = self._build_net(given, train, device, seed, generator)
        return generator if torch.device(device).type == "cpu" else make_generator(seed, device)

    def _check_settings(self, y: Any) -> str:
        """Check what needs no data, and return the device to train on."""
        self._validate_params()
        check_modality_names("expected_modalities", self.expected_modalities)
        device = resolve_device(self.device)
        if self.compile:
            check_compiler(device)
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        return device

    def _split(
        self,
        given: GivenRows,
        outside: GivenRows | None,
        seed: int,
        *,
        incremental: bool,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Split rows into those that are trained on and those that choose the best epoch."""
        # Rows of weight zero are as if absent.
        rows = np.flatnonzero(given.weight)
        if not self.early_stopping or outside is not None or incremental:
            return rows, np.empty(0, dtype=np.int64)
        places, held_out_places = split_rows(
            given.values[rows],
            self.validation_fraction,
            stratify=self._stratify,
            groups=None if given.groups is None else given.groups[rows],
            seed=seed,
            classes=getattr(self, "classes_", None),
        )
        return rows[places], rows[held_out_places]

    def _open_checkpoint(
        self,
        given: GivenRows,
        outside: GivenRows | None,
        train: NDArray[np.int64],
        held_out: NDArray[np.int64],
    ) -> EpochCheckpoint | None:
        """Find the files of this very fit, or where they are to be, if any are asked for."""
        if self.checkpoint is None:
            return None
        content = {
            "X": given.data,
            "y": given.values,
            "sample_weight": given.weight,
            "groups": given.groups,
            "unimodal_labels": given.human,
            "X_val": outside and outside.data,
            "y_val": outside and outside.values,
            "sample_weight_val": outside and outside.weight,
            # Which rows these are is also a matter of how this version of scikit-learn splits.
            "training rows": train,
            "validation rows": held_out,
        }
        params = self._plain_params() | {"precision": self._resolved_precision()}
        return open_checkpoint(self.checkpoint, type(self).__name__, params, content)

    def _datasets(
        self,
        given: GivenRows,
        train: NDArray[np.int64],
        held_out: NDArray[np.int64],
        outside: GivenRows | None,
    ) -> tuple[RowDataset, RowDataset | None]:
        """The training rows and, if there are any, the validation rows, ready to be gathered."""
        net, caches = self.net_, frozen_caches(self.encoders)

        def table(rows: MultimodalData) -> FeatureTable:
            states = with_frozen_states(rows, net, caches)
            return FeatureTable(states, dtype=net.dtype, device=str(net.device))

        own = table(given.data)
        dataset, valid = (
            RowDataset(own, rows, given.values[rows], given.weight[rows])
            for rows in (train, held_out)
        )
        if len(held_out):
            return dataset, valid
        if outside is None:
            return dataset, None
        rows = np.flatnonzero(outside.weight)
        valid = RowDataset(table(outside.data), rows, outside.values[rows], outside.weight[rows])
        return dataset, valid

    def _train(
        self,
        rows: FitRows,
        checkpoint: EpochCheckpoint | None,
        generator: torch.Generator,
        epochs: int,
        scheduled_epochs: int,
    ) -> None:
        """Run the net over the rows and keep what it learned, also when interrupted."""
        net, params = self.net_, self._plain_params()
        dataset, valid = self._datasets(rows.given, rows.train, rows.held_out, rows.outside)
        human, valid_human = (
            encode_human_labels(rows.given.human, part, net.target, str(net.device))
            for part in (rows.train, rows.held_out)
        )
        net.max_epochs, net.scheduled_epochs = epochs, scheduled_epochs
        net.batch_size = params["batch_size"] or len(dataset)
        propose = label_strategy(self._label_generation(), params)
        memory = LabelMemory(
            net.target.encode(dataset.y),
            dataset.weight,
            dataset.present,
            propose,
            fingerprint=dataset.fingerprint,
            human=human,
            row_keys=torch.from_numpy(rows.keys[rows.train]),
        )
        if self._label_memory is not None:
            memory.resume(self._label_memory)
        try:
            net.fit_labels(dataset, memory, valid, valid_human, checkpoint, generator)
        finally:
            memory.release()
            self._label_memory = memory
            self.history_ = history_frame(net)
            self.n_iter_ = len(self.history_)
            self.best_iter_ = net.best_epoch.epoch_
            self._keep_labels(memory, dataset, rows.given.data)

    def _keep_labels(self, memory: LabelMemory, dataset: RowDataset, data: MultimodalData) -> None:
        """Put the unimodal labels in the order of the rows given to fit."""
        self.unimodal_label_history_ = label_history(
            memory, dataset.rows, len(data), self.net_.target.decode
        )
        epochs = len(self.unimodal_label_history_)
        if epochs:
            # After partial_fit on other rows, the labels are younger than the net.
            best = max(self.best_iter_ - 1 - (self.n_iter_ - epochs), 0)
            labels = self.unimodal_label_history_[best]
        else:
            shape = (len(data), *memory.labels.shape[1:])
            labels = np.full(shape, np.nan)
        self.unimodal_labels_ = label_frame(
            labels, self.modalities_, getattr(self, "classes_", None), row_index(data)
        )
