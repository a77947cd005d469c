"""Modalities that rows lack, at fit and at predict."""

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.pipeline import make_pipeline

from sklearn_tamulag import MultimodalData, MultimodalPadder
from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.preprocessing import SequenceScaler
from sklearn_tamulag.training.loop.missing import hide_modalities
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes

N = 20
X, Y = clips(N, missing=True)
FULL, _ = clips(N)
BOTH = pytest.mark.parametrize(
    ("build", "y"),
    [(regressor, Y), (classifier, three_classes(Y))],
    ids=["regressor", "classifier"],
)


def without(data, name):
    """The same rows, all of which lack a modality."""
    return MultimodalData(data.arrays, data.lengths | {name: np.zeros(len(data), dtype=int)})


def outputs(estimator, data):
    """All that an estimator says of some rows, as arrays."""
    predictions = estimator.decision_function if hasattr(estimator, "classes_") else None
    return [
        (predictions or estimator.predict)(data),
        estimator.transform(data),
        estimator.predict_unimodal(data).to_numpy(),
        *estimator.temporal_attention(data).values(),
    ]


def assert_equal_bits(estimator, data, other):
    for values, expected in zip(outputs(estimator, data), outputs(estimator, other), strict=True):
        np.testing.assert_array_equal(values, expected)


def embeddings(estimator, data):
    """The embeddings of every modality, in the order of the rows."""
    parts = [np.zeros((len(data), branch.absent.numel())) for branch in branches(estimator)]
    for rows, output in estimator.net_.outputs(data):
        for part, embedding in zip(parts, output.embeddings, strict=True):
            part[rows] = embedding.numpy()
    return parts


def branches(estimator):
    return estimator.net_.module_.branches


# An absent column or key.


@BOTH
def test_an_absent_modality_is_missing_in_every_row(build, y):
    estimator = build(allow_missing=True).fit(X, y)
    expected = without(X, "audio")
    steps = [
        array[:length] for array, length in zip(X.arrays["text"], X.lengths["text"], strict=True)
    ]
    forms = {
        "MultimodalData": X.select("text"),
        "dict": {"text": steps},
        "dict with None": {"text": steps, "audio": None},
        "DataFrame": pd.DataFrame({"text": steps}),
        "DataFrame with an empty column": pd.DataFrame({"text": steps, "audio": [None] * N}),
    }
    reference = build(allow_missing=True).fit(X, y)
    for name, form in forms.items():
        np.testing.assert_array_equal(
            estimator.transform(form), reference.transform(expected), err_msg=name
        )
        np.testing.assert_array_equal(estimator.predict(form), reference.predict(expected))
        assert estimator.predict_unimodal(form)["audio"].isna().all()
        assert (estimator.temporal_attention(form)["audio"] == 0).all()


def test_a_frame_of_numbers_can_be_what_is_left_of_the_modalities():
    frame = pd.DataFrame({"text": list(FULL.arrays["text"]), "age": np.arange(N, dtype=float)})
    estimator = regressor(allow_missing=True).fit(frame, Y)
    expected = estimator.predict(frame.assign(text=None))
    np.testing.assert_array_equal(estimator.predict(frame[["age"]]), expected)


def test_an_absent_modality_is_refused_by_default_and_the_message_says_what_would_take_it():
    estimator = regressor().fit(X, Y)
    message = "missing: 'audio'. allow_missing=True takes what X lacks as missing in every row."
    with pytest.raises(ValueError, match=message):
        estimator.predict(X.select("text"))


def test_unknown_modalities_are_refused_all_the_same():
    estimator = regressor(allow_missing=True).fit(X, Y)
    with pytest.raises(ValueError, match="unknown: 'smell'"):
        estimator.predict({"text": X.arrays["text"], "smell": X.arrays["audio"]})
    with pytest.raises(ValueError, match="at least one modality"):
        estimator.predict({"text": None, "audio": None})


def test_more_training_and_validation_rows_may_lack_a_modality():
    estimator = regressor(allow_missing=True).fit(X, Y, X_val=X.select("text"), y_val=Y)
    estimator.partial_fit(X.select("text"), Y)
    assert estimator.unimodal_labels_["audio"].isna().all()
    assert np.isfinite(estimator.predict(X)).all()


def test_a_pipeline_lets_an_absent_modality_through():
    steps = [MultimodalPadder(allow_missing=True), SequenceScaler(), regressor()]
    pipeline = make_pipeline(*steps).fit(X, Y)
    expected = pipeline.predict(without(X, "audio"))
    np.testing.assert_array_equal(pipeline.predict(X.select("text")), expected)
    scaler = SequenceScaler(allow_missing=True).fit(X)
    assert scaler.transform(X.select("text")).lengths["audio"].tolist() == [0] * N


