"""Files of earlier versions: what was saved then predicts now what it predicted then."""

import json
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from packaging.version import Version
from sklearn.exceptions import InconsistentVersionWarning

import sklearn_tamulag
from tests.golden import make

SETS = sorted(folder for folder in make.HERE.glob("format-*/*") if folder.is_dir())
DUMPS = sorted(make.HERE.glob("dumps/*/*.joblib"))


def name(path):
    return f"{path.parent.name}/{path.stem}"


def assert_says(estimator, folder):
    """Compare all that an estimator says with what is written down."""
    with np.load(folder / "expected.npz") as file:
        expected = dict(file)
    said = make.expected(estimator, make.read_rows(folder / "rows.npz"))
    assert said.keys() == expected.keys()
    for part, values in expected.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(said[part], values, rtol=0, atol=1e-9, err_msg=part)
        else:
            np.testing.assert_array_equal(said[part], values, err_msg=part)


@pytest.mark.parametrize("folder", SETS, ids=name)
def test_a_saved_estimator_predicts_what_it_predicted(folder):
    path = folder / "model.safetensors"
    if folder.name == "transformer":
        pytest.importorskip("transformers")
        # Files of that time name the folder that the transformer came from.
        with pytest.warns(UserWarning, match=r"encoders\['text'\]\['transformer'\]="):
            loaded = sklearn_tamulag.load(path)
    else:
        loaded = sklearn_tamulag.load(path)
    assert_says(loaded, folder)


def test_every_kind_of_estimator_has_a_set():
    assert {folder.name for folder in SETS} >= make.SETS.keys()


@pytest.mark.parametrize("folder", SETS, ids=name)
def test_a_set_is_small(folder):
    assert sum(file.stat().st_size for file in folder.iterdir()) <= 300_000


def test_a_set_is_never_written_again(monkeypatch):
    monkeypatch.setattr("sys.argv", ["make", "regressor"])
    before = (SETS[-1] / "model.safetensors").stat().st_mtime_ns
    with pytest.raises(SystemExit, match="never written again"):
        make.main()
    assert (SETS[-1] / "model.safetensors").stat().st_mtime_ns == before


@pytest.mark.parametrize("path", DUMPS, ids=name)
def test_a_dump_of_an_earlier_version_loads(path):
    made_with = json.loads((path.parent / "versions.json").read_text("utf-8"))
    if Version(pd.__version__).major < Version(made_with["pandas"]).major:
        pytest.skip("pandas reads no pickles of a newer pandas")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        # It names modules as they were named then.
        warnings.simplefilter("ignore", DeprecationWarning)
        loaded = joblib.load(path)
    if path.stem == "data":
        assert loaded == make.read_rows(make.HERE / "format-1" / "regressor" / "rows.npz")
        return
    assert_says(loaded, make.HERE / "format-1" / path.stem)
    if path.stem == "regressor":
        # It lacks the parameters that have come since, and trains on with their defaults.
        rows = make.read_rows(make.HERE / "format-1" / path.stem / "rows.npz")
        loaded.partial_fit(rows, loaded.predict(rows))
        assert loaded.net_.task_weights.generated == (None, None)
