import pickle
import re

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate, train_test_split
from sklearn.utils import _safe_indexing, resample, shuffle

from sklearn_tamulag.data.multimodal import MultimodalData


def make_data(n_rows=6, seed=0):
    rng = np.random.default_rng(seed)
    lengths = {"text": rng.integers(0, 5, n_rows), "audio": rng.integers(1, 8, n_rows)}
    arrays = {
        "text": rng.normal(size=(n_rows, 4, 2)),
        "audio": rng.normal(size=(n_rows, 7, 3)).astype(np.float32),
        "tokens": rng.integers(1, 9, (n_rows, 3)),
    }
    return MultimodalData(
        arrays, lengths, ids=[f"clip{row}" for row in range(n_rows)], groups=np.arange(n_rows) // 2
    )


@pytest.fixture
def memory_mapped(tmp_path):
    """Five rows on disk whose padding is not zero."""
    array = np.memmap(tmp_path / "audio.bin", dtype=np.float32, mode="w+", shape=(5, 4, 2))
    array[:] = 1.0
    return MultimodalData({"audio": array}, {"audio": [4, 2, 0, 1, 3]})


def test_what_it_says_of_itself():
    data = make_data()
    assert data.modalities == ("text", "audio", "tokens")
    assert data.feature_sizes == {"text": 2, "audio": 3, "tokens": None}
    assert (data.shape, data.ndim, data.dtype, len(data)) == ((6, 32), 2, np.float64, 6)


def test_token_ids_count_as_float32_in_the_flat_matrix():
    data = MultimodalData({"tokens": np.array([[5, 6]]), "audio": np.ones((1, 1, 1), np.float16)})
    flat = np.asarray(data)
    assert data.dtype == flat.dtype == np.float32
    assert flat.tolist() == [[5, 6, 1]]


def test_padding_becomes_zero_without_touching_the_input():
    array = np.ones((2, 3, 1))
    data = MultimodalData({"audio": array}, {"audio": [1, 3]})
    assert data.arrays["audio"][..., 0].tolist() == [[1, 0, 0], [1, 1, 1]]
    assert (array == 1).all()


def test_clean_arrays_are_not_copied():
    array = np.zeros((2, 3, 1))
    data = MultimodalData({"audio": array}, {"audio": [1, 3]})
    assert data.arrays["audio"] is array


def test_nan_in_padding_is_cleared():
    array = np.array([[[1.0], [np.nan]]])
    assert np.asarray(MultimodalData({"audio": array}, {"audio": [1]})).tolist() == [[1, 0]]


def test_mask_and_presence_follow_the_lengths():
    data = MultimodalData(
        {"text": np.ones((2, 2, 1)), "audio": np.ones((2, 1, 1))}, {"text": [1, 0]}
    )
    assert data.mask("text").tolist() == [[True, False], [False, False]]
    assert data.present.tolist() == [[True, True], [False, True]]


@pytest.mark.parametrize("argument", ["ids", "groups"])
def test_row_values_of_another_length_are_refused(argument):
    message = re.escape(f"{argument} must have shape (2,), one per row, got (3,).")
    with pytest.raises(ValueError, match=message):
        MultimodalData({"audio": np.ones((2, 1, 1))}, **{argument: [1, 2, 3]})


INDICES = st.one_of(
    st.slices(6),
    st.lists(st.integers(-6, 5), max_size=8),
    st.lists(st.integers(-6, 5), max_size=8).map(lambda rows: np.array(rows, dtype=np.int32)),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=6, max_size=6).map(np.array),
)


@given(rows=INDICES, ellipsis=st.booleans())
def test_rows_index_like_an_array(rows, ellipsis):
    data = make_data()
    part = data[rows, ...] if ellipsis else data[rows]
    rows = np.arange(6)[rows]
    assert np.array_equal(np.asarray(part), np.asarray(data)[rows])
    assert part.ids.tolist() == data.ids[rows].tolist()
    assert part.groups.tolist() == data.groups[rows].tolist()
    for name in data.modalities:
        assert part.lengths[name].tolist() == data.lengths[name][rows].tolist()
    assert part.shape == (len(rows), 32)


@pytest.mark.parametrize("row", [0, -1, np.int64(3)])
def test_one_integer_selects_one_row(row):
    data = make_data()
    assert data[row] == data[[row]]
    assert len(data[row]) == 1


