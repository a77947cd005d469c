"""What the unimodal tasks of a batch are trained towards, and how much each term counts."""

import torch
from torch import Tensor

from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.training.objective.task_weights import TaskWeights


def training_labels(
    memory: LabelMemory,
    index: Tensor,
    target: Tensor,
    confidence: Tensor | None,
    *,
    similarity_mixing: float | None,
    task_weights: TaskWeights | None,
) -> tuple[Tensor, Tensor | None]:
    """Take the unimodal labels of a batch, and the weights of their loss terms.

    A label that somebody gave is taken as it is: no similarity is mixed into it, and its term has
    the weight of its own kind, also where it equals the multimodal label, for there it says just
    as much.

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
    task_weights : TaskWeights or None
        How much the terms count; None lets all count by one.

    Returns
    -------
    labels : Tensor of shape (B, M) or (B, M, K)
        What the unimodal tasks are trained towards.
    task_weight : Tensor of shape (B, M) or None
        Weights of the terms; None where all count by one.

    Examples
    --------
    >>> import torch
    >>> y = torch.tensor([-1.0, 1.0])
    >>> memory = LabelMemory(y, torch.ones(2), torch.ones(2, 2, dtype=torch.bool), None)
    >>> labels, weight = training_labels(
    ...     memory, torch.tensor([1]), y[1:], None, similarity_mixing=None, task_weights=None
    ... )
    >>> labels.tolist(), weight
    ([[1.0, 1.0]], None)
    """
    kept = memory.labels.index_select(0, index)
    fixed = None if memory.fixed is None else memory.fixed.index_select(0, index)
    labels = kept
    if similarity_mixing is not None and confidence is not None:
        similarity = target.unsqueeze(1) * (2 * confidence - 1)
        mixed = similarity_mixing * kept + (1 - similarity_mixing) * similarity
        labels = mixed if fixed is None else torch.where(fixed, kept, mixed)
    if task_weights is None:
        return labels, None
    moved: Tensor | bool = memory.updated
    if moved:
        rows = memory.moved_rows(index)
        moved = True if rows is None else rows
    return labels, task_weights.of_rows(labels, target, moved=moved, fixed=fixed)
