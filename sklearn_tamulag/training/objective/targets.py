"""The way from y to what the network is trained on, and from its outputs back to y."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import column_or_1d
from torch import Tensor

from sklearn_tamulag.data.containers import plain_values


def weighted_magnitude(
    values: NDArray[np.float64], weight: NDArray[np.float64], *, squared: bool
) -> float:
    """Weighted mean, or root mean square, of values of any size.

    Sums and squares neither overflow nor vanish: they are taken of the values divided by a power
    of two near the largest, which rounds nothing.

    Parameters
    ----------
    values : float64 array of shape (n,)
        Finite values.
    weight : float64 array of shape (n,)
        Their weights.
    squared : bool
        Whether to return the root mean square rather than the mean.

    Returns
    -------
    float
        In the units of the values.

    Examples
    --------
    >>> import numpy as np
    >>> weighted_magnitude(np.array([4e200, -4e200]), np.array([0.5, 0.5]), squared=True)
    4e+200
    """
    exponent = int(np.frexp(np.abs(values).max())[1])
    scaled = np.ldexp(values, -exponent)
    mean = np.average(scaled**2 if squared else scaled, weights=weight)
    return float(np.ldexp(np.sqrt(mean) if squared else mean, exponent))


def check_numbers(y: Any, name: str = "y") -> NDArray[np.float64]:
    """Check a continuous y.

    Parameters
    ----------
    y : array-like, or column of any library, of shape (n,)
        Finite numbers of any type, or strings that spell them.
    name : str, default="y"
        The argument, for messages.

    Returns
    -------
    float64 array of shape (n,)
        The values.

    Raises
    ------
    ValueError
        If a value is no finite number, or there is more than one column.
    """
    values = column_or_1d(plain_values(y), warn=True)
    if values.dtype.kind in "OUST":
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must hold numbers: {error}.") from error
    checked = check_array(values, ensure_2d=False, dtype=np.float64, input_name=name)
    return np.asarray(checked)


def learn_scale(
    y: NDArray[np.float64],
    weight: NDArray[np.float64],
    neutral: float | str,
    scale: float | str,
    dtype: torch.dtype,
) -> ScaledTarget:
    """Resolve the neutral point and the scale of y on the training rows.

    Parameters
    ----------
    y, weight : float64 array of shape (n,)
        The training rows' values and weights.
    neutral : float or "auto"
        The neutral point; "auto" is 0 where y has both signs, else the weighted mean.
    scale : float or "auto"
        The unit; "auto" is the weighted root mean square of y - neutral, 1 if that is zero.
    dtype : torch.dtype
        Precision of the network.

    Returns
    -------
    ScaledTarget
        The way from y to the training targets and back.
    """
    both_signs = y.min() < 0 < y.max()
    mean = 0.0 if both_signs else weighted_magnitude(y, weight, squared=False)
    origin = mean if isinstance(neutral, str) else float(neutral)
    deviation = weighted_magnitude(y - origin, weight, squared=True)
    unit = (deviation or 1.0) if isinstance(scale, str) else scale
    return ScaledTarget(neutral=origin, scale=float(unit), dtype=dtype)


@dataclass(frozen=True)
class ScaledTarget:
    """A continuous y, trained on as ``y' = (y - neutral) / scale``.

    Parameters
    ----------
    neutral : float
        The y that is neither positive nor negative.
    scale : float
        What one unit of y' is in units of y.
    dtype : torch.dtype
        Precision of y' and of the network.

    Examples
    --------
    >>> import torch
    >>> target = ScaledTarget(neutral=50.0, scale=10.0, dtype=torch.float32)
    >>> target.encode(torch.tensor([40.0, 65.0], dtype=torch.float64))
    tensor([-1.0000,  1.5000])
    >>> target.decode(torch.tensor([1.5000]))
    tensor([65.], dtype=torch.float64)
    """

    neutral: float
    scale: float
    dtype: torch.dtype

    def encode(self, y: Tensor) -> Tensor:
        """Map y to y'.

        Parameters
        ----------
        y : Tensor of shape (B,)
            In the units of y.

        Returns
        -------
        Tensor of shape (B,)
            y', in the precision of the network.
        """
        return ((y - self.neutral) / self.scale).to(self.dtype)

    def decode(self, output: Tensor) -> Tensor:
        """Map the network's outputs to the units of y.

        Parameters
        ----------
        output : Tensor of any shape
            Predictions or labels on the scale of y'.

        Returns
        -------
        float64 Tensor of the same shape
            In the units of y; no large offset is lost.
        """
        return output.double() * self.scale + self.neutral


@dataclass(frozen=True)
class ClassTarget:
    """Class codes 0 to K - 1, trained on as one-hot vectors.

    Parameters
    ----------
    n_classes : int
        The number of classes K.
    dtype : torch.dtype
        Precision of the one-hot vectors and of the network.

    Examples
    --------
    >>> import torch
    >>> ClassTarget(n_classes=3, dtype=torch.float32).encode(torch.tensor([2, 0]))
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """

    n_classes: int
    dtype: torch.dtype

    def encode(self, y: Tensor) -> Tensor:
        """Map class codes to one-hot vectors.

        Parameters
        ----------
        y : int64 Tensor of shape (B,)
            Class codes.

        Returns
        -------
        Tensor of shape (B, K)
            One-hot vectors, in the precision of the network.
        """
        # torch's one_hot reads the codes on the host, to check their range.
        codes = torch.arange(self.n_classes, device=y.device)
        return (y.unsqueeze(-1) == codes).to(self.dtype)  # (B,) -> (B, K)

    def decode(self, output: Tensor) -> Tensor:
        """Return logits or soft labels as they are.

        Parameters
        ----------
        output : Tensor of any shape
            The network's outputs, or labels.

        Returns
        -------
        float64 Tensor of the same shape
            The same values.
        """
        return output.double()
