"""Which scores are taken, and how those of several splits become one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring, get_scorer

from sklearn_tamulag.metrics import SCORERS, sentiment_report
from sklearn_tamulag.metrics._checks import Protocol, check_labels, check_protocol
from sklearn_tamulag.model_selection._parts import Split

Scorer = Callable[[Any, Any, Any], float]


def make_scorers(estimator: Any, scoring: Any, protocol: str | None) -> dict[str, Scorer]:
    """Read the argument `scoring`.

    Parameters
    ----------
    estimator : estimator instance
        The estimator to be scored.
    scoring : str, callable, list of str, dict or None
        As for `evaluate_seeds`.
    protocol : str or None
        Whose scores are taken in any case.

    Returns
    -------
    dict of str to callable
        Scorers by name; none for None with a protocol, the estimator's own without.

    Raises
    ------
    TypeError
        If it is of another kind.
    ValueError
        If a name is unknown.
    """
    if scoring is None:
        return {} if protocol is not None else {"score": check_scoring(estimator)}
    if callable(scoring):
        return {"score": scoring}
    if isinstance(scoring, str):
        scoring = [scoring]
    if not isinstance(scoring, Iterable):
        raise TypeError(f"scoring must be names, a callable or a dict of these, got {scoring!r}.")
    named = scoring if isinstance(scoring, Mapping) else {name: name for name in scoring}
    return {name: _scorer(value) for name, value in named.items()}


def _scorer(value: Any) -> Scorer:
    """Find a scorer by name, this package's first."""
    if callable(value):
        return value
    if value in SCORERS:
        return SCORERS[value]
    try:
        return get_scorer(value)
    except ValueError as error:
        raise ValueError(
            f"scoring must name scorers, got {value!r}: {list(SCORERS)} are known, and all that "
            "sklearn.metrics.get_scorer_names() lists."
        ) from error


def check_protocol_fits(estimator: Any, protocol: Protocol, splits: list[Split]) -> None:
    """Find out before any training whether predictions can be scored by a protocol.

    Parameters
    ----------
    estimator : estimator instance
        The estimator to be scored.
    protocol : {"mosi", "mosei", "sims"}
        The protocol.
    splits : list of Split
        The parts of every fit.

    Raises
    ------
    TypeError, ValueError
        If the protocol is unknown, the estimator is a classifier, labels are no numbers or out of
        the protocol's range, or a part holds true zeros only where these are dropped.
    """
    check_protocol(protocol)
    if is_classifier(estimator):
        raise ValueError(
            f"protocol={protocol!r} scores sentiment as a number, and {type(estimator).__name__} "
            "predicts classes: pass scoring instead."
        )
    for table in {id(part.table): part.table for s in splits for _, part in s.named()}.values():
        check_labels(table.y, protocol, name=table.name.replace("X", "y"))
    for name in ("valid", "test"):
        parts = [part for split in splits if (part := getattr(split, name)) is not None]
        if parts:
            y = np.concatenate([part.y for part in parts])
            try:
                sentiment_report(y, y, protocol=protocol)
            except ValueError as error:
                raise ValueError(f"The {name} part cannot be scored: {error}") from error


def score_part(
    name: str,
    y: list[NDArray[Any]],
    predictions: list[NDArray[Any]],
    scorer_values: list[dict[str, float]],
    protocol: Protocol | None,
) -> dict[str, float]:
    """Scores of one part and one seed, over all splits.

    Parameters
    ----------
    name : {"valid", "test"}
        The part, which the scores are named after.
    y, predictions : list of ndarray
        Truth and prediction of every split; the protocol scores them together.
    scorer_values : list of dict of str to float
        What the scorers gave in every split; averaged, each split weighing its rows.
    protocol : str or None
        The protocol.

    Returns
    -------
    dict of str to float
        The scores.
    """
    scores: dict[str, float] = {}
    if protocol is not None:
        report = sentiment_report(np.concatenate(y), np.concatenate(predictions), protocol=protocol)
        scores.update({str(metric): float(value) for metric, value in report.items()})
    rows = [len(part) for part in y]
    for metric in scorer_values[0]:
        values = [split[metric] for split in scorer_values]
        scores[metric] = float(np.average(values, weights=rows))
    return {f"{name}_{metric}": value for metric, value in scores.items()}
