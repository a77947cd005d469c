"""Folders of arrays: whole or refused, never pickled, never half replaced."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, PredefinedSplit, train_test_split

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.data import store
from sklearn_tamulag.data.store import read_store, write_store

N_ROWS = 12


def make_data(n_rows=N_ROWS, seed=0):
    generator = np.random.default_rng(seed)
    return MultimodalData(
        {
            "audio": generator.normal(size=(n_rows, 6, 3)).astype(np.float32),
            "text": generator.integers(1, 9, size=(n_rows, 4)),
            "a/../b <é>": generator.normal(size=(n_rows, 1, 2)).astype(np.float16),
        },
        {"audio": generator.integers(0, 7, n_rows), "text": generator.integers(1, 5, n_rows)},
        ids=[f"film$_${row} é" for row in range(n_rows)],
        groups=np.arange(n_rows) // 2,
    )


@pytest.fixture
def data():
    return make_data()


@pytest.fixture
def folder(tmp_path, data):
    data.save(tmp_path / "saved")
    return tmp_path / "saved"


def features(n_rows=40):
    """Rows whose y is a feature, for estimators."""
    X = make_data(n_rows).select(["audio"])
    X.lengths["audio"][:] = 6
    X.arrays["audio"][:] = np.random.default_rng(1).normal(size=(n_rows, 6, 3))
    return X, X.arrays["audio"][:, 0, 0].astype(float)


@pytest.mark.parametrize("mmap_mode", ["r", "c", None])
def test_data_comes_back_as_it_was(folder, data, mmap_mode):
    loaded = MultimodalData.load(folder, mmap_mode=mmap_mode)
    assert loaded == data
    assert loaded.modalities == data.modalities
    for name, array in data.arrays.items():
        assert loaded.arrays[name].dtype == array.dtype
        assert isinstance(loaded.arrays[name], np.memmap) == (mmap_mode is not None)
    assert loaded.ids.dtype == data.ids.dtype
    assert loaded.groups.dtype == data.groups.dtype


def test_what_is_not_there_stays_away(tmp_path):
    data = MultimodalData({"audio": np.ones((2, 1, 1))})
    data.save(tmp_path / "deep" / "er")
    loaded = MultimodalData.load(tmp_path / "deep" / "er")
    assert (loaded.ids, loaded.groups) == (None, None)


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 0, 2)])
def test_empty_arrays_are_kept(tmp_path, shape):
    data = MultimodalData({"audio": np.ones(shape, np.float32)})
    data.save(tmp_path / "empty")
    assert MultimodalData.load(tmp_path / "empty").arrays["audio"].shape == shape


@given(
    array=hnp.arrays(
        st.sampled_from(["f2", "f4", "f8", ">f8", "i1", "u8", "b1", "U3", "S2", "M8[s]"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    ),
    fortran=st.booleans(),
)
def test_arrays_of_any_layout_come_back(tmp_path_factory, array, fortran):
    if fortran:
        array = np.asfortranarray(array)
    folder = tmp_path_factory.mktemp("store")
    write_store(folder, "arrays", {"a": array}, {"words": ["é", None, 1.5]})
    read, attributes = read_store(folder, "arrays")
    np.testing.assert_array_equal(read["a"], array, strict=True)
    assert attributes == {"words": ["é", None, 1.5]}


def test_padding_on_disk_is_written_as_zeros(tmp_path):
    array = np.memmap(tmp_path / "audio.bin", dtype=np.float32, mode="w+", shape=(3, 2, 1))
    array[:] = 1
    MultimodalData({"audio": array}, {"audio": [2, 1, 0]}).save(tmp_path / "saved")
    loaded = MultimodalData.load(tmp_path / "saved").arrays["audio"]
    assert loaded[..., 0].tolist() == [[1, 1], [1, 0], [0, 0]]
    assert (array == 1).all()


def test_a_read_only_map_cannot_be_changed_and_a_private_one_leaves_the_file(folder, data):
    with pytest.raises(ValueError, match="read-only"):
        MultimodalData.load(folder).arrays["audio"][0] = 7
    MultimodalData.load(folder, mmap_mode="c").arrays["audio"][0] = 7
    assert MultimodalData.load(folder) == data


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        (np.array(["a", "bé"], dtype=object), ["a", "bé"]),
        (pd.Index(["a", "bé"]), ["a", "bé"]),
        (pd.array(["a", "bé"], dtype="string"), ["a", "bé"]),
        ([3, 4], [3, 4]),
        (pd.to_datetime(["2024-01-01", "2024-01-02"]).to_numpy(), ["2024-01-01", "2024-01-02"]),
    ],
)
def test_ids_of_several_kinds_need_no_pickle(tmp_path, ids, expected):
    MultimodalData({"audio": np.ones((2, 1, 1))}, ids=ids).save(tmp_path / "ids")
    loaded = MultimodalData.load(tmp_path / "ids").ids
    assert loaded.dtype.kind != "O"
    assert [str(value)[:10] for value in loaded] == [str(value) for value in expected]


@pytest.mark.parametrize("argument", ["ids", "groups"])
def test_objects_are_refused_before_anything_is_written(tmp_path, argument):
    values = np.array(["a", {"b": 1}], dtype=object)
    data = MultimodalData({"audio": np.ones((2, 1, 1))}, **{argument: values})
    with pytest.raises(TypeError, match=f"{argument} holds objects of type dict: only numbers"):
        data.save(tmp_path / "objects")
    assert not (tmp_path / "objects").exists()


def test_saving_again_replaces_everything_and_nothing_else(folder):
    (folder / "notes.txt").write_text("mine")
    other = make_data(3, seed=1).select(["audio"])
    other.save(folder)
    assert MultimodalData.load(folder) == other
    assert (folder / "notes.txt").read_text() == "mine"
    index = json.loads((folder / "index.json").read_text())
    listed = {entry["file"] for entry in index["arrays"].values()}
    assert {path.name for path in folder.iterdir()} == {*listed, "index.json", "notes.txt"}


def test_data_may_be_saved_to_the_folder_it_is_mapped_from(folder, data):
    loaded = MultimodalData.load(folder)
    loaded[::2].save(folder)
    assert MultimodalData.load(folder) == data[::2]
    loaded[:3].save(folder)
    assert MultimodalData.load(folder) == data[:3]


def test_a_writing_that_fails_leaves_the_former_data_whole(folder, data, monkeypatch):
    before = sorted(path.name for path in folder.iterdir())
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) == 3:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        make_data(seed=1).save(folder)
    assert len(calls) == 3
    assert sorted(path.name for path in folder.iterdir()) == before
    assert MultimodalData.load(folder) == data


def test_a_writing_that_fails_leaves_no_new_folder(tmp_path, data, monkeypatch):
    monkeypatch.setattr(os, "replace", lambda *paths: (_ for _ in ()).throw(OSError("denied")))
    with pytest.raises(OSError, match="denied"):
        data.save(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_writing_that_was_killed_is_incomplete(folder, data, tmp_path):
    (folder / "index.json").rename(tmp_path / "index.json")
    with pytest.raises(ValueError, match=r"saved is incomplete: it has no index\.json.*Delete"):
        MultimodalData.load(folder)
    data.save(folder)
    assert MultimodalData.load(folder) == data


def test_a_file_that_is_not_ours_is_left_alone(tmp_path, data):
    (tmp_path / "index.json").write_text('{"name": "someone\'s"}')
    with pytest.raises(FileExistsError, match=r"index\.json that is not one of MultimodalData"):
        data.save(tmp_path)
    write_store(tmp_path / "other", "another kind", {"a": np.ones(2)}, {})
    with pytest.raises(FileExistsError, match="left as it is"):
        data.save(tmp_path / "other")
    with pytest.raises(ValueError, match="holds another kind, not MultimodalData"):
        MultimodalData.load(tmp_path / "other")
    assert [path.name for path in tmp_path.glob("*.*")] == ["index.json"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no folder .*nowhere"):
        MultimodalData.load(tmp_path / "nowhere")


@pytest.mark.parametrize("mmap_mode", ["r+", "w+", "yes", 1])
def test_other_modes_are_refused(folder, mmap_mode):
    with pytest.raises(ValueError, match=r"mmap_mode must be one of \['r', 'c', None\], got"):
        MultimodalData.load(folder, mmap_mode=mmap_mode)


def damage(folder, change):
    """Change the index by a function of it."""
    index = json.loads((folder / "index.json").read_text())
    change(index)
    (folder / "index.json").write_text(json.dumps(index))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda index: index.update(version=2), r"format version 2, and .* reads 1\. Delete"),
        (lambda index: index.update(version="1"), "format version '1'"),
        (lambda index: index.pop("version"), "not an index of MultimodalData"),
        (lambda index: index.update(kind="music"), "holds music, not MultimodalData"),
        (lambda index: index.pop("arrays"), "does not say which arrays"),
        (lambda index: index.update(arrays=[1]), "does not say which arrays"),
        (lambda index: index.update(attributes=[]), "does not say which arrays"),
        (lambda index: index["arrays"]["ids"].pop("shape"), "does not say which arrays"),
        (lambda index: index["arrays"]["ids"].update(shape="x"), "does not say which arrays"),
        (lambda index: index["arrays"]["ids"].update(file="../x.npy"), "does not say which arrays"),
        (lambda index: index["arrays"]["ids"].update(file="/x.npy"), "does not say which arrays"),
        (lambda index: index["arrays"]["ids"].update(file="x.npy"), "incomplete: x.npy.*holds ids"),
        (lambda index: index["arrays"]["arrays/text"].update(shape=[9, 4]), r"says .*\(9, 4\)"),
        (lambda index: index["arrays"]["arrays/text"].update(dtype="<i4"), "index.json says <i4"),
        (lambda index: index["arrays"].pop("arrays/audio"), "damaged: lengths names 'audio'"),
        (lambda index: index.update(arrays={}), "damaged: arrays must hold at least one"),
    ],
)
def test_an_index_that_does_not_fit_is_named(folder, change, message):
    damage(folder, change)
    with pytest.raises(ValueError, match=message):
        MultimodalData.load(folder)


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", '"x"'])
def test_an_index_that_is_none_is_named(folder, content):
    (folder / "index.json").write_text(content)
    with pytest.raises(ValueError, match=r"index\.json is not"):
        MultimodalData.load(folder)


@pytest.mark.parametrize("mmap_mode", ["r", None])
@pytest.mark.parametrize("kept", [0, 5, 100, -1])
def test_a_file_that_is_cut_is_named(folder, kept, mmap_mode):
    [path] = folder.glob("*arrays-audio*.npy")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ValueError, match="which holds arrays/audio, is damaged"):
        MultimodalData.load(folder, mmap_mode=mmap_mode)


@pytest.mark.parametrize("mmap_mode", ["r", None])
def test_a_pickled_array_is_refused(folder, mmap_mode):
    [path] = folder.glob("*arrays-audio*.npy")
    np.save(path, np.array([["x"] * 6] * N_ROWS, dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match=r"is damaged.*[Oo]bject"):
        MultimodalData.load(folder, mmap_mode=mmap_mode)


def test_lengths_that_disagree_with_the_arrays_are_named(folder):
    [path] = folder.glob("*lengths-audio*.npy")
    np.save(path, np.full(N_ROWS, 7))
    with pytest.raises(ValueError, match=r"damaged: lengths of modality 'audio'.*T = 6, got 7"):
        MultimodalData.load(folder)


def file_of(array):
    """Return the file that an array is mapped from."""
    return Path(array.filename).name


@pytest.mark.slow
def test_workers_are_told_the_file_not_the_contents(tmp_path):
    X, _ = features(200)
    X.save(tmp_path / "saved")
    loaded = MultimodalData.load(tmp_path / "saved")
    files = joblib.Parallel(n_jobs=2)(
        joblib.delayed(file_of)(part.arrays["audio"]) for part in (loaded, loaded[50:150])
    )
    assert files == [file_of(loaded.arrays["audio"])] * 2


def test_a_pickle_holds_its_data_itself(folder, data, tmp_path):
    joblib.dump(MultimodalData.load(folder), tmp_path / "data.joblib")
    shutil.rmtree(folder)
    assert joblib.load(tmp_path / "data.joblib") == data


def test_mapped_rows_go_through_scikit_learn(tmp_path):
    X, y = features()
    X.save(tmp_path / "saved")
    mapped = MultimodalData.load(tmp_path / "saved")
    for part, expected in zip(
        train_test_split(mapped, random_state=0), train_test_split(X, random_state=0), strict=True
    ):
        assert part == expected
    folds = PredefinedSplit(np.repeat([-1, 0], [30, 10]))
    (train, valid), *_ = folds.split()
    assert isinstance(mapped[train].arrays["audio"], np.memmap)
    assert isinstance(mapped[valid].arrays["audio"], np.memmap)
    searches = [
        GridSearchCV(Ridge(), {"alpha": [0.1, 100.0]}, cv=folds).fit(rows, y)
        for rows in (mapped, X)
    ]
    np.testing.assert_array_equal(
        searches[0].cv_results_["mean_test_score"], searches[1].cv_results_["mean_test_score"]
    )
    assert (searches[0].predict(mapped) == searches[1].predict(X)).all()


def test_a_network_trains_on_mapped_rows_as_on_rows_in_memory(tmp_path):
    X, y = features()
    X.save(tmp_path / "saved")
    mapped = MultimodalData.load(tmp_path / "saved")
    fitted = [
        TAMULAGRegressor(hidden_size=4, max_epochs=2, random_state=0).fit(rows, y)
        for rows in (mapped, X)
    ]
    np.testing.assert_allclose(fitted[0].predict(mapped), fitted[1].predict(X), atol=1e-6)
    assert (fitted[0].predict(mapped) == fitted[0].predict(X)).all()


ROWS_ON_DISK = """
import sys
from pathlib import Path
import numpy as np
from sklearn.model_selection import train_test_split
from sklearn_tamulag import MultimodalData, TAMULAGRegressor

