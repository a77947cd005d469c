"""Made-up sentiment data whose unimodal truth and cue steps are known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_random_state

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.sklearn_private import validate_params
from sklearn_tamulag.datasets._sequences import (
    DISTRACTION,
    cue_signs,
    cue_steps,
    missing_cells,
    write_sequences,
)
from sklearn_tamulag.datasets._world_parameters import CONSTRAINTS, check_world
from sklearn_tamulag.datasets._worlds import latent_sentiments, scaled

ROWS_PER_VIDEO = 20


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def make_multimodal_sentiment(
    n_samples: int = 1000,
    *,
    world: str = "mean",
    feature_sizes: Mapping[str, int] | None = None,
    length_range: tuple[int, int] = (10, 40),
    cue_density: float = 1 / 6,
    agreement: float = 0.5,
    difficulty: float = 1.0,
    noise: float = 1.0,
    noise_correlation: float = 0.0,
    missing_rate: float = 0.0,
    n_classes: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> Bunch:
    r"""Generate multimodal sequences with planted cues and known unimodal sentiments.

    Every row has one sentiment per modality, standard normal with pairwise correlation
    `agreement`; `world` says how y follows from them. All are scaled to a deviation of 1.2 and
    clipped to [-3, 3]. A modality's sequence is noise, in which a few steps, the cues, show its
    sentiment: along one axis of feature space they have twice the sentiment, along a second axis
    they stand out. The other steps carry meaningless values along the first axis, so that
    averaging over time blurs the signal and looking at the cues does not.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows n.
    world : {"mean", "order", "dominant", "loudest", "sarcasm"}, default="mean"
        What y is, given the sentiments; see Notes.
    feature_sizes : dict of str to int, default=None
        Features per step, at least 2, by modality; any number of modalities, in "dominant",
        "loudest" and "sarcasm" 2 at least. The default is
        ``{"text": 16, "audio": 8, "vision": 12}``.
    length_range : tuple of two int, default=(10, 40)
        Least and largest sequence length, at least 1, in "order" 2; each sequence's is drawn from
        it uniformly.
    cue_density : float in (0, 1], default=1/6
        Probability that a step is a cue. Every sequence has one at least, in "order" two.
    agreement : float in [0, 1], default=0.5
        Correlation between the sentiments of two modalities, in "dominant" 0.6 at most,
        since beyond it the other modalities tell as much as the first.
    difficulty : float >= 0, default=1.0
        Scales the meaningless values between the cues.
    noise : float >= 0, default=1.0
        Deviation of the noise of every feature.
    noise_correlation : float in [0, 1), default=0.0
        Correlation of the noise, and of the meaningless values, with themselves one step later:
        the coefficient of an autoregression of order one, whose deviation it leaves as it is.
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
            The true sentiment of every modality, also where it is missing, indexed by `ids`: what
            one would say who knows this modality alone.
        cues : dict of str to ndarray of shape (n, T), dtype bool
            By modality, the steps that show the sentiment.

    Raises
    ------
    ValueError
        If a parameter is out of its range, or `world` needs more than is asked for.

    See Also
    --------
    best_possible_error : The error that no model can go below.

    Notes
    -----
    Let :math:`s_1, .., s_M` be the standard normal sentiments of a row, in the order of
    `feature_sizes`, a the `agreement`, and c(v) = max(-3, min(3, 1.2 v)). In every world the
    unimodal truth of modality m is :math:`t_m = c(s_m)`, and y is c(g) with

    "mean"
        :math:`g = \frac1M \sum_m s_m / \sigma`, where :math:`\sigma^2 = (1 + (M - 1) a) / M`
        makes its variance 1. All modalities count alike.
    "order"
        The same g, but the cues show a change: of the K cues of a sequence the first half, rounded
        down, shows :math:`-t_m`, the last half :math:`t_m`, and the middle one of an odd K
        nothing. The same steps in reverse mean the opposite, so that a model that is blind to
        order does no better than a constant.
    "dominant"
        :math:`g = \sqrt{.85}\, s_1 + \sqrt{.15}\, (r - a s_1) / \sqrt{v - a^2}`, where r is the
        mean of :math:`s_2, .., s_M` and :math:`v = (1 + (M - 2) a) / (M - 1)` its variance. The
        second term has variance .15 and does not correlate with :math:`s_1`: the first modality
        alone tells 85 % of the variance of g.
    "loudest"
        :math:`g = s_j`, where j has the greatest :math:`|s_j|`. The strongest modality decides.
    "sarcasm"
        :math:`g = -s_1` where :math:`s_2 < -.5`, else :math:`s_1`. A sour second modality (by
        default audio) turns the first (text) round; the others tell nothing more.

    With an equal `random_state` all worlds but "order" have the same sequences, and y alone
    differs.

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

    Where the voice is sour, the text means its opposite:

    >>> data = make_multimodal_sentiment(100, world="sarcasm", random_state=0)
    >>> sour = data.unimodal_labels["audio"] < -0.6
    >>> bool((data.y[sour] == -data.unimodal_labels["text"][sour]).all())
    True
    """
    rules, sizes, (shortest, longest) = check_world(world, feature_sizes, length_range, agreement)
    random = check_random_state(random_state)

    latent = latent_sentiments(n_samples, len(sizes), agreement, random)
    y, truth = scaled(rules.combine(latent, agreement)), scaled(latent)
    arrays, lengths, cues = {}, {}, {}
    for column, (name, size) in enumerate(sizes.items()):
        lengths[name] = random.randint(shortest, longest + 1, size=n_samples)
        cues[name] = cue_steps(
            lengths[name], longest, cue_density, random, least=2 if rules.ordered else 1
        )
        arrays[name] = write_sequences(
            truth[:, column],
            lengths[name],
            cues[name],
            cue_signs(cues[name], rules.ordered),
            size,
            distraction=DISTRACTION * difficulty,
            noise=noise,
            correlation=noise_correlation,
            random=random,
        )
    missing = missing_cells(n_samples, len(sizes), missing_rate, random)
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
