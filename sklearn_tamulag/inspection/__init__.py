"""What a fitted estimator attends to, its labels, and how it does without some modalities."""

from sklearn_tamulag.inspection._attention import TemporalAttentionDisplay
from sklearn_tamulag.inspection._labels import UnimodalLabelDisplay
from sklearn_tamulag.inspection._missing import missing_modality_report

__all__ = ["TemporalAttentionDisplay", "UnimodalLabelDisplay", "missing_modality_report"]
