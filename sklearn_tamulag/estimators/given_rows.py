"""What a fit is given, checked: the rows, and a value of everything else for each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.sklearn_private import num_samples


@dataclass(frozen=True)
class GivenRows:
    """The rows given to a fit.

    Attributes
    ----------
    data : MultimodalData
        The n rows.
    values : float64 or int64 array of shape (n,)
        y, or the codes of its classes.
    weight : float64 array of shape (n,)
        Sample weights times class weights, 0 or more; rows of weight zero are as if absent.
    groups : array-like of shape (n,) or None
        What is held out together.
    human : DataFrame of shape (n, M) or None
        What people said of single modalities.
    """

    data: MultimodalData
    values: NDArray[Any]
    weight: NDArray[np.float64]
    groups: Any
    human: Any


def row_values(argument: str, values: Any, n_rows: int) -> Any:
    """Check that an argument has one value per row; None passes.

    Parameters
    ----------
    argument : str
        Its name.
    values : sequence or None
        The values.
    n_rows : int
        The number of rows.

    Returns
    -------
    sequence or None
        The same values.

    Raises
    ------
    ValueError
        If the numbers differ.
    """
    if values is not None and num_samples(values) != n_rows:
        raise ValueError(
            f"{argument} must have one value per row of X: X has {n_rows} rows, {argument} has "
            f"{num_samples(values)}."
        )
    return values
