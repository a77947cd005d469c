"""What the pickle reader reads, and that nothing a file names is ever run."""

import builtins
import collections
import copyreg
import datetime
import decimal
import functools
import io
import os
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sklearn_tamulag.datasets._safe_pickle import load_arrays

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def assert_same(read, expected):
    """Compare nested containers of arrays, types included."""
    assert type(read) is type(expected)
    if isinstance(expected, dict):
        assert list(read) == list(expected)
        for key in expected:
            assert_same(read[key], expected[key])
    elif isinstance(expected, list | tuple):
        assert len(read) == len(expected)
        for mine, theirs in zip(read, expected, strict=True):
            assert_same(mine, theirs)
    elif isinstance(expected, np.ndarray):
        assert read.dtype == expected.dtype
        np.testing.assert_array_equal(read, expected, strict=True)
    else:
        assert read == expected


@pytest.fixture
def write(tmp_path):
    """Return a function that writes bytes, or the pickle of an object, to a file."""

    def write_file(content, protocol=4):
        path = tmp_path / "data.pkl"
        path.write_bytes(
            content if isinstance(content, bytes) else pickle.dumps(content, protocol=protocol)
        )
        return path

    return write_file


@pytest.fixture
def content():
    generator = np.random.default_rng(0)
    features = generator.normal(size=(3, 4, 5)).astype(np.float32)
    return {
        "train": {
            "raw_text": np.array(["a", "bc", "déf"]),
            "id": np.array(["v$_$1", None, b"v$_$3"], dtype=object),
            "audio": features,
            "turned": features.transpose(1, 2, 0),
            "fortran": np.asfortranarray(features[0]),
            "text_bert": generator.integers(0, 9, size=(3, 3, 4)),
            "half": features[0].astype(np.float16),
            "bytes": np.array([b"ab", b"c"]),
            "truth": np.array([True, False]),
            "empty": np.zeros((0, 4, 5)),
            "no_text": np.array([], dtype="U0"),
            "none": np.array(3.0),
            "lengths": [1, 2, 3],
            "labels": [np.float32(0.5), np.int64(1), np.str_("x"), np.bool_(True)],
            "nested": [(1, 2.5), "x", b"y", None, True, 10**30, ("z",)],
        },
        "valid": {},
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_and_containers_come_back_from_every_protocol(write, content, protocol):
    assert_same(load_arrays(write(content, protocol)), content)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("core", [b"numpy.core", b"numpy._core"])
def test_files_of_numpy_1_and_numpy_2_read_alike(write, content, protocol, core):
    arrays = {name: content["train"][name] for name in ("audio", "raw_text", "labels", "fortran")}
    data = pickle.dumps(arrays, protocol)
    written = np.ndarray.__reduce__(np.zeros(1))[0].__module__.removesuffix(".multiarray").encode()
    for module in (b".multiarray", b".numeric"):
        before, after = written + module, core + module
        if protocol > 3:
            changed = data.count(before) * (len(after) - len(before))
            data = data.replace(bytes([len(before)]) + before, bytes([len(after)]) + after)
            size = struct.unpack("<Q", data[3:11])[0] + changed
            data = data[:3] + struct.pack("<Q", size) + data[11:]
        else:
            data = data.replace(before, after)
    assert core + b"." in data
    assert_same(load_arrays(write(data)), arrays)


def test_big_endian_arrays_become_native(write):
    values = np.arange(4, dtype=">f4")
    assert_same(load_arrays(write(values)), np.arange(4, dtype=np.float32))


def test_ordered_dict_reads_as_dict(write):
    pairs = collections.OrderedDict(b=np.arange(2), a=1)
    assert_same(load_arrays(write(pairs)), dict(pairs))


def test_an_object_that_stands_twice_is_read_once(write):
    array = np.arange(3)
    first, second = load_arrays(write([{"x": array}] * 2))
    assert first is second


@given(
    array=hnp.arrays(
        st.sampled_from(["f4", "f8", "i2", "u8", "c8", "b1", "U3", "S2"]),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3),
    ),
    protocol=st.sampled_from(PROTOCOLS),
    axes=st.randoms(use_true_random=False),
)
def test_arrays_of_any_layout_round_trip(tmp_path_factory, array, protocol, axes):
    array = array.transpose(axes.sample(range(array.ndim), array.ndim))
    path = tmp_path_factory.mktemp("arrays") / "array.pkl"
    path.write_bytes(pickle.dumps(array, protocol=protocol))
    assert_same(load_arrays(path), array)


