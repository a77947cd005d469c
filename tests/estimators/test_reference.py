"""The published settings: their values, and that estimators built from them train."""

import inspect

import numpy as np
import pytest

from sklearn_tamulag import TAMULAGClassifier, TAMULAGRegressor, reference_params
from sklearn_tamulag.datasets import make_multimodal_sentiment
from tests.tiny_bert import tiny_bert, tiny_texts

# A row per data set, as the released configuration has them: text, audio, vision, then the rest.
PUBLISHED = {
    "mosi": {
        "lr": (5e-5, 1e-3, 1e-4, 1e-3),
        "weight_decay": (0.001, 0.01, 0.001, 0.001),
        "dropout": (0, 0.1, 0.1, 0.1),
        "hidden_size": (32, 64),
        "unimodal_size": (64, 16, 32),
    },
    "mosei": {
        "lr": (5e-5, 5e-3, 1e-4, 1e-3),
        "weight_decay": (0.001, 0, 0, 0.01),
        "dropout": (0.1, 0, 0.1, 0),
        "hidden_size": (32, 32),
        "unimodal_size": (32, 16, 16),
    },
    "sims": {
        "lr": (5e-5, 1e-5, 2e-4, 5e-4),
        "weight_decay": (0.001, 0.01, 0.01, 0.001),
        "dropout": (0.1, 0.1, 0, 0),
        "hidden_size": (16, 64),
        "unimodal_size": (64, 16, 32),
    },
}
DATASETS = pytest.mark.parametrize("dataset", PUBLISHED)


@DATASETS
def test_values_are_the_published_ones(dataset):
    params, published = reference_params(dataset), PUBLISHED[dataset]
    encoders = [params["encoders"][name] for name in ("text", "audio", "vision")]
    for option in ("lr", "weight_decay"):
        assert (*(encoder[option] for encoder in encoders), params[option]) == published[option]
    assert tuple(params["dropout"].items()) == tuple(
        zip(("text", "audio", "vision", "rest"), published["dropout"], strict=True)
    )
    assert tuple(encoder.get("hidden_size") for encoder in encoders) == (
        None,
        *published["hidden_size"],
    )
    assert tuple(params["unimodal_size"].values()) == published["unimodal_size"]
    assert params["embedding_size"] == {"text": 768, "audio": 16, "vision": 32}
    assert params["num_layers"] == 1
    assert params["fusion_size"] == 128
    assert params["expert_size"] == 16
    assert (params["batch_size"], params["gradient_accumulation"]) == (32, 4)
    assert (params["early_stopping"], params["n_iter_no_change"]) == (True, 8)
    assert (params["neutral"], params["target_scale"]) == (0.0, 1.0)
    assert (params["attention"], params["fusion"]) == ("gate", "semantic")
    assert (params["label_generation"], params["label_mixing"]) == ("ulag", 0.5)


@DATASETS
def test_every_argument_is_one_of_the_constructor(dataset):
    assert set(reference_params(dataset)) <= set(inspect.signature(TAMULAGRegressor).parameters)


@DATASETS
def test_a_call_gives_dicts_of_its_own(dataset):
    params = reference_params(dataset)
    params["encoders"]["audio"]["lr"] = 1.0
    params["dropout"]["rest"] = 0.9
    params["fusion_size"] = 1
    fresh = reference_params(dataset)
    assert fresh["encoders"]["audio"]["lr"] == PUBLISHED[dataset]["lr"][1]
    assert fresh["dropout"]["rest"] == PUBLISHED[dataset]["dropout"][3]
    assert fresh["fusion_size"] == 128


@DATASETS
def test_an_estimator_of_them_trains(dataset):
    data = make_multimodal_sentiment(100, length_range=(3, 8), random_state=0)
    estimator = TAMULAGRegressor(**reference_params(dataset), max_epochs=2, random_state=0)
    estimator.fit(data.X, data.y)
    assert np.isfinite(estimator.predict(data.X)).all()
    branches = estimator.net_.module_.branches
    sizes = PUBLISHED[dataset]
    assert [branch.head.prediction[0].in_features for branch in branches] == [
        *sizes["unimodal_size"]
    ]
    # Each encoder moves at its own rate, and all other weights at the rate of the rest.
    rates = {}
    for group in estimator.net_.optimizer_.param_groups:
        for weight in group["params"]:
            rates[id(weight)] = group["lr"], group["weight_decay"]
    by_name = {
        name: rates[id(weight)] for name, weight in estimator.net_.module_.named_parameters()
    }
    pairs = list(zip(sizes["lr"], sizes["weight_decay"], strict=True))
    for number in range(3):
        own = {
            pair for name, pair in by_name.items() if name.startswith(f"branches.{number}.encoder.")
        }
        assert own == {pairs[number]}
    assert {pair for name, pair in by_name.items() if ".encoder." not in name} == {pairs[3]}


def test_some_modalities_alone():
    params = reference_params("mosi", modalities=["audio", "text"])
    for name in ("encoders", "embedding_size", "unimodal_size"):
        assert list(params[name]) == ["audio", "text"]
    assert list(params["dropout"]) == ["audio", "text", "rest"]
    data = make_multimodal_sentiment(100, length_range=(3, 8), random_state=0)
    X = data.X.select(["text", "audio"])
    TAMULAGRegressor(**params, max_epochs=1, random_state=0).fit(X, data.y)
    assert reference_params("mosi", modalities="text")["embedding_size"] == {"text": 768}


def test_a_transformer_reads_text_at_the_published_rate():
    params = reference_params("mosi", text_encoder="bert-base-uncased")
    assert params["encoders"]["text"] == {
        "lr": 5e-5,
        "weight_decay": 0.001,
        "transformer": "bert-base-uncased",
    }
    assert "transformer" not in reference_params("mosi")["encoders"]["text"]
    with pytest.raises(ValueError, match='text_encoder needs the modality "text"'):
        reference_params("mosi", modalities=["audio"], text_encoder="bert-base-uncased")


def test_an_estimator_with_a_transformer_trains(tmp_path):
    pytest.importorskip("transformers")
    texts, y = tiny_texts(20)
    audio = np.random.default_rng(0).normal(size=(20, 3, 2))
    params = reference_params(
        "mosi", modalities=["text", "audio"], text_encoder=tiny_bert(tmp_path / "bert")
    )
    estimator = TAMULAGRegressor(**params, max_epochs=1, random_state=0)
    X = {"text": texts, "audio": audio}
    assert np.isfinite(estimator.fit(X, y).predict(X)).all()


def test_a_classifier_takes_them_but_for_the_labels():
    data = make_multimodal_sentiment(100, length_range=(3, 8), n_classes=3, random_state=0)
    params = reference_params("sims") | {"label_generation": "auto", "max_epochs": 1}
    classifier = TAMULAGClassifier(**params, random_state=0).fit(data.X, data.y)
    assert classifier.predict(data.X).shape == (100,)


@pytest.mark.parametrize("dataset", ["MOSI", "simsv2", None, ["mosi"]])
def test_an_unknown_data_set(dataset):
    with pytest.raises(ValueError, match=r"dataset must be one of \['mosi', 'mosei', 'sims'\]"):
        reference_params(dataset)


@pytest.mark.parametrize("modalities", [[], ["smell"], ["text", "text"], "touch"])
def test_modalities_that_are_none(modalities):
    with pytest.raises(ValueError, match=r"modalities must be some of \['text', 'audio', 'vis"):
        reference_params("mosi", modalities=modalities)
