import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import dok_matrix
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from sklearn_tamulag.data.forms import (
    describe_forms,
    is_multimodal,
    to_multimodal,
    validate_multimodal,
)
from sklearn_tamulag.data.multimodal import MultimodalData

ONES = np.ones((2, 3))


def steps(data, name):
    """Return the valid steps of every row, as lists."""
    return [
        row[:length].tolist()
        for row, length in zip(data.arrays[name], data.lengths[name], strict=True)
    ]


@pytest.mark.parametrize(
    "X",
    [
        MultimodalData({"audio": np.ones((1, 2, 3))}),
        {"audio": [[1.0]]},
        pd.DataFrame({"audio": [ONES, ONES]}),
        pd.DataFrame({"age": [31, 54], "audio": [None, ONES]}),
        pd.DataFrame({"audio": [float("nan"), [1.0, 2.0]]}),
        pd.DataFrame({"text": ["good", "bad"]}),
        pd.DataFrame({"text": pd.Series(["good", None], dtype="category")}),
    ],
)
def test_these_forms_name_their_modalities(X):
    assert is_multimodal(X)


@pytest.mark.parametrize(
    "X",
    [
        5,
        None,
        "text",
        ONES,
        ONES.tolist(),
        np.ones((2, 3, 4)),
        dok_matrix(ONES),
        pd.DataFrame({"a": [1, 2], "b": [True, False]}),
        pd.DataFrame({"a": pd.Series([1, 2.5], dtype=object)}),
        pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}),
        pd.DataFrame({"a": [None, None]}),
        pd.DataFrame({"a": pd.to_datetime(["2024-01-01"])}),
        pd.Series([ONES, ONES]),
    ],
)
def test_these_forms_do_not(X):
    assert not is_multimodal(X)


def test_multimodal_data_passes_through():
    data = MultimodalData({"audio": np.ones((1, 2, 3))})
    assert to_multimodal(data) is data


