"""How labels of single modalities agree with the truth, and how the multimodal label does."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_tamulag.data.frames import row_names
from sklearn_tamulag.data.label_frames import check_label_columns, check_label_rows, label_numbers
from sklearn_tamulag.metrics._checks import _check_values, _check_weight
from sklearn_tamulag.metrics._continuous import corr_score, mae_score, weighted_share


def unimodal_label_report(
    generated: pd.DataFrame,
    truth: pd.DataFrame,
    y: ArrayLike | None = None,
    *,
    neutral: float = 0.0,
    sample_weight: ArrayLike | None = None,
) -> pd.DataFrame:
    """How well generated unimodal labels agree with the truth, modality by modality.

    A generated label is of use where it is nearer to the truth than the multimodal label, which is
    every modality's label if none is generated. So y is scored beside it, on the same rows.

    Parameters
    ----------
    generated : DataFrame of shape (n, M)
        A column of labels per modality, as ``unimodal_labels_`` of a regressor; NaN where a row has
        none.
    truth : DataFrame of shape (n, any)
        What people said of the modalities, or what is known of them; NaN where it is not. Its rows
        are those of `generated`, in their order; an index that names them must agree. Columns that
        `generated` lacks are left aside, and so the other way round.
    y : array-like of shape (n,), default=None
        The multimodal label of every row, in the same units.
    neutral : float, default=0.0
        The label that is neither positive nor negative.
    sample_weight : array-like of shape (n,), default=None
        The weight of each row in the scores, 0 or more; rows of weight 0 are left out.

    Returns
    -------
    DataFrame of shape (M, 5) or (M, 8)
        A row per modality of both tables. ``corr`` is Pearson's correlation with the truth
        (NaN where either is constant), ``mae`` the mean absolute error, and ``polarity`` the share
        of the rows on the truth's side of `neutral`, among those whose truth has a side. With y,
        ``y_corr``, ``y_mae`` and ``y_polarity`` say the same of y. ``rows`` counts the rows that
        have both labels, and ``left_out`` the others. A score of no rows is NaN.

    Raises
    ------
    TypeError
        If a table is no DataFrame, has a column per modality and class, or a value is no number.
    ValueError
        If the tables have no modality in common, rows differ in number or name, or a value is
        infinite.

    See Also
    --------
    sklearn_tamulag.inspection.UnimodalLabelDisplay : Draws the same labels.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn_tamulag.metrics import unimodal_label_report
    >>> generated = pd.DataFrame({"text": [1.0, -2.0, np.nan], "audio": [0.5, -2.0, 1.0]})
    >>> truth = pd.DataFrame({"text": [2.0, -2.0, 1.0], "audio": [1.0, -1.0, 0.0]})
    >>> report = unimodal_label_report(generated, truth, y=[1.0, -1.0, -1.0])
    >>> report[["corr", "mae", "polarity", "rows", "left_out"]].round(2)
              corr  mae  polarity  rows  left_out
    modality
    text      1.00  0.50      1.0     2         1
    audio     0.78  0.83      1.0     3         0
    >>> report.loc["audio", ["y_corr", "y_mae", "y_polarity"]].round(2).tolist()
    [0.87, 0.33, 1.0]
    """
    check_label_columns("generated", generated)
    check_label_columns("truth", truth)
    if generated.columns.nlevels > 1:
        raise TypeError(
            "generated must have a column per modality, got one per modality and class: labels of "
            "a classifier are distributions, which have no correlation with the truth."
        )
    check_label_rows("truth", truth, "generated", len(generated), row_names(generated))
    if not isinstance(neutral, Real) or not math.isfinite(neutral):
        raise ValueError(f"neutral must be a finite number, got {neutral!r}.")
    multimodal = None if y is None else _check_values(y, "y")
    if multimodal is not None and len(multimodal) != len(generated):
        raise ValueError(
            f"y must have one value per row of generated: that has {len(generated)} rows, y has "
            f"{len(multimodal)}."
        )
    modalities = [name for name in generated.columns if name in truth]
    if not modalities:
        raise ValueError(
            f"truth must have a modality of generated, which are {list(generated.columns)}; its "
            f"columns are {list(truth.columns)}."
        )
    weight = None if sample_weight is None else _check_weight(sample_weight, len(generated))
    rows: list[dict[str, Any]] = []
    for name in modalities:
        labels = label_numbers(f"generated[{name!r}]", generated[name])
        true = label_numbers(f"truth[{name!r}]", truth[name])
        known = ~np.isnan(labels) & ~np.isnan(true)
        known &= True if weight is None else weight > 0
        known_weight = None if weight is None else weight[known]
        row: dict[str, Any] = _agreement(true[known], labels[known], known_weight, neutral, "")
        if multimodal is not None:
            row |= _agreement(true[known], multimodal[known], known_weight, neutral, "y_")
        rows.append(row | {"rows": int(known.sum()), "left_out": int((~known).sum())})
    return pd.DataFrame(rows, index=pd.Index(modalities, name="modality"))


def _agreement(
    truth: NDArray[np.float64],
    labels: NDArray[Any],
    weight: NDArray[np.float64] | None,
    neutral: float,
    prefix: str,
) -> dict[str, float]:
    """Correlation, absolute error and share of equal sides of labels and truth."""
    sides = np.sign(truth - neutral)
    sided = sides != 0
    same = np.sign(labels[sided] - neutral) == sides[sided]
    sided_weight = None if weight is None else weight[sided]
    return {
        f"{prefix}corr": corr_score(truth, labels, sample_weight=weight)
        if len(truth)
        else math.nan,
        f"{prefix}mae": mae_score(truth, labels, sample_weight=weight) if len(truth) else math.nan,
        f"{prefix}polarity": weighted_share(same, sided_weight) if len(same) else math.nan,
    }
