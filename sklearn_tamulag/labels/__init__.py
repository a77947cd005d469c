"""Unimodal label automatic generation (ULAG): the label memory and the strategies that fill it.

Hardly anybody labels single modalities, so every training row keeps one label per modality. What
people said of it stays. Where they said nothing it is generated: it starts as the multimodal label
and moves, from the end of the second epoch on, towards a proposal that a strategy reads from the
representations the network had of the rows in that epoch.
"""

from sklearn_tamulag.labels.classification import class_proposals
from sklearn_tamulag.labels.initial import initial_labels
from sklearn_tamulag.labels.memory import LabelMemory, Proposal
from sklearn_tamulag.labels.regression import calibrated_proposals, ulgm_proposals

__all__ = [
    "LabelMemory",
    "Proposal",
    "calibrated_proposals",
    "class_proposals",
    "initial_labels",
    "ulgm_proposals",
]
