"""Reading files one by one, each in a forked process of bounded memory, and what it took."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
READERS = {
    "load_mmsa": ("sklearn_tamulag.datasets", "load_mmsa"),
    "read_npy": ("sklearn_tamulag.data.npy", "read_npy_file"),
}


@dataclass(frozen=True)
class Reading:
    """What reading a file came to: seconds of the processor, bytes above what the process had."""

    path: Path
    n_bytes: int
    outcome: str
    message: str
    seconds: float
    peak: int


def measured(reader, paths, *, limit=4 * 2**30, seconds=60):
    """Read files with a reader of the package, in processes with an address space of `limit`."""
    code = "import sys; from tests.measured_reads import main; main(*sys.argv[1:])"
    finished = subprocess.run(
        [sys.executable, "-c", code, reader, str(limit), str(seconds)],
        input="\n".join(map(str, paths)),
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    lines = map(json.loads, finished.stdout.splitlines())
    return [Reading(**line | {"path": Path(line["path"])}) for line in lines]


def main(reader, limit, seconds):
    """Read the files that standard input names; print a line of JSON for each."""
    module, function = READERS[reader]
    read = getattr(__import__(module, fromlist=[function]), function)
    for path in sys.stdin.read().splitlines():
        source, target = os.pipe()
        if os.fork() == 0:
            os.close(source)
            _read_here(read, path, int(limit), int(seconds), target)
        os.close(target)
        with os.fdopen(source) as pipe:
            line = pipe.read()
        _, status = os.wait()
        outcome = "ended by signal" if os.WIFSIGNALED(status) else "ended without a word"
        given = {"path": path, "n_bytes": os.path.getsize(path)}
        lost = {"outcome": outcome, "message": str(status), "seconds": float(seconds), "peak": 0}
        print(json.dumps(given | (json.loads(line) if line else lost)), flush=True)


def _read_here(read, path, limit, seconds, target):
    """Read one file and write down what it took, in a process that ends then."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        signal.alarm(seconds)
        warnings.simplefilter("ignore")
        before, start = _peak(), time.process_time()
        try:
            read(path)
            outcome, message = "read", ""
        except BaseException as error:
            outcome, message = type(error).__name__, str(error)[:300]
        took = {"seconds": time.process_time() - start, "peak": _peak() - before}
        os.write(target, json.dumps({"outcome": outcome, "message": message} | took).encode())
    finally:
        os._exit(0)


def _peak():
    """The most memory that this process has had, in bytes; a fork starts with what it has."""
    status = Path("/proc/self/status").read_text()
    return next(1024 * int(line.split()[1]) for line in status.splitlines() if "VmHWM" in line)
