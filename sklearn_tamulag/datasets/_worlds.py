"""The worlds of the generated data: what y is, given the sentiments of the modalities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# y and the unimodal sentiments lie in [-3, 3], as the field's scores do.
DEVIATION = 1.2
LIMIT = 3.0

# The share of y's variance that the first modality alone tells in "dominant".
DOMINANT_SHARE = 0.85
# In "sarcasm" the second modality is sour, and turns the first round, below this.
SOUR = -0.5


@dataclass(frozen=True)
class World:
    """What y is in a world, and what the world asks of the data.

    Attributes
    ----------
    combine : callable
        From latent sentiments of shape (..., M) and `agreement` to latent y of shape (...).
    least_modalities : int
        The number of modalities that it needs.
    ordered : bool
        Whether the order of the cues shows the sentiment: its opposite first, itself last.
    most_agreement : float
        The greatest agreement that it goes with.
    """

    combine: Callable[[NDArray[np.float64], float], NDArray[np.float64]]
    least_modalities: int = 1
    ordered: bool = False
    most_agreement: float = 1.0


def _mean(latent: NDArray[np.float64], agreement: float) -> NDArray[np.float64]:
    """All modalities count alike."""
    n_modalities = latent.shape[-1]
    deviation = np.sqrt((1 + (n_modalities - 1) * agreement) / n_modalities)
    return latent.mean(axis=-1) / deviation


def _dominant(latent: NDArray[np.float64], agreement: float) -> NDArray[np.float64]:
    """The first modality counts most; the rest add what it does not tell."""
    first, rest = latent[..., 0], latent[..., 1:].mean(axis=-1)
    n_rest = latent.shape[-1] - 1
    variance = (1 + (n_rest - 1) * agreement) / n_rest
    news = (rest - agreement * first) / np.sqrt(variance - agreement**2)
    return np.sqrt(DOMINANT_SHARE) * first + np.sqrt(1 - DOMINANT_SHARE) * news


def _loudest(latent: NDArray[np.float64], agreement: float) -> NDArray[np.float64]:
    """The modality with the strongest sentiment decides."""
    strongest = np.abs(latent).argmax(axis=-1)[..., np.newaxis]
    return np.take_along_axis(latent, strongest, axis=-1)[..., 0]


def _sarcasm(latent: NDArray[np.float64], agreement: float) -> NDArray[np.float64]:
    """A sour second modality turns the first round."""
    return np.where(latent[..., 1] < SOUR, -latent[..., 0], latent[..., 0])


WORLDS = {
    "mean": World(_mean),
    "order": World(_mean, ordered=True),
    "dominant": World(_dominant, least_modalities=2, most_agreement=0.6),
    "loudest": World(_loudest, least_modalities=2),
    "sarcasm": World(_sarcasm, least_modalities=2),
}


def latent_sentiments(
    n: int, n_modalities: int, agreement: float, random: np.random.RandomState
) -> NDArray[np.float64]:
    """Draw the sentiments before they are scaled.

    Parameters
    ----------
    n : int
        Number of rows.
    n_modalities : int
        Number of modalities M.
    agreement : float in [0, 1]
        Correlation between two modalities.
    random : RandomState
        Source of randomness.

    Returns
    -------
    ndarray of shape (n, M), float64
        Standard normal values.
    """
    shared = random.normal(size=(n, 1))
    own = random.normal(size=(n, n_modalities))
    return np.sqrt(agreement) * shared + np.sqrt(1 - agreement) * own


def scaled(latent: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bring latent values to the scale of y.

    Parameters
    ----------
    latent : ndarray of any shape, float64
        Sentiments, or y, before they are scaled.

    Returns
    -------
    ndarray of the same shape, float64
        Values in [-3, 3].
    """
    return np.clip(DEVIATION * latent, -LIMIT, LIMIT)
