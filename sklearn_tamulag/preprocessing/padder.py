"""Fixed lengths: truncate long sequences, pad short ones."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_tamulag.data.forms import is_multimodal, validate_multimodal
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.ragged import Cut
from sklearn_tamulag.data.sklearn_private import (
    Interval,
    StrOptions,
    fit_context,
    validate_parameter_constraints,
)
from sklearn_tamulag.data.validation import by_modality, check_finite
from sklearn_tamulag.preprocessing._base import MultimodalTransformer, NamedColumns


class MultimodalPadder(NamedColumns, MultimodalTransformer):
    """Bring sequences of several modalities to fixed lengths.

    The longest sequence seen in fit gives the number of steps T of a modality, or `max_length`
    where that is less. Longer sequences are then truncated, shorter ones padded with zeros.

    Parameters
    ----------
    max_length : int, dict or None, default=None
        The most steps to keep, at least 1; None for no limit. A dict gives a value by modality, and
        under "rest" one for those that it does not list.
    keep : {"head", "tail"} or dict, default="head"
        Which end of a sequence stays where it is truncated; a dict as in `max_length`.
    dtype : {"float16", "float32", "float64"}, default="float32"
        The type of the features. Token ids keep theirs.
    allow_missing : bool, default=False
        Whether X may lack whole modalities after fit; they come out as missing in every row.
    ids, groups : str or None, default=None
        The columns of a DataFrame (or keys of a dict) that are no modality but travel with the
        rows, as ``ids`` and ``groups`` of the result; they may be absent after fit. A
        MultimodalData brings its own, and a DataFrame's index stands for ids not named.

    Attributes
    ----------
    modalities_ : tuple of str
        The modalities in the order of fit, which is the order of every result.
    lengths_ : dict of str to int
        The number of steps T of every modality.
    feature_sizes_ : dict of str to int or None
        The number of features per step, None for token ids.
    n_features_in_ : int
        The columns of what was fitted: ``X.shape[1]`` of MultimodalData or a table of numbers, else
        the number of modalities.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        The names of these columns, where they have any.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.preprocessing import MultimodalPadder
    >>> X = {"text": [np.ones((4, 2)), np.ones((1, 2))], "audio": [np.ones((9, 3)), None]}
    >>> MultimodalPadder(max_length={"audio": 5, "rest": None}).fit_transform(X)
    MultimodalData of 2 rows
      text: (2, 4, 2) float32, lengths 1..4, missing 0
      audio: (2, 5, 3) float32, lengths 5..5, missing 1
    """

    _learned_names = (*MultimodalTransformer._learned_names, "lengths_")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_length": [Interval(Integral, 1, None, closed="left"), dict, None],
        "keep": [StrOptions({"head", "tail"}), dict],
        "dtype": [StrOptions({"float16", "float32", "float64"})],
        "allow_missing": ["boolean"],
        "ids": [str, None],
        "groups": [str, None],
    }

    def __init__(
        self,
        *,
        max_length: int | dict[str, int | None] | None = None,
        keep: str | dict[str, str] = "head",
        dtype: str = "float32",
        allow_missing: bool = False,
        ids: str | None = None,
        groups: str | None = None,
    ) -> None:
        self.max_length = max_length
        self.keep = keep
        self.dtype = dtype
        self.allow_missing = allow_missing
        self.ids = ids
        self.groups = groups

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the modalities, their feature sizes and their lengths.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The data, padded or ragged; a table of numbers is one modality "features" of one step.
        y : None
            Ignored.

        Returns
        -------
        self : MultimodalPadder
            The fitted transformer.
        """
        modalities = self._split(X, reset=True)[0]
        # Where the modalities are known before they are read, one long recording cannot make all
        # the others as long as itself.
        cuts = self._cuts(tuple(modalities)) if _holds_cells(modalities) else None
        data = validate_multimodal(self, modalities, reset=True, cuts=cuts)
        limits = self._by_modality("max_length", self.modalities_)
        self._by_modality("keep", self.modalities_)
        longest = {name: int(lengths.max()) for name, lengths in data.lengths.items()}
        self.lengths_ = {name: min(longest[name], limits[name] or longest[name]) for name in limits}
        return self

    def transform(self, X: Any) -> Any:
        """Truncate and pad to the lengths of fit.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The data, with the modalities of fit in any order.

        Returns
        -------
        data : MultimodalData
            Arrays of shape (n, T, d), or (n, T) for token ids. What has this dtype already and only
            loses padding, if anything, is not copied, and stays memory-mapped. Or what `set_output`
            says.
        """
        check_is_fitted(self)
        modalities, named = self._split(X, reset=False)
        keep = self._by_modality("keep", self.modalities_)
        cuts = {name: _cut(n_steps, keep[name]) for name, n_steps in self.lengths_.items()}
        data = validate_multimodal(self, modalities, reset=False, cuts=cuts)
        arrays, lengths = {}, {}
        for name, n_steps in self.lengths_.items():
            array = _resize(data.arrays[name], data.lengths[name], n_steps, keep[name])
            lengths[name] = np.minimum(data.lengths[name], n_steps)
            arrays[name] = _cast(name, array, lengths[name], self.dtype)
        row_values = {"ids": data.ids, "groups": data.groups} | named
        return self._contained(MultimodalData(arrays, lengths, **row_values))

    def _cuts(self, modalities: tuple[str, ...]) -> dict[str, Cut]:
        """What shortens the sequences of every modality that has a limit."""
        limits = self._by_modality("max_length", modalities)
        keep = self._by_modality("keep", modalities)
        return {name: _cut(limit, keep[name]) for name, limit in limits.items() if limit}

    def _by_modality(self, parameter: str, modalities: tuple[str, ...]) -> dict[str, Any]:
        """Spell out a parameter by modality and check every value of it."""
        values = by_modality(parameter, getattr(self, parameter), modalities, rest=False)
        allowed = [kind for kind in self._parameter_constraints[parameter] if kind is not dict]
        named = {f"{parameter}[{name!r}]": value for name, value in values.items()}
        validate_parameter_constraints(
            dict.fromkeys(named, allowed), named, caller_name=type(self).__name__
        )
        return values

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = [self.dtype]
        return tags


