"""Pictures of what a fitted estimator attends to and of the labels that it made for itself."""

from sklearn_tamulag.inspection._attention import TemporalAttentionDisplay
from sklearn_tamulag.inspection._labels import UnimodalLabelDisplay

__all__ = ["TemporalAttentionDisplay", "UnimodalLabelDisplay"]
