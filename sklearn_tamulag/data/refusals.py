"""The words in which a form of X is refused."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

TABLE_MODALITY = "features"


def describe_forms() -> str:
    """Name the forms that X may have.

    Returns
    -------
    sentence : str
        One sentence for error messages.

    Examples
    --------
    >>> from sklearn_tamulag.data.refusals import describe_forms
    >>> describe_forms().startswith("X must be a MultimodalData")
    True
    """
    return (
        "X must be a MultimodalData, a dict {name: array or list of arrays}, a list of such dicts "
        "by row, a DataFrame or table of any library with a column of arrays per modality, or a "
        "2-D array, a list of rows or a DataFrame of numbers, which is one modality named "
        f"{TABLE_MODALITY!r}."
    )


def refuse_form(X: Any, hint: str = "") -> NoReturn:
    """Say that X has none of the forms.

    Parameters
    ----------
    X : object
        What was given.
    hint : str, default=""
        A sentence on what to do instead; by default one for arrays of too many dimensions.

    Raises
    ------
    TypeError
        Always.
    """
    given = type(X).__name__
    if n_dimensions(X) > 2:
        given += f" with {n_dimensions(X)} dimensions"
        hint = hint or "Put it in a dict {name: array}."
    raise TypeError(f"X is of type {given}. {describe_forms()} {hint}".rstrip())


def n_dimensions(X: Any) -> int:
    """Count dimensions without converting X.

    Parameters
    ----------
    X : object
        Anything.

    Returns
    -------
    dimensions : int
        Those of an array, or of lists in lists; 0 for what is no array or sequence.
    """
    if hasattr(X, "shape"):
        return len(X.shape)
    if isinstance(X, list | tuple):
        return 1 + (n_dimensions(X[0]) if X else 0)
    return np.asarray(X).ndim if hasattr(X, "__array__") else 0
