"""Checks for a user's own fusion, pooling and sequence model."""

from sklearn_tamulag.testing.checks import check_fusion, check_pooling, check_sequence_model

__all__ = ["check_fusion", "check_pooling", "check_sequence_model"]
