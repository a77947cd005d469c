"""All splits at once, feature files, transcripts, and the cache of load_mmsa."""

import importlib
import json
import os
import pickle
import shutil

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.datasets import load_mmsa

N_ROWS = {"train": 6, "valid": 3, "test": 4}


def make_split(name, n_rows):
    """Return a small unaligned split whose audio starts with y."""
    generator = np.random.default_rng(n_rows)
    y = generator.uniform(-3, 3, n_rows).astype(np.float32)
    audio = generator.normal(size=(n_rows, 5, 2)).astype(np.float32)
    audio[:, 0, 0] = y
    mask = np.ones((n_rows, 4), dtype=np.int64)
    return {
        "id": [f"{name}{row // 2}$_${row}" for row in range(n_rows)],
        "raw_text": [f"{name} words {row}" for row in range(n_rows)],
        "text": generator.normal(size=(n_rows, 4, 3)).astype(np.float32),
        "text_bert": np.stack([mask * 7, mask, mask * 0], axis=1),
        "audio": audio,
        "audio_lengths": [5, *[3] * (n_rows - 1)],
        "vision": generator.normal(size=(n_rows, 2, 2)).astype(np.float32),
        "vision_lengths": [2] * n_rows,
        "regression_labels": y,
        "classification_labels": np.sign(y) + 1,
        "annotations": ["Positive" if value > 0 else "Negative" for value in y],
    }


@pytest.fixture
def content():
    # the order of the file is not that of "all"
    return {name: make_split(name, N_ROWS[name]) for name in ("test", "train", "valid")}


@pytest.fixture
def write(tmp_path):
    """Return a function that pickles an object to a file of some name."""

    def write_file(content, name="file.pkl"):
        path = tmp_path / name
        path.write_bytes(pickle.dumps(content, protocol=4))
        return path

    return write_file


def same_bunch(one, other):
    """Compare two results of load_mmsa, part by part."""
    assert list(one) == list(other)
    for key, value in one.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, other[key], strict=True)
        elif isinstance(value, pd.DataFrame) and key == "unimodal_labels":
            pd.testing.assert_frame_equal(value, other[key])
        elif isinstance(value, pd.DataFrame):
            assert list(value.columns) == list(other[key].columns)
            for mine, theirs in zip(value.to_numpy().flat, other[key].to_numpy().flat, strict=True):
                np.testing.assert_array_equal(mine, theirs)
        elif isinstance(value, PredefinedSplit):
            np.testing.assert_array_equal(value.test_fold, other[key].test_fold)
        else:
            assert value == other[key]


def test_all_joins_train_valid_and_test_in_this_order(write, content):
    path = write(content)
    parts = [load_mmsa(path, split=name) for name in ("train", "valid", "test")]
    data = load_mmsa(path, split="all")
    assert MultimodalData.concatenate([part.X for part in parts]) == data.X
    for key in ("y", "ids", "groups", "split", "classification_labels", "annotations"):
        np.testing.assert_array_equal(data[key], np.concatenate([part[key] for part in parts]))
    assert data.raw_text == [words for part in parts for words in part.raw_text]
    assert data.split.tolist() == ["train"] * 6 + ["valid"] * 3 + ["test"] * 4
    assert [part.cv for part in parts] == [None] * 3


def test_the_fold_of_all_trains_on_train_and_scores_on_valid(write, content):
    data = load_mmsa(write(content), split="all")
    assert isinstance(data.cv, PredefinedSplit)
    [(train, valid)] = data.cv.split()
    assert set(data.split[train]) == {"train"}
    assert set(data.split[valid]) == {"valid"}
    assert (len(train), len(valid)) == (6, 3)


def test_no_search_over_the_development_rows_sees_a_test_row(write, content):
    results = []
    for test_value in (0.0, 1e6):
        content["test"]["audio"][:] = test_value
        content["test"]["regression_labels"][:] = test_value
        data = load_mmsa(write(content), split="all", modalities=["audio"])
        rows = data.split != "test"
        search = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]}, cv=data.cv)
        search.fit(data.X[rows], data.y[rows])
        results.append([search.best_estimator_.coef_, search.cv_results_["mean_test_score"]])
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_all_reads_what_the_file_has_and_other_splits_by_name_alone(write, content):
    content["train_mix"] = content["train"]
    assert set(load_mmsa(write(content), split="all").split) == {"train", "valid", "test"}
    assert load_mmsa(write(content), split="train_mix").split.tolist() == ["train_mix"] * 6
    del content["valid"]
    data = load_mmsa(write(content), split="all")
    assert data.split.tolist() == ["train"] * 6 + ["test"] * 4
    assert data.cv is None
    with pytest.raises(ValueError, match=r"joins \['train', 'valid', 'test'\].*has \['dev'\]"):
        load_mmsa(write({"dev": content["train"]}), split="all")


