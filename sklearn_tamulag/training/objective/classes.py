"""The classes of y: checked, numbered and weighted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d

from sklearn_tamulag.data.containers import plain_values


def check_classes(y: Any, name: str) -> NDArray[Any]:
    """Check that y has a class for every row.

    Parameters
    ----------
    y : array-like, or column of any library, of shape (n,)
        The classes of the rows: numbers, strings or booleans of any type.
    name : str
        The argument that y came as, for the message.

    Returns
    -------
    array of shape (n,)
        The same classes.

    Raises
    ------
    ValueError
        If y has missing or infinite values, or is continuous.

    Examples
    --------
    >>> check_classes(["a", "b"], "y").tolist()
    ['a', 'b']
    """
    values: NDArray[Any] = column_or_1d(plain_values(y), warn=True)
    if pd.isna(values).any():
        raise ValueError(
            f"{name} must have a class for every row, got missing values (NaN or None)."
        )
    assert_all_finite(values, input_name=name)
    check_classification_targets(values)
    return values


def class_weights(
    classes: NDArray[Any],
    weight: NDArray[np.float64],
    class_weight: Mapping[Any, float] | str | None,
    learned_from: tuple[NDArray[Any], NDArray[np.float64]] | None = None,
) -> NDArray[np.float64]:
    """Multiply the row weights by those of their classes.

    Parameters
    ----------
    classes : array of shape (n,)
        The class of every row.
    weight : float64 array of shape (n,)
        Row weights; rows of weight zero are as if absent, and do not count for "balanced".
    class_weight : mapping, "balanced" or None
        A weight by class; "balanced" makes the rows of all classes weigh the same in sum, so that
        a row of weight two counts as two rows.
    learned_from : pair of arrays of shape (k,), optional
        Classes and weights of the rows that the class weights are those of, by default these.

    Returns
    -------
    float64 array of shape (n,)
        The products. A class that has no weight, and one that only `classes` has, counts as it is.

    Raises
    ------
    ValueError
        If a weight is negative, or no class of y has a positive one.

    Examples
    --------
    >>> import numpy as np
    >>> class_weights(np.array(["a", "b"]), np.ones(2), {"a": 3.0, "b": 1.0})
    array([3., 1.])
    >>> class_weights(np.array([0, 1, 1]), np.array([3.0, 1.0, 2.0]), "balanced")
    array([3., 1., 2.])
    """
    if class_weight is None:
        return weight
    seen, seen_weight = learned_from or (classes, weight)
    used = seen_weight > 0
    known, codes = np.unique(seen[used], return_inverse=True)
    if isinstance(class_weight, str):
        mass = np.bincount(codes, seen_weight[used])
        factor = mass.sum() / (len(known) * mass)
    else:
        factor = compute_class_weight(dict(class_weight), classes=known, y=seen[used])
    if factor.min() < 0 or not factor.any():
        raise ValueError(
            f"class_weight must have no negative values and a positive one for a class of y, "
            f"got {class_weight!r}."
        )
    by_class = dict(zip(known.tolist(), factor.tolist(), strict=True))
    given = {} if isinstance(class_weight, str) else class_weight
    return weight * [by_class.get(name, given.get(name, 1.0)) for name in classes.tolist()]


def class_codes(
    y: NDArray[Any], classes: NDArray[Any], weight: NDArray[np.float64], name: str
) -> NDArray[np.int64]:
    """Number the classes of y.

    Parameters
    ----------
    y : array of shape (n,)
        The classes of the rows.
    classes : array of shape (K,)
        All classes, sorted.
    weight : float64 array of shape (n,)
        Row weights. Rows of weight zero are as if absent, and so are their classes.
    name : str
        The argument that y came as, for the message.

    Returns
    -------
    int64 array of shape (n,)
        Codes 0 to K - 1; 0 for an unknown class of weight zero.

    Raises
    ------
    ValueError
        If a row has an unknown class.

    Examples
    --------
    >>> import numpy as np
    >>> class_codes(np.array(["b", "a"]), np.array(["a", "b"]), np.ones(2), "y")
    array([1, 0])
    """
    known = np.isin(y, classes)
    unknown = ~known & (weight > 0)
    if unknown.any():
        raise ValueError(
            f"{name} has the unknown class {y[unknown].tolist()[0]!r}; known are "
            f"{classes.tolist()}."
        )
    codes = np.zeros(len(y), dtype=np.int64)
    codes[known] = np.searchsorted(classes, y[known])
    return codes
