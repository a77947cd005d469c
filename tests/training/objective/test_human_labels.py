"""Labels that people gave to single modalities: read, followed through a fit, and never moved."""

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_validate
from sklearn.pipeline import make_pipeline

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.estimators.parameters import REGRESSION_LABELS
from sklearn_tamulag.preprocessing import SequenceScaler
from sklearn_tamulag.training.objective.loss_targets import training_labels
from sklearn_tamulag.training.objective.task_weights import TaskWeights
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes

X, Y = clips(24, missing=True)
NAMES = three_classes(Y)
IDS = [f"clip {row}" for row in range(24)]
NAMED = MultimodalData(X.arrays, X.lengths, ids=IDS)
ABSENT = X.lengths["audio"] == 0


def human_numbers(seed=1, gaps=True):
    """Labels of both modalities that differ from y, every other one of audio not known."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame({"audio": 3 * random.normal(size=24), "text": 3 * random.normal(size=24)})
    if gaps:
        frame.loc[::2, "audio"] = np.nan
    return frame


def human_classes():
    frame = pd.DataFrame({"text": NAMES[::-1], "audio": NAMES[::-1]})
    frame.loc[::2, "audio"] = None
    return frame


def one_hot(column):
    return np.array([["down", "flat", "up"]]) == column.to_numpy()[:, np.newaxis]


# What they do in a fit.


@pytest.mark.parametrize("label_generation", REGRESSION_LABELS)
def test_human_labels_stand_in_every_epoch_and_the_others_are_generated(label_generation):
    human = human_numbers()
    options = STRICT | {"max_epochs": 4, "lr": 0.02}
    estimator = regressor(label_generation=label_generation, **options)
    history = estimator.fit(X, Y, unimodal_labels=human).unimodal_label_history_
    known = human["audio"].notna() & ~ABSENT
    for epoch in history:
        np.testing.assert_allclose(epoch[:, 0], human["text"], rtol=1e-6)
        np.testing.assert_allclose(epoch[known, 1], human["audio"][known], rtol=1e-6)
    np.testing.assert_allclose(history[0][~known & ~ABSENT, 1], Y[~known & ~ABSENT], rtol=1e-6)
    generated = history[-1][~known & ~ABSENT, 1]
    assert np.allclose(generated, Y[~known & ~ABSENT]) == (label_generation == "none")
    np.testing.assert_array_equal(estimator.unimodal_labels_, history[-1])
    # A modality that the row lacks has no label, whatever people said.
    assert np.isnan(history[:, ABSENT, 1]).all()


def test_human_classes_stand_as_certain_distributions():
    human = human_classes()
    estimator = classifier(**STRICT | {"max_epochs": 4}).fit(X, NAMES, unimodal_labels=human)
    labels = estimator.unimodal_labels_
    np.testing.assert_array_equal(labels["text"], one_hot(human["text"]))
    known = human["audio"].notna() & ~ABSENT
    np.testing.assert_array_equal(labels["audio"][known], one_hot(human["audio"][known]))
    generated = labels["audio"][~known & ~ABSENT].to_numpy()
    assert ((generated > 0) & (generated < 1)).all()


def test_the_unimodal_tasks_learn_human_labels():
    # Audio is labelled with the opposite of y: its task has to turn around, the others have not.
    options = {**STRICT, "max_epochs": 40, "lr": 0.02, "weight_averaging": None}
    estimator = regressor(**options).fit(X, Y, unimodal_labels=pd.DataFrame({"audio": -Y}))
    predicted = estimator.predict_unimodal(X)
    present = ~ABSENT
    assert np.corrcoef(predicted["audio"][present], Y[present])[0, 1] < -0.9
    assert np.corrcoef(predicted["text"], Y)[0, 1] > 0.9
    assert np.corrcoef(estimator.predict(X), Y)[0, 1] > 0.9


def test_class_tasks_learn_human_classes():
    turned = np.where(NAMES == "up", "down", np.where(NAMES == "down", "up", NAMES))
    options = {**STRICT, "max_epochs": 40, "lr": 0.02}
    estimator = classifier(**options).fit(X, NAMES, unimodal_labels=pd.DataFrame({"audio": turned}))
    predicted = estimator.predict_unimodal(X)
    assert (predicted["audio"] == turned)[~ABSENT].mean() > 0.9
    assert (estimator.predict(X) == NAMES).mean() > 0.9


def test_labels_known_of_nothing_change_nothing():
    options = {"dropout": 0.3, "max_epochs": 3}
    plain = regressor(**options).fit(X, Y)
    for frame in (
        pd.DataFrame(index=range(24)),
        pd.DataFrame({"audio": np.full(24, np.nan)}),
        pd.DataFrame({"text": [None] * 24}),
    ):
        fitted = regressor(**options).fit(X, Y, unimodal_labels=frame)
        np.testing.assert_array_equal(fitted.transform(X), plain.transform(X))
        np.testing.assert_array_equal(fitted.unimodal_labels_, plain.unimodal_labels_)


@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 0.0), (1e6, 0.0), (10.0, 1e4)])
def test_labels_are_in_the_units_of_y(scale, shift):
    human = human_numbers()
    options = STRICT | {"max_epochs": 3}
    straight = regressor(**options, neutral=0.0).fit(X, Y, unimodal_labels=human)
    moved = regressor(**options, neutral=shift)
    moved.fit(X, scale * Y + shift, unimodal_labels=scale * human + shift)
    tolerance = 1e-6 * scale
    np.testing.assert_allclose(
        moved.unimodal_labels_, scale * straight.unimodal_labels_ + shift, atol=tolerance, rtol=0
    )
    np.testing.assert_allclose(
        moved.predict_unimodal(X), scale * straight.predict_unimodal(X) + shift, atol=tolerance
    )


def test_the_scale_of_y_does_not_depend_on_human_labels():
    with_labels = regressor().fit(X, Y, unimodal_labels=100 * human_numbers())
    assert with_labels.net_.target == regressor().fit(X, Y).net_.target


# They follow their rows.


@pytest.mark.parametrize("build", [regressor, classifier])
def test_labels_belong_to_rows(build):
    y, human = (Y, human_numbers()) if build is regressor else (NAMES, human_classes())
    order = np.random.default_rng(3).permutation(24)
    straight = build(**STRICT | {"max_epochs": 4})
    permuted = build(**STRICT | {"max_epochs": 4})
    straight.fit(X, y, unimodal_labels=human)
    permuted.fit(X[order], y[order], unimodal_labels=human.iloc[order])
    np.testing.assert_allclose(
        permuted.unimodal_labels_, straight.unimodal_labels_.iloc[order], atol=1e-5
    )


def test_held_out_rows_are_compared_with_their_human_labels():
    human = human_numbers()
    options = {"lr": 0.0, "weight_decay": 0.0, "max_epochs": 1, "precision": "float64"}
    estimator = regressor(**options, validation_fraction=0.25).fit(X, Y, unimodal_labels=human)
    held_out = estimator.unimodal_labels_["text"].isna().to_numpy()
    assert held_out.sum() == 6
    predicted = estimator.predict_unimodal(X)
    truth = pd.DataFrame(
        {"text": human["text"], "audio": human["audio"].where(human["audio"].notna(), Y)}
    )
    truth[ABSENT[:, np.newaxis] & (truth.columns == "audio")] = np.nan
    error = (predicted - truth).abs()[held_out].fillna(0).mean() / estimator.net_.target.scale
    losses = estimator.history_.loc[1]
    np.testing.assert_allclose(losses["valid_text"], error["text"], rtol=1e-9)
    np.testing.assert_allclose(losses["valid_audio"], error["audio"], rtol=1e-9)
    y_error = np.abs(estimator.predict(X) - Y)[held_out].mean() / estimator.net_.target.scale
    np.testing.assert_allclose(losses["valid_multimodal"], y_error, rtol=1e-9)


def test_validation_rows_of_ones_own_have_y_alone():
    human = human_numbers(gaps=False)
    X_val, y_val = clips(9, seed=5)
    options = {"lr": 0.0, "weight_decay": 0.0, "max_epochs": 1, "precision": "float64"}
    estimator = regressor(**options)
    estimator.fit(X, Y, X_val=X_val, y_val=y_val, unimodal_labels=human)
    error = np.abs(estimator.predict_unimodal(X_val)["text"] - y_val).mean()
    np.testing.assert_allclose(
        estimator.history_["valid_text"], error / estimator.net_.target.scale, rtol=1e-9
    )


def test_rows_of_weight_zero_are_as_if_absent():
    human = human_numbers()
    weight = np.r_[np.zeros(8), np.ones(16)]
    weighted = regressor(**STRICT)
    weighted.fit(X, Y, weight, unimodal_labels=human)
    part = regressor(**STRICT).fit(X[8:], Y[8:], unimodal_labels=human[8:])
    np.testing.assert_allclose(weighted.transform(X), part.transform(X), atol=1e-9)
    assert weighted.unimodal_labels_[:8].isna().all(axis=None)
    np.testing.assert_allclose(weighted.unimodal_labels_[8:], part.unimodal_labels_, atol=1e-9)


def test_a_class_of_a_row_of_weight_zero_may_be_unknown():
    human = human_classes()
    human.loc[0, "text"] = "sideways"
    weight = np.r_[0.0, np.ones(23)]
    estimator = classifier(**STRICT).fit(X, NAMES, weight, unimodal_labels=human)
    assert estimator.unimodal_labels_.iloc[0].isna().all()


def test_weights_count_rows_with_human_labels_too():
    human = human_numbers()
    weight = np.random.default_rng(0).integers(0, 3, 24).astype(float)
    rows = np.repeat(np.arange(24), weight.astype(int))
    options = STRICT | {"max_epochs": 4}
    weighted = regressor(**options).fit(X, Y, weight, unimodal_labels=human)
    repeated = regressor(**options).fit(X[rows], Y[rows], unimodal_labels=human.iloc[rows])
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-8)


def test_a_warm_start_keeps_them():
    human = human_numbers()
    options = STRICT | {"max_epochs": 3, "weight_averaging": None}
    warm = regressor(**options, warm_start=True).fit(X, Y, unimodal_labels=human)
    warm.fit(X, Y, unimodal_labels=human)
    whole = regressor(**options | {"max_epochs": 6}).fit(X, Y, unimodal_labels=human)
    np.testing.assert_allclose(warm.unimodal_labels_, whole.unimodal_labels_, atol=1e-9)
    np.testing.assert_allclose(warm.transform(X), whole.transform(X), atol=1e-9)


def test_a_warm_start_takes_labels_that_came_later():
    options = STRICT | {"max_epochs": 3}
    warm = regressor(**options, warm_start=True).fit(X, Y)
    before = warm.unimodal_labels_
    human = human_numbers()
    labels = warm.fit(X, Y, unimodal_labels=human).unimodal_labels_
    np.testing.assert_allclose(labels["text"], human["text"], rtol=1e-6)
    others = human["audio"].isna() & ~ABSENT
    # What was generated goes on from where it stood: y is in it less and less.
    assert (labels["audio"] - before["audio"])[others].abs().max() < 0.5
    assert warm.n_iter_ == 6


# How much they count, by hand.


class Memory:
    """Labels of three rows, the first row's text label given by somebody."""

    labels = torch.tensor([[2.0, 0.5], [1.0, 1.0], [0.0, 3.0]])
    fixed = torch.tensor([[True, False], [False, False], [False, False]])
    updated = True

    def moved_rows(self, index):
        return None


