"""How much the unimodal terms of a loss count, by hand."""

import numpy as np
import pytest
import torch

from sklearn_tamulag.training.objective.losses import task_losses
from sklearn_tamulag.training.objective.task_weights import TaskWeights, weights_alike

LABELS = torch.tensor([[2.0, 0.5], [1.0, 1.0], [0.0, 3.0]])
TARGET = torch.tensor([2.0, 1.0, 2.0])
FIXED = torch.tensor([[True, False], [False, False], [False, False]])


def absolute_error(a, b):
    return (a - b).abs()


def rows(generated, given, *, moved=True, fixed=None):
    weight = TaskWeights(generated, given).of_rows(LABELS, TARGET, moved=moved, fixed=fixed)
    return None if weight is None else weight.double().round(decimals=4).tolist()


def test_numbers_stand_for_every_row_and_epoch():
    expected = [[0.5, 0.25]] * 3
    assert rows((0.5, 0.25), (0.5, 0.25)) == expected
    assert rows((0.5, 0.25), (0.5, 0.25), moved=False) == expected
    assert rows((0.5, 0.25), (0.5, 0.25), fixed=FIXED) == expected


def test_disagreement_counts_once_labels_have_moved():
    far = np.tanh([[0, 1.5], [0, 0], [2, 1]]).round(4)
    assert rows((None, None), (1.0, 1.0), moved=False) is None
    assert rows((None, None), (1.0, 1.0)) == far.tolist()
    some = torch.tensor([True, False, True])
    assert rows((None, None), (1.0, 1.0), moved=some)[1] == [1.0, 1.0]
    assert rows((None, 0.1), (1.0, 0.1)) == [[0.0, 0.1], [0.0, 0.1], [far[2, 0], 0.1]]


def test_labels_that_people_gave_have_a_weight_of_their_own():
    assert rows((None, None), (1.0, 1.0), fixed=FIXED)[0] == [1.0, np.tanh(1.5).round(4)]
    assert rows((0.1, 0.1), (1.0, 1.0), fixed=FIXED) == [[1.0, 0.1], [0.1, 0.1], [0.1, 0.1]]
    assert rows((1.0, 1.0), (0.5, 1.0), fixed=FIXED)[0] == [0.5, 1.0]


def test_ones_leave_the_loss_as_it_is():
    assert rows((1.0, 1.0), (1.0, 1.0), fixed=FIXED) is None
    assert weights_alike(2) == TaskWeights((1.0, 1.0), (1.0, 1.0))


def test_classes_have_numbers_too():
    labels, target = torch.eye(2).repeat(2, 1, 1), torch.eye(2)
    weight = TaskWeights((0.0, 0.5), (0.0, 0.5)).of_rows(labels, target, moved=True, fixed=None)
    assert weight.tolist() == [[0.0, 0.5], [0.0, 0.5]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_loss_by_hand(dtype):
    target = TARGET.to(dtype)
    weight = TaskWeights((0.5, 0.0), (0.5, 0.0)).of_rows(LABELS, target, moved=True, fixed=None)
    losses = task_losses(
        absolute_error,
        torch.zeros(3, dtype=dtype),
        torch.tensor([[1.0, 9.0], [1.0, 9.0], [3.0, 9.0]], dtype=dtype),
        target,
        LABELS.to(dtype),
        weight=torch.tensor([1.0, 1.0, 2.0], dtype=dtype),
        present=torch.tensor([[True, True], [False, True], [True, True]]),
        task_weight=weight,
    )
    # Multimodal: (2 + 1 + 2 * 2) / 4. Text: .5 * (1 * 1 + 0 + 2 * 3) / 4; audio counts nothing.
    assert losses.tolist() == [1.75, 0.875, 0.0]


def test_a_number_beyond_the_precision_is_the_largest_of_it():
    weight = TaskWeights((1e300,), (1e300,)).of_rows(
        LABELS[:, :1], TARGET, moved=False, fixed=FIXED[:, :1]
    )
    assert weight.unique().tolist() == [torch.finfo(torch.float32).max]
