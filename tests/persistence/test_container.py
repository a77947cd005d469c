"""Plain values in one file: what comes back, what is refused, and what damage does."""

import collections
import datetime
import errno
import hashlib
import importlib.metadata
import json
import math
import os
import pickle
import re
import stat
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sklearn_tamulag.data import files
from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.encoding import MAX_DEPTH, decode, encode
from sklearn_tamulag.persistence.errors import NotStorableError

unless_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere"
)


def through_json(value):
    """Encode, write JSON as text, and decode."""
    node, tensors = encode(value)
    return decode(json.loads(json.dumps(node, allow_nan=False)), tensors)


def assert_same(actual, expected):
    """Equal values of equal types, NaN being equal to itself."""
    assert type(actual) is type(expected)
    if isinstance(expected, list | tuple):
        assert len(actual) == len(expected)
        for one, other in zip(actual, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, dict):
        assert_same(list(actual.items()), list(expected.items()))
    elif isinstance(expected, float):
        assert repr(actual) == repr(expected)
    elif isinstance(expected, np.ndarray | np.generic):
        assert actual.dtype == expected.dtype
        assert actual.shape == expected.shape
        assert actual.tobytes() == expected.tobytes()
    else:
        assert actual == expected


plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
numbers = arrays.arrays(
    st.sampled_from(["?", *"bBhHiIlLefd", "U3", "S4", "M8[ns]", "m8[s]"]),
    arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)
keys = st.none() | st.booleans() | st.integers() | st.text() | st.tuples(st.text(), st.integers())


@given(
    st.recursive(
        plain | numbers,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=4).map(tuple)
            | st.dictionaries(keys, inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_nested_values_come_back_with_their_types(value):
    assert_same(through_json(value), value)


@given(arrays.arrays(st.sampled_from(["?", "i1", "u8", "f2", "f4", "f8", "U5", "M8[D]"]), ()))
def test_scalars_come_back_bit_by_bit(array):
    assert_same(through_json(array[()]), array[()])


def test_arrays_of_objects_keep_shape_and_items():
    array = np.array([["a", None], [1.5, ("b", 2)]], dtype=object)
    twin = through_json(array)
    assert twin.shape == (2, 2)
    assert twin.tolist() == array.tolist()
    sequences = np.empty(2, dtype=object)
    sequences[:] = [[1, 2], [3, 4]]
    assert through_json(sequences).tolist() == [[1, 2], [3, 4]]
    assert through_json(sequences).shape == (2,)


def test_arrays_are_copies_in_the_order_of_this_machine():
    swapped = np.arange(6, dtype=">f8").reshape(2, 3).T
    twin = through_json(swapped)
    assert twin.dtype == np.dtype("f8")
    np.testing.assert_array_equal(twin, swapped)
    twin[0, 0] = 9
    assert swapped[0, 0] == 0


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "bfloat16", "float64"])
def test_tensors_come_back_on_the_cpu(dtype):
    tensor = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype)).T
    twin = through_json({"weights": tensor})["weights"]
    assert twin.dtype == tensor.dtype
    assert torch.equal(twin, tensor)
    parameter = torch.nn.Parameter(torch.ones(2))
    assert not through_json(parameter).requires_grad


def test_tensors_that_share_memory_and_names_stay_apart(tmp_path):
    shared = torch.arange(4.0)
    value = {"a": {"b": shared}, "a.b": shared[:2], "document.json": shared, 1: shared, "1": shared}
    write_value(tmp_path / "value", value, kind="test")
    twin = read_value(tmp_path / "value", kind="test")
    assert torch.equal(twin["a"]["b"], shared)
    assert torch.equal(twin["a.b"], shared[:2])
    assert twin.keys() == value.keys()


