"""Transformers that make multimodal data ready for the network."""

from collections.abc import Mapping
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints
from sklearn.utils.validation import _check_sample_weight

from sklearn_tamulag._data import MultimodalData
from sklearn_tamulag._forms import validate_multimodal
from sklearn_tamulag._validation import by_modality, check_finite, row_blocks, valid_steps

__all__ = ["MultimodalPadder", "SequenceScaler"]


class _MultimodalTransformer(TransformerMixin, BaseEstimator):
    """What the transformers share: every form of X comes in, MultimodalData goes out."""

    modalities_: tuple[str, ...]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class MultimodalPadder(_MultimodalTransformer):
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
        The number of modalities; of columns, if a table of numbers was fitted.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        The names of the modalities; of the columns, if a DataFrame of numbers was fitted.

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

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "max_length": [Interval(Integral, 1, None, closed="left"), dict, None],
        "keep": [StrOptions({"head", "tail"}), dict],
        "dtype": [StrOptions({"float16", "float32", "float64"})],
        "ids": [str, None],
        "groups": [str, None],
    }

    def __init__(
        self,
        *,
        max_length: int | dict[str, int | None] | None = None,
        keep: str | dict[str, str] = "head",
        dtype: str = "float32",
        ids: str | None = None,
        groups: str | None = None,
    ) -> None:
        self.max_length = max_length
        self.keep = keep
        self.dtype = dtype
        self.ids = ids
        self.groups = groups

    @_fit_context(prefer_skip_nested_validation=True)
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
        data = validate_multimodal(self, self._split(X, reset=True)[0], reset=True)
        limits = self._by_modality("max_length")
        self._by_modality("keep")
        longest = {name: int(lengths.max()) for name, lengths in data.lengths.items()}
        self.lengths_ = {name: min(longest[name], limits[name] or longest[name]) for name in limits}
        return self

    def transform(self, X: Any) -> MultimodalData:
        """Truncate and pad to the lengths of fit.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The data, with the modalities of fit in any order.

        Returns
        -------
        data : MultimodalData
            Arrays of shape (n, T, d), or (n, T) for token ids. What has this dtype already and only
            loses padding, if anything, is not copied, and stays memory-mapped.
        """
        modalities, named = self._split(X, reset=False)
        data = validate_multimodal(self, modalities, reset=False)
        keep = self._by_modality("keep")
        arrays, lengths = {}, {}
        for name, n_steps in self.lengths_.items():
            array = _resize(data.arrays[name], data.lengths[name], n_steps, keep[name])
            lengths[name] = np.minimum(data.lengths[name], n_steps)
            arrays[name] = _cast(name, array, lengths[name], self.dtype)
        row_values = {"ids": data.ids, "groups": data.groups} | named
        return MultimodalData(arrays, lengths, **row_values)

    def _split(self, X: Any, *, reset: bool) -> tuple[Any, dict[str, Any]]:
        """Part the modalities from the columns that travel with the rows."""
        if isinstance(X, MultimodalData):
            return X, {}
        columns = {k: v for k in ("ids", "groups") if (v := getattr(self, k)) is not None}
        has_columns = isinstance(X, pd.DataFrame | Mapping)
        found = {name: column for name, column in columns.items() if has_columns and column in X}
        if reset and len(found) < len(columns):
            raise ValueError(f"ids and groups must name columns of X, got {columns}.")
        if found:
            kept = [name for name in X if name not in found.values()]
            modalities = (
                X[kept] if isinstance(X, pd.DataFrame) else {name: X[name] for name in kept}
            )
            return modalities, {name: X[column] for name, column in found.items()}
        return X, {}

    def _by_modality(self, parameter: str) -> dict[str, Any]:
        """Spell out a parameter by modality and check every value of it."""
        values = by_modality(parameter, getattr(self, parameter), self.modalities_, rest=False)
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


