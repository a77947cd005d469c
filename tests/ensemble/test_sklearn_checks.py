"""scikit-learn's own checks of the ensembles."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_tamulag import TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.ensemble import SeedEnsembleClassifier, SeedEnsembleRegressor

# Sums in another order round otherwise: exact in float64, with all rows in one batch.
STRICT = {"precision": "float64", "dropout": 0, "early_stopping": False, "batch_size": None}
TINY = {"hidden_size": 8, "embedding_size": 8, "fusion_size": 16, "max_epochs": 20, "lr": 2e-2}


@pytest.mark.slow
@parametrize_with_checks(
    [
        SeedEnsembleRegressor(TAMULAGRegressor(**STRICT, **TINY), 2),
        SeedEnsembleClassifier(TAMULAGClassifier(**STRICT, **TINY), 2),
    ]
)
def test_every_check_holds(estimator, check):
    check(estimator)
