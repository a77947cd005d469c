"""What X, y, parameters and modalities may come as, through whole fits."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingRegressor
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

import sklearn_tamulag
from sklearn_tamulag import MultimodalData
from sklearn_tamulag.data.refusals import describe_forms
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(16, missing=True)
FRAME = X.to_frame()
ROWS = FRAME.to_dict("records")
BRIEF = {"max_epochs": 1, "early_stopping": False}


def polars_frame():
    polars = pytest.importorskip("polars")
    return polars.DataFrame(
        {
            name: [None if cell is None else cell.tolist() for cell in column]
            for name, column in FRAME.items()
        }
    )


def arrow_table():
    pytest.importorskip("pyarrow")
    return polars_frame().to_arrow()


@pytest.mark.parametrize("make", [lambda: ROWS, polars_frame, arrow_table])
def test_every_container_gives_the_same_fit(make):
    expected = regressor(**BRIEF).fit(FRAME, Y)
    form = make()
    fitted = regressor(**BRIEF).fit(form, Y, X_val=form, y_val=Y)
    np.testing.assert_array_equal(fitted.predict(form), expected.predict(FRAME))
    assert fitted.n_features_in_ == 2
    assert fitted.feature_names_in_.tolist() == ["text", "audio"]


def test_rows_of_dicts_can_be_cross_validated():
    # As a dict, these rows could not: scikit-learn would count its keys.
    scores = cross_val_score(regressor(**BRIEF), ROWS, Y, cv=2)
    np.testing.assert_array_equal(scores, cross_val_score(regressor(**BRIEF), FRAME, Y, cv=2))


def test_the_table_of_a_column_transformer_has_names_that_are_expected():
    keep = ColumnTransformer([("keep", "passthrough", ["audio", "text"])])
    pipeline = make_pipeline(keep, regressor(**BRIEF)).fit(FRAME, Y)
    assert pipeline[-1].modalities_ == ("x0", "x1")
    named = regressor(expected_modalities=["audio", "text"], **BRIEF)
    pipeline = make_pipeline(keep, named).fit(FRAME, Y)
    assert pipeline[-1].modalities_ == ("audio", "text")
    np.testing.assert_array_equal(pipeline.predict(FRAME), pipeline[-1].predict(FRAME))


def test_texts_in_an_array_of_cells_have_the_name_that_is_expected(bert):
    encoders = {"text": {"transformer": bert, "trainable": False}}
    texts = ["good film", "bad film"] * 8
    table = np.empty((16, 2), dtype=object)
    table[:, 0] = texts
    table[:, 1] = Y
    named = regressor(encoders=encoders, expected_modalities=["text", "age"], **BRIEF)
    expected = regressor(encoders=encoders, **BRIEF).fit({"text": texts, "age": Y}, Y)
    np.testing.assert_array_equal(
        named.fit(table, Y).predict(table), expected.predict({"text": texts, "age": Y})
    )


@pytest.mark.parametrize("dtype", ["e", "f", "g", ">f2", ">f4", ">f8", "O"])
def test_y_of_every_type_of_number(dtype):
    y = np.round(Y * 8) / 8
    expected = regressor(**BRIEF).fit(X, y).predict(X)
    np.testing.assert_array_equal(regressor(**BRIEF).fit(X, y.astype(dtype)).predict(X), expected)


@pytest.mark.parametrize(
    "dtype", ["?", "b", "B", ">i4", "Q", "e", "f", ">f8", "g", "U4", "O", "M8[D]"]
)
def test_classes_of_every_type(dtype, tmp_path):
    codes = np.arange(16) % 2
    y = three_classes(Y) if dtype == "O" else codes.astype(dtype)
    fitted = classifier(**BRIEF).fit(X, y, X_val=X, y_val=y)
    assert set(fitted.predict(X).tolist()) <= set(fitted.classes_.tolist())
    assert fitted.classes_.tolist() == np.unique(y).tolist()
    assert list(fitted.predict_unimodal(X)) == ["text", "audio"]
    fitted.set_params(checkpoint=None).save(tmp_path / "model")
    loaded = sklearn_tamulag.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), fitted.predict(X))


@pytest.mark.parametrize(
    "make",
    [
        torch.tensor,
        pd.Series,
        np.ma.array,
        lambda y: pytest.importorskip("polars").Series(y),
        lambda y: pytest.importorskip("pyarrow").array(y),
        lambda y: pytest.importorskip("datasets").Dataset.from_dict({"y": y})["y"],
    ],
)
def test_y_of_every_library(make):
    expected = regressor(**BRIEF).fit(X, Y).predict(X)
    np.testing.assert_array_equal(regressor(**BRIEF).fit(X, make(Y)).predict(X), expected)
    codes = (Y > 0).astype(int)
    assert classifier(**BRIEF).fit(X, make(codes)).classes_.tolist() == [0, 1]


def test_a_masked_y_is_missing():
    mask = np.arange(16) == 3
    with pytest.raises(ValueError, match="y contains NaN"):
        regressor().fit(X, np.ma.array(Y, mask=mask))
    with pytest.raises(ValueError, match="y must have a class for every row"):
        classifier().fit(X, np.ma.array(three_classes(Y), mask=mask))


def test_numbers_of_numpy_are_numbers(tmp_path):
    plain = {
        "hidden_size": 4,
        "num_layers": 1,
        "bidirectional": True,
        "step_path": True,
        "unimodal_weight": {"audio": 0.25},
        "embedding_size": {"text": 4, "rest": 3},
        "unimodal_size": 3,
        "fusion_size": 4,
        "expert_size": 3,
        "label_generation": "ulag",
        "encoders": {"text": {"hidden_size": 3, "bidirectional": 0, "lr": 0.01}},
        "dropout": 0.25,
        "max_epochs": 2,
        "batch_size": 8,
        "lr": 0.0078125,
        "gradient_accumulation": 2,
        "n_iter_no_change": 1,
        "random_state": 0,
    }
    of_numpy = {name: as_numpy(value) for name, value in plain.items()}
    expected = regressor(**plain).fit(X, Y)
    fitted = clone(regressor(checkpoint=tmp_path / "epochs", **of_numpy)).fit(X, Y)
    np.testing.assert_array_equal(fitted.predict(X), expected.predict(X))
    fitted.set_params(checkpoint=None).save(tmp_path / "model")
    loaded = sklearn_tamulag.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), expected.predict(X))
    fitted.partial_fit(X, Y)


def as_numpy(value):
    """Return the same with NumPy's numbers, in dicts too."""
    if isinstance(value, dict):
        return {name: as_numpy(inner) for name, inner in value.items()}
    kinds = {bool: np.bool_, int: np.int64, float: np.float32 if value != 0.01 else np.float64}
    return kinds.get(type(value), lambda same: same)(value)


