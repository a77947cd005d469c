"""One fit and what it leaves, in whatever process it runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import sklearn
from joblib import effective_n_jobs
from joblib.parallel import get_active_backend
from numpy.typing import NDArray

from sklearn_tamulag.model_selection._parts import Split
from sklearn_tamulag.model_selection._scoring import Scorer
from sklearn_tamulag.training.loop.threads import limited_threads


@dataclass(frozen=True)
class Outcome:
    """What one fit leaves.

    Attributes
    ----------
    predictions : dict of str to ndarray
        By part, "valid" and "test" as far as there are such.
    values : dict of str to dict of str to float
        By part, what the scorers gave.
    estimator : estimator instance or None
        The fitted estimator, if it is to be kept.
    """

    predictions: dict[str, NDArray[Any]]
    values: dict[str, dict[str, float]]
    estimator: Any


def check_processes(n_jobs: int | None) -> None:
    """Refuse threads that train at the same time: they would share its number of threads.

    Parameters
    ----------
    n_jobs : int or None
        As joblib reads it.

    Raises
    ------
    ValueError
        If the active backend of joblib runs several jobs in threads.
    """
    backend, active_jobs = get_active_backend(prefer="processes")
    shared = getattr(backend, "supports_sharedmem", False)
    if shared and effective_n_jobs(active_jobs if n_jobs is None else n_jobs) > 1:
        raise ValueError(
            "n_jobs > 1 needs a joblib backend of processes, as loky is: fits in threads of one "
            "process would share its number of threads."
        )


def shown_progress(outcomes: Iterable[Outcome], n_fits: int, verbose: int) -> Iterable[Outcome]:
    """Show a bar over the fits while their outcomes come in.

    Parameters
    ----------
    outcomes : iterable of Outcome
        The outcomes, in the order in which they are to be kept.
    n_fits : int
        How many there will be.
    verbose : int
        0 shows nothing.

    Returns
    -------
    outcomes : iterable of Outcome
        The same.
    """
    if not verbose:
        return outcomes
    # Where a notebook lacks its widgets, tqdm warns as soon as it is imported.
    from tqdm.auto import tqdm

    bar: Iterable[Outcome] = tqdm(outcomes, total=n_fits, unit="fit", desc="evaluating")
    return bar


def fit_and_score(
    estimator: Any,
    metadata: list[str],
    split: Split,
    scorers: Mapping[str, Scorer],
    n_threads: int,
    keep: bool,
) -> Outcome:
    """Fit on training rows, with validation rows where asked for; only then look at test rows.

    Parameters
    ----------
    estimator : estimator instance
        A prepared estimator, which is fitted.
    metadata : list of str
        Which of "X_val", "y_val", "sample_weight_val", "groups" and the names of fit_params its fit
        is given.
    split : Split
        The parts.
    scorers : mapping of str to callable
        Scorers by name.
    n_threads : int
        Threads to compute with.
    keep : bool
        Whether to return the fitted estimator.

    Returns
    -------
    Outcome
        Predictions and scores of validation and test rows.
    """
    given: dict[str, Any] = split.train.fit_params
    if split.valid is not None:
        given["X_val"], given["y_val"] = split.valid.values()
        given["sample_weight_val"] = split.valid.fit_params.get("sample_weight")
    given["groups"] = split.train.groups
    given = {name: given[name] for name in metadata}
    routing: AbstractContextManager[Any] = nullcontext()
    if given:
        routing = sklearn.config_context(enable_metadata_routing=True)
    predictions, values = {}, {}
    with limited_threads(n_threads):
        with routing:
            estimator.fit(*split.train.values(), **given)
        for name, part in split.named():
            if name != "train":
                X, y = part.values()
                predictions[name] = np.asarray(estimator.predict(X))
                values[name] = {key: scorer(estimator, X, y) for key, scorer in scorers.items()}
    return Outcome(predictions, values, estimator if keep else None)
