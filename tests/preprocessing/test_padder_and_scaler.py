import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import estimator_checks_generator

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.preprocessing import MultimodalPadder, SequenceScaler


def check_id(value):
    """Name an estimator, or the function behind a check."""
    return getattr(getattr(value, "func", value), "__name__", None) or repr(value)


@pytest.mark.parametrize(
    ("estimator", "check"),
    [
        pair
        for estimator in (
            MultimodalPadder(),
            MultimodalPadder(dtype="float64"),
            SequenceScaler(),
            SequenceScaler(with_mean=False),
        )
        for pair in estimator_checks_generator(estimator)
    ],
    ids=check_id,
)
def test_scikit_learn_checks(estimator, check):
    assert check(estimator) is None


RAGGED = {
    "text": [[11, 12, 13], [21], [31, 32]],
    "audio": [np.arange(1.0, 5.0)[:, np.newaxis], np.array([[5.0]]), None],
}


def test_padding_to_the_longest_row_by_hand():
    padder = MultimodalPadder()
    data = padder.fit_transform(RAGGED)
    assert padder.modalities_ == ("text", "audio")
    assert padder.lengths_ == {"text": 3, "audio": 4}
    assert padder.feature_sizes_ == {"text": None, "audio": 1}
    assert padder.n_features_in_ == 2
    assert padder.feature_names_in_.tolist() == ["text", "audio"]
    assert data.arrays["text"].tolist() == [[11, 12, 13], [21, 0, 0], [31, 32, 0]]
    assert data.arrays["audio"][..., 0].tolist() == [[1, 2, 3, 4], [5, 0, 0, 0], [0, 0, 0, 0]]
    assert data.arrays["audio"].dtype == np.float32
    assert data.lengths["audio"].tolist() == [4, 1, 0]


@pytest.mark.parametrize(
    ("keep", "text", "audio"),
    [
        ("head", [[11, 12], [21, 0], [31, 32]], [[1, 2, 3], [5, 0, 0], [0, 0, 0]]),
        ("tail", [[12, 13], [21, 0], [31, 32]], [[2, 3, 4], [5, 0, 0], [0, 0, 0]]),
        (
            {"text": "tail", "rest": "head"},
            [[12, 13], [21, 0], [31, 32]],
            [[1, 2, 3], [5, 0, 0], [0, 0, 0]],
        ),
    ],
)
def test_truncation_by_hand(keep, text, audio):
    padder = MultimodalPadder(max_length={"text": 2, "rest": 3}, keep=keep)
    data = padder.fit_transform(RAGGED)
    assert data.arrays["text"].tolist() == text
    assert data.arrays["audio"][..., 0].tolist() == audio
    assert data.lengths["audio"].tolist() == [3, 1, 0]


@given(
    seen=st.integers(1, 5),
    limit=st.none() | st.integers(1, 5),
    lengths=st.lists(st.integers(0, 8), min_size=1, max_size=4),
    keep=st.sampled_from(["head", "tail"]),
)
def test_new_sequences_are_fitted_to_what_was_seen(seen, limit, lengths, keep):
    padder = MultimodalPadder(max_length=limit, keep=keep).fit({"audio": np.ones((1, seen, 1))})
    n_steps = min(seen, limit or seen)
    assert padder.lengths_ == {"audio": n_steps}
    rows = [np.arange(1.0, length + 1)[:, np.newaxis] for length in lengths]
    data = padder.transform({"audio": rows})
    assert data.arrays["audio"].shape == (len(rows), n_steps, 1)
    for row, sequence in enumerate(rows):
        kept = sequence[:n_steps] if keep == "head" else sequence[-n_steps:]
        assert data.lengths["audio"][row] == len(kept)
        assert np.array_equal(data.arrays["audio"][row, : len(kept)], kept)
        assert not data.arrays["audio"][row, len(kept) :].any()


def test_padding_that_was_there_already_changes_nothing():
    short = MultimodalData({"audio": np.ones((2, 3, 1))}, {"audio": [3, 1]})
    array = np.zeros((2, 9, 1))
    array[:, :3] = short.arrays["audio"]
    long = MultimodalData({"audio": array}, {"audio": [3, 1]})
    padder = MultimodalPadder(dtype="float64").fit(long)
    assert padder.lengths_ == {"audio": 3}
    assert padder.transform(long) == padder.transform(short) == short


def test_every_form_gives_the_same():
    array = np.arange(12.0).reshape(2, 3, 2)
    expected = MultimodalData({"audio": array.astype(np.float32)}, {"audio": [3, 2]})
    expected.arrays["audio"][1, 2] = 0
    cells = [array[0], array[1, :2]]
    forms = [
        expected,
        {"audio": cells},
        {"audio": [cell.tolist() for cell in cells]},
        pd.DataFrame({"audio": cells}),
    ]
    for form in forms:
        assert MultimodalPadder().fit_transform(form) == expected


