"""A scikit-learn scorer of every score."""

from sklearn.metrics import make_scorer

from sklearn_tamulag.metrics._binary import (
    acc2_has0_score,
    acc2_nonzero_score,
    acc2_sims_score,
    f1_has0_score,
    f1_nonzero_score,
    f1_sims_score,
)
from sklearn_tamulag.metrics._continuous import corr_score, mae_score
from sklearn_tamulag.metrics._multiclass import acc3_score, acc5_score, acc7_score

acc2_has0_scorer = make_scorer(acc2_has0_score)
acc2_nonzero_scorer = make_scorer(acc2_nonzero_score)
acc2_sims_scorer = make_scorer(acc2_sims_score)
acc3_scorer = make_scorer(acc3_score)
acc5_scorer = make_scorer(acc5_score)
acc5_sims_scorer = make_scorer(acc5_score, protocol="sims")
acc7_scorer = make_scorer(acc7_score)
f1_has0_scorer = make_scorer(f1_has0_score)
f1_nonzero_scorer = make_scorer(f1_nonzero_score)
f1_sims_scorer = make_scorer(f1_sims_score)
corr_scorer = make_scorer(corr_score)
neg_mae_scorer = make_scorer(mae_score, greater_is_better=False)

#: Every scorer by name, ready for the ``scoring`` of `sklearn.model_selection.cross_validate`.
SCORERS = {
    "acc2_has0": acc2_has0_scorer,
    "acc2_nonzero": acc2_nonzero_scorer,
    "acc2_sims": acc2_sims_scorer,
    "acc3": acc3_scorer,
    "acc5": acc5_scorer,
    "acc5_sims": acc5_sims_scorer,
    "acc7": acc7_scorer,
    "f1_has0": f1_has0_scorer,
    "f1_nonzero": f1_nonzero_scorer,
    "f1_sims": f1_sims_scorer,
    "corr": corr_scorer,
    "neg_mae": neg_mae_scorer,
}
