"""The one door: tables, columns and arrays of every library mean the same rows."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.utils import Bunch

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.data.containers import open_container, open_values, plain_values
from sklearn_tamulag.data.fingerprint import data_sha256
from sklearn_tamulag.data.forms import is_multimodal, to_multimodal
from sklearn_tamulag.data.refusals import describe_forms

AUDIO = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0]], None]
AGE = [31.0, None, 26.0]
EXPECTED = to_multimodal({"audio": AUDIO, "age": AGE})


def cells(values, make=np.array):
    """Return an array of objects, one per row."""
    column = np.empty(len(values), dtype=object)
    for row, value in enumerate(values):
        column[row] = None if value is None else make(value)
    return column


def nested(steps):
    """Return steps as Parquet gives them back: an array of arrays."""
    return cells(steps)


def polars_frame():
    polars = pytest.importorskip("polars")
    return polars.DataFrame({"audio": AUDIO, "age": AGE})


def arrow_table():
    return pytest.importorskip("pyarrow").table({"audio": AUDIO, "age": AGE})


def hugging_face_rows():
    datasets = pytest.importorskip("datasets")
    rows = datasets.Dataset.from_dict({"audio": [*AUDIO, None], "age": [*AGE, 0.0]})
    return rows.select(range(3)).with_format("torch")


FORMS = {
    "pandas with arrays": lambda: pd.DataFrame({"audio": cells(AUDIO), "age": AGE}),
    "pandas with arrays of arrays": lambda: pd.DataFrame(
        {"audio": cells(AUDIO, nested), "age": AGE}
    ),
    "pandas with integers and NA": lambda: pd.DataFrame(
        {"audio": cells(AUDIO), "age": pd.array([31, None, 26], dtype="Int64")}
    ),
    "polars": polars_frame,
    "pyarrow table": arrow_table,
    "pyarrow batch": lambda: arrow_table().to_batches()[0],
    "pandas of Arrow": lambda: arrow_table().to_pandas(),
    "datasets": hugging_face_rows,
    "dicts by row": lambda: [
        {"audio": AUDIO[0], "age": 31.0},
        {"audio": AUDIO[1]},
        {"audio": None, "age": 26.0},
    ],
    "Series of dicts": lambda: pd.Series(
        [{"audio": audio, "age": age} for audio, age in zip(AUDIO, AGE, strict=True)]
    ),
    "dict of tensors": lambda: {
        "audio": [None if a is None else torch.tensor(a, requires_grad=True) for a in AUDIO],
        "age": torch.tensor([31.0, float("nan"), 26.0]),
    },
    "dict of polars columns": lambda: {name: polars_frame()[name] for name in ("audio", "age")},
    "dict of Arrow columns": lambda: {name: arrow_table()[name] for name in ("audio", "age")},
    "dict of Arrow arrays": lambda: {
        name: arrow_table()[name].combine_chunks() for name in ("audio", "age")
    },
    "dict of columns of datasets": lambda: {
        name: hugging_face_rows().with_format(None)[name] for name in ("audio", "age")
    },
    "dict of pandas arrays": lambda: {
        "audio": pd.Index(cells(AUDIO)),
        "age": pd.array([31, None, 26], dtype="Int64"),
    },
    "dict with a masked column": lambda: {
        "audio": AUDIO,
        "age": np.ma.array([31.0, 7.0, 26.0], mask=[False, True, False]),
    },
}


@pytest.mark.parametrize("make", FORMS.values(), ids=FORMS.keys())
def test_every_container_means_the_same_rows(make):
    X = make()
    assert is_multimodal(X)
    data = to_multimodal(X)
    assert data.modalities == ("audio", "age")
    assert data.feature_sizes == EXPECTED.feature_sizes
    for name in data.modalities:
        assert data.lengths[name].tolist() == EXPECTED.lengths[name].tolist()
        np.testing.assert_array_equal(data.arrays[name], EXPECTED.arrays[name])


def test_an_array_of_cells_has_columns_by_place():
    table = np.column_stack([cells(AUDIO), cells(AGE, float)])
    assert list(open_container(table)) == ["x0", "x1"]
    assert list(open_container(table, ("audio", "age"))) == ["audio", "age"]
    assert list(open_container(table, ("audio",))) == ["x0", "x1"]
    assert to_multimodal(open_container(table, ("audio", "age"))) == EXPECTED


@pytest.mark.parametrize("table", [np.eye(3), np.eye(3).astype(object), [[1.0, "2"], [3.0, 4.0]]])
def test_tables_of_numbers_stay_tables(table):
    assert open_container(table) is table


def test_a_named_series_of_arrays_is_one_modality():
    series = pd.Series(cells(AUDIO), name="audio")
    assert to_multimodal(series).modalities == ("audio",)
    assert not is_multimodal(series.rename(None))


TEXTS = ["good film", None, "bad"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: pd.array(TEXTS, dtype="string"),
        lambda: pd.Index(TEXTS),
        lambda: pd.Series(TEXTS, dtype="category"),
        lambda: np.array(TEXTS, dtype=object)[:, np.newaxis],
        lambda: [[text] for text in TEXTS],
        lambda: pytest.importorskip("polars").Series("text", TEXTS),
        lambda: pytest.importorskip("pyarrow").array(TEXTS),
        lambda: pytest.importorskip("pyarrow").chunked_array([TEXTS]),
        lambda: pytest.importorskip("datasets").Dataset.from_dict({"text": TEXTS})["text"],
    ],
)
def test_columns_of_texts_are_sequences_of_texts(make):
    opened = open_container(make())
    assert isinstance(opened, list | pd.Series)
    assert [None if pd.isna(text) else text for text in opened] == TEXTS


def test_polars_frames_of_numbers_are_tables():
    frame = pytest.importorskip("polars").DataFrame({"a": [1.0, 2.0], "b": [3, None]})
    pd.testing.assert_frame_equal(
        open_container(frame), pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, np.nan]})
    )


def test_a_frame_is_read_from_any_library():
    frame = arrow_table().append_column("clip", [["a", "b", "c"]])
    data = MultimodalData.from_frame(frame, modalities=["audio", "age"], ids="clip")
    assert data.ids.tolist() == ["a", "b", "c"]
    assert MultimodalData(data.arrays, data.lengths) == EXPECTED


def gathering():
    datasets = pytest.importorskip("datasets")
    return datasets.DatasetDict({"train": hugging_face_rows()})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: polars_frame().lazy(), r"pass X\.collect\(\)"),
        (lambda: Bunch(X={"audio": AUDIO}, y=[1, 2, 3]), r"Pass its \.X, and its \.y as y"),
        (lambda: Bunch(data=np.eye(3), target=[1, 2, 3]), r"Pass its \.data, and its \.target"),
        (gathering, r"Choose one of its parts, as X\['train'\]"),
        (lambda: [{"audio": [1.0]}, [2.0]], "list of dicts, but row 1 is of type list"),
        (lambda: hugging_face_rows().to_iterable_dataset(), "streams"),
    ],
)
def test_what_has_to_be_chosen_first_is_refused(make, message):
    with pytest.raises(TypeError, match=message) as caught:
        open_container(make())
    assert describe_forms() in str(caught.value)


def test_columns_of_one_name_are_refused():
    arrow = pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="X has columns of the same name"):
        open_container(arrow.table([arrow.array([1.0])] * 2, names=["a", "a"]))


def test_masks_are_missing_values():
    steps = np.ma.array(np.ones((4, 3, 2)), mask=False)
    steps[1, 2] = np.ma.masked
    steps[2] = np.ma.masked
    steps[3, 0, 1] = np.ma.masked
    data = to_multimodal({"audio": steps[:3]})
    assert data.lengths["audio"].tolist() == [3, 2, 0]
    assert MultimodalData({"audio": steps[:3]}) == data
    assert to_multimodal({"audio": list(steps[:3])}).lengths["audio"].tolist() == [3, 2, 0]
    # A step that counts is not made up.
    assert np.isnan(to_multimodal({"audio": steps}).arrays["audio"][3, 0, 1])


def test_masks_of_token_ids_and_of_vectors():
    ids = np.ma.masked_equal([[5, 6, 0], [0, 0, 0], [7, 0, 0]], 0)
    data = to_multimodal({"text": ids})
    assert data.lengths["text"].tolist() == [2, 0, 1]
    assert data.arrays["text"].dtype.kind == "i"
    vectors = np.ma.array(np.ones((2, 3)), mask=[[False] * 3, [True] * 3])
    data = to_multimodal({"face": vectors})
    assert (data.lengths["face"].tolist(), data.feature_sizes) == ([1, 0], {"face": 3})
    known = MultimodalData({"text": ids}, {"text": [3, 3, 3]})
    assert known.lengths["text"].tolist() == [3, 3, 3]


def test_a_masked_table_has_missing_values():
    table = np.ma.array([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    assert np.isnan(open_container(table)).tolist() == [[False, True], [False, False]]


def test_the_container_is_made_of_tensors():
    steps = torch.ones(2, 3, 4, requires_grad=True)
    data = MultimodalData(
        {"audio": steps, "face": steps.bfloat16(), "text": torch.ones(2, 3).int()}
    )
    assert data.feature_sizes == {"audio": 4, "face": 4, "text": None}


def test_dicts_by_row_have_a_digest():
    rows = [{"audio": np.ones((2, 3)), "age": 31.0}, {"age": None}]
    assert data_sha256(rows) == data_sha256([dict(row) for row in rows])
    assert data_sha256(rows) != data_sha256(rows[::-1])


def test_values_by_row_of_every_library():
    assert plain_values(torch.tensor([1.0, 2.0], requires_grad=True)).tolist() == [1, 2]
    assert plain_values(torch.tensor([1.5], dtype=torch.bfloat16)).tolist() == [1.5]
    assert plain_values(np.array([1, 2], dtype=">i4")).dtype.isnative
    assert plain_values(np.ma.array(["a", "b"], mask=[True, False])).tolist() == [None, "b"]
    assert open_values("good") == "good"


def test_a_list_of_vectors_is_warned_of_once():
    vectors = [np.arange(4.0), None, np.arange(4.0)]
    with pytest.warns(
        UserWarning, match=r"'face' is a list of vectors of 4 values.*np\.stack"
    ) as w:
        data = to_multimodal({"face": vectors})
    assert len(w) == 1
    assert data.feature_sizes == {"face": 1}
    # What is known, ragged or spelled out is not in doubt.
    to_multimodal({"face": vectors}, feature_sizes={"face": 1})
    to_multimodal({"face": [np.arange(4.0), np.arange(3.0)]})
    assert to_multimodal({"face": [np.ones((1, 4))] * 2}).feature_sizes == {"face": 4}
    assert to_multimodal({"face": [np.ones((4, 1))] * 2}).feature_sizes == {"face": 1}
