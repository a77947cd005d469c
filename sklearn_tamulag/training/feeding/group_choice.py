"""Which whole groups are held out, so that shares of rows and of classes are as asked."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

# As many groups can be tried in every combination.
TRIED_ALL = 12
# Beyond that: fresh starts, the moves tried at once, rounds of moves that bring nothing, and all.
STARTS = 6
MOVES = 128
IDLE_ROUNDS = 12
ROUNDS = 100

# A class that is lost outweighs any share, and the share of the rows those of the classes.
LOSS_WEIGHT = 1000.0
SHARE_WEIGHT = 10.0
# Choices that cost so much more than the best are as good, so that seeds differ in theirs: half a
# per cent of the rows, or five of each class on the average.
EVEN = 0.05


def choose_groups(
    counts: NDArray[np.int64],
    fraction: float,
    *,
    seed: int,
    first: NDArray[np.bool_] | None = None,
) -> NDArray[np.bool_]:
    """Choose the groups to hold out.

    No class is held out as a whole while there is a choice of groups that keeps a row of each in
    training. Among such choices the share of the rows that is held out is to be as near to
    `fraction` as it can be, and then that of every class.

    Parameters
    ----------
    counts : int64 array of shape (G, K)
        Rows by group and class, of at least two groups; every group and every class has a row.
    fraction : float in (0, 1)
        Share of the rows to hold out.
    seed : int
        Seeds the choice among many that are about as good.
    first : bool array of shape (G,), optional
        A choice that is taken if none better is found.

    Returns
    -------
    bool array of shape (G,)
        Which groups are held out: at least one, and not all. Up to 12 groups all choices are
        compared; of more it is the best that a search finds.

    Examples
    --------
    >>> import numpy as np
    >>> choose_groups(np.array([[6], [3], [1]]), 0.3, seed=0)
    array([False,  True, False])
    """
    random = np.random.default_rng(seed)
    total = counts.sum(axis=0)

    def cost(held: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cost of choices, given the rows by class (..., K) that each holds out."""
        n_held = held.sum(axis=-1)
        lost = (held == total).sum(axis=-1)
        share = np.abs(n_held / total.sum() - fraction)
        balance = np.abs(held / total - fraction).mean(axis=-1)
        value = LOSS_WEIGHT * lost + SHARE_WEIGHT * share + balance
        return np.where((n_held == 0) | (n_held == total.sum()), np.inf, value)

    if len(counts) <= TRIED_ALL:
        choice, value = _best_of_all(counts, cost, random)
    else:
        choice, value = _best_found(counts, fraction, cost, random)
    # Costs that differ in their last bits alone are equal.
    if first is not None and cost(first @ counts) <= value + 1e-9:
        return first
    return choice


Cost = Callable[[NDArray[np.int64]], NDArray[np.float64]]


def _best_of_all(
    counts: NDArray[np.int64], cost: Cost, random: np.random.Generator
) -> tuple[NDArray[np.bool_], float]:
    """Try every choice; one of those that are as good as the best."""
    n_groups = len(counts)
    # (2^G, 1), (G,) -> (2^G, G)
    choices = (np.arange(2**n_groups)[:, np.newaxis] >> np.arange(n_groups)) % 2 == 1
    costs = cost(choices @ counts)
    best = np.flatnonzero(costs <= costs.min() + EVEN)
    return choices[random.choice(best)], float(costs.min())


def _best_found(
    counts: NDArray[np.int64], fraction: float, cost: Cost, random: np.random.Generator
) -> tuple[NDArray[np.bool_], float]:
    """Start from random choices and better each by moves of one group or two."""
    best, best_value = np.zeros(len(counts), dtype=bool), np.inf
    for _ in range(STARTS):
        choice = _start(counts, fraction, random)
        value = _improve(counts, choice, cost, random)
        if value < best_value - 1e-9:
            best, best_value = choice, value
    return best, best_value


def _start(
    counts: NDArray[np.int64], fraction: float, random: np.random.Generator
) -> NDArray[np.bool_]:
    """Fill the share with random groups, none of which takes the last rows of a class along."""
    total = counts.sum(axis=0)
    spare = ~(counts == total).any(axis=1)
    keeps_all = bool(spare.any())
    order = random.permutation(np.flatnonzero(spare) if keeps_all else len(counts))
    choice, held = np.zeros(len(counts), dtype=bool), np.zeros_like(total)
    # One group at least remains.
    for group in order[: len(counts) - 1]:
        if held.sum() >= fraction * total.sum():
            break
        with_it = held + counts[group]
        if not (keeps_all and (with_it == total).any()):
            choice[group], held = True, with_it
    return choice


def _improve(
    counts: NDArray[np.int64],
    choice: NDArray[np.bool_],
    cost: Cost,
    random: np.random.Generator,
) -> float:
    """Change a choice in place while random moves better it, and return its cost."""
    held = choice @ counts
    value, idle = float(cost(held)), 0
    for _ in range(ROUNDS):
        if idle == IDLE_ROUNDS:
            break
        # (MOVES, 2): groups that change sides; the same group twice is a move of one.
        moves = random.integers(0, len(counts), (MOVES, 2))
        moves[::4, 1] = moves[::4, 0]
        signs = np.where(choice[moves], -1, 1)
        signs[moves[:, 0] == moves[:, 1], 1] = 0
        # (MOVES, 2, K) -> (MOVES, K)
        moved = held + (counts[moves] * signs[..., np.newaxis]).sum(axis=1)
        costs = cost(moved)
        place = int(costs.argmin())
        if costs[place] < value - 1e-9:
            changed = np.unique(moves[place])
            choice[changed] = ~choice[changed]
            held, value, idle = moved[place], float(costs[place]), 0
        else:
            idle += 1
    return value
