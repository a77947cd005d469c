"""Made-up sentiment data whose unimodal truth and cue steps are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.sklearn_private import Interval, validate_params

FEATURE_SIZES = {"text": 16, "audio": 8, "vision": 12}

ROWS_PER_VIDEO = 20

# y and the unimodal sentiments lie in [-3, 3], as the field's scores do.
DEVIATION = 1.2
LIMIT = 3.0

# On a cue step the sentiment is shown this strongly, and the step stands out by CUE_MARK along a
# second axis. Between cues the sentiment's axis carries noise of DISTRACTION * difficulty.
CUE_STRENGTH = 2.0
CUE_MARK = 3.0
DISTRACTION = 2.5


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "feature_sizes": [Mapping, None],
        "length_range": [Sequence],
        "cue_density": [Interval(Real, 0, 1, closed="right")],
        "agreement": [Interval(Real, 0, 1, closed="both")],
        "difficulty": [Interval(Real, 0, None, closed="left")],
        "missing_rate": [Interval(Real, 0, 1, closed="left")],
        "n_classes": [Interval(Integral, 2, None, closed="left"), None],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_multimodal_sentiment(
    n_samples: int = 1000,
    *,
    feature_sizes: Mapping[str, int] | None = None,
    length_range: tuple[int, int] = (10, 40),
    cue_density: float = 1 / 6,
    agreement: float = 0.5,
    difficulty: float = 1.0,
    missing_rate: float = 0.0,
    n_classes: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Generate multimodal sequences with planted cues and known unimodal sentiments.

    Every row has one sentiment per modality, standard normal with pairwise correlation
    `agreement`; y is their mean. All are scaled to a deviation of 1.2 and clipped to [-3, 3]. A
    modality's sequence is noise, in which a few steps, the cues, show its sentiment: along one
    axis of feature space they have twice the sentiment, along a second axis they stand out. The
    other steps carry meaningless values along the first axis, so that averaging over time blurs
    the signal and looking at the cues does not.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows n.
    feature_sizes : dict of str to int, default=None
        Features per step, at least 2, by modality; any number of modalities. The default is
        ``{"text": 16, "audio": 8, "vision": 12}``.
    length_range : tuple of two int, default=(10, 40)
        Least and largest sequence length, at least 1; each sequence's is drawn from it uniformly.
    cue_density : float in (0, 1], default=1/6
        Probability that a step is a cue. Every sequence has one at least.
    agreement : float in [0, 1], default=0.5
        Correlation between the sentiments of two modalities.
    difficulty : float >= 0, default=1.0
        Scales the meaningless values between the cues.
    missing_rate : float in [0, 1), default=0.0
        Probability that a modality is missing in a row (its length is 0); one always remains.
    n_classes : int >= 2, default=None
        Where given, y and the unimodal sentiments are cut into this many classes of equal shares
        of y, coded from 0; else they are continuous.
    random_state : int, RandomState instance or None, default=None
        Source of randomness; an int gives equal data on every call.

    Returns
    -------
    data : Bunch
        With the attributes

        X : MultimodalData of n rows
            The sequences in float32, with `ids` and `groups`.
        y : ndarray of shape (n,)
            Multimodal sentiment: float64 in [-3, 3], or int64 classes.
        ids : ndarray of shape (n,), dtype str
            Name of every row, ``video$_$clip``.
        groups : ndarray of shape (n,), dtype str
            The video that a row comes from; a video has 20 rows.
        unimodal_labels : DataFrame of shape (n, M)
            The true sentiment of every modality, also where it is missing, indexed by `ids`.
        cues : dict of str to ndarray of shape (n, T), dtype bool
            By modality, the steps that show the sentiment.

    Raises
    ------
    ValueError
        If a parameter is out of its range.

    Examples
    --------
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> data = make_multimodal_sentiment(100, random_state=0)
    >>> data.X
    MultimodalData of 100 rows + ids + groups
      text: (100, 40, 16) float32, lengths 10..40, missing 0
      audio: (100, 40, 8) float32, lengths 10..40, missing 0
      vision: (100, 40, 12) float32, lengths 10..40, missing 0
    >>> data.y.shape, str(data.ids[0]), str(data.groups[0])
    ((100,), 'video000$_$0', 'video000')
    >>> bool(data.cues["text"].any(axis=1).all())
    True
    """
    sizes = dict(FEATURE_SIZES if feature_sizes is None else feature_sizes)
    _check_sizes(sizes)
    shortest, longest = _check_length_range(length_range)
    random = check_random_state(random_state)

    y, truth = _sentiments(n_samples, len(sizes), agreement, random)
    arrays, lengths, cues = {}, {}, {}
    for column, (name, size) in enumerate(sizes.items()):
        lengths[name] = random.randint(shortest, longest + 1, size=n_samples)
        cues[name] = _cue_steps(lengths[name], longest, cue_density, random)
        arrays[name] = _sequences(
            truth[:, column], lengths[name], cues[name], size, DISTRACTION * difficulty, random
        )
    missing = _missing(n_samples, len(sizes), missing_rate, random)
    for name, rows in zip(sizes, missing.T, strict=True):
        lengths[name][rows] = 0
        arrays[name][rows] = 0
        cues[name][rows] = False
    video, clip = np.divmod(np.arange(n_samples), ROWS_PER_VIDEO)
    groups = np.array([f"video{number:03d}" for number in video])
    ids = np.array([f"{name}$_${number}" for name, number in zip(groups, clip, strict=True)])
    labels: tuple[NDArray[np.float64] | NDArray[np.int64], ...] = (y, truth)
    if n_classes is not None:
        edges = np.quantile(y, np.arange(1, n_classes) / n_classes)
        labels = tuple(np.searchsorted(edges, values).astype(np.int64) for values in labels)
    return Bunch(
        X=MultimodalData(arrays, lengths, ids=ids, groups=groups),
        y=labels[0],
        ids=ids,
        groups=groups,
        unimodal_labels=pd.DataFrame(labels[1], index=ids, columns=list(sizes)),
        cues=cues,
    )