def test_a_human_label_is_taken_whole_and_a_generated_one_by_its_distance_from_y():
    y = torch.tensor([2.0, 1.0, 2.0])
    tanh = np.tanh([1.5, 2.0, 1.0])
    labels, weight = training_labels(
        Memory(),
        torch.tensor([0, 2]),
        y[[0, 2]],
        None,
        similarity_mixing=None,
        task_weights=TaskWeights(generated=(None, None), given=(1.0, 1.0)),
    )
    torch.testing.assert_close(labels, Memory.labels[[0, 2]])
    expected = torch.tensor([[1.0, tanh[0]], [tanh[1], tanh[2]]], dtype=torch.float32)
    torch.testing.assert_close(weight, expected)


def test_no_similarity_is_mixed_into_a_human_label():
    y = torch.tensor([2.0, 1.0, 2.0])
    confidence = torch.full((3, 2), 0.75, requires_grad=True)
    labels, _ = training_labels(
        Memory(),
        torch.arange(3),
        y,
        confidence,
        similarity_mixing=0.5,
        task_weights=None,
    )
    # The similarity label is y * (2 * .75 - 1) = y / 2.
    expected = torch.tensor([[2.0, 0.75], [0.75, 0.75], [0.5, 2.0]])
    torch.testing.assert_close(labels.detach(), expected)
    labels.sum().backward()
    assert confidence.grad[0, 0] == 0
    assert (confidence.grad.flatten()[1:] != 0).all()


