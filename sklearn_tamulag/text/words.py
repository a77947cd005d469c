"""Tokens of texts, and the words that they are parts of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TOKEN_COLUMNS = ("row", "step", "token", "special", "start", "stop", "weight")
WORD_COLUMNS = ("row", "word", "special", "start", "stop", "weight")


@dataclass(frozen=True)
class TokenizedTexts:
    """Texts and their tokens.

    Parameters
    ----------
    n_rows : int
        The number of rows, those without a text included.
    texts : mapping of int to str
        The texts as the tokenizer has seen them, by row, without the prefix.
    encodings : mapping of int to tokenizers.Encoding
        Their tokens, by row.
    prefix_length : int, default=0
        The characters that stood before every text. Their tokens are special ones.
    """

    n_rows: int
    texts: Mapping[int, str]
    encodings: Mapping[int, Any]
    prefix_length: int = 0

    def ids(self) -> list[NDArray[np.int64] | None]:
        """Token ids.

        Returns
        -------
        list of int64 array of shape (T_i,), or None
            None where the text is missing.
        """
        ids: list[NDArray[np.int64] | None] = [None] * self.n_rows
        for row, encoding in self.encodings.items():
            ids[row] = np.array(encoding.ids, dtype=np.int64) if encoding.ids else None
        return ids

    def row(self, row: int) -> TokenizedTexts:
        """Take one row.

        Parameters
        ----------
        row : int
            Its number.

        Returns
        -------
        TokenizedTexts
            One row, numbered 0.
        """
        found = row in self.texts
        return TokenizedTexts(
            1,
            {0: self.texts[row]} if found else {},
            {0: self.encodings[row]} if found else {},
            self.prefix_length,
        )

    def by_token(self, weights: NDArray[Any]) -> pd.DataFrame:
        """Put the weight of every step beside its token.

        Parameters
        ----------
        weights : ndarray of shape (n, T)
            A weight per step.

        Returns
        -------
        DataFrame
            A row per token, in the order of the texts: ``row`` of X, ``step``, the ``token`` as the
            tokenizer writes it, whether it is ``special``, ``start`` and ``stop`` of its
            characters in the text (0 and 0 for a special one), and its ``weight``. Tokens of the
            prefix are special ones.
        """
        table = [
            (row, step, encoding.tokens[step], special, *span, weights[row, step])
            for row, encoding in self.encodings.items()
            for step, (special, *span) in enumerate(self._places(encoding))
            if step < weights.shape[1]
        ]
        return pd.DataFrame(table, columns=list(TOKEN_COLUMNS))

    def by_word(self, weights: NDArray[Any]) -> pd.DataFrame:
        """Sum the weights of the tokens of every word.

        A word is what the tokenizer treats as one, and goes no further than to the next blank. A
        special token stands for itself, and so does one of the prefix.

        Parameters
        ----------
        weights : ndarray of shape (n, T)
            A weight per step.

        Returns
        -------
        DataFrame
            A row per word, in the order of the texts: ``row`` of X, the ``word`` as the text has
            it, whether it is ``special``, ``start`` and ``stop`` of its characters in the text, and
            its ``weight``, the sum of those of its tokens.
        """
        table: list[list[Any]] = []
        for row, encoding in self.encodings.items():
            text, last = self.texts[row], None
            places = self._places(encoding)
            for step, token in enumerate(encoding.tokens[: weights.shape[1]]):
                weight = weights[row, step]
                special, start, stop = places[step]
                if special:
                    table.append([row, token, True, 0, 0, weight])
                    last = None
                    continue
                start, stop = _without_blanks(text, start, stop)
                word = encoding.word_ids[step]
                if last is not None and _same_word(text, table[-1], start, word, last):
                    entry = table[-1]
                    entry[4] = max(entry[4], stop)
                    entry[1] = text[entry[3] : entry[4]]
                    entry[5] = entry[5] + weight
                else:
                    table.append([row, text[start:stop] or token, False, start, stop, weight])
                last = (word,)
        return pd.DataFrame(table, columns=list(WORD_COLUMNS))

    def _places(self, encoding: Any) -> list[tuple[bool, int, int]]:
        """Whether each token is a special one, or of the prefix, and its span in the text."""
        before = self.prefix_length
        return [
            # A token that begins in the prefix and goes on in the text is one of the text.
            (True, 0, 0)
            if special or (before and stop <= before)
            else (False, max(start - before, 0), stop - before)
            for special, (start, stop) in zip(
                encoding.special_tokens_mask, encoding.offsets, strict=True
            )
        ]


def _without_blanks(text: str, start: int, stop: int) -> tuple[int, int]:
    """Leave blanks at both ends out of a span."""
    while start < stop and text[start].isspace():
        start += 1
    while stop > start and text[stop - 1].isspace():
        stop -= 1
    return start, stop


def _same_word(
    text: str, entry: list[Any], start: int, word: int | None, last: tuple[int | None]
) -> bool:
    """Tell whether a token goes on with the word before it."""
    between = text[entry[4] : start]
    blank = any(character.isspace() for character in between)
    # A token of blanks alone, as of an older sentencepiece, begins the word behind it.
    return word == last[0] and not blank and not (entry[3] == entry[4] and entry[4] != start)