def test_a_search_over_an_array_of_sizes():
    search = GridSearchCV(regressor(**BRIEF), {"hidden_size": 2 ** np.arange(2, 4)}, cv=2)
    assert search.fit(X, Y).best_estimator_.predict(X).shape == (16,)


def test_a_flat_matrix_is_refused_where_modalities_are_expected():
    estimator = regressor(expected_modalities=["audio", "text"], **BRIEF)
    assert estimator.fit(X, Y).modalities_ == ("text", "audio")
    with pytest.raises(ValueError, match=r"expected_modalities=.*FlatToMultimodal\(X\.shapes\)"):
        BaggingRegressor(clone(estimator), 1).fit(X, Y)
    with pytest.raises(ValueError, match="missing: 'audio'"):
        clone(estimator).fit(X.select("text"), Y)
    assert regressor(expected_modalities=["features"], **BRIEF).fit(np.eye(16), Y).n_iter_ == 1


@pytest.mark.parametrize(
    ("names", "error", "message"),
    [
        ([], ValueError, r"expected_modalities must name modalities, each once, got \[\]"),
        (["text", "text"], ValueError, "each once"),
        (["loss"], ValueError, "No modality can be named 'loss'"),
        ([3], TypeError, "must be strings, got 3"),
    ],
)
def test_expected_modalities_are_names(names, error, message):
    with pytest.raises(error, match=message):
        regressor(expected_modalities=names).fit(X, Y)


def test_a_wide_array_is_warned_of_once():
    wide = np.zeros((16, 1001))
    wide[:, 0] = Y
    with pytest.warns(
        UserWarning, match=r"1001 columns.*FlatToMultimodal.*expected_modal"
    ) as caught:
        regressor(**BRIEF).fit(wide, Y).predict(wide)
    assert len(caught) == 1
    # Names of columns, or of what is expected, leave no doubt.
    regressor(**BRIEF).fit(pd.DataFrame(wide), Y)
    regressor(expected_modalities=["features"], **BRIEF).fit(wide, Y)


def test_importances_of_modalities_need_a_frame():
    fitted = regressor(**BRIEF).fit(X, Y)
    with pytest.raises(ValueError, match=r"X\.to_frame\(\), as permutation_importance needs it"):
        permutation_importance(fitted, X, Y, n_repeats=1)
    result = permutation_importance(fitted, X.to_frame(), Y, n_repeats=2, random_state=0)
    assert result.importances.shape == (2, 2)


@pytest.mark.parametrize("form", [X, FRAME], ids=["MultimodalData", "DataFrame"])
def test_the_number_of_features_is_that_of_the_shape(form):
    fitted = regressor(**BRIEF).fit(form, Y)
    assert fitted.n_features_in_ == form.shape[1]
    assert fitted.partial_fit(form, Y).n_features_in_ == form.shape[1]
    # A fit on another form forgets what is no longer true.
    assert not hasattr(fitted.fit(X, Y), "feature_names_in_")
    assert fitted.fit(FRAME, Y).n_features_in_ == 2


