"""Features in standard units, learned from valid steps alone."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_tamulag.data.blocks import row_blocks, valid_steps
from sklearn_tamulag.data.forms import validate_multimodal
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.sklearn_private import check_sample_weight, fit_context
from sklearn_tamulag.preprocessing._base import MultimodalTransformer


class SequenceScaler(MultimodalTransformer):
    r"""Standardise every feature over the valid steps of all rows.

    A feature x becomes :math:`(x - \mu) / \sigma`, with mean and standard deviation taken over
    valid steps alone. Padding stays zero, and token ids stay as they are.

    Parameters
    ----------
    with_mean : bool, default=True
        Whether to subtract the mean.
    with_std : bool, default=True
        Whether to divide by the standard deviation. Features that are constant are not divided.
    allow_missing : bool, default=False
        Whether X may lack whole modalities after fit; they come out as missing in every row.

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
        The columns of what was fitted: ``X.shape[1]`` of MultimodalData or a table of numbers, else
        the number of modalities.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        The names of these columns, where they have any.

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

    _learned_names = (*MultimodalTransformer._learned_names, "mean_", "scale_")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "with_mean": ["boolean"],
        "with_std": ["boolean"],
        "allow_missing": ["boolean"],
    }

    def __init__(
        self, *, with_mean: bool = True, with_std: bool = True, allow_missing: bool = False
    ) -> None:
        self.with_mean = with_mean
        self.with_std = with_std
        self.allow_missing = allow_missing

    @fit_context(prefer_skip_nested_validation=True)
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
        weights = check_sample_weight(sample_weight, data, dtype=np.float64)
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

    def transform(self, X: Any) -> Any:
        """Standardise the valid steps.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The data, with the modalities of fit in any order.

        Returns
        -------
        data : MultimodalData
            The standardised data, in memory; float16 becomes float32. Or what `set_output` says.
        """
        return self._contained(self._rescale(X, inverse=False))

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
