"""Multimodal sentiment recognition with TAM-ULAG, as scikit-learn estimators."""

from sklearn_tamulag._data import MultimodalData
from sklearn_tamulag._saving import load, save
from sklearn_tamulag._version import __version__
from sklearn_tamulag.classifier import TAMULAGClassifier
from sklearn_tamulag.preprocessing import MultimodalPadder
from sklearn_tamulag.reference import reference_params
from sklearn_tamulag.regressor import TAMULAGRegressor

__all__ = [
    "MultimodalData",
    "MultimodalPadder",
    "TAMULAGClassifier",
    "TAMULAGRegressor",
    "__version__",
    "load",
    "reference_params",
    "save",
]