@pytest.mark.parametrize(
    "key",
    [
        6,
        -7,
        [6],
        "text",
        None,
        1.5,
        [[1]],
        [True],
        np.ones(7, dtype=bool),
        (0, 1),
        (slice(None), 0),
    ],
)
def test_other_indices_are_refused(key):
    with pytest.raises(IndexError):
        make_data()[key]


def test_iteration_ends_after_the_last_row():
    data = make_data()
    rows = list(data)
    assert len(rows) == 6
    assert MultimodalData.concatenate(rows) == data


def test_select_keeps_rows_and_shares_arrays():
    data = make_data()
    part = data.select(["audio", "text"])
    assert part.modalities == ("audio", "text")
    assert part.arrays["audio"] is data.arrays["audio"]
    assert part.ids is data.ids
    assert data.select("tokens").modalities == ("tokens",)


@pytest.mark.parametrize("names", ["smell", ["text", "smell"], []])
def test_select_refuses_other_names(names):
    with pytest.raises(ValueError, match=r"among \['text', 'audio', 'tokens'\], got"):
        make_data().select(names)


def test_mask_refuses_other_names():
    with pytest.raises(ValueError, match="smell"):
        make_data().mask("smell")


def test_concatenate_pads_to_the_longest():
    short = MultimodalData({"a": np.ones((1, 1, 2), np.float32), "b": [[3]]}, ids=["x"])
    long = MultimodalData({"b": [[1, 2]], "a": np.ones((1, 3, 2))}, {"a": [2]}, ids=["y"])
    joined = MultimodalData.concatenate([short, long])
    assert joined.modalities == ("a", "b")
    assert joined.arrays["a"][..., 0].tolist() == [[1, 0, 0], [1, 1, 0]]
    assert joined.arrays["a"].dtype == np.float64
    assert joined.arrays["b"].tolist() == [[3, 0], [1, 2]]
    assert joined.lengths["b"].tolist() == [1, 2]
    assert joined.ids.tolist() == ["x", "y"]


def test_concatenate_drops_what_only_some_parts_have():
    one, other = make_data(), make_data()
    other.groups = None
    joined = MultimodalData.concatenate([one, other])
    assert joined.groups is None
    assert len(joined.ids) == 12


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([], ValueError, "at least one"),
        ([np.ones((1, 1, 1))], TypeError, "must be MultimodalData, got ndarray"),
        ([make_data(), make_data().select("text")], ValueError, "missing: 'audio', 'tokens'"),
        (
            [MultimodalData({"a": np.ones((1, 1, size))}) for size in (2, 3)],
            ValueError,
            "'a' has 3 features, expected 2 features",
        ),
    ],
)
def test_concatenate_refuses_what_does_not_fit(parts, error, message):
    with pytest.raises(error, match=message):
        MultimodalData.concatenate(parts)


def test_the_flat_matrix_is_a_fresh_copy():
    data = make_data()
    np.asarray(data)[:] = 7
    assert data == make_data()
    assert np.asarray(data, dtype=np.float32).dtype == np.float32
    with pytest.raises(ValueError, match="copy=False"):
        data.__array__(copy=False)


def test_no_steps_and_no_rows_flatten_too():
    assert np.asarray(MultimodalData({"a": np.ones((2, 0, 3))})).shape == (2, 0)
    assert np.asarray(make_data()[:0]).shape == (0, 32)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data[::-1],
        lambda data: data.select(["audio", "text", "tokens"]),
        lambda data: data.select("text"),
        lambda data: MultimodalData(data.arrays, data.lengths, ids=data.ids),
        lambda data: MultimodalData(data.arrays, {}, ids=data.ids, groups=data.groups),
        lambda data: data[:5],
    ],
)
def test_any_difference_makes_it_unequal(change):
    assert make_data() == make_data()
    assert make_data() != change(make_data())


def test_it_equals_nothing_else_and_has_no_hash():
    assert make_data() != 5
    with pytest.raises(TypeError, match="unhashable"):
        hash(make_data())


def test_nan_equals_nan():
    array = np.full((1, 1, 1), np.nan)
    assert MultimodalData({"a": array}) == MultimodalData({"a": array.copy()})


