"""Generated inputs: fit and predict succeed with finite output, or name what is wrong."""

import functools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_tamulag import MultimodalData, TAMULAGClassifier, TAMULAGRegressor

TINY = {
    "hidden_size": 2,
    "embedding_size": 2,
    "fusion_size": 3,
    "max_epochs": 1,
    "device": "cpu",
    "random_state": 0,
}
FORMS = ("data", "dict of arrays", "dict of lists", "frame", "table", "frame of numbers")
DTYPES = ("float16", "float32", "float64", "int8", "int64", "bool", "uint8")
FAULTS = ("none",) * 6 + (
    *("nan", "inf", "huge", "short y", "nan in y", "one size differs", "strings", "no rows"),
    *("empty row", "one class", "negative weight", "odd lengths", "object", "nested", "3-D cell"),
)
WORDS = (
    "X",
    "y",
    "odality",
    "weights",
    "sample_weight",
    "lengths",
    "rows",
    "samples",
    "features",
    "class",
)

# Few rows of many classes cannot be held out as asked, which is said and is no error.
pytestmark = pytest.mark.filterwarnings("ignore:validation_fraction")


@st.composite
def problems(draw):
    """A data set in some form, y, weights, and what is wrong with them."""
    n_rows = draw(st.integers(1, 70))
    names = [f"m{number}" for number in range(draw(st.integers(1, 5)))]
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = {}
    for name in names:
        kind = draw(st.sampled_from(["sequence", "sequence", "sequence", "step", "number"]))
        size = 1 if kind == "number" else draw(st.integers(1, 4))
        longest = draw(st.integers(1, 9))
        scale = 10.0 ** draw(st.sampled_from([-30, -6, 0, 0, 0, 3, 30]))
        dtype = np.dtype(draw(st.sampled_from(DTYPES)))
        rows = []
        for _ in range(n_rows):
            steps = random.integers(1, longest + 1) if kind == "sequence" else 1
            values = random.normal(size=(steps, size))
            if dtype.kind == "f":
                limit = float(np.finfo(dtype).max)
                values = np.clip(values * scale, -limit, limit)
            rows.append(values.astype(dtype))
        missing = draw(st.sampled_from([0.0, 0.0, 0.3, 0.7]))
        for row in np.flatnonzero(random.random(n_rows) < missing):
            rows[row] = random.choice(np.array([None, np.nan, "empty"], dtype=object))
            if isinstance(rows[row], str):
                rows[row] = np.empty((0, size), dtype=dtype)
        cells[name] = rows
    y = random.normal(size=n_rows) * 10.0 ** draw(st.integers(-6, 9))
    y += draw(st.sampled_from([0.0, 1.0, -1e9]))
    weight = draw(st.sampled_from([None, "random", "some zero"]))
    if weight is not None:
        weight = (
            random.random(n_rows) + 0.1 if weight == "random" else (np.arange(n_rows) % 3) * 1.0
        )
    fault = draw(st.sampled_from(FAULTS))
    form = draw(st.sampled_from(FORMS))
    return *build(cells, y, weight, fault, form, random), fault


def build(cells, y, weight, fault, form, random):
    """Put the cells into a form, with a fault in it."""
    first = next(iter(cells))
    row = int(random.integers(len(y)))
    array = next(
        (cell for cell in cells[first] if isinstance(cell, np.ndarray) and cell.size), None
    )
    if array is not None and fault in ("nan", "inf", "huge"):
        value = {"nan": np.nan, "inf": -np.inf, "huge": 1e300}[fault]
        cells[first][row] = np.full(array.shape, value)
    elif array is not None and fault == "one size differs":
        cells[first][row] = np.ones((2, array.shape[1] + 1))
    elif fault == "strings":
        cells[first][row] = "word"
    elif fault == "object":
        cells[first][row] = object()
    elif fault == "nested":
        cells[first][row] = [[1.0, 2.0], [3.0]]
    elif fault == "3-D cell":
        cells[first][row] = np.ones((2, 1, 1))
    elif fault == "empty row":
        for rows in cells.values():
            rows[row] = None
    elif fault == "short y":
        y = y[1:]
    elif fault == "nan in y":
        y = np.where(np.arange(len(y)) == row, np.nan, y)
    elif fault == "one class":
        y = np.ones(len(y))
    elif fault == "negative weight":
        weight = -np.ones(len(y))
    return in_form(cells, form, fault), y, weight


