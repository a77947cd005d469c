"""Where values stand: shared on the CPU, in a budget elsewhere, and read alike from anywhere."""

import threading
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.training.feeding.rows import FeatureTable, RowDataset
from sklearn_tamulag.training.feeding.sources import (
    DeviceSource,
    HostSource,
    memory_budget,
    place_arrays,
    shared_tensor,
)
from tests.small_fits import clips


def table_of(data, budget=None):
    return FeatureTable(data, dtype=torch.float32, device="cpu", budget=budget)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("writeable", [True, False])
def test_arrays_in_memory_are_not_copied(dtype, writeable):
    array = np.ones((4, 3, 2), dtype=dtype)
    array.flags.writeable = writeable
    source = DeviceSource(array, torch.float32, "cpu")
    assert source.values.data_ptr() == array.ctypes.data
    # A cast to the precision of the network happens batch by batch.
    rows = torch.tensor([2])
    assert source.gather(rows.numpy(), rows, np.array([3])).dtype == torch.float32


def test_views_keep_the_order_of_their_values():
    array = np.arange(24.0).reshape(4, 3, 2)
    for view in (array[::-1], array[:, ::-1], array[1:, ::2], array.transpose(1, 0, 2)):
        np.testing.assert_array_equal(shared_tensor(view), view)


def test_a_table_takes_no_memory_of_its_own():
    data = MultimodalData({"text": np.zeros((200, 50, 100), dtype=np.float32)})
    tracemalloc.start()
    table = table_of(data)
    table.gather(np.arange(4), torch.arange(4))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < data.arrays["text"].nbytes / 50


@given(budget=st.integers(0, 4000))
def test_the_smallest_arrays_are_kept_as_long_as_the_budget_lasts(budget):
    arrays = {
        "text": np.zeros((4, 10, 5), dtype=np.float16),
        "audio": np.zeros((4, 5, 3)),
        "ids": np.zeros((4, 9), dtype=np.int32),
    }
    sources = place_arrays(arrays, dtype=torch.float32, device="cpu", budget=budget)
    assert list(sources) == list(arrays)
    # Bytes in the precision of the network; ids are int64.
    sizes = {"ids": 4 * 9 * 8, "audio": 4 * 15 * 4, "text": 4 * 50 * 4}
    order = ["ids", "audio", "text"]
    kept = [name for name in order if sources[name].on_device]
    assert sum(sizes[name] for name in kept) <= budget
    for name in order:
        others = sum(sizes[other] for other in kept if order.index(other) < order.index(name))
        assert sources[name].on_device == (others + sizes[name] <= budget)


def test_on_the_cpu_everything_in_memory_is_kept():
    assert memory_budget("cpu") is None
    assert table_of(clips(3)[0]).on_device


@given(
    rows=st.lists(st.integers(0, 8), min_size=1, max_size=12),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
def test_rows_are_the_same_from_the_device_and_from_the_host(rows, dtype):
    data, _ = clips(9, missing=True)
    arrays = {name: array.astype(dtype) for name, array in data.arrays.items()}
    arrays["ids"] = np.arange(54, dtype=np.int32).reshape(9, 6)
    data = MultimodalData(arrays, data.lengths)
    index = torch.tensor(rows)
    tables = [table_of(data), table_of(data, budget=0)]
    assert [table.on_device for table in tables] == [True, False]
    (features, lengths), (read, read_lengths) = (
        table.gather(np.array(rows), index) for table in tables
    )
    for name in data.modalities:
        assert torch.equal(features[name], read[name])
        assert features[name].dtype == read[name].dtype
        assert torch.equal(lengths[name], read_lengths[name])
    for ours, theirs in zip(
        *(table.telling_steps(np.array(rows)) for table in tables), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("budget", [None, 0])
def test_batches_come_in_the_order_asked_for(budget):
    data, y = clips(12)
    dataset = RowDataset(table_of(data, budget), np.arange(12)[::-1].copy(), y)
    order = [np.array([3, 1]), np.array([0]), np.array([11, 2, 5])]
    for places, (inputs, targets) in zip(order, dataset.batches(order), strict=True):
        expected, wanted = dataset[places]
        assert inputs["index"].tolist() == places.tolist()
        assert torch.equal(targets, wanted)
        assert torch.equal(inputs["features"]["text"], expected["features"]["text"])


def test_a_failed_read_is_raised_and_no_thread_stays(monkeypatch):
    data, y = clips(12)
    dataset = RowDataset(table_of(data, budget=0), np.arange(12), y)
    gather = HostSource.gather

    def failing(self, rows, *args):
        if 7 in rows:
            raise OSError("the disk is gone")
        return gather(self, rows, *args)

    monkeypatch.setattr(HostSource, "gather", failing)
    threads = threading.active_count()
    batches = dataset.batches([np.array([0]), np.array([7]), np.array([1])])
    with pytest.raises(OSError, match="the disk is gone"):
        list(batches)
    unfinished = dataset.batches([np.array([0]), np.array([1]), np.array([2])])
    next(unfinished)
    unfinished.close()
    assert threading.active_count() == threads