class SequenceScaler(_MultimodalTransformer):
    r"""Standardise every feature over the valid steps of all rows.

    A feature x becomes :math:`(x - \mu) / \sigma`, with mean and standard deviation taken over
    valid steps alone. Padding stays zero, and token ids stay as they are.

    Parameters
    ----------
    with_mean : bool, default=True
        Whether to subtract the mean.
    with_std : bool, default=True
        Whether to divide by the standard deviation. Features that are constant are not divided.

    Attributes
    ----------
    mean_ : dict of str to ndarray of shape (d,), dtype float64
        The mean subtracted from every feature, by modality; zeros without `with_mean`.
    scale_ : dict of str to ndarray of shape (d,), dtype float64
        What every feature is divided by, by modality; ones without `with_std`.
    modalities_ : tuple of str
        The modalities in the order of fit, which is the order of every result.
    feature_sizes_ : dict of str to int or None
        The number of features per step, None for token ids.
    n_features_in_ : int
        The number of modalities; of columns, if a table of numbers was fitted.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        The names of the modalities; of the columns, if a DataFrame of numbers was fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag import MultimodalData
    >>> from sklearn_tamulag.preprocessing import SequenceScaler
    >>> X = MultimodalData({"audio": np.array([[[1.0], [3.0]], [[5.0], [0.0]]])}, {"audio": [2, 1]})
    >>> scaler = SequenceScaler().fit(X)
    >>> scaler.mean_["audio"]
    array([3.])
    >>> scaler.transform(X).arrays["audio"][1].ravel().round(3).tolist()
    [1.225, 0.0]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
    }

    def __init__(self, *, with_mean: bool = True, with_std: bool = True) -> None:
        self.with_mean = with_mean
        self.with_std = with_std

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, sample_weight: ArrayLike | None = None) -> Self:
        """Learn the mean and the standard deviation of every feature.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The data; a table of numbers is one modality "features" of one step.
        y : None
            Ignored.
        sample_weight : array-like of shape (n,), default=None
            The weight of each row, 0 or more. Rows of weight 0 are as if absent.

        Returns
        -------
        self : SequenceScaler
            The fitted transformer.
        """
        data = validate_multimodal(self, X, reset=True)
        weights = _check_sample_weight(sample_weight, data, dtype=np.float64)
        if (weights < 0).any():
            raise ValueError(f"sample_weight must not be negative, got {weights.min()}.")
        self.mean_, self.scale_ = {}, {}
        for name, array in data.arrays.items():
            if array.ndim == 2:
                continue
            if not (weights * data.lengths[name]).any():
                raise ValueError(f"Modality {name!r} is missing in every row of positive weight.")
            mean, deviation = _moments(array, data.lengths[name], weights)
            self.mean_[name] = mean if self.with_mean else np.zeros_like(mean)
            self.scale_[name] = np.where(self.with_std & (deviation > 0), deviation, 1.0)
        return self

    def transform(self, X: Any) -> MultimodalData:
        """Standardise the valid steps.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The data, with the modalities of fit in any order.

        Returns
        -------
        data : MultimodalData
            The standardised data, in memory; float16 becomes float32.
        """
        return self._rescale(X, inverse=False)

    def inverse_transform(self, X: Any) -> MultimodalData:
        """Bring standardised data back to the units it had.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            Standardised data.

        Returns
        -------
        data : MultimodalData
            The data in its own units.
        """
        return self._rescale(X, inverse=True)

    def _rescale(self, X: Any, *, inverse: bool) -> MultimodalData:
        """Map the valid steps to standard units, or back."""
        data = validate_multimodal(self, X, reset=False)
        arrays = dict(data.arrays)
        for name, mean in self.mean_.items():
            array, scale = data.arrays[name], self.scale_[name]
            arrays[name] = np.zeros(array.shape, dtype=np.result_type(array.dtype, np.float32))
            for rows in row_blocks(array):
                mask = valid_steps(data.lengths[name][rows], array.shape[1])
                # (B, T, d) -> (steps, d)
                steps = array[rows][mask].astype(np.float64)
                steps = steps * scale + mean if inverse else (steps - mean) / scale
                arrays[name][rows][mask] = steps
        return MultimodalData(arrays, data.lengths, ids=data.ids, groups=data.groups)


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


def _moments(
    array: NDArray[Any], lengths: NDArray[np.int64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation over valid steps, summed in float64 block by block."""
    # differences from a value of the data leave constant features without rounding error
    centre = array[np.argmax(weights * lengths > 0), 0].astype(np.float64)
    for power in (1, 2):
        moment = np.zeros_like(centre)
        for rows in row_blocks(array):
            # (B, T, d) -> (steps, d)
            steps = array[rows][valid_steps(lengths[rows], array.shape[1])].astype(np.float64)
            moment += np.repeat(weights[rows], lengths[rows]) @ (steps - centre) ** power
        moment /= weights @ lengths
        centre = centre + moment if power == 1 else centre
    return centre, np.sqrt(moment)
