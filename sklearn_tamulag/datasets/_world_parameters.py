"""What the generated data and their best possible error take, and what they refuse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from sklearn_tamulag.data.sklearn_private import Interval, StrOptions
from sklearn_tamulag.datasets._worlds import WORLDS, World

FEATURE_SIZES = {"text": 16, "audio": 8, "vision": 12}

CONSTRAINTS: dict[str, list[Any]] = {
    "n_samples": [Interval(Integral, 1, None, closed="left")],
    "world": [StrOptions(set(WORLDS))],
    "feature_sizes": [Mapping, None],
    "length_range": [Sequence],
    "cue_density": [Interval(Real, 0, 1, closed="right")],
    "agreement": [Interval(Real, 0, 1, closed="both")],
    "difficulty": [Interval(Real, 0, None, closed="left")],
    "noise": [Interval(Real, 0, None, closed="left")],
    "noise_correlation": [Interval(Real, 0, 1, closed="left")],
    "missing_rate": [Interval(Real, 0, 1, closed="left")],
    "n_classes": [Interval(Integral, 2, None, closed="left"), None],
    "random_state": ["random_state"],
}


def check_world(
    name: str,
    feature_sizes: Mapping[str, int] | None,
    length_range: Sequence[int],
    agreement: float,
) -> tuple[World, dict[str, int], tuple[int, int]]:
    """Read the parameters that go together.

    Parameters
    ----------
    name : str
        The world.
    feature_sizes : mapping of str to int, or None
        Features per step by modality; None for the default.
    length_range : sequence of two int
        Least and largest length.
    agreement : float in [0, 1]
        Correlation between two modalities.

    Returns
    -------
    world : World
        The world.
    feature_sizes : dict of str to int
        Features per step by modality.
    length_range : tuple of two int
        Least and largest length.

    Raises
    ------
    ValueError
        If one of them is out of range, or not what the world needs.
    """
    world = WORLDS[name]
    sizes = dict(FEATURE_SIZES if feature_sizes is None else feature_sizes)
    _check_sizes(sizes)
    if len(sizes) < world.least_modalities:
        raise ValueError(
            f"feature_sizes must have at least {world.least_modalities} modalities where world is "
            f"{name!r}, got {list(sizes)}."
        )
    ends = _check_length_range(length_range)
    if world.ordered and ends[0] < 2:
        raise ValueError(
            f"length_range must begin at 2 at least where world is {name!r}, since one step has no "
            f"order; got {length_range!r}."
        )
    if agreement > world.most_agreement:
        raise ValueError(
            f"agreement must be at most {world.most_agreement} where world is {name!r}, since "
            f"beyond it the other modalities tell as much; got {agreement!r}."
        )
    return world, sizes, ends


def _check_sizes(sizes: Mapping[str, int]) -> None:
    """Refuse no modality, and modalities of less than two features."""
    if not sizes:
        raise ValueError("feature_sizes must have at least one modality, got none.")
    for name, size in sizes.items():
        if not isinstance(size, Integral) or size < 2:
            raise ValueError(f"feature_sizes[{name!r}] must be an int of at least 2, got {size!r}.")


def _check_length_range(length_range: Sequence[int]) -> tuple[int, int]:
    """Read the least and the largest length."""
    whole = len(length_range) == 2 and all(isinstance(end, Integral) for end in length_range)
    if not whole or not 1 <= length_range[0] <= length_range[1]:
        raise ValueError(
            "length_range must be two ints, the least length (at least 1) and the largest, got "
            f"{length_range!r}."
        )
    return int(length_range[0]), int(length_range[1])
