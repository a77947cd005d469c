"""Files in the MMSA layout as people have them: of Python 2, of lists, with other keys."""

import pickle
import struct
import zipfile

import numpy as np
import pytest

from sklearn_tamulag.datasets import load_mmsa
from sklearn_tamulag.datasets._safe_pickle import load_arrays

AUDIO = np.arange(12, dtype=np.float32).reshape(2, 3, 2) + 1
LABELS = np.array([1.5, -0.5])


class Python2:
    """What pickle and cPickle of Python 2 write: one type of string, and no other bytes."""

    def __init__(self, protocol):
        self.protocol = protocol

    def text(self, content):
        content = content if isinstance(content, bytes) else content.encode()
        if self.protocol == 0:
            return b"S" + repr(content).encode()[1:] + b"\n"
        if len(content) < 256:
            return b"U" + bytes([len(content)]) + content
        return b"T" + struct.pack("<i", len(content)) + content

    def number(self, value):
        return f"I{value}\n".encode() if self.protocol == 0 else b"J" + struct.pack("<i", value)

    def array(self, values, order="<"):
        code = values.dtype.str[1:]
        state = b"(I3\n" + self.text(order) + b"NNNI-1\nI-1\nI0\ntb"
        shape = b"(" + b"".join(self.number(size) for size in values.shape) + b"t"
        return (
            b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\nt"
            + self.text("b")
            + b"tR(I1\n"
            + shape
            + b"cnumpy\ndtype\n("
            + self.text(code)
            + b"I0\nI1\ntR"
            + state
            + b"I00\n"
            + self.text(values.astype(values.dtype.newbyteorder(order)).tobytes())
            + b"tb"
        )

    def file(self, **values):
        split = b"(" + b"".join(self.text(key) + value for key, value in values.items()) + b"d"
        head = b"" if self.protocol == 0 else bytes([0x80, self.protocol])
        return head + b"(" + self.text("train") + split + b"d."


@pytest.fixture
def write(tmp_path):
    """Return a function that writes bytes, or the pickle of one split, to a file."""

    def write_file(content):
        path = tmp_path / "found.pkl"
        data = content if isinstance(content, bytes) else pickle.dumps({"train": content})
        path.write_bytes(data)
        return path

    return write_file


def split_of(**values):
    return {"id": ["a$_$1", "a$_$2"], "audio": AUDIO, "regression_labels": LABELS} | values


def read(path, **options):
    return load_mmsa(path, **{"modalities": ["audio"]} | options)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("protocol", [0, 1, 2])
@pytest.mark.parametrize("n_steps", [3, 300])
def test_files_of_python_2(write, protocol, order, n_steps):
    old = Python2(protocol)
    audio = np.random.default_rng(0).normal(size=(2, n_steps, 2)).astype(np.float32)
    data = old.file(
        id=b"(" + old.text("film é$_$1") + old.text("film é$_$2") + b"l",
        audio=old.array(audio, order),
        raw_text=b"(" + old.text("déjà vu") + old.text("") + b"l",
        regression_labels=old.array(LABELS, order),
    )
    found = read(write(data))
    np.testing.assert_array_equal(found.X.arrays["audio"], audio, strict=True)
    np.testing.assert_array_equal(found.y, LABELS)
    assert found.ids.tolist() == ["film é$_$1", "film é$_$2"]
    assert found.raw_text == ["déjà vu", ""]


def test_arrays_of_python_2_whose_bytes_are_text(write):
    # zeros, and bytes that are letters, are text to Python 2 as much as any
    old = Python2(2)
    for values in (np.zeros(3), np.frombuffer(b"letters of " * 8, dtype="f8"), np.array([b"\xff"])):
        found = load_arrays(
            write(b"\x80\x02" + old.array(values, "|" if values.dtype.kind == "S" else "<") + b".")
        )
        np.testing.assert_array_equal(found, values, strict=True)


@pytest.mark.parametrize("container", [list, tuple, "objects"])
def test_sequences_of_any_length(write, container):
    rows = [AUDIO[0], AUDIO[1, :1]]
    if container == "objects":
        given = np.empty(2, dtype=object)
        given[:] = rows
    else:
        given = container(rows)
    found = read(write(split_of(audio=given))).X
    assert found.lengths["audio"].tolist() == [3, 1]
    np.testing.assert_array_equal(found.arrays["audio"][1], [AUDIO[1, 0], [0, 0], [0, 0]])
    assert found.arrays["audio"].dtype == np.float32
    nested = read(write(split_of(audio=[row.tolist() for row in rows]))).X
    np.testing.assert_array_equal(nested.arrays["audio"], found.arrays["audio"])


def test_a_row_without_a_sequence_is_a_missing_modality(write):
    for nothing in (None, np.zeros((0, 2)), [], np.nan):
        found = read(write(split_of(audio=[nothing, AUDIO[1]]))).X
        assert found.lengths["audio"].tolist() == [0, 3]


