"""Files in the shapes and types of every published layout: read, saved, and kept in a cache."""

import os
import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.datasets import load_mmsa, mmsa

# Words, then steps and features of audio and vision, and the type of both.
LAYOUTS = {
    "CMU-MOSI, unaligned": (50, (375, 5), (500, 20), np.float32),
    "CMU-MOSI, aligned": (50, (50, 5), (50, 20), np.float32),
    "CMU-MOSEI, unaligned": (50, (500, 74), (375, 35), np.float64),
    "CMU-MOSEI, aligned": (50, (50, 74), (50, 35), np.float64),
    "CH-SIMS, unaligned": (39, (400, 33), (55, 709), np.float64),
    "CH-SIMS v2, unaligned": (50, (925, 25), (232, 177), np.float32),
}
TEXT_SIZE = 768
N_ROWS = {"train": 5, "valid": 2, "test": 3}
SPLITS = list(N_ROWS)
REAL = Path(
    os.environ.get(
        "TAMULAG_MOSI",
        Path(__file__).parents[3] / "shared" / "data" / "mosi_train_valid.pkl",
    )
)


def padded(generator, lengths, n_steps, n_features, dtype):
    """Return features without a zero, and zeros beyond each length."""
    values = generator.uniform(0.5, 1, size=(len(lengths), n_steps, n_features)).astype(dtype)
    values[np.arange(n_steps) >= lengths[:, None]] = 0
    return values


def make_split(name, layout, seed):
    """Return one split as it is published."""
    n_words, audio, vision, dtype = LAYOUTS[layout]
    is_sims = layout.startswith("CH-SIMS")
    generator = np.random.default_rng(seed)
    n = N_ROWS[name]
    words = generator.integers(3, n_words + 1, n)
    mask = (np.arange(n_words) < words[:, None]).astype(np.int64)
    tokens = generator.integers(1, 21128, (n, n_words)) * mask
    y = generator.integers(-5, 6, n) / 5 * (1 if is_sims else 3)
    split = {
        "raw_text": np.array([f"{name} 说 {row}" for row in range(n)]),
        "text": padded(generator, words, n_words, TEXT_SIZE, np.float32),
        "text_bert": np.stack([tokens, mask, 0 * mask], axis=1).astype(
            np.float32 if is_sims else np.int64
        ),
        "id": [f"{name}{row // 2}$_${row}" for row in range(n)],
        "regression_labels": y.astype(np.float32),
        "classification_labels": np.sign(y) + 1,
        "annotations": np.array(["Negative", "Neutral", "Positive"])[np.sign(y).astype(int) + 1],
    }
    for key, (n_steps, n_features) in (("audio", audio), ("vision", vision)):
        if layout.endswith("unaligned"):
            lengths = generator.integers(1, n_steps + 1, n)
            split[f"{key}_lengths"] = lengths.tolist()
        else:
            lengths = words
        split[key] = padded(generator, lengths, n_steps, n_features, dtype)
    split["audio"][0, 0, :2] = -np.inf
    if is_sims:
        for letter in "TAV":
            split[f"regression_labels_{letter}"] = generator.integers(-5, 6, n) / 5
    return split


@pytest.fixture
def content(layout):
    return {name: make_split(name, layout, seed) for seed, name in enumerate(SPLITS)}


@pytest.fixture
def path(content, tmp_path):
    path = tmp_path / "file.pkl"
    path.write_bytes(pickle.dumps(content, protocol=4))
    return path


def expected_lengths(split, name):
    """Return the lengths that the file has, or those of its mask."""
    given = split.get(f"{name}_lengths")
    return split["text_bert"][:, 1].sum(axis=1) if given is None else given


