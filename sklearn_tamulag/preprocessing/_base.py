"""What the transformers of multimodal data share."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from sklearn_tamulag.data.containers import open_container
from sklearn_tamulag.data.forms import modality_names
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.refusals import TABLE_MODALITY
from sklearn_tamulag.data.sklearn_private import check_feature_names_in, output_config

CONTAINERS = ("default", "pandas", "polars")


class MultimodalTransformer(TransformerMixin, BaseEstimator):
    """What the transformers share: every form of X comes in, MultimodalData goes out.

    Attributes
    ----------
    modalities_ : tuple of str
        The modalities in the order of fit, which is the order of every result.
    """

    modalities_: tuple[str, ...]
    n_features_in_: int
    # What fit learns, and what a saved file holds.
    _learned_names: ClassVar[tuple[str, ...]] = (
        "modalities_",
        "feature_sizes_",
        "n_features_in_",
        "feature_names_in_",
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # scikit-learn would put the flat matrix into its frames: `_contained` makes them.
        super().__init_subclass__(auto_wrap_output_keys=None, **kwargs)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Choose what `transform` and `fit_transform` return.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            "default" is a MultimodalData; the others a DataFrame with a column of arrays per
            modality, whose index is the ids in pandas, or of numbers where such a table was fitted.
            None changes nothing.

        Returns
        -------
        self : estimator instance
            The transformer.

        Raises
        ------
        ValueError
            If there is no such container.
        """
        if transform is None:
            return self
        if transform not in CONTAINERS:
            raise ValueError(f"transform must be one of {CONTAINERS}, got {transform!r}.")
        self._sklearn_output_config = {"transform": transform}
        return self

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Name the columns that come out: the modalities, or those of a table of numbers.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the columns of a table of numbers that was fitted without any; otherwise they
            have to be those of fit.

        Returns
        -------
        names : ndarray of str, dtype object
            The names, in the order of fit.
        """
        check_is_fitted(self)
        if self._fitted_on_table():
            return np.asarray(check_feature_names_in(self, input_features))
        if input_features is not None and hasattr(self, "feature_names_in_"):
            check_feature_names_in(self, input_features)
        return np.array(self._modalities_out(), dtype=object)

    def _modalities_out(self) -> tuple[str, ...]:
        """The modalities of the result."""
        return self.modalities_

    def _fitted_on_table(self) -> bool:
        """Tell whether X was a table of numbers in fit."""
        sizes: Mapping[str, int | None] = getattr(self, "feature_sizes_", {})
        alone = self.modalities_ == (TABLE_MODALITY,)
        return alone and sizes.get(TABLE_MODALITY) == self.n_features_in_

    def _contained(self, data: MultimodalData) -> Any:
        """Put the result into the container that `set_output`, or all of scikit-learn, asks for."""
        container = output_config("transform", self)["dense"]
        if container == "default":
            return data
        if self._fitted_on_table() and data.shapes[TABLE_MODALITY][0] == 1:
            names = self.get_feature_names_out()
            frame = pd.DataFrame(data.arrays[TABLE_MODALITY][:, 0], data.ids, names)
        else:
            frame = data.to_frame()
        if data.groups is not None:
            warnings.warn(
                f"The groups of X do not travel in a DataFrame, which {container!r} output of "
                f"{type(self).__name__} is: pass them to fit as groups.",
                UserWarning,
                stacklevel=3,
            )
        return frame if container == "pandas" else _to_polars(frame)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _to_polars(frame: pd.DataFrame) -> Any:
    """Make a polars frame; sequences become lists."""
    import polars

    return polars.DataFrame(
        {
            str(name): column.to_numpy()
            if column.dtype.kind == "f"
            else [None if cell is None else cell.tolist() for cell in column]
            for name, column in frame.items()
        }
    )


class NamedColumns:
    """Columns of a DataFrame, or keys of a dict, that are no modality but travel with the rows.

    Attributes
    ----------
    ids, groups : str or None
        Their names.
    """

    ids: str | None
    groups: str | None

    def _split(self, X: Any, *, reset: bool) -> tuple[Any, dict[str, Any]]:
        """Part the modalities from the columns that travel with the rows."""
        X = open_container(X, modality_names(self, reset=reset))
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