@BOTH
def test_a_row_with_nothing_is_refused(build, y):
    nothing = MultimodalData(X.arrays, {name: [0] * 3 + [1] * (N - 3) for name in X.modalities})
    with pytest.raises(ValueError, match="X has no modality in row 0"):
        build().fit(nothing, y)
    with pytest.raises(ValueError, match="X has no modality in row 0"):
        build().fit(X, y).predict(nothing)


# What stands where a modality is missing cannot matter.


@settings(max_examples=10)
@given(
    garbage=st.sampled_from([np.nan, np.inf, -np.inf, 1e30, -3.0]),
    fusion=st.sampled_from(FUSIONS),
    mapped=st.booleans(),
)
def test_hidden_values_change_no_bit_of_a_prediction(tmp_path_factory, garbage, fusion, mapped):
    estimator = regressor(fusion=fusion, max_epochs=1).fit(X, Y)
    assert_equal_bits(estimator, filled(X, garbage, tmp_path_factory, mapped), X)


@BOTH
@pytest.mark.parametrize("garbage", [np.nan, 1e30])
def test_hidden_values_change_no_bit_of_a_fit(build, y, garbage, tmp_path_factory):
    options = {"modality_dropout": 0.3, "max_epochs": 3, "batch_size": 8}
    expected = build(**options).fit(X, y)
    for mapped in (False, True):
        estimator = build(**options).fit(filled(X, garbage, tmp_path_factory, mapped), y)
        np.testing.assert_array_equal(estimator.transform(X), expected.transform(X))
        np.testing.assert_array_equal(estimator.unimodal_labels_, expected.unimodal_labels_)


def filled(data, garbage, folders, mapped):
    """The same rows with other values in all steps that are not valid, in memory or on disk."""
    arrays = {
        name: np.where(data.mask(name)[:, :, np.newaxis], array, garbage)
        for name, array in data.arrays.items()
    }
    if mapped:
        folder = folders.mktemp("hidden")
        for name, array in arrays.items():
            np.save(folder / f"{name}.npy", array)
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in arrays}
    return MultimodalData(arrays, data.lengths)


@pytest.mark.parametrize("label_generation", ["calibrated", "ulgm", "ulag"])
def test_a_missing_modality_leaves_no_trace_in_training(label_generation):
    # The encoder and the head of audio see the rows that have audio, and no others.
    options = STRICT | {"label_generation": label_generation, "max_epochs": 1}
    estimator = regressor(**options).fit(X, Y)
    other = regressor(**options).fit(X, np.where(X.lengths["audio"] == 0, -Y, Y))
    np.testing.assert_array_equal(
        estimator.unimodal_labels_["audio"].isna(), X.lengths["audio"] == 0
    )
    # Neutral point and scale are the same for both signs of y; one step of the head tells.
    rows = X.lengths["audio"] > 0
    assert estimator.net_.target == other.net_.target
    assert_head_gradient_is_that_of(estimator, rows)


def assert_head_gradient_is_that_of(estimator, rows):
    """The loss of the audio task has no gradient from rows without audio."""
    net = estimator.net_
    dataset = net.get_dataset(X, Y)
    inputs, y = dataset[np.arange(N)]
    net._set_training(False)
    output = net.infer(inputs)
    loss = net._task_losses(output, y, inputs, training=False)[0][2]
    (gradient,) = torch.autograd.grad(loss, output.unimodal_predictions)
    touched = (gradient[:, 1] != 0).numpy()
    assert not touched[~rows].any()
    assert touched[rows].all()


def test_the_confidence_of_a_modality_does_not_see_one_that_is_missing():
    estimator = regressor(label_generation="ulag").fit(X, Y)
    layers = estimator.net_.module_.confidence
    fused, unimodal = torch.rand(4, 8), [torch.rand(4, 8), torch.rand(4, 8)]
    present = torch.tensor([[True, True], [True, False], [True, True], [True, False]])
    expected = layers(fused, unimodal, present)
    other = layers(fused, [unimodal[0], unimodal[1] + 5], present)
    lacks = ~present[:, 1]
    torch.testing.assert_close(other[lacks, 0], expected[lacks, 0], rtol=0, atol=0)
    assert not torch.equal(other[~lacks, 0], expected[~lacks, 0])


# What stands for a missing modality.


