"""Text, audio and vision of a split in the MMSA layout, with their lengths."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.blocks import row_blocks, valid_steps
from sklearn_tamulag.datasets._mmsa_features import as_numbers, read_features
from sklearn_tamulag.datasets._mmsa_keys import (
    Split,
    _check_rows,
    _get_value,
    _read_numbers,
)

Sequences = tuple[NDArray[Any], NDArray[np.int64]]


def _text_form(content: Split, form: str) -> str:
    """Settle what "auto" means for a file: its features where it has some, else its token ids."""
    if form != "auto":
        return form
    return "features" if "text" in content or "text_bert" not in content else "token_ids"


def _read_text(content: Split, form: str, where: str) -> Sequences:
    """Return the text, as features or token ids, and its lengths."""
    if form == "token_ids":
        tokens, mask = _tokens(content, where)
        return tokens, mask.sum(axis=1)
    has_tokens = "text_bert" in content
    hint = ' text="token_ids" reads the token ids in text_bert.' if has_tokens else ""
    features, own = read_features("text", _get_value(content, "text", where, hint), where)
    mask_lengths = _mask_lengths(content, features, where) if own is None else own
    return features, _filled_steps(features) if mask_lengths is None else mask_lengths


def _read_signal(content: Split, name: str, where: str) -> Sequences:
    """Return audio or vision and its lengths, which aligned files do not have."""
    features, own = read_features(name, _get_value(content, name, where), where)
    key = f"{name}_lengths"
    if key not in content:
        if own is not None:
            return features, own
        return features, _aligned_lengths(features, _mask_lengths(content, features, where))
    lengths = _read_numbers(content, key, where, np.int64)
    _check_rows(key, len(lengths), len(features), where, name)
    most = np.full(len(features), features.shape[1]) if own is None else own
    bad = np.flatnonzero((lengths < 0) | (lengths > most))
    if bad.size:
        raise ValueError(
            f"{key} must lie between 0 and the {most[bad[0]]} steps of {name}, in {where}; "
            f"row {bad[0]} is {lengths[bad[0]]}."
        )
    return features, lengths


def _without_infinite(
    features: NDArray[np.floating], name: str, where: str, notes: list[str]
) -> NDArray[np.floating]:
    """Put zeros in place of NaN and infinite values, and note how many there were."""
    n_infinite = n_nan = n_rows = 0
    for rows in row_blocks(features):
        bad = ~np.isfinite(features[rows])
        if bad.any():
            n_nan += int(np.isnan(features[rows]).sum())
            n_infinite += int(np.isinf(features[rows]).sum())
            n_rows += int(bad.any(axis=(1, 2)).sum())
            if not features.flags.writeable:
                # the bytes of the file, which NumPy does not let be changed
                features = features.copy()
            features[rows][bad] = 0
    if n_rows:
        notes.append(
            f"{name} has {n_infinite} infinite values and {n_nan} NaN in {n_rows} of "
            f"{len(features)} rows of {where}; they are set to 0."
        )
    return features


def _tokens(content: Split, where: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return input ids and attention mask, each of shape (n, T)."""
    try:
        packed = as_numbers(_get_value(content, "text_bert", where))
    except ValueError as error:
        raise ValueError(f"text_bert must hold numbers, in {where}: {error}.") from error
    if packed.ndim != 3 or packed.shape[1] != 3 or packed.dtype.kind not in "biuf":
        raise ValueError(
            "text_bert must hold numbers of shape (n, 3, T): input ids, attention mask and segment "
            f"ids, in {where}; got {packed.dtype} of shape {packed.shape}."
        )
    if packed.dtype.kind == "f" and not (np.abs(packed) < 2**53).all():
        raise ValueError(f"text_bert must hold whole numbers, in {where}.")
    # (n, 3, T) -> (n, T), twice
    tokens, mask = packed[:, 0].astype(np.int64), packed[:, 1].astype(np.int64)
    from_the_start = (mask[:, 1:] <= mask[:, :-1]).all(axis=1) & np.isin(mask, (0, 1)).all(axis=1)
    if not from_the_start.all():
        raise ValueError(
            "The attention mask in text_bert must be ones, then zeros; "
            f"row {np.flatnonzero(~from_the_start)[0]} is not, in {where}."
        )
    return tokens, mask


def _mask_lengths(content: Split, features: NDArray[Any], where: str) -> NDArray[np.int64] | None:
    """Count the steps in the attention mask, if there is one for the steps of these features."""
    if "text_bert" not in content:
        return None
    mask = _tokens(content, where)[1]
    # Another shape means another tokenisation, whose mask says nothing about these steps.
    return mask.sum(axis=1) if mask.shape == features.shape[:2] else None


def _aligned_lengths(
    features: NDArray[np.floating], mask_lengths: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    """Count the steps of audio or vision, which end with the words or with the last filled step.

    Files that pad in front of the words are aligned to no mask: there a row's filled steps lie
    beyond it, and only the zeros at the end, if any, are padding.
    """
    filled = _filled_steps(features)
    if mask_lengths is None:
        return filled
    within = valid_steps(mask_lengths, features.shape[1])
    for rows in row_blocks(features):
        # (B, T, d) -> (B, T)
        has_value = (features[rows] != 0).any(axis=2)
        if (has_value.any(axis=1) & ~(has_value & within[rows]).any(axis=1)).any():
            return filled
    return np.minimum(filled, mask_lengths)


def _filled_steps(features: NDArray[np.floating]) -> NDArray[np.int64]:
    """Count the steps of each row up to the last one that is not all zero."""
    lengths = np.zeros(len(features), dtype=np.int64)
    for rows in row_blocks(features):
        # (B, T, d) -> (B, T)
        filled = (features[rows] != 0).any(axis=2)
        last = features.shape[1] - np.argmax(filled[:, ::-1], axis=1)
        lengths[rows] = np.where(filled.any(axis=1), last, 0)
    return lengths
