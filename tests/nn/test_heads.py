"""Prediction heads and the confidence of generated labels."""

import math

import pytest
import torch

from sklearn_tamulag.nn.heads import MultimodalHead, SimilarityConfidence, UnimodalHead


def set_linear(layer, weight, bias):
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weight))
        layer.bias.copy_(torch.tensor(bias))


def test_multimodal_head_by_hand():
    head = MultimodalHead(2, 1)
    set_linear(head.prediction[0], [[1.0, -1.0], [2.0, 0.0]], [0.0, 1.0])
    set_linear(head.prediction[2], [[10.0, 1.0]], [0.5])
    # Row 0: relu(1 - 3) = 0, relu(2 + 1) = 3. Row 1: relu(3 - 1) = 2, relu(6 + 1) = 7.
    assert head(torch.tensor([[1.0, 3.0], [3.0, 1.0]])).tolist() == [[3.5], [27.5]]


def test_unimodal_head_by_hand():
    head = UnimodalHead(2, 3, dropout=0.0)
    set_linear(head.representation[1], [[1.0, 0.0], [0.0, -1.0]], [0.0, 0.0])
    set_linear(head.prediction[0], [[1.0, 1.0], [0.0, 1.0]], [0.0, -1.0])
    set_linear(head.prediction[2], [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], [0.0, 0.0, -1.0])
    representation, prediction = head(torch.tensor([[2.0, -3.0], [-2.0, 3.0]]))
    assert representation.tolist() == [[2.0, 3.0], [0.0, 0.0]]
    # Row 0: relu(5) and relu(2), then 5, 2 and 5 + 2 - 1. Row 1: nothing but the last bias.
    assert prediction.tolist() == [[5.0, 2.0, 6.0], [0.0, 0.0, -1.0]]


def test_a_representation_may_have_its_own_size():
    head = UnimodalHead(4, 2, dropout=0.0, representation_size=7)
    representation, prediction = head(torch.randn(3, 4))
    assert (representation.shape, prediction.shape) == ((3, 7), (3, 2))
    assert head.prediction[0].weight.shape == (7, 7)


def test_unimodal_dropout_acts_in_training_alone():
    head = UnimodalHead(16, 1, dropout=0.5)
    embedding = torch.randn(4, 16)
    assert not torch.equal(head(embedding)[0], head(embedding)[0])
    head.eval()
    assert torch.equal(head(embedding)[0], head(embedding)[0])


def test_confidence_by_hand():
    layers = SimilarityConfidence(1, [2], expert_size=2)
    set_linear(layers.fused_expert, [[1.0], [-1.0]], [0.0, 0.0])
    set_linear(layers.unimodal_experts[0], [[0.5, 0.0], [0.0, 0.5]], [0.0, 0.0])
    set_linear(layers.confidence[0][0], [[1.0, 0.0], [0.0, 1.0]], [0.0, 1.0])
    set_linear(layers.confidence[0][1], [[0.1, 0.2]], [-0.5])
    # Experts: fused (2, 0), modality (1, 0.5). Similarities to the modality's: 2 and 1.25.
    gathered = (2 * 2.0 + 1.25 * 1.0, 2 * 0.0 + 1.25 * 0.5)
    logit = 0.1 * gathered[0] + 0.2 * (gathered[1] + 1.0) - 0.5
    confidence = layers(torch.tensor([[2.0]]), [torch.tensor([[2.0, 1.0]])])
    assert confidence.shape == (1, 1)
    assert confidence.item() == pytest.approx(1 / (1 + math.exp(-logit)))


def test_confidence_gathers_over_all_representations():
    layers = SimilarityConfidence(4, [2, 3, 5], expert_size=6)
    fused, unimodal = torch.randn(7, 4), [torch.randn(7, size) for size in (2, 3, 5)]
    experts = [torch.relu(layers.fused_expert(fused))]
    experts += [
        torch.relu(expert(given))
        for expert, given in zip(layers.unimodal_experts, unimodal, strict=True)
    ]
    for m, own in enumerate(experts[1:]):
        gathered = sum((own * expert).sum(dim=1, keepdim=True) * expert for expert in experts)
        expected = torch.sigmoid(layers.confidence[m](gathered)).squeeze(1)
        torch.testing.assert_close(layers(fused, unimodal)[:, m], expected)


def test_confidence_trains_its_own_layers_alone():
    layers = SimilarityConfidence(8, [8, 8])
    fused = torch.randn(6, 8, requires_grad=True)
    unimodal = [torch.randn(6, 8, requires_grad=True) for _ in range(2)]
    confidence = layers(fused, unimodal)
    assert ((confidence > 0) & (confidence < 1)).all()
    confidence.square().sum().backward()
    assert all(given.grad is None for given in (fused, *unimodal))
    for name, weight in layers.named_parameters():
        assert weight.grad.abs().sum() > 0, name


def test_number_of_representations_must_fit():
    layers = SimilarityConfidence(2, [2, 2])
    with pytest.raises(ValueError, match="shorter"):
        layers(torch.ones(1, 2), [torch.ones(1, 2)])
