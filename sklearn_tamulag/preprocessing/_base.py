"""What the transformers of multimodal data share."""

from typing import ClassVar

from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import Tags


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
