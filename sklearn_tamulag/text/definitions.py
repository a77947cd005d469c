"""The definition of a tokenizer, which may come from a stranger: bounded, made and tried."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from sklearn_tamulag.text.hub import require_transformers
from sklearn_tamulag.text.patterns import check_pattern

# Parts beside the vocabulary: far more than any published tokenizer has.
_MOST_PARTS = 4000
_LONGEST_STRING = 512
_LONGEST_WORD = 1000
_LONGEST_CHARSMAP = 2**21
_LONGEST_REPLACEMENT = 256
# How many times longer a text may become before it is cut into tokens, and tokens added to it.
_GROWTH = 1024.0
_MOST_SPECIAL_TOKENS = 1024

_SAMPLE = "A good film: very GOOD, isn't it? 12.5 \u00e9\u597d \U0001f3ac"


def check_definition(definition: str) -> None:
    """Refuse a tokenizer that would take time or memory out of proportion to its size.

    Parameters
    ----------
    definition : str
        The tokenizer in the JSON of the package tokenizers.

    Raises
    ------
    ValueError
        If it is no such JSON, or a part of it is out of bounds; the message names the part.
    """
    try:
        whole = json.loads(definition)
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(f"its tokenizer is no JSON: {error}") from error
    if not isinstance(whole, dict) or not isinstance(whole.get("model"), dict):
        raise ValueError("its tokenizer is no JSON of the package tokenizers.")
    model = {name: part for name, part in whole["model"].items() if name not in ("vocab", "merges")}
    if whole["model"].get("dropout"):
        raise ValueError("its tokenizer draws its tokens at random.")
    longest = model.get("max_input_chars_per_word") or 0
    if not isinstance(longest, int) or longest > _LONGEST_WORD:
        raise ValueError(f"its tokenizer takes words of {longest!r} characters.")
    parts = {name: part for name, part in whole.items() if name not in ("model", "added_tokens")}
    growth = 1.0
    for number, (name, part) in enumerate(_parts(parts | {"model": model}, 0)):
        if number > _MOST_PARTS:
            raise ValueError(f"its tokenizer has more than {_MOST_PARTS} parts.")
        if isinstance(part, str):
            _check_string(name, part)
        elif isinstance(part, dict) and name in ("normalizer", "normalizers"):
            growth *= _growth(part)
        elif isinstance(part, dict) and part.get("type") == "TemplateProcessing":
            _check_template(part)
    if growth > _GROWTH:
        raise ValueError("its tokenizer makes texts out of proportion longer.")


def make_tokenizer(definition: str) -> Any:
    """Make the tokenizer of a definition, whatever that is.

    Parameters
    ----------
    definition : str
        The tokenizer in the JSON of the package tokenizers.

    Returns
    -------
    tokenizers.Tokenizer
        The tokenizer, as it was defined.

    Raises
    ------
    ImportError
        If transformers, which brings the package tokenizers, is not installed.
    ValueError
        If it cannot be made.
    """
    require_transformers("A tokenizer")
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_str(definition)
    except BaseException as error:
        if not is_failure(error):
            raise
        raise ValueError(f"its tokenizer cannot be made: {str(error)[:200]}") from error


@lru_cache(maxsize=8)
def tokenizer_of(definition: str, max_length: int | None) -> Any:
    """Make the tokenizer of a definition, which takes longer than to use it.

    Parameters
    ----------
    definition : str
        The tokenizer in the JSON of the package tokenizers.
    max_length : int or None
        The most tokens of a text, special ones included.

    Returns
    -------
    tokenizers.Tokenizer
        Without padding; it cuts on the side that the definition says. Kept for the next call.

    Raises
    ------
    ValueError
        If it cannot be made, or its special tokens alone are as many as `max_length`.
    """
    tokenizer = make_tokenizer(definition)
    side = (tokenizer.truncation or {}).get("direction", "right")
    tokenizer.no_padding()
    n_special = tokenizer.num_special_tokens_to_add(False)
    if n_special > _MOST_SPECIAL_TOKENS:
        raise ValueError(f"the tokenizer adds {n_special} special tokens to every text.")
    if max_length is None:
        tokenizer.no_truncation()
    elif max_length <= n_special:
        raise ValueError(
            f"max_length must be at least {n_special + 1}, as the tokenizer adds {n_special} "
            f"special tokens to every text; got {max_length}."
        )
    else:
        tokenizer.enable_truncation(max_length, direction=str(side).lower())
    return tokenizer


def try_tokenizer(definition: str, max_length: int | None) -> None:
    """Check a tokenizer of a file, and let it encode one text.

    Parameters
    ----------
    definition : str
        The tokenizer in the JSON of the package tokenizers.
    max_length : int or None
        The most tokens of a text.

    Raises
    ------
    ValueError
        If it is out of bounds, cannot be made or fails on an ordinary text.
    """
    check_definition(definition)
    tokenizer = tokenizer_of(definition, max_length)
    try:
        tokenizer.encode(_SAMPLE)
    except BaseException as error:
        if not is_failure(error):
            raise
        # A vocabulary may well lack a character of the sample, and says so by an Exception.
        if not isinstance(error, Exception):
            raise ValueError(f"its tokenizer fails on a text: {str(error)[:200]}") from error


def is_failure(error: BaseException) -> bool:
    """Tell the failure of a library, which in Rust is no Exception, from an interruption.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    bool
        True for an Exception other than MemoryError, and for a PanicException.

    Examples
    --------
    >>> is_failure(ValueError()), is_failure(KeyboardInterrupt())
    (True, False)
    """
    if isinstance(error, Exception):
        return not isinstance(error, MemoryError)
    return type(error).__name__ == "PanicException"


def _parts(value: Any, depth: int, name: str = "") -> Iterator[tuple[str, Any]]:
    """Everything within a value, with the name of what it stands in."""
    if depth > 40:
        raise ValueError("its tokenizer is nested too deeply.")
    yield name, value
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if len(key) > _LONGEST_STRING:
                raise ValueError(f"its tokenizer has a name of {len(key)} characters.")
            yield from _parts(entry, depth + 1, key)
    elif isinstance(value, list):
        for entry in value:
            yield from _parts(entry, depth + 1, name)


def _check_string(name: str, value: str) -> None:
    """Check a string of a tokenizer by the place it stands in."""
    if name == "Regex":
        check_pattern(value)
    elif name == "precompiled_charsmap":
        _check_charsmap(value)
    elif len(value) > _LONGEST_STRING:
        raise ValueError(f"its tokenizer has a {name} of {len(value)} characters.")


def _check_charsmap(value: str) -> None:
    """Bound what one character may become, by the table that says it."""
    if len(value) > _LONGEST_CHARSMAP:
        raise ValueError(f"its tokenizer has a charsmap of {len(value)} characters.")
    try:
        table = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("its tokenizer has a charsmap that is no base64.") from error
    size = int.from_bytes(table[:4], "little")
    if len(table) > 4 and size + 4 > len(table):
        raise ValueError("its tokenizer has a charsmap that is cut off.")
    if max(map(len, table[4 + size :].split(b"\0")), default=0) > _LONGEST_REPLACEMENT:
        raise ValueError("its tokenizer has a charsmap that makes one character a whole text.")


def _growth(part: Mapping[str, Any]) -> float:
    """By how much a step of the normalisation may make a text longer."""
    kind = part.get("type")
    if kind == "Replace":
        content, pattern = str(part.get("content", "")), part.get("pattern")
        given = pattern.get("String") if isinstance(pattern, Mapping) else None
        if given == "":
            raise ValueError("its tokenizer replaces nothing by something.")
        # A regular expression may match between any two characters.
        return max(1.0, len(content) / len(given) if given else 1.0 + len(content))
    if kind == "Prepend":
        return 1.0 + len(str(part.get("prepend", ""))) / 16
    return 1.0


def _check_template(part: Mapping[str, Any]) -> None:
    """A text stands once in what is made of it."""
    for pieces in (part.get("single"), part.get("pair")):
        held = [piece for piece in pieces or [] if isinstance(piece, dict) and "Sequence" in piece]
        names = [str(piece["Sequence"].get("id")) for piece in held]
        if len(names) > len(set(names)):
            raise ValueError("its tokenizer repeats the text in every text.")