# Tables as they come.


def fitted_labels(human, X=X, y=Y, build=regressor):
    return build(**STRICT).fit(X, y, unimodal_labels=human).unimodal_labels_


@pytest.mark.parametrize(
    "cells",
    [
        pd.array([1, None, 2] * 8, dtype="Int64"),
        pd.array([1.0, None, 2.0] * 8, dtype="Float64"),
        np.array([1, None, 2] * 8, dtype=object),
        np.array([1, np.nan, 2] * 8, dtype=np.float32),
    ],
    ids=["Int64", "Float64", "object", "float32"],
)
def test_numbers_of_any_dtype(cells):
    labels = fitted_labels(pd.DataFrame({"text": cells}))["text"]
    np.testing.assert_allclose(labels[::3], 1, rtol=1e-6)
    np.testing.assert_allclose(labels[2::3], 2, rtol=1e-6)
    np.testing.assert_allclose(labels[1::3], Y[1::3], atol=1)


@pytest.mark.parametrize(
    "y", [Y > 0, (Y > 0).astype(int), (Y > 0).astype(float), np.where(Y > 0, "yes", "no")]
)
@pytest.mark.parametrize("dtype", [object, "category"])
def test_classes_of_any_dtype(y, dtype):
    column = pd.Series(y[::-1], dtype=dtype)
    column[::4] = np.nan
    estimator = classifier(**STRICT).fit(X, y, unimodal_labels=pd.DataFrame({"text": column}))
    labels = estimator.unimodal_labels_["text"]
    given = column.notna()
    expected = np.array([estimator.classes_ == value for value in column[given]])
    np.testing.assert_array_equal(labels[given], expected)


