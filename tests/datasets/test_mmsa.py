"""Files in the published layouts, made here in shape and type, and what is wrong with others."""

import os
import pickle
import re

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold, train_test_split

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.datasets import load_mmsa, mmsa
from sklearn_tamulag.datasets._safe_pickle import load_arrays

N_ROWS, N_STEPS = 6, 7
TEXT_LENGTHS = np.array([7, 3, 5, 1, 4, 2])
AUDIO_LENGTHS = np.array([11, 2, 1, 9, 5, 3])
VISION_LENGTHS = np.array([4, 9, 9, 2, 1, 6])


def sequences(generator, lengths, n_steps, n_features):
    """Return float32 features with zeros beyond each length."""
    values = generator.uniform(0.5, 1, size=(len(lengths), n_steps, n_features))
    values[np.arange(n_steps) >= lengths[:, None]] = 0
    return values.astype(np.float32)


def make_split(seed, aligned):
    """Return a split as published; aligned files have one length for all and do not store it."""
    generator = np.random.default_rng(seed)
    mask = (np.arange(N_STEPS) < TEXT_LENGTHS[:, None]).astype(np.int64)
    tokens = generator.integers(1, 99, size=(N_ROWS, N_STEPS)) * mask
    y = np.array([-3, -1.2, 0, 0.4, 2.4, 3], dtype=np.float32)
    split = {
        "raw_text": np.array([f"clip {row} déjà vu" for row in range(N_ROWS)]),
        "text": sequences(generator, TEXT_LENGTHS, N_STEPS, 8),
        "text_bert": np.stack([tokens, mask, np.zeros_like(tokens)], axis=1),
        "audio": sequences(generator, AUDIO_LENGTHS, 11, 5),
        "vision": sequences(generator, VISION_LENGTHS, 9, 3),
        "audio_lengths": AUDIO_LENGTHS.tolist(),
        "vision_lengths": VISION_LENGTHS.tolist(),
        "id": [f"video{row // 2}$_${row}" for row in range(N_ROWS)],
        "regression_labels": y,
        "classification_labels": np.sign(y) + 1,
        "annotations": [["Negative", "Neutral", "Positive"][int(np.sign(v)) + 1] for v in y],
    }
    # Bert has features for its padding too: only the mask tells them from words.
    split["text"][split["text"] == 0] = 0.25
    if aligned:
        split["audio"] = sequences(generator, TEXT_LENGTHS, N_STEPS, 5)
        split["vision"] = sequences(generator, TEXT_LENGTHS, N_STEPS, 3)
        del split["audio_lengths"], split["vision_lengths"]
    return split


def make_file(aligned=False):
    return {name: make_split(seed, aligned) for seed, name in enumerate(["train", "valid", "test"])}


@pytest.fixture
def content():
    return make_file()


@pytest.fixture
def write(tmp_path):
    """Return a function that pickles an object to a file."""

    def write_file(content, protocol=4):
        path = tmp_path / "unaligned_50.pkl"
        path.write_bytes(pickle.dumps(content, protocol=protocol))
        return path

    return write_file


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_an_unaligned_split(write, content, split):
    data, source = load_mmsa(write(content), split=split), content[split]
    assert isinstance(data.X, MultimodalData)
    assert data.X.modalities == ("text", "audio", "vision")
    np.testing.assert_array_equal(data.X.arrays["audio"], source["audio"], strict=True)
    np.testing.assert_array_equal(data.X.arrays["vision"], source["vision"], strict=True)
    np.testing.assert_array_equal(data.X.lengths["audio"], AUDIO_LENGTHS)
    np.testing.assert_array_equal(data.X.lengths["vision"], VISION_LENGTHS)
    np.testing.assert_array_equal(data.X.lengths["text"], TEXT_LENGTHS)
    expected = np.where(data.X.mask("text")[..., None], source["text"], np.float32(0))
    np.testing.assert_array_equal(data.X.arrays["text"], expected, strict=True)
    np.testing.assert_array_equal(data.y, source["regression_labels"].astype(float), strict=True)
    assert data.ids.tolist() == source["id"]
    assert data.groups.tolist() == ["video0"] * 2 + ["video1"] * 2 + ["video2"] * 2
    np.testing.assert_array_equal(data.X.ids, data.ids)
    np.testing.assert_array_equal(data.X.groups, data.groups)
    assert data.raw_text == source["raw_text"].tolist()
    assert type(data.raw_text[0]) is str
    assert data.unimodal_labels is None
    assert data.annotations.tolist() == source["annotations"]
    np.testing.assert_array_equal(data.classification_labels, [0, 0, 1, 2, 2, 2])
    assert data.classification_labels.dtype == np.int64


