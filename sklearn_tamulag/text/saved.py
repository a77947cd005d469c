"""Transformers and tokenizers of saved files: what `save` may write, and `load` may believe."""

from collections.abc import Mapping
from typing import Any

from sklearn_tamulag.text.architectures import check_architecture, is_storable_kind
from sklearn_tamulag.text.definitions import check_definition, try_tokenizer
from sklearn_tamulag.text.encoding import LONGEST_PREFIX, TextEncoding


def check_storable_text(
    configs: Mapping[str, Mapping[str, Any]], tokenizers: Mapping[str, Mapping[str, Any]]
) -> None:
    """Refuse to store what could not be loaded again.

    Parameters
    ----------
    configs : dict of str to dict
        The configuration of every transformer, by modality.
    tokenizers : dict of str to dict
        The state of every `TextEncoding`, by modality.

    Raises
    ------
    TypeError
        If a transformer is of a kind that is not on the closed list, or a tokenizer has parts that
        `load` would not believe.

    Examples
    --------
    >>> check_storable_text({"text": {"model_type": "bert"}}, {})
    """
    for name, config in configs.items():
        if not is_storable_kind(config):
            raise TypeError(
                f"The transformer of {name!r} is of the kind {config.get('model_type')!r}, which "
                "save cannot store. joblib.dump can."
            )
    for name, state in tokenizers.items():
        try:
            check_definition(state["definition"])
        except ValueError as error:
            raise TypeError(
                f"The tokenizer of {name!r} is of a kind that save cannot store, as {error} "
                "joblib.dump can."
            ) from error


def check_saved_text(configs: Any, tokenizers: Any) -> None:
    """Check the transformers and tokenizers of a file, before anything is built of them.

    Nothing is looked for by name, and every tokenizer has encoded one text.

    Parameters
    ----------
    configs : dict of str to dict
        The configuration of every transformer, by modality.
    tokenizers : dict of str to dict
        The state of every `TextEncoding`, by modality.

    Raises
    ------
    ValueError
        If a kind of transformer is not on the closed list, or a value is none that `save` writes.

    Examples
    --------
    >>> check_saved_text({"text": {"model_type": "llava"}}, {})
    Traceback (most recent call last):
        ...
    ValueError: the transformer of 'text' must be a name, a folder or ...
    """
    for name, config in _entries(configs):
        check_architecture(f"the transformer of {name!r}", config)
    fields = set(TextEncoding.__dataclass_fields__)
    for name, state in _entries(tokenizers):
        limit, prefix = state.get("max_length"), state.get("prefix", "")
        if (
            # Files of earlier versions know no prefix.
            state.keys() | {"prefix"} != fields
            or type(state["definition"]) is not str
            or type(state["lowercase"]) is not bool
            or not (limit is None or type(limit) is int)
            or type(prefix) is not str
            or len(prefix) > LONGEST_PREFIX
        ):
            raise ValueError(f"the tokenizer of {name!r} is described by {sorted(fields)}.")
        try:
            try_tokenizer(state["definition"], limit)
        except ValueError as error:
            raise ValueError(f"the tokenizer of {name!r} cannot be used: {error}") from error


def _entries(value: Any) -> list[tuple[str, dict[str, Any]]]:
    """The dicts of a dict by modality."""
    if not isinstance(value, Mapping) or not all(isinstance(of, dict) for of in value.values()):
        raise ValueError("transformers and tokenizers are no dicts by modality.")
    return list(value.items())
