"""How well a fitted estimator does with every pattern of present modalities."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.metrics import check_scoring
from sklearn.pipeline import Pipeline

from sklearn_tamulag.data.forms import is_multimodal, to_multimodal, with_absent
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.metrics import sentiment_report
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.tokens import holds_texts, is_text_column, with_token_ids


def missing_modality_report(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    scoring: Any = None,
    protocol: Literal["mosi", "mosei", "sims"] | None = None,
) -> pd.DataFrame:
    """Score a fitted estimator with every pattern of present modalities.

    Each of the 2^M - 1 patterns hides all other modalities from every row. Rows that would have
    nothing left, because X itself lacks the modalities of a pattern there, are left out of its
    score, and ``rows`` tells how many remain.

    Parameters
    ----------
    estimator : estimator instance
        A fitted estimator, or a pipeline that takes MultimodalData.
    X : MultimodalData, dict, DataFrame, or list, array or Series of str
        The n rows to score on, by modality. If there are strings, the steps of a pipeline see
        complete rows, and what its last step is given is hidden.
    y : array-like of shape (n,)
        Their labels.
    scoring : str, callable, list, dict or None, default=None
        What to score, as in :func:`sklearn.model_selection.cross_validate`; None is the estimator's
        own ``score``.
    protocol : {"mosi", "mosei", "sims"} or None, default=None
        Where given, the scores are those of :func:`sklearn_tamulag.metrics.sentiment_report` and
        `scoring` must be None.

    Returns
    -------
    report : DataFrame of shape (2^M - 1, M + 1 + scores)
        A row per pattern, complete rows first, indexed by the names of its modalities: a bool
        column per modality, ``rows``, and a column per score, NaN where no row remains.

    Raises
    ------
    TypeError
        If X does not name its modalities.
    ValueError
        If `scoring` and `protocol` are both given, or numbers of rows differ.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> from sklearn_tamulag.inspection import missing_modality_report
    >>> data = make_multimodal_sentiment(100, feature_sizes={"text": 4, "audio": 3}, random_state=0)
    >>> regressor = TAMULAGRegressor(max_epochs=2, random_state=0).fit(data.X, data.y)
    >>> missing_modality_report(regressor, data.X, data.y)[["text", "audio", "rows"]]
                  text  audio  rows
    present
    text + audio  True   True   100
    text          True  False   100
    audio        False   True   100
    """
    if not (is_multimodal(X) or is_text_column(X)):
        raise TypeError(f"X must name its modalities to hide them, got {type(X).__name__}.")
    if scoring is not None and protocol is not None:
        raise ValueError(f"scoring and protocol exclude each other, got both: {protocol!r}.")
    estimator, data = _read_texts(estimator, X)
    labels = np.asarray(y)
    if len(labels) != len(data):
        raise ValueError(f"y must have one value per row of X, {len(data)}, got {len(labels)}.")
    names = data.modalities
    rows, index = [], []
    for size in range(len(names), 0, -1):
        for pattern in combinations(names, size):
            shown = with_absent(data.select(pattern), data.feature_sizes).select(names)
            kept = np.flatnonzero(shown.present.any(axis=1))
            scores: dict[str, float] = {}
            if len(kept):
                scores = _scores(estimator, shown[kept], labels[kept], scoring, protocol)
            flags = {name: name in pattern for name in names}
            rows.append(flags | {"rows": len(kept)} | scores)
            index.append(" + ".join(pattern))
    return pd.DataFrame(rows, index=pd.Index(index, name="present"))


def _read_texts(estimator: Any, X: Any) -> tuple[Any, MultimodalData]:
    """Read the texts of X once, with the tokenizers of fit; what scores the result comes along."""
    if not _has_texts(X):
        return estimator, to_multimodal(X)
    if isinstance(estimator, Pipeline):
        steps, last = estimator[:-1], estimator[-1]
        return _read_texts(last, steps.transform(X) if len(steps) else X)
    states = getattr(estimator, "tokenizers_", {})
    encodings = {name: TextEncoding(**state) for name, state in states.items()}
    sizes = getattr(estimator, "feature_sizes_", None)
    return estimator, to_multimodal(with_token_ids(X, encodings), feature_sizes=sizes)


def _has_texts(X: Any) -> bool:
    """Tell whether a modality of X is strings, or may be, as all cells are missing."""
    if isinstance(X, MultimodalData):
        return False
    if not is_multimodal(X):
        return True
    return any(
        holds_texts(X[name]) and not np.issubdtype(np.asarray(X[name]).dtype, np.number)
        for name in X
    )


def _scores(
    estimator: Any,
    X: MultimodalData,
    y: Any,
    scoring: Any,
    protocol: Literal["mosi", "mosei", "sims"] | None,
) -> dict[str, float]:
    """The scores of one pattern, by name."""
    if protocol is not None:
        report = sentiment_report(y, estimator.predict(X), protocol=protocol)
        return {str(name): float(value) for name, value in report.items()}
    result = check_scoring(estimator, scoring)(estimator, X, y)
    return dict(result) if isinstance(result, dict) else {"score": float(result)}