def test_an_aligned_file_takes_lengths_from_mask_and_zeros(write):
    content = make_file(aligned=True)
    content["train"]["audio"][4] = 0
    content["train"]["vision"][0, :6] = 0
    data = load_mmsa(write(content))
    np.testing.assert_array_equal(data.X.lengths["text"], TEXT_LENGTHS)
    np.testing.assert_array_equal(data.X.lengths["audio"], [7, 3, 5, 1, 0, 2])
    # Zeros before the last filled step are steps.
    np.testing.assert_array_equal(data.X.lengths["vision"], TEXT_LENGTHS)


def test_an_aligned_modality_ends_with_the_mask_where_its_padding_is_not_zero(write):
    content = make_file(aligned=True)
    content["train"]["audio"][:] = 1
    content["train"]["audio"][2, 3:] = 0
    data = load_mmsa(write(content))
    assert data.X.lengths["audio"].tolist() == [7, 3, 3, 1, 4, 2]
    assert (data.X.arrays["audio"][~data.X.mask("audio")] == 0).all()


def test_an_aligned_modality_that_is_padded_in_front_keeps_all_its_steps(write):
    content = make_file(aligned=True)
    content["train"]["audio"] = content["train"]["audio"][:, ::-1]
    data = load_mmsa(write(content))
    assert data.X.lengths["audio"].tolist() == [N_STEPS] * N_ROWS
    np.testing.assert_array_equal(data.X.arrays["audio"], content["train"]["audio"])


def test_text_features_without_token_ids_end_at_the_last_nonzero_step(write, content):
    for split in content.values():
        del split["text_bert"]
        split["text"][1, 2:] = 0
    assert load_mmsa(write(content)).X.lengths["text"].tolist() == [7, 2, 7, 7, 7, 7]


def test_a_mask_of_other_steps_does_not_cut_the_features(write, content):
    content["train"]["text"] = content["train"]["text"][:, :4]
    assert load_mmsa(write(content)).X.lengths["text"].tolist() == [4] * N_ROWS


@pytest.mark.parametrize("dtype", [np.int64, np.float32])
def test_token_ids(write, content, dtype):
    for split in content.values():
        split["text_bert"] = split["text_bert"].astype(dtype)
    X = load_mmsa(write(content), text="token_ids").X
    np.testing.assert_array_equal(X.arrays["text"], content["train"]["text_bert"][:, 0])
    assert X.arrays["text"].dtype == np.int64
    np.testing.assert_array_equal(X.lengths["text"], TEXT_LENGTHS)


def test_auto_reads_features_where_there_are_some_else_token_ids(write, content):
    assert load_mmsa(write(content)).X.arrays["text"].shape == (N_ROWS, N_STEPS, 8)
    del content["train"]["text"]
    assert load_mmsa(write(content)).X.arrays["text"].shape == (N_ROWS, N_STEPS)


@pytest.mark.parametrize(
    "modalities", [("audio",), ["vision", "text"], ("vision", "audio", "text")]
)
def test_modalities_are_those_asked_for_in_that_order(write, content, modalities):
    X = load_mmsa(write(content), modalities=modalities).X
    assert X.modalities == tuple(modalities)


def test_what_is_not_asked_for_need_not_be_there(write, content):
    for key in ("vision", "text", "text_bert", "raw_text", "annotations", "classification_labels"):
        del content["train"][key]
    data = load_mmsa(write(content), modalities=["audio"])
    assert data.X.modalities == ("audio",)
    assert (data.raw_text, data.annotations, data.classification_labels) == (None, None, None)


def test_human_unimodal_labels(write, content):
    for key, shift in (("T", 0.1), ("A", 0.2), ("V", 0.3)):
        content["train"][f"regression_labels_{key}"] = np.full(N_ROWS, shift, dtype=np.float32)
    data = load_mmsa(write(content))
    labels = data.unimodal_labels
    expected = pd.DataFrame({"text": [0.1], "audio": [0.2], "vision": [0.3]}).loc[[0] * N_ROWS]
    pd.testing.assert_frame_equal(labels, expected.set_axis(data.ids), atol=1e-7)
    labels = load_mmsa(write(content), modalities=["vision", "audio"]).unimodal_labels
    assert list(labels.columns) == ["vision", "audio"]
    del content["train"]["regression_labels_V"]
    labels = load_mmsa(write(content), modalities=["vision", "audio"]).unimodal_labels
    assert list(labels.columns) == ["audio"]


