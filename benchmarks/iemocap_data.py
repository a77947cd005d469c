"""IEMOCAP for the benchmarks: text, mel bands and prosody of every utterance, split by session."""

import warnings
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.preprocessing import SequenceScaler, TextEmbedder

SESSIONS = ("Ses01", "Ses02", "Ses03", "Ses04")
DIMENSIONS = ("valence", "arousal", "dominance")
CLASSES = "four classes"
TASKS = (*DIMENSIONS, CLASSES)
INPUTS = {
    "text": ("text",),
    "audio": ("mel", "prosody"),
    "text + audio": ("text", "mel", "prosody"),
}

# The most tokens of a transcript; one in twenty is longer.
N_TOKENS = 32
# Excitement counts as happiness, as in the tables of four classes that are published.
EMOTIONS = {"ang": "angry", "hap": "happy", "exc": "happy", "sad": "sad", "neu": "neutral"}


class Part(NamedTuple):
    """Rows of one part of a rotation: the inputs, scaled, and what is to be predicted."""

    X: MultimodalData
    y: NDArray[Any]


class Rotation(NamedTuple):
    """The three parts of a rotation: no speaker is in two of them."""

    train: Part
    chosen_on: Part
    reported: Part


def prepare(file: Path, encoder: Path, prefix: str, folder: Path) -> None:
    """Compute the states of the text encoder once, and keep them with the sound and the labels."""
    if (folder / "labels.npz").exists():
        return
    with np.load(file, allow_pickle=False) as archive:
        table = {name: archive[name] for name in archive.files}
    n_rows, lengths = len(table["id"]), table["length"]
    mel = np.zeros((n_rows, lengths.max(), table["mel"].shape[1]), dtype=np.float32)
    for row, frames in enumerate(np.split(table["mel"], np.cumsum(lengths)[:-1])):
        mel[row, : len(frames)] = frames / np.float32(255)
    embedder = TextEmbedder(
        encoder, max_length=N_TOKENS, prefix=prefix, cache=folder / "states", progress=True
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*truncated", UserWarning)
        text = embedder.fit_transform(pd.DataFrame({"text": table["text"]}))
    X = MultimodalData(
        {
            "text": text.arrays["text"],
            "mel": mel,
            # (n, 47) -> (n, 1, 47)
            "prosody": table["prosody"].astype(np.float32)[:, np.newaxis],
        },
        {
            "text": text.lengths["text"],
            "mel": lengths,
            "prosody": np.ones(n_rows, dtype=np.int64),
        },
        ids=table["id"],
        groups=table["dialog"],
    )
    X.save(folder / "inputs")
    labels = {name: table[name] for name in ("session", "vad", "emotion")}
    np.savez(folder / "labels.npz", **labels)


def read(folder: Path) -> tuple[MultimodalData, pd.DataFrame]:
    """Inputs, memory-mapped, and a column of labels per task; NaN or None where there is none."""
    X = MultimodalData.load(folder / "inputs")
    with np.load(folder / "labels.npz", allow_pickle=False) as archive:
        labels = pd.DataFrame(archive["vad"].astype(np.float64), columns=list(DIMENSIONS))
        labels["session"] = archive["session"]
        emotion = pd.Series(archive["emotion"])
    labels[CLASSES] = emotion.map(EMOTIONS).astype(object).where(emotion.isin(list(EMOTIONS)), None)
    return X, labels


@lru_cache(maxsize=2)
def rotation(folder: Path, task: str, inputs: str, reported: str) -> Rotation:
    """Split by session: one is reported, the next one chooses, two are trained on.

    The inputs are standardised over the training rows.
    """
    X, labels = read(folder)
    chosen_on = SESSIONS[(SESSIONS.index(reported) + 1) % len(SESSIONS)]
    trained_on = [name for name in SESSIONS if name not in (reported, chosen_on)]
    X = X.select(list(INPUTS[inputs]))
    known = labels[task].notna()
    values = labels[task].to_numpy(dtype=str if task == CLASSES else np.float64, na_value="")
    scaler: SequenceScaler | None = None
    parts = []
    for sessions in (trained_on, [chosen_on], [reported]):
        rows = np.flatnonzero(known & labels["session"].isin(sessions))
        if scaler is None:
            scaler = SequenceScaler().fit(X[rows])
        parts.append(Part(scaler.transform(X[rows]), values[rows]))
    return Rotation(*parts)


def pooled(X: MultimodalData) -> NDArray[np.float64]:
    """Mean, deviation and maximum of every feature over the valid steps, side by side.

    A modality of one step comes as it is.
    """
    columns = []
    for name in X.modalities:
        values, lengths = np.asarray(X.arrays[name]), np.maximum(X.lengths[name], 1)
        if values.shape[1] == 1:
            columns.append(values[:, 0])  # (n, 1, d) -> (n, d)
            continue
        valid = (np.arange(values.shape[1]) < lengths[:, np.newaxis])[..., np.newaxis]
        mean = values.sum(axis=1) / lengths[:, np.newaxis]  # (n, T, d) -> (n, d)
        square = (values**2).sum(axis=1) / lengths[:, np.newaxis]
        deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
        largest = np.where(valid, values, -np.inf).max(axis=1)
        columns += [mean, deviation, largest]
    return np.concatenate(columns, axis=1).astype(np.float64)
