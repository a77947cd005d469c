"""Row weights: checked, and brought to one scale without rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.sklearn_private import check_sample_weight

# What a positive weight comes to at least, the largest being from 1 to 2: in single precision a
# batch of the lightest rows has a positive weight all the same.
LIGHTEST = 2.0**-100


def read_weights(name: str, values: Any, n_rows: int) -> NDArray[np.float64]:
    """Check the weights of rows and bring them to one scale.

    Parameters
    ----------
    name : str
        The argument that they came as, for messages.
    values : array-like of shape (n,), number or None
        The weights, 0 or more, in any unit; None is one for every row.
    n_rows : int
        The number of rows n.

    Returns
    -------
    float64 array of shape (n,)
        The weights in the unit of `in_one_unit`.

    Raises
    ------
    ValueError
        If there is not one weight per row, a weight is negative, NaN or infinite, or all are zero.

    Examples
    --------
    >>> read_weights("sample_weight", [0.0, 2e-30, 6e-30], 3).round(3)
    array([0.   , 0.634, 1.902])
    """
    try:
        weight = check_sample_weight(
            values, np.empty(n_rows), dtype=np.float64, ensure_non_negative=True
        )
    except ValueError as error:
        # scikit-learn knows the argument by one name, and does not always say it.
        message = str(error).replace("sample_weight", name)
        raise ValueError(message if name in message else f"{name}: {message}") from error
    if not weight.any():
        raise ValueError(f"{name} must have a positive value, got zeros only.")
    return in_one_unit(weight)


def in_one_unit(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide weights by the power of two that makes the largest at least 1 and less than 2.

    That rounds nothing, so weights times any power of two become the same. A weight of less than
    2^-100 of that unit, but not zero, becomes 2^-100.

    Parameters
    ----------
    weight : float64 array of shape (n,)
        Weights, 0 or more, at least one of them positive.

    Returns
    -------
    float64 array of shape (n,)
        The same weights in another unit.

    Examples
    --------
    >>> import numpy as np
    >>> in_one_unit(np.array([0.0, 3e-3, 1e-3]) * 2.0**200)
    array([0.   , 1.536, 0.512])
    """
    exponent = int(np.frexp(weight.max())[1]) - 1
    scaled = np.ldexp(weight, -exponent)
    return np.where(weight > 0, np.maximum(scaled, LIGHTEST), 0.0)