def test_what_nobody_wrote_or_said_is_missing(write, content):
    content["train"]["regression_labels_A"] = [0.5, np.nan, 1, 1, 1, 1]
    content["train"]["raw_text"] = ["a", None, np.nan, "", "e", b"f"]
    data = load_mmsa(write(content))
    assert data.unimodal_labels["audio"].isna().tolist() == [False, True, *[False] * 4]
    assert data.raw_text == ["a", "", "", "", "e", "f"]


def test_values_that_are_not_finite_become_zero_and_are_counted(write, content):
    audio = content["train"]["audio"]
    audio[0, 0, :2], audio[0, 1, 0], audio[3, 2, 4] = -np.inf, np.inf, np.nan
    path = write(content)
    with pytest.warns(
        UserWarning, match=r"audio has 3 infinite values and 1 NaN in 2 of 6 rows"
    ) as warned:
        data = load_mmsa(path)
    assert warned[0].filename == __file__
    expected = np.where(np.isfinite(audio), audio, np.float32(0))
    np.testing.assert_array_equal(data.X.arrays["audio"], expected, strict=True)
    assert load_mmsa(path, modalities=["text"]).X.modalities == ("text",)


def test_a_last_step_of_infinities_is_a_step(write):
    content = make_file(aligned=True)
    content["train"]["audio"][0, 3:] = 0
    content["train"]["audio"][0, 4] = -np.inf
    with pytest.warns(UserWarning, match="5 infinite values"):
        lengths = load_mmsa(write(content)).X.lengths["audio"]
    assert lengths[0] == 5


def test_ids_of_other_forms(write, content):
    ids = [b"film$_$1", "film$_$2", "plain", "a_$b$_$c$_$1", 5, ""]
    content["train"]["id"] = np.array(ids, dtype=object)
    data = load_mmsa(write(content))
    assert data.ids.tolist() == ["film$_$1", "film$_$2", "plain", "a_$b$_$c$_$1", "5", ""]
    assert data.groups.tolist() == ["film", "film", "plain", "a_$b", "5", ""]


def test_labels_of_one_column_are_flat(write, content):
    content["train"]["regression_labels"] = content["train"]["regression_labels"][:, None]
    assert load_mmsa(write(content)).y.shape == (N_ROWS,)


def test_the_bunch_goes_through_scikit_learn(write, content):
    data = load_mmsa(write(content))
    X_train, X_test, _, y_test = train_test_split(data.X, data.y, random_state=0)
    assert len(X_train) + len(X_test) == N_ROWS
    rows = [data.ids.tolist().index(name) for name in X_test.ids]
    np.testing.assert_array_equal(data.y[rows], y_test)
    for train, test in GroupKFold(3).split(data.X, data.y, data.groups):
        assert set(data.X[train].groups).isdisjoint(data.X[test].groups)


def test_arrays_in_which_nothing_changes_are_not_copied(write, content, monkeypatch):
    read = {}

    def keep(path):
        read.update(load_arrays(path))
        return {name: dict(part) for name, part in read.items()}

    monkeypatch.setattr(mmsa, "load_arrays", keep)
    content["train"]["audio"][1, 0, 0] = -np.inf
    with pytest.warns(UserWarning, match="1 infinite"):
        data = load_mmsa(write(content))
    assert data.X.arrays["vision"] is read["train"]["vision"]
    assert not np.shares_memory(data.X.arrays["audio"], read["train"]["audio"])
    assert read["train"]["audio"][1, 0, 0] == -np.inf