def test_repr_has_a_line_per_modality():
    data = MultimodalData(
        {"text": np.ones((2, 3, 1)), "audio": np.ones((2, 2, 1), np.float32)},
        {"text": [0, 2], "audio": [0, 0]},
        groups=[1, 2],
    )
    assert repr(data).splitlines() == [
        "MultimodalData of 2 rows + groups",
        "  text: (2, 3, 1) float64, lengths 2..2, missing 1",
        "  audio: (2, 2, 1) float32, lengths none, missing 2",
    ]
    assert repr(data[:1]).startswith("MultimodalData of 1 row +")


def test_html_escapes_names():
    html = MultimodalData({"<b>": np.ones((2, 3, 1))})._repr_html_()
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert html.count("<tr>") == 1


def test_memory_mapped_arrays_stay_on_disk(memory_mapped):
    array = memory_mapped.arrays["audio"]
    assert isinstance(array, np.memmap)
    assert (array == 1).all()
    consecutive = np.array([1, 2, 3])
    for part in (memory_mapped[1:3], memory_mapped[consecutive], memory_mapped.select("audio")):
        assert isinstance(part.arrays["audio"], np.memmap)
        assert np.shares_memory(part.arrays["audio"], array)


def test_what_is_read_from_disk_has_zero_padding(memory_mapped):
    expected = [[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 1, 0]]
    chosen = memory_mapped[[4, 3, 2, 1, 0]][::-1]
    assert type(chosen.arrays["audio"]) is np.ndarray
    joined = MultimodalData.concatenate([memory_mapped[:2], memory_mapped[2:]])
    for data in (chosen, joined):
        assert data.arrays["audio"][..., 0].tolist() == expected
    assert np.asarray(memory_mapped)[:, ::2].tolist() == expected
    assert memory_mapped == chosen
    assert (memory_mapped.arrays["audio"] == 1).all()


def test_integers_on_disk_are_read_as_features(tmp_path):
    array = np.memmap(tmp_path / "pixels.bin", dtype=np.uint8, mode="w+", shape=(2, 2, 1))
    array[:] = 7
    data = MultimodalData({"vision": array}, {"vision": [1, 2]})
    assert data.arrays["vision"][..., 0].tolist() == [[7, 0], [7, 7]]


def test_saving_and_loading_with_joblib(memory_mapped, tmp_path):
    for data in (make_data(), memory_mapped):
        joblib.dump(data, tmp_path / "data.joblib")
        assert joblib.load(tmp_path / "data.joblib") == data
    loaded = joblib.load(tmp_path / "data.joblib")
    assert (loaded.arrays["audio"][1, 2:] == 0).all()


def test_pickling():
    assert pickle.loads(pickle.dumps(make_data())) == make_data()


def test_joblib_hash_depends_on_the_contents():
    assert joblib.hash(make_data()) == joblib.hash(make_data())
    assert joblib.hash(make_data()) != joblib.hash(make_data(seed=1))


def test_splits_keep_rows_together():
    data, y = make_data(20), np.arange(20)
    train, test, _, y_test = train_test_split(data, y, random_state=0)
    assert isinstance(train, MultimodalData)
    assert test == data[y_test]
    assert MultimodalData.concatenate([train, test]).shape == data.shape


def test_scikit_learn_utilities_select_rows():
    data = make_data()
    rows = np.arange(6)
    mixed, order = shuffle(data, rows, random_state=0)
    assert mixed == data[order]
    drawn, order = resample(data, rows, random_state=0)
    assert drawn == data[order]
    for key in ([2, 0], rows > 3, slice(1, 4)):
        assert _safe_indexing(data, key) == data[key]


def test_cross_validation_of_a_scikit_learn_estimator():
    data = make_data(40)
    y = np.asarray(data)[:, 0]
    splitter = GroupKFold(4)
    scores = cross_validate(Ridge(), data, y, groups=data.groups, cv=splitter)
    plain = cross_validate(Ridge(), np.asarray(data), y, groups=data.groups, cv=splitter)
    np.testing.assert_allclose(scores["test_score"], plain["test_score"])


def test_grid_search_of_a_scikit_learn_estimator():
    data = make_data(40)
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 10.0]}, cv=3)
    search.fit(data, np.asarray(data)[:, 0])
    assert search.best_params_ == {"alpha": 0.1}
    assert search.predict(data).shape == (40,)