def test_a_table_of_numbers_is_one_step():
    frame = pd.DataFrame({"pitch": [1.0, 2.0], "energy": [3.0, 4.0]})
    padder = MultimodalPadder().fit(frame)
    assert padder.feature_names_in_.tolist() == ["pitch", "energy"]
    assert padder.lengths_ == {"features": 1}
    assert padder.transform(frame).arrays["features"].tolist() == [[[1, 3]], [[2, 4]]]


def test_columns_that_travel_with_the_rows():
    frame = pd.DataFrame(
        {"clip": ["a", "b"], "audio": [np.ones((2, 1)), np.ones((1, 1))], "video": [7, 7]}
    )
    padder = MultimodalPadder(ids="clip", groups="video").fit(frame)
    assert padder.modalities_ == ("audio",)
    for X in (frame, dict(frame.items())):
        data = padder.transform(X)
        assert (data.ids.tolist(), data.groups.tolist()) == (["a", "b"], [7, 7])
    later = padder.transform(frame.drop(columns="clip"))
    assert later.ids is None
    assert later.groups.tolist() == [7, 7]


def test_they_travel_beside_a_table_of_numbers_too():
    frame = pd.DataFrame({"clip": ["a", "b"], "pitch": [1.0, 2.0]})
    padder = MultimodalPadder(ids="clip").fit(frame)
    assert padder.feature_names_in_.tolist() == ["pitch"]
    assert padder.transform(frame).ids.tolist() == ["a", "b"]


def test_multimodal_data_keeps_its_own_ids_and_groups():
    data = MultimodalData({"audio": np.ones((2, 3, 1))}, ids=["a", "b"], groups=[1, 2])
    for transformer in (MultimodalPadder(ids="clip"), SequenceScaler()):
        result = transformer.fit_transform(data)
        assert (result.ids.tolist(), result.groups.tolist()) == (["a", "b"], [1, 2])


@pytest.mark.parametrize("X", [pd.DataFrame({"pitch": [1.0]}), {"pitch": [1.0]}, np.ones((2, 1))])
def test_columns_that_do_not_exist_are_refused(X):
    with pytest.raises(ValueError, match="groups must name columns of X"):
        MultimodalPadder(groups="video").fit(X)


def test_memory_mapped_data_that_fits_is_not_copied(tmp_path):
    array = np.memmap(tmp_path / "audio.bin", dtype=np.float32, mode="w+", shape=(4, 6, 2))
    array[:] = 1.0
    data = MultimodalData({"audio": array}, {"audio": [5, 4, 3, 0]})
    for keep in ("head", "tail"):
        result = MultimodalPadder(keep=keep).fit_transform(data).arrays["audio"]
        assert isinstance(result, np.memmap)
        assert result.shape == (4, 5, 2)
        assert np.shares_memory(result, array)


@pytest.mark.parametrize(
    "parameters", [{"max_length": 2, "keep": "tail"}, {"dtype": "float64"}, {"max_length": 3}]
)
def test_memory_mapped_data_that_is_copied_has_zero_padding(tmp_path, parameters):
    array = np.memmap(tmp_path / "audio.bin", dtype=np.float32, mode="w+", shape=(2, 4, 1))
    array[:] = 1.0
    padder = MultimodalPadder(**parameters).fit({"audio": np.ones((1, 6, 1))})
    data = padder.transform(MultimodalData({"audio": array}, {"audio": [4, 1]}))
    again = data[[1, 0]]  # rows that do not follow one another are copied
    assert np.asarray(data).sum() == again.arrays["audio"].sum() == again.lengths["audio"].sum()
    assert (array == 1).all()


def test_input_is_left_as_it_was():
    data = MultimodalData({"audio": np.arange(6.0).reshape(2, 3, 1)}, {"audio": [3, 1]})
    before = data[:].arrays["audio"].copy()
    for transformer in (MultimodalPadder(max_length=2, keep="tail"), SequenceScaler()):
        transformer.fit_transform(data)
        assert np.array_equal(data.arrays["audio"], before)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"max_length": 0}, "'max_length' parameter of MultimodalPadder"),
        (
            {"max_length": {"audio": 1.5, "rest": None}},
            r"max_length\['audio'\]",
        ),
        ({"max_length": {"smell": 1, "rest": 2}}, "max_length names 'smell'"),
        ({"max_length": {"text": 1}}, "max_length has no value for 'audio'"),
        ({"keep": "middle"}, "'keep' parameter.*'head'"),
        ({"keep": {"rest": "middle"}}, r"keep\['text'\].*'head'"),
        ({"dtype": "int8"}, "'dtype' parameter.*'float32'"),
        ({"ids": 3}, "'ids' parameter"),
    ],
)
def test_bad_options_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        MultimodalPadder(**parameters).fit(RAGGED)


