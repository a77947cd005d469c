"""Generated labels: every strategy by hand, and its degenerate cases."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sklearn_tamulag.labels import (
    calibrated_proposals,
    class_proposals,
    ulgm_proposals,
)
from sklearn_tamulag.labels.regression import EPSILON, polarity_centres, relative_distance

REGRESSION = [ulgm_proposals, calibrated_proposals]
STRATEGIES = [*REGRESSION, class_proposals]


def double(values):
    return torch.tensor(values, dtype=torch.float64)


def all_present(n_rows, n_modalities=1):
    return torch.ones(n_rows, n_modalities, dtype=torch.bool)


def proposals(strategy, y, *unimodal, fused=None, weight=None, present=None, **options):
    """Call a strategy on lists; the fused representation is the first modality's by default."""
    columns = [double(part) for part in unimodal]
    target = double(y)
    return strategy(
        target,
        torch.ones(len(y), dtype=torch.float64) if weight is None else double(weight),
        all_present(len(y), len(columns)) if present is None else torch.tensor(present),
        columns,
        columns[0] if fused is None else double(fused),
        **options,
    )


def random_case(seed, n_rows=8, n_modalities=2, classes=None):
    """Rows of both polarities, or of all classes, in float64."""
    random = torch.Generator().manual_seed(seed)
    y = torch.randn(n_rows, generator=random, dtype=torch.float64)
    y[:2] = double([-0.5, 0.5])
    if classes:
        codes = torch.arange(n_rows) % classes
        y = torch.eye(classes, dtype=torch.float64)[codes]
    parts = [torch.randn(n_rows, 3, generator=random).double().relu() for _ in range(n_modalities)]
    fused = torch.randn(n_rows, 4, generator=random).double()
    present = torch.rand(n_rows, n_modalities, generator=random) < 0.8
    present[:3] = True
    weight = torch.rand(n_rows, generator=random).double() + 0.1
    return y, weight, present, parts, fused


def case_for(strategy, seed):
    return random_case(seed, classes=3 if strategy is class_proposals else None)


def take(case, rows):
    y, weight, present, parts, fused = case
    return y[rows], weight[rows], present[rows], [part[rows] for part in parts], fused[rows]


def test_centres_are_weighted_means_of_a_side():
    positive, negative, sound = polarity_centres(
        double([[0.0], [2.0], [8.0], [6.0]]), double([-1, -2, 0, 3]), double([1, 3, 1, 1])
    )
    # Rows with y = 0 are on the positive side.
    assert (positive.item(), negative.item(), sound.item()) == (7.0, 1.5, True)


@pytest.mark.parametrize(
    ("y", "weight"),
    [([1, 2], [1, 1]), ([-1, -2], [1, 1]), ([-1, 2], [0, 1]), ([-1, 2], [1, 0])],
    ids=["no negative rows", "no positive rows", "negative weight zero", "positive weight zero"],
)
def test_a_side_without_rows_is_not_sound(y, weight):
    *centres, sound = polarity_centres(double([[1.0], [5.0]]), double(y), double(weight))
    assert not sound
    assert all(centre.isfinite().all() for centre in centres)


def test_relative_distance_by_hand():
    delta, sound = relative_distance(
        double([[0.0, 0.0], [3.0, 4.0]]), double([-1.0, 1.0]), double([1, 1])
    )
    # From the one centre to the other it is 5.
    torch.testing.assert_close(delta, double([-5 / (5 + EPSILON), 5 / EPSILON]))
    assert sound


def test_ulgm_by_hand():
    y = [-1.0, -1.0, 1.0, 3.0]
    # Centres of the modality are 1 and 5; those of the fused representation 1 and 3.
    u, f = [[0.0], [2.0], [4.0], [6.0]], [[0.0], [2.0], [2.6], [3.4]]
    delta_u = [(1 - 5) / 5, (1 - 3) / 3, (3 - 1) / 1, (5 - 1) / 1]
    delta_f = [(1 - 3) / 3, (1 - 1) / 1, (1.6 - 0.4) / 0.4, (2.4 - 0.4) / 0.4]
    # The second row lies in the middle of the fused centres: no ratio, and y stands.
    expected = [-1.0, -1.0]
    for value, own, joint in list(zip(y, delta_u, delta_f, strict=True))[2:]:
        expected.append(0.5 * own / joint * value + 0.5 * (value + own - joint))
    # The first one's proposal lies below the range of y and is clipped to it.
    assert 0.5 * delta_u[0] / delta_f[0] * -1 + 0.5 * (-1 + delta_u[0] - delta_f[0]) < -1
    assert [round(value, 4) for value in expected[2:]] == [0.3333, 2.2]
    result = proposals(ulgm_proposals, y, u, fused=f)
    torch.testing.assert_close(result[:, 0], double(expected), atol=1e-5, rtol=0)


