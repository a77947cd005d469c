"""Data sets: one made up so that everything about it is known, and readers of files."""

from sklearn_tamulag.datasets.best_possible import best_possible_error
from sklearn_tamulag.datasets.folder import load_folder
from sklearn_tamulag.datasets.mmsa import load_mmsa
from sklearn_tamulag.datasets.synthetic import make_multimodal_sentiment

__all__ = ["best_possible_error", "load_folder", "load_mmsa", "make_multimodal_sentiment"]
