"""The public MMSA feature files: one pickle per data set, a dict of arrays per split."""

import warnings
from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from sklearn_tamulag._data import MultimodalData
from sklearn_tamulag.datasets._mmsa_keys import (
    Split,
    _check_rows,
    _get_value,
    _pick_split,
    _read_class_numbers,
    _read_features,
    _read_labels,
    _read_numbers,
    _read_raw_text,
    _read_strings,
)
from sklearn_tamulag.datasets._safe_pickle import load_arrays

__all__ = ["load_mmsa"]

MODALITIES = ("text", "audio", "vision")
TEXT_FORMS = ("auto", "features", "token_ids")
# An id is the video, this, then the clip.
_CLIP_SEPARATOR = "$_$"


def load_mmsa(
    path: str | PathLike[str],
    *,
    split: str = "train",
    modalities: Sequence[str] = MODALITIES,
    text: Literal["auto", "features", "token_ids"] = "auto",
) -> Bunch:
    """Read one split of a file in the layout of the public MMSA feature files.

    CMU-MOSI, CMU-MOSEI and CH-SIMS are published in this layout: a pickled dict of splits, each a
    dict of arrays. The file is read without running anything it names: NumPy arrays and builtin
    containers are read, every other object is refused. It is never written to.

    Parameters
    ----------
    path : str or path-like
        The file, such as ``unaligned_50.pkl``.
    split : str, default="train"
        The split to read: "train", "valid" or "test" in the published files.
    modalities : sequence of {"text", "audio", "vision"}, default=("text", "audio", "vision")
        Which modalities to read, in the order wanted.
    text : {"auto", "features", "token_ids"}, default="auto"
        What the text is: "features", the pre-extracted word vectors under the key ``text``, or
        "token_ids", the input ids in ``text_bert``. "auto" takes the features where the file has
        them, else the ids.

    Returns
    -------
    data : sklearn.utils.Bunch
        With these attributes:

        X : MultimodalData
            The modalities, each of shape (n, T, d), token ids of shape (n, T). Lengths of text are
            counted in the attention mask of ``text_bert``; those of audio and vision are the
            file's, or, in aligned files, which have none, end with the last step that is not all
            zero. `ids` and `groups` travel with it.
        y : ndarray of shape (n,), dtype float64
            Sentiment, negative below 0: in [-3, 3] for CMU-MOSI and CMU-MOSEI, in [-1, 1] for
            CH-SIMS.
        ids : ndarray of shape (n,), dtype str
            The name of each row, ``video$_$clip``.
        groups : ndarray of shape (n,), dtype str
            The video of each row: its id up to ``$_$``, or all of it where that is not in it.
        unimodal_labels : DataFrame of shape (n, M) or None
            What people said of each modality alone, from ``regression_labels_T``, ``_A`` and
            ``_V``; a column for every modality read that has them. None where none has.
        raw_text : list of str or None
            The transcripts, if the file has them.
        classification_labels : ndarray of shape (n,), dtype int64, or None
            Classes as numbers, if the file has them.
        annotations : ndarray of shape (n,), dtype str, or None
            Classes as words, if the file has them.

    Raises
    ------
    ValueError
        If the file holds anything but arrays and builtin containers, is truncated or no pickle; if
        a split or key is missing (the message names those present); if an option is unknown or
        arrays do not fit together.
    TypeError
        If `modalities` is a single string.

    Warns
    -----
    UserWarning
        If audio or vision holds NaN or infinite values, which become 0; the message counts them.

    References
    ----------
    H. Mao et al., "M-SENA: An Integrated Platform for Multimodal Sentiment Analysis", ACL 2022
    (demonstrations).

    Examples
    --------
    >>> import pickle, tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_tamulag.datasets import load_mmsa
    >>> train = {
    ...     "id": ["film$_$1", "film$_$2"],
    ...     "raw_text": ["so good", "so long"],
    ...     "text": np.ones((2, 3, 4), dtype=np.float32),
    ...     "audio": np.ones((2, 5, 2), dtype=np.float32),
    ...     "audio_lengths": [5, 2],
    ...     "regression_labels": np.array([2.4, -1.0], dtype=np.float32),
    ... }
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "unaligned.pkl"
    ...     _ = path.write_bytes(pickle.dumps({"train": train}))
    ...     data = load_mmsa(path, modalities=("text", "audio"))
    >>> data.X.lengths["audio"].tolist(), data.groups.tolist()
    ([5, 2], ['film', 'film'])
    """
    names = _check_modalities(modalities)
    if text not in TEXT_FORMS:
        raise ValueError(f"text must be one of {list(TEXT_FORMS)}; got {text!r}.")
    content = _pick_split(load_arrays(path), split, path)
    where = f'split "{split}" of {path}'
    y = _read_labels(content, "regression_labels", where)
    ids = _read_strings(content, "id", len(y), where)
    groups = np.array([name.partition(_CLIP_SEPARATOR)[0] for name in ids], dtype=str)
    arrays, lengths = {}, {}
    for name in names:
        if name == "text":
            array, length = _read_text(content, text, where)
        else:
            array, length = _read_signal(content, name, where)
        if len(array) != len(y):
            raise ValueError(
                f"{name} has {len(array)} rows where regression_labels has {len(y)}, in {where}."
            )
        arrays[name], lengths[name] = array, length
    has_words = "annotations" in content
    return Bunch(
        X=MultimodalData(arrays, lengths, ids=ids, groups=groups),
        y=y,
        ids=ids,
        groups=groups,
        unimodal_labels=_unimodal_labels(content, names, len(y), where),
        raw_text=_read_raw_text(content, len(y), where),
        classification_labels=_read_class_numbers(content, len(y), where),
        annotations=_read_strings(content, "annotations", len(y), where) if has_words else None,
    )


