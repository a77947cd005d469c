"""The validation part: stratified, grouped, and as good as tiny inputs allow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag.training.feeding.splitting import split_rows


def split(y, fraction=0.25, *, stratify=False, groups=None, seed=0):
    groups = None if groups is None else np.asarray(groups)
    return split_rows(np.asarray(y), fraction, stratify=stratify, groups=groups, seed=seed)


@given(
    n_rows=st.integers(2, 60),
    fraction=st.floats(0.01, 0.99),
    stratify=st.booleans(),
    grouped=st.booleans(),
    seed=st.integers(0, 20),
)
def test_every_row_is_in_one_part_and_no_part_is_empty(n_rows, fraction, stratify, grouped, seed):
    random = np.random.default_rng(seed)
    groups = random.integers(0, n_rows, n_rows) if grouped else None
    if grouped:
        groups[:2] = [0, 1]
    train, valid = split(
        random.integers(0, 3, n_rows), fraction, stratify=stratify, groups=groups, seed=seed
    )
    np.testing.assert_array_equal(np.sort(np.concatenate([train, valid])), np.arange(n_rows))
    assert min(len(train), len(valid)) >= 1
    assert (np.diff(train) > 0).all()
    assert (np.diff(valid) > 0).all()
    if grouped:
        assert not set(groups[train]) & set(groups[valid])


@pytest.mark.parametrize(("n_rows", "fraction", "held_out"), [(20, 0.25, 5), (10, 0.15, 2)])
def test_the_fraction_is_that_of_the_rows(n_rows, fraction, held_out):
    assert len(split(np.zeros(n_rows), fraction)[1]) == held_out


def test_the_fraction_is_that_of_the_groups():
    groups = np.repeat(np.arange(10), 4)
    assert len(split(np.zeros(40), 0.3, groups=groups)[1]) == 12


def test_classes_keep_their_shares():
    y = np.repeat([0, 1, 2], [24, 12, 4])
    train, valid = split(y, 0.25, stratify=True)
    np.testing.assert_array_equal(np.bincount(y[valid]), [6, 3, 1])
    np.testing.assert_array_equal(np.bincount(y[train]), [18, 9, 3])


def test_classes_are_stratified_by_whole_groups():
    groups = np.repeat(np.arange(20), 4)
    y = np.tile([0, 0, 0, 1], 20)
    for seed in range(5):
        train, valid = split(y, 0.25, stratify=True, groups=groups, seed=seed)
        assert not set(groups[train]) & set(groups[valid])
        assert y[valid].mean() == pytest.approx(0.25)
        assert len(valid) == 20


def test_groups_of_one_class_each_are_spread():
    groups = np.repeat(np.arange(8), 3)
    y = (groups % 2).astype(int)
    train, valid = split(y, 0.25, stratify=True, groups=groups)
    assert set(y[valid]) == set(y[train]) == {0, 1}
    assert not set(groups[train]) & set(groups[valid])


@pytest.mark.parametrize("y", [[0, 1], [0, 0, 1], [0, 0, 0, 1, 2], [0, 1, 2, 3]])
@pytest.mark.parametrize("groups", [None, True])
def test_classes_of_one_row_do_not_stop_the_split(y, groups):
    names = None if groups is None else np.arange(len(y))
    train, valid = split(y, 0.3, stratify=True, groups=names)
    assert min(len(train), len(valid)) >= 1
    assert len(train) + len(valid) == len(y)


def test_seeds_decide_the_split():
    y = np.zeros(40)
    first, again, other = (split(y, seed=seed)[1].tolist() for seed in (3, 3, 4))
    assert first == again != other


@pytest.mark.parametrize("stratify", [False, True])
def test_one_row_cannot_be_split(stratify):
    with pytest.raises(
        ValueError, match=r"early_stopping=True .* at least 2 rows; got n_samples=1"
    ):
        split([1], stratify=stratify)


@pytest.mark.parametrize("stratify", [False, True])
def test_one_group_cannot_be_split(stratify):
    with pytest.raises(ValueError, match=r"groups .* at least 2 groups; got 1"):
        split([0, 1, 0, 1], stratify=stratify, groups=["a"] * 4)