def test_splits_of_other_lengths_are_padded_and_other_sizes_refused(write, content):
    content["valid"]["audio"] = content["valid"]["audio"][:, :3]
    content["valid"]["audio_lengths"] = [3] * 3
    data = load_mmsa(write(content), split="all")
    assert data.X.arrays["audio"].shape == (13, 5, 2)
    content["valid"]["audio"] = content["valid"]["audio"][:, :, :1]
    message = 'audio has 1 features in split "valid" and 2 in split "train"'
    with pytest.raises(ValueError, match=message):
        load_mmsa(write(content), split="all")


def test_an_id_in_two_splits_is_refused(write, content):
    content["test"]["id"][2] = content["train"]["id"][1]
    with pytest.raises(ValueError, match=r"ids of .*'train0\$_\$1' stands in rows 1 and 11"):
        load_mmsa(write(content), split="all")
    assert len(load_mmsa(write(content), split="test").ids) == 4


def test_what_some_splits_lack(write, content):
    for key in ("raw_text", "annotations", "classification_labels"):
        del content["test"][key]
    content["train"]["regression_labels_A"] = np.arange(6.0)
    data = load_mmsa(write(content), split="all")
    assert (data.raw_text, data.annotations, data.classification_labels) == (None, None, None)
    assert list(data.unimodal_labels.columns) == ["audio"]
    assert data.unimodal_labels["audio"].tolist()[:6] == [0, 1, 2, 3, 4, 5]
    assert data.unimodal_labels["audio"].isna().sum() == 7
    with pytest.raises(ValueError, match='no key "raw_text" in split "test"'):
        load_mmsa(write(content), split="all", text="raw")


def test_infinities_of_all_splits_are_counted_together(write, content):
    for name in ("train", "test"):
        content[name]["audio"][0, 0] = -np.inf
    message = r'audio has 4 infinite values and 0 NaN in 2 of 13 rows of splits "train", "valid"'
    with pytest.warns(UserWarning, match=message) as warned:
        data = load_mmsa(write(content), split="all")
    assert warned[0].filename == __file__
    assert np.isfinite(data.X.arrays["audio"]).all()


def test_transcripts_make_a_frame(write, content):
    content["valid"]["audio_lengths"][1] = 0
    data = load_mmsa(write(content), split="valid", text="raw")
    assert list(data.X.columns) == ["text", "audio", "vision"]
    assert data.X["text"].tolist() == content["valid"]["raw_text"]
    assert all(type(words) is str for words in data.X["text"])
    assert [cell.shape for cell in data.X["audio"]] == [(5, 2), (0, 2), (3, 2)]
    signals = MultimodalData.from_frame(data.X[["audio", "vision"]])
    expected = load_mmsa(write(content), split="valid", modalities=["audio", "vision"]).X
    assert signals.ids.tolist() == expected.ids.tolist()
    for name in ("audio", "vision"):
        np.testing.assert_array_equal(signals.arrays[name], expected.arrays[name])
    alone = load_mmsa(write(content), split="valid", modalities=["text"], text="raw")
    assert alone.X.to_dict("list") == {"text": content["valid"]["raw_text"]}


@pytest.fixture
def other_audio(content):
    """Audio of three features for every id, in another order, with one row more."""
    parts = {}
    for name, part in content.items():
        ids = [*part["id"][::-1], "another"]
        values = np.arange(len(ids), dtype=np.float32)[:, None, None] + np.zeros((1, 4, 3)) + 1
        parts[name] = {"id": ids, "audio": values, "audio_lengths": [2] * len(ids)}
    return parts


@pytest.mark.parametrize("split", ["train", "all"])
def test_a_feature_file_replaces_a_modality_row_by_row(write, content, other_audio, split):
    features = {"audio": write(other_audio, "audio.pkl")}
    path = write(content)
    data, own = load_mmsa(path, split=split, features=features), load_mmsa(path, split=split)
    assert data.X.arrays["audio"].shape[1:] == (4, 3)
    assert data.X.lengths["audio"].tolist() == [2] * len(own.y)
    # the last row of the file comes first
    assert data.X.arrays["audio"][:6, 0, 0].tolist() == [6, 5, 4, 3, 2, 1]
    for name in ("text", "vision"):
        np.testing.assert_array_equal(data.X.arrays[name], own.X.arrays[name])
    assert data.sha256 == own.sha256
    assert list(data.features_sha256) == ["audio"]
    assert own.features_sha256 == {}
    assert data.features_sha256["audio"] != data.sha256