def test_calibrated_by_hand():
    y = [-2.0, -1.0, 1.0, 2.0]
    # Centres -1.5 and 1; along the axis t = (u + 1.5) / 2.5, which a line maps to y.
    u = [-2.0, -1.0, 1.0, 1.0]
    t = [(value + 1.5) / 2.5 for value in u]
    t_mean = sum(t) / 4
    slope = sum((a - t_mean) * b for a, b in zip(t, y, strict=True))
    slope /= sum((a - t_mean) ** 2 for a in t)
    line = [slope * (a - t_mean) for a in t]
    for mixing in (0.0, 0.3, 1.0):
        mixed = [mixing * b + (1 - mixing) * c for b, c in zip(y, line, strict=True)]
        expected = [min(max(value, -2.0), 2.0) for value in mixed]
        result = proposals(calibrated_proposals, y, [[v] for v in u], mixing=mixing)
        torch.testing.assert_close(result[:, 0], double(expected))
    # Without y in it the first row's value lies below the range of y and is clipped.
    assert line[0] < -2.0


def test_calibrated_reads_the_axis_between_the_centres_alone():
    y = [-1.0, -1.0, 1.0, 1.0]
    on_axis = [[0.0, 0.0], [1.0, 0.0], [3.0, 0.0], [4.0, 0.0]]
    # The same rows moved at right angles to the axis.
    beside = [[0.0, 5.0], [1.0, -5.0], [3.0, 2.0], [4.0, -2.0]]
    torch.testing.assert_close(
        proposals(calibrated_proposals, y, on_axis), proposals(calibrated_proposals, y, beside)
    )


def test_calibrated_follows_the_scale_of_y_not_of_the_representation():
    y, u = [-2.0, -1.0, 1.0, 2.0], [[0.0], [2.0], [1.0], [3.0]]
    small = proposals(calibrated_proposals, y, u)
    large = proposals(calibrated_proposals, y, [[100 * v + 7 for v in row] for row in u])
    torch.testing.assert_close(large, small)
    doubled = proposals(calibrated_proposals, [2 * v for v in y], u)
    torch.testing.assert_close(doubled, 2 * small)


DEGENERATE = {
    "no negative rows": {"y": [1.0, 2.0, 3.0], "u": [[0.0], [1.0], [2.0]]},
    "no positive rows": {"y": [-1.0, -2.0, -3.0], "u": [[0.0], [1.0], [2.0]]},
    "centres coincide": {"y": [-1.0, 1.0, -2.0, 2.0], "u": [[1.0], [1.0], [3.0], [3.0]]},
    "constant representation": {"y": [-1.0, 1.0, 2.0], "u": [[4.0], [4.0], [4.0]]},
    "dead representation": {"y": [-1.0, 1.0, 2.0], "u": [[0.0], [0.0], [0.0]]},
    "one row": {"y": [1.0], "u": [[3.0]]},
    "constant y": {"y": [0.0, 0.0], "u": [[3.0], [1.0]]},
}


@pytest.mark.parametrize("case", DEGENERATE.values(), ids=DEGENERATE.keys())
@pytest.mark.parametrize("strategy", REGRESSION)
def test_degenerate_rows_keep_y(strategy, case):
    result = proposals(strategy, case["y"], case["u"])
    torch.testing.assert_close(result[:, 0], double(case["y"]))


def test_ulgm_keeps_y_where_the_fused_representation_says_nothing():
    y, u = [-1.0, 1.0, 0.5], [[0.0], [1.0], [0.8]]
    result = proposals(ulgm_proposals, y, u, fused=[[2.0], [2.0], [2.0]])
    torch.testing.assert_close(result[:, 0], double(y))


def test_calibrated_keeps_y_where_the_coordinate_is_constant():
    # Weight lies on rows of one coordinate only, but both sides have their centre.
    y = [-1.0, 1.0, -1.0, 1.0]
    u = [[0.0], [0.0], [0.0], [2e-4]]
    result = proposals(calibrated_proposals, y, u, weight=[1, 1, 1, 1e-8])
    torch.testing.assert_close(result[:, 0], double(y))


def test_calibrated_keeps_y_where_the_slope_is_not_positive():
    # The positive centre lies to the right, and yet larger y goes with smaller u.
    y = [-10.0, -0.1, 0.1, 0.1]
    u = [[3.0], [0.0], [2.0], [2.0]]
    assert proposals(calibrated_proposals, y, u)[0, 0] == -10.0
    torch.testing.assert_close(proposals(calibrated_proposals, y, u)[:, 0], double(y))


