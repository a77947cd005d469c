"""Modalities that are hidden from rows at random in training, as if they were missing."""

import torch
from torch import Tensor


def hide_modalities(
    lengths: dict[str, Tensor], share: float, generator: torch.Generator | None = None
) -> dict[str, Tensor]:
    """Hide modalities of the rows of a batch at random; one that is present always remains.

    Every modality that a row has is hidden with the same probability. Where that would hide all
    of a row, one of them, drawn evenly, stays.

    Parameters
    ----------
    lengths : dict of str to int64 Tensor of shape (B,)
        Valid lengths by modality, 0 where it is missing.
    share : float in [0, 1)
        Probability that a modality is hidden.
    generator : torch.Generator, optional
        Where draws come from, on the device of the lengths; None is torch's global one.

    Returns
    -------
    dict of str to int64 Tensor of shape (B,)
        The lengths, 0 where the modality is hidden or missing. The host does not wait for them.

    Examples
    --------
    >>> import torch
    >>> lengths = {"text": torch.tensor([3, 0]), "audio": torch.tensor([5, 4])}
    >>> hidden = hide_modalities(lengths, 0.9)
    >>> int(hidden["audio"][1]), bool(hidden["text"][0] + hidden["audio"][0])
    (4, True)
    """
    # M x (B,) -> (B, M)
    table = torch.stack(list(lengths.values()), dim=1)
    # A modality that is missing already has the lowest draw and is never the one that stays.
    draws = torch.empty(table.shape, dtype=torch.float32, device=table.device)
    draws = draws.uniform_(generator=generator).masked_fill(table == 0, -1.0)
    hidden = (draws < share).scatter(1, draws.argmax(dim=1, keepdim=True), False)
    return dict(zip(lengths, table.masked_fill(hidden, 0).unbind(dim=1), strict=True))
