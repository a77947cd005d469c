"""What the transformers of multimodal data share."""

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

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.dict = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