@pytest.mark.parametrize("form", [X, FRAME], ids=["MultimodalData", "DataFrame"])
def test_a_probe_of_zeros_is_one_step_of_zeros(form):
    fitted = regressor(**BRIEF).fit(form, Y)
    step = {name: np.zeros((1, 1, size)) for name, size in fitted.feature_sizes_.items()}
    expected = fitted.predict(step)
    for columns in (fitted.n_features_in_, len(fitted.modalities_)):
        np.testing.assert_array_equal(fitted.predict(np.zeros((1, columns))), expected)
        with pytest.raises(ValueError, match="FlatToMultimodal"):
            fitted.predict(np.ones((1, columns)))
        with pytest.raises(ValueError, match="FlatToMultimodal"):
            fitted.predict(np.zeros((2, columns)))
    table = regressor(**BRIEF).fit(np.eye(16), Y)
    zeros = MultimodalData({"features": np.zeros((1, 1, 16))})
    np.testing.assert_array_equal(table.predict(np.zeros((1, 16))), table.predict(zeros))


def test_conformal_intervals_around_a_fitted_estimator():
    mapie = pytest.importorskip("mapie.regression")
    rows, y = clips(60)
    for form in (rows, rows.to_frame()):
        fitted = regressor(**BRIEF).fit(form[:30], y[:30])
        intervals = mapie.SplitConformalRegressor(fitted, confidence_level=0.8, prefit=True)
        intervals.conformalize(form[30:], y[30:])
        prediction, bounds = intervals.predict_interval(form[:5])
        np.testing.assert_array_equal(prediction, fitted.predict(form[:5]))
        assert (bounds[:, 0] < bounds[:, 1]).all()


COLUMN = np.empty(16, dtype=object)
COLUMN[:] = list(np.ones((16, 2, 3)))


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (pd.Series(COLUMN), r"Name the modality: pass X\.to_frame\(name\)"),
        (list(COLUMN), "Put it in a dict"),
        (["good film", "bad film"] * 8, "Texts need a transformer, which the estimator's encoders"),
        (pd.Series(["good film", "bad film"] * 8), "Texts need a transformer"),
        ([{"a": 1.0}] * 8 + [3.0] * 8, "row 8 is of type float"),
        (np.array([b"good", b"bad"] * 8)[:, np.newaxis], "could not convert"),
        (iter(FRAME), "X is of type"),
        ({3, 4}, "X is of type set"),
    ],
)
def test_other_forms_are_refused_in_the_words_of_the_forms(form, message):
    estimator = regressor()
    with pytest.raises((TypeError, ValueError), match=message) as caught:
        estimator.fit(form, Y)
    assert describe_forms() in str(caught.value)
    assert not hasattr(estimator, "net_")


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"lr": {"txet": 0.1, "rest": 0.1}}, "Did you mean 'text' by 'txet'"),
        ({"dropout": {"text": 0.1, "audio": 0.1, "rset": 0.1}}, "Did you mean 'rest' by 'rset'"),
        ({"encoders": {"adio": {}}}, "Did you mean 'audio' by 'adio'"),
        ({"encoders": {"audio": {"hiden_size": 3}}}, "Did you mean 'hidden_size' by 'hiden_size'"),
    ],
)
def test_a_misspelt_key_names_the_nearest(params, message):
    with pytest.raises(ValueError, match=message):
        regressor(**params).fit(X, Y)


def test_a_misspelt_modality_names_the_nearest():
    fitted = regressor(**BRIEF).fit(FRAME, Y)
    with pytest.raises(ValueError, match="Did you mean 'audio' by 'Audio'"):
        fitted.predict(FRAME.rename(columns={"audio": "Audio"}))


def test_columns_of_the_history_belong_to_their_modality():
    named = MultimodalData({"text": X.arrays["text"], "own_best": X.arrays["text"]})
    history = regressor(max_epochs=1).fit(named, Y).history_
    assert history[["train_own_best", "valid_own_best"]].notna().all(axis=None)


def test_labels_of_modalities_in_a_frame_of_any_library():
    polars = pytest.importorskip("polars")
    expected = regressor(**BRIEF).fit(X, Y, unimodal_labels=pd.DataFrame({"text": -Y}))
    fitted = regressor(**BRIEF).fit(X, Y, unimodal_labels=polars.DataFrame({"text": -Y}))
    np.testing.assert_array_equal(fitted.predict(X), expected.predict(X))


def test_a_dump_from_before_a_parameter_has_its_default():
    fitted = regressor(**BRIEF).fit(X, Y)
    state = fitted.__getstate__()
    del state["expected_modalities"]
    older = type(fitted).__new__(type(fitted))
    older.__setstate__(state)
    assert older.expected_modalities is None
    older.partial_fit(X, Y)