def test_a_feature_file_without_ids_or_lengths_is_taken_in_order(write, content, other_audio):
    for part in other_audio.values():
        del part["id"], part["audio_lengths"]
        part["audio"] = part["audio"][:-1]
        part["audio"][1, 2:] = 0
    data = load_mmsa(write(content), features={"audio": write(other_audio, "audio.pkl")})
    assert data.X.arrays["audio"][:, 0, 0].tolist() == [1, 2, 3, 4, 5, 6]
    assert data.X.lengths["audio"].tolist() == [4, 2, 4, 4, 4, 4]


def test_a_text_file_has_its_own_form_and_mask(write, content):
    words = np.zeros((6, 3, 8), dtype=np.int64)
    words[:, :2, :3] = 1
    path = write({"train": {"text_bert": words}}, "text.pkl")
    data = load_mmsa(write(content), features={"text": path})
    assert data.X.arrays["text"].shape == (6, 8)
    assert data.X.lengths["text"].tolist() == [3] * 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda parts: parts["train"]["id"].remove("train0$_$1"),
            "id has 6 rows where audio has 7",
        ),
        (
            lambda parts: parts["train"]["id"].__setitem__(4, "x"),
            r"no row for the id 'train0\$_\$1'",
        ),
        (lambda parts: parts["train"]["id"].__setitem__(0, "another"), "'another' stands in rows"),
        (lambda parts: parts["train"].pop("id"), "audio has 7 rows where regression_labels has 6"),
        (
            lambda parts: parts["train"].pop("audio"),
            r'no key "audio" in split "train" of .*audio\.pkl',
        ),
        (
            lambda parts: parts.pop("train"),
            r"split must be one of \['test', 'valid'\], which .*audio",
        ),
    ],
)
def test_a_feature_file_that_does_not_fit_is_named(write, content, other_audio, change, message):
    change(other_audio)
    with pytest.raises(ValueError, match=message):
        load_mmsa(write(content), features={"audio": write(other_audio, "audio.pkl")})


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"features": "audio.pkl"}, TypeError, "features must be a dict by modality, got str"),
        ({"features": {"smell": "a"}}, ValueError, r"modalities read.*got \['smell'\]"),
        (
            {"features": {"audio": "a"}, "modalities": ["text"]},
            ValueError,
            r"modalities read, \['text'\]; got \['audio'\]",
        ),
        ({"features": {"text": "a"}, "text": "raw"}, ValueError, 'text="raw" does not read'),
        ({"features": {"audio": "nowhere.pkl"}}, FileNotFoundError, r"nowhere\.pkl"),
    ],
)
def test_options_that_do_not_go_together(write, content, options, error, message):
    with pytest.raises(error, match=message):
        load_mmsa(write(content), **options)


def test_a_feature_file_that_would_run_code_is_refused(write, content, tmp_path):
    class Call:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "it_ran"),)

    features = {"audio": write({"train": {"audio": Call()}}, "audio.pkl")}
    with pytest.raises(ValueError, match=r"audio\.pkl.*mkdir.*Nothing was run"):
        load_mmsa(write(content), features=features)
    assert not (tmp_path / "it_ran").exists()


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"split": "all"},
        {"split": "valid", "text": "token_ids"},
        {"split": "all", "text": "raw"},
        {"modalities": ["text"], "text": "raw"},
    ],
)
def test_the_cache_gives_what_the_file_gives(write, content, tmp_path, monkeypatch, options):
    content["train"]["audio"][0, 0, 0] = -np.inf
    for key in "TAV":
        content["train"][f"regression_labels_{key}"] = np.arange(6.0)
    del content["test"]["annotations"]
    path = write(content)
    before = path.read_bytes(), path.stat().st_mtime_ns
    warns = options.get("split") != "valid" and "modalities" not in options

    def load(**more):
        if not warns:
            return load_mmsa(path, **options, **more)
        with pytest.warns(UserWarning, match="audio has 1 infinite"):
            return load_mmsa(path, **options, **more)

    plain = load()
    same_bunch(load(cache=tmp_path / "deep" / "cache"), plain)
    monkeypatch.setattr("sklearn_tamulag.datasets.mmsa.load_arrays", None)
    cached = load(cache=tmp_path / "deep" / "cache")
    same_bunch(cached, plain)
    if isinstance(cached.X, MultimodalData):
        assert all(isinstance(array, np.memmap) for array in cached.X.arrays.values())
    [folder] = (tmp_path / "deep" / "cache").iterdir()
    assert {file.suffix for file in folder.iterdir()} == {".npy", ".json"}
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_every_option_and_every_content_has_a_cache_of_its_own(
    write, content, other_audio, tmp_path
):
    path, cache = write(content), tmp_path / "cache"
    audio = write(other_audio, "audio.pkl")
    options = [
        {},
        {"split": "valid"},
        {"split": "all"},
        {"text": "token_ids"},
        {"modalities": ["audio", "text"]},
        {"modalities": ["text", "audio"]},
        {"features": {"audio": audio}},
    ]
    for option in options:
        same_bunch(load_mmsa(path, cache=cache, **option), load_mmsa(path, **option))
    assert len(list(cache.iterdir())) == len(options)
    for part in other_audio.values():
        part["audio"] += 1
    audio = write(other_audio, "audio.pkl")
    content["train"]["vision"][:] = 7
    for changed in (write(content), write(content, "renamed.pkl")):
        data = load_mmsa(changed, cache=cache, features={"audio": audio})
        assert (data.X.arrays["vision"] == 7).all()
        assert data.X.arrays["audio"][0, 0, 0] == 7
    assert len(list(cache.iterdir())) == len(options) + 1