def _check_sizes(sizes: Mapping[str, int]) -> None:
    """Refuse no modality, and modalities of less than two features."""
    if not sizes:
        raise ValueError("feature_sizes must have at least one modality, got none.")
    for name, size in sizes.items():
        if not isinstance(size, Integral) or size < 2:
            raise ValueError(f"feature_sizes[{name!r}] must be an int of at least 2, got {size!r}.")


def _check_length_range(length_range: Sequence[int]) -> tuple[int, int]:
    """Read the least and the largest length."""
    whole = len(length_range) == 2 and all(isinstance(end, Integral) for end in length_range)
    if not whole or not 1 <= length_range[0] <= length_range[1]:
        raise ValueError(
            "length_range must be two ints, the least length (at least 1) and the largest, got "
            f"{length_range!r}."
        )
    return int(length_range[0]), int(length_range[1])


def _sentiments(
    n: int, n_modalities: int, agreement: float, random: np.random.RandomState
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multimodal (n,) and unimodal (n, M) sentiments of equal deviation."""
    shared = random.normal(size=(n, 1))
    own = random.normal(size=(n, n_modalities))
    truth = np.sqrt(agreement) * shared + np.sqrt(1 - agreement) * own
    deviation = np.sqrt((1 + (n_modalities - 1) * agreement) / n_modalities)
    y = truth.mean(axis=1) / deviation
    return np.clip(DEVIATION * y, -LIMIT, LIMIT), np.clip(DEVIATION * truth, -LIMIT, LIMIT)


def _cue_steps(
    lengths: NDArray[np.int64], longest: int, density: float, random: np.random.RandomState
) -> NDArray[np.bool_]:
    """Choose the cue steps (n, T), at least one in every sequence."""
    valid = np.arange(longest) < lengths[:, np.newaxis]
    cue: NDArray[np.bool_] = (random.uniform(size=valid.shape) < density) & valid
    silent = ~cue.any(axis=1)
    place = (random.uniform(size=len(lengths)) * lengths).astype(np.int64)
    cue[silent, place[silent]] = True
    return cue


def _sequences(
    truth: NDArray[np.float64],
    lengths: NDArray[np.int64],
    cue: NDArray[np.bool_],
    size: int,
    distraction: float,
    random: np.random.RandomState,
) -> NDArray[np.float32]:
    """Write the sentiments into noise at the cue steps, (n, T, d)."""
    sentiment, mark = np.linalg.qr(random.normal(size=(size, 2)))[0].T
    x = random.normal(size=(*cue.shape, size))
    meaningless = distraction * random.normal(size=cue.shape)
    shown = np.where(cue, CUE_STRENGTH * truth[:, np.newaxis], meaningless)
    # (n, T) -> (n, T, 1), times (d,)
    x += shown[..., np.newaxis] * sentiment + (CUE_MARK * cue)[..., np.newaxis] * mark
    x[np.arange(cue.shape[1]) >= lengths[:, np.newaxis]] = 0
    return x.astype(np.float32)


def _missing(
    n: int, n_modalities: int, rate: float, random: np.random.RandomState
) -> NDArray[np.bool_]:
    """Choose the missing cells (n, M); a row keeps one modality at least."""
    missing: NDArray[np.bool_] = random.uniform(size=(n, n_modalities)) < rate
    empty = missing.all(axis=1)
    missing[empty, random.randint(n_modalities, size=int(empty.sum()))] = False
    return missing
