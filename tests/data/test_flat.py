"""The flat matrix carries its way back, and data say how large they are."""

import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.data.flat import steps_of


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_lengths_are_found_again_whatever_the_steps_hold(lengths, seed):
    random = np.random.default_rng(seed)
    # Zeros everywhere are what padding looks like; negative zeros are what marks them.
    values = random.choice([0.0, -0.0, 1.0], size=(len(lengths), 4, 2), p=[0.6, 0.2, 0.2])
    ids = random.integers(0, 2, size=(len(lengths), 4))
    data = MultimodalData({"audio": values, "text": ids}, {"audio": lengths, "text": lengths[::-1]})
    flat = np.asarray(data)
    assert flat.shape == data.shape
    arrays, found = steps_of(flat, data.shapes)
    assert MultimodalData(arrays, found) == data


def test_the_mark_changes_no_value():
    data = MultimodalData({"audio": np.zeros((2, 3, 1))}, {"audio": [2, 0]})
    flat = np.asarray(data)
    assert np.array_equal(flat, np.zeros((2, 3)))
    assert np.signbit(flat).tolist() == [[False, True, False], [False] * 3]


def test_memory_mapped_rows_flatten_without_their_garbage(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 3, 1), -1.0))
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    data = MultimodalData({"audio": mapped}, {"audio": [1, 3]})
    assert np.asarray(data).tolist() == [[-1, 0, 0], [-1, -1, -1]]
    assert steps_of(np.asarray(data), data.shapes)[1]["audio"].tolist() == [1, 3]


def test_shapes_lead_back():
    data = MultimodalData({"audio": np.ones((2, 3, 4)), "text": np.ones((2, 5), int)})
    assert data.shapes == {"audio": (3, 4), "text": (5,)}
    assert data.shape == (2, 17)


def test_the_size_is_that_of_the_arrays():
    small, large = (MultimodalData({"a": np.ones((n, 10, 10))}) for n in (1, 1000))
    assert sys.getsizeof(large) > 1000 * 10 * 10 * 8
    assert sys.getsizeof(large) - sys.getsizeof(small) == 999 * (10 * 10 * 8 + 8)
    named = MultimodalData(large.arrays, ids=np.arange(1000))
    assert sys.getsizeof(named) - sys.getsizeof(large) == 8000


def test_a_frame_has_the_steps_without_padding():
    data = MultimodalData(
        {"audio": np.ones((2, 3, 4)), "text": np.array([[5, 6], [7, 0]])},
        {"audio": [3, 0], "text": [2, 1]},
        ids=["a", "b"],
    )
    frame = data.to_frame()
    assert frame["audio"]["a"].shape == (3, 4)
    assert frame["audio"]["b"] is None
    assert [cell.tolist() for cell in frame["text"]] == [[5, 6], [7]]
    assert MultimodalData.from_frame(frame) == data
    assert MultimodalData(data.arrays).to_frame().index.equals(pd.RangeIndex(2))


@pytest.mark.parametrize(
    "name", ["loss", "multimodal", "rest", "batch_count", "batch_size", "loss_best"]
)
def test_names_that_mean_something_else_are_refused(name):
    with pytest.raises(ValueError, match=f"No modality can be named '{name}': "):
        MultimodalData({"text": np.ones((1, 1, 1)), name: np.ones((1, 1, 1))})
