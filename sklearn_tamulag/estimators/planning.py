"""From parameters to a net: planned, built once, and built again alike."""

from __future__ import annotations

import copy
from abc import ABCMeta, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_tamulag.estimators.given_rows import GivenRows
from sklearn_tamulag.estimators.options import (
    network_arguments,
    optimizer_arguments,
    own_callback,
    resolve_device,
)
from sklearn_tamulag.estimators.own_classes import check_own_classes
from sklearn_tamulag.estimators.parameters import TAMULAGParameters
from sklearn_tamulag.estimators.precision_choice import resolve_precision
from sklearn_tamulag.estimators.task_weights import are_silent, task_weights
from sklearn_tamulag.nn.module import build_module
from sklearn_tamulag.nn.randomness import drawn_from
from sklearn_tamulag.training.loop.net import TAMULAGNet
from sklearn_tamulag.training.objective.targets import ClassTarget, ScaledTarget

# Not of the plan: callbacks are objects of the caller's, and the seed stands for the other.
_UNPLANNED = ("callbacks", "random_state")


class PlannedNetwork(TAMULAGParameters, metaclass=ABCMeta):
    """Makes a net of constructor parameters, and remembers which."""

    _criterion: ClassVar[type[torch.nn.Module]]
    _default_labels: ClassVar[str]
    net_: TAMULAGNet
    modalities_: tuple[str, ...]
    _plan: dict[str, Any]
    feature_sizes_: dict[str, int | None]
    transformers_: dict[str, dict[str, Any]]
    # What `callbacks` listed when the net was given its own.
    _given_callbacks: tuple[Any, ...] = ()

    @abstractmethod
    def _make_target(
        self, y: NDArray[Any], weight: NDArray[Any], dtype: torch.dtype
    ) -> ScaledTarget | ClassTarget:
        """Learn from the training rows how y becomes what the network is trained on."""

    def _planned_parameters(self) -> dict[str, Any]:
        """The parameters that a net hangs on, as they are now."""
        # A dict that is changed in place later changes nothing of what this net is.
        params = {
            name: copy.deepcopy(value) if isinstance(value, Mapping) else value
            for name, value in self._plain_params().items()
            if name not in _UNPLANNED
        }
        # A network that is loaded where there are other units computes as it was trained.
        return params | {
            "label_generation": self._label_generation(),
            "precision": self._resolved_precision(),
        }

    def _resolved_precision(self) -> str:
        """The precision that "auto" stands for, here and now."""
        if self.precision != "auto":
            return self.precision
        return resolve_precision(self.precision, self.encoders, resolve_device(self.device))

    @property
    def precision_(self) -> str:
        """The precision of the network: what `precision="auto"` has come to."""
        if self.net_.dtype == torch.float64:
            return "float64"
        return "bfloat16" if self.net_.autocast else "float32"

    def _label_generation(self) -> str:
        """The strategy of the labels; "auto" generates none that no task is trained on."""
        if self.label_generation != "auto":
            return self.label_generation
        silent = are_silent(self.unimodal_weight, self.modalities_)
        return "none" if silent else self._default_labels

    def _check_own_classes(self) -> None:
        """Check classes of the user's own with the sizes that the network would give them."""
        params = self._planned_parameters()
        arguments = network_arguments(params, self.feature_sizes_, 1, self.transformers_)
        check_own_classes(
            arguments, torch.float64 if self.precision == "float64" else torch.float32
        )

    def _build_net(
        self,
        given: GivenRows,
        train: NDArray[np.int64],
        device: str,
        seed: int,
        generator: torch.Generator,
    ) -> TAMULAGNet:
        """Assemble the net that these parameters describe and initialise its weights."""
        dtype = torch.float64 if self.precision == "float64" else torch.float32
        target = self._make_target(given.values[train], given.weight[train], dtype)
        self._plan = {"params": self._planned_parameters(), "target": target, "seed": seed}
        self._given_callbacks = tuple(self.callbacks or ())
        net = self._plan_net(self._plan, device, pretrained=True)
        with drawn_from(generator):
            net.initialize()
        # Pre-trained weights are the net's own from here on: it never looks for their source again.
        net.module__modalities = [spec.without_source() for spec in net.module__modalities]
        return net

    def _plan_net(
        self, plan: Mapping[str, Any], device: str, *, pretrained: bool = False
    ) -> TAMULAGNet:
        """Make the net of a plan, not yet initialised; pre-trained weights are asked for or not."""
        params, target = plan["params"], plan["target"]
        labels = params["label_generation"]
        kind = "classifier" if isinstance(target, ClassTarget) else "regressor"
        n_outputs = target.n_classes if isinstance(target, ClassTarget) else 1
        network = network_arguments(params, self.feature_sizes_, n_outputs, self.transformers_)
        if not pretrained:
            network["modalities"] = [spec.without_source() for spec in network["modalities"]]
        return TAMULAGNet(
            build_module,
            self._criterion,
            target=target,
            modalities=self.modalities_,
            dtype=target.dtype,
            autocast=params["precision"] == "bfloat16",
            compiled=params["compile"],
            similarity_mixing=params["label_mixing"] if labels == "ulag" else None,
            task_weights=task_weights(params["unimodal_weight"], self.modalities_, kind, labels),
            modality_dropout=float(params["modality_dropout"]),
            accumulation=params["gradient_accumulation"],
            clipping=params["gradient_clipping"],
            weight_averaging=params["weight_averaging"],
            patience=params["n_iter_no_change"] if params["early_stopping"] else None,
            warmup=params["warmup"],
            schedule=params["schedule"],
            seed=plan["seed"],
            device=device,
            verbose=int(params["verbose"]),
            # A callback keeps its state on itself; the caller's own stay as they are.
            callbacks=[own_callback(callback) for callback in self.callbacks or ()],
            **{f"module__{name}": value for name, value in network.items()},
            **optimizer_arguments(params, self.modalities_, device, self.transformers_),
        )
