"""The flat matrix that meta-estimators make, back into modalities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from sklearn_tamulag.data.containers import open_container
from sklearn_tamulag.data.flat import n_columns, steps_of
from sklearn_tamulag.data.forms import is_multimodal, to_multimodal
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.naming import check_modality_names
from sklearn_tamulag.data.sklearn_private import fit_context
from sklearn_tamulag.data.validation import check_feature_sizes, check_finite, check_same_modalities
from sklearn_tamulag.preprocessing._base import MultimodalTransformer


class FlatToMultimodal(MultimodalTransformer):
    """Give the flat matrix of a MultimodalData its modalities back.

    Bagging, boosting, chains, one-versus-one and samplers call ``np.asarray`` on what they are
    given, and hand their estimator the flat matrix of all steps. As the first step of a pipeline,
    this makes a MultimodalData of it again, lengths included: a step counts up to the last one that
    is not padding, and ``np.asarray`` marks a last step that is all zeros. What still has its
    modalities passes.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        By modality (T, d), its steps and features, or (T,) for token ids, in the order of the
        columns: ``X.shapes`` of the MultimodalData.
    remainder : str or None, default=None
        The name of one more modality, of one step, for the columns beyond those of `shapes`, such
        as RegressorChain and ClassifierChain append for what they have predicted; where there are
        none, there is no such modality. None refuses them.

    Attributes
    ----------
    modalities_ : tuple of str
        The modalities of the result.
    n_features_in_ : int
        The number of columns in fit.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        Their names, where they have any.

    See Also
    --------
    sklearn_tamulag.MultimodalData.shapes : What leads back from the flat matrix.

    Notes
    -----
    Interpolated rows, as SMOTE makes them, end where the longer of their two parents does. ids and
    groups are not in the matrix: groups have to reach fit by another way.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag import MultimodalData
    >>> from sklearn_tamulag.preprocessing import FlatToMultimodal
    >>> X = MultimodalData(
    ...     {"text": np.ones((3, 4, 2)), "audio": np.ones((3, 6, 5))}, {"text": [4, 1, 0]}
    ... )
    >>> flat = np.asarray(X)
    >>> flat.shape
    (3, 38)
    >>> FlatToMultimodal(X.shapes).fit_transform(flat) == X
    True
    """

    _learned_names = ("modalities_", "n_features_in_", "feature_names_in_")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "shapes": [Mapping],
        "remainder": [str, None],
    }

    def __init__(
        self, shapes: Mapping[str, Sequence[int]], *, remainder: str | None = None
    ) -> None:
        self.shapes = shapes
        self.remainder = remainder

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Check that the shapes and the columns belong together.

        Parameters
        ----------
        X : array-like of shape (n, columns), or any form of multimodal data
            The flat matrix.
        y : None
            Ignored.

        Returns
        -------
        self : FlatToMultimodal
            The transformer.

        Raises
        ------
        TypeError, ValueError
            If `shapes` are none, X has fewer columns, or more and `remainder` does not name them,
            or other modalities.
        """
        self._read(X, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """Make a MultimodalData of a flat matrix.

        Parameters
        ----------
        X : array-like of shape (n, columns), or any form of multimodal data
            The flat matrix.

        Returns
        -------
        data : MultimodalData
            Arrays of shape (n, T, d) in the precision of X, or (n, T) of integers. Or what
            `set_output` says.
        """
        check_is_fitted(self)
        return self._contained(self._read(X, reset=False))

    def _read(self, X: Any, *, reset: bool) -> MultimodalData:
        """Take X apart, or check the modalities that it has; learn them if asked."""
        shapes = _checked_shapes(self.shapes)
        check_modality_names("remainder and shapes", [*shapes, *filter(None, [self.remainder])])
        X = open_container(X, tuple(shapes))
        if is_multimodal(X):
            sizes = {name: shape[1] if len(shape) == 2 else None for name, shape in shapes.items()}
            data = to_multimodal(X, feature_sizes=sizes)
            check_same_modalities(data.modalities, shapes)
            check_feature_sizes(data.feature_sizes, sizes)
            check_finite(data.arrays, data.lengths)
            data = data.select(list(shapes))
            if reset:
                self.n_features_in_ = data.shape[1]
        else:
            data = self._part(X, shapes, reset=reset)
        if reset:
            self.modalities_ = data.modalities
        return data

    def _part(self, X: Any, shapes: Mapping[str, Sequence[int]], *, reset: bool) -> MultimodalData:
        """Part a flat matrix, its last columns being the remainder."""
        dtypes = [np.float64, np.float32, np.float16]
        flat: NDArray[Any] = validate_data(self, X, reset=reset, dtype=dtypes)
        known, given = n_columns(shapes), flat.shape[1]
        if given < known or (given > known and self.remainder is None):
            more = "" if given < known else " remainder names the modality of those beyond."
            raise ValueError(
                f"X has {given} columns, and shapes={dict(shapes)!r} have {known} in all.{more}"
            )
        arrays, lengths = steps_of(flat, shapes)
        if self.remainder is not None and given > known:
            arrays[self.remainder] = flat[:, np.newaxis, known:]  # (n, k) -> (n, 1, k)
        return MultimodalData(arrays, lengths)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32", "float16"]
        return tags


def _checked_shapes(shapes: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    """Check that every modality has a number of steps and, unless it is token ids, of features."""
    for name, shape in shapes.items():
        given: Any = shape
        sizes = list(given) if np.iterable(given) else []
        whole = len(sizes) in (1, 2) and all(isinstance(n, Integral) for n in sizes)
        if not whole or min(sizes) < 1:
            raise ValueError(
                f"shapes[{name!r}] must be (T, d), or (T,) for token ids, integers of 1 or more, "
                f"got {shape!r}."
            )
    return {name: tuple(int(n) for n in shape) for name, shape in shapes.items()}