def anonymous():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    [line] = [line for line in lines if line.startswith("Anonymous:")]
    return int(line.split()[1]) / 1024

def fit(X, y):
    TAMULAGRegressor(
        hidden_size=2, max_epochs=1, batch_size=16, early_stopping=False, random_state=0
    ).fit(X, y).predict(X[:20])

small = MultimodalData({"audio": np.ones((20, 500, 74), np.float32)})
fit(small, np.arange(20.0))  # whatever is loaded or allocated once is by now
X = MultimodalData.load(sys.argv[1])
before = anonymous()
train, test = train_test_split(X, shuffle=False, test_size=0.95)
assert isinstance(train.arrays["audio"], np.memmap) and isinstance(test.arrays["audio"], np.memmap)
fit(train, np.arange(float(len(train))))
X.save(sys.argv[2])
assert MultimodalData.load(sys.argv[2]) == X
print(sum(array.nbytes for array in X.arrays.values()) / 2**20, anonymous() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux")
def test_rows_on_disk_are_not_copied_into_memory(tmp_path):
    array = np.memmap(tmp_path / "a.bin", np.float32, mode="w+", shape=(2000, 500, 74))
    MultimodalData({"audio": array}, {"audio": np.full(2000, 50)}).save(tmp_path / "saved")
    finished = subprocess.run(
        [sys.executable, "-c", ROWS_ON_DISK, tmp_path / "saved", tmp_path / "again"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    size, growth = map(float, finished.stdout.split())
    assert size > 280
    assert growth < 100


def token(folder):
    """What the names of the arrays in a folder end in."""
    (found,) = {path.stem[-16:] for path in folder.glob("*.npy")}
    return found


def test_what_killed_writers_left_is_removed_and_nothing_else(folder, data):
    left = ["00-arrays-audio-0123456789abcdef.npy", "01-x-aaaaaaaaaaaaaaaa.npy"]
    drafts = ["index-0123456789abcdef.tmp", "index-bbbbbbbbbbbbbbbb.tmp"]
    others = [
        "audio.npy",
        "00-audio.npy",
        "00-arrays-audio-01234567.npy",  # as earlier versions name files, which the index did not
        "0-arrays-audio-0123456789abcdef.npy",
        "00-arrays-audio-0123456789ABCDEF.npy",
        "00-arrays-audio-0123456789abcdef.npz",
        "index-0123.tmp",
        "index.tmp",
    ]
    for name in (*left, *drafts, *others):
        (folder / name).touch()
    before = token_of_named(folder)
    data.save(folder)
    assert token_of_named(folder) != before
    found = {path.name for path in folder.iterdir()}
    index = json.loads((folder / "index.json").read_text())
    assert found == {*others, "index.json", *(e["file"] for e in index["arrays"].values())}


def token_of_named(folder):
    index = json.loads((folder / "index.json").read_text())
    return {entry["file"][-20:-4] for entry in index["arrays"].values()}


def test_arrays_of_a_writer_at_work_are_left_alone(folder, data, monkeypatch):
    other, real = make_data(seed=3), store.StoreDraft.publish

    def overtaken(draft, index):
        monkeypatch.setattr(store.StoreDraft, "publish", real)
        other.save(folder)
        assert MultimodalData.load(folder) == other
        real(draft, index)

    monkeypatch.setattr(store.StoreDraft, "publish", overtaken)
    data[:5].save(folder)
    assert MultimodalData.load(folder) == data[:5]
    assert len(list(folder.glob("*.npy"))) == 8
    token(folder)


def test_a_reader_that_loses_the_race_reads_again(folder, data, monkeypatch):
    other, real = make_data(5, seed=3), store._read_array

    def overtaken(*args):
        if args[1] == "lengths/audio":
            monkeypatch.setattr(store, "_read_array", real)
            other.save(folder)
        return real(*args)

    monkeypatch.setattr(store, "_read_array", overtaken)
    assert MultimodalData.load(folder) == other


def test_the_files_of_an_earlier_version_are_replaced(folder, data):
    # It named them after 8 digits, and wrote no more than the same index.
    index = json.loads((folder / "index.json").read_text())
    for entry in index["arrays"].values():
        name = entry["file"]
        entry["file"] = name[:-12] + ".npy"
        (folder / name).rename(folder / entry["file"])
    (folder / "index.json").write_text(json.dumps(index))
    assert MultimodalData.load(folder) == data
    data[:3].save(folder)
    assert MultimodalData.load(folder) == data[:3]
    assert len(list(folder.glob("*.npy"))) == len(index["arrays"])


def test_what_a_strangers_index_names_is_not_deleted(folder, data):
    # An index may name any file; only files are deleted that this package has named itself.
    np.save(folder / "thesis.npy", np.ones(3))
    index = json.loads((folder / "index.json").read_text())
    index["arrays"]["arrays/thesis"] = {"file": "thesis.npy", "dtype": "<f8", "shape": [3]}
    (folder / "index.json").write_text(json.dumps(index))
    data.save(folder)
    np.testing.assert_array_equal(np.load(folder / "thesis.npy"), np.ones(3))


@pytest.mark.parametrize("kind", ["fifo", "folder", "device", "link out", "link to a device"])
@pytest.mark.parametrize("place", ["index.json", "arrays/audio", "ids"])
def test_what_is_no_file_of_the_folder_is_refused(folder, tmp_path, kind, place):
    path = folder / place
    if place != "index.json":
        index = json.loads((folder / "index.json").read_text())
        path = folder / index["arrays"][place]["file"]
    path.rename(tmp_path / "outside")
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link out":
        path.symlink_to(tmp_path / "outside")
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(ValueError, match=r"no regular file|link out of the folder"):
        MultimodalData.load(folder)


def test_a_link_inside_the_folder_is_followed(folder, data):
    path = next(folder.glob("*ids*.npy"))
    path.rename(folder / "elsewhere.npy")
    path.symlink_to("elsewhere.npy")
    assert MultimodalData.load(folder) == data


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b"[" + b"[]," * 3_000_000 + b"[]]", b"\xff" * 10]
)
def test_an_index_that_would_take_the_memory_is_refused(folder, content):
    (folder / "index.json").write_bytes(content)
    with pytest.raises(ValueError, match="is not readable"):
        MultimodalData.load(folder)


def test_data_without_lengths_are_refused(folder):
    damage(folder, lambda index: index["arrays"].pop("lengths/audio"))
    with pytest.raises(ValueError, match=r"damaged: it has no lengths of \['audio'\]"):
        MultimodalData.load(folder)


def test_a_full_disk_leaves_the_former_data_and_says_so(folder, data):
    resource = pytest.importorskip("resource")
    before = sorted(path.name for path in folder.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # What a process may write is limited as the room on a disk is.
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large; nothing was changed: '.*saved'"):
            make_data(5000).save(folder)
        with pytest.raises(OSError, match="nothing was changed"):
            make_data(5000).save(folder.with_name("new"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert sorted(path.name for path in folder.iterdir()) == before
    assert not folder.with_name("new").exists()
    assert MultimodalData.load(folder) == data
