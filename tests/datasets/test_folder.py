"""A folder of one's own clips: what is read from it, and what is wrong with others."""

import os

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.datasets import load_folder

CLIPS = {
    "id": ["film-1", "film-2", "001", "é/4"],
    "group": ["film", "film", "7", "7"],
    "label": ["1.5", "-2", "0", "0.25"],
    "text": ["so good", "", "NA, really", '"quoted"'],
    "split": ["train", "train", "valid", "test"],
    "label_audio": ["1", "", "-1.5", ""],
    "speaker": ["", "x", "", "y"],
}
STEPS = {"film-1": 3, "film-2": 5, "001": 1, "é/4": 2}


def audio_of(clip):
    return np.full((STEPS[clip], 2), STEPS[clip], dtype=np.float32)


@pytest.fixture
def table():
    return pd.DataFrame(CLIPS)


@pytest.fixture
def folder(tmp_path, table):
    """Four clips: audio of all but one, vision of one step each, and words as token ids."""
    path = tmp_path / "clips"
    for name in ("audio", "vision", "text", "notes", ".hidden"):
        (path / name / "é").mkdir(parents=True)
    table.to_csv(path / "clips.csv", index=False)
    for clip in STEPS:
        if clip != "film-2":
            np.save(path / "audio" / f"{clip}.npy", audio_of(clip))
        np.save(path / "vision" / f"{clip}.npy", np.ones((1, 3)))
        np.save(path / "text" / f"{clip}.npy", np.arange(1, STEPS[clip] + 1))
    (path / "notes" / "readme.txt").write_text("no modality")
    np.save(path / ".hidden" / "x.npy", np.ones(3))
    return path


def rewrite(folder, **columns):
    """Write the table anew with some columns changed, None for none."""
    table = pd.DataFrame(CLIPS | columns)
    table.loc[:, [name for name in table if columns.get(name, 0) is not None]].to_csv(
        folder / "clips.csv", index=False
    )


