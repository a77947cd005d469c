"""The one writer of files: names, modes, owners, and what killed processes leave."""

import os
import re
import stat
from pathlib import Path

import numpy as np
import pytest

from sklearn_tamulag.data import files
from sklearn_tamulag.data.files import create_file, lies_inside, read_whole, write_atomically
from sklearn_tamulag.data.leftovers import claim, remove_abandoned
from sklearn_tamulag.data.npy import map_npy, read_npy

LEFT = ".file.0123456789abcdef.tmp"
as_root = pytest.mark.skipif(
    not hasattr(os, "getuid") or os.getuid() != 0, reason="only root gives files away"
)


PACKAGE = Path(files.__file__).parents[1]
WRITING = re.compile(
    r"""open\([^)]*,\s*["'](?=[^"']*[wax+])|np\.save|open_memmap|mode=["'](?:r\+|w)|\.tofile\("""
    r"|write_text|write_bytes|os\.(?:replace|rename|open)\(|shutil\.|tempfile\.|safetensors.*save_file"
)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("name", ["x" * 255, "é" * 127, "評" * 85, "🙂" * 63, "a", "a b\n.tmp"])
def test_names_of_any_length(tmp_path, name):
    for content in (b"old", b"new"):
        write_atomically(tmp_path / name, [content])
        assert read_whole(tmp_path / name) == content
    assert names(tmp_path) == [name]


def test_a_path_in_the_current_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_atomically("file", [b"new"])
    assert names(tmp_path) == ["file"]


@as_root
def test_owner_and_mode_are_kept(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.chown(path, 12345, 23456)
    path.chmod(0o4751)
    write_atomically(path, [b"new"])
    there = path.stat()
    assert (there.st_uid, there.st_gid, stat.S_IMODE(there.st_mode)) == (12345, 23456, 0o4751)


def test_who_may_not_give_a_file_away_keeps_its_mode(tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    status = files._target_status

    def of_another(target):
        found = list(status(target))
        found[stat.ST_UID] += 1
        return os.stat_result(found)

    def forbidden(*args):
        raise PermissionError("not yours")

    monkeypatch.setattr(files, "_target_status", of_another)
    monkeypatch.setattr(os, "chown", forbidden, raising=False)
    write_atomically(path, [b"new"])
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_secret_file_is_secret_while_it_is_written(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o600)

    def parts():
        modes = {stat.S_IMODE(entry.stat().st_mode) for entry in tmp_path.iterdir()}
        assert modes == {0o600}
        assert len(names(tmp_path)) == 2
        yield b"new"

    write_atomically(path, parts())
    assert path.read_bytes() == b"new"


def test_an_error_of_whoever_makes_the_content_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError):
        write_atomically(path, (bytes([1 // number]) for number in (1, 0)))
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    others = [".other.0123456789abcdef.tmp", ".file.0123.tmp", "file.0123456789abcdef.tmp"]
    for name in (LEFT, *others):
        (tmp_path / name).touch()
    (tmp_path / ".file.aaaaaaaaaaaaaaaa.tmp").mkdir()
    (tmp_path / ".file.bbbbbbbbbbbbbbbb.tmp").symlink_to(others[0])
    os.mkfifo(tmp_path / ".file.cccccccccccccccc.tmp")
    before = set(names(tmp_path)) - {LEFT}
    write_atomically(tmp_path / "file", [b"new"])
    assert set(names(tmp_path)) == before | {"file"}


def test_what_another_writer_is_writing_is_left_alone(tmp_path):
    with open(tmp_path / LEFT, "xb") as file:
        assert claim(file.fileno(), tmp_path / LEFT)
        write_atomically(tmp_path / "file", [b"new"])
        assert names(tmp_path) == [LEFT, "file"]
    # The system gives the lock back, however the writer ends.
    write_atomically(tmp_path / "file", [b"new"])
    assert names(tmp_path) == ["file"]


def test_a_file_that_was_taken_for_abandoned_is_noticed(tmp_path):
    with open(tmp_path / LEFT, "xb") as file:
        assert remove_abandoned(tmp_path / LEFT)
        assert not claim(file.fileno(), tmp_path / LEFT)


def test_where_nothing_can_be_locked_nothing_is_removed(tmp_path, monkeypatch):
    def unsupported(descriptor):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("sklearn_tamulag.data.leftovers._lock", unsupported)
    (tmp_path / LEFT).touch()
    write_atomically(tmp_path / "file", [b"new"])
    assert names(tmp_path) == [LEFT, "file"]


def test_a_new_file_never_replaces_another(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        create_file(path, lambda file: file.write(b"new") and None)
    assert path.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("root/a", True),
        ("root/b/../a", True),
        ("root/../a", False),
        ("root/link/a", False),
        ("root/own/a", True),
        ("rooted/a", False),
        ("/etc/passwd", False),
    ],
)
def test_what_lies_inside_a_folder(tmp_path, monkeypatch, path, inside):
    monkeypatch.chdir(tmp_path)
    for folder in ("root/b", "rooted"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "root" / "link").symlink_to(tmp_path / "rooted")
    (tmp_path / "root" / "own").symlink_to("b")
    (tmp_path / "linked").symlink_to("root")
    assert lies_inside(path, "root") == inside
    assert lies_inside(path, "linked") == inside


def forged(header, values=b"", version=b"\x01\x00"):
    size = len(header).to_bytes(2 if version == b"\x01\x00" else 4, "little")
    return b"\x93NUMPY" + version + size + header + values


def described(shape="(2,)", descr="'<f8'", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n".encode()


@pytest.mark.parametrize("read", [read_npy, lambda file: map_npy(file, "r")])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        forged(described("(10000000000,)"), b"1" * 16),
        forged(described("(100000, 100000, 1000)"), b"1" * 16),
        forged(described("(-1,)"), b"1" * 16),
        forged(described("(-1, -2)"), b"1" * 16),
        forged(described("(1000000000, 0)")),
        forged(described("(1000000000,)", "'|V0'")),
        forged(described("(1,)", "'<U999999999'"), b"1" * 16),
        forged(described("(1,)", "('<f4', (1000000000,))"), b"1" * 16),
        forged(described("(1,)", "'|O'"), b"1" * 16),
        forged(described("(1,)", "[('a', '|O')]"), b"1" * 16),
        forged(described(f"({'1,' * 33})"), b"1" * 16),
        forged(described("(2,)" + "(" * 300), b"1" * 16),
        forged(b"9" * 5000 + b"\n"),
        forged(b"-" * 9000 + b"1\n"),
        forged(described(), b"1" * 15),
        forged(b"\x00" * 100),
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{",
        forged(described(), b"1" * 16, b"\x03\x00"),
    ],
)
def test_a_header_is_not_believed(tmp_path, content, read):
    (tmp_path / "a.npy").write_bytes(content)
    with open(tmp_path / "a.npy", "rb") as file, pytest.raises(ValueError, match=r"."):
        read(file)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0)])
def test_honest_arrays_are_read(tmp_path, order, version):
    array = np.asarray(np.arange(12.0).reshape(3, 4), order=order)
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, array, version)
    for read in (read_npy, lambda file: map_npy(file, "c")):
        with open(tmp_path / "a.npy", "rb") as file:
            np.testing.assert_array_equal(read(file), array)


def test_no_other_module_writes_files():
    writing = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        for line in path.read_text(encoding="utf-8").splitlines()
        # Examples in docstrings make files to read.
        if WRITING.search(line) and not line.lstrip().startswith((">>>", "..."))
    }
    assert writing == {"data/files.py", "data/leftovers.py", "data/store_draft.py"}
