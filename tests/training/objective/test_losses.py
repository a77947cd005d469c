"""The weighted loss of M + 1 tasks, by hand on tiny tensors."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy, l1_loss

from sklearn_tamulag.training.objective.losses import (
    disagreement_weight,
    task_losses,
    weighted_mean,
)


def absolute_error(prediction, target):
    return l1_loss(prediction, target, reduction="none")


def soft_cross_entropy(logits, target):
    return cross_entropy(logits, target, reduction="none")


def two_rows(**changes):
    """Errors 2 and 1 in the multimodal task; 1, 3 and 4, 2 in the two unimodal ones."""
    arguments = {
        "prediction": torch.tensor([2.0, 1.0]),
        "unimodal_predictions": torch.tensor([[1.0, 4.0], [3.0, 2.0]]),
        "target": torch.zeros(2),
        "labels": torch.zeros(2, 2),
        "weight": torch.ones(2),
        "present": torch.ones(2, 2, dtype=torch.bool),
    }
    return task_losses(absolute_error, **(arguments | changes))


def test_weighted_mean_by_hand():
    values = torch.tensor([[1.0, 10.0], [4.0, 20.0]])
    weight = torch.tensor([3.0, 1.0])
    torch.testing.assert_close(weighted_mean(values, weight), torch.tensor([1.75, 12.5]))
    torch.testing.assert_close(weighted_mean(values[:, 0], weight), torch.tensor(1.75))


def test_losses_are_means_over_rows():
    torch.testing.assert_close(two_rows(), torch.tensor([1.5, 2.0, 3.0]))


def test_row_weights_reach_every_task():
    losses = two_rows(weight=torch.tensor([3.0, 1.0]))
    expected = [(3 * 2 + 1) / 4, (3 * 1 + 3) / 4, (3 * 4 + 2) / 4]
    torch.testing.assert_close(losses, torch.tensor(expected))


def test_a_missing_modality_adds_nothing():
    present = torch.tensor([[True, False], [True, True]])
    # The mean is still over all rows, so that every row counts the same in every task.
    torch.testing.assert_close(two_rows(present=present), torch.tensor([1.5, 2.0, 1.0]))


def test_a_missing_modality_passes_no_gradient():
    predictions = torch.tensor([[1.0, 4.0], [3.0, 2.0]], requires_grad=True)
    present = torch.tensor([[True, False], [True, True]])
    two_rows(unimodal_predictions=predictions, present=present).sum().backward()
    torch.testing.assert_close(predictions.grad, torch.tensor([[0.5, 0.0], [0.5, 0.5]]))


def test_task_weights_scale_unimodal_terms_alone():
    task_weight = torch.tensor([[1.0, 0.0], [0.5, 2.0]])
    torch.testing.assert_close(two_rows(task_weight=task_weight), torch.tensor([1.5, 1.25, 2.0]))


def test_every_term_is_compared_with_its_own_label():
    losses = two_rows(
        target=torch.tensor([2.0, 1.0]), labels=torch.tensor([[1.0, 0.0], [3.0, 0.0]])
    )
    torch.testing.assert_close(losses, torch.tensor([0.0, 0.0, 3.0]))


def test_soft_targets_of_classes():
    # Equal logits of two classes: cross entropy is log 2 whatever the target.
    losses = task_losses(
        soft_cross_entropy,
        prediction=torch.zeros(3, 2),
        unimodal_predictions=torch.tensor([[[0.0, 0.0]], [[0.0, 0.0]], [[30.0, 0.0]]]),
        target=torch.eye(2)[[0, 1, 0]],
        labels=torch.tensor([[[0.3, 0.7]], [[1.0, 0.0]], [[1.0, 0.0]]]),
        weight=torch.tensor([1.0, 1.0, 2.0]),
        present=torch.ones(3, 1, dtype=torch.bool),
    )
    log_2 = torch.tensor(2.0).log()
    torch.testing.assert_close(losses, torch.stack([log_2, log_2 / 2]))


@given(
    counts=st.lists(st.integers(0, 3), min_size=4, max_size=4).filter(any), seed=st.integers(0, 9)
)
def test_integer_weights_are_repetitions(counts, seed):
    torch.manual_seed(seed)
    rows = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    arguments = {
        "prediction": torch.randn(4, dtype=torch.float64),
        "unimodal_predictions": torch.randn(4, 2, dtype=torch.float64),
        "target": torch.randn(4, dtype=torch.float64),
        "labels": torch.randn(4, 2, dtype=torch.float64),
        "present": torch.rand(4, 2) < 0.7,
        "task_weight": torch.rand(4, 2, dtype=torch.float64),
    }
    weight = torch.tensor(counts, dtype=torch.float64)
    weighted = task_losses(absolute_error, **arguments, weight=weight)
    repeated = task_losses(
        absolute_error,
        **{name: value[rows] for name, value in arguments.items()},
        weight=torch.ones(len(rows), dtype=torch.float64),
    )
    torch.testing.assert_close(weighted, repeated)


def test_disagreement_weight_by_hand():
    weight = disagreement_weight(torch.tensor([[0.0, 1.0], [-2.0, 5.0]]), torch.tensor([0.0, 5.0]))
    expected = torch.tensor([[0.0, 1.0], [7.0, 0.0]]).tanh()
    torch.testing.assert_close(weight, expected)


@pytest.mark.parametrize("n_modalities", [1, 4])
def test_one_loss_per_task(n_modalities):
    losses = task_losses(
        absolute_error,
        prediction=torch.zeros(1),
        unimodal_predictions=torch.zeros(1, n_modalities),
        target=torch.ones(1),
        labels=torch.ones(1, n_modalities),
        weight=torch.tensor([0.2]),
        present=torch.ones(1, n_modalities, dtype=torch.bool),
    )
    torch.testing.assert_close(losses, torch.ones(n_modalities + 1))