def test_the_file_stays_as_it_was(write, content):
    content["train"]["audio"][0, 0, 0] = -np.inf
    path = write(content)
    before = path.read_bytes(), path.stat().st_mtime_ns
    with pytest.warns(UserWarning, match="1 infinite"):
        data = load_mmsa(path)
    data.X.arrays["text"][:] = 1
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_file_that_would_run_code_is_refused(write, content, tmp_path):
    target = tmp_path / "it_ran"

    class Call:
        def __reduce__(self):
            return os.system, (f"touch {target}",)

    content["test"]["annotations"][2] = Call()
    with pytest.raises(ValueError, match=r"unaligned_50\.pkl.*system.*Nothing was run"):
        load_mmsa(write(content))
    assert not target.exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"split": "dev"}, ValueError, r"\['train', 'valid', 'test'\].*got 'dev'"),
        ({"split": None}, ValueError, r"\['train', 'valid', 'test'\].*got None"),
        ({"split": ["train"]}, ValueError, r"or \"all\"; got \['train'\]"),
        ({"text": "words"}, ValueError, r"\['auto', 'features', 'token_ids', 'raw'\]; got 'words'"),
        ({"modalities": ()}, ValueError, r"\['text', 'audio', 'vision'\].*got \[\]"),
        ({"modalities": ["text", "video"]}, ValueError, r"got \['text', 'video'\]"),
        ({"modalities": ["text", "text"]}, ValueError, "each once"),
        ({"modalities": "text"}, TypeError, 'got the string "text"'),
    ],
)
def test_unknown_options_name_the_known_ones(write, content, options, error, message):
    with pytest.raises(error, match=message):
        load_mmsa(write(content), **options)


@pytest.mark.parametrize("key", ["id", "audio", "vision", "regression_labels"])
def test_a_missing_key_names_the_split_and_the_keys_present(write, content, key):
    del content["train"][key]
    present = re.escape(str(list(content["train"])))
    message = f'^There is no key "{key}" in split "train" of .*; the keys are {present}\\.$'
    with pytest.raises(ValueError, match=message):
        load_mmsa(write(content))


def test_missing_text_points_to_the_token_ids(write, content):
    del content["train"]["text"]
    with pytest.raises(ValueError, match=r'no key "text".*text="token_ids" reads'):
        load_mmsa(write(content), text="features")
    del content["train"]["text_bert"]
    with pytest.raises(ValueError, match='no key "text_bert"'):
        load_mmsa(write(content), text="token_ids")
    with pytest.raises(ValueError, match=r'no key "text" in .*\]\.$'):
        load_mmsa(write(content))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("audio_lengths", [11, 2, 1, 12, 5, 3], "between 0 and the 11 steps.*row 3 is 12"),
        ("vision_lengths", [4, -1, 9, 2, 1, 6], "between 0 and the 9 steps.*row 1 is -1"),
        ("audio_lengths", [1, 2], "audio_lengths has 2 rows"),
        ("audio_lengths", [1.5] * N_ROWS, "whole numbers"),
        ("audio", np.zeros((N_ROWS, 11)), r"shape \(n, T, d\).*\(6, 11\)"),
        ("audio", np.full((N_ROWS, 11, 2), "x"), r"audio must hold numbers"),
        ("vision", np.ones((5, 9, 3)), "vision_lengths has 6 rows where vision has 5"),
        ("text_bert", np.zeros((N_ROWS, 2, 7)), r"shape \(n, 3, T\)"),
        ("text_bert", np.full((N_ROWS, 3, 7), 2), "ones, then zeros; row 0"),
        ("regression_labels", [0.0, np.nan, 1, 1, 1, 1], "must be finite.*row 1 is nan"),
        ("regression_labels", ["good"] * N_ROWS, "must hold numbers"),
        ("regression_labels", np.zeros((N_ROWS, 2)), r"shape \(n,\).*got \(6, 2\)"),
        ("regression_labels", [0.0, 1.0], "has 6 rows where regression_labels has 2"),
        ("regression_labels_T", [0.0], "regression_labels_T has 1 rows"),
        ("regression_labels_T", [0.0, np.inf, 1, 1, 1, 1], "labels_T must be finite.*row 1 is inf"),
        ("id", ["a", "b"], "id has 2 rows"),
        ("id", ["a", "b", None, "c", "d", "e"], "id must have a value in every row.*row 2 is None"),
        ("id", ["a", "b", "c", "b", "d", "e"], r"ids of .*50\.pkl must differ.*'b'.*rows 1 and 3"),
        ("raw_text", ["a", "b"], "raw_text has 2 rows"),
        ("classification_labels", [0, 1], "classification_labels has 2 rows"),
        ("annotations", ["Positive"], "annotations has 1 rows"),
    ],
)
def test_parts_that_do_not_fit_are_named(write, content, key, value, message):
    content["train"][key] = value
    with pytest.raises(ValueError, match=message):
        load_mmsa(write(content))


@pytest.mark.parametrize("content", [[1, 2], {"train": np.zeros(3)}, np.zeros(3), "text"])
def test_another_layout_is_named(write, content):
    with pytest.raises(ValueError, match="must hold a dict of splits"):
        load_mmsa(write(content))
