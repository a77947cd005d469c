"""Multimodal sentiment recognition with TAM-ULAG, as scikit-learn estimators."""

from sklearn_tamulag import ensemble
from sklearn_tamulag._version import __version__
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.estimators.classifier import TAMULAGClassifier
from sklearn_tamulag.estimators.reference import reference_params
from sklearn_tamulag.estimators.regressor import TAMULAGRegressor
from sklearn_tamulag.estimators.saving import load, save
from sklearn_tamulag.persistence.former_names import register_former_names
from sklearn_tamulag.preprocessing import MultimodalPadder

__all__ = [
    "MultimodalData",
    "MultimodalPadder",
    "TAMULAGClassifier",
    "TAMULAGRegressor",
    "__version__",
    "ensemble",
    "load",
    "reference_params",
    "save",
]

register_former_names()