@pytest.mark.parametrize("strategy", REGRESSION)
def test_an_absent_polarity_gives_no_nan_anywhere(strategy):
    # What not to inherit, 5: an absent polarity made centres, labels and weights NaN.
    y, u = [0.5, 1.0, 2.0], [[0.3], [0.1], [0.0]]
    assert proposals(strategy, y, u, u, weight=[1, 0, 2]).isfinite().all()


@pytest.mark.parametrize("strategy", REGRESSION)
def test_a_modality_missing_on_one_side_keeps_y(strategy):
    y, u = [-1.0, -2.0, 1.0, 2.0], [[0.0], [1.0], [2.0], [3.0]]
    present = [[True, False], [True, False], [True, True], [True, True]]
    fused = [[0.0], [2.0], [2.6], [3.4]]
    result = proposals(strategy, y, u, u, present=present, fused=fused)
    torch.testing.assert_close(result[:, 1], double(y))
    assert not torch.allclose(result[:, 0], double(y))


@pytest.mark.parametrize("strategy", REGRESSION)
@given(seed=st.integers(0, 50))
def test_proposals_lie_within_the_range_of_y(strategy, seed):
    case = random_case(seed)
    result = strategy(*case)
    assert result.shape == (8, 2)
    assert result.min() >= case[0].min()
    assert result.max() <= case[0].max()


def test_class_proposals_by_hand():
    # Centres (1, 0) and (0, 1); the third row lies at 45 degrees to both, whatever its length.
    y = [[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]
    u = [[2.0, 0.0], [0.0, 3.0], [5.0, 5.0]]
    result = proposals(class_proposals, y, u, weight=[1, 1, 0], temperature=0.5, mixing=0.25)
    near = math.exp(1 / 0.5) / (math.exp(1 / 0.5) + math.exp(0))
    expected = [[near, 1 - near], [1 - near, near], [0.5, 0.5]]
    torch.testing.assert_close(result[:, 0], 0.25 * double(y) + 0.75 * double(expected))


def test_class_centres_are_weighted_and_of_present_rows():
    y = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]
    u = [[1.0, 0.0], [0.0, 1.0], [9.0, 9.0], [0.0, 1.0]]
    present = [[True], [True], [False], [True]]
    result = proposals(
        class_proposals, y, u, weight=[3, 1, 1, 1], present=present, temperature=1.0, mixing=0.0
    )
    # The first class's centre is (3, 1) / 4, of cosine 3 / sqrt(10) with the first row.
    first = math.exp(3 / math.sqrt(10)) / (math.exp(3 / math.sqrt(10)) + math.exp(0))
    torch.testing.assert_close(result[0, 0], double([first, 1 - first]))


def test_classes_without_rows_are_left_out():
    y = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    u = [[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    present = [[True, True], [True, True], [True, False]]
    result = proposals(class_proposals, y, u, u, present=present, mixing=0.0)
    assert (result[:, 0, 2] > 0).all()
    assert (result[:, 1, 2] == 0).all()
    torch.testing.assert_close(result.sum(dim=2), torch.ones(3, 2, dtype=torch.float64))


def test_a_modality_that_no_row_has_gives_one_hot_y():
    y = [[1.0, 0.0], [0.0, 1.0]]
    result = proposals(class_proposals, y, [[1.0], [2.0]], present=[[False], [False]])
    torch.testing.assert_close(result[:, 0], double(y))


def test_dead_class_representations_give_finite_labels():
    result = proposals(class_proposals, [[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(result[:, 0], double([[0.75, 0.25], [0.25, 0.75]]))


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(seed=st.integers(0, 20), order=st.permutations(range(8)))
def test_permuted_rows_have_permuted_proposals(strategy, seed, order):
    case = case_for(strategy, seed)
    torch.testing.assert_close(strategy(*take(case, list(order))), strategy(*case)[list(order)])


@pytest.mark.parametrize("strategy", STRATEGIES)
@given(
    seed=st.integers(0, 20),
    counts=st.lists(st.integers(0, 3), min_size=8, max_size=8),
)
def test_integer_weights_are_repetitions_and_zero_is_absence(strategy, seed, counts):
    y, _, present, parts, fused = case_for(strategy, seed)
    # The range of y, which clips, and every class belong to rows that are there in both.
    counts = [max(count, 1) if row < 3 else count for row, count in enumerate(counts)]
    y = y.clamp(-0.5, 0.5)
    weight = torch.tensor(counts, dtype=torch.float64)
    rows = torch.repeat_interleave(torch.arange(8), torch.tensor(counts))
    case = (y, weight, present, parts, fused)
    one_each = torch.ones(len(rows), dtype=torch.float64)
    repeated = take(case, rows)
    result = strategy(repeated[0], one_each, *repeated[2:])
    torch.testing.assert_close(result, strategy(*case)[rows])
