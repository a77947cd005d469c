"""From the classes that y gives to what the network is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sklearn_tamulag.estimators.given_rows import GivenRows
from sklearn_tamulag.training.objective.classes import check_classes, class_codes, class_weights
from sklearn_tamulag.training.objective.targets import ClassTarget


class ClassTargets:
    """Reads classes: which there are, what each row weighs for its class, and the target."""

    classes_: NDArray[Any]
    class_weight: Mapping[Any, float] | str | None

    def _read_target(
        self, y: Any, weight: NDArray[np.float64], *, learn: bool, name: str = "y"
    ) -> NDArray[np.int64]:
        values = check_classes(y, name)
        if learn:
            self.classes_ = np.unique(values[weight > 0])
        if len(self.classes_) < 2:
            raise ValueError(
                "y must have at least two classes, got one class only: "
                f"{self.classes_.tolist()[0]!r}."
            )
        return class_codes(values, self.classes_, weight, name)

    def _weigh_classes(
        self,
        values: NDArray[Any],
        weight: NDArray[np.float64],
        learned_from: GivenRows | None = None,
    ) -> NDArray[np.float64]:
        classes, learned = self.classes_, None
        if learned_from is not None:
            learned = classes[learned_from.values], learned_from.sample_weight
        return class_weights(classes[values], weight, self.class_weight, learned)

    def _make_target(
        self, y: NDArray[np.int64], weight: NDArray[np.float64], dtype: torch.dtype
    ) -> ClassTarget:
        return ClassTarget(n_classes=len(self.classes_), dtype=dtype)
