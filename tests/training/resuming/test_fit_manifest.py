"""What tells one fit from another, and what must not."""

import functools
from pathlib import Path

import numpy as np
import pytest
import torch

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.training.resuming.fit_manifest import (
    fit_manifest,
    manifest_differences,
    manifest_hash,
)
from tests.small_fits import clips

PARAMS = {"random_state": 0, "max_epochs": 5, "warmup": 0.0, "schedule": "constant", "lr": 0.1}


def described(**params):
    return fit_manifest("TAMULAGRegressor", PARAMS | params, {})


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"max_epochs": 5}, {"max_epochs": 6}),
        ({"verbose": 0}, {"verbose": 2}),
        ({"device": "cpu"}, {"device": torch.device("cuda")}),
        ({"checkpoint": "here"}, {"checkpoint": Path("there")}),
        ({"callbacks": None}, {"callbacks": [object()]}),
        ({"lr": 0.5}, {"lr": np.float64(0.5)}),
        ({"random_state": 3}, {"random_state": np.int64(3)}),
        ({"lr": {"text": 1.0, "rest": 2.0}}, {"lr": {"rest": 2.0, "text": 1.0}}),
        (
            {"encoders": {"text": {"folder": "a/b"}}},
            {"encoders": {"text": {"folder": Path("a/b")}}},
        ),
        ({"optimizer": torch.optim.Adagrad}, {"optimizer": torch.optim.Adagrad}),
        (
            {"optimizer": functools.partial(torch.optim.SGD, momentum=0.9)},
            {"optimizer": functools.partial(torch.optim.SGD, momentum=0.9)},
        ),
    ],
)
def test_fits_are_the_same(first, second):
    first, second = described(**first), described(**second)
    assert manifest_differences(first, second) == []
    assert manifest_hash(first) == manifest_hash(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"lr": 0.5}, {"lr": 0.25}),
        ({"random_state": 0}, {"random_state": 1}),
        ({"max_epochs": 5, "warmup": 0.1}, {"max_epochs": 6, "warmup": 0.1}),
        ({"max_epochs": 5, "schedule": "linear"}, {"max_epochs": 6, "schedule": "linear"}),
        ({"encoders": {"text": {"hidden_size": 4}}}, {"encoders": {"text": {"hidden_size": 5}}}),
        ({"encoders": None}, {"encoders": {}}),
        ({"optimizer": torch.optim.Adagrad}, {"optimizer": torch.optim.Adam}),
        (
            {"optimizer": functools.partial(torch.optim.SGD, momentum=0.9)},
            {"optimizer": functools.partial(torch.optim.SGD, momentum=0.8)},
        ),
    ],
)
def test_fits_differ_by_name(first, second):
    changed = [name for name in first if first[name] != second[name]]
    first, second = described(**first), described(**second)
    (found,) = manifest_differences(first, second)
    assert found.split(" ")[0] in changed
    assert manifest_hash(first) != manifest_hash(second)


def test_a_parameter_that_only_one_of_them_knows_is_named():
    first, second = described(), described(new=1)
    assert manifest_differences(first, second) == ["new ('unknown' there, 1 here)"]
    assert manifest_differences(second, first) == ["new (1 there, 'unknown' here)"]


def test_a_function_without_a_name_cannot_be_compared():
    with pytest.raises(TypeError, match="checkpoint cannot tell the value of optimizer from"):
        described(optimizer=lambda weights, lr: torch.optim.SGD(weights, lr))


def hashes(X, **content):
    return fit_manifest("TAMULAGRegressor", PARAMS, {"X": X} | content)["data"]


def test_data_on_disk_are_the_same_as_in_memory(tmp_path):
    X, y = clips(12, missing=True)
    X.save(tmp_path / "data")
    mapped = MultimodalData.load(tmp_path / "data", mmap_mode="r")
    assert isinstance(mapped.arrays["text"], np.memmap)
    assert hashes(mapped, y=y) == hashes(X, y=y.tolist())


def test_what_stands_on_padding_and_the_names_of_rows_are_no_other_data():
    X, _ = clips(12)
    filled = MultimodalData(X.arrays, X.lengths, ids=np.arange(12), groups=np.arange(12))
    filled.arrays["text"][~filled.mask("text")] = 7.0
    assert hashes(filled) == hashes(X)


@pytest.mark.parametrize("row", [0, 11])
def test_one_value_or_length_makes_other_data(row):
    X, y = clips(12)
    before = hashes(X, y=y)
    X.arrays["audio"][row, 0, 2] += 1e-9
    changed = hashes(X, y=y)
    assert {name for name in before if before[name] != changed[name]} == {"X['audio']"}
    y = y.copy()
    y[row] += 1e-12
    again = hashes(X, y=y)
    assert {name for name in again if again[name] != changed[name]} == {"y"}
