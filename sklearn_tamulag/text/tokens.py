"""From strings to token ids: the cells of a text, a tokenizer kept as plain values, X around it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import issparse

from sklearn_tamulag.data.padding import is_missing
from sklearn_tamulag.text.loading import (
    NO_LIMIT,
    Source,
    load_tokenizer,
    longest_sequence,
    require_transformers,
)

# A tokenizer may know fewer tokens than its model has rows for, which are often rounded up.
SPARE_TOKENS = 1024


@dataclass(frozen=True)
class TextEncoding:
    """A fast tokenizer with its options, all of it plain text and numbers.

    Parameters
    ----------
    definition : str
        The tokenizer in the JSON of the package tokenizers.
    max_length : int or None
        The most tokens of a text, special ones included.
    lowercase : bool
        Whether texts are lower-cased before the tokenizer sees them.

    Examples
    --------
    >>> import tokenizers
    >>> words = tokenizers.models.WordLevel({"[UNK]": 0, "good": 1}, unk_token="[UNK]")
    >>> tokenizer = tokenizers.Tokenizer(words)
    >>> tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> encoding = TextEncoding(tokenizer.to_str(), max_length=3, lowercase=True)
    >>> encoding.encode("text", ["GOOD film", ""])
    [array([1, 0]), None]
    """

    definition: str
    max_length: int | None = None
    lowercase: bool = False

    @classmethod
    def load(
        cls,
        argument: str,
        source: Source,
        *,
        max_length: int | None = None,
        lowercase: bool = False,
        config: Mapping[str, Any] | None = None,
    ) -> Self:
        """Load a tokenizer by name or from a folder.

        Parameters
        ----------
        argument : str
            What the caller calls it, for messages.
        source : str or path
            Name on the hub, or folder.
        max_length : int, optional
            The most tokens of a text; by default what the tokenizer and the model can take.
        lowercase : bool, default=False
            Whether texts are lower-cased first.
        config : mapping, optional
            The configuration of the model that will read the ids.

        Returns
        -------
        TextEncoding
            The tokenizer, no longer in need of where it came from.

        Raises
        ------
        ValueError
            If it is not found, or does not belong to the model.
        """
        tokenizer = load_tokenizer(argument, source)
        # tokenizers takes no integers of NumPy
        max_length = None if max_length is None else int(max_length)
        limits = [max_length, longest_sequence(config or {}), tokenizer.model_max_length]
        known = [limit for limit in limits if limit is not None and limit < NO_LIMIT]
        if max_length is not None and min(known) < max_length:
            raise ValueError(
                f"{argument}: max_length must be at most {min(known)}, which is what the model can "
                f"read, got {max_length}."
            )
        encoding = cls(
            tokenizer.backend_tokenizer.to_str(), min(known) if known else None, lowercase
        )
        if config is not None:
            encoding.check_vocabulary(argument, config)
        return encoding

    def state(self) -> dict[str, Any]:
        """All of it as plain values, which the constructor takes.

        Returns
        -------
        dict of str to str, int, bool or None
            The fields by name.
        """
        return asdict(self)

    @property
    def _tokenizer(self) -> Any:
        return _tokenizer_of(self.definition, self.max_length)

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest id that the tokenizer can give."""
        return 1 + max(self._tokenizer.get_vocab(with_added_tokens=True).values())

    def check_vocabulary(self, argument: str, config: Mapping[str, Any]) -> None:
        """Refuse a model that this tokenizer was not made for.

        Parameters
        ----------
        argument : str
            What the caller calls the tokenizer.
        config : mapping
            The model's configuration.

        Raises
        ------
        ValueError
            If the tokenizer knows more tokens than the model, or far fewer.
        """
        own, theirs = self.vocabulary_size, int(config["vocab_size"])
        if not theirs - SPARE_TOKENS <= own <= theirs:
            raise ValueError(
                f"{argument} and the transformer disagree on their vocabulary: the tokenizer has "
                f"{own} tokens, the transformer {theirs}."
            )

    def encode(self, name: str, cells: Sequence[Any]) -> list[NDArray[np.int64] | None]:
        """Turn texts into token ids.

        Parameters
        ----------
        name : str
            The modality, for messages.
        cells : sequence of str or None
            The texts. An empty or blank one is missing, like None and NaN.

        Returns
        -------
        list of int64 array of shape (T_i,), or None
            Ids with the tokenizer's special tokens; None where the text is missing.

        Raises
        ------
        TypeError
            If a cell is neither a string nor missing; the message names row and value.

        Warns
        -----
        UserWarning
            Once, with the number of texts that were too long and were cut.
        """
        texts = {row: text for row, cell in enumerate(cells) if (text := _text(name, row, cell))}
        if self.lowercase:
            texts = {row: text.lower() for row, text in texts.items()}
        encoded = self._tokenizer.encode_batch(list(texts.values()))
        cut = sum(bool(encoding.overflowing) for encoding in encoded)
        if cut:
            warnings.warn(
                f"Modality {name!r}: {cut} of {len(cells)} texts have more than "
                f"{self.max_length} tokens and were truncated.",
                UserWarning,
                stacklevel=2,
            )
        ids: list[NDArray[np.int64] | None] = [None] * len(cells)
        for row, encoding in zip(texts, encoded, strict=True):
            ids[row] = np.array(encoding.ids, dtype=np.int64) if encoding.ids else None
        return ids


@lru_cache(maxsize=8)
def _tokenizer_of(definition: str, max_length: int | None) -> Any:
    """Make the tokenizer of a definition, which takes longer than to use it."""
    require_transformers("A tokenizer")
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_str(definition)
    tokenizer.no_padding()
    if max_length is None:
        tokenizer.no_truncation()
    else:
        tokenizer.enable_truncation(max_length)
    return tokenizer


def _text(name: str, row: int, cell: Any) -> str | None:
    """Check one cell; None where there is no text."""
    if isinstance(cell, str):
        return cell if cell.strip() else None
    if is_missing(cell):
        return None
    raise TypeError(
        f"Modality {name!r}, row {row}, must be a string, or None where there is no text, got "
        f"{cell!r} of type {type(cell).__name__}."
    )


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
    texts = texts_in(X, list(encodings))
    if not texts:
        return X
    ids = {name: encodings[name].encode(name, cells) for name, cells in texts.items()}
    if isinstance(X, pd.DataFrame):
        return X.assign(**{name: _column(cells, X.index) for name, cells in ids.items()})
    if isinstance(X, pd.Series):
        return pd.DataFrame({name: _column(cells, X.index) for name, cells in ids.items()})
    return {**(X if isinstance(X, Mapping) else {}), **ids}


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
