"""Single .npy files: what is read, and what a header may not ask for."""

import os
import struct
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.data.npy import map_npy, read_npy, read_npy_file
from sklearn_tamulag.data.user_paths import user_path
from tests.measured_reads import measured


def npy(header, content=b"", version=1):
    """A file of any header; NumPy pads it so that the content starts at a multiple of 64."""
    words = header.encode("latin1")
    size = struct.pack("<H" if version == 1 else "<I", len(words))
    return b"\x93NUMPY" + bytes([version, 0]) + size + words + content


def header_of(shape, descr="'<f4'", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


HOSTILE = {
    "more than there is": npy(header_of("(1000000000000,)"), bytes(64)),
    "more than any memory": npy(header_of(f"({2**61}, {2**61})"), bytes(64)),
    "one number more": npy(header_of("(17,)"), bytes(64)),
    "wide text": npy(header_of("(2,)", "'<U999999'"), bytes(64)),
    "wide subarrays": npy(header_of("(2,)", "('<f4', (1000000000,))"), bytes(64)),
    "no features": npy(header_of("(1, 1000000000, 0)")),
    "no rows": npy(header_of("(0, 1000000000, 1000000000)")),
    "no characters": npy(header_of("(1000000000,)", "'<U0'")),
    "below zero": npy(header_of("(-1,)"), bytes(64)),
    "below zero twice": npy(header_of("(-4, -4)"), bytes(64)),
    "objects": npy(header_of("(2,)", "'|O'"), b"cos\nsystem\n(S'true'\ntR."),
    "objects in a record": npy(header_of("(2,)", "[('a', '|O')]"), bytes(64)),
    "no dtype": npy(header_of("(2,)", "'nonsense'"), bytes(64)),
    "no shape": npy(header_of("'(2,)'"), bytes(64)),
    "no header": npy("[" * 9000),
    "a long header": npy(header_of("(2,)") + " " * 60_000, bytes(64), version=2),
    "a header of 4 GB": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**32 - 1) + b"{}",
    "an unknown version": npy(header_of("(2,)"), bytes(64), version=9),
    "many dimensions": npy(header_of("(" + "1," * 200 + ")"), bytes(64)),
    "cut": b"\x93NUMPY\x01",
    "nothing": b"",
    "a pickle": b"\x80\x04K\x01.",
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux")
def test_hostile_headers_are_refused_within_the_budget(tmp_path):
    paths = []
    for number, content in enumerate(HOSTILE.values()):
        paths.append(tmp_path / f"{number}.npy")
        paths[-1].write_bytes(content)
    for name, reading in zip(HOSTILE, measured("read_npy", paths), strict=True):
        assert (name, reading.outcome) == (name, "ValueError"), reading
        assert reading.peak < 3 * reading.n_bytes + 50 * 2**20, (name, reading)
        assert reading.seconds < 2, (name, reading)


@pytest.mark.parametrize("name", HOSTILE)
def test_frames_and_stores_refuse_them_by_name(tmp_path, name):
    path = tmp_path / "x.npy"
    path.write_bytes(HOSTILE[name])
    frame = pd.DataFrame({"audio": ["x.npy"]})
    with pytest.raises(ValueError, match=r"'audio', row 0, is in .*x\.npy, which is not readable"):
        MultimodalData.from_frame(frame, root=tmp_path)
    MultimodalData({"audio": np.ones((2, 3, 1))}).save(tmp_path / "store")
    [stored] = (tmp_path / "store").glob("*arrays-audio*.npy")
    stored.write_bytes(HOSTILE[name])
    for mmap_mode in ("r", None):
        with pytest.raises(ValueError, match=r"which holds arrays/audio, is damaged"):
            MultimodalData.load(tmp_path / "store", mmap_mode=mmap_mode)


@pytest.mark.parametrize("mmap_mode", [None, "r", "c"])
@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3)),
        np.array([["a", "bc"]]),
        np.ones((2, 3), dtype=[("a", "f4"), ("b", "i2")]),
        np.array(3),
    ],
    ids=lambda array: array.dtype.str,
)
def test_arrays_come_back(tmp_path, array, mmap_mode):
    np.save(tmp_path / "x.npy", array)
    with open(tmp_path / "x.npy", "rb") as file:
        read = read_npy(file) if mmap_mode is None else map_npy(file, mmap_mode)
    assert isinstance(read, np.memmap) == (mmap_mode is not None)
    np.testing.assert_array_equal(read, array, strict=True)


@pytest.mark.parametrize("shape", [(0,), (0, 50, 74), (3, 0, 5)])
def test_empty_arrays_come_back(tmp_path, shape):
    np.save(tmp_path / "x.npy", np.zeros(shape))
    assert read_npy_file(tmp_path / "x.npy").shape == shape


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_path("~/x.npy") == tmp_path / "x.npy"
    assert user_path("a/~/x.npy") == Path("a/~/x.npy")
    np.save(tmp_path / "x.npy", np.ones((2, 3)))
    frame = pd.DataFrame({"audio": ["~/x.npy"], "vision": ["x.npy"]})
    data = MultimodalData.from_frame(frame, modalities=["audio"], root="nowhere", outside_root=True)
    assert data.lengths["audio"].tolist() == [2]
    assert MultimodalData.from_frame(frame, root="~").modalities == ("audio", "vision")
    data.save("~/store")
    assert (tmp_path / "store" / "index.json").exists()
    assert MultimodalData.load("~/store").lengths["audio"].tolist() == [2]
    assert not os.path.exists("~")


def test_recordings_in_a_frame_come_with_what_to_do():
    frame = pd.DataFrame({"audio": ["a.WAV"]})
    with pytest.raises(ValueError, match=r"is no path to a \.npy file\. \.WAV files hold sound"):
        MultimodalData.from_frame(frame, modalities="audio")
