import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag.data.blocks import row_blocks, valid_steps
from sklearn_tamulag.data.validation import (
    by_modality,
    check_arrays,
    check_feature_sizes,
    check_finite,
    check_lengths,
    check_same_modalities,
)


@given(n_rows=st.integers(0, 40), n_columns=st.integers(0, 5), block_bytes=st.integers(1, 400))
def test_row_blocks_cover_every_row_once_in_bounded_pieces(n_rows, n_columns, block_bytes):
    array = np.zeros((n_rows, n_columns))
    blocks = list(row_blocks(array, block_bytes))
    assert [row for block in blocks for row in range(n_rows)[block]] == list(range(n_rows))
    for block in blocks:
        assert array[block].nbytes <= block_bytes or block.stop - block.start == 1


def test_valid_steps_by_hand():
    mask = valid_steps(np.array([0, 1, 3]), 3)
    assert mask.tolist() == [[False] * 3, [True, False, False], [True] * 3]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_float_arrays_are_kept_as_they_are(dtype):
    array = np.ones((2, 3, 4), dtype=dtype)
    assert check_arrays({"audio": array})["audio"] is array


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint16, bool])
def test_integer_features_become_float32(dtype):
    checked = check_arrays({"audio": np.ones((2, 3, 4), dtype=dtype)})["audio"]
    assert checked.dtype == np.float32
    assert (checked == 1).all()


def test_foreign_byte_order_becomes_native():
    checked = check_arrays({"audio": np.arange(6, dtype=">f4").reshape(1, 2, 3)})["audio"]
    assert checked.dtype.isnative
    assert checked.ravel().tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ([np.ones((1, 1, 1))], TypeError, "arrays must be a dict by modality name, got list"),
        ({}, ValueError, "at least one modality"),
        ({1: np.ones((1, 1, 1))}, TypeError, "must be strings, got 1"),
        ({"rest": np.ones((1, 1, 1))}, ValueError, "No modality can be named 'rest'"),
        ({"audio": np.ones(3)}, ValueError, r"'audio' has shape \(3,\)"),
        ({"audio": np.ones((1, 2, 3, 4))}, ValueError, r"'audio' has shape \(1, 2, 3, 4\)"),
        ({"audio": np.ones((2, 3))}, ValueError, "features need the shape"),
        ({"audio": np.ones((2, 3, 0))}, ValueError, "no features"),
        ({"audio": np.full((1, 1, 1), "x")}, TypeError, "'audio' has dtype <U1"),
        ({"audio": np.ones((1, 1, 1), dtype=complex)}, TypeError, "complex128"),
        (
            {"text": np.ones((2, 1, 1)), "audio": np.ones((3, 1, 1))},
            ValueError,
            "'text' has 2, 'audio' has 3",
        ),
    ],
)
def test_bad_arrays_are_refused(arrays, error, message):
    with pytest.raises(error, match=message):
        check_arrays(arrays)


def test_lengths_are_full_where_left_out():
    arrays = {"text": np.zeros((2, 5, 1)), "ids": np.zeros((2, 3), dtype=int)}
    lengths = check_lengths({"ids": np.array([1, 3], dtype=np.int8)}, arrays)
    assert {name: values.tolist() for name, values in lengths.items()} == {
        "text": [5, 5],
        "ids": [1, 3],
    }
    assert all(values.dtype == np.int64 for values in lengths.values())


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([1, 2], TypeError, "lengths must be a dict"),
        ({"video": [1, 2]}, ValueError, "names 'video', but the modalities are 'text'"),
        ({"text": [1, 2, 3]}, ValueError, r"'text' must have shape \(2,\), got \(3,\)"),
        ({"text": [1.0, 2.0]}, TypeError, "integers, got dtype float64"),
        ({"text": [True, False]}, TypeError, "integers, got dtype bool"),
        ({"text": [1, -2]}, ValueError, "got -2 at row 1"),
        ({"text": [6, 9]}, ValueError, "between 0 and T = 5, got 6 at row 0"),
    ],
)
def test_bad_lengths_are_refused(lengths, error, message):
    with pytest.raises(error, match=message):
        check_lengths(lengths, {"text": np.zeros((2, 5, 1))})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("block_bytes", [1, 10**9])
def test_the_first_value_that_is_not_finite_is_named(value, block_bytes, monkeypatch):
    monkeypatch.setattr(row_blocks, "__defaults__", (block_bytes,))
    array = np.zeros((4, 3, 2), dtype=np.float32)
    array[2, 1, 1] = array[3, 0, 0] = value
    message = re.escape(f"Modality 'audio' has {value} at row 2, step 1 (float32)")
    with pytest.raises(ValueError, match=message):
        check_finite({"audio": array}, {"audio": np.full(4, 3)})


@given(row=st.integers(0, 3), step=st.integers(0, 4), length=st.integers(0, 5))
def test_padding_may_hold_anything(row, step, length):
    array = np.zeros((4, 5, 2))
    array[row, step] = np.nan
    lengths = np.full(4, length)
    if step < length:
        with pytest.raises(ValueError, match=f"row {row}, step {step}"):
            check_finite({"audio": array}, {"audio": lengths})
    else:
        assert check_finite({"audio": array}, {"audio": lengths}) is None


def test_token_ids_are_finite_by_nature():
    assert check_finite({"ids": np.ones((2, 3), dtype=int)}, {"ids": np.array([3, 3])}) is None


def test_modalities_may_come_in_any_order():
    assert check_same_modalities(["audio", "text"], ("text", "audio")) is None


@pytest.mark.parametrize(
    ("given_names", "message"),
    [
        (["text"], "unknown: none; missing: 'audio', 'vision'"),
        (["text", "audio", "vision", "smell"], "unknown: 'smell'; missing: none"),
    ],
)
def test_unknown_and_missing_modalities_are_named(given_names, message):
    with pytest.raises(ValueError, match=message):
        check_same_modalities(given_names, ["text", "audio", "vision"])


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (3, "'audio' has 3 features, expected 1 feature"),
        (None, "'audio' has token ids, expected 1 feature"),
    ],
)
def test_another_feature_size_is_refused(size, message):
    with pytest.raises(ValueError, match=message):
        check_feature_sizes({"audio": size, "text": None}, {"text": None, "audio": 1})


def test_one_value_stands_for_every_modality():
    assert by_modality("lr", 0.1, ["a", "b"], rest=False) == {"a": 0.1, "b": 0.1}
    assert by_modality("lr", None, ["a"], rest=True) == {"a": None, "rest": None}


def test_a_dict_by_modality_is_completed_from_rest():
    values = by_modality("lr", {"rest": 0.2, "b": None}, ["a", "b"], rest=False)
    assert list(values.items()) == [("a", 0.2), ("b", None)]
    complete = {"a": 1, "b": 2}
    assert by_modality("lr", complete, ["a", "b"], rest=False) == complete


@pytest.mark.parametrize(
    ("value", "rest", "message"),
    [
        ({"c": 1, "rest": 2}, False, "lr names 'c'; allowed are 'a', 'b' and 'rest'"),
        ({"a": 1}, False, "lr has no value for 'b': add it, or 'rest'"),
        ({"a": 1, "b": 1}, True, "lr has no value for 'rest'"),
    ],
)
def test_a_dict_by_modality_must_fit(value, rest, message):
    with pytest.raises(ValueError, match=message):
        by_modality("lr", value, ["a", "b"], rest=rest)
