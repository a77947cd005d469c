"""What bfloat16 leaves of predictions and attention: float32, as fine as it is elsewhere."""

import numpy as np
import pytest
import torch

from sklearn_tamulag import TAMULAGClassifier, TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.nn.attention import POOLINGS, build_pooling
from sklearn_tamulag.nn.heads import MultimodalHead, UnimodalHead


@pytest.fixture
def states():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(6, 40, 8, generator=generator)


@pytest.mark.parametrize("kind", POOLINGS)
def test_poolings_of_short_states_are_those_of_wide_ones(kind, states):
    torch.manual_seed(0)
    pooling, lengths = build_pooling(kind, 8), torch.tensor([40, 3, 0, 17, 40, 1])
    short = states.bfloat16()
    expected = pooling(short.float(), lengths)
    with torch.autocast("cpu", torch.bfloat16):
        found = pooling(short, lengths)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_heads_of_short_embeddings_are_those_of_wide_ones(states):
    torch.manual_seed(0)
    unimodal, multimodal = UnimodalHead(8, 3, dropout=0.0), MultimodalHead(8, 3)
    short = states[:, 0].bfloat16()
    expected = (*unimodal(short.float()), multimodal(short.float()))
    with torch.autocast("cpu", torch.bfloat16):
        found = (*unimodal(short), multimodal(short))
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("fusion", ["concat", "cross"])
def test_predictions_of_a_bfloat16_fit_do_not_share_values(fusion):
    data = make_multimodal_sentiment(300, random_state=0)
    estimator = TAMULAGRegressor(
        precision="bfloat16", max_epochs=2, device="cpu", random_state=0, fusion=fusion
    ).fit(data.X, data.y)
    prediction = estimator.predict(data.X)
    assert len(np.unique(prediction)) >= 290
    for weights in estimator.temporal_attention(data.X).values():
        assert weights.dtype == np.float32
        full = weights.sum(axis=1)
        np.testing.assert_allclose(full[full > 0.5], 1, atol=1e-6)


def test_probabilities_of_a_bfloat16_fit_do_not_share_values():
    data = make_multimodal_sentiment(300, random_state=0)
    classifier = TAMULAGClassifier(
        precision="bfloat16", max_epochs=2, device="cpu", random_state=0
    ).fit(data.X, np.where(data.y > 0, "up", "down"))
    probability = classifier.predict_proba(data.X)
    assert len(np.unique(probability[:, 0])) >= 290
    np.testing.assert_allclose(probability.sum(axis=1), 1, atol=1e-6)
