"""Rows into batches: where values stand, which rows train, and the order they come in."""
