"""The same network from several seeds, as one estimator: means of what its members say."""

from sklearn_tamulag.ensemble.classifier import SeedEnsembleClassifier
from sklearn_tamulag.ensemble.regressor import SeedEnsembleRegressor
from sklearn_tamulag.estimators.saving import register_gathering

__all__ = ["SeedEnsembleClassifier", "SeedEnsembleRegressor"]

register_gathering(SeedEnsembleRegressor)
register_gathering(SeedEnsembleClassifier)