@pytest.mark.filterwarnings("ignore:audio has .* infinite values:UserWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_published_layout_round_trips(layout, content, path, tmp_path):
    before = path.read_bytes()
    for name, source in content.items():
        data = load_mmsa(path, split=name)
        for modality in ("text", "audio", "vision"):
            array = data.X.arrays[modality]
            np.testing.assert_array_equal(
                array, np.where(np.isfinite(source[modality]), source[modality], 0), strict=True
            )
            assert data.X.lengths[modality].tolist() == list(expected_lengths(source, modality))
        np.testing.assert_array_equal(data.y, source["regression_labels"])
        if layout.startswith("CH-SIMS"):
            for modality, labels in data.unimodal_labels.items():
                key = f"regression_labels_{modality[0].upper()}"
                np.testing.assert_array_equal(labels, source[key])
        else:
            assert data.unimodal_labels is None
        data.X.save(tmp_path / "saved")
        loaded = MultimodalData.load(tmp_path / "saved")
        assert loaded == data.X
        cached = [load_mmsa(path, split=name, cache=tmp_path / "cache") for _ in range(2)]
        for again in cached:
            assert again.X == data.X
            for part in (loaded, again.X):
                assert all(isinstance(array, np.memmap) for array in part.arrays.values())
    assert path.read_bytes() == before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_form_of_the_text(layout, content, path):
    source = content["test"]
    for form, key in (("features", source["text"]), ("token_ids", source["text_bert"][:, 0])):
        data = load_mmsa(path, split="test", modalities=["text"], text=form)
        np.testing.assert_array_equal(data.X.arrays["text"], key)
        assert data.X.lengths["text"].tolist() == list(expected_lengths(source, "text"))
    data = load_mmsa(path, split="test", modalities=["vision", "text"], text="raw")
    assert isinstance(data.X, pd.DataFrame)
    assert list(data.X.columns) == ["vision", "text"]
    assert data.X["text"].tolist() == source["raw_text"].tolist() == data.raw_text
    assert data.X.index.tolist() == source["id"]
    for cell, array, length in zip(
        data.X["vision"], source["vision"], expected_lengths(source, "vision"), strict=True
    ):
        np.testing.assert_array_equal(cell, array[:length], strict=True)


@pytest.mark.parametrize("layout", ["CMU-MOSEI, aligned"])
def test_a_published_file_is_recognised_by_its_checksum(layout, path, monkeypatch):
    data = load_mmsa(path, modalities=["vision"])
    assert data.source == "unknown"
    assert re.fullmatch("[0-9a-f]{64}", data.sha256)
    monkeypatch.setitem(mmsa.PUBLISHED, data.sha256, layout)
    assert load_mmsa(path, modalities=["vision"]).source == layout


def test_the_checksums_of_the_published_files():
    assert {name: digest[:8] for digest, name in mmsa.PUBLISHED.items()} == {
        "CMU-MOSI, unaligned": "78e0f8b5",
        "CMU-MOSI, aligned": "d3994fd2",
        "CMU-MOSEI, unaligned": "ad8b23d5",
        "CMU-MOSEI, aligned": "45eccfb7",
        "CH-SIMS, unaligned": "c9e20c13",
    }
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in mmsa.PUBLISHED)


@pytest.mark.skipif(not REAL.exists(), reason="needs the file that TAMULAG_MOSI names")
def test_the_real_file_reads_with_both_splits(tmp_path):
    parts = {
        split: load_mmsa(REAL, split=split, text="token_ids", cache=tmp_path)
        for split in ("train", "valid")
    }
    assert {split: len(part.y) for split, part in parts.items()} == {"train": 1239, "valid": 208}
    assert set(parts["train"].groups).isdisjoint(parts["valid"].groups)
    for part in parts.values():
        assert part.X.feature_sizes == {"text": None, "audio": 73, "vision": 100}
        assert np.abs(part.y).max() <= 3
        assert part.X.present.all()
        np.testing.assert_array_equal(part.classification_labels, np.sign(part.y) + 1)
    joined = load_mmsa(REAL, split="all", text="token_ids")
    assert MultimodalData.concatenate([parts["train"].X, parts["valid"].X]) == joined.X
    [(train, valid)] = joined.cv.split()
    assert (len(train), len(valid)) == (1239, 208)
    frame = load_mmsa(REAL, split="valid", text="raw", cache=tmp_path).X
    assert frame["text"].iloc[0] == "KIDS ARE GONNA LOVE THE FILM"
    assert frame["audio"].iloc[0].shape == (10, 73)