@pytest.mark.parametrize(
    ("values", "rows"),
    [
        (np.array([[[1.0], [2.0]]]), [[[1], [2]]]),
        (np.array([[3, 4]]), [[3, 4]]),
        (np.array([[3.0, 4.0]]), [[[3, 4]]]),
        (np.array([[True, False]]), [[[1, 0]]]),
        (np.array([3.0, np.nan]), [[[3]], []]),
        (np.array([3, 4]), [[[3]], [[4]]]),
        ([ONES, 2 * ONES[:1]], [ONES.tolist(), [[2, 2, 2]]]),
        ((ONES, None), [ONES.tolist(), []]),
        ([np.array([0.5, 1.5]), np.array([2.5])], [[[0.5], [1.5]], [[2.5]]]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        ([[1, 2], [0.5]], [[[1], [2]], [[0.5]]]),
        ([[[1, 2], [3, 4]], [[5, 6]]], [[[1, 2], [3, 4]], [[5, 6]]]),
        ([[1, 2], [], None, float("nan"), pd.NA], [[1, 2], [], [], [], []]),
        ([np.zeros((0, 3)), ONES], [[], ONES.tolist()]),
        ([7.5, [1.0, 2.0]], [[[7.5]], [[1], [2]]]),
        (torch.tensor([[[1.0], [2.0]]]), [[[1], [2]]]),
        ([torch.tensor([[1.0]]), torch.tensor([[2.0], [3.0]])], [[[1]], [[2], [3]]]),
        (pd.Series([ONES, None]), [ONES.tolist(), []]),
    ],
)
def test_what_a_modality_may_look_like(values, rows):
    data = to_multimodal({"audio": values})
    assert steps(data, "audio") == rows
    assert (data.arrays["audio"][~data.mask("audio")] == 0).all()


def test_object_arrays_are_rows_of_cells():
    values = np.empty(2, dtype=object)
    values[:] = [ONES, ONES[:1]]
    assert to_multimodal({"audio": values}).lengths["audio"].tolist() == [2, 1]


def test_token_ids_are_kept_as_integers():
    data = to_multimodal({"text": [np.array([1, 2], dtype=np.int32), [3]]})
    assert data.arrays["text"].dtype == np.int64
    assert data.feature_sizes == {"text": None}


@pytest.mark.parametrize(
    ("dtypes", "expected"),
    [
        ([np.float16], np.float16),
        ([np.float32, np.float16], np.float32),
        ([np.float32, np.float64], np.float64),
        ([np.int64], np.float32),
        ([np.longdouble], np.float64),
    ],
)
def test_features_have_the_type_that_holds_every_row(dtypes, expected):
    data = to_multimodal({"audio": [np.ones((1, 2), dtype=dtype) for dtype in dtypes]})
    assert data.arrays["audio"].dtype == expected


@given(
    st.lists(
        st.integers(0, 4).flatmap(lambda n: arrays(np.float32, (n, 2))),
        min_size=1,
        max_size=6,
    ).filter(lambda cells: any(map(len, cells)))
)
def test_padding_ragged_rows_loses_nothing(cells):
    data = to_multimodal({"audio": cells})
    assert data.arrays["audio"].shape == (len(cells), max(map(len, cells)), 2)
    for row, cell in enumerate(cells):
        valid = data.arrays["audio"][row, : data.lengths["audio"][row]]
        assert np.array_equal(valid, cell, equal_nan=True)


def test_a_data_frame_has_a_column_per_modality():
    frame = pd.DataFrame(
        {
            "vision": [ONES, None, ONES[:1]],
            "age": [31.0, np.nan, 26.0],
            "year": pd.array([2020, 2021, None], dtype="Int64"),
            "count": [1, 2, 3],
        },
        index=[7, 7, 9],
    )
    data = to_multimodal(frame)
    assert data.modalities == ("vision", "age", "year", "count")
    assert steps(data, "vision") == [ONES.tolist(), [], ONES[:1].tolist()]
    assert steps(data, "age") == [[[31]], [], [[26]]]
    assert steps(data, "year") == [[[2020]], [[2021]], []]
    assert steps(data, "count") == [[[1]], [[2]], [[3]]]


def test_memory_mapped_arrays_stay_on_disk(tmp_path):
    sequences = np.memmap(tmp_path / "a.bin", dtype=np.float32, mode="w+", shape=(2, 3, 1))
    vectors = np.memmap(tmp_path / "b.bin", dtype=np.float32, mode="w+", shape=(2, 3))
    data = to_multimodal({"audio": sequences, "vision": vectors})
    assert data.arrays["audio"] is sequences
    assert isinstance(data.arrays["vision"], np.memmap)
    assert np.shares_memory(data.arrays["vision"], vectors)


def test_known_sizes_settle_what_the_rows_leave_open():
    sizes = {"audio": 3, "text": None, "age": 1}
    X = {"audio": [None, []], "text": [[], None], "age": [[4, 5], [6]]}
    data = to_multimodal(X, feature_sizes=sizes)
    assert data.feature_sizes == sizes
    assert data.present.tolist() == [[False, False, True], [False, False, True]]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (5, "X is of type int"),
        (None, "X is of type NoneType"),
        ("good", "X is of type str"),
        (np.ones((2, 3, 4)), "ndarray with 3 dimensions.*Put it in a dict"),
        ([ONES, ONES], "list with 3 dimensions.*Put it in a dict"),
    ],
)
def test_other_forms_are_refused_naming_the_forms(X, message):
    with pytest.raises(TypeError, match=message) as caught:
        to_multimodal(X)
    assert describe_forms() in str(caught.value)


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ({}, ValueError, "at least one modality"),
        ({"a": "good"}, ValueError, "'a' holds strings"),
        ({"a": ["good", "bad"]}, ValueError, "'a', row 0, holds strings.*token ids"),
        ({"a": np.array(["good"])}, ValueError, "'a' holds strings"),
        ({"a": [[1], ["bad"]]}, ValueError, "'a', row 1, holds strings"),
        (pd.DataFrame({"a": [None, "good"]}), ValueError, "'a', row 1, holds strings"),
        (
            {"a": [ONES, np.ones((2, 4))]},
            ValueError,
            "'a' has feature size 4 at row 1, but 3 at row 0",
        ),
        ({"a": [None, ONES, [1.0]]}, ValueError, "'a' has feature size 1 at row 2, but 3 at row 1"),
        ({"a": [None, []]}, ValueError, "'a' is missing in every row"),
        ({"a": []}, ValueError, "'a' has no rows"),
        ({"a": [np.ones((2, 2, 2))]}, ValueError, r"'a', row 0, has shape \(2, 2, 2\)"),
        ({"a": [ONES, {"b": 1}]}, TypeError, "'a', row 1, must be numbers, got dict"),
        ({"a": [[[1], [2, 3]]]}, TypeError, "'a', row 0, is no array of numbers"),
        ({"a": {1, 2}}, TypeError, "'a' must be numbers, got set"),
        ({"a": np.ones((1, 1, 1), dtype=complex)}, TypeError, "complex128"),
        ({"a": 5}, ValueError, r"'a' has shape \(\)"),
        ({1: [ONES]}, TypeError, "must be strings, got 1"),
        ({"a": [ONES], "b": [ONES, ONES]}, ValueError, "'a' has 1, 'b' has 2"),
        (pd.DataFrame([[ONES, ONES]], columns=["a", "a"]), ValueError, "same name"),
    ],
)
def test_bad_modalities_are_refused(X, error, message):
    with pytest.raises(error, match=message):
        to_multimodal(X)