def test_a_row_without_a_modality_has_its_stand_in_whatever_stands_there():
    estimator = regressor(max_epochs=4, early_stopping=False).fit(X, Y)
    audio = branches(estimator)[1].absent.detach()
    present = X.lengths["audio"] > 0
    np.testing.assert_array_equal(
        embeddings(estimator, X)[1][~present], np.tile(audio, (N - present.sum(), 1))
    )


def test_predictions_without_a_modality_lie_near_those_of_its_mean():
    estimator = regressor(max_epochs=8, lr=0.01).fit(FULL, Y)
    complete, lacking = (estimator.predict(data) for data in (FULL, without(FULL, "audio")))
    assert np.corrcoef(complete, lacking)[0, 1] > 0.5
    assert abs(complete.mean() - lacking.mean()) < 0.5 * Y.std()


# Predictions of a modality that is missing.


def test_unimodal_predictions_are_nan_where_the_modality_is_missing():
    present = X.lengths["audio"] > 0
    values = regressor().fit(X, Y).predict_unimodal(X)
    assert values["text"].notna().all()
    np.testing.assert_array_equal(values["audio"].notna(), present)


@pytest.mark.parametrize("kind", [str, int, bool])
def test_unimodal_classes_are_nan_where_the_modality_is_missing(kind):
    y = {"str": three_classes(Y), "int": (Y > 0).astype(int), "bool": Y > 0}[kind.__name__]
    estimator = classifier().fit(X, y)
    values = estimator.predict_unimodal(X)
    present = X.lengths["audio"] > 0
    np.testing.assert_array_equal(values["audio"].notna(), present)
    assert set(values["audio"][present]) <= set(estimator.classes_)
    assert set(values["text"]) <= set(estimator.classes_)


# Hiding modalities in training.


def lengths_of(rows):
    table = torch.tensor(rows)
    return {f"m{column}": table[:, column] for column in range(table.shape[1])}


def test_hidden_modalities_come_in_the_share_asked_for_and_one_remains():
    rows = [[3, 5, 2]] * 4000 + [[0, 4, 0]] * 100
    hidden = torch.stack(list(hide_modalities(lengths_of(rows), 0.3).values()), dim=1)
    complete, single = hidden[:4000], hidden[4000:]
    assert (hidden > 0).any(dim=1).all()
    assert (single == torch.tensor([0, 4, 0])).all()
    # 0.3, but for the 0.027 of the rows that would lose all three.
    share = (complete == 0).float().mean(dim=0)
    torch.testing.assert_close(share, torch.full((3,), 0.3 - 0.027 / 3), atol=0.03, rtol=0)
    assert ((complete == 0) | (complete == torch.tensor([3, 5, 2]))).all()


def test_where_all_would_be_hidden_each_is_as_likely_to_remain():
    shown = torch.stack(list(hide_modalities(lengths_of([[1, 1]] * 4000), 0.999).values()), dim=1)
    assert (shown.sum(dim=1) >= 1).all()
    assert abs(shown.float().mean(dim=0)[0] - 0.5) < 0.05


@BOTH
def test_modality_dropout_is_reproducible_and_matters(build, y):
    options = {"max_epochs": 3, "dropout": 0, "batch_size": 8}
    plain = build(**options).fit(FULL, y)
    first, again = (build(modality_dropout=0.4, **options).fit(FULL, y) for _ in range(2))
    np.testing.assert_array_equal(first.transform(FULL), again.transform(FULL))
    np.testing.assert_array_equal(first.unimodal_labels_, again.unimodal_labels_)
    assert not np.allclose(first.transform(FULL), plain.transform(FULL))


def test_a_hidden_modality_adds_nothing_to_the_loss():
    estimator = regressor(modality_dropout=0.999, dropout=0, **{"early_stopping": False})
    seen = []

    class Seen(torch.optim.SGD):
        def step(self, closure=None):
            heads = [branch.head for branch in branches(estimator)]
            seen.append([head.representation[-2].weight.grad for head in heads])
            return super().step(closure)

    estimator.set_params(optimizer=Seen, batch_size=1, max_epochs=1).fit(FULL, Y)
    # One of the two modalities of every row is hidden, and its head has no gradient at all.
    for gradients in seen:
        moved = [bool(gradient.abs().max() > 0) for gradient in gradients]
        assert sum(moved) <= 1
    assert len(seen) == N


@BOTH
def test_one_modality_alone_is_never_hidden(build, y):
    options = {"dropout": 0, "max_epochs": 2}
    data = FULL.select("text")
    hidden = build(modality_dropout=0.9, **options).fit(data, y)
    plain = build(**options).fit(data, y)
    np.testing.assert_array_equal(hidden.transform(data), plain.transform(data))