def test_integers_that_gaps_made_floats_are_still_classes():
    y = (Y > 0).astype(int)
    column = pd.Series(y[::-1]).where(np.arange(24) % 2 == 0)
    assert column.dtype == float
    labels = fitted_labels(pd.DataFrame({"text": column}), y=y, build=classifier)["text"]
    np.testing.assert_array_equal(labels[::2], np.eye(2)[y[::-1][::2]])


@pytest.mark.parametrize(
    "index",
    [IDS, range(24), np.arange(24) + 100, np.arange(24)[::-1]],
    ids=["ids", "a count", "a part of a count", "a shuffled count"],
)
def test_rows_are_matched_by_their_place(index):
    human = human_numbers().set_axis(list(index))
    labels = fitted_labels(human, NAMED)
    assert labels.index.tolist() == IDS
    np.testing.assert_allclose(labels["text"], human["text"].to_numpy(), rtol=1e-6)


def test_without_ids_any_index_will_do():
    human = human_numbers().set_axis([f"row {row}" for row in range(24)])
    np.testing.assert_allclose(fitted_labels(human)["text"], human["text"].to_numpy(), rtol=1e-6)


def test_the_index_of_a_data_frame_names_its_rows():
    table = pd.DataFrame(
        {"text": [np.full((2, 3), y) for y in Y], "audio": [np.full((3, 2), y) for y in Y]},
        index=IDS,
    )
    human = human_numbers().set_axis(IDS)
    np.testing.assert_allclose(fitted_labels(human, table)["text"], human["text"], rtol=1e-6)
    with pytest.raises(ValueError, match="in the order of X: the index names row 0 'clip 23'"):
        regressor().fit(table, Y, unimodal_labels=human[::-1])


def test_the_labels_of_the_generated_data_fit_as_they_come():
    data = make_multimodal_sentiment(100, n_classes=3, random_state=0)
    estimator = classifier(max_epochs=1).fit(data.X, data.y, unimodal_labels=data.unimodal_labels)
    labels = estimator.unimodal_labels_.dropna()
    expected = np.eye(3)[data.unimodal_labels.loc[labels.index]]
    np.testing.assert_array_equal(labels, expected.reshape(len(labels), -1))


def test_the_table_is_left_as_it_was():
    human = human_numbers()
    before = human.copy()
    regressor().fit(X, Y, unimodal_labels=human)
    pd.testing.assert_frame_equal(human, before)


# Bad ones.

