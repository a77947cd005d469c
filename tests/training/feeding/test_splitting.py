"""The validation part: stratified, grouped, and as good as tiny inputs allow."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import GroupShuffleSplit

from sklearn_tamulag.training.feeding.splitting import split_rows


def split(y, fraction=0.25, *, stratify=False, groups=None, seed=0):
    groups = None if groups is None else np.asarray(groups)
    return split_rows(np.asarray(y), fraction, stratify=stratify, groups=groups, seed=seed)


# What tiny inputs allow is not always what is asked.
@pytest.mark.filterwarnings("ignore:validation_fraction")
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


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize("fraction", [0.15, 0.3, 0.4, 0.6, 0.8])
def test_the_fraction_is_met_by_whole_groups(fraction, stratify):
    random = np.random.default_rng(0)
    y = random.integers(0, 2, 400)
    for sizes in (np.full(40, 10), random.permutation(np.repeat([5, 15], 20))):
        _, valid = split(y, fraction, stratify=stratify, groups=np.repeat(np.arange(40), sizes))
        assert len(valid) == pytest.approx(fraction * 400, abs=1)
        if stratify:
            assert y[valid].mean() == pytest.approx(y.mean(), abs=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_no_choice_of_a_few_groups_comes_nearer(seed):
    random = np.random.default_rng(seed)
    sizes = random.integers(1, 30, 7)
    groups = np.repeat(np.arange(7), sizes)
    every = (np.arange(1, 2**7 - 1)[:, None] >> np.arange(7)) % 2 @ sizes
    share = len(split(np.zeros(len(groups)), 0.4, groups=groups, seed=seed)[1]) / len(groups)
    assert abs(share - 0.4) <= np.abs(every / len(groups) - 0.4).min() + 0.005


def test_many_classes_do_not_raise_the_share():
    for y in (np.repeat(np.arange(60), 2), np.r_[np.zeros(80, int), np.arange(1, 41)]):
        train, valid = split(y, 0.15, stratify=True)
        assert len(valid) == 18
        assert set(y[train]) == set(y)


def test_a_class_of_one_row_is_trained_on_and_the_others_keep_their_shares():
    y = np.repeat([0, 1, 2, 3], [60, 60, 6, 1])
    for seed in range(30):
        _, valid = split(y, 0.15, stratify=True, seed=seed)
        np.testing.assert_allclose(np.bincount(y[valid], minlength=4), [9, 9, 1, 0], atol=1)
        assert 2 in y[valid]


@pytest.mark.parametrize("n_groups", [8, 60])
def test_a_class_of_one_group_is_trained_on(n_groups):
    groups = np.repeat(np.arange(n_groups), 5)
    y = np.where(groups == 3, 2, np.arange(5 * n_groups) % 2)
    # Two groups that only together hold all of a class.
    y[groups == 5] = y[groups == 6] = 3
    for seed in range(20):
        train, _ = split(y, 0.25, stratify=True, groups=groups, seed=seed)
        assert set(y[train]) == {0, 1, 2, 3}


def test_a_class_that_no_split_keeps_is_named():
    groups = np.repeat(np.arange(5), 4)
    with pytest.warns(UserWarning, match=r"holds all rows of 1 classes out .*groups are kept wh"):
        _, valid = split(np.array(list("abcde"))[groups], 0.2, stratify=True, groups=groups)
    assert len(valid) == 4
    with pytest.warns(UserWarning, match=r"\['(joy|rage)'\]: every class has one row only"):
        split_rows(
            np.array([0, 1]),
            0.2,
            stratify=True,
            groups=None,
            seed=0,
            classes=np.array(["joy", "rage"]),
        )


def test_a_share_that_cannot_be_met_is_told():
    message = r"test_size=0.15 holds 20 of 60 rows out, a share of 0.33: groups are kept whole"
    with pytest.warns(UserWarning, match=message):
        split_rows(
            np.zeros(60),
            0.15,
            stratify=False,
            groups=np.repeat(np.arange(3), 20),
            seed=0,
            argument="test_size",
        )
    y = np.r_[np.zeros(2, int), np.arange(1, 19)]
    with pytest.warns(UserWarning, match="1 of 20 rows .* a row of every class is kept"):
        split(y, 0.3, stratify=True)


def test_groups_of_one_size_without_classes_are_split_as_scikit_learn_does():
    groups = np.repeat(np.arange(10), 4)
    expected = next(GroupShuffleSplit(1, test_size=3, random_state=5).split(groups, groups=groups))
    np.testing.assert_array_equal(split(np.zeros(40), 0.3, groups=groups, seed=5)[1], expected[1])


def test_groups_without_an_order_can_be_split():
    groups = np.repeat(np.array([complex(0, k) for k in range(10)], dtype=object), 2)
    assert len(split(np.zeros(20), 0.3, groups=groups)[1]) == 6


def test_seeds_differ_in_the_choice_of_groups():
    y = np.arange(400) % 3
    groups = np.repeat(np.arange(8), 50)
    chosen = {
        tuple(split(y, 0.25, stratify=True, groups=groups, seed=seed)[1]) for seed in range(9)
    }
    assert len(chosen) > 3


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


@pytest.mark.filterwarnings("ignore:validation_fraction")
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
