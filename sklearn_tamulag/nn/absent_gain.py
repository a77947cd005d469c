"""What rows that lack modalities multiply their fused representation by."""

import torch
from torch import Tensor, nn


class AbsentGain(nn.Module):
    r"""Scale the fused representation of rows that lack modalities.

    A modality that has to speak for others as well says more than in their company: the regression
    of y on what is left is steeper. The vector that stands for a missing embedding shifts the
    fused representation and cannot make it steeper, so each missing modality m also multiplies it
    by :math:`\exp(g_m)`, with a learned vector :math:`g_m`, zero at the start. Rows that lack
    nothing are not touched.

    Parameters
    ----------
    n_modalities : int
        Number of modalities M.
    fusion_size : int
        Size F of the fused representation.

    Attributes
    ----------
    gain : nn.Parameter of shape (M, F)
        The vectors g.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn.absent_gain import AbsentGain
    >>> scale = AbsentGain(2, fusion_size=1)
    >>> _ = torch.nn.init.constant_(scale.gain, 0.5)
    >>> present = torch.tensor([[True, True], [True, False]])
    >>> scale(torch.ones(2, 1), present).detach()
    tensor([[1.0000],
            [1.6487]])
    """

    def __init__(self, n_modalities: int, fusion_size: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.zeros(n_modalities, fusion_size))

    def forward(self, fused: Tensor, present: Tensor) -> Tensor:
        """Scale a batch.

        Parameters
        ----------
        fused : Tensor of shape (B, F), float
            Fused representation.
        present : bool Tensor of shape (B, M)
            Whether the row has the modality.

        Returns
        -------
        Tensor of shape (B, F)
            The scaled representation.
        """
        # (B, M) @ (M, F) -> (B, F)
        scaled: Tensor = fused * torch.exp((~present).to(self.gain.dtype) @ self.gain)
        return scaled
