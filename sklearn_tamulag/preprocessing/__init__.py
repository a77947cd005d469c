"""Transformers that make multimodal data ready for the network."""

from sklearn_tamulag.preprocessing.flat import FlatToMultimodal
from sklearn_tamulag.preprocessing.padder import MultimodalPadder
from sklearn_tamulag.preprocessing.scaler import SequenceScaler
from sklearn_tamulag.preprocessing.text import TextEmbedder
from sklearn_tamulag.preprocessing.tokenizer import TextTokenizer

__all__ = [
    "FlatToMultimodal",
    "MultimodalPadder",
    "SequenceScaler",
    "TextEmbedder",
    "TextTokenizer",
]
