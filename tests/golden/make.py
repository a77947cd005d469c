"""Write a set of golden predictions: saved estimators, and what they predict in float64.

    python -m tests.golden.make [NAME ...]

Each set is a folder ``tests/golden/format-N/NAME``, N being the number of the format of saved
files: ``model.safetensors`` is an estimator that was saved, ``rows.npz`` the rows it was shown,
``expected.npz`` what it said of them. Sets that are there are what users' files look like: they
are never written again, and this script refuses to.
"""

import sys
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

import sklearn_tamulag
from sklearn_tamulag import MultimodalData, MultimodalPadder, TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.persistence.container import FORMAT_VERSION
from sklearn_tamulag.preprocessing import SequenceScaler

HERE = Path(__file__).parent
SMALL = {
    "hidden_size": 6,
    "embedding_size": 8,
    "fusion_size": 8,
    "max_epochs": 4,
    "batch_size": 8,
    "precision": "float64",
    "device": "cpu",
    "random_state": 0,
}


def rows(n_rows, *, lacking=False):
    """Ragged rows of two modalities, and y with both signs."""
    random = np.random.default_rng(7)
    y = random.normal(size=n_rows)
    arrays, lengths = {}, {}
    for name, size in {"text": 4, "audio": 3}.items():
        lengths[name] = random.integers(1, 7, n_rows)
        arrays[name] = random.normal(size=(n_rows, 6, size))
        arrays[name][:, :, 0] += y[:, np.newaxis]
    if lacking:
        lengths["audio"][::3] = 0
        lengths["text"][1::5] = 0
        lengths["audio"][1::5] = 6
    return MultimodalData(arrays, lengths), y


def regressor():
    """A regressor on features."""
    X, y = rows(32)
    return TAMULAGRegressor(fusion="semantic", **SMALL).fit(X, y), X


def classifier():
    """A classifier whose classes are strings."""
    X, y = rows(32)
    names = np.array(["bad", "neutral", "good"])[np.digitize(y, [-0.5, 0.5])]
    return TAMULAGClassifier(**SMALL).fit(X, names), X


def pipeline():
    """A pipeline that pads and scales."""
    X, y = rows(32)
    steps = (MultimodalPadder(max_length=5), SequenceScaler(), TAMULAGRegressor(**SMALL))
    return make_pipeline(*steps).fit(X, y), X


def transformer():
    """A tiny transformer that reads strings, beside audio."""
    import tempfile

    import pandas as pd

    from tests.tiny_bert import tiny_bert, tiny_texts

    texts, y = tiny_texts(24)
    X, _ = rows(24)
    audio = [X.arrays["audio"][row, :length] for row, length in enumerate(X.lengths["audio"])]
    frame = pd.DataFrame({"text": texts, "audio": audio})
    with tempfile.TemporaryDirectory() as folder:
        encoders = {"text": {"transformer": tiny_bert(Path(folder) / "bert"), "lowercase": True}}
        return TAMULAGRegressor(encoders=encoders, **SMALL).fit(frame, y), frame


def missing():
    """Rows that lack a modality."""
    X, y = rows(32, lacking=True)
    return TAMULAGRegressor(allow_missing=True, **SMALL).fit(X, y), X


SETS = {make.__name__: make for make in (regressor, classifier, pipeline, transformer, missing)}


def write_rows(path, X):
    """Write rows as plain arrays; strings as an array of them."""
    if not isinstance(X, MultimodalData):
        ragged = MultimodalData.from_sequences({"audio": list(X["audio"])})
        np.savez_compressed(path, texts=np.array(list(X["text"]), dtype=str), **named(ragged))
    else:
        np.savez_compressed(path, **named(X))


def named(X):
    """The arrays and lengths of some rows, by a name for each."""
    arrays = {f"array_{name}": array for name, array in X.arrays.items()}
    return arrays | {f"length_{name}": lengths for name, lengths in X.lengths.items()}


def read_rows(path):
    """Read what `write_rows` has written."""
    import pandas as pd

    with np.load(path) as file:
        found = dict(file)
    texts = found.pop("texts", None)
    arrays, lengths = (
        {name.removeprefix(kind): found[name] for name in found if name.startswith(kind)}
        for kind in ("array_", "length_")
    )
    X = MultimodalData(arrays, lengths)
    if texts is None:
        return X
    audio = [X.arrays["audio"][row, :length] for row, length in enumerate(X.lengths["audio"])]
    return pd.DataFrame({"text": texts.tolist(), "audio": audio})


def expected(estimator, X):
    """All that a fitted estimator says of some rows, in float64 or as strings."""
    inner, inputs = estimator, X
    if hasattr(estimator, "steps"):
        inner, inputs = estimator[-1], estimator[:-1].transform(X)
    unimodal = inner.predict_unimodal(inputs)
    said = {"predict": estimator.predict(X), "transform": estimator.transform(X)}
    said |= {f"unimodal_{name}": unimodal[name].to_numpy() for name in unimodal}
    said |= {f"attention_{name}": w for name, w in inner.temporal_attention(inputs).items()}
    if hasattr(estimator, "predict_proba"):
        said["predict_proba"] = estimator.predict_proba(X)
    return {
        name: np.asarray(values, dtype=float if values.dtype.kind in "fiub" else str)
        for name, values in said.items()
    }


def main():
    """Write the sets that are asked for, or all."""
    for name in sys.argv[1:] or SETS:
        folder = HERE / f"format-{FORMAT_VERSION}" / name
        if folder.exists():
            raise SystemExit(f"{folder} is there: a golden set is never written again.")
        estimator, X = SETS[name]()
        folder.mkdir(parents=True)
        sklearn_tamulag.save(estimator, folder / "model.safetensors")
        write_rows(folder / "rows.npz", X)
        np.savez_compressed(folder / "expected.npz", **expected(estimator, X))
        print(f"{folder}: {sum(file.stat().st_size for file in folder.iterdir())} bytes")


if __name__ == "__main__":
    main()
