"""Meta-estimators that flatten: a first step gives the modalities back."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import AdaBoostRegressor, BaggingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.multiclass import OneVsOneClassifier
from sklearn.multioutput import RegressorChain
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

import sklearn_tamulag
from sklearn_tamulag import MultimodalData
from sklearn_tamulag.preprocessing import FlatToMultimodal
from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(20, missing=True)
BACK = FlatToMultimodal(X.shapes)


def brief(make, **params):
    return make_pipeline(BACK, make(max_epochs=1, early_stopping=False, **params))


@pytest.mark.parametrize(
    ("meta", "y", "learned"),
    [
        (BaggingRegressor(brief(regressor), 2, random_state=0), Y, lambda m: m.estimators_),
        (AdaBoostRegressor(brief(regressor), n_estimators=2), Y, lambda m: m.estimators_),
        (OneVsOneClassifier(brief(classifier)), three_classes(Y), lambda m: m.estimators_),
        (
            SelfTrainingClassifier(brief(classifier), max_iter=1),
            np.where(np.arange(20) % 3, Y > 0, -1),
            lambda m: [m.estimator_],
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_flattens_keeps_the_modalities(meta, y, learned):
    meta.fit(X, y)
    assert {fitted[-1].modalities_ for fitted in learned(meta)} == {X.modalities}
    assert meta.predict(X).shape == (20,)


def test_one_flat_fit_equals_the_fit_on_modalities():
    expected = regressor(max_epochs=2).fit(MultimodalData(X.arrays, X.lengths), Y)
    pipeline = make_pipeline(BACK, regressor(max_epochs=2)).fit(np.asarray(X), Y)
    np.testing.assert_array_equal(pipeline.predict(np.asarray(X)), expected.predict(X))
    np.testing.assert_array_equal(pipeline.predict(X), expected.predict(X))


def test_a_chain_appends_columns():
    back = FlatToMultimodal(X.shapes, remainder="earlier")
    estimator = regressor(max_epochs=1, early_stopping=False)
    chain = RegressorChain(make_pipeline(back, estimator)).fit(X, np.column_stack([Y, -Y]))
    assert [fitted[-1].modalities_ for fitted in chain.estimators_] == [
        X.modalities,
        (*X.modalities, "earlier"),
    ]
    assert chain.predict(X).shape == (20, 2)


def test_lengths_token_ids_and_precision_come_back():
    data = MultimodalData(
        {"text": np.array([[7, 0, 9], [3, 0, 0]]), "audio": np.zeros((2, 4, 3), np.float32)},
        {"text": [3, 1], "audio": [2, 0]},
    )
    back = FlatToMultimodal(data.shapes).fit_transform(np.asarray(data))
    assert back == data
    assert back.arrays["audio"].dtype == np.float32


def test_modalities_pass_in_their_order():
    assert BACK.fit_transform(X) == X
    turned = {name: X.to_frame()[name].tolist() for name in reversed(X.modalities)}
    assert BACK.fit_transform(turned).modalities == X.modalities
    assert BACK.get_feature_names_out().tolist() == list(X.modalities)


def test_it_clones_and_saves(tmp_path):
    fitted = clone(BACK).fit(np.asarray(X))
    assert fitted.n_features_in_ == X.shape[1]
    pipeline = make_pipeline(fitted, regressor(max_epochs=1)).fit(np.asarray(X), Y)
    sklearn_tamulag.save(pipeline, tmp_path / "model")
    loaded = sklearn_tamulag.load(tmp_path / "model")
    np.testing.assert_array_equal(loaded.predict(X), pipeline.predict(X))
    with pytest.raises(NotFittedError):
        clone(fitted).transform(X)


@pytest.mark.parametrize(
    ("params", "form", "message"),
    [
        ({}, np.ones((20, 36)), "X has 36 columns, and shapes=.* have 35 in all. remainder names"),
        ({"remainder": "more"}, np.ones((20, 34)), "X has 34 columns, and shapes=.* have 35"),
        ({"shapes": {"text": 3}}, X, r"shapes\['text'\] must be \(T, d\).*got 3"),
        ({"shapes": {"text": (3, 0)}}, X, r"shapes\['text'\] must be .*got \(3, 0\)"),
        ({"shapes": {"loss": (3, 1)}}, X, "No modality can be named 'loss'"),
        ({"remainder": "text"}, X, "each once"),
        ({"shapes": {"text": (5, 4)}}, X, "unknown: 'audio'"),
        ({"shapes": [5]}, X, "'shapes' parameter of FlatToMultimodal"),
        ({}, np.full((20, 35), np.nan), "contains NaN"),
    ],
)
def test_what_does_not_fit_is_refused(params, form, message):
    with pytest.raises(ValueError, match=message):
        clone(BACK).set_params(**params).fit(form)
