"""Frozen transformers in training: their states stand in the table of rows, computed once."""

from collections.abc import Mapping
from os import PathLike
from typing import Any

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.nn.transformer import TransformerEncoder
from sklearn_tamulag.text.states import token_states


def with_frozen_states(
    data: MultimodalData, net: Any, caches: Mapping[str, str | PathLike[str] | None]
) -> MultimodalData:
    """Replace the token ids of every frozen transformer by its states.

    Parameters
    ----------
    data : MultimodalData
        The rows.
    net : TAMULAGNet
        An initialised net, whose frozen encoders let such states pass.
    caches : mapping of str to path or None
        By modality, the folder that keeps the states; None keeps them in memory.

    Returns
    -------
    data : MultimodalData
        The same rows, with states of shape (n, T, H) in place of ids; the data itself where no
        transformer is frozen.
    """
    arrays = dict(data.arrays)
    for name, branch in zip(net.modalities, net.module_.branches, strict=True):
        encoder = branch.encoder
        if isinstance(encoder, TransformerEncoder) and not encoder.trainable:
            arrays[name] = token_states(
                encoder,
                arrays[name],
                data.lengths[name],
                autocast=net.autocast,
                cache=caches.get(name),
                progress=bool(net.verbose),
            )
    if all(arrays[name] is array for name, array in data.arrays.items()):
        return data
    return data._unchecked(arrays, data.lengths, data.ids, data.groups)
