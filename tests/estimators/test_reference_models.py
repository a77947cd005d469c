"""The published settings of the field's models: their values, and that they build and train."""

import inspect

import numpy as np
import pytest

from sklearn_tamulag import TAMULAGRegressor, reference_params
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.estimators.reference_models import MODELS
from sklearn_tamulag.nn import CrossmodalFusion, LowRankFusion, TensorFusion

DATASETS = ("mosi", "mosei", "sims")
# Values of MMSA's configuration by data set: batch size, rate, sizes of text, dropout of the rest.
PUBLISHED = {
    "self_mm": ((16, 32, 32), (1e-3, 1e-3, 1e-3), (768, 768, 768), (0.0, 0.1, 0.0)),
    "tfn": ((32, 128, 32), (1e-3, 5e-3, 5e-4), (32, 128, 256), (0.5, 0.4, 0.4)),
    "lmf": ((64, 32, 64), (1e-3, 1e-3, 5e-4), (64, 64, 32), (0.3, 0.2, 0.2)),
    "mult": ((16, 4, 16), (2e-3, 5e-4, 2e-3), (50, 30, 50), (0.5, 0.5, 0.1)),
    "lf_dnn": ((128, 64, 128), (1e-3, 2e-3, 5e-3), (256, 128, 256), (0.2, 0.2, 0.5)),
}
FUSED = {
    "tfn": TensorFusion,
    "lmf": LowRankFusion,
    "mult": CrossmodalFusion,
}


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("model", PUBLISHED)
def test_values_are_the_published_ones(model, place):
    params = reference_params(DATASETS[place], model=model)
    batch_size, rate, text, dropout = (values[place] for values in PUBLISHED[model])
    lr = params["lr"]
    assert params["batch_size"] == batch_size
    assert (lr["rest"] if isinstance(lr, dict) else lr) == rate
    assert params["embedding_size"]["text"] == text
    assert params["dropout"]["rest"] == dropout
    assert params["optimizer"] == "adam"
    assert set(params) <= set(inspect.signature(TAMULAGRegressor).parameters)
    tasks = model == "self_mm"
    assert params["label_generation"] == ("ulgm" if tasks else "none")
    assert params.get("unimodal_weight", 0.0 if not tasks else None) == (None if tasks else 0.0)


def test_every_model_is_known():
    assert set(PUBLISHED) == set(MODELS)
    with pytest.raises(ValueError, match=r"\['tam_ulag', 'self_mm', .*'mult', .*got 'misa'"):
        reference_params("mosi", model="misa")


def test_some_modalities_alone_and_dicts_of_their_own():
    params = reference_params("sims", modalities=["audio", "text"], model="lmf")
    for name in ("encoders", "embedding_size"):
        assert list(params[name]) == ["audio", "text"]
    assert list(params["lr"]) == ["audio", "text", "rest"]
    params["encoders"]["audio"]["cell"] = "conv"
    again = reference_params("sims", modalities=["audio", "text"], model="lmf")
    assert again["encoders"]["audio"] == {"cell": "mlp", "num_layers": 3, "hidden_size": 16}


def test_a_transformer_moves_at_a_rate_of_its_own():
    for model, decay in (("tfn", {}), ("mult", {}), ("self_mm", {"weight_decay": 1e-3})):
        params = reference_params("mosi", model=model, text_encoder="bert-base-uncased")
        expected = {"lr": 5e-5, "transformer": "bert-base-uncased"} | decay
        assert params["encoders"]["text"] == expected


@pytest.mark.slow
@pytest.mark.parametrize("model", PUBLISHED)
def test_an_estimator_of_them_trains(model):
    data = make_multimodal_sentiment(30, length_range=(3, 6), random_state=0)
    params = reference_params("mosei", model=model) | {"max_epochs": 1, "early_stopping": False}
    estimator = TAMULAGRegressor(**params, random_state=0).fit(data.X, data.y)
    assert np.isfinite(estimator.predict(data.X)).all()
    module = estimator.net_.module_
    assert isinstance(module.fusion, FUSED.get(model, object))
    sizes = [branch.embedding[1].out_features for branch in module.branches]
    assert sizes == list(params["embedding_size"].values())
