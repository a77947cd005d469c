"""Transformers that make multimodal data ready for the network."""

from sklearn_tamulag.preprocessing.padder import MultimodalPadder
from sklearn_tamulag.preprocessing.scaler import SequenceScaler

__all__ = ["MultimodalPadder", "SequenceScaler"]
