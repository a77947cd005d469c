"""Fusion of the modalities."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag.nn.fused_layer import reads_states
from sklearn_tamulag.nn.fusion import FUSIONS, build_fusion

TEXT = torch.tensor([[1.0, 2.0], [-1.0, 0.5]])
AUDIO = torch.tensor([[3.0], [2.0]])
VISION = torch.tensor([[1.0], [10.0]])


STEPS = 3


def built(kind, sizes, fusion_size, *, dropout=0.0):
    """A fusion that may read states, which here are as large as the embeddings."""
    return build_fusion(kind, sizes, fusion_size, dropout=dropout, state_sizes=sizes)


def fuse(fusion, embeddings):
    """Call a fusion; states, where it reads any, are the embeddings on three steps."""
    if not reads_states(fusion):
        return fusion(embeddings)
    states = [embedding.unsqueeze(1).expand(-1, STEPS, -1) for embedding in embeddings]
    return fusion(embeddings, states, [torch.full((len(states[0]),), STEPS) for _ in states])


def pass_through(fusion):
    """Let the last layer copy its inputs, as many as fit, so that they can be read off."""
    linear = fusion.fused[1]
    with torch.no_grad():
        linear.weight.copy_(torch.eye(*linear.weight.shape))
        linear.bias.zero_()
    return fusion


def test_concat_by_hand():
    fusion = pass_through(build_fusion("concat", [2, 1], 3, dropout=0.0))
    # relu cuts the -1.
    assert fusion([TEXT, AUDIO]).tolist() == [[1.0, 2.0, 3.0], [0.0, 0.5, 2.0]]


def test_cross_by_hand():
    fusion = pass_through(build_fusion("cross", [2, 1], 6, dropout=0.0))
    text_by_audio, audio_by_text = [1.0 * 3.0, 2.0 * 3.0], [3.0 * (1.0 + 2.0)]
    expected = [1.0, 2.0, 3.0, *text_by_audio, *audio_by_text]
    assert fusion([TEXT, AUDIO])[0].tolist() == expected


def test_cross_has_every_ordered_pair():
    fusion = pass_through(build_fusion("cross", [2, 1, 1], 12, dropout=0.0))
    text, audio, vision = TEXT[0], AUDIO[0], VISION[0]
    expected = [text, audio, vision]
    expected += [text * audio.sum(), text * vision.sum()]
    expected += [audio * text.sum(), audio * vision.sum()]
    expected += [vision * text.sum(), vision * audio.sum()]
    assert fusion([TEXT, AUDIO, VISION])[0].tolist() == torch.cat(expected).tolist()


def test_cross_is_the_summed_outer_product():
    fusion = build_fusion("cross", [3, 4], 5, dropout=0.0)
    first, second = torch.randn(6, 3), torch.randn(6, 4)
    outer = torch.einsum("bi,bj->bij", first, second)
    inputs = torch.cat([first, second, outer.sum(dim=2), outer.sum(dim=1)], dim=1)
    torch.testing.assert_close(fusion([first, second]), fusion.fused(inputs))


def test_semantic_by_hand():
    fusion = build_fusion("semantic", [2, 1, 1], 2, dropout=0.0)
    linear = fusion.fused[1]
    with torch.no_grad():
        for projection in fusion.projections:
            projection.bias.zero_()
        fusion.projections[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
        fusion.projections[1].weight.fill_(1.0)
        fusion.projections[2].weight.fill_(2.0)
        # Rows: text, audio, vision, text x audio, text x vision, audio x vision.
        fusion.weight.copy_(
            torch.tensor(
                [[1.0, 0.0], [0.0, 1.0], [0.1, 0.0], [0.0, 10.0], [100.0, 0.0], [0.0, 1000.0]]
            )
        )
        fusion.bias.copy_(torch.tensor([0.5, 0.25]))
        # Read the two combined values, which stand behind the 4 of the embeddings.
        linear.weight.copy_(torch.eye(2, 6).roll(4, dims=1))
        linear.bias.zero_()
    # Row 0: dimension 0 sees the values (1, 3, 2), dimension 1 sees (2, 3, 2).
    expected = [
        1.0 * 1.0 + 0.1 * 2.0 + 100.0 * 1.0 * 2.0 + 0.5,
        1.0 * 3.0 + 10.0 * 2.0 * 3.0 + 1000.0 * 3.0 * 2.0 + 0.25,
    ]
    assert fusion([TEXT, AUDIO, VISION])[0].tolist() == pytest.approx(expected)


@pytest.mark.parametrize("n_modalities", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", FUSIONS)
def test_any_number_of_modalities_learns(kind, n_modalities):
    sizes = list(range(2, 2 + n_modalities))
    fusion = built(kind, sizes, 16)
    embeddings = [torch.randn(8, size, requires_grad=True) for size in sizes]
    fused = fuse(fusion, embeddings)
    assert fused.shape == (8, 16)
    fused.square().sum().backward()
    for name, weight in fusion.named_parameters():
        assert weight.grad.abs().sum() > 0, name
    for embedding in embeddings:
        assert (embedding.grad.abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("kind", ["cross", "crossmodal"])
def test_one_modality_has_nothing_to_cross(kind):
    embedding = torch.randn(3, 4)
    cross, concat = (built(name, [4], 5) for name in (kind, "concat"))
    cross.load_state_dict(concat.state_dict())
    assert torch.equal(fuse(cross, [embedding]), fuse(concat, [embedding]))


@pytest.mark.parametrize("kind", FUSIONS)
@given(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=4), order=st.permutations(range(3)))
def test_rows_are_fused_by_themselves(kind, sizes, order):
    torch.manual_seed(0)
    fusion = built(kind, sizes, 5, dropout=0.5).eval()
    embeddings = [torch.randn(3, size) for size in sizes]
    fused = fuse(fusion, embeddings)
    assert (fused >= 0).all()
    shuffled = fuse(fusion, [embedding[list(order)] for embedding in embeddings])
    torch.testing.assert_close(shuffled, fused[list(order)], atol=1e-5, rtol=0)
    alone = fuse(fusion, [embedding[:1] for embedding in embeddings])
    torch.testing.assert_close(alone, fused[:1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", FUSIONS)
def test_dropout_acts_in_training_alone(kind):
    fusion = built(kind, [4, 4], 16, dropout=0.5)
    embeddings = [torch.randn(3, 4), torch.randn(3, 4)]
    assert not torch.equal(fuse(fusion, embeddings), fuse(fusion, embeddings))
    fusion.eval()
    assert torch.equal(fuse(fusion, embeddings), fuse(fusion, embeddings))


def test_gradient_of_semantic_fusion_is_that_of_finite_differences():
    fusion = build_fusion("semantic", [2, 3], 4, dropout=0.0).double()
    embeddings = tuple(
        torch.randn(2, size, dtype=torch.float64, requires_grad=True) for size in (2, 3)
    )
    assert torch.autograd.gradcheck(lambda *given: fusion(given), embeddings)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match=r"'concat', .*'low_rank', .*'crossmodal'; got 'sum'"):
        build_fusion("sum", [2], 3, dropout=0.0)
    with pytest.raises(ValueError, match="embedding_sizes must have at least one entry"):
        build_fusion("concat", [], 3, dropout=0.0)
    with pytest.raises(ValueError, match="'crossmodal' reads states: state_sizes must have 2 entr"):
        build_fusion("crossmodal", [2, 3], 3, dropout=0.0, state_sizes=[4])
