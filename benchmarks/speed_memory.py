"""Private memory of a fit, measured in a process of its own.

Run by ``speed.py``. Private memory is what the kernel calls anonymous (``RssAnon``): pages of
memory-mapped files are shared with the page cache and can be dropped, so they do not count.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

import numpy as np
from speed_shapes import MOSEI, MOSI, Shape, make_data, make_estimator

from sklearn_tamulag import MultimodalData

# The rows and arrays of the published file, without text: 3.3 GB.
MOSEI_ROWS = 16_326
MAPPED = {"audio": (500, 74), "vision": (375, 35)}


def private_bytes() -> float:
    """Anonymous memory of this process; NaN where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    line = next(text for text in status.read_text().splitlines() if text.startswith("RssAnon"))
    return int(line.split()[1]) * 1024.0


class Peak:
    """Greatest private memory within a block, looked at a hundred times a second."""

    def __enter__(self) -> "Peak":
        self.start = self.peak = private_bytes()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)
        self._watch.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self.peak = max(self.peak, private_bytes())

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watch.join()
        self.peak = max(self.peak, private_bytes())

    @property
    def growth(self) -> float:
        """Bytes above the start."""
        return self.peak - self.start


def in_memory(shape: Shape, device: str) -> dict[str, float]:
    """Growth while data are made, fitted for an epoch and predicted, beside the data's size."""
    with Peak() as peak:
        X, y = make_data(shape, shape.n_train)
        make_estimator(shape, device).fit(X, y).predict(X)
    size = sum(array.nbytes for array in X.arrays.values())
    return {"data GB": size / 1e9, "growth GB": peak.growth / 1e9}


def memory_mapped(folder: Path, n_rows: int, n_trained: int, device: str) -> dict[str, float]:
    """Growth while rows of a file larger than the memory that is asked for are trained on."""
    random = np.random.default_rng(0)
    for name, (steps, features) in MAPPED.items():
        file = np.lib.format.open_memmap(
            folder / f"{name}.npy", "w+", np.float32, (n_rows, steps, features)
        )
        # The rest of the file is a hole: it reads as zeros and takes no room on the disk.
        file[:, :8] = random.standard_normal((n_rows, 8, features), dtype=np.float32)
        file.flush()
        del file
    lengths = {name: random.integers(1, steps + 1, n_rows) for name, (steps, _) in MAPPED.items()}
    trained = np.zeros(n_rows)
    trained[random.choice(n_rows, n_trained, replace=False)] = 1
    y = random.normal(size=n_rows)
    with Peak() as peak:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in MAPPED}
        X = MultimodalData(arrays, lengths)
        shape = Shape("mapped", n_rows, 0, {name: MOSEI.modalities[name] for name in MAPPED})
        estimator = make_estimator(shape, device)
        estimator.fit(X, y, sample_weight=trained)
        estimator.predict(X[:686])
    size = sum(array.nbytes for array in arrays.values())
    return {"data GB": size / 1e9, "growth GB": peak.growth / 1e9}


def measure(kind: str, device: str, quick: bool) -> dict[str, Any]:
    """Run one measurement in a process of its own."""
    command = [sys.executable, __file__, kind, "--device", device, *(["--quick"] if quick else [])]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        return {"error": finished.stderr.strip().splitlines()[-1]}
    result: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Print the figures of one measurement as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["mosi", "mosei", "mapped"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    warm_up = MOSI.with_rows(64)
    X, y = make_data(warm_up, 64)
    make_estimator(warm_up, options.device).fit(X, y)
    if options.kind == "mapped":
        n_rows, n_trained = (1600, 320) if options.quick else (MOSEI_ROWS, 1600)
        with tempfile.TemporaryDirectory() as folder:
            result = memory_mapped(Path(folder), n_rows, n_trained, options.device)
    else:
        shape = MOSI if options.kind == "mosi" else MOSEI
        shape = shape.with_rows(256) if options.quick else shape
        result = in_memory(shape, options.device)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
