"""Targets, seeds, and the tables that a training run leaves."""

import numpy as np
import pandas as pd
import torch
from hypothesis import given
from hypothesis import strategies as st
from skorch.history import History

from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.training.loop.epoch_losses import record_losses
from sklearn_tamulag.training.loop.results import label_frame, label_history
from sklearn_tamulag.training.loop.seeding import draw_seed
from sklearn_tamulag.training.objective.targets import ClassTarget, ScaledTarget


@given(
    y=st.lists(st.floats(-3, 3), min_size=1, max_size=5),
    exponent=st.integers(-6, 9),
    neutral=st.floats(-2, 2),
)
def test_scaled_targets_come_back_in_the_units_of_y(y, exponent, neutral):
    scale = 10.0**exponent
    target = ScaledTarget(neutral=neutral * scale, scale=scale, dtype=torch.float64)
    values = torch.tensor(y, dtype=torch.float64) * scale
    torch.testing.assert_close(
        target.decode(target.encode(values)), values, atol=1e-12 * scale, rtol=1e-12
    )


def test_a_large_offset_is_not_lost_in_single_precision():
    target = ScaledTarget(neutral=1e9, scale=1.0, dtype=torch.float32)
    y = torch.tensor([1e9 + 0.5], dtype=torch.float64)
    assert target.encode(y).dtype == torch.float32
    assert target.decode(target.encode(y)).item() == 1e9 + 0.5


def test_class_targets_are_one_hot_and_their_logits_stay():
    target = ClassTarget(n_classes=3, dtype=torch.float64)
    assert target.encode(torch.tensor([1, 1, 0])).tolist() == [[0, 1, 0], [0, 1, 0], [1, 0, 0]]
    logits = torch.tensor([[0.25, -1.0]])
    assert target.decode(logits).tolist() == logits.tolist()


def test_equal_random_states_draw_equal_seeds():
    assert draw_seed(3) == draw_seed(3) != draw_seed(4)
    state = np.random.RandomState(3)
    assert draw_seed(state) == draw_seed(3)
    assert draw_seed(state) != draw_seed(3)


def test_none_draws_from_numpys_global_state_once():
    np.random.seed(5)
    expected = np.random.randint(np.iinfo(np.int32).max)
    after = np.random.random()
    np.random.seed(5)
    assert draw_seed(None) == expected
    assert np.random.random() == after


def test_epoch_losses_by_hand():
    history = History()
    history.new_epoch()
    for _ in range(3):
        history.new_batch()
    # Two training batches of weight 1 and 3, and a validation batch.
    losses, weights = np.array([[1.0, 2.0], [5.0, 2.0]]), np.array([1.0, 3.0])
    # The modality's own sums: of losses and of the weights of rows that have it.
    errors = np.array([[[3.0], [1.0]], [[3.0], [2.0]]])
    record_losses(history, "train", losses, weights, errors, ["text"])
    assert history[-1, "train_multimodal"] == 4.0
    assert history[-1, "train_text"] == 2.0
    assert history[-1, "train_loss"] == 6.0
    assert [b["train_loss"] for b in history[-1]["batches"][1:]] == [3.0, 7.0]
    assert history[-1, "train_batch_count"] == 2


def memory_of_two_epochs():
    present = torch.tensor([[True, True], [True, False]])
    memory = LabelMemory(torch.tensor([1.0, -2.0]).double(), torch.ones(2), present, None)
    for _ in range(2):
        memory.end_epoch()
    return memory


def test_label_history_has_a_place_for_every_row():
    history = label_history(
        memory_of_two_epochs(), np.array([3, 1]), 4, lambda labels: 10 * labels + 1
    )
    nan = np.nan
    expected = [[nan, nan], [-19, nan], [nan, nan], [11, 11]]
    np.testing.assert_array_equal(history, [expected, expected])


def test_label_history_leaves_the_memory_as_it_was():
    memory = memory_of_two_epochs()
    label_history(memory, np.array([0, 1]), 2, lambda labels: labels)
    assert all(labels.isfinite().all() for labels in memory.history)
    assert memory.labels.isfinite().all()


def test_label_frames_name_modalities_rows_and_classes():
    index = pd.Index(["a", "b"])
    frame = label_frame(np.array([[1.0, 2.0], [3.0, 4.0]]), ["text", "audio"], None, index)
    assert frame.loc["b", "audio"] == 4.0
    soft = np.array([[[0.9, 0.1], [0.5, 0.5]], [[0.2, 0.8], [1.0, 0.0]]])
    frame = label_frame(soft, ["text", "audio"], ["no", "yes"], index)
    assert frame.columns.names == ["modality", "class"]
    assert frame.loc["b", ("text", "yes")] == 0.8
    np.testing.assert_array_equal(frame["audio"], soft[:, 1])