def snapshot(folder):
    """Return the contents of every file."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_everything_in_a_folder(folder):
    before = snapshot(folder)
    data = load_folder(folder)
    assert data.X.modalities == ("audio", "text", "vision")
    assert data.X.lengths["audio"].tolist() == [3, 0, 1, 2]
    assert data.X.arrays["audio"].dtype == np.float32
    for row, clip in enumerate(CLIPS["id"]):
        length = data.X.lengths["audio"][row]
        expected = audio_of(clip)[:length]
        np.testing.assert_array_equal(data.X.arrays["audio"][row, :length], expected)
        assert data.X.arrays["text"][row, : STEPS[clip]].tolist() == list(range(1, STEPS[clip] + 1))
    assert data.X.feature_sizes == {"audio": 2, "text": None, "vision": 3}
    assert data.ids.tolist() == data.X.ids.tolist() == CLIPS["id"]
    assert data.groups.tolist() == data.X.groups.tolist() == CLIPS["group"]
    np.testing.assert_array_equal(data.y, [1.5, -2, 0, 0.25], strict=True)
    assert data.split.tolist() == CLIPS["split"]
    assert data.raw_text == CLIPS["text"]
    expected = pd.DataFrame({"audio": [1, np.nan, -1.5, np.nan]}, index=pd.Index(CLIPS["id"]))
    pd.testing.assert_frame_equal(data.unimodal_labels, expected, check_names=False)
    assert snapshot(folder) == before


def test_a_table_with_ids_alone(folder):
    rewrite(folder, **dict.fromkeys(set(CLIPS) - {"id"}))
    data = load_folder(folder, modalities=["vision"])
    assert data.X.modalities == ("vision",)
    assert [data[k] for k in ("y", "groups", "split", "raw_text", "unimodal_labels")] == [None] * 5


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["1", "-2", "0", "3"], np.array([1, -2, 0, 3])),
        (["1", "-2.0", "0", "3"], np.array([1.0, -2, 0, 3])),
        (["good", "bad", "so so", "good"], np.array(["good", "bad", "so so", "good"])),
    ],
)
def test_labels_are_numbers_or_words(folder, labels, expected):
    rewrite(folder, label=labels)
    np.testing.assert_array_equal(load_folder(folder).y, expected, strict=True)


def test_transcripts_make_a_frame(folder):
    data = load_folder(folder, text="raw")
    assert list(data.X.columns) == ["text", "audio", "vision"]
    assert data.X["text"].tolist() == CLIPS["text"]
    assert data.X.index.tolist() == CLIPS["id"]
    assert [len(cell) for cell in data.X["audio"]] == [3, 0, 1, 2]
    alone = load_folder(folder, modalities=["text"], text="raw")
    assert alone.X.to_dict("list") == {"text": CLIPS["text"]}
    without = load_folder(folder, modalities=["audio"], text="raw")
    assert list(without.X.columns) == ["audio"]


def test_a_folder_of_transcripts_needs_no_arrays(tmp_path, table):
    table.to_csv(tmp_path / "clips.csv", index=False)
    data = load_folder(tmp_path, text="raw")
    assert data.X["text"].tolist() == CLIPS["text"]
    with pytest.raises(ValueError, match=r"has no subfolder with \.npy files"):
        load_folder(tmp_path)


def test_a_table_from_a_spreadsheet(folder):
    text = (folder / "clips.csv").read_text("utf-8").replace("id,group", "id, group ")
    (folder / "clips.csv").write_text("\ufeff" + text.replace("\n", "\r\n"), "utf-8", newline="")
    assert load_folder(folder).groups.tolist() == CLIPS["group"]


def test_the_folder_equals_the_frame(folder, table):
    table["audio"] = [f"audio/{clip}.npy" if clip != "film-2" else None for clip in table["id"]]
    frame = MultimodalData.from_frame(table, ids="id", groups="group", root=folder)
    assert frame == load_folder(folder, modalities=["audio"]).X


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": None}, r'no column "id" in .*clips\.csv; the columns are \[\'group\''),
        ({"id": ["film-1", "film-2", "001", "001"]}, r"ids of .*'001' stands in rows 2 and 3"),
        ({"id": ["film-1", " ", "001", "é/4"]}, 'column "id" is empty in row 1'),
        ({"group": ["a", "a", "", "b"]}, 'column "group" is empty in row 2'),
        ({"label": ["1", "2", "", "3"]}, 'column "label" is empty in row 2'),
        ({"label": ["1", "2", "inf", "3"]}, r"Labels must be finite numbers.*; row 2 of .* is inf"),
        ({"label": ["1", "nan", "2", "3"]}, r"Labels must be .*; row 1 of .* is nan"),
        ({"label": ["good", "2", "bad", "bad"]}, r"or words in every row; row 0 of .* is good"),
        ({"split": ["train", "", "", ""]}, 'column "split" is empty in row 1'),
        ({"label_audio": ["1", "loud", "", ""]}, "label_audio must hold numbers.*loud"),
        ({"id": ["film_1", "film-2", "001", "é/4"]}, r"film-1\.npy belongs to no id.*1 of 3 files"),
    ],
)
def test_a_table_that_does_not_fit_is_named(folder, columns, message):
    rewrite(folder, **columns)
    with pytest.raises(ValueError, match=message):
        load_folder(folder)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"clips\.csv is not a readable table"),
        (b"id,group\n", "has no rows"),
        ("id\n\xe9\n".encode("latin1"), "is not a readable table in UTF-8"),
        (b'id,group\n"a,b\n', "is not a readable table"),
    ],
)
def test_a_file_that_is_no_table_is_named(folder, content, message):
    (folder / "clips.csv").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_folder(folder)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"modalities": ["smell"]}, ValueError, r"\['audio', 'text', 'vision'\].*got \['smell'\]"),
        ({"modalities": ["notes"]}, ValueError, r"got \['notes'\]"),
        ({"modalities": ["audio", "audio"]}, ValueError, "each once"),
        ({"modalities": []}, ValueError, r"got \[\]"),
        ({"modalities": "audio"}, TypeError, 'got the string "audio"'),
        ({"text": "tokens"}, ValueError, r"\['features', 'raw'\]; got 'tokens'"),
    ],
)
def test_unknown_options_name_the_known_ones(folder, options, error, message):
    with pytest.raises(error, match=message):
        load_folder(folder, **options)


def test_raw_text_without_transcripts(folder):
    rewrite(folder, text=None)
    with pytest.raises(ValueError, match='text="raw" needs the column "text"'):
        load_folder(folder, text="raw")


def test_a_folder_without_a_table(tmp_path):
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FileNotFoundError, match=r"There is no .*clips\.csv"):
            load_folder(path)


def test_an_array_that_would_run_code_is_refused(folder, tmp_path):
    class Call:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "it_ran"),)

    np.save(folder / "audio" / "001.npy", np.array([Call()], dtype=object), allow_pickle=True)
    with pytest.raises(
        ValueError, match=r"'audio', row 2, is in .*001\.npy, which is not readable"
    ):
        load_folder(folder)
    assert not (tmp_path / "it_ran").exists()


def test_no_file_outside_of_the_folder_is_read(folder, tmp_path):
    np.save(tmp_path / "secret.npy", np.ones((2, 2)))
    rewrite(folder, id=["../../secret", "film-2", "001", "é/4"])
    for name in ("audio", "vision", "text"):
        (folder / name / "film-1.npy").unlink()
    assert load_folder(folder).X.lengths["audio"].tolist() == [0, 0, 1, 2]


STRAYS = [
    "audio/._film-1.npy",
    "audio/.ipynb_checkpoints/film-1-checkpoint.npy",
    "audio/__MACOSX/film-1.npy",
    "__MACOSX/audio/._film-1.npy",
    ".Trash-0/film-1.npy",
]


@pytest.mark.parametrize("stray", STRAYS)
def test_files_that_systems_leave_behind_are_left_alone(folder, stray):
    expected = load_folder(folder).X
    (folder / stray).parent.mkdir(parents=True, exist_ok=True)
    (folder / stray).write_bytes(b"\0\5\26\7")
    read = load_folder(folder).X
    assert read.modalities == expected.modalities
    assert read.lengths["audio"].tolist() == [3, 0, 1, 2]


def test_capitals_blanks_and_the_form_of_letters_make_no_difference(folder):
    expected = load_folder(folder)
    (folder / "audio" / "001.npy").rename(folder / "audio" / "001.NPY")
    (folder / "vision" / "film-1.npy").rename(folder / "vision" / "film-1 .Npy")
    # as macOS writes it: e, then an accent
    (folder / "audio" / "e\u0301").mkdir()
    (folder / "audio" / "é" / "4.npy").rename(folder / "audio" / "e\u0301" / "4.npy")
    blanks = {name: [f" {value}\t" for value in values] for name, values in CLIPS.items()}
    rewrite(folder, **blanks | {"text": CLIPS["text"]})
    (folder / "clips.csv").rename(folder / "Clips.CSV")
    data = load_folder(folder)
    assert data.ids.tolist() == CLIPS["id"]
    assert data.groups.tolist() == CLIPS["group"]
    assert data.split.tolist() == CLIPS["split"]
    assert data.raw_text == CLIPS["text"]
    np.testing.assert_array_equal(data.y, expected.y, strict=True)
    pd.testing.assert_frame_equal(data.unimodal_labels, expected.unimodal_labels)
    for name in expected.X.modalities:
        np.testing.assert_array_equal(data.X.arrays[name], expected.X.arrays[name])


def test_the_home_folder_may_be_written_as_a_tilde(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    assert load_folder("~/clips").ids.tolist() == CLIPS["id"]


def test_two_files_of_one_clip_are_named(folder):
    np.save(folder / "audio" / "001.npy", np.ones((1, 2)))
    with open(folder / "audio" / "001.NPY", "wb") as file:
        np.save(file, np.ones((1, 2)))
    with pytest.raises(ValueError, match=r"001\.NPY and .*001\.npy belong to the same clip, '001'"):
        load_folder(folder)


def test_two_ways_to_write_one_id_are_one_id(folder):
    rewrite(folder, id=["é/4", "film-2", "001", "e\u0301/4"])
    with pytest.raises(ValueError, match=r"ids of .* must differ"):
        load_folder(folder)


@pytest.mark.parametrize(
    ("suffix", "hint"),
    [
        (".wav", "hold sound"),
        (".MP4", "hold pictures"),
        (".npz", "numpy.save"),
        ("", "one per clip"),
    ],
)
def test_recordings_come_with_what_to_do(folder, suffix, hint):
    (folder / "recordings").mkdir()
    for clip in ("film-1", "film-2"):
        (folder / "recordings" / f"{clip}{suffix}").write_bytes(b"RIFF")
    found = f"recordings.* has no .npy files, but 2 {suffix or 'other'} files.*{hint}"
    with pytest.raises(ValueError, match=found):
        load_folder(folder, modalities=["recordings"])
    with pytest.warns(UserWarning, match="recordings is not read: it.*modalities to go on without"):
        data = load_folder(folder, text="raw")
    assert list(data.X.columns) == ["text", "audio", "vision"]
    load_folder(folder, modalities=["audio"])
    for name in ("audio", "text", "vision"):
        (folder / name).rename(folder / f".{name}")
    with pytest.raises(ValueError, match=found):
        load_folder(folder)
    with pytest.warns(UserWarning, match="recordings is not read"):
        assert list(load_folder(folder, text="raw").X.columns) == ["text"]


def test_a_folder_of_nothing_but_recordings_is_told_so(tmp_path):
    (tmp_path / "a1.wav").write_bytes(b"RIFF")
    with pytest.raises(FileNotFoundError, match=r"no .*clips\.csv, which names.*hold sound"):
        load_folder(tmp_path)
    (tmp_path / "clips.csv").write_text("id\na1\n")
    with pytest.raises(ValueError, match=r"no subfolder with \.npy files\. \.wav files hold sound"):
        load_folder(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
@pytest.mark.parametrize("name", ["clips.csv", "audio/001.npy"])
def test_a_pipe_in_place_of_a_file_is_refused(folder, name):
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ValueError, match="is no regular file"):
        load_folder(folder)


def test_links_out_of_the_folder_are_followed_if_asked(tmp_path):
    np.save(tmp_path / "elsewhere.npy", np.ones((2, 3)))
    clips = tmp_path / "clips"
    (clips / "audio").mkdir(parents=True)
    (clips / "clips.csv").write_text("id,label\na,1.5\n", "utf-8")
    try:
        (clips / "audio" / "a.npy").symlink_to(tmp_path / "elsewhere.npy")
    except OSError:
        pytest.skip("no links here")
    with pytest.raises(ValueError, match=r"outside of root.*pass outside_root=True"):
        load_folder(clips)
    assert load_folder(clips, outside_root=True).X.lengths["audio"].tolist() == [2]
