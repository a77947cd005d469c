"""Token ids that a transformer can read: within its vocabulary, and no longer than it allows."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.blocks import row_blocks, valid_steps
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.text.architectures import vocabulary_size
from sklearn_tamulag.text.loading import longest_sequence


def check_token_ids(
    data: MultimodalData, configs: Mapping[str, Mapping[str, Any]]
) -> MultimodalData:
    """Check that every modality of token ids, and no other, has a transformer that can read it.

    Parameters
    ----------
    data : MultimodalData
        The rows.
    configs : mapping of str to mapping
        The configurations of the transformers, by modality.

    Returns
    -------
    data : MultimodalData
        The same rows; those with more tokens than their transformer can read are cut.

    Raises
    ------
    ValueError
        If token ids have no transformer or lie outside its vocabulary, or a transformer is to read
        features.

    Warns
    -----
    UserWarning
        Once for a modality, with the number of rows that were cut.
    """
    arrays, lengths = dict(data.arrays), dict(data.lengths)
    for name, size in data.feature_sizes.items():
        if name not in configs:
            if size is None:
                raise ValueError(
                    f"Modality {name!r} holds token ids, which a recurrent encoder cannot read: "
                    f"name a transformer, encoders={{{name!r}: {{'transformer': name_or_path}}}}, "
                    "or give features (n, T, d)."
                )
            continue
        if size is not None:
            raise ValueError(
                f"Modality {name!r} holds features ({size} per step), but encoders[{name!r}] names "
                "a transformer, which reads strings or token ids (n, T)."
            )
        _check_vocabulary(name, arrays[name], lengths[name], vocabulary_size(configs[name]))
        limit = longest_sequence(configs[name])
        longer = 0 if limit is None else int((lengths[name] > limit).sum())
        if limit is not None and longer:
            warnings.warn(
                f"Modality {name!r}: {longer} of {len(data)} rows have more than {limit} tokens, "
                "the most that the transformer can read, and were truncated.",
                UserWarning,
                stacklevel=2,
            )
            arrays[name] = arrays[name][:, :limit]
            lengths[name] = np.minimum(lengths[name], limit)
    if all(arrays[name] is data.arrays[name] for name in arrays):
        return data
    return MultimodalData(arrays, lengths, ids=data.ids, groups=data.groups)


def _check_vocabulary(
    name: str, array: NDArray[Any], lengths: NDArray[np.int64], n_tokens: int | None
) -> None:
    """Refuse ids that a transformer has no embedding for."""
    for rows in row_blocks(array):
        block = np.asarray(array[rows])
        valid = valid_steps(lengths[rows], array.shape[1])
        outside = (block < 0) & valid
        if n_tokens is not None:
            outside |= (block >= n_tokens) & valid
        if outside.any():
            row, step = np.argwhere(outside)[0]
            size = "no stated size" if n_tokens is None else f"{n_tokens} tokens"
            raise ValueError(
                f"Modality {name!r} has the token id {block[row, step]} at row {rows.start + row}, "
                f"step {step}: the transformer's vocabulary has {size}, from 0."
            )
