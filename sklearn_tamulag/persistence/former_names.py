"""Names that modules had in earlier versions, so that pickles and imports of that time go on."""

import importlib
import sys
import warnings
from types import ModuleType
from typing import Any

_PACKAGE = "sklearn_tamulag"

FORMER_NAMES = {
    "_data": "data.multimodal",
    "classifier": "estimators.classifier",
    "losses": "training.objective.losses",
    "reference": "estimators.reference",
    "regressor": "estimators.regressor",
    "training.callbacks": "training.loop.callbacks",
    "training.health": "training.loop.health",
    "training.missing": "training.loop.stand_ins",
    "training.net": "training.loop.net",
    "training.schedule": "training.loop.schedule",
    "training.targets": "training.objective.targets",
}
"""Where the modules of 0.1 are now that people imported from or that joblib dumps name."""

FORMER_CLASSES = {"AbsentMeans": "StandIns"}
"""What stands in such a module under another name now."""


class FormerModule(ModuleType):
    """A module under its former name, which loads the one of today when it is asked for something.

    Parameters
    ----------
    name : str
        The former name, whole.
    target : str
        The name of today, whole.
    """

    def __init__(self, name: str, target: str) -> None:
        super().__init__(name, f"Former name of {target}.")
        self._target = target

    def __getattr__(self, attribute: str) -> Any:
        # Whoever walks over the loaded modules asks for such names, and means no import.
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        warnings.warn(
            f"{self.__name__} is {self._target} now, and the former name will go: import from "
            f"{_PACKAGE} itself, and dump again what was dumped with it.",
            DeprecationWarning,
            stacklevel=2,
        )
        name = FORMER_CLASSES.get(attribute, attribute)
        return getattr(importlib.import_module(self._target), name)


def register_former_names() -> None:
    """Make the former names importable; the modules behind them are not loaded yet."""
    for former, now in FORMER_NAMES.items():
        name = f"{_PACKAGE}.{former}"
        sys.modules.setdefault(name, FormerModule(name, f"{_PACKAGE}.{now}"))
