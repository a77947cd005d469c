"""How much the term of each unimodal task counts in the loss, row by row."""

from dataclasses import dataclass

import torch
from torch import Tensor

from sklearn_tamulag.training.objective.losses import disagreement_weight


@dataclass(frozen=True)
class TaskWeights:
    """The weights of the unimodal tasks, all settings resolved.

    Parameters
    ----------
    generated : tuple of M float or None
        By modality, the weight of a term whose label nobody gave. None is ``tanh|label - y'|``
        once the labels of the row have moved, and one before.
    given : tuple of M float
        By modality, the weight of a term whose label somebody gave.

    Examples
    --------
    >>> import torch
    >>> weights = TaskWeights(generated=(None, 0.5), given=(1.0, 0.5))
    >>> labels, target = torch.tensor([[1.5, 1.5], [0.0, 0.0]]), torch.tensor([1.0, 0.0])
    >>> weights.of_rows(labels, target, moved=torch.tensor([True, False]), fixed=None)
    tensor([[0.4621, 0.5000],
            [1.0000, 0.5000]])
    """

    generated: tuple[float | None, ...]
    given: tuple[float, ...]

    def of_rows(
        self, labels: Tensor, target: Tensor, *, moved: Tensor | bool, fixed: Tensor | None
    ) -> Tensor | None:
        """Weigh the terms of a batch.

        Parameters
        ----------
        labels : Tensor of shape (B, M) or (B, M, K)
            What the unimodal tasks are trained towards.
        target : Tensor of shape (B,) or (B, K)
            The multimodal labels; no class labels where a weight is None.
        moved : bool or bool Tensor of shape (B,)
            Whether the labels of the rows have moved.
        fixed : bool Tensor of shape (B, M) or None
            Which labels people gave.

        Returns
        -------
        Tensor of shape (B, M) or None
            None where all terms count alike, by one.
        """
        compared = moved is not False and None in self.generated
        constant = {1.0 if weight is None else weight for weight in self.generated}
        if fixed is not None:
            constant |= {*self.given}
        if not compared and constant == {1.0}:
            return None
        if compared:
            weight = disagreement_weight(labels.detach(), target)
            if isinstance(moved, Tensor):
                weight = weight.masked_fill(~moved.unsqueeze(1), 1.0)  # (B,) -> (B, 1)
        else:
            weight = target.new_ones(labels.shape[:2])
        # Numbers are filled in column by column: a tensor of them would have to go to the device.
        largest = torch.finfo(weight.dtype).max
        for column, own in enumerate(self.generated):
            if own is not None:
                weight[:, column] = min(own, largest)
        if fixed is not None:
            for column, own in enumerate(self.given):
                weight[:, column].masked_fill_(fixed[:, column], min(own, largest))
        return weight


def weights_alike(n_modalities: int) -> TaskWeights:
    """Let every term count by one.

    Parameters
    ----------
    n_modalities : int
        The number of modalities M.

    Returns
    -------
    TaskWeights
        Ones.

    Examples
    --------
    >>> weights_alike(2)
    TaskWeights(generated=(1.0, 1.0), given=(1.0, 1.0))
    """
    ones = (1.0,) * n_modalities
    return TaskWeights(ones, ones)
