"""The label memory: labels by row, how they move, and when training goes on from them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag.labels import LabelMemory, calibrated_proposals, class_proposals


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def all_present(n_rows, n_modalities=1):
    return torch.ones(n_rows, n_modalities, dtype=torch.bool)


def random_parts(seed, n_rows=8, n_modalities=2):
    """Weights, presence and representations of rows."""
    random = torch.Generator().manual_seed(seed)
    parts = [torch.randn(n_rows, 3, generator=random).double().relu() for _ in range(n_modalities)]
    fused = torch.randn(n_rows, 4, generator=random).double()
    weight = torch.rand(n_rows, generator=random).double() + 0.1
    return weight, all_present(n_rows, n_modalities), parts, fused


Y = double([-2.0, -1.0, -0.5, -0.1, 0.2, 0.7, 1.1, 1.9])


def constant_proposal(value):
    def propose(target, weight, present, unimodal, fused):
        return torch.full((len(target), present.shape[1]), value, dtype=target.dtype)

    return propose


def stored(memory, unimodal=None):
    n = len(memory.target)
    columns = [torch.zeros(n, 2).double()] * memory.present.shape[1]
    memory.store(torch.arange(n), unimodal or columns, torch.zeros(n, 3).double())


def test_labels_start_as_y_and_move_by_two_over_n_plus_one():
    memory = LabelMemory(double([3.0, 0.0]), torch.ones(2), all_present(2), constant_proposal(6.0))
    expected = double([3.0, 0.0])
    torch.testing.assert_close(memory.labels[:, 0], expected)
    for epoch in range(1, 6):
        stored(memory)
        assert memory.updated == (epoch > 2)
        memory.end_epoch()
        # No update at the end of the first epoch.
        if epoch >= 2:
            expected = (epoch - 1) / (epoch + 1) * expected + 2 / (epoch + 1) * 6.0
        torch.testing.assert_close(memory.labels[:, 0], expected)
    assert memory.epoch == 5
    # Two thirds of the way at the end of the second epoch.
    torch.testing.assert_close(memory.history[1][:, 0], double([5.0, 4.0]))
    torch.testing.assert_close(memory.history[-1], memory.labels)
    torch.testing.assert_close(memory.history[0][:, 0], double([3.0, 0.0]))


def test_without_a_strategy_labels_stay_y():
    memory = LabelMemory(double([3.0, -1.0]), torch.ones(2), all_present(2, 3), None)
    for _ in range(4):
        stored(memory)
        memory.end_epoch()
    torch.testing.assert_close(memory.labels, double([[3.0] * 3, [-1.0] * 3]))
    assert not memory.updated


@given(order=st.permutations(range(8)), cut=st.integers(1, 7), seed=st.integers(0, 9))
def test_labels_belong_to_rows_whatever_the_order_of_batches(order, cut, seed):
    weight, present, parts, fused = random_parts(seed)
    memories = []
    for batches in ([list(range(8))], [list(order[:cut]), list(order[cut:])]):
        memory = LabelMemory(Y, weight, present, calibrated_proposals)
        for _ in range(2):
            for rows in batches:
                memory.store(torch.tensor(rows), [part[rows] for part in parts], fused[rows])
            memory.end_epoch()
        memories.append(memory)
    torch.testing.assert_close(memories[0].labels, memories[1].labels, atol=0, rtol=0)
    assert not torch.equal(memories[0].labels, memories[0].history[0])


def test_representations_are_stored_without_their_graph():
    weight, present, parts, fused = random_parts(0)
    memory = LabelMemory(Y, weight, present, calibrated_proposals)
    for _ in range(2):
        memory.store(torch.arange(8), [part.clone().requires_grad_() for part in parts], fused)
        memory.end_epoch()
    assert not memory.labels.requires_grad


def test_soft_labels_of_classes_stay_distributions():
    weight, present, parts, fused = random_parts(1)
    y = torch.eye(3, dtype=torch.float64)[torch.arange(8) % 3]
    memory = LabelMemory(y, weight, present, class_proposals)
    assert memory.labels.shape == (8, 2, 3)
    for _ in range(3):
        memory.store(torch.arange(8), parts, fused)
        memory.end_epoch()
    torch.testing.assert_close(memory.labels.sum(dim=2), torch.ones(8, 2).double())
    assert (memory.labels >= 0).all()


def trained_memory(y, fingerprint="rows"):
    memory = LabelMemory(
        double(y), torch.ones(2), all_present(2), constant_proposal(6.0), fingerprint
    )
    for _ in range(3):
        stored(memory)
        memory.end_epoch()
    memory.release()
    return memory


def test_training_goes_on_from_earlier_labels_of_the_same_rows():
    earlier = trained_memory([3.0, 0.0])
    memory = LabelMemory(
        double([3.0, 0.0]), torch.ones(2), all_present(2), constant_proposal(6.0), "rows"
    )
    memory.resume(earlier)
    assert memory.epoch == 3
    torch.testing.assert_close(memory.labels, earlier.labels)
    stored(memory)
    memory.end_epoch()
    torch.testing.assert_close(memory.labels, 0.6 * earlier.labels + 0.4 * 6.0)
    assert len(memory.history) == 4
    assert len(earlier.history) == 3


@pytest.mark.parametrize(
    ("y", "fingerprint"),
    [([3.0, 1.0], "rows"), ([3.0, 0.0, 0.0], "rows"), ([3.0, 0.0], "other rows")],
    ids=["other y", "other number", "other features"],
)
def test_labels_of_other_rows_are_not_taken_over(y, fingerprint):
    weight, present = torch.ones(len(y)), all_present(len(y))
    memory = LabelMemory(double(y), weight, present, constant_proposal(6.0), fingerprint)
    memory.resume(trained_memory([3.0, 0.0]))
    assert memory.epoch == 0
    torch.testing.assert_close(memory.labels[:, 0], double(y))


def test_a_released_memory_holds_no_representations():
    memory = trained_memory([3.0, 0.0])
    tensors = [value for value in vars(memory).values() if isinstance(value, torch.Tensor)]
    assert max(tensor.numel() for tensor in tensors) == 2
    assert memory._unimodal == []


def test_a_modality_hidden_in_an_epoch_enters_no_centre_and_its_label_stays():
    weight, present, parts, fused = random_parts(3)
    shown = present.clone()
    shown[2, 0] = shown[5, 1] = False
    hidden = LabelMemory(Y, weight, present, calibrated_proposals)
    absent = LabelMemory(Y, weight, shown, calibrated_proposals)
    for _ in range(2):
        for memory in (hidden, absent):
            garbage = [torch.where(shown[:, [m]], part, 1e6) for m, part in enumerate(parts)]
            memory.store(torch.arange(8), garbage, fused, shown)
            memory.end_epoch()
    # The others' labels are those of data that lack the modality there.
    torch.testing.assert_close(hidden.labels[shown], absent.labels[shown], rtol=0, atol=0)
    torch.testing.assert_close(hidden.labels[~shown], Y[[2, 5]], rtol=0, atol=0)
    # In the next epoch they are shown again, and move.
    hidden.store(torch.arange(8), parts, fused, present)
    hidden.end_epoch()
    assert not torch.equal(hidden.labels[~shown], Y[[2, 5]])


def test_soft_labels_of_hidden_modalities_stay_too():
    weight, present, parts, fused = random_parts(4)
    target = torch.eye(2).double()[(Y > 0).long()]
    shown = present.clone()
    shown[1, 1] = False
    memory = LabelMemory(target, weight, present, class_proposals)
    for _ in range(2):
        memory.store(torch.arange(8), parts, fused, shown)
        memory.end_epoch()
    torch.testing.assert_close(memory.labels[1, 1], target[1], rtol=0, atol=0)
    assert not torch.equal(memory.labels[1, 0], target[1])
