"""scikit-learn's own checks of an estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from sklearn_tamulag import TAMULAGClassifier, TAMULAGRegressor

# Sums in another order round otherwise: exact in float64, with all rows in one batch.
STRICT = {"precision": "float64", "dropout": 0, "early_stopping": False, "batch_size": None}
DECLARED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "rows that are repeated or absent are other rows to dropout, to shuffled batches and to "
        "the held-out part, and float32 does not reach the tolerance of 1e-7"
    )
}


# Fewer and longer steps than by default: one batch is one step, and the checks fit often.
BRIEF = {"max_epochs": 20, "lr": 1e-2}


@parametrize_with_checks(
    [TAMULAGRegressor(**STRICT, **BRIEF), TAMULAGClassifier(**STRICT, **BRIEF)]
)
def test_every_check_holds_where_training_is_exact(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [TAMULAGRegressor(), TAMULAGClassifier()], expected_failed_checks=lambda estimator: DECLARED
)
def test_every_check_but_one_holds_by_default(estimator, check):
    check(estimator)


@pytest.mark.parametrize("kind", [TAMULAGRegressor, TAMULAGClassifier])
def test_no_tag_hides_what_works(kind):
    tags = kind().__sklearn_tags__()
    assert not tags.no_validation
    assert not tags.non_deterministic
    assert not tags._skip_test
    assert not tags.input_tags.allow_nan
    assert tags.requires_fit
    part = tags.regressor_tags if kind is TAMULAGRegressor else tags.classifier_tags
    assert not part.poor_score