INDEXES = [
    pd.RangeIndex(2, 8, 2, name="epoch"),
    pd.Index([3, 1, 2]),
    pd.Index(["a", "b", None]),
    pd.Index(["a", "b"], dtype="string", name="modality"),
    pd.Index(["a", 1, None], dtype=object),
    pd.Index([1.5, math.nan, 2.5], name=("a", 1)),
    pd.Index([True, False]),
    pd.MultiIndex.from_product([["text", "audio"], [0, 1]], names=["modality", "class"]),
    pd.MultiIndex.from_tuples([("a", "x"), ("b", None)]),
    pd.DatetimeIndex(["2024-01-01", None]),
    pd.DatetimeIndex(["2024-03-31 01:00", "2024-03-31 03:00"], tz="Europe/Berlin"),
    pd.DatetimeIndex(["2024-03-31 01:00"], tz="UTC", name="time"),
    pd.DatetimeIndex(["2024-03-31 01:00"], tz="UTC+02:00"),
    pd.to_timedelta([1, 2], unit="s"),
]


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: type(index).__name__)
def test_indexes_come_back(index):
    pd.testing.assert_index_equal(through_json(index), index, exact=True)
    assert through_json(index).names == index.names


def test_tables_come_back():
    frame = pd.DataFrame(
        {
            "loss": [0.5, math.nan],
            "better": [True, False],
            "note": ["x", None],
            "count": np.array([1, 2], dtype=np.int32),
            "any": np.array([None, (1, "a")], dtype=object),
        },
        index=pd.RangeIndex(1, 3, name="epoch"),
    )
    pd.testing.assert_frame_equal(through_json(frame), frame)
    twins = pd.DataFrame([[1, 2]], columns=["a", "a"])
    pd.testing.assert_frame_equal(through_json(twins), twins)
    pd.testing.assert_frame_equal(through_json(frame.iloc[:, :0]), frame.iloc[:, :0])


def test_states_paths_and_names_of_torch_come_back():
    state = np.random.RandomState(0)
    state.normal()
    assert through_json(state).normal() == state.normal()
    assert through_json(torch.optim.Adagrad) is torch.optim.Adagrad
    assert through_json(torch.bfloat16) is torch.bfloat16
    assert through_json(torch.device("cuda:1")) == torch.device("cuda:1")
    assert through_json(PurePosixPath("a/b")) == Path("a/b")
    assert through_json(collections.OrderedDict(a=1)) == {"a": 1}


class Custom(torch.optim.SGD):
    """An optimizer that torch does not know."""


Pair = collections.namedtuple("Pair", "a b")
REFUSED = [
    (len, "builtin_function"),
    (object(), "builtins.object"),
    (Custom, r"the class .*Custom"),
    (torch.nn.Linear, r"the class torch.nn.*Linear"),
    ({1}, "set"),
    (b"bytes", "bytes"),
    (1j, "complex"),
    (Pair(1, 2), "Pair"),
    (np.zeros(2, dtype=complex), "complex128"),
    (np.zeros(2, dtype="i4,f4"), "dtype"),
    (np.complex64(1), "complex64"),
    (np.ma.masked_array([1]), "MaskedArray"),
    (torch.zeros(2).to_sparse(), "Tensor"),
    (torch.zeros(2, device="meta"), "Tensor"),
    (pd.Index([1, 2], dtype="category"), "category"),
    (pd.period_range("2024", periods=2, freq="M"), "period"),
    (np.random.RandomState(np.random.PCG64(0)), "MT19937"),
    (datetime.date(2024, 1, 1), "date"),
    (10**5000, "int"),
]


@pytest.mark.parametrize(("value", "named"), REFUSED, ids=[named for _, named in REFUSED])
def test_everything_else_is_refused_by_its_place(value, named):
    with pytest.raises(NotStorableError, match=named):
        encode({"deep": [value]})
    with pytest.raises(NotStorableError, match=r"deep\.0 holds a builtins.set"):
        encode({"deep": [{1}]})


def test_values_nested_too_deep_are_refused_both_ways():
    deep = []
    for _ in range(MAX_DEPTH - 1):
        deep = [deep]
    assert through_json(deep) == deep
    circle = []
    circle.append(circle)
    with pytest.raises(NotStorableError, match="too deep"):
        encode(circle)
    node = []
    for _ in range(MAX_DEPTH + 5):
        node = [node]
    with pytest.raises(ValueError, match="too deep"):
        decode(node, {})


