"""What the transformers of multimodal data share."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags

from sklearn_tamulag.data.multimodal import MultimodalData


class MultimodalTransformer(TransformerMixin, BaseEstimator):
    """What the transformers share: every form of X comes in, MultimodalData goes out.

    Attributes
    ----------
    modalities_ : tuple of str
        The modalities in the order of fit, which is the order of every result.
    """

    modalities_: tuple[str, ...]
    # What fit learns, and what a saved file holds.
    _learned_names: ClassVar[tuple[str, ...]] = (
        "modalities_",
        "feature_sizes_",
        "n_features_in_",
        "feature_names_in_",
    )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


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
