"""Saved files: plain values and tensors in one safetensors file, checked and written whole."""
