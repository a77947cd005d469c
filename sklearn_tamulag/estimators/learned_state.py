"""What a fitted estimator has learned, by name, and an estimator that has learned the same."""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
from sklearn.base import is_classifier

from sklearn_tamulag.estimators.options import resolve_device
from sklearn_tamulag.estimators.planning import PlannedNetwork
from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.nn.randomness import drawn_from
from sklearn_tamulag.persistence.estimators import (
    SavedEstimator,
    is_storable,
    learned_attributes,
    restore_attributes,
)
from sklearn_tamulag.persistence.own_classes import named_classes
from sklearn_tamulag.persistence.saved_parameters import without_places
from sklearn_tamulag.text.saved import check_saved_text, check_storable_text
from sklearn_tamulag.training.loop.results import history_frame
from sklearn_tamulag.training.loop.seeding import make_generator, training_modes
from sklearn_tamulag.training.objective.targets import ClassTarget, ScaledTarget
from sklearn_tamulag.training.resuming.net_state import check_counts, net_state, restore_net

_TARGETS = {"ScaledTarget": ScaledTarget, "ClassTarget": ClassTarget}


class SavedNetwork(SavedEstimator, PlannedNetwork):
    """Describes the net and the label memory of an estimator, and builds them again."""

    # Plain learned state. The net, its plan and the label memory are described on their own.
    _learned_names: ClassVar[tuple[str, ...]] = (
        "modalities_",
        "feature_sizes_",
        "transformers_",
        "tokenizers_",
        "n_features_in_",
        "feature_names_in_",
        "classes_",
        "n_iter_",
        "best_iter_",
        "search_history_",
        "unimodal_labels_",
        "unimodal_label_history_",
    )

    _label_memory: LabelMemory | None

    def _learned_state(self) -> dict[str, Any]:
        """Describe the learned state by plain values, by name."""
        names = ("net_", "history_", "_plan", "_label_memory", "_given_callbacks")
        attributes = learned_attributes(self, *names)
        if "unimodal_labels_" in attributes:
            labels = attributes["unimodal_labels_"]
            attributes["unimodal_labels_"] = _with_storable_index(labels)
        if "search_history_" in attributes:
            attributes["search_history_"] = _storable_columns(attributes["search_history_"])
        if not hasattr(self, "net_"):
            return {"attributes": attributes}
        check_storable_text(attributes["transformers_"], attributes["tokenizers_"])
        planned, _ = without_places(self._plan["params"], type(self))
        planned = named_classes(planned, type(self))
        params = {name: value for name, value in planned.items() if is_storable(value)}
        net = net_state(self.net_)
        if "optimizer" not in params:
            # Its place is taken by the default, which cannot go on from another one's state.
            net["optimizer"] = None
        net["history"] = _storable_history(net["history"])
        target = self._plan["target"]
        return {
            "attributes": attributes,
            "plan": {
                "params": params,
                "target": {"class": type(target).__name__, **vars(target)},
                "seed": self._plan["seed"],
            },
            "net": net,
            "label_memory": self._label_memory and self._label_memory.state(),
            "has_history": hasattr(self, "history_"),
        }

    def _restore_learned(self, learned: Mapping[str, Any]) -> None:
        """Learn what another estimator of the same parameters has learned."""
        names = {"attributes", "plan", "net", "label_memory", "has_history"}
        if learned.keys() not in ({"attributes"}, names):
            raise ValueError(f"learned state has the parts {sorted(names)}, got {sorted(learned)}.")
        restore_attributes(self, learned["attributes"])
        check_saved_text(getattr(self, "transformers_", {}), getattr(self, "tokenizers_", {}))
        if "net" not in learned:
            return
        try:
            device = resolve_device(self.device)
        except ValueError as error:
            raise ValueError(f"{error} Give load another device.") from error
        plan = dict(learned["plan"])
        planned, _ = without_places(plan["params"], type(self))
        described = dict(plan["target"])
        if is_classifier(self) != (described["class"] == "ClassTarget"):
            raise ValueError(f"a {type(self).__name__} learns no {described['class']}.")
        plan["target"] = _TARGETS[described.pop("class")](**described)
        # Parameters that could not be stored are as the constructor has them now.
        plan["params"] = self.get_params(deep=False) | planned
        weights = learned["net"]["weights"]
        check_counts(self.feature_sizes_, plan["params"], self.transformers_, weights)
        net = self._plan_net(plan, device)
        with training_modes(), drawn_from(make_generator(plan["seed"], "cpu")):
            restore_net(net, learned["net"])
        self._plan, self.net_ = plan, net
        self._given_callbacks = tuple(self.callbacks or ())
        memory = learned["label_memory"]
        self._label_memory = None
        if memory is not None:
            self._label_memory = LabelMemory.from_state(memory)
            if self._label_memory.present.shape[1] != len(self.modalities_):
                raise ValueError("the label memory is that of other modalities.")
        if learned["has_history"]:
            self.history_ = history_frame(net)


def _with_storable_index(labels: pd.DataFrame) -> pd.DataFrame:
    """Name the rows by strings where their names cannot be stored."""
    if is_storable(labels.index):
        return labels
    warnings.warn(
        f"The rows' names, of type {labels.index.dtype}, cannot be stored without code: in "
        "unimodal_labels_ they are strings after load.",
        UserWarning,
        stacklevel=5,
    )
    return labels.set_axis(labels.index.map(str))


def _storable_columns(history: pd.DataFrame) -> pd.DataFrame:
    """Leave out of the search's history what callbacks have recorded and cannot be stored."""
    lost = [name for name in history.columns if not is_storable(history[[name]])]
    if lost:
        warnings.warn(
            f"{lost} in search_history_ cannot be stored without code, and are left out.",
            UserWarning,
            stacklevel=5,
        )
    return history.drop(columns=lost)


def _storable_history(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of every epoch what callbacks have recorded and cannot be stored."""
    lost = {name for epoch in history for name, value in epoch.items() if not is_storable(value)}
    if lost:
        warnings.warn(
            f"{sorted(lost)} in the history cannot be stored without code, and are left out.",
            UserWarning,
            stacklevel=5,
        )
    return [{name: epoch[name] for name in epoch if name not in lost} for epoch in history]
