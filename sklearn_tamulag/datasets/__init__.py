"""Data sets: one made up so that everything about it is known, and a reader for published ones."""

from sklearn_tamulag.datasets.mmsa import load_mmsa
from sklearn_tamulag.datasets.synthetic import make_multimodal_sentiment

__all__ = ["load_mmsa", "make_multimodal_sentiment"]
