"""The error that no model can go below on generated data, estimated from their distribution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from sklearn_tamulag.data.sklearn_private import StrOptions, validate_params
from sklearn_tamulag.datasets._readings import reading_variances
from sklearn_tamulag.datasets._world_parameters import CONSTRAINTS, check_world
from sklearn_tamulag.datasets._worlds import DEVIATION, World, latent_sentiments, scaled

METRICS = ("mae", "rmse", "sign", "zero_one")
"""Names of the errors that `best_possible_error` knows."""

# Draws from the posterior of a row: the median of so many adds .2 % to the error.
N_DRAWS = 400
CHUNK = 2000

_TAKEN = (
    "world",
    "feature_sizes",
    "length_range",
    "cue_density",
    "agreement",
    "difficulty",
    "noise",
    "noise_correlation",
    "missing_rate",
    "n_classes",
    "n_samples",
    "random_state",
)


@validate_params(
    {**{name: CONSTRAINTS[name] for name in _TAKEN}, "metric": [StrOptions(set(METRICS))]},
    prefer_skip_nested_validation=True,
)
def best_possible_error(
    world: str = "mean",
    *,
    metric: str = "mae",
    feature_sizes: Mapping[str, int] | None = None,
    length_range: tuple[int, int] = (10, 40),
    cue_density: float = 1 / 6,
    agreement: float = 0.5,
    difficulty: float = 1.0,
    noise: float = 1.0,
    noise_correlation: float = 0.0,
    missing_rate: float = 0.0,
    n_classes: int | None = None,
    n_samples: int = 100_000,
    random_state: int | np.random.RandomState | None = 0,
) -> float:
    r"""Estimate the least error that a model can have on generated data.

    The estimate is that of an oracle. It knows the distribution that
    :func:`make_multimodal_sentiment` draws from, with the two axes of every modality, and of every
    row which steps are cues. It does not know the sentiments: it reads them from the cues, through
    their noise, and answers with what is best for `metric` given all readings. No model that is
    given the sequences alone can be better, and since such a model has to find the cues as well,
    the best of them stays a little above.

    Parameters
    ----------
    world : {"mean", "order", "dominant", "loudest", "sarcasm"}, default="mean"
        What y is; see :func:`make_multimodal_sentiment`.
    metric : {"mae", "rmse", "sign", "zero_one"}, default="mae"
        Mean absolute error; root of the mean squared error; share of the rows whose sign of y is
        missed (1 - Acc2); share of the rows whose class is missed (1 - accuracy), for which
        `n_classes` is needed.
    feature_sizes : dict of str to int, default=None
        The modalities, in their order. Their sizes make no difference.
    length_range : tuple of two int, default=(10, 40)
        As the data's.
    cue_density : float in (0, 1], default=1/6
        As the data's.
    agreement : float in [0, 1], default=0.5
        As the data's.
    difficulty : float >= 0, default=1.0
        As the data's. It makes a difference where `noise_correlation` is above 0: the steps
        between the cues then tell of the noise on the cues, the less so the larger their own
        meaningless values are.
    noise : float >= 0, default=1.0
        As the data's.
    noise_correlation : float in [0, 1), default=0.0
        As the data's. Above 0 the computation takes some times as long.
    missing_rate : float in [0, 1), default=0.0
        As the data's.
    n_classes : int >= 2, default=None
        As the data's, for "zero_one".
    n_samples : int, default=100_000
        Rows that are drawn. The estimate's standard error falls with its root; it is .0004 for the
        MAE of 100,000 rows.
    random_state : int, RandomState instance or None, default=0
        Source of randomness; an int gives an equal result on every call.

    Returns
    -------
    float
        The error; 0 is the best.

    Raises
    ------
    ValueError
        If a parameter is out of its range, `world` needs more than is asked for, or `n_classes` is
        missing.

    Notes
    -----
    Let c be the vector of the multiples of the sentiment that the T steps of a sequence show (1 on
    a cue, 0 between; in "order" -1, 0 or 1 on a cue), and S the T x T covariance of noise and
    meaningless values along the first axis. The readings of these steps are
    :math:`2 c t + e, e \sim N(0, S)`, and all that they tell of t is one normal reading of
    variance :math:`v = 1 / (4 c^T S^{-1} c)`; without correlation in time
    :math:`v = \mathrm{noise}^2 / (4 K)` for K telling cues. The oracle is shown such a reading of
    every modality that is present, draws 400 times from the posterior of the sentiments, and
    combines the y of the draws: by their median, mean, more frequent sign or class. The draws are
    those of a normal posterior, weighted for the clipping of the sentiments. (Where `noise` is
    next to 0, a sentiment beyond the limits is taken for the limit, which leaves .003 of MAE in
    "mean", "order" and "dominant".)

    Examples
    --------
    >>> from sklearn_tamulag.datasets import best_possible_error
    >>> round(best_possible_error(n_samples=2000), 2)
    0.16
    >>> round(best_possible_error("sarcasm", metric="sign", n_samples=2000), 2)
    0.12
    """
    rules, sizes, ends = check_world(world, feature_sizes, length_range, agreement)
    if metric == "zero_one" and n_classes is None:
        raise ValueError('n_classes must be given where metric is "zero_one".')
    random = check_random_state(random_state)
    edges = _class_edges(rules, len(sizes), agreement, n_classes, random)

    total = 0.0
    for start in range(0, n_samples, CHUNK):
        n = min(CHUNK, n_samples - start)
        variance = reading_variances(
            n,
            len(sizes),
            ends,
            ordered=rules.ordered,
            cue_density=cue_density,
            difficulty=difficulty,
            noise=noise,
            correlation=noise_correlation,
            missing_rate=missing_rate,
            random=random,
        )
        latent = latent_sentiments(n, len(sizes), agreement, random)
        y = scaled(rules.combine(latent, agreement))
        draws, weights = _posterior(latent, variance, agreement, random)
        y_draws = scaled(rules.combine(draws, agreement))
        total += float(_losses(y, y_draws, weights, metric, edges).sum())
    mean = total / n_samples
    return float(np.sqrt(mean)) if metric == "rmse" else mean


def _class_edges(
    rules: World,
    n_modalities: int,
    agreement: float,
    n_classes: int | None,
    random: np.random.RandomState,
) -> NDArray[np.float64]:
    """Find the values of y between the classes, from rows of their own."""
    latent = latent_sentiments(100_000, n_modalities, agreement, random)
    shares = np.arange(1, n_classes or 1) / (n_classes or 1)
    edges: NDArray[np.float64] = np.quantile(scaled(rules.combine(latent, agreement)), shares)
    return edges


def _posterior(
    latent: NDArray[np.float64],
    variance: NDArray[np.float64],
    agreement: float,
    random: np.random.RandomState,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Read the sentiments (n, M) once, and draw (n, D, M) given the readings, with weights (n, D).

    A draw is one of the prior, moved by what its own reading lacks of the true one.
    """
    n_modalities = latent.shape[1]
    deviation = np.sqrt(variance)
    reading = scaled(latent) / DEVIATION + deviation * random.normal(size=latent.shape)
    prior = np.full((n_modalities, n_modalities), float(agreement))
    np.fill_diagonal(prior, 1.0)
    # (M, M) and (n, M) -> (n, M, M)
    covariance = prior + variance[:, np.newaxis] * np.eye(n_modalities)
    gain = np.linalg.solve(covariance, np.broadcast_to(prior, covariance.shape))
    # The rows of a chunk share the draws of the prior and of its readings' noise, (D, M).
    prior_draws = latent_sentiments(N_DRAWS, n_modalities, agreement, random)
    prior_noise = random.normal(size=prior_draws.shape)
    centred = reading[:, np.newaxis]
    lacking = centred - prior_draws - deviation[:, np.newaxis] * prior_noise
    draws = prior_draws + lacking @ gain  # (n, D, M) x (n, M, M)
    # What the clipped sentiment makes of the reading's likelihood, beside the one assumed: both
    # squares differ where a draw lies beyond the limits.
    cut = draws - scaled(draws) / DEVIATION
    exponent = (cut * (2 * (draws - centred) - cut) / (2 * variance[:, np.newaxis])).sum(axis=-1)
    weights = np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return draws, weights / weights.sum(axis=1, keepdims=True)


def _losses(
    y: NDArray[np.float64],
    draws: NDArray[np.float64],
    weights: NDArray[np.float64],
    metric: str,
    edges: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Answer each row from the draws of its y (n, D), and return what is lost (n,)."""
    if metric == "rmse":
        return np.square(y - (weights * draws).sum(axis=1))
    if metric == "sign":
        positive = (weights * (draws > 0)).sum(axis=1) > 0.5
        return (positive != (y > 0)).astype(np.float64)
    if metric == "zero_one":
        of_draws = np.searchsorted(edges, draws)
        shares = [(weights * (of_draws == number)).sum(axis=1) for number in range(len(edges) + 1)]
        missed = np.argmax(shares, axis=0) != np.searchsorted(edges, y)
        return missed.astype(np.float64)
    order = draws.argsort(axis=1)
    below = np.take_along_axis(weights, order, axis=1).cumsum(axis=1)
    # The first draw that half of the weight does not exceed, (n, 1).
    middle = np.take_along_axis(order, (below < 0.5).sum(axis=1, keepdims=True), axis=1)
    return np.abs(y - np.take_along_axis(draws, middle, axis=1)[:, 0])
