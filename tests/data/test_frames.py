"""Own data: from ragged sequences and from DataFrames of arrays or of paths."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag import MultimodalData

SHORT, LONG = np.ones((2, 3)), 2 * np.ones((5, 3))


@pytest.fixture
def frame(tmp_path):
    """Three clips: audio in files, vision in cells, and columns that are no modality."""
    np.save(tmp_path / "a.npy", SHORT.astype(np.float32))
    np.save(tmp_path / "b.npy", LONG.astype(np.float32))
    return pd.DataFrame(
        {
            "clip": ["film$_$1", "film$_$2", "talk$_$1"],
            "video": ["film", "film", "talk"],
            "said": ["so good", "", "so long"],
            "audio": ["a.npy", None, "b.npy"],
            "vision": [LONG, SHORT, None],
            "sentiment": [1.5, -2.0, 0.0],
        }
    )


def rows(data, name):
    """Return the valid steps of every row, as lists."""
    pairs = zip(data.arrays[name], data.lengths[name], strict=True)
    return [row[:length].tolist() for row, length in pairs]


def test_columns_of_arrays_and_of_paths(frame, tmp_path):
    data = MultimodalData.from_frame(frame, ids="clip", groups="video", root=tmp_path)
    assert data.modalities == ("audio", "vision")
    assert rows(data, "audio") == [SHORT.tolist(), [], LONG.tolist()]
    assert rows(data, "vision") == [LONG.tolist(), SHORT.tolist(), []]
    assert data.arrays["audio"].dtype == np.float32
    assert data.ids.tolist() == frame["clip"].tolist()
    assert data.groups.tolist() == ["film", "film", "talk"]


def test_modalities_that_are_named_come_in_that_order(frame, tmp_path):
    names = ["sentiment", "audio"]
    data = MultimodalData.from_frame(frame, modalities=names, root=tmp_path)
    assert data.modalities == ("sentiment", "audio")
    assert rows(data, "sentiment") == [[[1.5]], [[-2.0]], [[0.0]]]
    assert data.ids is None
    assert MultimodalData.from_frame(frame, modalities="vision").modalities == ("vision",)


def test_paths_may_be_absolute_or_start_at_the_current_folder(frame, tmp_path, monkeypatch):
    expected = MultimodalData.from_frame(frame, root=tmp_path)
    monkeypatch.chdir(tmp_path)
    assert MultimodalData.from_frame(frame) == expected
    frame["audio"] = [tmp_path / "a.npy", "", str(tmp_path / "b.npy")]
    assert MultimodalData.from_frame(frame) == expected
    assert MultimodalData.from_frame(frame, root=tmp_path) == expected
    assert MultimodalData.from_frame(frame, root="elsewhere", outside_root=True) == expected


OUTSIDE = ["../b.npy", "own/../../b.npy", "{outside}/b.npy", "link.npy", "in/b.npy"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_paths_stay_below_the_root_unless_told_otherwise(frame, tmp_path, monkeypatch, path):
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "a.npy").rename(root / "a.npy")
    (root / "link.npy").symlink_to(tmp_path / "b.npy")
    (root / "in").symlink_to(tmp_path)
    (root / "own").mkdir()
    frame["audio"] = ["a.npy", None, path.format(outside=tmp_path)]
    with pytest.raises(ValueError, match=r"'audio', row 2, is .*\.npy.* outside of root"):
        MultimodalData.from_frame(frame, root=root)
    told = MultimodalData.from_frame(frame, root=root, outside_root=True)
    assert rows(told, "audio") == [SHORT.tolist(), [], LONG.tolist()]
    monkeypatch.chdir(root)
    assert MultimodalData.from_frame(frame) == told


@pytest.mark.parametrize("kind", ["fifo", "device"])
def test_what_is_no_file_is_refused(frame, tmp_path, kind):
    (tmp_path / "b.npy").unlink()
    if kind == "fifo":
        os.mkfifo(tmp_path / "b.npy")
    else:
        (tmp_path / "b.npy").symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"row 2, is in .*not readable: .*no regular file"):
        MultimodalData.from_frame(frame, root=tmp_path, outside_root=True)


def test_a_file_that_claims_more_than_it_has_is_refused(frame, tmp_path):
    content = (tmp_path / "b.npy").read_bytes()
    (tmp_path / "b.npy").write_bytes(content.replace(b"(5, 3), }        ", b"(5000000000, 3)}", 1))
    with pytest.raises(ValueError, match=r"row 2, is in .*b\.npy, which is not readable"):
        MultimodalData.from_frame(frame, root=tmp_path)


def test_the_index_names_the_rows_where_nothing_else_does(frame, tmp_path):
    data = MultimodalData.from_frame(frame.set_index("clip"), root=tmp_path)
    assert data.ids.tolist() == frame["clip"].tolist()
    data = MultimodalData.from_frame(frame, ids=[7, 8, 9], groups=frame["video"], root=tmp_path)
    assert data.ids.tolist() == [7, 8, 9]
    assert data.groups.tolist() == ["film", "film", "talk"]


def test_a_column_of_missing_cells_is_no_modality_unless_named(frame, tmp_path):
    frame["smell"] = None
    assert "smell" not in MultimodalData.from_frame(frame, root=tmp_path).modalities
    with pytest.raises(ValueError, match="'smell' is missing in every row"):
        MultimodalData.from_frame(frame, modalities=["smell"])


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"modalities": ["audio", "smell"]}, ValueError, r"among the columns .*'audio', 'smell'"),
        ({"modalities": []}, ValueError, r"among the columns \['clip'"),
        ({"modalities": ["audio", "audio"]}, ValueError, r"each once, got \['audio', 'audio'\]"),
        ({"modalities": ["said"]}, ValueError, "'said', row 0, is 'so good', which is no path"),
        ({"ids": "name"}, ValueError, r"ids must be a column .*\['clip'.*got 'name'"),
        ({"groups": "film"}, ValueError, "groups must be a column .*got 'film'"),
        ({"ids": "video"}, ValueError, "ids must differ.*'film' stands in rows 0 and 1"),
        ({"ids": ["a", "b"]}, ValueError, r"ids must have shape \(3,\), one per row, got \(2,\)"),
        ({"groups": [1, 2]}, ValueError, r"groups must have shape \(3,\)"),
        ({"root": "nowhere"}, FileNotFoundError, r"'audio', row 0, is in .*a\.npy, which does not"),
    ],
)
def test_what_does_not_fit_is_named(frame, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        MultimodalData.from_frame(frame, **({"root": tmp_path} | options))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "row 2, is in .*b.npy, which is not readable"),
        (b"hello there, no array", "row 2, is in .*b.npy, which is not readable"),
        (np.array([{"a": 1}], dtype=object), "row 2, is in .*not readable: Object arrays"),
        (np.array(["a", "b"]), "'audio', row 2, holds strings"),
        (np.ones((2, 2, 2)), r"'audio', row 2, has shape \(2, 2, 2\)"),
        (np.ones((2, 4)), "'audio' has feature size 4 at row 2, but 3 at row 0"),
    ],
)
def test_a_file_that_is_no_sequence_is_named(frame, tmp_path, content, message):
    path = Path(tmp_path / "b.npy")
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        np.save(path, content, allow_pickle=True)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=message):
        MultimodalData.from_frame(frame, root=tmp_path)
    assert path.read_bytes() == before


def test_a_folder_in_place_of_a_file_is_named(frame, tmp_path):
    (tmp_path / "c.npy").mkdir()
    frame["audio"] = "c.npy"
    with pytest.raises(ValueError, match=r"'audio', row 0, is in .*c\.npy, which is not readable"):
        MultimodalData.from_frame(frame, root=tmp_path)


@pytest.mark.parametrize(
    ("frame", "error", "message"),
    [
        ({"audio": [SHORT]}, TypeError, "frame must be a pandas DataFrame, got dict"),
        (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), ValueError, r"columns are \['a', 'b'\]"),
        (pd.DataFrame([[SHORT, SHORT]], columns=["a", "a"]), ValueError, "same name"),
        (pd.DataFrame({1: [SHORT]}), TypeError, "must be strings, got 1"),
    ],
)
def test_other_frames_are_refused(frame, error, message):
    with pytest.raises(error, match=message):
        MultimodalData.from_frame(frame)


def test_repeated_ids_of_the_index_are_refused():
    frame = pd.DataFrame({"audio": [SHORT, LONG, SHORT]}, index=["x", "y", "x"])
    with pytest.raises(ValueError, match="'x' stands in rows 0 and 2"):
        MultimodalData.from_frame(frame)
    frame.index = [None, "y", None]
    with pytest.raises(ValueError, match="ids must name every row, but row 0 has none"):
        MultimodalData.from_frame(frame)


def test_sequences_are_padded_and_named():
    data = MultimodalData.from_sequences(
        {"audio": [SHORT, None, LONG], "text": [[4, 7], [1], []]},
        ids=["a", "b", "c"],
        groups=[1, 1, 2],
    )
    assert rows(data, "audio") == [SHORT.tolist(), [], LONG.tolist()]
    assert rows(data, "text") == [[4, 7], [1], []]
    assert data.feature_sizes == {"audio": 3, "text": None}
    assert (data.ids.tolist(), data.groups.tolist()) == (["a", "b", "c"], [1, 1, 2])


def test_resampled_rows_may_repeat_their_ids():
    data = MultimodalData.from_sequences({"audio": [SHORT, LONG]}, ids=["a", "b"])
    assert data[[0, 0, 1]].ids.tolist() == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("sequences", "options", "error", "message"),
    [
        ([SHORT], {}, TypeError, "sequences must be a dict by modality name, got list"),
        ({}, {}, ValueError, "at least one modality"),
        ({"a": [SHORT, LONG]}, {"ids": ["x", "x"]}, ValueError, "'x' stands in rows 0 and 1"),
        ({"a": [SHORT, LONG]}, {"ids": ["x", None]}, ValueError, "name every row, but row 1 has"),
        ({"a": [SHORT, LONG]}, {"groups": ["x"]}, ValueError, r"groups must have shape \(2,\)"),
        ({"a": [SHORT], "b": [SHORT, LONG]}, {}, ValueError, "'a' has 1, 'b' has 2"),
        ({"a": ["a.npy"]}, {}, ValueError, "'a', row 0, holds strings"),
    ],
)
def test_sequences_that_do_not_fit_are_refused(sequences, options, error, message):
    with pytest.raises(error, match=message):
        MultimodalData.from_sequences(sequences, **options)
