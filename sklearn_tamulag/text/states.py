"""Token states of a frozen transformer, computed once: in memory, or in a folder that maps."""

from __future__ import annotations

import hashlib
import os
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

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
        configuration, of the tokens and of the precision. What is there is not computed again.

    Returns
    -------
    states : ndarray of shape (n, T, H)
        In the precision of the encoder; memory-mapped with `cache`.
    """
    weight = next(encoder.parameters())
    # Beyond the longest row there is nothing to keep.
    n_steps = max(int(lengths.max(initial=0)), 1)
    ids = np.asarray(ids[:, :n_steps])
    shape = (*ids.shape, encoder.output_size)
    dtype = np.dtype("float64" if weight.dtype == torch.float64 else "float32")
    if cache is None:
        states = np.zeros(shape, dtype=dtype)
        _encode(encoder, ids, lengths, states, autocast, batch_rows, progress)
        return states
    folder = Path(cache).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_key(encoder, ids, lengths, autocast)}.npy"
    if not path.exists():
        # Written under a name of this process, and there under its own name once it is whole.
        part = folder / f"{path.stem}.{os.getpid()}.part"
        try:
            mapped = np.lib.format.open_memmap(part, mode="w+", dtype=dtype, shape=shape)
            _encode(encoder, ids, lengths, mapped, autocast, batch_rows, progress)
            mapped.flush()
            del mapped
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    kept: NDArray[Any] = np.load(path, mmap_mode="r")
    return kept


def _encode(
    encoder: Any,
    ids: NDArray[Any],
    lengths: NDArray[np.int64],
    states: NDArray[Any],
    autocast: bool,
    batch_rows: int,
    progress: bool,
) -> None:
    """Write the states of all rows into an array of zeros."""
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
                states[rows, :longest] = batch.cpu().numpy()
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
