"""Parts of the network that are computed in the weights' own precision, whatever is around them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

_SHORT = (torch.bfloat16, torch.float16)


def full_precision(tensor: Tensor) -> AbstractContextManager[Any]:
    """Switch autocast off for a block, where it is on.

    What ends in a prediction or is summed over a sequence loses by bfloat16 with its three digits:
    a few hundred predictions then share some fifty values.

    Parameters
    ----------
    tensor : Tensor
        Its device is the one that is meant.

    Returns
    -------
    context manager
        For the block.
    """
    kind = tensor.device.type
    if not torch.is_autocast_enabled(kind):
        return nullcontext()
    return torch.autocast(kind, enabled=False)


def widened(tensor: Tensor) -> Tensor:
    """Return a tensor in float32 where autocast has left it in less.

    Parameters
    ----------
    tensor : Tensor
        Of any floating dtype.

    Returns
    -------
    Tensor
        The tensor itself, or a copy in float32.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn.full_precision import widened
    >>> widened(torch.ones(2, dtype=torch.bfloat16)).dtype
    torch.float32
    >>> widened(torch.ones(2, dtype=torch.float64)).dtype
    torch.float64
    """
    return tensor.float() if tensor.dtype in _SHORT else tensor