# One value for a trillion rows.
HUGE_FRAME = {
    "kind": "frame",
    "index": {"kind": "index", "names": [None], "range": [0, 10**12, 1]},
    "columns": {"kind": "index", "names": [None], "range": [0, 1, 1]},
    "data": [
        {
            "kind": "dict",
            "items": [
                ["values", {"kind": "array", "dtype": "object", "shape": [], "items": [1]}],
                ["dtype", None],
            ],
        }
    ],
}
HOSTILE = [
    {"kind": "os.system", "value": "touch x"},
    {"kind": "scalar", "dtype": "<U1", "data": "ffffffff"},
    {"kind": "torch_optimizer", "value": "os.system"},
    {"kind": "torch_optimizer", "value": "Optimizer"},
    {"kind": "torch_optimizer", "value": ["SGD"]},
    {"kind": "torch_dtype", "value": "nn"},
    {"kind": "torch_device", "value": "house"},
    {"kind": "float", "value": "1" * 10},
    {"kind": "tuple"},
    {"kind": "tuple", "items": 3},
    {"kind": "tuple", "items": [], "more": 1},
    {"kind": "dict", "items": [[1]]},
    {"kind": "dict", "items": [[[], 1]]},
    {"kind": "dict", "items": [[1, 2], [1, 3]]},
    {"kind": "array", "dtype": "float64", "shape": [10**15], "name": "t"},
    {"kind": "array", "dtype": "float64", "shape": [-1], "name": "t"},
    {"kind": "array", "dtype": "float64", "shape": [2], "name": "other"},
    {"kind": "array", "dtype": "<U99999", "shape": [10**9], "name": "bytes"},
    {"kind": "array", "dtype": "<U1", "shape": [2], "name": "bytes"},
    {"kind": "array", "dtype": "<U0", "shape": [10**12], "name": "bytes"},
    {"kind": "array", "dtype": "|O", "shape": [1], "name": "bytes"},
    {"kind": "array", "dtype": "object", "shape": [10**15], "items": []},
    {"kind": "array", "dtype": "object", "shape": [0], "items": {"kind": "dict", "items": []}},
    {"kind": "scalar", "dtype": "|O8", "data": "00" * 8},
    {"kind": "scalar", "dtype": "<f8", "data": "00"},
    {"kind": "scalar", "dtype": "<f8", "data": "xx"},
    {"kind": "tensor", "name": None},
    {"kind": "index", "names": [None], "range": [0, 1, 0]},
    {"kind": "index", "names": [], "range": [0, 1, 1]},
    {"kind": "index", "names": [None], "values": [1], "dtype": "category"},
    {"kind": "index", "names": [None], "values": ["2024"], "zone": "dateutil//etc/passwd"},
    {"kind": "frame", "index": 0, "columns": 0, "data": []},
    HUGE_FRAME,
    {"kind": "random_state", "state": [1, 2, 3]},
    {"kind": "random_state", "state": [None, 0, 0, 0.0]},
    {"value": 1},
    {"kind": {}},
]


@pytest.mark.parametrize("node", HOSTILE, ids=lambda node: str(node.get("kind")))
def test_nodes_that_were_never_written_are_errors(node):
    tensors = {"t": torch.zeros(2), "bytes": torch.full((8,), 255, dtype=torch.uint8)}
    with pytest.raises(ValueError, match=r"is malformed|no kind of value"):
        decode(node, tensors)


def test_a_tensor_belongs_to_one_place():
    twice = {"kind": "tensor", "name": "t"}
    with pytest.raises(ValueError, match="two values"):
        decode([twice, twice], {"t": torch.zeros(2)})
    with pytest.raises(ValueError, match="nothing refers"):
        decode([], {"t": torch.zeros(2)})


VALUE = {"weights": torch.arange(5.0), "names": ["text", "audio"], "scale": np.float32(0.1)}


@pytest.fixture
def saved(tmp_path):
    """A file with a value."""
    write_value(tmp_path / "value", VALUE, kind="test")
    return tmp_path / "value"


def rewritten(path, change):
    """Write a file whose parts have been changed and whose checksum is right."""
    content = path.read_bytes()
    size = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + size])["__metadata__"] | {"sha256": "0" * 64}
    tensors = safetensors.torch.load(content)
    change(metadata, tensors)
    content = safetensors.torch.save(tensors, metadata)
    digest = hashlib.sha256(content).hexdigest().encode()
    path.write_bytes(content.replace(b"0" * 64, digest, 1))
    return path


