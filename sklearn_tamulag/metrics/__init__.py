"""Scores of multimodal sentiment recognition, as its published tables define them.

The field's tables share names but not definitions. Two questions decide what a binary accuracy
means: are rows whose true sentiment is zero kept, and on which side does a zero stand?

================  =====================  ======================  ===========================
score             rows                   negative class          positive class
================  =====================  ======================  ===========================
``acc2_has0``     all                    sentiment < 0           sentiment >= 0
``acc2_nonzero``  true zeros dropped     sentiment <= 0          sentiment > 0
``acc2_sims``     all, clipped to +-1    sentiment <= 0          sentiment > 0
================  =====================  ======================  ===========================

CMU-MOSI and CMU-MOSEI tables that follow Self-MM or MISA print two numbers, "has0 / nonzero";
MulT's are nonzero. CH-SIMS tables use the third definition. An F1 beside such an accuracy is the
weighted F1 over the same two classes and the same rows.

``acc2_has0`` turns on a hair: true zeros count as positive, so a model that says 0 for them is
right with 0.0 and wrong with -0.01. Shifting every prediction by -0.01 can cost it every neutral
row. ``acc2_nonzero`` has no such cliff.

Every score here is exact under permutation of the rows: the sums behind the mean absolute error and
the correlation are rounded once, at the end.
"""

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
from sklearn_tamulag.metrics._report import sentiment_report
from sklearn_tamulag.metrics._scorers import (
    SCORERS,
    acc2_has0_scorer,
    acc2_nonzero_scorer,
    acc2_sims_scorer,
    acc3_scorer,
    acc5_scorer,
    acc5_sims_scorer,
    acc7_scorer,
    corr_scorer,
    f1_has0_scorer,
    f1_nonzero_scorer,
    f1_sims_scorer,
    neg_mae_scorer,
)
from sklearn_tamulag.metrics._unimodal import unimodal_label_report

__all__ = [
    "SCORERS",
    "acc2_has0_score",
    "acc2_has0_scorer",
    "acc2_nonzero_score",
    "acc2_nonzero_scorer",
    "acc2_sims_score",
    "acc2_sims_scorer",
    "acc3_score",
    "acc3_scorer",
    "acc5_score",
    "acc5_scorer",
    "acc5_sims_scorer",
    "acc7_score",
    "acc7_scorer",
    "corr_score",
    "corr_scorer",
    "f1_has0_score",
    "f1_has0_scorer",
    "f1_nonzero_score",
    "f1_nonzero_scorer",
    "f1_sims_score",
    "f1_sims_scorer",
    "mae_score",
    "neg_mae_scorer",
    "sentiment_report",
    "unimodal_label_report",
]
