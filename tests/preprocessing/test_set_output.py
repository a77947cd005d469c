"""Containers that the transformers, and pipelines of them, give out."""

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from sklearn_tamulag import MultimodalData, MultimodalPadder
from sklearn_tamulag.preprocessing import FlatToMultimodal, SequenceScaler, TextTokenizer
from tests.small_fits import clips, regressor

X, Y = clips(12)
NAMED = MultimodalData(X.arrays, X.lengths, ids=[f"clip{row}" for row in range(12)])
TRANSFORMERS = [MultimodalPadder(), SequenceScaler(), FlatToMultimodal(X.shapes)]


@pytest.mark.parametrize("transformer", TRANSFORMERS, ids=lambda t: type(t).__name__)
def test_pandas_output_is_a_column_of_arrays_per_modality(transformer):
    expected = clone(transformer).fit_transform(NAMED)
    assert isinstance(expected, MultimodalData)
    told = clone(transformer).set_output(transform="pandas")
    for frame in (told.fit_transform(NAMED), told.transform(NAMED)):
        assert isinstance(frame, pd.DataFrame)
        assert frame.columns.tolist() == told.get_feature_names_out().tolist() == ["text", "audio"]
        assert frame.index.tolist() == NAMED.ids.tolist()
        assert MultimodalData.from_frame(frame) == expected
    assert isinstance(clone(told).fit_transform(NAMED), pd.DataFrame)
    assert told.set_output(transform="default").transform(NAMED) == expected
    assert told.set_output() is told
    with config_context(transform_output="pandas"):
        assert isinstance(clone(transformer).fit_transform(NAMED), pd.DataFrame)


def test_polars_output_has_lists():
    polars = pytest.importorskip("polars")
    frame = MultimodalPadder().set_output(transform="polars").fit_transform(X)
    assert isinstance(frame, polars.DataFrame)
    assert frame["audio"].list.len().to_list() == X.lengths["audio"].tolist()
    table = SequenceScaler().set_output(transform="polars").fit_transform(np.eye(3))
    assert table.shape == (3, 3)


def test_a_table_of_numbers_comes_out_as_one():
    frame = pd.DataFrame({"low": [1.0, 3.0], "high": [2.0, 5.0]}, index=["a", "b"])
    scaler = SequenceScaler().set_output(transform="pandas")
    scaled = scaler.fit_transform(frame)
    assert scaled.to_numpy().tolist() == [[-1, -1], [1, 1]]
    assert scaled.columns.tolist() == scaler.get_feature_names_out().tolist() == ["low", "high"]
    assert scaled.index.tolist() == ["a", "b"]
    assert SequenceScaler().fit(np.eye(2)).get_feature_names_out().tolist() == ["x0", "x1"]


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_a_pipeline_hands_frames_on(container):
    pytest.importorskip(container)
    pipeline = make_pipeline(MultimodalPadder(), SequenceScaler(), regressor(max_epochs=1))
    expected = clone(pipeline).fit(X, Y).predict(X)
    pipeline.set_output(transform=container).fit(X, Y)
    np.testing.assert_allclose(pipeline.predict(X), expected, atol=1e-5)
    assert pipeline.transform(X).shape == (12, 8)
    assert pipeline[:-1].get_feature_names_out().tolist() == ["text", "audio"]
    assert pipeline.get_feature_names_out()[0] == "tamulagregressor0"


def test_groups_that_a_frame_loses_are_warned_of():
    grouped = MultimodalData(X.arrays, X.lengths, groups=np.arange(12) // 3)
    with pytest.warns(UserWarning, match="groups of X do not travel in a DataFrame"):
        MultimodalPadder().set_output(transform="pandas").fit_transform(grouped)


def test_text_comes_out_as_a_frame_of_ids(bert):
    frame = TextTokenizer(bert).set_output(transform="pandas").fit_transform(["good film", None])
    assert frame["text"][0].dtype.kind == "i"
    assert frame["text"][1] is None


def test_other_containers_are_refused():
    with pytest.raises(ValueError, match=r"must be one of .*'polars'.*got 'numpy'"):
        MultimodalPadder().set_output(transform="numpy")


def test_a_long_recording_is_cut_before_the_others_are_padded():
    recordings = [np.ones((4, 8), np.float32) for _ in range(500)]
    # Padded to this one, all of them would need 320 GB.
    recordings[7] = np.broadcast_to(np.float32(2), (20_000_000, 8))
    for X in ({"audio": recordings}, pd.DataFrame({"audio": recordings})):
        padder = MultimodalPadder(max_length=5)
        data = padder.fit_transform(X)
        assert data.arrays["audio"].shape == (500, 5, 8)
        assert padder.lengths_ == {"audio": 5}
        assert data.lengths["audio"][[6, 7]].tolist() == [4, 5]
    # A limit of fit holds afterwards too.
    padder = MultimodalPadder().fit({"audio": recordings[:7]})
    assert padder.transform({"audio": recordings}).arrays["audio"].shape == (500, 4, 8)


def test_the_tail_is_cut_out_of_ragged_rows_too():
    rows = [np.arange(6.0)[:, np.newaxis], np.arange(2.0)[:, np.newaxis]]
    data = MultimodalPadder(max_length=3, keep="tail").fit_transform({"audio": rows})
    assert data.arrays["audio"][:, :, 0].tolist() == [[3, 4, 5], [0, 1, 0]]
