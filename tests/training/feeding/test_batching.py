"""Batches by row index: each row once, trimmed in time, in memory and on disk alike."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.training.feeding.batching import (
    BUCKET_BATCHES,
    ROW_TILE,
    BatchLoader,
    bucketed_order,
    inference_order,
)
from sklearn_tamulag.training.feeding.rows import FeatureTable, RowDataset
from tests.small_fits import clips


def dataset_of(data, rows=None, dtype=torch.float64):
    table = FeatureTable(data, dtype=dtype, device="cpu")
    rows = np.arange(len(data)) if rows is None else np.asarray(rows)
    return RowDataset(table, rows, rows * 10.0, rows + 1.0)


def on_disk(data, folder, garbage=0.0):
    """The same data in memory-mapped files, with `garbage` on the padding."""
    arrays = {}
    for name, array in data.arrays.items():
        written = np.where(data.mask(name)[:, :, np.newaxis], array, garbage)
        np.save(folder / f"{name}.npy", written)
        arrays[name] = np.load(folder / f"{name}.npy", mmap_mode="r")
    return MultimodalData(arrays, data.lengths)


ROW_LENGTHS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40
).map(np.array)


@given(lengths=ROW_LENGTHS, batch_size=st.integers(1, 12), seed=st.integers(0, 5))
def test_every_row_comes_exactly_once(lengths, batch_size, seed):
    batches = bucketed_order(lengths, batch_size, np.random.default_rng(seed))
    np.testing.assert_array_equal(np.sort(np.concatenate(batches)), np.arange(len(lengths)))
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    # At most one batch is not full.
    assert sum(size < batch_size for size in sizes) <= 1


@given(lengths=ROW_LENGTHS, batch_size=st.integers(1, 12), seed=st.integers(0, 5))
def test_the_order_is_random_and_reproducible(lengths, batch_size, seed):
    first, second = (
        np.concatenate(bucketed_order(lengths, batch_size, np.random.default_rng(seed)))
        for _ in range(2)
    )
    np.testing.assert_array_equal(first, second)


def test_epochs_differ_in_their_batches():
    lengths = np.random.default_rng(0).integers(1, 30, (200, 2))
    random = np.random.default_rng(0)
    first, second = ({frozenset(b) for b in bucketed_order(lengths, 8, random)} for _ in range(2))
    assert len(first & second) <= 1


def test_batches_hold_rows_of_similar_length():
    lengths = np.random.default_rng(0).integers(1, 100, (8 * BUCKET_BATCHES, 1))
    spread = [np.ptp(lengths[b]) for b in bucketed_order(lengths, 8, np.random.default_rng(0))]
    assert np.mean(spread) < 99 / BUCKET_BATCHES * 1.5


def test_token_ids_are_what_batches_are_sorted_by():
    random = np.random.default_rng(0)
    n_rows = 8 * BUCKET_BATCHES
    # Tokens are few beside the steps of audio.
    lengths = np.stack([random.integers(1, 20, n_rows), random.integers(1, 1000, n_rows)], axis=1)
    tokens = np.array([True, False])
    for order in (
        bucketed_order(lengths, 8, np.random.default_rng(0), tokens),
        inference_order(lengths, 8, tokens),
    ):
        spread = [np.ptp(lengths[batch, 0]) for batch in order]
        assert np.mean(spread) < 19 / BUCKET_BATCHES * 1.5
    by_total = inference_order(lengths, 8)
    assert np.mean([np.ptp(lengths[batch, 0]) for batch in by_total]) > 10


def test_a_table_knows_which_modalities_are_token_ids():
    features = {"audio": np.ones((2, 4, 3))}
    ids = {"text": np.ones((2, 5), dtype=np.int64)}
    lengths = {"audio": [4, 1], "text": [2, 5]}
    for arrays, expected in ((features, None), (features | ids, [False, True])):
        data = MultimodalData(arrays, {name: lengths[name] for name in arrays})
        tokens = FeatureTable(data, dtype=torch.float32, device="cpu").tokens
        assert (None if tokens is None else tokens.tolist()) == expected


def test_equal_lengths_give_a_plain_shuffle():
    batches = bucketed_order(np.ones((64, 1), dtype=int), 4, np.random.default_rng(0))
    assert any(np.ptp(batch) > 16 for batch in batches)


@given(lengths=ROW_LENGTHS, batch_size=st.integers(1, 12))
def test_inference_batches_are_whole_tiles(lengths, batch_size):
    batches = inference_order(lengths, batch_size)
    assert all(len(batch) % ROW_TILE == 0 for batch in batches)
    np.testing.assert_array_equal(np.unique(np.concatenate(batches)), np.arange(len(lengths)))


def test_a_row_alone_is_repeated_only_where_that_costs_nothing():
    assert [batch.tolist() for batch in inference_order(np.array([[3, 2]]), 128)] == [
        [0] * ROW_TILE
    ]
    assert [batch.tolist() for batch in inference_order(np.array([[40, 2]]), 128)] == [[0]]


def test_time_is_trimmed_to_the_longest_of_the_batch():
    data = MultimodalData(
        {"text": np.ones((3, 9, 2)), "audio": np.ones((3, 7, 1))},
        {"text": [2, 4, 9], "audio": [0, 0, 7]},
    )
    table = FeatureTable(data, dtype=torch.float32, device="cpu")
    features, lengths = table.gather(np.array([1, 0]), torch.tensor([1, 0]))
    assert features["text"].shape == (2, 4, 2)
    # A modality that no row of the batch has keeps one step of padding.
    assert features["audio"].shape == (2, 1, 1)
    assert lengths["text"].tolist() == [4, 2]
    assert features["text"][1].sum(dim=1).tolist() == [2, 2, 0, 0]


def test_values_travel_with_their_rows():
    data, _ = clips(6)
    dataset = dataset_of(data, rows=[5, 0, 3])
    inputs, y = dataset[np.array([2, 0])]
    assert inputs["index"].tolist() == [2, 0]
    assert y.tolist() == [30, 50]
    assert inputs["weight"].tolist() == [4, 6]
    expected = data[[3, 5]]
    steps = inputs["features"]["text"].shape[1]
    np.testing.assert_array_equal(inputs["features"]["text"], expected.arrays["text"][:, :steps])
    np.testing.assert_array_equal(inputs["lengths"]["audio"], expected.lengths["audio"])
    np.testing.assert_array_equal(dataset.present, data.present[[5, 0, 3]])


@pytest.mark.parametrize(("n_rows", "batch_size", "sizes"), [(7, 3, [3, 3, 1]), (4, 9, [4])])
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_last_batch_may_be_partial(n_rows, batch_size, sizes, shuffled):
    random = np.random.default_rng(0) if shuffled else None
    loader = BatchLoader(dataset_of(clips(n_rows)[0]), batch_size, random)
    batches = [inputs["index"] for inputs, _ in loader]
    assert len(loader) == len(batches)
    assert sorted(map(len, batches), reverse=True) == sizes
    if not shuffled:
        assert torch.cat(batches).tolist() == list(range(n_rows))


def test_shares_of_an_accumulation_group_add_up_to_one():
    loader = BatchLoader(dataset_of(clips(8)[0]), 2, accumulation=3)
    batches = [inputs for inputs, _ in loader]
    # Row weights are 1 to 8: groups of 21 and, in the short last group, 15.
    assert [inputs["share"] for inputs in batches] == [3 / 21, 7 / 21, 11 / 21, 1]
    assert [inputs["update"] for inputs in batches] == [False, False, True, True]


@pytest.mark.parametrize("garbage", [0.0, 1e30, np.nan])
def test_data_on_disk_gives_the_same_batches(tmp_path, garbage):
    data, _ = clips(9, missing=True)
    mapped = on_disk(data, tmp_path, garbage)
    assert all(isinstance(array, np.memmap) for array in mapped.arrays.values())
    tables = [FeatureTable(part, dtype=torch.float32, device="cpu") for part in (data, mapped)]
    assert tables[0].on_device
    assert not tables[1].on_device
    for rows in ([8, 2, 5], [0], [3, 3, 1]):
        (features, lengths), (read, read_lengths) = (
            table.gather(np.array(rows), torch.tensor(rows)) for table in tables
        )
        for name in data.modalities:
            assert torch.equal(features[name], read[name])
            assert torch.equal(lengths[name], read_lengths[name])


def test_read_only_arrays_give_no_warning():
    data, _ = clips(4)
    for array in data.arrays.values():
        array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inputs, _ = dataset_of(data)[np.array([0, 1])]
    assert inputs["features"]["text"].isfinite().all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_features_take_the_precision_of_the_net(dtype, tmp_path):
    data = MultimodalData({"text": np.full((2, 3, 1), 0.1, dtype=dtype)})
    for part in (data, on_disk(data, tmp_path)):
        inputs, _ = dataset_of(part, dtype=torch.float64)[np.array([0])]
        assert inputs["features"]["text"].dtype == torch.float64
        assert inputs["features"]["text"][0, 0, 0].item() == dtype(0.1)


def test_fingerprints_tell_rows_apart(tmp_path):
    data, _ = clips(6)
    same = dataset_of(data, rows=[0, 1, 2]).fingerprint
    assert dataset_of(data[:3]).fingerprint == same
    assert dataset_of(data, rows=[0, 2, 1]).fingerprint != same
    assert dataset_of(data, rows=[0, 1, 3]).fingerprint != same
    assert dataset_of(on_disk(data, tmp_path), rows=[0, 1, 2]).fingerprint == same


def test_fingerprints_tell_texts_apart_that_start_alike():
    ids = np.array([[2, 5, 6, 3], [2, 7, 6, 3]])
    one, other = (dataset_of(MultimodalData({"text": ids[[row]]})).fingerprint for row in (0, 1))
    assert one != other
