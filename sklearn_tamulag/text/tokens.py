"""From strings to token ids: which columns of X are texts, and X with ids in their place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.sparse import issparse

from sklearn_tamulag.data.padding import is_missing
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.words import TokenizedTexts


def holds_texts(values: Any) -> bool:
    """Tell whether the values of a modality are a text, or one thing, per row; not sequences.

    Parameters
    ----------
    values : object
        A list, array, Series or anything else.

    Returns
    -------
    bool
        Judged by the first value that is not missing; True also where all are.

    Examples
    --------
    >>> holds_texts([None, "good"]), holds_texts([[3, 4], [5]]), holds_texts(["", None])
    (True, False, True)
    """
    if getattr(values, "ndim", 1) != 1 or not hasattr(values, "__len__"):
        return False
    return bool(pd.api.types.is_scalar(next((cell for cell in values if not is_missing(cell)), "")))


def texts_in(X: Any, names: Sequence[str]) -> dict[str, list[Any]]:
    """Take the modalities out of X that are texts.

    Parameters
    ----------
    X : object
        The data, of any form. A list, array or Series of strings is the only one of `names`.
    names : sequence of str
        Modalities that may be texts.

    Returns
    -------
    dict of str to list
        A cell per row, by modality.

    Examples
    --------
    >>> texts_in({"text": ["good", None], "audio": [1.0, 2.0]}, ["text"])
    {'text': ['good', None]}
    >>> texts_in(["good", "bad"], ["text"])
    {'text': ['good', 'bad']}
    """
    if isinstance(X, pd.DataFrame) or (isinstance(X, Mapping) and not issparse(X)):
        return {name: list(X[name]) for name in names if name in X and holds_texts(X[name])}
    if len(names) == 1 and is_text_column(X):
        return {names[0]: list(X)}
    return {}


def with_token_ids(X: Any, encodings: Mapping[str, TextEncoding]) -> Any:
    """Replace the texts in X by token ids; what is no text stays as it is.

    Parameters
    ----------
    X : object
        The data, of any form. A list, array or Series of strings is the only one of `encodings`.
    encodings : mapping of str to TextEncoding
        The tokenizers by modality.

    Returns
    -------
    X : object
        The same with a list or column of id arrays in place of every modality of texts.

    Raises
    ------
    TypeError
        If a text is no string.
    """
    return tokenized(X, encodings)[0]


def tokenized(
    X: Any, encodings: Mapping[str, TextEncoding]
) -> tuple[Any, dict[str, TokenizedTexts]]:
    """Replace the texts in X by token ids, and keep where the tokens stand in their texts.

    Parameters
    ----------
    X : object
        The data, of any form. A list, array or Series of strings is the only one of `encodings`.
    encodings : mapping of str to TextEncoding
        The tokenizers by modality.

    Returns
    -------
    X : object
        The same with a list or column of id arrays in place of every modality of texts.
    tokens : dict of str to TokenizedTexts
        The tokens of every modality of texts.

    Raises
    ------
    TypeError
        If a text is no string.
    """
    texts = texts_in(X, list(encodings))
    if not texts:
        return X, {}
    tokens = {name: encodings[name].read(name, cells) for name, cells in texts.items()}
    ids = {name: read.ids() for name, read in tokens.items()}
    if isinstance(X, pd.DataFrame):
        return X.assign(**{name: _column(cells, X.index) for name, cells in ids.items()}), tokens
    if isinstance(X, pd.Series):
        columns = {name: _column(cells, X.index) for name, cells in ids.items()}
        return pd.DataFrame(columns), tokens
    return {**(X if isinstance(X, Mapping) else {}), **ids}, tokens


def is_text_column(X: Any) -> bool:
    """Tell whether X itself is a list, array or Series of strings.

    Parameters
    ----------
    X : object
        The data, of any form.

    Returns
    -------
    bool
        Judged by the first value that is not missing.

    Examples
    --------
    >>> is_text_column(["good", "bad"]), is_text_column([[1.0], [2.0]])
    (True, False)
    """
    if not isinstance(X, list | tuple | pd.Series | np.ndarray) or getattr(X, "ndim", 1) != 1:
        return False
    return isinstance(next((cell for cell in X if not is_missing(cell)), None), str)


def _column(cells: Sequence[Any], index: pd.Index) -> pd.Series[Any]:
    """A column of arrays, which pandas is not to look into."""
    column = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):
        column[row] = cell
    return pd.Series(column, index=index)