@pytest.mark.parametrize("transformer", [MultimodalPadder(), SequenceScaler()])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"smell": [[1.0]] * 3}, "unknown: 'smell'"),
        ({"audio": [np.ones((1, 2))] * 3}, "'audio' has 2 features, expected 1 feature"),
        ({"audio": [[1.0], [2.0, np.nan], None]}, "'audio' has nan at row 1, step 1"),
        ({"audio": [[1.0], None]}, "'text' has 3, 'audio' has 2"),
    ],
)
def test_later_data_must_fit(transformer, change, message):
    fitted = clone(transformer).fit(RAGGED)
    with pytest.raises(ValueError, match=message):
        fitted.transform(RAGGED | change)


@pytest.mark.parametrize("transformer", [MultimodalPadder(), SequenceScaler()])
def test_modalities_come_out_in_the_order_of_fit(transformer):
    fitted = clone(transformer).fit(RAGGED)
    turned = dict(reversed(RAGGED.items()))
    assert fitted.transform(turned) == fitted.transform(RAGGED)
    with pytest.raises(ValueError, match="missing: 'audio'"):
        fitted.transform({"text": RAGGED["text"]})
    with pytest.raises(NotFittedError):
        clone(transformer).transform(RAGGED)
    with pytest.raises(TypeError, match="X must be a MultimodalData, a dict"):
        clone(transformer).fit(np.ones((2, 3, 4)))


def test_a_value_too_large_for_the_dtype_is_refused():
    padder = MultimodalPadder(dtype="float16")
    with pytest.raises(ValueError, match=r"'audio' has inf at row 0, step 1 \(float16\)"):
        padder.fit_transform({"audio": [[1.0, 1e9]]})


def test_what_is_infinite_beyond_the_length_is_cut_off():
    array = np.array([[[1.0], [np.inf]]])
    data = MultimodalData({"audio": array}, {"audio": [1]})
    assert MultimodalPadder().fit_transform(data).arrays["audio"].tolist() == [[[1]]]


def test_scaling_by_hand():
    data = MultimodalData(
        {"audio": np.array([[[1.0], [3.0]], [[5.0], [0.0]]]), "text": np.array([[4, 5], [6, 7]])},
        {"audio": [2, 1]},
    )
    scaler = SequenceScaler().fit(data)
    scale = np.sqrt(8 / 3)
    assert scaler.mean_["audio"].tolist() == [3.0]
    np.testing.assert_allclose(scaler.scale_["audio"], scale)
    assert scaler.mean_.keys() == scaler.scale_.keys() == {"audio"}
    result = scaler.transform(data)
    np.testing.assert_allclose(
        result.arrays["audio"][..., 0], [[-2 / scale, 0], [2 / scale, 0]], atol=1e-12
    )
    assert np.array_equal(result.arrays["text"], data.arrays["text"])


def random_data(rng, n_rows=12, dtype=np.float64):
    array = (100 + 3 * rng.normal(size=(n_rows, 5, 3))).astype(dtype)
    return MultimodalData({"audio": array}, {"audio": rng.integers(0, 6, n_rows)})


@given(seed=st.integers(0, 1000))
def test_it_is_the_standard_scaler_of_the_valid_steps(seed):
    data = random_data(np.random.default_rng(seed))
    mask = data.mask("audio")
    reference = StandardScaler().fit(data.arrays["audio"][mask])
    scaler = SequenceScaler().fit(data)
    np.testing.assert_allclose(scaler.mean_["audio"], reference.mean_)
    np.testing.assert_allclose(scaler.scale_["audio"], reference.scale_)
    result = scaler.transform(data)
    np.testing.assert_allclose(
        result.arrays["audio"][mask], reference.transform(data.arrays["audio"][mask]), atol=1e-9
    )
    assert not result.arrays["audio"][~mask].any()
    back = scaler.inverse_transform(result)
    np.testing.assert_allclose(np.asarray(back), np.asarray(data))


def test_blocks_do_not_change_the_result(monkeypatch):
    data = random_data(np.random.default_rng(0))
    whole = SequenceScaler().fit(data)
    monkeypatch.setattr("sklearn_tamulag.data.blocks.row_blocks.__defaults__", (100,))
    pieces = SequenceScaler().fit(data)
    np.testing.assert_allclose(pieces.mean_["audio"], whole.mean_["audio"], rtol=1e-14)
    np.testing.assert_allclose(pieces.scale_["audio"], whole.scale_["audio"], rtol=1e-12)
    assert np.allclose(np.asarray(pieces.transform(data)), np.asarray(whole.transform(data)))


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [(np.float16, np.float32), (np.float32, np.float32), (np.float64, np.float64)],
)
def test_the_dtype_of_scaled_features(dtype, expected):
    data = random_data(np.random.default_rng(0), dtype=dtype)
    scaler = SequenceScaler().fit(data)
    assert scaler.mean_["audio"].dtype == np.float64
    assert scaler.transform(data).arrays["audio"].dtype == expected


