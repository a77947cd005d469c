"""What the package writes, each as a place in a folder that holds an old or a new content."""

import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.datasets._mmsa_cache import cached_rows
from sklearn_tamulag.datasets._mmsa_rows import MMSARows
from sklearn_tamulag.model_selection._results import SeedReport
from sklearn_tamulag.persistence.container import read_value
from sklearn_tamulag.text.state_cache import cached_states
from sklearn_tamulag.training.resuming.checkpoint import EpochCheckpoint
from tests.small_fits import clips, regressor


@functools.cache
def fitted():
    """Two estimators that differ in their epochs."""
    return [regressor(max_epochs=n).fit(*clips()) for n in (1, 2)]


class Place:
    """A place in a folder, which is written to, and tells which content it has.

    `write` puts the content 0 or 1 there, `content` reads which one it is (None: neither was
    written yet) and raises where it is neither, and `files` are the names of all its files.
    """

    def __init__(self, folder):
        self.folder = Path(folder)

    def files(self):
        return {self.name}

    def left_over(self):
        """Names of files that should not be there."""
        if not self.folder.exists():
            return []
        expected = self.files() if self.content() is not None else set()
        return sorted({path.name for path in self.folder.rglob("*") if path.is_file()} - expected)


class Estimator(Place):
    """A saved estimator."""

    name = "model.safetensors"

    def __init__(self, folder):
        super().__init__(folder)
        self.estimators = fitted()

    def write(self, number):
        self.estimators[number].save(self.folder / self.name)

    def content(self):
        path = self.folder / self.name
        if not path.exists():
            return None
        # Nothing in it is read before its checksum is found right.
        state = read_value(path, kind="estimator")
        return [1, 2].index(state["learned"]["label_memory"]["epoch"])


class Checkpoint(Place):
    """The file of a fit in training."""

    name = "epochs-9.safetensors"

    def __init__(self, folder):
        super().__init__(folder)
        self.nets = [estimator.net_ for estimator in fitted()]
        for net, estimator in zip(self.nets, fitted(), strict=True):
            net.memory = estimator._label_memory

    def write(self, number):
        EpochCheckpoint(self.folder, "fit", 9).save(self.nets[number])

    def content(self):
        path = self.folder / self.name
        if not path.exists():
            return None
        state = read_value(path, kind="checkpoint")
        return [1, 2].index(state["training"]["labels"]["epoch"])


class Manifest(Place):
    """What `save_manifest` writes."""

    name = "manifest.json"

    def write(self, number):
        SeedReport(pd.DataFrame(), {}, {"rows": [number] * 9000}).save_manifest(
            self.folder / self.name
        )

    def content(self):
        path = self.folder / self.name
        if not path.exists():
            return None
        rows = json.loads(path.read_bytes())["rows"]
        assert len(rows) == 9000
        (number,) = set(rows)
        return number


class Data(Place):
    """A folder of multimodal data."""

    def __init__(self, folder):
        super().__init__(Path(folder) / "deep" / "data")
        self.contents = [clips(20 + n, seed=n, groups=True)[0] for n in (0, 1)]

    def write(self, number):
        self.contents[number].save(self.folder)

    def content(self):
        if not (self.folder / "index.json").exists():
            return None
        return self.contents.index(MultimodalData.load(self.folder))

    def files(self):
        mapped = MultimodalData.load(self.folder).arrays.values()
        token = {Path(array.filename).stem[-16:] for array in mapped}
        assert len(token) == 1
        arrays = self.folder.glob(f"*-{token.pop()}.npy")
        return {"index.json", *(path.name for path in arrays)}


class States(Place):
    """The states of a frozen transformer; only what is not there is written."""

    name = "states.npy"

    def write(self, number):
        path = self.folder / self.name
        if number == 1:
            path.unlink(missing_ok=True)
        cached_states(path, (5, 3, 2), np.dtype("float32"), self.compute)

    @staticmethod
    def compute(keep):
        for rows in ([0, 4], [3, 1], [2]):
            keep(np.array(rows), np.ones((len(rows), 3 - len(rows), 2), np.float32))

    def content(self):
        path = self.folder / self.name
        if not path.exists():
            return None
        states = cached_states(path, (5, 3, 2), np.dtype("float32"), None)
        assert states.sum(axis=(1, 2)).tolist() == [2, 2, 4, 2, 2]
        return 1


class MMSACache(Place):
    """The cache of `load_mmsa`; only what is not there is written."""

    def write(self, number):
        if number == 1:
            for path in self.folder.glob("mmsa-*"):
                (path / "index.json").unlink(missing_ok=True)
                shutil.rmtree(path)
        cached_rows(self.folder, {"number": 0}, self.read)

    @staticmethod
    def read():
        X, y = clips()
        names = np.array([f"clip{row}" for row in range(len(y))])
        return MMSARows(
            y=y,
            ids=names,
            split=np.repeat("train", len(y)),
            arrays=X.arrays,
            lengths=X.lengths,
            unimodal_labels=None,
            raw_text=None,
            classification_labels=None,
            annotations=None,
            notes=[],
        )

    def content(self):
        if not list(self.folder.rglob("index.json")):
            return None
        rows = cached_rows(self.folder, {"number": 0}, None)
        assert (rows.y == clips()[1]).all()
        return 1

    def files(self):
        rows = cached_rows(self.folder, {"number": 0}, None)
        token = Path(rows.arrays["audio"].filename).stem[-16:]
        arrays = self.folder.rglob(f"*-{token}.npy")
        return {"index.json", *(path.name for path in arrays)}


PLACES = {
    place.__name__: place for place in (Estimator, Checkpoint, Manifest, Data, States, MMSACache)
}