def document(node):
    """A document as it stands in a file."""
    return torch.frombuffer(bytearray(json.dumps(node).encode()), dtype=torch.uint8)


def test_the_file_is_a_safetensors_file_that_says_what_it_is(saved):
    with safetensors.safe_open(saved, "pt") as file:
        metadata = file.metadata()
        assert set(file.keys()) == {"weights", "document.json"}
        text = bytes(file.get_tensor("document.json").tolist())
    assert (metadata["format"], metadata["kind"]) == ("sklearn_tamulag", "test")
    # that of the distribution, as torch may add the build it comes from: 2.13.0+cu130
    assert json.loads(metadata["versions"])["torch"] == importlib.metadata.version("torch")
    assert json.loads(text)["kind"] == "dict"


def test_every_flipped_or_cut_byte_is_an_error(saved):
    content = saved.read_bytes()
    places = {*range(0, len(content), 7), 0, 7, 8, len(content) - 1}
    for place in places:
        for damaged in (
            content[:place] + bytes([content[place] ^ 0x20]) + content[place + 1 :],
            content[:place],
            content[:place] + content[place + 1 :],
        ):
            saved.write_bytes(damaged)
            with pytest.raises(ValueError, match=r"damaged|not saved by"):
                read_value(saved, kind="test")
    saved.write_bytes(content + b"\0")
    with pytest.raises(ValueError, match="damaged"):
        read_value(saved, kind="test")


def test_a_huge_length_in_the_header_allocates_nothing(tmp_path):
    for size in (2**62, 2**33, 99_999_999):
        (tmp_path / "huge").write_bytes(size.to_bytes(8, "little") + b"{}" * 100)
        with pytest.raises(ValueError, match="not saved by sklearn_tamulag, or it is damaged"):
            read_value(tmp_path / "huge", kind="test")


def test_files_of_other_origin_are_named(tmp_path):
    path = tmp_path / "model"
    for protocol in (2, 5):
        path.write_bytes(pickle.dumps(VALUE, protocol=protocol))
        with pytest.raises(ValueError, match="looks like a pickle"):
            read_value(path, kind="test")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"")
    with pytest.raises(ValueError, match="zip archive"):
        read_value(path, kind="test")
    safetensors.torch.save_file({"a": torch.zeros(2)}, path)
    with pytest.raises(ValueError, match="not saved by"):
        read_value(path, kind="test")
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=f"{re.escape(str(path))} cannot be read"):
        read_value(path, kind="test")


def test_other_kinds_and_newer_formats_are_refused(saved):
    with pytest.raises(ValueError, match="holds a test, not a checkpoint"):
        read_value(saved, kind="checkpoint")
    rewritten(saved, lambda metadata, _: metadata.update(format_version="2"))
    with pytest.raises(ValueError, match=r"format 2, newer than 1.*sklearn-tamulag"):
        read_value(saved, kind="test")


def test_a_right_checksum_does_not_make_content_trusted(saved, tmp_path):
    marker = tmp_path / "ran"
    deep = b"[" * 200_000 + b"]" * 200_000

    def replaced(content):
        def change(_, tensors):
            tensors["document.json"] = content

        return change

    for content in (
        document({"kind": "os.system", "value": f"touch {marker}"}),
        document({"kind": "tensor", "name": "weights", "class": "builtins.eval"}),
        torch.frombuffer(bytearray(deep), dtype=torch.uint8),
        torch.frombuffer(bytearray(b'{"kind": '), dtype=torch.uint8),
        torch.frombuffer(bytearray(b"\xff\xfe\xfd"), dtype=torch.uint8),
        torch.frombuffer(bytearray(b"9" * 10_000), dtype=torch.uint8),
        torch.zeros(0),
    ):
        rewritten(saved, replaced(content))
        with pytest.raises(ValueError, match="cannot be read"):
            read_value(saved, kind="test")
    rewritten(saved, lambda metadata, _: metadata.pop("document"))
    with pytest.raises(ValueError, match="malformed"):
        read_value(saved, kind="test")
    assert not marker.exists()