@pytest.fixture
def cached(write, content, tmp_path):
    """A file, its cache, and the one folder in it."""
    path, cache = write(content), tmp_path / "cache"
    load_mmsa(path, cache=cache)
    [folder] = cache.iterdir()
    return path, cache, folder


def rewrite_index(folder, change):
    index = json.loads((folder / "index.json").read_text())
    change(index)
    (folder / "index.json").write_text(json.dumps(index))


def flip_a_bit(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def remove_checksums(index):
    del index["sha256"], index["index_sha256"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: first_array(folder).unlink(), r"incomplete: .*arrays-text.* is not there"),
        (lambda folder: flip_a_bit(first_array(folder), -1), "damaged: its checksum is wrong"),
        (lambda folder: flip_a_bit(first_array(folder), 20), "damaged: its checksum is wrong"),
        (lambda folder: (folder / "index.json").write_text("{"), "not readable"),
        (
            lambda folder: rewrite_index(folder, lambda index: index["attributes"].pop("notes")),
            r"index\.json is damaged: its checksum is wrong",
        ),
        (
            lambda folder: rewrite_index(folder, lambda index: index["arrays"].pop("y")),
            r"index\.json is damaged: its checksum is wrong",
        ),
        # as earlier versions have written it
        (lambda folder: rewrite_index(folder, remove_checksums), "has no checksums"),
    ],
)
def test_a_damaged_cache_is_written_again(cached, damage, message):
    path, cache, folder = cached
    n_files = len(list(folder.iterdir()))
    expected = load_mmsa(path)
    damage(folder)
    with pytest.warns(UserWarning, match=f"The cache is written again: .*{message}"):
        same_bunch(load_mmsa(path, cache=cache), expected)
    same_bunch(load_mmsa(path, cache=cache), expected)
    assert len(list(folder.iterdir())) == n_files


def first_array(folder):
    return sorted(folder.glob("*.npy"))[0]


def test_a_cache_whose_writing_was_killed_is_written(cached):
    path, cache, folder = cached
    n_files = len(list(folder.iterdir()))
    (folder / "index.json").unlink()
    same_bunch(load_mmsa(path, cache=cache), load_mmsa(path))
    assert len(list(folder.iterdir())) == n_files


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index.update(version=99), "format version 99"),
        (lambda index: index.update(kind="MultimodalData"), "not load_mmsa"),
    ],
)
def test_a_cache_of_another_version_is_refused(cached, change, message):
    path, cache, folder = cached
    rewrite_index(folder, change)
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    with pytest.raises(ValueError, match=message):
        load_mmsa(path, cache=cache)
    assert before == {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_failure_leaves_nothing_in_the_cache(write, content, tmp_path, monkeypatch):
    path, cache = write(content), tmp_path / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda number: (_ for _ in ()).throw(OSError("disk full")))
        with pytest.raises(OSError, match="disk full"):
            load_mmsa(path, cache=cache)
    assert not cache.exists() or list(cache.iterdir()) == []
    with pytest.raises(ValueError, match="got 'dev'"):
        load_mmsa(path, split="dev", cache=cache)
    assert len(load_mmsa(path, cache=cache).y) == 6


def test_whoever_fills_the_cache_last_leaves_one_set_of_files(cached, monkeypatch):
    path, cache, folder = cached
    n_files = len(list(folder.iterdir()))
    expected = load_mmsa(path)
    read = "sklearn_tamulag.datasets.mmsa.read_rows"
    real = importlib.import_module("sklearn_tamulag.datasets.mmsa").read_rows
    shutil.rmtree(folder)

    def beaten(*args):
        monkeypatch.setattr(read, real)
        load_mmsa(path, cache=cache)  # another process
        return real(*args)

    monkeypatch.setattr(read, beaten)
    same_bunch(load_mmsa(path, cache=cache), expected)
    assert len(list(folder.iterdir())) == n_files
