"""What the unimodal tasks of a batch are trained towards, and how much each term counts."""

from torch import Tensor

from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.losses import disagreement_weight


def known_labels(target: Tensor, present: Tensor) -> Tensor:
    """Let every task be compared with the multimodal label, as validation rows are.

    Parameters
    ----------
    target : Tensor of shape (B,) or (B, K)
        The multimodal labels.
    present : bool Tensor of shape (B, M)
        Whether the row has the modality; only its shape counts.

    Returns
    -------
    Tensor of shape (B, M) or (B, M, K)
        The label of every row, once for each modality.

    Examples
    --------
    >>> import torch
    >>> known_labels(torch.tensor([1.0, 2.0]), torch.ones(2, 3)).tolist()
    [[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]
    """
    # (B[, K]) -> (B, M[, K])
    return target.unsqueeze(1).expand(target.shape[0], present.shape[1], *target.shape[1:])


def generated_labels(
    memory: LabelMemory,
    index: Tensor,
    target: Tensor,
    confidence: Tensor | None,
    *,
    similarity_mixing: float | None,
    weigh_disagreement: bool,
) -> tuple[Tensor, Tensor | None]:
    """Take the generated labels of a batch, and the weights of their loss terms.

    Parameters
    ----------
    memory : LabelMemory
        The labels of all training rows.
    index : int64 Tensor of shape (B,)
        Which of them are in the batch.
    target : Tensor of shape (B,) or (B, K)
        The multimodal labels.
    confidence : Tensor of shape (B, M) or None
        The network's confidence in similarity labels.
    similarity_mixing : float or None
        Share of the kept label beside the similarity label, where there is a confidence.
    weigh_disagreement : bool
        Whether terms count by how far their labels lie from the multimodal ones.

    Returns
    -------
    labels : Tensor of shape (B, M) or (B, M, K)
        What the unimodal tasks are trained towards.
    task_weight : Tensor of shape (B, M) or None
        Weights of the terms; None where all count alike, as they do until labels have moved.

    Examples
    --------
    >>> import torch
    >>> y = torch.tensor([-1.0, 1.0])
    >>> memory = LabelMemory(y, torch.ones(2), torch.ones(2, 2, dtype=torch.bool), None)
    >>> labels, weight = generated_labels(
    ...     memory, torch.tensor([1]), y[1:], None, similarity_mixing=None, weigh_disagreement=True
    ... )
    >>> labels.tolist(), weight
    ([[1.0, 1.0]], None)
    """
    labels = memory.labels.index_select(0, index)
    if similarity_mixing is not None and confidence is not None:
        similarity = target.unsqueeze(1) * (2 * confidence - 1)
        labels = similarity_mixing * labels + (1 - similarity_mixing) * similarity
    if weigh_disagreement and memory.updated:
        return labels, disagreement_weight(labels.detach(), target)
    return labels, None