def test_lists_of_padded_arrays_keep_their_lengths(write):
    padded = AUDIO.copy()
    padded[0, 1:] = 0
    assert read(write(split_of(audio=list(padded)))).X.lengths["audio"].tolist() == [1, 3]
    stated = read(write(split_of(audio=list(padded), audio_lengths=[2, 3]))).X
    assert stated.lengths["audio"].tolist() == [2, 3]
    shorter = split_of(audio=[AUDIO[0], AUDIO[1, :2]], audio_lengths=[3, 1])
    assert read(write(shorter)).X.lengths["audio"].tolist() == [3, 1]


@pytest.mark.parametrize(
    ("audio", "message"),
    [
        ([AUDIO[0], np.ones((2, 5))], "audio has 5 features in row 1 and 2 in row 0"),
        (
            [AUDIO[0], np.ones(4)],
            r"audio, row 1, must hold .*\(T, d\).*got float64 of shape \(4,\)",
        ),
        ([AUDIO[0], "so good"], "audio, row 1, must hold numbers"),
        ([AUDIO[0], [[1, 2], [3]]], "audio, row 1, must hold numbers"),
        ([AUDIO[0], np.ones((2, 2), dtype="c8")], "audio, row 1, must hold .*complex64"),
        ([None, None], "audio is empty in every row"),
        ([AUDIO[0]], "audio has 1 rows where regression_labels has 2"),
        (np.ones((2, 3)), r"audio must hold numbers .*\(n, T, d\).*float64 of shape \(2, 3\)"),
        (np.ones((2, 3, 0)), "audio has no features"),
        ({"a": 1}, "audio must hold numbers .*got dict"),
        ([AUDIO[0], AUDIO[1, :2]], "audio_lengths .*2 steps of audio.*row 1 is 3"),
    ],
)
def test_features_that_do_not_fit_are_named(write, audio, message):
    lengths = {"audio_lengths": [3, 3]} if "audio_lengths" in message else {}
    path = write(split_of(audio=audio, **lengths))
    with pytest.raises(ValueError, match=message) as caught:
        read(path)
    assert f'split "train" of {path}' in str(caught.value)


@pytest.mark.parametrize("shape", [(2,), (2, 1), (2, 1, 1)])
def test_labels_of_mult(write, shape):
    split = split_of(labels=LABELS.reshape(shape))
    del split["regression_labels"]
    # video, start and end of each row, in bytes
    split["id"] = np.array([[b"film", b"0.5", b"2"], [b"film", b"2", b"7.25"]])
    found = read(write(split))
    np.testing.assert_array_equal(found.y, LABELS)
    assert found.ids.tolist() == ["film$_$0.5$_$2", "film$_$2$_$7.25"]
    assert found.groups.tolist() == ["film", "film"]


def test_labels_of_several_emotions_are_refused(write):
    split = split_of(labels=np.zeros((2, 4, 2)))
    del split["regression_labels"]
    with pytest.raises(ValueError, match=r"labels must have shape \(n,\).*got \(2, 4, 2\)"):
        read(write(split))


@pytest.mark.parametrize("key", ["id", "raw_text", "annotations"])
def test_bytes_that_are_no_text_are_named(write, key):
    path = write(split_of(**{key: [b"fine", "déjà vu".encode("latin1")]}))
    with pytest.raises(
        ValueError, match=rf"{key} must be text in UTF-8.*row 1 is b'd\\xe9j"
    ) as error:
        read(path)
    assert str(path) in str(error.value)
    assert read(write(split_of(**{key: [b"a", "é".encode()]}))).y.shape == (2,)


@pytest.mark.parametrize(("key", "value"), [("id", [["a"], {}]), ("raw_text", ["a", {1: 2}])])
def test_words_that_are_none_are_named(write, key, value):
    with pytest.raises(ValueError, match=f"{key} must hold words.*row 1 is a dict"):
        read(write(split_of(**{key: value})))


def test_other_formats_are_told_by_name(tmp_path):
    np.savez(tmp_path / "archive.npz", audio=AUDIO)
    np.save(tmp_path / "array.npy", AUDIO)
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        archive.writestr("x", "y")
    (tmp_path / "data.csd").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "data.pkl.gz").write_bytes(b"\x1f\x8b\x08")
    (tmp_path / "data.pkl").write_text("version https://git-lfs.github.com/spec/v1\n")
    names = {
        "archive.npz": r"a zip archive, such as an \.npz file.*numpy\.load",
        "array.npy": "a single array as numpy.save writes it",
        "data.zip": "a zip archive",
        "data.csd": "an HDF5 file",
        "data.pkl.gz": "compressed by gzip",
        "data.pkl": "git lfs pull",
    }
    for name, message in names.items():
        with pytest.raises(ValueError, match=f"{name} is not a readable pickle.*{message}"):
            load_mmsa(tmp_path / name)


def test_the_home_folder_may_be_written_as_a_tilde(write, monkeypatch):
    path = write(split_of())
    monkeypatch.setenv("HOME", str(path.parent))
    found = read("~/found.pkl", features={"audio": "~/found.pkl"}, cache="~/cache")
    np.testing.assert_array_equal(found.X.arrays["audio"], AUDIO)
    assert len(list((path.parent / "cache").iterdir())) == 1