def test_a_hidden_pickle_stays_bytes(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.system, (f"touch {tmp_path / 'ran'}",)

    value = {"bytes": np.frombuffer(pickle.dumps(Bomb()), dtype=np.uint8)}
    write_value(tmp_path / "value", value, kind="test")
    assert read_value(tmp_path / "value", kind="test")["bytes"].dtype == np.uint8
    assert not (tmp_path / "ran").exists()


def contents(folder):
    """Names and bytes of all files of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_fails_leaves_the_old_file_and_no_other(saved, monkeypatch):
    before = contents(saved.parent)
    with pytest.raises(NotStorableError):
        write_value(saved, {"weights": torch.ones(3), "code": len}, kind="test")
    assert contents(saved.parent) == before

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    for module, name in ((files.os, "fsync"), (files.os, "replace"), (files.os, "chmod")):
        with monkeypatch.context() as patched:
            patched.setattr(module, name, full)
            with pytest.raises(OSError, match=r"nothing was changed: .*value") as caught:
                write_value(saved, {"weights": torch.ones(3)}, kind="test")
        assert caught.value.errno == errno.ENOSPC
        assert contents(saved.parent) == before

    def interrupted(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_value(saved, {"weights": torch.ones(3)}, kind="test")
    assert contents(saved.parent) == before


def test_a_full_disk_leaves_the_old_file_whole(saved):
    before = contents(saved.parent)
    # What a process may write is limited as the room on a disk is.
    program = (
        "import resource, sys, torch\n"
        "from sklearn_tamulag.persistence.container import write_value\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))\n"
        "try:\n"
        "    write_value(sys.argv[1], {'weights': torch.ones(100_000)}, kind='test')\n"
        "except OSError as error:\n"
        "    print(type(error).__name__, error.filename)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, str(saved)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
        cwd=Path(__file__).parents[2],
    )
    assert finished.stdout == f"OSError {saved}\n", finished.stderr
    assert contents(saved.parent) == before


def test_places_that_may_not_be_written_are_refused(saved, monkeypatch):
    before = contents(saved.parent)
    with monkeypatch.context() as patched:
        patched.setattr(files.os, "access", lambda *_: False)
        with pytest.raises(PermissionError, match="nothing was changed"):
            write_value(saved, {"weights": torch.ones(3)}, kind="test")

    def forbidden(*_):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES), "a name of its own")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "open", forbidden)
        with pytest.raises(PermissionError, match=r"nothing was changed: .*value'"):
            write_value(saved, {"weights": torch.ones(3)}, kind="test")
    assert contents(saved.parent) == before


@unless_root
def test_protected_places_are_refused(saved):
    before = contents(saved.parent)
    saved.chmod(0o444)
    with pytest.raises(PermissionError, match="value"):
        write_value(saved, VALUE, kind="test")
    saved.chmod(0o644)
    saved.parent.chmod(0o555)
    try:
        with pytest.raises(PermissionError, match="nothing was changed"):
            write_value(saved, {"weights": torch.ones(3)}, kind="test")
    finally:
        saved.parent.chmod(0o755)
    assert contents(saved.parent) == before


def test_places_that_are_no_files_are_refused(tmp_path):
    with pytest.raises(IsADirectoryError):
        write_value(tmp_path, VALUE, kind="test")
    with pytest.raises(FileNotFoundError, match="absent"):
        write_value(tmp_path / "absent" / "value", VALUE, kind="test")
    with pytest.raises(FileNotFoundError):
        read_value(tmp_path / "absent", kind="test")
    with pytest.raises(IsADirectoryError):
        read_value(tmp_path, kind="test")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="regular file"):
        write_value(tmp_path / "pipe", VALUE, kind="test")
    with pytest.raises(ValueError, match="no regular file"):
        read_value(tmp_path / "pipe", kind="test")


def test_links_and_modes_are_kept(saved):
    link = saved.parent / "link"
    link.symlink_to(saved)
    saved.chmod(0o640)
    write_value(link, {"new": 1}, kind="test")
    assert link.is_symlink()
    assert read_value(saved, kind="test") == {"new": 1}
    assert stat.S_IMODE(saved.stat().st_mode) == 0o640
    assert {path.name for path in saved.parent.iterdir()} == {"value", "link"}
