"""The weighted loss of M + 1 tasks, as pure functions of tensors."""

from collections.abc import Callable

import torch
from torch import Tensor

RowLoss = Callable[[Tensor, Tensor], Tensor]


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Mean over the first axis, ``sum(weight * values) / sum(weight)``.

    Parameters
    ----------
    values : Tensor of shape (B,) or (B, M)
        One value per row, or one per row and modality.
    weight : Tensor of shape (B,)
        Non-negative row weights, not all zero.

    Returns
    -------
    Tensor of shape () or (M,)
        The weighted mean of every column.

    Examples
    --------
    >>> import torch
    >>> weighted_mean(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 1.0]))
    tensor(2.)
    """
    return (weight @ values) / weight.sum()


def task_losses(
    row_loss: RowLoss,
    prediction: Tensor,
    unimodal_predictions: Tensor,
    target: Tensor,
    labels: Tensor,
    *,
    weight: Tensor,
    present: Tensor,
    task_weight: Tensor | None = None,
) -> Tensor:
    r"""Loss of the multimodal task and of every unimodal task.

    .. math:: L_0 = \frac{\sum_i s_i\, \ell(\hat y_i, y'_i)}{\sum_i s_i},
        \qquad
        L_m = \frac{\sum_i s_i\, v_{im}\, w_{im}\, \ell(\hat y_{im}, l_{im})}{\sum_i s_i}

    where s are the row weights, v is 1 where the modality is present and 0 where it is missing,
    w the task weights and l the unimodal labels. The training loss is the sum of all M + 1.

    Parameters
    ----------
    row_loss : callable
        Maps (predictions, targets) of N rows to N losses: absolute error, or cross entropy with
        soft targets where a row is a vector of K logits.
    prediction : Tensor of shape (B,) or (B, K)
        Multimodal predictions.
    unimodal_predictions : Tensor of shape (B, M) or (B, M, K)
        Predictions of every unimodal task.
    target : Tensor of shape (B,) or (B, K)
        The multimodal labels.
    labels : Tensor of shape (B, M) or (B, M, K)
        The unimodal labels.
    weight : Tensor of shape (B,)
        Row weights.
    present : bool Tensor of shape (B, M)
        Whether the modality is present in the row.
    task_weight : Tensor of shape (B, M), optional
        Weight of every unimodal term; ones by default.

    Returns
    -------
    Tensor of shape (M + 1,)
        The multimodal loss first, then one per modality.

    References
    ----------
    Yu et al., "Learning Modality-Specific Representations with Self-Supervised Multi-Task Learning
    for Multimodal Sentiment Analysis", AAAI 2021.

    Examples
    --------
    >>> import torch
    >>> from torch.nn.functional import l1_loss
    >>> def absolute_error(a, b):
    ...     return l1_loss(a, b, reduction="none")
    >>> task_losses(
    ...     absolute_error,
    ...     prediction=torch.tensor([1.0, 3.0]),
    ...     unimodal_predictions=torch.tensor([[2.0], [0.0]]),
    ...     target=torch.tensor([0.0, 0.0]),
    ...     labels=torch.tensor([[1.0], [5.0]]),
    ...     weight=torch.ones(2),
    ...     present=torch.tensor([[True], [False]]),
    ... )
    tensor([2.0000, 0.5000])
    """
    multimodal = row_loss(prediction, target)
    batch, n_modalities = present.shape
    # (B, M[, K]) -> (B * M[, K]) -> (B, M)
    unimodal = row_loss(unimodal_predictions.flatten(0, 1), labels.flatten(0, 1))
    unimodal = unimodal.view(batch, n_modalities) * present
    if task_weight is not None:
        unimodal = unimodal * task_weight
    # (B,), (B, M) -> (B, M + 1) -> (M + 1,)
    return weighted_mean(torch.cat([multimodal.unsqueeze(1), unimodal], dim=1), weight)


def modality_errors(
    row_loss: RowLoss,
    unimodal_predictions: Tensor,
    labels: Tensor,
    *,
    weight: Tensor,
    present: Tensor,
) -> Tensor:
    r"""Sums of the losses of every modality over the rows that have it, and of their weights.

    .. math:: \sum_i s_i\, v_{im}\, \ell(\hat y_{im}, l_{im}) \qquad \sum_i s_i\, v_{im}

    with the symbols of `task_losses`. Their quotient, taken over all batches, is the mean loss of
    a modality's task: rows that lack it do not count, and no term is weighted by disagreement.

    Parameters
    ----------
    row_loss : callable
        As in `task_losses`.
    unimodal_predictions, labels : Tensor of shape (B, M) or (B, M, K)
        Predictions of every unimodal task, and the unimodal labels.
    weight : Tensor of shape (B,)
        Row weights.
    present : bool Tensor of shape (B, M)
        Whether the modality is present in the row.

    Returns
    -------
    Tensor of shape (2, M)
        The two sums, without gradient.

    Examples
    --------
    >>> import torch
    >>> modality_errors(
    ...     lambda a, b: (a - b).abs(),
    ...     torch.tensor([[2.0], [9.0]]),
    ...     torch.tensor([[1.0], [5.0]]),
    ...     weight=torch.tensor([3.0, 1.0]),
    ...     present=torch.tensor([[True], [False]]),
    ... )
    tensor([[3.],
            [3.]])
    """
    # (B, M[, K]) -> (B * M[, K]) -> (B, M)
    errors = row_loss(unimodal_predictions.detach().flatten(0, 1), labels.detach().flatten(0, 1))
    errors = errors.view(present.shape) * present
    # (B,) @ (B, 2 M) -> (2, M)
    return (weight @ torch.cat([errors, present.to(errors.dtype)], dim=1)).view(2, -1)


def disagreement_weight(labels: Tensor, target: Tensor) -> Tensor:
    """Weight of a unimodal term by how far its label lies from the multimodal one.

    The weight is ``tanh|label_m - y|``, as Self-MM and TAM-ULAG use it.

    Parameters
    ----------
    labels : Tensor of shape (B, M)
        Unimodal labels.
    target : Tensor of shape (B,)
        Multimodal labels.

    Returns
    -------
    Tensor of shape (B, M)
        Weights in [0, 1).

    Examples
    --------
    >>> import torch
    >>> disagreement_weight(torch.tensor([[1.0, 1.5]]), torch.tensor([1.0]))
    tensor([[0.0000, 0.4621]])
    """
    # (B,) -> (B, 1)
    return torch.tanh((labels - target.unsqueeze(1)).abs())
