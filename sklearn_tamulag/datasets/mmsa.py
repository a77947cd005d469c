"""The public MMSA feature files: one pickle per data set, a dict of arrays per split."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit
from sklearn.utils import Bunch

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.datasets._mmsa_cache import cached_rows, file_sha256
from sklearn_tamulag.datasets._mmsa_keys import listed
from sklearn_tamulag.datasets._mmsa_rows import MMSARows, read_rows
from sklearn_tamulag.datasets._safe_pickle import load_arrays
from sklearn_tamulag.datasets._transcripts import transcript_frame

__all__ = ["load_mmsa"]

MODALITIES = ("text", "audio", "vision")
TEXT_FORMS = ("auto", "features", "token_ids", "raw")
# What "all" joins. Other splits, such as one that repeats rows of these, are read by their name.
SPLITS = ("train", "valid", "test")
# An id is the video, this, then the clip.
_CLIP_SEPARATOR = "$_$"
# The files as they were published, by their SHA-256.
PUBLISHED = {
    "78e0f8b5ef8ff71558e7307848fc1fa929ecb078203f565ab22b9daab2e02524": "CMU-MOSI, unaligned",
    "d3994fd25681f9c7ad6e9c6596a6fe9b4beb85ff7d478ba978b124139002e5f9": "CMU-MOSI, aligned",
    "ad8b23d50557045e7d47959ce6c5b955d8d983f2979c7d9b7b9226f6dd6fec1f": "CMU-MOSEI, unaligned",
    "45eccfb748a87c80ecab9bfac29582e7b1466bf6605ff29d3b338a75120bf791": "CMU-MOSEI, aligned",
    "c9e20c13ec0454d98bb9c1e520e490c75146bfa2dfeeea78d84de047dbdd442f": "CH-SIMS, unaligned",
}


def load_mmsa(
    path: str | PathLike[str],
    *,
    split: str = "train",
    modalities: Sequence[str] = MODALITIES,
    text: Literal["auto", "features", "token_ids", "raw"] = "auto",
    features: Mapping[str, str | PathLike[str]] | None = None,
    cache: str | PathLike[str] | None = None,
) -> Bunch:
    """Read a split, or all, of a file in the layout of the public MMSA feature files.

    CMU-MOSI, CMU-MOSEI, CH-SIMS and CH-SIMS v2 are published in this layout: a pickled dict of
    splits, each a dict of arrays. The file is read without running anything it names: NumPy arrays
    and builtin containers are read, every other object is refused, as is what asks for more memory
    than three times the file and some 50 MB. It is never written to. Files of Python 2 and of any
    pickle protocol are read.

    The features of a modality are an array of shape (n, T, d), or a list of n arrays of shape
    (T_i, d), None where a row has none; a list is padded with zeros. The labels are under
    ``regression_labels``, or else under ``labels``, as in the files of MulT. Ids of several parts,
    such as video, start and end, are joined by ``$_$``.

    Parameters
    ----------
    path : str or path-like
        The file, such as ``unaligned_50.pkl``.
    split : str, default="train"
        The split to read: "train", "valid" or "test" in the published files. "all" joins those of
        the three that the file has, in this order.
    modalities : sequence of {"text", "audio", "vision"}, default=("text", "audio", "vision")
        Which modalities to read, in the order wanted.
    text : {"auto", "features", "token_ids", "raw"}, default="auto"
        What the text is: "features", the pre-extracted word vectors under the key ``text``;
        "token_ids", the input ids in ``text_bert``; "raw", the transcripts under ``raw_text``.
        "auto" takes the features where the file has them, else the ids.
    features : dict of {"text", "audio", "vision"} to str or path-like, default=None
        Files whose features replace the file's own: pickles in the same layout, with the
        modality's key in every split read, and ``audio_lengths``, ``vision_lengths`` or
        ``text_bert`` where there are lengths. Where they have the key ``id``, rows are matched by
        it, in any order; else they are taken in the order of the file, one for one.
    cache : str or path-like, default=None
        A folder in which to keep what was read, under the SHA-256 of the files and the options. A
        later call with the same maps the arrays into memory instead of reading them; what it does
        read is each file once, for its SHA-256.

    Returns
    -------
    data : sklearn.utils.Bunch
        With these attributes:

        X : MultimodalData, or DataFrame for ``text="raw"``
            The modalities, each of shape (n, T, d), token ids of shape (n, T). Arrays are those of
            the file where nothing in them had to change, and then read-only; with a cache they are
            memory-mapped. Lengths of text are counted in the attention mask of ``text_bert``;
            those of audio and vision are the file's. Aligned files have none: there the steps end
            with the mask, and before it with the last step that is not all zero. `ids` and
            `groups` travel with it. The DataFrame has the column "text" of str and for each other
            modality one of (T_i, d) arrays; `ids` are its index. It has no place for `groups`: hand
            them on, as ``fit(X, y, groups=groups)``.
        y : ndarray of shape (n,), dtype float64
            Sentiment, negative below 0: in [-3, 3] for CMU-MOSI and CMU-MOSEI, in [-1, 1] for
            CH-SIMS.
        ids : ndarray of shape (n,), dtype str
            The name of each row, ``video$_$clip``.
        groups : ndarray of shape (n,), dtype str
            The video of each row: its id up to ``$_$``, or all of it where that is not in it.
        split : ndarray of shape (n,), dtype str
            The split that each row is from.
        cv : PredefinedSplit or None
            For ``split="all"``, one fold that trains on the rows of "train" and scores on those of
            "valid", for a search over ``X[rows]``, ``y[rows]`` with ``rows = split != "test"``:
            what is refitted at its end then has not seen a test row either. Test rows come last
            and are in no fold. None for a single split, or where the file lacks one of the two.
        unimodal_labels : DataFrame of shape (n, M) or None
            What people said of each modality alone, from ``regression_labels_T``, ``_A`` and
            ``_V``, indexed by `ids`; a column for every modality read that has them, NaN where the
            file has NaN and in a split that has none. None where none has.
        raw_text : list of str or None
            The transcripts, if the file has them; empty where one is missing.
        classification_labels : ndarray of shape (n,), dtype int64, or None
            Classes as numbers, if the file has them.
        annotations : ndarray of shape (n,), dtype str, or None
            Classes as words, if the file has them.
        source : str
            Which of the published files this is, by its SHA-256, such as "CMU-MOSI, unaligned";
            else "unknown".
        sha256 : str
            The SHA-256 of the file.
        features_sha256 : dict of str to str
            Those of the files in `features`, by modality.

    Raises
    ------
    ValueError
        If the file holds anything but arrays and builtin containers, asks for too much memory, is
        truncated, no pickle, or no regular file; if a split or key is missing (the message names
        those present), or a value cannot be read (it names file, split, key and row); if an option
        is unknown, an id stands twice or arrays do not fit together; if the folder of the cache is
        incomplete or of another version.
    TypeError
        If `modalities` is a single string, or `features` no dict.

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
    >>> data.X.lengths["audio"].tolist(), data.groups.tolist(), data.source
    ([5, 2], ['film', 'film'], 'unknown')
    """
    names = _check_modalities(modalities)
    if text not in TEXT_FORMS:
        raise ValueError(f"text must be one of {list(TEXT_FORMS)}; got {text!r}.")
    paths: dict[str, str | PathLike[str]] = {"": path, **_check_features(features, names, text)}
    digests = {name: file_sha256(file) for name, file in paths.items()}

    def read() -> MMSARows:
        contents = {name: load_arrays(file) for name, file in paths.items()}
        return read_rows(contents, _split_names(split, contents[""]), names, text, paths)

    if cache is None:
        rows = read()
    else:
        key = {"files": digests, "split": split, "modalities": names, "text": text}
        rows = cached_rows(cache, key, read)
    for note in rows.notes:
        warnings.warn(note, UserWarning, stacklevel=2)
    groups = np.array([name.partition(_CLIP_SEPARATOR)[0] for name in rows.ids], dtype=str)
    sha256 = digests.pop("")
    X: Any
    if text == "raw":
        X = transcript_frame(names, rows.raw_text or [], rows.arrays, rows.lengths, rows.ids)
    else:
        X = MultimodalData(rows.arrays, rows.lengths, ids=rows.ids, groups=groups)
    return Bunch(
        X=X,
        y=rows.y,
        ids=rows.ids,
        groups=groups,
        split=rows.split,
        cv=_development_fold(rows.split) if split == "all" else None,
        unimodal_labels=rows.unimodal_labels,
        raw_text=rows.raw_text,
        classification_labels=rows.classification_labels,
        annotations=rows.annotations,
        source=PUBLISHED.get(sha256, "unknown"),
        sha256=sha256,
        features_sha256=digests,
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


def _check_features(
    features: Mapping[str, str | PathLike[str]] | None, names: Sequence[str], text: str
) -> Mapping[str, str | PathLike[str]]:
    """Return the feature files by modality, each of a modality that is read from features."""
    if features is None:
        return {}
    if not isinstance(features, Mapping):
        raise TypeError(f"features must be a dict by modality, got {type(features).__name__}.")
    unknown = [name for name in features if name not in names]
    if unknown:
        raise ValueError(f"features must be of the modalities read, {list(names)}; got {unknown}.")
    if "text" in features and text == "raw":
        raise ValueError('features replaces the text, which text="raw" does not read.')
    return features


def _split_names(split: str, content: Any) -> list[str]:
    """Spell out which splits to read."""
    if split != "all" or not isinstance(content, dict):
        return [split]
    names = [name for name in SPLITS if name in content]
    if not names:
        raise ValueError(f'split="all" joins {list(SPLITS)}, but the file has {listed(content)}.')
    return names


def _development_fold(split: NDArray[np.str_]) -> PredefinedSplit | None:
    """Return the fold that trains on "train" and scores on "valid", over the rows before "test"."""
    if not {"train", "valid"} <= set(split):
        return None
    return PredefinedSplit(np.where(split[split != "test"] == "valid", 0, -1))