def in_form(cells, form, fault):
    """Make X, or a call that makes it, since making it may be what is refused."""
    if fault == "no rows":
        cells = {name: [] for name in cells}
    if form == "data":
        return functools.partial(as_data, cells, fault)
    if form == "dict of arrays":
        return lambda: {
            name: as_data({name: rows}, fault).arrays[name] for name, rows in cells.items()
        }
    if form == "dict of lists":
        return lambda: cells
    if form == "frame":
        return lambda: pd.DataFrame(
            {name: pd.Series(rows, dtype=object) for name, rows in cells.items()}
        )
    table = functools.partial(as_table, cells)
    return table if form == "table" else lambda: pd.DataFrame(table()).add_prefix("c")


def as_data(cells, fault):
    """Padded arrays; only whole, numeric cells have a place there."""
    arrays, lengths = {}, {}
    for name, rows in cells.items():
        usable = [
            cell if isinstance(cell, np.ndarray) and cell.ndim == 2 else np.empty((0, 1))
            for cell in rows
        ]
        size = max((cell.shape[1] for cell in usable), default=1)
        steps = max((len(cell) for cell in usable), default=1)
        array = np.zeros((len(rows), max(steps, 1), size))
        for place, cell in zip(array, usable, strict=True):
            place[: len(cell), : cell.shape[1]] = cell
        arrays[name] = array
        lengths[name] = [len(cell) + (fault == "odd lengths") * 99 for cell in usable]
    return MultimodalData(arrays, lengths)


def as_table(cells):
    """A number per modality and row, NaN where there is none."""
    return np.array(
        [
            [
                float(cell.flat[0]) if isinstance(cell, np.ndarray) and cell.size else np.nan
                for cell in row
            ]
            for row in zip(*cells.values(), strict=True)
        ]
    )


def check(kind, problem):
    """Fit, and predict with all that was fitted and with less."""
    make, y, weight, fault = problem
    target = y if kind is TAMULAGRegressor else y > np.median(y) if fault != "short y" else y > 0
    if kind is TAMULAGClassifier and fault in ("one class", "nan in y"):
        target = np.zeros(len(y)) if fault == "one class" else y
    try:
        X = make()
        estimator = kind(**TINY, allow_missing=True, modality_dropout=0.2)
        estimator.fit(X, target, weight)
    except (ValueError, TypeError) as error:
        named(error)
        return
    predictions, fused = estimator.predict(X), estimator.transform(X)
    assert predictions.shape == (len(y),)
    assert fused.shape == (len(y), 3)
    assert np.isfinite(fused).all()
    if kind is TAMULAGRegressor:
        assert predictions.dtype == np.float64
        assert np.isfinite(predictions).all()
    else:
        assert set(predictions) <= set(estimator.classes_)
    if len(estimator.modalities_) > 1:
        try:
            frame = estimator.predict_unimodal(part_of(X))
        except (ValueError, TypeError) as error:
            named(error)
        else:
            assert frame.shape == (len(y), len(estimator.modalities_))
            assert frame.iloc[:, -1].isna().all()


def part_of(X):
    """The same rows without the last modality."""
    if isinstance(X, MultimodalData):
        return X.select(X.modalities[:-1])
    if isinstance(X, pd.DataFrame):
        return X.iloc[:, :-1]
    return dict(list(X.items())[:-1])


def named(error):
    """The message names what it is about."""
    assert any(word in str(error) for word in WORDS), repr(error)


KINDS = st.sampled_from([TAMULAGRegressor, TAMULAGClassifier])


@settings(max_examples=60)
@given(kind=KINDS, problem=problems())
def test_generated_inputs(kind, problem):
    check(kind, problem)


@pytest.mark.slow
@settings(max_examples=2100)
@given(kind=KINDS, problem=problems())
def test_many_generated_inputs(kind, problem):
    check(kind, problem)