BAD = {
    "no data frame": (human_numbers().to_numpy(), "must be a pandas DataFrame .* got ndarray"),
    "a dict": ({"text": Y}, "must be a pandas DataFrame .* got dict"),
    "an unknown modality": (
        pd.DataFrame({"text": Y, "smell": Y}),
        r"has the column 'smell', which is no modality; they are \['text', 'audio'\]",
    ),
    "a column twice": (
        pd.DataFrame(np.zeros((24, 2)), columns=["text", "text"]),
        r"columns of the same name: \['text', 'text'\]",
    ),
    "another number of rows": (
        human_numbers()[:-1],
        "one row per row of X: X has 24 rows, unimodal_labels has 23",
    ),
    "other names": (
        human_numbers().set_axis([f"film {row}" for row in range(24)]),
        "order of X: the index names row 0 'film 0', in X it is 'clip 0'",
    ),
    "the names in another order": (
        human_numbers().set_axis([*IDS[:4], IDS[5], IDS[4], *IDS[6:]]),
        "index names row 4 'clip 5', in X it is 'clip 4'.*unimodal_labels.reset_index",
    ),
}


@pytest.mark.parametrize(("human", "message"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("build", [regressor, classifier])
def test_bad_tables(build, human, message):
    estimator = build()
    with pytest.raises((TypeError, ValueError), match=f"^unimodal_labels.*{message}"):
        estimator.fit(NAMED, Y if build is regressor else NAMES, unimodal_labels=human)
    assert not hasattr(estimator, "net_")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (np.inf, r"unimodal_labels\['audio'\] must be finite, or NaN where unknown; row 3 is inf"),
        (-np.inf, r"unimodal_labels\['audio'\] must be finite.*row 3 is -inf"),
        ("bad", r"unimodal_labels\['audio'\] must hold numbers"),
        ([1.0, 2.0], r"unimodal_labels\['audio'\] must hold numbers"),
        (1j, r"unimodal_labels\['audio'\] must hold numbers"),
    ],
)
def test_values_that_are_no_labels(value, message):
    human = human_numbers().astype(object)
    human.at[3, "audio"] = value
    with pytest.raises((TypeError, ValueError), match=message):
        regressor().fit(X, Y, unimodal_labels=human)


@pytest.mark.parametrize("value", ["sideways", 3, 0.5, True])
def test_unknown_classes(value):
    human = human_classes().astype(object)
    human.loc[3, "audio"] = value
    message = r"unimodal_labels\['audio'\] has the unknown class .*; known are \['down', 'flat'"
    with pytest.raises(ValueError, match=message):
        classifier().fit(X, NAMES, unimodal_labels=human)


@pytest.mark.parametrize("value", ["1", 2, 0.5, np.inf])
def test_unknown_classes_beside_numbers(value):
    human = pd.DataFrame({"audio": [value, *[1] * 23]}, dtype=object)
    with pytest.raises(ValueError, match=r"unimodal_labels\['audio'\] has the unknown class"):
        classifier().fit(X, (Y > 0).astype(int), unimodal_labels=human)


def test_partial_fit_takes_none():
    with pytest.raises(TypeError, match="unimodal_labels"):
        regressor().partial_fit(X, Y, unimodal_labels=human_numbers())


# Inside the tools of scikit-learn.


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


@pytest.mark.usefixtures("routing")
def test_cross_validation_hands_every_fold_its_labels():
    human = human_numbers().set_axis(IDS)
    estimator = make_pipeline(
        SequenceScaler(),
        regressor(**STRICT).set_fit_request(unimodal_labels=True),
    )
    scores = cross_validate(
        estimator, NAMED, Y, cv=3, params={"unimodal_labels": human}, return_estimator=True
    )
    for fitted in scores["estimator"]:
        labels = fitted[-1].unimodal_labels_
        assert len(labels) == 16
        np.testing.assert_allclose(labels["text"], human["text"].loc[labels.index], rtol=1e-6)


@pytest.mark.usefixtures("routing")
def test_a_grid_search_routes_labels_and_groups():
    grouped = MultimodalData(X.arrays, X.lengths, ids=IDS, groups=np.arange(24) // 3)
    human = human_numbers(gaps=False).set_axis(IDS)
    search = GridSearchCV(
        regressor(max_epochs=1).set_fit_request(unimodal_labels=True, groups=True),
        {"hidden_size": [4, 5]},
        cv=GroupKFold(2),
    )
    search.fit(grouped, Y, groups=grouped.groups, unimodal_labels=human)
    labels = search.best_estimator_.unimodal_labels_.dropna()
    np.testing.assert_allclose(labels["text"], human["text"].loc[labels.index], rtol=1e-6)