def _check_modalities(modalities: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the modalities to read, each known and named once."""
    if isinstance(modalities, str):
        raise TypeError(f'modalities must be a sequence of names; got the string "{modalities}".')
    names = tuple(modalities)
    if not names or len(set(names)) < len(names) or not set(names) <= set(MODALITIES):
        raise ValueError(
            f"modalities must be one or more of {list(MODALITIES)}, each once; got {list(names)}."
        )
    return names


def _unimodal_labels(
    content: Split, names: Sequence[str], n_rows: int, where: str
) -> pd.DataFrame | None:
    """Return the human labels of the modalities that have them, if any has."""
    keys = {name: f"regression_labels_{name[0].upper()}" for name in names}
    columns = {
        name: _read_labels(content, key, where, n_rows)
        for name, key in keys.items()
        if key in content
    }
    return pd.DataFrame(columns) if columns else None


def _read_text(content: Split, form: str, where: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return the text, as features or token ids, and its lengths."""
    if form == "auto":
        form = "features" if "text" in content or "text_bert" not in content else "token_ids"
    if form == "token_ids":
        tokens, mask = _tokens(content, where)
        return tokens, mask.sum(axis=1)
    has_tokens = "text_bert" in content
    hint = ' text="token_ids" reads the token ids in text_bert.' if has_tokens else ""
    features = _read_features("text", _get_value(content, "text", where, hint), where)
    if has_tokens:
        mask = _tokens(content, where)[1]
        # Another shape means another tokenisation, whose mask says nothing about these steps.
        if mask.shape == features.shape[:2]:
            return features, mask.sum(axis=1)
    return features, _lengths_to_last_nonzero(features)


def _tokens(content: Split, where: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return input ids and attention mask, each of shape (n, T)."""
    packed = np.asarray(_get_value(content, "text_bert", where))
    if packed.ndim != 3 or packed.shape[1] != 3 or packed.dtype.kind not in "biuf":
        raise ValueError(
            "text_bert must hold numbers of shape (n, 3, T): input ids, attention mask and segment "
            f"ids, in {where}; got {packed.dtype} of shape {packed.shape}."
        )
    # (n, 3, T) -> (n, T), twice
    tokens, mask = packed[:, 0].astype(np.int64), packed[:, 1].astype(np.int64)
    from_the_start = (mask[:, 1:] <= mask[:, :-1]).all(axis=1) & np.isin(mask, (0, 1)).all(axis=1)
    if not from_the_start.all():
        raise ValueError(
            "The attention mask in text_bert must be ones, then zeros; "
            f"row {np.flatnonzero(~from_the_start)[0]} is not, in {where}."
        )
    return tokens, mask


def _read_signal(content: Split, name: str, where: str) -> tuple[NDArray[Any], NDArray[np.int64]]:
    """Return audio or vision without values that are not finite, and its lengths."""
    features = _read_features(name, _get_value(content, name, where), where)
    if f"{name}_lengths" in content:
        lengths = _read_numbers(content, f"{name}_lengths", where, np.int64)
        _check_rows(f"{name}_lengths", len(lengths), len(features), where)
        bad = np.flatnonzero((lengths < 0) | (lengths > features.shape[1]))
        if bad.size:
            raise ValueError(
                f"{name}_lengths must lie between 0 and the {features.shape[1]} steps of {name}, "
                f"in {where}; row {bad[0]} is {lengths[bad[0]]}."
            )
    else:
        lengths = _lengths_to_last_nonzero(features)
    finite = np.isfinite(features)
    if not finite.all():
        n_infinite, n_nan = int(np.isinf(features).sum()), int(np.isnan(features).sum())
        n_rows = int((~finite).any(axis=(1, 2)).sum())
        warnings.warn(
            f"{name} has {n_infinite} infinite values and {n_nan} NaN in {n_rows} of "
            f"{len(features)} rows of {where}; they are set to 0.",
            UserWarning,
            stacklevel=3,
        )
        features[~finite] = 0
    return features, lengths


def _lengths_to_last_nonzero(features: NDArray[np.floating]) -> NDArray[np.int64]:
    """Count the steps of each row up to the last one that is not all zero."""
    # (n, T, d) -> (n, T)
    filled = (features != 0).any(axis=2)
    last = features.shape[1] - np.argmax(filled[:, ::-1], axis=1)
    return np.where(filled.any(axis=1), last, 0).astype(np.int64)
