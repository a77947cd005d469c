"""What labels of modalities start from."""

import torch
from torch import Tensor


def initial_labels(target: Tensor, n_modalities: int, human: Tensor | None = None) -> Tensor:
    """Labels of the modalities before any is generated: people's where known, else y's own.

    Parameters
    ----------
    target : Tensor of shape (n,) or (n, K)
        The multimodal labels.
    n_modalities : int
        The number of modalities M.
    human : Tensor of shape (n, M) or (n, M, K), optional
        Labels that people gave, NaN where they gave none.

    Returns
    -------
    Tensor of shape (n, M) or (n, M, K)
        A label per row and modality.

    Examples
    --------
    >>> import torch
    >>> initial_labels(torch.tensor([1.0, 2.0]), 2, torch.tensor([[torch.nan, 5.0]] * 2))
    tensor([[1., 5.],
            [2., 5.]])
    """
    # (n[, K]) -> (n, M[, K])
    labels = target.unsqueeze(1).repeat_interleave(n_modalities, dim=1)
    return labels if human is None else torch.where(human.isnan(), labels, human)
