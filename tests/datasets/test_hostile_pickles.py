"""What pickles of strangers may take of the machine: three times their size, and a ValueError."""

import os
import sys

import pytest

from sklearn_tamulag.datasets import load_mmsa
from tests.forged_pickles import file_of, forged_pickles, mutated_pickles
from tests.measured_reads import measured

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured by Linux")

FREE_BYTES = 50 * 2**20
# of the processor; 4 MB of single instructions take one or two
SECONDS, SECONDS_PER_MB = 5.0, 2.0


def written(folder, files):
    paths = []
    for number, data in enumerate(files):
        paths.append(folder / f"{number}.pkl")
        paths[-1].write_bytes(data)
    return paths


def beyond_budget(reading):
    return (
        reading.peak > 3 * reading.n_bytes + FREE_BYTES
        or reading.seconds > SECONDS + SECONDS_PER_MB * reading.n_bytes / 2**20
    )


def is_wrong(reading):
    return reading.outcome not in ("read", "ValueError") or beyond_budget(reading)


@pytest.fixture(scope="module")
def readings(tmp_path_factory):
    """All small files by their kind, read by one process: it is the imports that take long."""
    sizes = (100_000, 400_000)
    kinds = {
        "forged": list(forged_pickles().values()),
        "mutated": list(mutated_pickles(60, seed=0)),
        # the dearest of the forged ones, in two sizes
        "sizes": [b"\x80\x04(" + b"N" * size + b"l." for size in sizes],
    }
    files = [data for made in kinds.values() for data in made]
    measures = iter(measured("load_mmsa", written(tmp_path_factory.mktemp("hostile"), files)))
    return {kind: [next(measures) for _ in made] for kind, made in kinds.items()}


@pytest.mark.slow
def test_forged_pickles_are_refused_within_the_budget(readings):
    names = list(forged_pickles())
    assert len(names) > 60
    for name, reading in zip(names, readings["forged"], strict=True):
        assert (name, reading.outcome) == (name, "ValueError"), reading
        assert str(reading.path) in reading.message, name
        assert not beyond_budget(reading), (name, reading)


def test_the_file_that_is_forged_is_sound_otherwise(tmp_path):
    [path] = written(tmp_path, [file_of()])
    assert len(load_mmsa(path).X) == 2


@pytest.mark.slow
def test_mutated_pickles_are_read_or_refused_within_the_budget(readings):
    assert not list(filter(is_wrong, readings["mutated"]))
    assert "ValueError" in {reading.outcome for reading in readings["mutated"]}


@pytest.mark.slow
def test_a_thousand_mutated_pickles(tmp_path):
    many = measured("load_mmsa", written(tmp_path, mutated_pickles(1000, seed=1)))
    assert len(many) == 1000
    assert not list(filter(is_wrong, many))


@pytest.mark.slow
def test_time_grows_with_the_file(readings):
    one, other = readings["sizes"]
    assert other.seconds < 8 * one.seconds + 0.5


def test_what_might_never_end_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.pkl")
    for path in (tmp_path / "pipe.pkl", "/dev/zero"):
        with pytest.raises(ValueError, match="is no regular file"):
            load_mmsa(path)
