"""Whatever stops a writing, its place holds the old content or the new one, and nothing else."""

import errno
import itertools
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.interrupts import interrupted_at_line
from tests.written_places import PLACES, Checkpoint, Data, Estimator, Manifest

ROOT = Path(__file__).parents[1]
# Where something is written or cleared away, and not only made ready for it.
WRITERS = (
    "data/files.py",
    "data/leftovers.py",
    "data/store",
    "datasets/_mmsa_cache.py",
    "estimators/saving.py",
    "model_selection/_results.py",
    "persistence/container.py",
    "text/state_cache.py",
    "training/resuming/checkpoint.py",
)
# A file that is open for reading in that moment is closed by the garbage collector, which warns.
unclosed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(params=PLACES)
def place(request, tmp_path, monkeypatch):
    # Nothing here cuts the power.
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    return PLACES[request.param](tmp_path)


def strike(place, number, within):
    """Press Ctrl-C at a line of a writing; tell whether there were so many lines."""
    if place.content() != 0:
        place.write(0)
    before = place.content()
    arrived = interrupted_at_line(number, lambda: place.write(1), within)
    # What is cached is written anew, so there was nothing old.
    assert place.content() in {before, 1, None if before == 1 else before}
    assert place.left_over() == []
    return arrived


def strike_in_the_first_writing(place, number, within):
    """Press Ctrl-C while there is nothing old."""
    for path in sorted(place.folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    if place.folder.name == "data" and place.folder.exists():
        place.folder.rmdir()
        place.folder.parent.rmdir()
    arrived = interrupted_at_line(number, lambda: place.write(1), within)
    assert place.content() in (1, None)
    assert place.left_over() == []
    return arrived


def strike_at(place, how, stride, within):
    """Strike at every `stride`-th line until the writing ends before; tell how often."""
    lines = itertools.count(1, stride)
    return sum(1 for _ in itertools.takewhile(lambda line: how(place, line, within), lines))


@unclosed
@pytest.mark.parametrize("how", [strike, strike_in_the_first_writing])
def test_ctrl_c_at_some_lines(place, how):
    assert strike_at(place, how, 17, WRITERS) > 2


@unclosed
@pytest.mark.slow
@pytest.mark.parametrize("how", [strike, strike_in_the_first_writing])
def test_ctrl_c_at_every_line_of_a_writer(place, how):
    assert strike_at(place, how, 1, WRITERS) > 30


@unclosed
@pytest.mark.slow
def test_ctrl_c_while_an_estimator_is_made_ready_for_its_file(tmp_path):
    assert strike_at(PLACES["Estimator"](tmp_path), strike, 101, ("",)) > 30


@pytest.mark.parametrize("name", ["fsync", "replace", "chmod"])
def test_an_error_leaves_what_was_there(place, monkeypatch, name):
    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    place.write(0)
    before = place.content()
    with monkeypatch.context() as patched:
        patched.setattr(os, name, full)
        if name == "chmod" and not isinstance(place, Estimator | Checkpoint | Manifest):
            place.write(1)  # no file is replaced
            return
        with pytest.raises(OSError, match="No space left on device; nothing was changed"):
            place.write(1)
    # A cache that is written anew has lost what it had before.
    assert place.content() in (before, None if before == 1 else before)
    assert place.left_over() == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, TimeoutError, OSError(errno.EINTR, "signal")])
def test_what_strikes_after_the_new_content_is_in_place_arrives_as_it_is(place, monkeypatch, error):
    replace = os.replace

    def late(source, target):
        replace(source, target)
        raise error

    place.write(0)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", late)
        with pytest.raises(type(error) if isinstance(error, OSError) else error) as caught:
            place.write(1)
    assert "nothing was changed" not in str(caught.value)
    assert place.content() == 1
    assert place.left_over() == []


def run(folder, *args):
    """Run the program of processes that are killed or write together."""
    finished = subprocess.run(
        [sys.executable, "-m", "tests.killed_writers", str(folder), *map(str, args)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", PLACES)
def test_a_hundred_killed_writers_lose_nothing(name, tmp_path):
    seen = run(tmp_path, "kill", name, 100)
    assert seen == {"killed": 100, "lost": 0, "left over": []}


def test_threads_that_read_and_write_see_one_writing_or_another(tmp_path):
    place = Data(tmp_path)
    place.write(1)
    reading = threading.Event()

    def write_on(number):
        while not reading.is_set():
            place.write(number)

    def look(reader):
        return [place.content() for _ in range(60)]

    with ThreadPoolExecutor(4) as pool:
        writers = [pool.submit(write_on, number) for number in (0, 1)]
        try:
            found = {content for contents in pool.map(look, range(2)) for content in contents}
        finally:
            reading.set()
        for writer in writers:
            writer.result()
    assert found == {0, 1}
    assert place.left_over() == []


@pytest.mark.slow
def test_four_readers_beside_two_writers_see_one_writing_or_another(tmp_path):
    seen = run(tmp_path, "read", 10_000, 4, 2)
    assert seen == {"reads": 10_000, "contents": ["0", "1"], "left over": []}