def test_large_offsets_lose_no_precision():
    steps = 1e8 + np.array([-1.0, 0.0, 1.0])
    scaler = SequenceScaler().fit({"audio": [steps]})
    np.testing.assert_allclose(scaler.scale_["audio"], np.sqrt(2 / 3), rtol=1e-7)


def test_constant_features_are_not_divided():
    array = np.full((7, 3, 2), 0.1)
    array[..., 1] = np.arange(21).reshape(7, 3)
    data = MultimodalData({"audio": array})
    scaler = SequenceScaler().fit(data)
    assert scaler.scale_["audio"][0] == 1
    assert scaler.mean_["audio"][0] == 0.1
    assert not scaler.transform(data).arrays["audio"][..., 0].any()


def test_parts_of_the_scaling_can_be_switched_off():
    data = random_data(np.random.default_rng(0))
    both = SequenceScaler().fit(data)
    centred = SequenceScaler(with_std=False).fit(data)
    assert np.array_equal(centred.mean_["audio"], both.mean_["audio"])
    assert (centred.scale_["audio"] == 1).all()
    divided = SequenceScaler(with_mean=False).fit(data)
    assert (divided.mean_["audio"] == 0).all()
    assert np.array_equal(divided.scale_["audio"], both.scale_["audio"])


def test_integer_weights_repeat_rows():
    data = random_data(np.random.default_rng(0))
    weights = np.arange(12) % 3
    weighted = SequenceScaler().fit(data, sample_weight=weights)
    repeated = SequenceScaler().fit(data[np.repeat(np.arange(12), weights)])
    np.testing.assert_allclose(weighted.mean_["audio"], repeated.mean_["audio"])
    np.testing.assert_allclose(weighted.scale_["audio"], repeated.scale_["audio"])


def test_rows_of_weight_zero_are_as_if_absent():
    data = MultimodalData({"audio": np.array([[[1e30]], [[0.1]], [[0.1]]])})
    scaler = SequenceScaler().fit(data, sample_weight=[0, 1, 2])
    assert (scaler.mean_["audio"][0], scaler.scale_["audio"][0]) == (0.1, 1)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([-1, 1, 1], "sample_weight must not be negative, got -1"),
        ([1, 1], "sample_weight.shape"),
        ([0, 0, 1], "'audio' is missing in every row of positive weight"),
    ],
)
def test_bad_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        SequenceScaler().fit(RAGGED, sample_weight=weights)


def test_weights_are_routed_through_a_pipeline():
    with config_context(enable_metadata_routing=True):
        scaler = SequenceScaler().set_fit_request(sample_weight=True)
        ridge = Ridge().set_fit_request(sample_weight=False)
        pipeline = make_pipeline(MultimodalPadder(), scaler, ridge)
        weights = np.array([1.0, 3.0, 0.0])
        pipeline.fit(RAGGED, [1.0, 2.0, 3.0], sample_weight=weights)
    direct = SequenceScaler().fit(MultimodalPadder().fit_transform(RAGGED), sample_weight=weights)
    assert pipeline[1].mean_["audio"] == direct.mean_["audio"]


def test_grid_search_over_a_pipeline():
    rng = np.random.default_rng(0)
    cells = [rng.normal(size=(length, 2)) for length in rng.integers(3, 7, 40)]
    y = np.array([cell[2, 0] for cell in cells])
    pipeline = make_pipeline(MultimodalPadder(), SequenceScaler(), Ridge())
    search = GridSearchCV(pipeline, {"multimodalpadder__max_length": [2, 3]}, cv=4)
    search.fit(pd.DataFrame({"audio": cells}), y)
    assert search.best_params_ == {"multimodalpadder__max_length": 3}
    assert search.best_score_ > 0.9


def test_saving_and_loading(tmp_path):
    pipeline = make_pipeline(MultimodalPadder(max_length=2), SequenceScaler()).fit(RAGGED)
    joblib.dump(pipeline, tmp_path / "pipeline.joblib")
    assert joblib.load(tmp_path / "pipeline.joblib").transform(RAGGED) == pipeline.transform(RAGGED)


@pytest.mark.parametrize("transformer", [MultimodalPadder(max_length=3), SequenceScaler()])
def test_display(transformer):
    assert type(transformer).__name__ in transformer._repr_html_()
