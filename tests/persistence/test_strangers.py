"""Saved values from strangers: nothing in a file is larger than the file can vouch for."""

import os
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch

import sklearn_tamulag
from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.json_text import parse_json
from sklearn_tamulag.persistence.levels import read_levels
from sklearn_tamulag.persistence.limits import check_hashes
from tests.persistence.bombs import BOMBS, PRIME
from tests.persistence.forging import document_file, resealed


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_takes_little_memory(name, tmp_path):
    path = tmp_path / "bomb"
    path.write_bytes(BOMBS[name](2000))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="bomb cannot be"):
            sklearn_tamulag.load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 3 * path.stat().st_size + 20e6


def test_a_sparse_file_is_not_read(tmp_path):
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**40)
    if path.stat().st_blocks * 512 >= path.stat().st_size:
        pytest.skip("this file system has no sparse files")
    with pytest.raises(ValueError, match="claims 1099511627776 bytes, but only 0 are on the disk"):
        sklearn_tamulag.load(path)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/random"])
def test_devices_and_links_to_them_are_not_read(device, tmp_path):
    if not os.path.exists(device):
        pytest.skip("no such device here")
    link = tmp_path / "link"
    link.symlink_to(device)
    for path in (device, link):
        with pytest.raises(ValueError, match="no regular file"):
            sklearn_tamulag.load(path)


def test_hashes_may_be_equal_where_values_are():
    check_hashes(["a"] * 1000 + [None] * 50 + [-1, -2, 1, 1.0, True])
    check_hashes([])
    assert {-1: 0, -2: 0}.keys() == {-1, -2}
    with pytest.raises(ValueError, match="different keys have one hash"):
        check_hashes([PRIME * number for number in range(17)])


LEVELS = {
    "numbers and strings": [pd.Index([3, 1, 3]), pd.Index(["a", "b", "a"])],
    "missing": [pd.Index([3, 1.5, np.nan]), pd.Index(["a", None, 5], dtype=object)],
    "zone": [pd.RangeIndex(3), pd.date_range("2024-03-30", periods=3, freq="h", tz="UTC")],
    "booleans": [pd.Index([True, False, True]), pd.Index(["a", "b", None], dtype="string")],
    "none": [pd.Index([]), pd.Index([], dtype=object)],
    "times": [pd.Index(np.arange(3).astype(dtype)) for dtype in ("M8[s]", "m8[s]")],
    "pairs": [pd.Index([1, 2, 1]), pd.Index([("a", 1), ("b", 2), ("a", 1)], tupleize_cols=False)],
}


@pytest.mark.parametrize("levels", LEVELS.values(), ids=LEVELS)
def test_levels_become_the_index_that_pandas_makes(levels):
    made, expected = read_levels(levels), pd.MultiIndex.from_arrays(levels)
    pd.testing.assert_index_equal(made, expected)
    assert made.is_unique == expected.is_unique
    pd.testing.assert_index_equal(
        made.take([0, 0][: len(made)]), expected.take([0, 0][: len(made)])
    )


def test_brackets_in_strings_are_no_structure():
    text = b'{"a\\\\": "[[[[\\"{{{,,,", "b": [1, 2.5, -3]}'
    assert parse_json(text, len(text)) == {"a\\": '[[[["{{{,,,', "b": [1, 2.5, -3]}
    long = b'"' + b"[" * 10_000 + b'"'
    assert parse_json(long, len(long)) == "[" * 10_000
    blocks = b"[" + b'"' + b"\\\\" * 300_000 + b'", [1]]'
    assert parse_json(blocks, len(blocks))[1] == [1]


def test_honest_files_of_many_small_values_are_read(tmp_path):
    names = [f"{row}" for row in range(100_000)]
    pairs = pd.MultiIndex.from_arrays([names, np.arange(100_000) % 7])
    value = {
        "history": [{"epoch": row, "train_loss": row / 7, "event": True} for row in range(5000)],
        "labels": [torch.zeros(2, 3) for _ in range(3000)],
        "names": pd.DataFrame({"text": np.zeros(100_000)}, index=pd.Index(names)),
        "pairs": pd.DataFrame({"text": np.zeros(100_000)}, index=pairs),
        "by_label": {-1: 0.5, -2: 0.5, 0.5: 1.0, "a": 2},
    }
    write_value(tmp_path / "value", value, kind="test")
    twin = read_value(tmp_path / "value", kind="test")
    assert twin["history"] == value["history"]
    assert twin["by_label"] == value["by_label"]
    for name in ("names", "pairs"):
        pd.testing.assert_frame_equal(twin[name], value[name])


def test_messages_quote_little_of_a_file(tmp_path):
    path = tmp_path / "value"
    path.write_bytes(document_file({"kind": "\x1b[2J" + "x" * 100_000}))
    with pytest.raises(ValueError, match="no kind of value") as caught:
        read_value(path, kind="estimator")
    assert len(str(caught.value)) < 1000
    assert "\x1b" not in str(caught.value)


class PanicLike(BaseException):
    """What a library in Rust raises: no Exception."""


@pytest.mark.parametrize("error", [MemoryError, RecursionError, SystemError, PanicLike])
def test_whatever_a_library_raises_is_a_value_error(error, tmp_path, monkeypatch):
    path = tmp_path / "value"
    write_value(path, {"weights": torch.ones(2)}, kind="test")

    def fail(*_):
        raise error("inside")

    monkeypatch.setattr("sklearn_tamulag.persistence.container.decode", fail)
    with pytest.raises(ValueError, match=f"malformed \\({error.__name__}: inside"):
        read_value(path, kind="test")


def test_an_interrupt_stays_an_interrupt(tmp_path, monkeypatch):
    write_value(tmp_path / "value", 1, kind="test")

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("sklearn_tamulag.persistence.container.decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        read_value(tmp_path / "value", kind="test")


def test_a_resealed_file_reaches_the_parser(tmp_path):
    path = tmp_path / "value"
    write_value(path, {"number": 41}, kind="test")
    path.write_bytes(resealed(path.read_bytes().replace(b"41", b"42")))
    assert read_value(path, kind="test") == {"number": 42}