class Call:
    """Pickles as a call of any function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.fixture
def trap(tmp_path):
    """Return a path, and calls that would create a file there."""
    target = tmp_path / "it_ran"
    return target, {
        "system": Call(os.system, f"touch {target}"),
        "eval": Call(builtins.eval, f"open({str(target)!r}, 'w').close()"),
        "exec": Call(builtins.exec, f"open({str(target)!r}, 'w').close()"),
        "path": Call(Path.touch, target),
        "getattr": Call(getattr, "x", "upper"),
        "partial": Call(functools.partial, os.system, f"touch {target}"),
        "import": Call(__import__, "antigravity"),
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("system", r"(posix|nt)\.system"),
        ("eval", r"(builtins|__builtin__)\.eval"),
        ("exec", r"(builtins|__builtin__)\.exec"),
        ("path", r"(pathlib\.|_getattr|builtins\.getattr|__builtin__\.getattr)"),
        ("getattr", r"(builtins|__builtin__)\.getattr"),
        ("partial", r"functools\.partial"),
        ("import", r"(builtins|__builtin__)\.__import__"),
    ],
)
@pytest.mark.parametrize("place", ["alone", "in a dict", "in an object array"])
def test_code_in_a_file_is_refused_and_never_runs(write, trap, protocol, kind, named, place):
    target, calls = trap
    content = calls[kind]
    if place == "in a dict":
        content = {"train": {"audio": np.zeros(2), "text": [content]}}
    elif place == "in an object array":
        content = np.array(["text", content], dtype=object)
    path = write(content, protocol)
    with pytest.raises(ValueError, match=named) as caught:
        load_arrays(path)
    assert str(path) in str(caught.value)
    assert "Nothing was run" in str(caught.value)
    assert not target.exists()


def test_the_traps_do_run_elsewhere(trap):
    target, calls = trap
    pickle.loads(pickle.dumps(calls["eval"]))
    assert target.exists()


@pytest.mark.parametrize("protocol", [0, 4])
def test_a_nested_persistent_id_is_refused(write, protocol):
    class Pickler(pickle.Pickler):
        def persistent_id(self, obj):
            return "somewhere" if obj == "elsewhere" else None

    buffer = io.BytesIO()
    Pickler(buffer, protocol).dump({"train": {"text": ["elsewhere"]}})
    with pytest.raises(ValueError, match=r"a persistent id\. Nothing was run"):
        load_arrays(write(buffer.getvalue()))


def test_an_extension_code_is_refused_even_when_cached(write):
    copyreg.add_extension(os.system.__module__, "system", 241)
    try:
        data = pickle.dumps(os.system, protocol=2)
        assert pickle.loads(data) is os.system  # now the cache holds it, past every find_class
        with pytest.raises(ValueError, match=r"an extension code\. Nothing was run"):
            load_arrays(write(data))
    finally:
        copyreg.remove_extension(os.system.__module__, "system", 241)


def test_a_buffer_outside_the_file_is_refused(write):
    data = pickle.dumps(np.zeros(4), protocol=5, buffer_callback=lambda buffer: None)
    with pytest.raises(ValueError, match="a buffer outside the file"):
        load_arrays(write(data))


@pytest.mark.parametrize(
    "content",
    [
        datetime.date(2024, 1, 1),
        decimal.Decimal(1),
        np.random.default_rng(0),
        np.array(["2024-01-01"], dtype="M8[D]"),
        np.zeros(2, dtype=[("a", "f4"), ("b", "O")]),
        np.array([np.array([None]), None], dtype=object),
        np.array([{"a": 1}], dtype=object),
        np.ma.masked_array([1.0, 2.0], mask=[True, False]),
        len,
    ],
    ids=lambda content: type(content).__name__,
)
def test_objects_of_other_kinds_are_refused(write, content):
    with pytest.raises(ValueError, match="is not a readable pickle of arrays: "):
        load_arrays(write({"train": content}))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_truncation_is_noticed(write, protocol):
    data = pickle.dumps({"a": np.arange(5.0), "b": ["x", "y"]}, protocol)
    for size in range(len(data)):
        path = write(data[:size])
        with pytest.raises(ValueError, match=r"data\.pkl is not a readable pickle of arrays"):
            load_arrays(path)


@pytest.mark.parametrize(
    "data",
    [b"", b"hello there", b"PK\x03\x04", b"\x1f\x8b\x08", b"\x93NUMPY\x01", b"\x80\x7fK\x01."],
)
def test_a_file_that_is_no_pickle_is_named(write, data):
    with pytest.raises(ValueError, match=r"data\.pkl is not a readable pickle of arrays"):
        load_arrays(write(data))


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_arrays(tmp_path / "nowhere.pkl")


@given(data=st.data())
def test_broken_bytes_give_arrays_or_a_value_error(tmp_path_factory, data):
    good = pickle.dumps({"a": np.arange(4), "b": np.array(["x", None], object)}, protocol=4)
    place = data.draw(st.integers(0, len(good) - 1))
    broken = good[:place] + bytes([data.draw(st.integers(0, 255))]) + good[place + 1 :]
    path = tmp_path_factory.mktemp("broken") / "broken.pkl"
    path.write_bytes(broken)
    try:
        read = load_arrays(path)
    except ValueError as error:
        read = str(error)
        named = str(path) in read
    else:
        named = True
    assert named
    assert isinstance(read, dict | list | tuple | str | bytes | float | int | np.ndarray | None)


DTYPE = b"cnumpy\ndtype\n(X\x02\x00\x00\x00f8I00\nI01\ntR"
RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
ORDER = b"(K\x03X\x01\x00\x00\x00<tb"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # dtype as a call of its own: an object type, a type that imports, a function, keywords
        (b"\x80\x03cnumpy\ndtype\n(cnumpy\nndarray\ntR.", "array type .* is not allowed"),
        (b"\x80\x03cnumpy\ndtype\n(X\x08\x00\x00\x00os.mkdirtR.", "type 'os.mkdir' is not"),
        (b"\x80\x03cnumpy\ndtype\n(X\x05\x00\x00\x00f8,O8tR.", "type 'f8,O8' is not"),
        (b"\x80\x03cnumpy\ndtype\n(tR.", "missing"),
        # a state that would turn the type into a record of objects
        (b"\x80\x03" + DTYPE + b"(K\x03NNtb.", "with the state"),
        # arrays whose bytes, shape or type do not belong together
        (b"\x80\x03" + RECONSTRUCT + b".", "unfinished"),
        (b"\x80\x03" + RECONSTRUCT + b"K\x01b.", "unknown kind of state"),
        (b"\x80\x03" + RECONSTRUCT + b"(K\x01K\x05" + DTYPE + b"I00\nC\x00tb.", "the shape 5"),
        (b"\x80\x03" + RECONSTRUCT + b"(K\x01K\x05\x85" + DTYPE + b"I00\nC\x00tb.", "do not fit"),
        (b"\x80\x03" + RECONSTRUCT + b"(K\x01K\x05\x85NI00\nC\x00tb.", "no valid type"),
        (b"\x80\x03" + RECONSTRUCT + b"(K\x01J\xff\xff\xff\xff\x85NI00\nC\x00tb.", "no valid type"),
        # the state of a name, an instance of one, an attribute of one
        (b"\x80\x03cnumpy\ndtype\n}X\x01\x00\x00\x00xK\x01sb.", "sets the state"),
        (b"\x80\x03cnumpy\ndtype\n)\x81.", "NEWOBJ"),
        (b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.", "numpy.ndarray.tofile"),
        (b"\x80\x03cnumpy\ndtype\n.", "unknown object"),
        # encodings and scalars
        (b"\x80\x03c_codecs\nencode\n(X\x01\x00\x00\x00xX\x05\x00\x00\x00utf-8tR.", "latin1"),
        (b"\x80\x03cnumpy.core.multiarray\nscalar\n(NC\x00tR.", "no valid type"),
        # a memo index and a depth that would eat memory or the stack
        (b"\x80\x03K\x01r\xff\xff\xff\x7f.", "memo index"),
        (b"\x80\x03" + b"]" * 100 + b"a" * 99 + b".", "nested deeper than 32"),
        (b"\x80\x03]q\x00h\x00a.", "nested deeper than 32"),
        (b"\x80\x03}K\x01K\x02\x86K\x03s.", "key of a dict"),
    ],
)
def test_crafted_files_are_refused(write, data, message):
    with pytest.raises(ValueError, match=f"is not a readable pickle of arrays: .*{message}"):
        load_arrays(write(data))


def test_an_object_scalar_is_refused(write):
    data = pickle.dumps(np.array(["x"], dtype=object), protocol=2)
    start, end = data.index(b"cnumpy\ndtype"), data.index(b"\x89]")
    kind = data[start:end]
    crafted = b"\x80\x02cnumpy.core.multiarray\nscalar\n(" + kind + b"X\x01\x00\x00\x00xtR."
    with pytest.raises(ValueError, match="is not a readable pickle of arrays"):
        load_arrays(write(crafted))


def test_reading_leaves_the_file_as_it_was(write, content):
    path = write(content)
    path.chmod(0o444)
    before = path.read_bytes(), path.stat().st_mtime_ns
    load_arrays(path)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_a_file_that_is_mostly_a_hole_is_not_read(tmp_path):
    path = tmp_path / "sparse.pkl"
    with path.open("wb") as file:
        # One value that claims to be most of the file.
        file.write(b"\x80\x04\x8e" + (2**36).to_bytes(8, "little"))
        file.truncate(2**36 + 100)
    if path.stat().st_blocks * 512 > 2**30:
        pytest.skip("this file system has no sparse files")
    with pytest.raises(ValueError, match=r"sparse\.pkl is not .*only \d+ are on the disk"):
        load_arrays(path)
