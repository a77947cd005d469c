"""The branch of one modality."""

import pytest
import torch
from torch import nn

from sklearn_tamulag.nn.attention import POOLINGS, build_pooling
from sklearn_tamulag.nn.branch import ModalityBranch, build_branch
from sklearn_tamulag.nn.encoders import SequenceEncoder
from sklearn_tamulag.nn.modality_spec import ModalitySpec


class DoublingEncoder(SequenceEncoder):
    """An encoder that is not recurrent: any part with this interface may be handed in."""

    def __init__(self):
        super().__init__()
        self.output_size = 2

    def forward(self, features, lengths):
        return 2.0 * features


def branch_by_hand():
    branch = ModalityBranch(
        "audio",
        DoublingEncoder(),
        build_pooling("mean", 2),
        embedding_size=2,
        n_outputs=1,
        dropout=0.0,
    )
    linears = (branch.embedding[1], branch.head.representation[1], *branch.head.prediction[::2])
    with torch.no_grad():
        for layer in linears:
            layer.weight.copy_(torch.eye(*layer.weight.shape))
            layer.bias.fill_(1.0)
        branch.absent.copy_(torch.tensor([-5.0, 7.0]))
    return branch


def test_branch_by_hand():
    features = torch.tensor([[[1.0, 0.0], [3.0, -4.0]], [[0.0, 0.0], [0.0, 0.0]]])
    outputs = branch_by_hand()(features, torch.tensor([2, 0]))
    embedding, unimodal, prediction, weights, states = outputs
    # Row 0: mean of the doubled steps is (4, -4), and every later layer adds 1, relu between.
    assert embedding.tolist() == [[5.0, -3.0], [-5.0, 7.0]]
    assert unimodal.tolist() == [[6.0, 0.0], [0.0, 8.0]]
    assert prediction.tolist() == [[8.0], [2.0]]
    assert weights.tolist() == [[0.5, 0.5], [0.0, 0.0]]
    assert torch.equal(states, 2.0 * features)


@pytest.mark.parametrize("attention", POOLINGS)
def test_rows_without_the_modality_train_the_absent_vector_alone(attention):
    branch = build_branch(ModalitySpec("audio", 3, hidden_size=8), attention, n_outputs=1)
    embedding, *_ = branch(torch.zeros(2, 4, 3), torch.tensor([0, 0]))
    embedding.sum().backward()
    assert branch.absent.grad.tolist() == [2.0] * 32
    others = [*branch.encoder.parameters(), *branch.pooling.parameters()]
    others += [*branch.embedding.parameters()]
    assert others
    for weight in others:
        assert weight.grad is None or (weight.grad == 0).all()


def test_rows_with_the_modality_leave_the_absent_vector_alone():
    branch = build_branch(ModalitySpec("audio", 3, hidden_size=8), "softmax", n_outputs=1)
    embedding, unimodal, prediction, *_ = branch(torch.randn(2, 4, 3), torch.tensor([4, 1]))
    (embedding.sum() + unimodal.sum() + prediction.sum()).backward()
    assert (branch.absent.grad == 0).all()
    assert all(weight.grad.isfinite().all() for weight in branch.parameters())


def test_branch_of_a_batch_that_has_no_step_at_all():
    branch = build_branch(ModalitySpec("audio", 3), "softmax", n_outputs=2)
    embedding, _, prediction, weights, _ = branch(torch.zeros(3, 0, 3), torch.zeros(3).long())
    assert torch.equal(embedding, branch.absent.expand(3, -1))
    assert prediction.shape == (3, 2)
    assert weights.shape == (3, 0)


def test_spec_shapes_the_branch():
    spec = ModalitySpec(
        "text", 7, hidden_size=5, num_layers=3, embedding_size=4, cell="gru", bidirectional=True
    )
    branch = build_branch(spec, "gate", n_outputs=2)
    nets = [net for net in branch.modules() if isinstance(net, nn.GRU)]
    assert branch.name == "text"
    assert [(net.input_size, net.hidden_size) for net in nets] == [(7, 5)] * 2 + [(10, 5)] * 4
    assert branch.pooling.gates.in_features == 10
    assert branch.absent.shape == (4,)


def test_dropout_of_the_spec_reaches_every_layer():
    spec = ModalitySpec("text", 7, num_layers=2, dropout=0.3)
    branch = build_branch(spec, "mean", n_outputs=1)
    dropouts = [layer.p for layer in branch.modules() if isinstance(layer, nn.Dropout)]
    assert dropouts == [0.3, 0.3]
    assert branch.encoder.recurrent.dropout == 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"feature_size": 0}, "feature_size of modality 'text' must be at least 1; got 0"),
        ({"hidden_size": 0}, "hidden_size of modality 'text' must be at least 1; got 0"),
        ({"num_layers": -1}, "num_layers of modality 'text' must be at least 1; got -1"),
        ({"embedding_size": 0}, "embedding_size of modality 'text' must be at least 1; got 0"),
        ({"cell": "rnn"}, "cell of modality 'text' must be one of 'lstm', .*'conv'; got 'rnn'"),
        ({"dropout": 1.5}, r"dropout of modality 'text' must be in \[0, 1\]; got 1.5"),
        ({"dropout": float("nan")}, r"dropout of modality 'text' must be in \[0, 1\]; got nan"),
    ],
)
def test_bad_specs_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        ModalitySpec(**{"name": "text", "feature_size": 3, **options})
