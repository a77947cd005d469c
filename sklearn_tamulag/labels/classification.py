"""The strategy for classes: soft labels from the similarity to the class centres."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import normalize


def class_proposals(
    target: Tensor,
    weight: Tensor,
    present: Tensor,
    unimodal: Sequence[Tensor],
    fused: Tensor,
    *,
    mixing: float = 0.5,
    temperature: float = 0.1,
) -> Tensor:
    """Soft class labels from the similarity of a row to the class centres of a modality.

    The softmax over ``cosine(u_m, centre_k) / temperature`` is mixed with one-hot y. Classes
    without rows that have the modality are left out; where none has, the proposal is y.

    Parameters
    ----------
    target : Tensor of shape (n, K)
        One-hot multimodal labels.
    weight : Tensor of shape (n,)
        Row weights.
    present : bool Tensor of shape (n, M)
        Whether the row has the modality; only such rows enter the centres.
    unimodal : sequence of M Tensors of shape (n, K_m)
        The unimodal representations u_m.
    fused : Tensor of shape (n, F)
        Not used; accepted so that strategies are called alike.
    mixing : float in [0, 1], default=0.5
        Share of one-hot y in the proposal.
    temperature : float > 0, default=0.1
        Divides the similarities; smaller is sharper.

    Returns
    -------
    Tensor of shape (n, M, K)
        A distribution over the classes per row and modality.

    Examples
    --------
    >>> import torch
    >>> y = torch.eye(2)
    >>> u = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> present = torch.ones(2, 1, dtype=torch.bool)
    >>> class_proposals(y, torch.ones(2), present, [u], u, temperature=1.0)[0, 0]
    tensor([0.8655, 0.1345])
    """
    columns = []
    for column, representation in enumerate(unimodal):
        # (n, K), (n, 1) -> (n, K)
        membership = target * (weight * present[:, column]).unsqueeze(1)
        mass = membership.sum(dim=0)
        tiny = torch.finfo(mass.dtype).tiny
        # (K, n) @ (n, H) -> (K, H)
        centres = (membership.T @ representation) / mass.clamp_min(tiny).unsqueeze(1)
        # (n, H) @ (H, K) -> (n, K)
        similarity = normalize(representation, dim=1) @ normalize(centres, dim=1).T
        lowest = torch.finfo(similarity.dtype).min
        logits = (similarity / temperature).masked_fill(mass == 0, lowest)
        soft = torch.where((mass > 0).any(), torch.softmax(logits, dim=1), target)
        columns.append(mixing * target + (1 - mixing) * soft)
    # M x (n, K) -> (n, M, K)
    return torch.stack(columns, dim=1)
