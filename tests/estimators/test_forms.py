"""Every form of X that the estimators take, and the names that rows and modalities keep."""

import numpy as np
import pandas as pd
import pytest

from sklearn_tamulag import MultimodalData
from tests.small_fits import STRICT, clips, regressor

X, Y = clips(10, missing=True)
PARAMS = {**STRICT, "max_epochs": 2}


def cells(name):
    """A list of one array per row, None where the modality is missing."""
    return [
        array[:length] if length else None
        for array, length in zip(X.arrays[name], X.lengths[name], strict=True)
    ]


FORMS = {
    "MultimodalData": X,
    "dict of ragged lists": {name: cells(name) for name in X.modalities},
    "DataFrame of arrays": pd.DataFrame({name: cells(name) for name in X.modalities}),
    "other order": {name: cells(name) for name in reversed(X.modalities)},
}


@pytest.fixture(scope="module")
def fitted():
    return regressor(**PARAMS).fit(X, Y)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_predict_takes_every_form(fitted, form):
    expected = fitted.predict(X)
    np.testing.assert_allclose(fitted.predict(form), expected, atol=1e-12)
    np.testing.assert_allclose(fitted.transform(form), fitted.transform(X), atol=1e-12)
    for name, weights in fitted.temporal_attention(form).items():
        np.testing.assert_allclose(weights, fitted.temporal_attention(X)[name], atol=1e-12)


@pytest.mark.parametrize("form", list(FORMS.values())[:3], ids=list(FORMS)[:3])
def test_fit_takes_every_form(fitted, form):
    estimator = regressor(**PARAMS).fit(form, Y)
    assert estimator.modalities_ == ("text", "audio")
    # What scikit-learn counts: the columns of the flat matrix, which have no names.
    flat = isinstance(form, MultimodalData)
    assert estimator.n_features_in_ == (X.shape[1] if flat else 2)
    assert list(getattr(estimator, "feature_names_in_", [])) == ([] if flat else ["text", "audio"])
    np.testing.assert_allclose(estimator.predict(X), fitted.predict(X), atol=1e-12)


def test_a_dict_of_padded_arrays_is_full_of_valid_steps():
    full = MultimodalData(X.arrays)
    estimator = regressor(**PARAMS).fit(X.arrays, Y)
    np.testing.assert_allclose(estimator.predict(full), estimator.predict(X.arrays), atol=1e-12)
    expected = regressor(**PARAMS).fit(full, Y).predict(full)
    np.testing.assert_allclose(estimator.predict(full), expected, atol=1e-12)


@pytest.mark.parametrize("names", [["low", "high"], [3, 4]])
def test_a_table_is_one_modality_of_one_step(names):
    table = np.column_stack([Y, Y**2])
    expected = regressor(**PARAMS).fit(table, Y)
    assert expected.modalities_ == ("features",)
    assert expected.n_features_in_ == 2
    assert not hasattr(expected, "feature_names_in_")
    assert expected.temporal_attention(table)["features"].tolist() == [[1.0]] * 10
    rows = regressor(**PARAMS).fit(table.tolist(), Y.tolist())
    np.testing.assert_array_equal(rows.predict(table.tolist()), expected.predict(table))
    frame = pd.DataFrame(table, columns=names)
    named = regressor(**PARAMS).fit(frame, pd.Series(Y))
    np.testing.assert_array_equal(named.predict(frame), expected.predict(table))
    if names == ["low", "high"]:
        assert named.feature_names_in_.tolist() == names


def test_missing_cells_are_none_or_nan():
    frame = FORMS["DataFrame of arrays"]
    with_nan = frame.map(lambda cell: np.nan if cell is None else cell)
    assert frame["audio"].isna().any()
    estimators = [regressor(**PARAMS).fit(part, Y) for part in (frame, with_nan)]
    predictions = [estimator.predict(frame) for estimator in estimators]
    np.testing.assert_array_equal(*predictions)
    for estimator in estimators:
        labels = estimator.unimodal_labels_
        np.testing.assert_array_equal(labels["audio"].isna(), X.lengths["audio"] == 0)
        assert labels["text"].notna().all()


def test_rows_are_named_by_ids_or_by_the_index_of_a_frame():
    names = [f"clip {row}" for row in range(10)]
    with_ids = MultimodalData(X.arrays, X.lengths, ids=names)
    frame = FORMS["DataFrame of arrays"].set_axis(names)
    for form in (with_ids, frame):
        estimator = regressor(**PARAMS).fit(form, Y)
        assert estimator.unimodal_labels_.index.tolist() == names
        assert estimator.predict_unimodal(form[3:5]).index.tolist() == names[3:5]
    assert regressor(**PARAMS).fit(X, Y).unimodal_labels_.index.equals(pd.RangeIndex(10))


def test_one_modality_alone():
    audio = X.select("audio")[X.lengths["audio"] > 0]
    y = Y[X.lengths["audio"] > 0]
    estimator = regressor(**PARAMS).fit(audio, y)
    assert estimator.n_features_in_ == audio.shape[1]
    assert estimator.unimodal_labels_.shape == (len(y), 1)
    assert estimator.predict_unimodal(audio).shape == (len(y), 1)


def test_longer_sequences_than_in_fit_are_read_whole(fitted):
    longer = {"text": np.ones((3, 50, 4)), "audio": np.ones((3, 2, 3))}
    weights = fitted.temporal_attention(longer)
    assert weights["text"].shape == (3, 50)
    np.testing.assert_allclose(weights["text"].sum(axis=1), 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_precision_of_features(dtype):
    typed = MultimodalData(
        {name: array.astype(dtype) for name, array in X.arrays.items()}, X.lengths
    )
    estimator = regressor(max_epochs=1).fit(typed, Y)
    assert estimator.predict(typed).dtype == np.float64
    assert estimator.transform(typed).dtype == np.float32


def test_read_only_and_memory_mapped_rows(fitted, tmp_path):
    arrays = {}
    for name, array in X.arrays.items():
        garbage = np.where(X.mask(name)[:, :, np.newaxis], array, 1e9)
        np.save(tmp_path / f"{name}.npy", garbage)
        arrays[name] = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
    mapped = MultimodalData(arrays, X.lengths)
    estimator = regressor(**PARAMS).fit(mapped, Y)
    np.testing.assert_array_equal(estimator.predict(mapped), fitted.predict(X))
    np.testing.assert_array_equal(estimator.unimodal_labels_, fitted.unimodal_labels_)
