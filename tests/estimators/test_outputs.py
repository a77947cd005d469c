"""What a fitted estimator tells about rows, and what parameters by modality do to it."""

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.pipeline import make_pipeline

from sklearn_tamulag import MultimodalPadder
from sklearn_tamulag.nn.attention import POOLINGS
from sklearn_tamulag.nn.fusion import FUSIONS
from tests.small_fits import STRICT, classifier, clips, regressor, three_classes

X, Y = clips(20, missing=True)


def states(estimator):
    return estimator.net_.module_.state_dict()


@pytest.fixture(scope="module")
def fitted():
    return regressor().fit(X, Y)


def test_transform_gives_the_fused_representation(fitted):
    representation = fitted.transform(X)
    assert representation.shape == (20, 8)
    assert representation.dtype == np.float32
    assert (representation >= 0).all()
    names = fitted.get_feature_names_out()
    assert names.tolist() == [f"tamulagregressor{column}" for column in range(8)]


def test_transform_as_a_frame():
    for form, index in ((X, range(20)), (pd.DataFrame(np.column_stack([Y, Y]), index=Y), Y)):
        estimator = regressor(max_epochs=1).set_output(transform="pandas").fit(form, Y)
        frame = estimator.transform(form)
        assert isinstance(frame, pd.DataFrame)
        assert frame.columns.tolist() == estimator.get_feature_names_out().tolist()
        assert frame.index.tolist() == list(index)


def test_fit_transform_and_a_pipeline_of_names(fitted):
    expected = fitted.transform(X)
    np.testing.assert_array_equal(regressor().fit_transform(X, Y), expected)
    pipeline = make_pipeline(MultimodalPadder(dtype="float64"), regressor()).fit(X, Y)
    np.testing.assert_allclose(pipeline.transform(X), expected, atol=1e-6)
    assert len(pipeline[-1].get_feature_names_out()) == 8


@pytest.mark.parametrize("attention", POOLINGS)
def test_attention_has_the_shape_of_the_padded_rows(attention):
    estimator = regressor(attention=attention, precision="float64").fit(X, Y)
    weights = estimator.temporal_attention(X)
    assert list(weights) == ["text", "audio"]
    for name, weight in weights.items():
        assert weight.shape == (20, 5)
        assert weight.dtype == np.float64
        assert (weight[~X.mask(name)] == 0).all()
        if attention == "gate":
            assert weight[X.mask(name)].any()
        else:
            np.testing.assert_allclose(weight.sum(axis=1), X.lengths[name] > 0)
            assert (weight >= 0).all()
    last = X.lengths["text"] - 1
    if attention == "mean":
        np.testing.assert_allclose(weights["text"][:, 0], 1 / (last + 1))
    if attention == "last":
        np.testing.assert_allclose(weights["text"][np.arange(20), last], 1)


def test_unimodal_predictions_are_in_units_of_y():
    estimator = regressor(**STRICT).fit(X, 1000 + 10 * Y)
    frame = estimator.predict_unimodal(X)
    assert frame.columns.tolist() == ["text", "audio"]
    assert frame.index.equals(pd.RangeIndex(20))
    np.testing.assert_array_equal(frame.isna(), ~X.present)
    assert (frame.isna() | (frame > 900) & (frame < 1100)).all(axis=None)


@pytest.mark.parametrize("frozen", ["text", "audio"])
def test_a_rate_of_zero_freezes_exactly_its_branch(frozen):
    options = {"weight_decay": 0.1, "max_epochs": 2}
    untrained = regressor(lr=0.0, **options).fit(X, Y)
    trained = regressor(lr={frozen: 0.0, "rest": 0.05}, **options).fit(X, Y)
    branch = f"branches.{['text', 'audio'].index(frozen)}."
    for name, value in states(trained).items():
        same = torch.equal(value, states(untrained)[name])
        # The vector for absent rows moves only where a modality is missing.
        if not name.endswith("absent"):
            assert same == name.startswith(branch), name


def test_weight_decay_by_modality_shrinks_its_branch_alone():
    norms = {}
    for decay in (0.0, 5.0):
        options = {"lr": 0.05, "weight_decay": {"audio": decay, "rest": 0.0}, "max_epochs": 6}
        estimator = regressor(**options, **STRICT, gradient_clipping=None).fit(X, Y)
        for number in (0, 1):
            weight = states(estimator)[f"branches.{number}.embedding.1.weight"]
            norms[decay, number] = float(weight.norm())
    assert norms[5.0, 1] < 0.5 * norms[0.0, 1]
    assert norms[5.0, 0] == pytest.approx(norms[0.0, 0], rel=0.3)


def test_dropout_by_modality_acts_on_its_branch_alone():
    estimator = regressor(dropout={"audio": 0.5, "rest": 0.0}).fit(X, Y)
    module = estimator.net_.module_.train()
    inputs, _ = estimator.net_.get_dataset(X)[np.arange(20)]
    first, second = (module(inputs["features"], inputs["lengths"]) for _ in range(2))
    assert torch.equal(first.unimodal_predictions[:, 0], second.unimodal_predictions[:, 0])
    assert not torch.equal(first.unimodal_predictions[:, 1], second.unimodal_predictions[:, 1])


def test_sizes_by_modality_and_encoders():
    estimator = regressor(
        embedding_size={"text": 3, "audio": 5},
        encoders={"audio": {"hidden_size": 4, "num_layers": 2, "bidirectional": True}},
    ).fit(X, Y)
    text, audio = estimator.net_.module_.branches
    assert text.embedding[1].weight.shape == (3, 6)
    assert audio.embedding[1].weight.shape == (5, 2 * 4)
    assert np.isfinite(estimator.predict(X)).all()


def test_fusions_are_distinct_and_can_be_switched_on():
    # What not to inherit, 9: cross fusion could not be switched on.
    sizes = set()
    for fusion in FUSIONS:
        estimator = regressor(fusion=fusion, fusion_size=7, max_epochs=1).fit(X, Y)
        assert estimator.transform(X).shape == (20, 7)
        weights = states(estimator).items()
        sizes.add(sum(value.numel() for name, value in weights if "fusion" in name))
    assert len(sizes) == len(FUSIONS)


@pytest.mark.parametrize(
    "optimizer", ["adamw", "adam", "nadam", "rmsprop", "sgd", torch.optim.Adamax]
)
def test_optimizers(optimizer):
    estimator = regressor(optimizer=optimizer, lr=0.01).fit(X, Y)
    frozen = regressor(optimizer=optimizer, lr=0.0).fit(X, Y)
    assert not np.allclose(estimator.predict(X), frozen.predict(X))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_cells(cell):
    estimator = regressor(cell=cell, bidirectional=True, num_layers=2).fit(X, Y)
    assert np.isfinite(estimator.predict(X)).all()


def test_bfloat16_trains_and_answers_in_single_precision():
    estimator = regressor(precision="bfloat16").fit(X, Y)
    assert {value.dtype for value in states(estimator).values()} == {torch.float32}
    assert estimator.transform(X).dtype == np.float32
    assert estimator.temporal_attention(X)["text"].dtype == np.float32
    single = regressor().fit(X, Y)
    np.testing.assert_allclose(estimator.predict(X), single.predict(X), atol=0.1)
    labels = three_classes(Y)
    assert set(classifier(precision="bfloat16").fit(X, labels).predict(X)) <= set(labels)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_weights_have_the_wanted_precision(precision):
    estimator = regressor(precision=precision).fit(X, Y)
    assert {value.dtype for value in states(estimator).values()} == {getattr(torch, precision)}
    assert estimator.transform(X).dtype == precision