class Reader(BaseEstimator):
    def fit(self, X, y=None):
        validate_multimodal(self, X, reset=True)
        return self


def fitted(X):
    return Reader().fit(X)


def test_fit_learns_the_modalities():
    estimator = fitted({"text": [[1, 2]], "audio": [ONES]})
    assert estimator.modalities_ == ("text", "audio")
    assert estimator.feature_sizes_ == {"text": None, "audio": 3}
    assert estimator.n_features_in_ == 2
    assert estimator.feature_names_in_.tolist() == ["text", "audio"]


def test_a_table_is_one_modality_of_one_step():
    frame = pd.DataFrame({"pitch": [1.0, 2.0], "energy": [3.0, 4.0]})
    estimator = fitted(frame)
    assert (estimator.modalities_, estimator.n_features_in_) == (("features",), 2)
    assert estimator.feature_names_in_.tolist() == ["pitch", "energy"]
    data = validate_multimodal(estimator, frame, reset=False)
    assert data.arrays["features"].tolist() == [[[1, 3]], [[2, 4]]]
    with pytest.raises(ValueError, match="feature names"):
        validate_multimodal(estimator, frame[["energy", "pitch"]], reset=False)


def test_later_data_comes_in_the_order_of_fit():
    estimator = fitted({"text": [[1, 2]], "audio": [ONES]})
    later = pd.DataFrame({"audio": [None, ONES], "text": [[3], [4]]})
    data = validate_multimodal(estimator, later, reset=False)
    assert data.modalities == ("text", "audio")
    assert data.lengths["audio"].tolist() == [0, 2]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ({"audio": [ONES]}, ValueError, "missing: 'text'"),
        ({"audio": [ONES], "text": [[1]], "smell": [ONES]}, ValueError, "unknown: 'smell'"),
        ({"audio": [ONES[:, :2]], "text": [[1]]}, ValueError, "'audio' has 2 features, expected 3"),
        (
            {"audio": [ONES], "text": [[0.5]]},
            ValueError,
            "'text' has 1 feature, expected token ids",
        ),
        ({"audio": [np.inf * ONES], "text": [[1]]}, ValueError, "'audio' has inf at row 0, step 0"),
        ({"audio": np.ones((0, 1, 3)), "text": np.ones((0, 1), int)}, ValueError, "X has no rows"),
        (ONES, ValueError, "unknown: 'features'; missing: 'text', 'audio'"),
    ],
)
def test_later_data_must_fit(X, error, message):
    estimator = fitted({"text": [[1, 2]], "audio": [ONES]})
    with pytest.raises(error, match=message):
        validate_multimodal(estimator, X, reset=False)


@pytest.mark.parametrize("X", [5, None, "good", np.ones((2, 3, 4)), [ONES, ONES]])
def test_fit_refuses_other_forms(X):
    with pytest.raises(TypeError, match="X must be a MultimodalData, a dict"):
        fitted(X)


def test_fit_refuses_a_modality_that_no_row_has():
    data = MultimodalData({"audio": np.ones((2, 3, 1))}, {"audio": [0, 0]})
    with pytest.raises(ValueError, match="'audio' is missing in every row"):
        fitted(data)


def test_what_is_not_fitted_says_so():
    with pytest.raises(NotFittedError):
        validate_multimodal(Reader(), ONES, reset=False)
