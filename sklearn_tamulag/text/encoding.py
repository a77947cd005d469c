"""A tokenizer kept as plain values: from the cells of a text to token ids."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from os import fspath
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sklearn_tamulag.data.padding import is_missing
from sklearn_tamulag.text.architectures import vocabulary_size
from sklearn_tamulag.text.definitions import check_definition, is_failure, tokenizer_of
from sklearn_tamulag.text.hub import Source
from sklearn_tamulag.text.loading import NO_LIMIT, load_tokenizer, longest_sequence
from sklearn_tamulag.text.words import TokenizedTexts

# A tokenizer may know fewer tokens than its model has rows for, which are often rounded up.
SPARE_TOKENS = 1024

# A prefix is an instruction to the model; before every text of a file it costs time.
LONGEST_PREFIX = 1024


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
    prefix : str
        What is put before every text, as it is.

    Examples
    --------
    >>> import tokenizers
    >>> words = tokenizers.models.WordLevel({"[UNK]": 0, "good": 1}, unk_token="[UNK]")
    >>> tokenizer = tokenizers.Tokenizer(words)
    >>> tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    >>> encoding = TextEncoding(tokenizer.to_str(), max_length=3, lowercase=True)
    >>> encoding.encode("text", ["GOOD film", ""])
    [array([1, 0]), None]
    >>> TextEncoding(tokenizer.to_str(), prefix="good ").encode("text", ["film", ""])
    [array([1, 0]), None]
    """

    definition: str
    max_length: int | None = None
    lowercase: bool = False
    prefix: str = ""

    @classmethod
    def load(
        cls,
        argument: str,
        source: Source,
        *,
        max_length: int | None = None,
        lowercase: bool = False,
        prefix: str = "",
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
        prefix : str, default=""
            What is put before every text, at most `LONGEST_PREFIX` characters.
        config : mapping, optional
            The configuration of the model that will read the ids.

        Returns
        -------
        TextEncoding
            The tokenizer, no longer in need of where it came from.

        Raises
        ------
        ValueError
            If it is not found, does not belong to the model, or can read fewer tokens than it adds
            and the prefix has.

        Warns
        -----
        UserWarning
            If `save` cannot store such a tokenizer.
        """
        tokenizer = load_tokenizer(argument, source)
        # tokenizers takes no integers of NumPy
        max_length = None if max_length is None else int(max_length)
        limits = [max_length, longest_sequence(config or {}), tokenizer.model_max_length]
        known = [int(limit) for limit in limits if limit is not None and limit < NO_LIMIT]
        if max_length is not None and min(known) < max_length:
            raise ValueError(
                f"{argument}: max_length must be at most {min(known)}, which is what the model can "
                f"read, got {max_length}."
            )
        backend = tokenizer.backend_tokenizer
        # The side that long texts are cut on is kept in the definition, at any length.
        backend.enable_truncation(NO_LIMIT, direction=tokenizer.truncation_side)
        encoding = cls(backend.to_str(), min(known) if known else None, lowercase, prefix)
        encoding._check(f"{argument} = {fspath(source)!r}")
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

    def _check(self, argument: str) -> None:
        """Check what was just loaded: its limit against its special tokens, and its definition."""
        try:
            tokenizer_of(self.definition, self.max_length)
        except ValueError as error:
            raise ValueError(f"{argument}: {error}") from error
        self._check_prefix(argument)
        try:
            check_definition(self.definition)
        except ValueError as error:
            warnings.warn(
                f"{argument}: save cannot store this tokenizer, as {error} joblib.dump can.",
                UserWarning,
                stacklevel=3,
            )

    def _check_prefix(self, argument: str) -> None:
        """Refuse a prefix beside which there is no room for a text."""
        if not self.prefix:
            return
        if len(self.prefix) > LONGEST_PREFIX:
            raise ValueError(
                f"{argument}: prefix must have at most {LONGEST_PREFIX} characters, got "
                f"{len(self.prefix)}."
            )
        # The blank at its end becomes part of the text's first token, or of none.
        taken = len(tokenizer_of(self.definition, None).encode(self.prefix.rstrip()).ids)
        if self.max_length is not None and taken >= self.max_length:
            raise ValueError(
                f"{argument}: with prefix={self.prefix!r} and the special tokens, {taken} tokens "
                f"are taken before a text begins; max_length must be larger, it is "
                f"{self.max_length}."
            )

    @property
    def _tokenizer(self) -> Any:
        return tokenizer_of(self.definition, self.max_length)

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
        own, theirs = self.vocabulary_size, vocabulary_size(config)
        if theirs is not None and not theirs - SPARE_TOKENS <= own <= theirs:
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
        ValueError
            If the tokenizer cannot read a text; the message names its row.

        Warns
        -----
        UserWarning
            Once, with the number of texts that were too long and were cut.
        """
        return self.read(name, cells).ids()

    def read(self, name: str, cells: Sequence[Any]) -> TokenizedTexts:
        """Turn texts into tokens, which know where in their text they stand.

        Parameters
        ----------
        name : str
            The modality, for messages.
        cells : sequence of str or None
            The texts, as in `encode`, with its errors and its warning.

        Returns
        -------
        TokenizedTexts
            The texts and their tokens.
        """
        texts = {row: text for row, cell in enumerate(cells) if (text := _text(name, row, cell))}
        if self.lowercase:
            texts = {row: text.lower() for row, text in texts.items()}
        whole = {row: self.prefix + text for row, text in texts.items()} if self.prefix else texts
        encoded = self._encoded(name, whole)
        cut = sum(bool(encoding.overflowing) for encoding in encoded)
        if cut:
            warnings.warn(
                f"Modality {name!r}: {cut} of {len(cells)} texts have more than "
                f"{self.max_length} tokens and were truncated.",
                UserWarning,
                stacklevel=2,
            )
        encodings = dict(zip(texts, encoded, strict=True))
        return TokenizedTexts(len(cells), texts, encodings, len(self.prefix))

    def _encoded(self, name: str, texts: Mapping[int, str]) -> list[Any]:
        """Call the tokenizer, and let its failure name the row."""
        tokenizer = self._tokenizer
        try:
            # All at once: it uses several threads.
            return list(tokenizer.encode_batch(list(texts.values())))
        except BaseException as error:
            if not is_failure(error):
                raise
        for row, text in texts.items():
            try:
                tokenizer.encode(text)
            except BaseException as error:
                if not is_failure(error):
                    raise
                raise ValueError(
                    f"Modality {name!r}, row {row}: the tokenizer cannot read the text "
                    f"{text[:80]!a}: {str(error)[:200]}"
                ) from error
        return [tokenizer.encode(text) for text in texts.values()]


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
