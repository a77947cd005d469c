"""Token states of a frozen transformer, computed once: in memory, or in a folder that maps."""

from __future__ import annotations

import hashlib
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sklearn_tamulag.text.state_cache import KeepStates, cached_states

# Texts that are encoded together: their lengths are alike, and no gradients are kept.
BATCH_ROWS = 64


def token_states(
    encoder: Any,
    ids: NDArray[Any],
    lengths: NDArray[np.int64],
    *,
    autocast: bool = False,
    batch_rows: int = BATCH_ROWS,
    progress: bool = False,
    cache: str | PathLike[str] | None = None,
) -> NDArray[Any]:
    """Encode all rows, in batches of texts of similar length.

    Parameters
    ----------
    encoder : TransformerEncoder
        Called with ids and lengths, it returns states that are zero on padding.
    ids : ndarray of shape (n, T), integer
        The token ids.
    lengths : ndarray of shape (n,)
        The number of tokens of each row, from 0 to T.
    autocast : bool, default=False
        Whether to compute in bfloat16 where torch deems that safe.
    batch_rows : int, default=64
        Rows in a batch.
    progress : bool, default=False
        Whether to show a progress bar over the rows.
    cache : str or path, optional
        A folder that keeps the states, in a file named by a hash of the encoder's weights and
        configuration, of the tokens and of the precision. What is there is not computed again,
        unless it is damaged, of which a warning tells.

    Returns
    -------
    states : ndarray of shape (n, T, H)
        In the precision of the encoder; memory-mapped with `cache`.

    Raises
    ------
    OSError
        If the cache cannot be written to, or is full.
    """
    weight = next(encoder.parameters())
    # Beyond the longest row there is nothing to keep.
    n_steps = max(int(lengths.max(initial=0)), 1)
    ids = np.asarray(ids[:, :n_steps])
    shape = (*ids.shape, encoder.output_size)
    dtype = np.dtype("float64" if weight.dtype == torch.float64 else "float32")
    if cache is None:
        states = np.zeros(shape, dtype=dtype)

        def keep(rows: NDArray[np.int64], batch: NDArray[Any]) -> None:
            states[rows, : batch.shape[1]] = batch

        _encode(encoder, ids, lengths, keep, autocast, batch_rows, progress)
        return states
    path = Path(cache).expanduser() / f"{_key(encoder, ids, lengths, autocast)}.npy"

    def compute(keep: KeepStates) -> None:
        _encode(encoder, ids, lengths, keep, autocast, batch_rows, progress)

    return cached_states(path, shape, dtype, compute)


def _encode(
    encoder: Any,
    ids: NDArray[Any],
    lengths: NDArray[np.int64],
    keep: KeepStates,
    autocast: bool,
    batch_rows: int,
    progress: bool,
) -> None:
    """Hand over the states of all rows that have tokens, batch by batch."""
    # Where a notebook lacks its widgets, tqdm warns as soon as it is imported.
    from tqdm.auto import tqdm

    device = next(encoder.parameters()).device
    order = np.argsort(lengths, kind="stable")
    order = order[np.count_nonzero(lengths == 0) :]
    training = encoder.training
    encoder.eval()
    try:
        with tqdm(total=len(order), unit="text", disable=not progress) as bar:
            for start in range(0, len(order), batch_rows):
                rows = order[start : start + batch_rows]
                longest = int(lengths[rows[-1]])
                with (
                    torch.inference_mode(),
                    torch.autocast(device.type, torch.bfloat16, enabled=autocast),
                ):
                    batch = encoder(
                        torch.from_numpy(ids[rows, :longest].astype(np.int64)).to(device),
                        torch.from_numpy(lengths[rows]).to(device),
                    )
                # bfloat16 is no type of NumPy's.
                batch = batch if batch.dtype == torch.float64 else batch.float()
                keep(rows, batch.cpu().numpy())
                bar.update(len(rows))
    finally:
        encoder.train(training)


def _key(encoder: nn.Module, ids: NDArray[Any], lengths: NDArray[np.int64], autocast: bool) -> str:
    """A hash of all that the states hang on."""
    digest = hashlib.sha256()
    model: Any = encoder.model
    digest.update(repr(sorted(model.config.to_dict().items(), key=str)).encode())
    for name, weight in model.state_dict().items():
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        digest.update(weight.detach().cpu().reshape(-1).view(torch.uint8).numpy().data)
    digest.update(f"{ids.shape} {autocast}".encode())
    digest.update(lengths.astype("<i8").tobytes())
    for row, length in zip(ids, lengths, strict=True):
        digest.update(row[:length].astype("<i8").tobytes())
    return digest.hexdigest()