def _holds_cells(X: Any) -> bool:
    """Tell whether X, opened, has a value per row of every modality."""
    return isinstance(X, Mapping | pd.DataFrame) and is_multimodal(X)


def _cut(n_steps: int, keep: str) -> Cut:
    """Keep the first or the last steps of a sequence."""
    return lambda steps: steps[:n_steps] if keep == "head" else steps[-n_steps:]


def _resize(
    array: NDArray[Any], lengths: NDArray[np.int64], n_steps: int, keep: str
) -> NDArray[Any]:
    """Truncate or pad to `n_steps` steps; padding alone is cut off as a view."""
    if keep == "tail" and (lengths > n_steps).any():
        # (n, n_steps): the steps to keep, which are the first ones where a row is short enough
        steps = np.maximum(lengths - n_steps, 0)[:, np.newaxis] + np.arange(n_steps)
        return array[np.arange(len(array))[:, np.newaxis], steps]
    if array.shape[1] >= n_steps:
        return array[:, :n_steps]
    padded = np.zeros((len(array), n_steps, *array.shape[2:]), dtype=array.dtype)
    padded[:, : array.shape[1]] = array
    return padded


def _cast(name: str, array: NDArray[Any], lengths: NDArray[np.int64], dtype: str) -> NDArray[Any]:
    """Change the dtype of features; a value too large for it is refused like infinity."""
    if array.ndim == 2 or array.dtype == dtype:
        return array
    with np.errstate(over="ignore"):
        cast = np.asarray(array).astype(dtype)
    check_finite({name: cast}, {name: lengths})
    return cast
