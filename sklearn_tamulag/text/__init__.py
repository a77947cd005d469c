"""Transformers for text: found and loaded, strings made token ids, token states computed once."""
