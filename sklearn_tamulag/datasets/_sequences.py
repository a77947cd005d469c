"""The sequences of the generated data: lengths, cue steps, noise, and what is written into it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# On a cue step the sentiment is shown this strongly, and the step stands out by CUE_MARK along a
# second axis. Between cues the sentiment's axis carries noise of DISTRACTION * difficulty.
CUE_STRENGTH = 2.0
CUE_MARK = 3.0
DISTRACTION = 2.5


def cue_steps(
    lengths: NDArray[np.int64],
    longest: int,
    density: float,
    random: np.random.RandomState,
    *,
    least: int = 1,
) -> NDArray[np.bool_]:
    """Choose the cue steps.

    Parameters
    ----------
    lengths : ndarray of shape (n,), int64
        Lengths of the sequences, at least `least`.
    longest : int
        Number of steps T.
    density : float in (0, 1]
        Probability that a step is a cue.
    random : RandomState
        Source of randomness.
    least : {1, 2}, default=1
        Every sequence has this many cues.

    Returns
    -------
    ndarray of shape (n, T), bool
        The cue steps.
    """
    valid = np.arange(longest) < lengths[:, np.newaxis]
    cue: NDArray[np.bool_] = (random.uniform(size=valid.shape) < density) & valid
    silent = ~cue.any(axis=1)
    place = (random.uniform(size=len(lengths)) * lengths).astype(np.int64)
    cue[silent, place[silent]] = True
    if least == 2:
        single = cue.sum(axis=1) == 1
        # The first cue, and from 1 to length - 1 steps further on, past the end from the start.
        further = 1 + (random.uniform(size=len(lengths)) * (lengths - 1)).astype(np.int64)
        place = (cue.argmax(axis=1) + further) % lengths
        cue[single, place[single]] = True
    return cue


def cue_signs(cue: NDArray[np.bool_], ordered: bool) -> NDArray[np.float64]:
    """Say which multiple of the sentiment every step shows.

    Parameters
    ----------
    cue : ndarray of shape (n, T), bool
        The cue steps.
    ordered : bool
        Whether the first half of a sequence's cues shows the opposite of its sentiment, and the
        middle one of an odd number nothing.

    Returns
    -------
    ndarray of shape (n, T), float64
        1, -1 or 0; 0 between the cues.
    """
    if not ordered:
        return cue.astype(np.float64)
    # From the first to the last cue of K, 1 - K, 3 - K, .. K - 1.
    place = 2 * cue.cumsum(axis=1) - 1 - cue.sum(axis=1, keepdims=True)
    signs: NDArray[np.float64] = np.sign(place) * cue.astype(np.float64)
    return signs


def write_sequences(
    truth: NDArray[np.float64],
    lengths: NDArray[np.int64],
    cue: NDArray[np.bool_],
    signs: NDArray[np.float64],
    size: int,
    *,
    distraction: float,
    noise: float,
    correlation: float,
    random: np.random.RandomState,
) -> NDArray[np.float32]:
    """Write the sentiments into noise at the cue steps.

    Parameters
    ----------
    truth : ndarray of shape (n,), float64
        The sentiments.
    lengths : ndarray of shape (n,), int64
        Lengths of the sequences.
    cue : ndarray of shape (n, T), bool
        The cue steps.
    signs : ndarray of shape (n, T), float64
        The multiple of the sentiment that every step shows.
    size : int
        Features per step d, at least 2.
    distraction : float >= 0
        Deviation of the meaningless values between the cues.
    noise : float >= 0
        Deviation of the noise of every feature.
    correlation : float in [0, 1)
        Correlation of both with themselves, one step later.
    random : RandomState
        Source of randomness.

    Returns
    -------
    ndarray of shape (n, T, d), float32
        The sequences, zero on padding.
    """
    sentiment, mark = np.linalg.qr(random.normal(size=(size, 2)))[0].T
    x = noise * _correlated(random.normal(size=(*cue.shape, size)), correlation)
    meaningless = distraction * _correlated(random.normal(size=cue.shape), correlation)
    shown = np.where(cue, CUE_STRENGTH * signs * truth[:, np.newaxis], meaningless)
    # (n, T) -> (n, T, 1), times (d,)
    x += shown[..., np.newaxis] * sentiment + (CUE_MARK * cue)[..., np.newaxis] * mark
    x[np.arange(cue.shape[1]) >= lengths[:, np.newaxis]] = 0
    return x.astype(np.float32)


def missing_cells(
    n: int, n_modalities: int, rate: float, random: np.random.RandomState
) -> NDArray[np.bool_]:
    """Choose what is missing; a row keeps one modality at least.

    Parameters
    ----------
    n : int
        Number of rows.
    n_modalities : int
        Number of modalities M.
    rate : float in [0, 1)
        Probability that a modality is missing.
    random : RandomState
        Source of randomness.

    Returns
    -------
    ndarray of shape (n, M), bool
        The missing cells.
    """
    missing: NDArray[np.bool_] = random.uniform(size=(n, n_modalities)) < rate
    empty = missing.all(axis=1)
    missing[empty, random.randint(n_modalities, size=int(empty.sum()))] = False
    return missing


def _correlated(fresh: NDArray[np.float64], correlation: float) -> NDArray[np.float64]:
    """Make independent values (n, T, ...) an autoregression of the same deviation, in place."""
    if correlation:
        for step in range(1, fresh.shape[1]):
            fresh[:, step] *= np.sqrt(1 - correlation**2)
            fresh[:, step] += correlation * fresh[:, step - 1]
    return fresh
