"""Train once per seed, score once per seed: the loop over seeds and splits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from numpy.typing import ArrayLike
from sklearn.base import is_classifier

from sklearn_tamulag.data.sklearn_private import Interval, validate_params
from sklearn_tamulag.metrics._checks import Protocol
from sklearn_tamulag.model_selection._fits import (
    Outcome,
    check_processes,
    fit_and_score,
    shown_progress,
)
from sklearn_tamulag.model_selection._manifest import describe_run
from sklearn_tamulag.model_selection._parts import Split, check_features, read_table
from sklearn_tamulag.model_selection._prepare import prepare, random_state_names
from sklearn_tamulag.model_selection._results import SeedComparison, SeedReport
from sklearn_tamulag.model_selection._scoring import (
    check_protocol_fits,
    make_scorers,
    score_part,
)
from sklearn_tamulag.model_selection._splits import make_splits

SEEDS = (1111, 1112, 1113, 1114, 1115)
LARGEST_SEED = 2**32 - 1

_SHARE = [Interval(Real, 0, 1, closed="neither"), None]


@validate_params(
    {
        "test_size": _SHARE,
        "val_size": _SHARE,
        "random_state": [Interval(Integral, 0, LARGEST_SEED, closed="both")],
        "n_jobs": [Integral, None],
        "n_threads": [Interval(Integral, 1, None, closed="left")],
        "return_estimators": ["boolean"],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def evaluate_seeds(
    estimator: Any,
    X: Any,
    y: ArrayLike,
    *,
    seeds: Sequence[int] = SEEDS,
    X_val: Any = None,
    y_val: ArrayLike | None = None,
    sample_weight_val: ArrayLike | None = None,
    X_test: Any = None,
    y_test: ArrayLike | None = None,
    test_size: float | None = None,
    val_size: float | None = None,
    cv: Any = None,
    groups: ArrayLike | Literal[False] | None = None,
    groups_val: ArrayLike | None = None,
    groups_test: ArrayLike | None = None,
    fit_params: Mapping[str, Any] | None = None,
    protocol: Protocol | None = None,
    scoring: Any = None,
    random_state: int = 0,
    n_jobs: int | None = None,
    n_threads: int = 1,
    return_estimators: bool = False,
    verbose: int = 0,
) -> SeedReport:
    """Train an estimator once per seed and score it on rows that it has never seen.

    Scaling, tuning, early stopping and the scale of the target see training and validation rows
    alone; test rows are predicted once, after the fit. All seeds share the same parts.

    Parameters
    ----------
    estimator : estimator instance
        A regressor or classifier, a pipeline or a search, in which something has a parameter
        random_state. It is cloned for every fit; every parameter random_state becomes the seed.
    X : MultimodalData, DataFrame or array-like of shape (n, d)
        The training rows, and those that parts are carved out of.
    y : array-like of shape (n,)
        Their labels.
    seeds : sequence of int, default=(1111, 1112, 1113, 1114, 1115)
        The seeds, distinct, at least one, from 0 to 2**32 - 1.
    X_val : as X, default=None
        Validation rows: they stop training early, and settings are to be chosen by their scores.
        Pipelines transform them, searches hand them on. Without `X_val` and `val_size` an
        estimator that stops early holds its own out of its training rows, by their groups.
    y_val : array-like of shape (m,), default=None
        Their labels.
    sample_weight_val : array-like of shape (m,), default=None
        Their weights in early stopping. Rows that `val_size` holds out have those of `fit_params`.
    X_test : as X, default=None
        Test rows.
    y_test : array-like of shape (k,), default=None
        Their labels.
    test_size : float in (0, 1), default=None
        Share of the rows of X to test on instead of `X_test`, in whole groups: it is met as nearly
        as these allow. It is 0.2 where none of `X_test`, `cv` and `X_val` is given.
    val_size : float in (0, 1), default=None
        Share of the rows that testing leaves, to validate on instead of `X_val`.
    cv : int, splitter or iterable, default=None
        Cross-validation instead of a single test part: each seed trains once per split, and every
        row is tested once at most. An int keeps groups together. The splits are the same for all
        seeds.
    groups : array-like of shape (n,), False or None, default=None
        The video, speaker or other source of every row; none may have rows in two parts, nor in two
        folds of a search. None takes ``X.groups`` where X is a MultimodalData. False leaves groups
        out of account, as published parts need that divide the clips of one video.
    groups_val, groups_test : array-like of shape (m,) and (k,), default=None
        Those of `X_val` and `X_test`, needed where X has groups; None takes theirs as for X.
    fit_params : dict of str to array-like or DataFrame of n rows, default=None
        Further arguments of fit with a value for each row of X, such as ``unimodal_labels`` or
        ``sample_weight``; each fit is given those of its training rows, and the weights of the rows
        that `val_size` holds out. A search weighs the rows of its folds by ``sample_weight`` too;
        the scores returned here are not weighted.
    protocol : {"mosi", "mosei", "sims"}, default=None
        Takes every score of `sentiment_report`. With `cv` it scores the predictions of all splits
        together.
    scoring : str, callable, list of str or dict, default=None
        Further scorers: names in ``sklearn_tamulag.metrics.SCORERS`` or of scikit-learn, a callable
        ``(estimator, X, y)``, or a dict of these. With `cv` their mean over the splits is taken,
        weighted by test rows. None without a protocol is the estimator's own score.
    random_state : int, default=0
        Seeds how parts are drawn, which the seeds do not change.
    n_jobs : int, default=None
        Processes of joblib that train at the same time. It changes no result.
    n_threads : int, default=1
        Threads of each fit, at least 1; the sums of another number may differ in their last bits.
    return_estimators : bool, default=False
        Whether to keep the fitted estimators.
    verbose : int, default=0
        1 shows a progress bar over the fits; that of each fit is a parameter of the estimator.

    Returns
    -------
    SeedReport
        With `scores` per seed, their `summary`, the `predictions` and the `manifest`.

    Raises
    ------
    TypeError, ValueError
        Before any training: if no parameter random_state exists, seeds repeat, parts overlap or do
        not fit, a protocol or scorer is unknown, labels are out of the protocol's range, or
        validation rows or groups cannot reach an estimator inside another.

    See Also
    --------
    compare_seeds : Two estimators over the same seeds and parts.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> from sklearn_tamulag.model_selection import evaluate_seeds
    >>> data = make_multimodal_sentiment(120, random_state=0)
    >>> report = evaluate_seeds(
    ...     TAMULAGRegressor(max_epochs=2),
    ...     data.X,
    ...     data.y,
    ...     seeds=[1, 2, 3],
    ...     val_size=0.2,
    ...     protocol="mosi",
    ... )
    >>> list(report.scores.columns[:3]), report.scores.columns[-1]
    (['valid_mae', 'valid_corr', 'valid_acc2_has0'], 'test_acc7')
    >>> report.summary.loc["test_mae"].index.tolist()
    ['mean', 'std', 'low', 'high']
    """
    seeds = _check_seeds(seeds)
    random_state_names(estimator)
    ignored = groups is False
    table = read_table("X", X, y, groups, fit_params)
    if table is None:
        raise ValueError("X and y must be given, got None.")
    weights = {} if sample_weight_val is None else {"sample_weight": sample_weight_val}
    if weights and X_val is None:
        raise ValueError("sample_weight_val was given without X_val.")
    valid = read_table("X_val", X_val, y_val, False if ignored else groups_val, weights)
    test = read_table("X_test", X_test, y_test, False if ignored else groups_test)
    for other in (valid, test):
        if other is not None:
            check_features(estimator, table, other)
    splits = make_splits(
        table,
        valid,
        test,
        test_size=test_size,
        val_size=val_size,
        cv=cv,
        stratify=is_classifier(estimator),
        seed=int(random_state),
    )
    if protocol is not None:
        check_protocol_fits(estimator, protocol, splits)
    scorers = make_scorers(estimator, scoring, protocol)
    manifest = describe_run(
        estimator,
        splits,
        seeds,
        {
            "protocol": protocol,
            "scorers": scorers,
            "random_state": int(random_state),
            "n_threads": int(n_threads),
            "groups_left_out_of_account": ignored,
        },
    )
    check_processes(n_jobs)
    # All is prepared, and so refused, before the first fit.
    prepared = [(*prepare(estimator, seed, split), split) for seed in seeds for split in splits]
    coming = "generator" if verbose else "list"
    fits = Parallel(n_jobs=n_jobs, prefer="processes", return_as=coming)(
        delayed(fit_and_score)(*task, scorers, n_threads, return_estimators) for task in prepared
    )
    outcomes = list(shown_progress(fits, len(prepared), int(verbose)))
    n = len(splits)
    by_seed = {seed: outcomes[i * n : (i + 1) * n] for i, seed in enumerate(seeds)}
    scores = {seed: _scores(splits, runs, protocol) for seed, runs in by_seed.items()}
    return SeedReport(
        scores=pd.DataFrame.from_dict(scores, orient="index").rename_axis("seed"),
        predictions=_predictions(splits, by_seed),
        manifest=manifest,
        estimators={seed: [run.estimator for run in runs] for seed, runs in by_seed.items()}
        if return_estimators
        else None,
    )


def compare_seeds(first: Any, second: Any, X: Any, y: ArrayLike, **options: Any) -> SeedComparison:
    """Train two estimators over the same seeds and parts and pair their scores.

    The paired difference is free of what both share, such as an easy test part, so its interval is
    the one that says whether the second estimator is better than the first.

    Parameters
    ----------
    first, second : estimator instance
        The estimators, as for `evaluate_seeds`.
    X : MultimodalData, DataFrame or array-like of shape (n, d)
        The rows.
    y : array-like of shape (n,)
        Their labels.
    **options : dict
        All keyword arguments of `evaluate_seeds`, the same for both.

    Returns
    -------
    SeedComparison
        With the paired `differences`, their `summary`, and both reports.

    Raises
    ------
    TypeError, ValueError
        As `evaluate_seeds`.

    Notes
    -----
    The interval is about seeds: it tells chance in training from a difference between the
    estimators on these test rows, and says nothing of other test rows.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> from sklearn_tamulag.model_selection import compare_seeds
    >>> data = make_multimodal_sentiment(100, random_state=0)
    >>> one, two = TAMULAGRegressor(max_epochs=1), TAMULAGRegressor(max_epochs=2)
    >>> comparison = compare_seeds(one, two, data.X, data.y, seeds=[1, 2], protocol="mosi")
    >>> comparison.differences.shape
    (2, 9)
    """
    for estimator in (first, second):
        random_state_names(estimator)
    if is_classifier(first) != is_classifier(second):
        raise ValueError("first and second must both be classifiers, or both be regressors.")
    for name in ("cv", "seeds"):
        # What can be walked through once must serve both.
        if isinstance(options.get(name), Iterable):
            options[name] = list(options[name])
    return SeedComparison(
        evaluate_seeds(first, X, y, **options), evaluate_seeds(second, X, y, **options)
    )


def _check_seeds(seeds: Sequence[int]) -> list[int]:
    """Refuse seeds that are no seeds, and seeds that repeat."""
    if not isinstance(seeds, Iterable):
        raise TypeError(f"seeds must be a sequence of ints, got {seeds!r}.")
    values = list(seeds)
    if not values:
        raise ValueError("seeds must hold at least one seed, got none.")
    for seed in values:
        whole = isinstance(seed, Integral) and not isinstance(seed, bool)
        if not whole or not 0 <= seed <= LARGEST_SEED:
            raise ValueError(f"seeds must be ints from 0 to 2**32 - 1, got {seed!r}.")
    repeated = sorted({seed for seed in values if values.count(seed) > 1})
    if repeated:
        raise ValueError(
            f"seeds must be distinct, got {repeated} more than once: a repeated run is no new one."
        )
    return [int(seed) for seed in values]


def _scores(
    splits: list[Split], runs: list[Outcome], protocol: Protocol | None
) -> dict[str, float]:
    """All scores of one seed."""
    scores: dict[str, float] = {}
    for name in runs[0].predictions:
        scores |= score_part(
            name,
            [getattr(split, name).y for split in splits],
            [run.predictions[name] for run in runs],
            [run.values[name] for run in runs],
            protocol,
        )
    return scores


def _predictions(
    splits: list[Split], by_seed: Mapping[int, list[Outcome]]
) -> dict[str, pd.DataFrame]:
    """Predictions by part, a column per seed."""
    tables = {}
    for name, _ in splits[0].named():
        if name != "train":
            rows = np.concatenate([getattr(split, name).rows for split in splits])
            columns = {
                seed: np.concatenate([run.predictions[name] for run in runs])
                for seed, runs in by_seed.items()
            }
            tables[name] = pd.DataFrame(columns, index=pd.Index(rows, name="row"))
    return tables
