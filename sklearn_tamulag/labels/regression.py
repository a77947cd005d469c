"""Strategies for a continuous y: proposals from the centres of positive and negative rows.

Every strategy is a pure function of tensors over the n training rows and M modalities.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-6


def polarity_centres(representation: Tensor, target: Tensor, weight: Tensor) -> tuple[Tensor, ...]:
    """Weighted mean representation of the rows with ``target >= 0`` and of those below.

    Parameters
    ----------
    representation : Tensor of shape (n, H)
        A representation of every row.
    target : Tensor of shape (n,)
        The multimodal labels; their sign decides the side.
    weight : Tensor of shape (n,)
        Row weights; a row of weight zero belongs to no side.

    Returns
    -------
    positive, negative : Tensor of shape (H,)
        The two centres; zeros where a side is empty.
    sound : bool Tensor of shape ()
        Whether both sides have rows and the centres lie apart.

    Examples
    --------
    >>> import torch
    >>> positive, negative, sound = polarity_centres(
    ...     torch.tensor([[1.0], [3.0], [5.0]]), torch.tensor([-1.0, 0.0, 2.0]), torch.ones(3)
    ... )
    >>> positive, negative, sound
    (tensor([4.]), tensor([1.]), tensor(True))
    """
    positive_weight = weight * (target >= 0)
    negative_weight = weight * (target < 0)
    positive_mass, negative_mass = positive_weight.sum(), negative_weight.sum()
    tiny = torch.finfo(weight.dtype).tiny
    # (n,) @ (n, H) -> (H,)
    positive = (positive_weight @ representation) / positive_mass.clamp_min(tiny)
    negative = (negative_weight @ representation) / negative_mass.clamp_min(tiny)
    apart = torch.linalg.vector_norm(positive - negative) >= EPSILON
    return positive, negative, (positive_mass > 0) & (negative_mass > 0) & apart


def relative_distance(
    representation: Tensor, target: Tensor, weight: Tensor
) -> tuple[Tensor, Tensor]:
    r"""How much nearer a row lies to the positive centre than to the negative one.

    .. math:: \delta = \frac{|v - N| - |v - P|}{|v - P| + \epsilon}

    Parameters
    ----------
    representation : Tensor of shape (n, H)
        The representation v of every row.
    target, weight : Tensor of shape (n,)
        Multimodal labels and row weights.

    Returns
    -------
    delta : Tensor of shape (n,)
        Positive on the positive centre's side.
    sound : bool Tensor of shape ()
        Whether the centres exist and lie apart.

    Examples
    --------
    >>> import torch
    >>> delta, sound = relative_distance(
    ...     torch.tensor([[0.0], [4.0]]), torch.tensor([-1.0, 1.0]), torch.ones(2)
    ... )
    >>> delta[0]
    tensor(-1.0000)
    """
    positive, negative, sound = polarity_centres(representation, target, weight)
    to_positive = torch.linalg.vector_norm(representation - positive, dim=1)
    to_negative = torch.linalg.vector_norm(representation - negative, dim=1)
    return (to_negative - to_positive) / (to_positive + EPSILON), sound


def ulgm_proposals(
    target: Tensor,
    weight: Tensor,
    present: Tensor,
    unimodal: Sequence[Tensor],
    fused: Tensor,
) -> Tensor:
    r"""Proposals of Self-MM's unimodal label generation module.

    .. math:: \tfrac12 \frac{\delta_m}{\delta_f} y' + \tfrac12 (y' + \delta_m - \delta_f)

    Where a side is empty, the centres coincide, or :math:`\delta_f` is nearly zero, the proposal
    is y'. Proposals are clipped to the range of y'.

    Parameters
    ----------
    target : Tensor of shape (n,)
        The multimodal labels y'.
    weight : Tensor of shape (n,)
        Row weights.
    present : bool Tensor of shape (n, M)
        Whether the row has the modality; only such rows enter the modality's centres.
    unimodal : sequence of M Tensors of shape (n, K_m)
        The unimodal representations u_m.
    fused : Tensor of shape (n, F)
        The fused representation f.

    Returns
    -------
    Tensor of shape (n, M)
        One proposal per row and modality.

    References
    ----------
    Yu et al., AAAI 2021, arXiv 2102.04830, equations 10 to 14.

    Examples
    --------
    >>> import torch
    >>> y = torch.tensor([-1.0, 1.0])
    >>> u = torch.tensor([[0.0], [1.0]])
    >>> ulgm_proposals(y, torch.ones(2), torch.ones(2, 1, dtype=torch.bool), [u], u)
    tensor([[-1.],
            [ 1.]])
    """
    delta_fused, fused_sound = relative_distance(fused, target, weight)
    usable = fused_sound & (delta_fused.abs() >= EPSILON)
    divisor = torch.where(usable, delta_fused, torch.ones_like(delta_fused))
    columns = []
    for column, representation in enumerate(unimodal):
        delta, sound = relative_distance(representation, target, weight * present[:, column])
        proposal = 0.5 * (delta / divisor) * target + 0.5 * (target + delta - delta_fused)
        columns.append(torch.where(usable & sound, proposal, target))
    # M x (n,) -> (n, M)
    return torch.stack(columns, dim=1).clamp(target.min(), target.max())


def calibrated_proposals(
    target: Tensor,
    weight: Tensor,
    present: Tensor,
    unimodal: Sequence[Tensor],
    fused: Tensor,
    *,
    mixing: float = 0.5,
) -> Tensor:
    r"""Proposals from a calibrated coordinate between the two centres of a modality.

    The coordinate :math:`t = (u_m - N_m) \cdot (P_m - N_m) / |P_m - N_m|^2` is the place of a row
    on the axis from the negative to the positive centre. A weighted least-squares line maps it to
    the scale of y', and the proposal is ``mixing * y' + (1 - mixing) * line(t)``, clipped to the
    range of y'. Where a side is empty, the centres coincide, t is nearly constant or the line's
    slope is not positive, the proposal is y'.

    Parameters
    ----------
    target : Tensor of shape (n,)
        The multimodal labels y'.
    weight : Tensor of shape (n,)
        Row weights.
    present : bool Tensor of shape (n, M)
        Whether the row has the modality; only such rows enter centres and lines.
    unimodal : sequence of M Tensors of shape (n, K_m)
        The unimodal representations u_m.
    fused : Tensor of shape (n, F)
        Not used: each modality is calibrated on its own. Accepted so that strategies are called
        alike.
    mixing : float in [0, 1], default=0.5
        Share of y' in the proposal.

    Returns
    -------
    Tensor of shape (n, M)
        One proposal per row and modality.

    Examples
    --------
    >>> import torch
    >>> y = torch.tensor([-2.0, -1.0, 1.0, 2.0])
    >>> u = torch.tensor([[-2.0], [-1.0], [1.0], [1.0]])
    >>> present = torch.ones(4, 1, dtype=torch.bool)
    >>> calibrated_proposals(y, torch.ones(4), present, [u], u).squeeze(1)
    tensor([-2.0000, -0.9444,  1.2407,  1.7407])
    """
    columns = []
    for column, representation in enumerate(unimodal):
        row_weight = weight * present[:, column]
        positive, negative, sound = polarity_centres(representation, target, row_weight)
        axis = positive - negative
        coordinate = (representation - negative) @ axis / (axis @ axis).clamp_min(EPSILON**2)
        line, fitted = _least_squares_line(coordinate, target, row_weight)
        proposal = mixing * target + (1 - mixing) * line
        columns.append(torch.where(sound & fitted, proposal, target))
    # M x (n,) -> (n, M)
    return torch.stack(columns, dim=1).clamp(target.min(), target.max())


def _least_squares_line(x: Tensor, y: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Fitted values of the weighted regression of y on x, and whether the slope is positive."""
    share = weight / weight.sum().clamp_min(torch.finfo(weight.dtype).tiny)
    x_mean, y_mean = share @ x, share @ y
    variance = share @ (x - x_mean).square()
    slope = (share @ ((x - x_mean) * (y - y_mean))) / variance.clamp_min(EPSILON)
    return y_mean + slope * (x - x_mean), (variance >= EPSILON) & (slope > 0)
