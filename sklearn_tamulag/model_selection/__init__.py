"""Evaluation that repeats and cannot cheat: seeds, parts that share nothing, manifests."""

from sklearn_tamulag.model_selection._evaluate import compare_seeds, evaluate_seeds
from sklearn_tamulag.model_selection._results import SeedComparison, SeedReport

__all__ = ["SeedComparison", "SeedReport", "compare_seeds", "evaluate_seeds"]
