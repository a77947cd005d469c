"""Fusion by products: of all entries, and of low rank."""

import pytest
import torch

from sklearn_tamulag.nn import LowRankFusion, TensorFusion, tensor_fusion
from tests.nn.test_fusion import AUDIO, TEXT, VISION, pass_through


def test_tensor_of_two_numbers_by_hand():
    fusion = pass_through(TensorFusion([1, 1], 4, dropout=0.0))
    # (1, 3) x (1, 1) of the first row, (1, 2) x (1, 10) of the second.
    assert fusion([AUDIO, VISION]).tolist() == [[1.0, 1.0, 3.0, 3.0], [1.0, 10.0, 2.0, 20.0]]


def test_tensor_is_the_outer_product_of_extended_embeddings():
    fusion = pass_through(TensorFusion([2, 1, 1], 12, dropout=0.0))
    text, audio, vision = ([1.0, *values[0].tolist()] for values in (TEXT, AUDIO, VISION))
    expected = [t * a * v for t in text for a in audio for v in vision]
    assert fusion([TEXT, AUDIO, VISION])[0].tolist() == expected


def test_rows_of_many_products_go_in_pieces(monkeypatch):
    fusion = TensorFusion([3, 4], 5, dropout=0.0)
    embeddings = [torch.randn(7, 3), torch.randn(7, 4)]
    expected = fusion(embeddings)
    monkeypatch.setattr(tensor_fusion, "MOST_PRODUCTS", 45)
    torch.testing.assert_close(fusion(embeddings), expected, atol=1e-6, rtol=0)


def test_a_tensor_that_is_too_large_is_refused():
    message = r"embedding_size \[32, 32, 32, 32, 32\] that is 39135393 products.*'low_rank'"
    with pytest.raises(ValueError, match=message):
        TensorFusion([32] * 5, 64, dropout=0.0)


def test_low_rank_is_a_tensor_of_weights():
    fusion = LowRankFusion([2, 3, 1], 4, dropout=0.0).double()
    with torch.no_grad():
        for weight in fusion.parameters():
            weight.normal_()
    embeddings = [torch.randn(6, size, dtype=torch.float64) for size in (2, 3, 1)]
    # A column for the one in front of each embedding: (R, S, 1 + K)
    factors = [
        torch.cat([factor.bias[:, None], factor.weight], dim=1).unflatten(0, (4, 4))
        for factor in fusion.factors
    ]
    tensor = torch.einsum("r,rsi,rsj,rsk->sijk", fusion.weight[:, 0], *factors)
    extended = [torch.cat([torch.ones(6, 1), z], dim=1).double() for z in embeddings]
    combined = torch.einsum("sijk,bi,bj,bk->bs", tensor, *extended) + fusion.bias
    torch.testing.assert_close(fusion(embeddings), fusion.fused(combined))


def test_low_rank_by_hand():
    fusion = pass_through(LowRankFusion([1, 1], 1, dropout=0.0))
    with torch.no_grad():
        for number, factor in enumerate(fusion.factors):
            factor.weight.copy_(torch.tensor([[1.0], [2.0], [0.0], [0.0]]) * (number + 1))
    # The terms (1 + 3) (1 + 2), (1 + 6) (1 + 4), 1 and 1, each at a quarter.
    assert fusion([AUDIO, VISION])[0].tolist() == [(12.0 + 35.0 + 1.0 + 1.0) / 4]


def test_low_rank_starts_with_what_is_linear_in_each_modality():
    fusion = LowRankFusion([4, 4, 4, 4, 4], 8, dropout=0.0)
    embeddings = [1e-3 * torch.randn(6, 4) for _ in range(5)]
    terms = torch.stack([f(z) - 1 for f, z in zip(fusion.factors, embeddings, strict=True)])
    linear = 1 + terms.sum(dim=0).unflatten(1, (4, 8)).mean(dim=1)  # (B, R * S) -> (B, S)
    torch.testing.assert_close(fusion(embeddings), fusion.fused(linear), atol=1e-5, rtol=0)
