"""How exactly the cues of a sequence tell its sentiment, to one who knows where they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.datasets._sequences import (
    CUE_STRENGTH,
    DISTRACTION,
    cue_signs,
    cue_steps,
    missing_cells,
)
from sklearn_tamulag.datasets._worlds import DEVIATION

# Stand for exact readings and for none, within what can be inverted.
EXACT, NOTHING = 1e-12, 1e12
# Meaningless values beyond so many deviations of the noise tell nothing of it.
MOST_DISTRACTION = 1e5
# Elements of the covariances that are made at a time.
N_ELEMENTS = 1_000_000


def reading_variances(
    n: int,
    n_modalities: int,
    length_range: tuple[int, int],
    *,
    ordered: bool,
    cue_density: float,
    difficulty: float,
    noise: float,
    correlation: float,
    missing_rate: float,
    random: np.random.RandomState,
) -> NDArray[np.float64]:
    """Draw lengths, cues and missing cells, and say how exactly the sentiments are read.

    Parameters
    ----------
    n, n_modalities : int
        Numbers of rows and of modalities M.
    length_range : tuple of two int
        Least and largest length.
    ordered : bool
        Whether the order of the cues shows the sentiment.
    cue_density, difficulty, noise, correlation, missing_rate : float
        As the data's.
    random : RandomState
        Source of randomness.

    Returns
    -------
    ndarray of shape (n, M), float64
        Variances of the readings of the latent sentiments, from 1e-12 for exact ones to 1e12
        where a modality is missing.
    """
    shortest, longest = length_range
    information = np.empty((n, n_modalities))
    for column in range(n_modalities):
        lengths = random.randint(shortest, longest + 1, size=n)
        cue = cue_steps(lengths, longest, cue_density, random, least=2 if ordered else 1)
        signs = cue_signs(cue, ordered)
        if correlation and noise:
            valid = np.arange(longest) < lengths[:, np.newaxis]
            distraction = min(DISTRACTION * difficulty / noise, MOST_DISTRACTION)
            between = (valid & ~cue).astype(np.float64) * distraction
            information[:, column] = _correlated_information(signs, valid, between, correlation)
        else:
            information[:, column] = np.square(signs).sum(axis=1)
    # Of the latent sentiment, which is shown DEVIATION * CUE_STRENGTH times.
    variance = np.square(noise / (DEVIATION * CUE_STRENGTH)) / information
    variance[missing_cells(n, n_modalities, missing_rate, random)] = NOTHING
    return np.clip(variance, EXACT, NOTHING)


def _correlated_information(
    signs: NDArray[np.float64],
    valid: NDArray[np.bool_],
    between: NDArray[np.float64],
    correlation: float,
) -> NDArray[np.float64]:
    """Compute c' S^-1 c (n,) of (n, T) signs c, with S in units of the noise's variance."""
    steps = np.arange(signs.shape[1])
    decay = correlation ** np.abs(steps[:, np.newaxis] - steps)
    information = np.empty(len(signs))
    n_rows = max(1, N_ELEMENTS // decay.size)
    for start in range(0, len(signs), n_rows):
        rows = slice(start, start + n_rows)
        distracted = between[rows, :, np.newaxis] * between[rows, np.newaxis]
        # (n, T, 1) and (n, 1, T): padded steps have nothing to do with the others
        joint = valid[rows, :, np.newaxis] & valid[rows, np.newaxis]
        covariance = np.where(joint, decay * (1 + distracted), np.eye(len(steps)))
        solved = np.linalg.solve(covariance, signs[rows, :, np.newaxis])[..., 0]
        information[rows] = (signs[rows] * solved).sum(axis=1)
    return information
