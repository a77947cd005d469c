"""Hugging Face models and tokenizers: where they are looked for, and what is said if in vain."""

import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NoReturn

Source = str | PathLike[str]

# These number the positions of tokens from behind their padding index.
POSITIONS_AFTER_PADDING = frozenset(
    [
        *("bertweet", "camembert", "data2vec-text", "esm", "ibert", "longformer", "luke", "mpnet"),
        *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
    ]
)

NAMES_OF_CODE = ("attn_implementation", "auto_map", "custom_pipelines", "quantization_config")

# A tokenizer without a limit of its own states one that is about this large, or larger.
NO_LIMIT = 10**6


def require_transformers(what: str) -> Any:
    """Import transformers, or say how to install it.

    Parameters
    ----------
    what : str
        What needs it, at the start of the message.

    Returns
    -------
    module
        The package ``transformers``.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            f"{what} needs the package transformers. Install it with: "
            'pip install "sklearn-tamulag[text]"'
        ) from error
    return transformers


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the log and the progress bars of transformers, and put them back."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def _is_folder_name(source: Source) -> bool:
    """Tell whether a source can only be a folder, as no name of the hub looks like it."""
    text = fspath(source)
    return (
        isinstance(source, PathLike)
        or text.startswith((".", "~", os.sep))
        or text.count("/") > 1
        or (os.sep != "/" and os.sep in text)
    )


def _load(kind: str, argument: str, source: Source, **options: Any) -> Any:
    """Call ``transformers.<kind>.from_pretrained``, on a folder alone where there is one."""
    transformers = require_transformers(argument)
    folder = Path(source).expanduser()
    if _is_folder_name(source) and not folder.is_dir():
        _not_found(argument, source, "there is no such folder", None)
    local = folder.is_dir()
    try:
        with _quiet():
            return getattr(transformers, kind).from_pretrained(
                str(folder) if local else fspath(source), local_files_only=local, **options
            )
    except (OSError, ValueError, KeyError) as error:
        found = "the folder is there but cannot be used" if local else "there is no such folder"
        _not_found(argument, source, found, error)


def _not_found(argument: str, source: Source, folder: str, error: Exception | None) -> NoReturn:
    """Say what was tried to find a model."""
    tried = f"as a folder ({folder})"
    if folder == "there is no such folder" and not _is_folder_name(source):
        from huggingface_hub import constants

        hub = "not asked: HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else "asked"
        tried += f" and as a name on the Hugging Face hub, or in its local cache (the hub was {hub}"
        tried += ")"
    reason = f" {type(error).__name__}: {str(error).splitlines()[0]}" if error else ""
    raise ValueError(
        f"{argument} = {fspath(source)!r} was not found. Tried {tried}.{reason}"
    ) from (error)


def load_config(argument: str, transformer: Source | Mapping[str, Any]) -> dict[str, Any]:
    """Read the configuration of a model, without its weights.

    Parameters
    ----------
    argument : str
        What the caller calls the model, for messages.
    transformer : str, path or mapping
        Name on the hub, folder, or the configuration itself, with its ``model_type``.

    Returns
    -------
    dict
        The whole configuration, of plain values, without the path it came from.

    Raises
    ------
    ImportError
        If transformers is not installed.
    ValueError
        If the model is not found, or is of a kind that does not read ids and a mask alone.
    """
    transformers = require_transformers(argument)
    if isinstance(transformer, Mapping):
        given = dict(transformer)
        try:
            config = transformers.AutoConfig.for_model(**given)
        except (TypeError, ValueError, KeyError) as error:
            raise ValueError(
                f"{argument} must be a name, a folder or a configuration with a known "
                f"'model_type', got {given}: {error}"
            ) from error
    else:
        config = _load("AutoConfig", argument, transformer)
    if config.is_encoder_decoder:
        raise ValueError(
            f"{argument} is an encoder-decoder ({config.model_type}); a model that takes token ids "
            "and a mask is needed."
        )
    return _plain(config.to_dict())


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out where a configuration came from, and whatever may name code to be fetched."""
    return {
        name: value
        for name, value in config.items()
        if not name.startswith("_") and name not in NAMES_OF_CODE
    }


def load_model(argument: str, config: Mapping[str, Any], source: Source | None) -> Any:
    """Build a model, with its pre-trained weights if it has a source.

    Parameters
    ----------
    argument : str
        What the caller calls the model, for messages.
    config : mapping
        What `load_config` returned.
    source : str, path or None
        Where the weights come from; None draws them from torch's global random state.

    Returns
    -------
    transformers.PreTrainedModel
        The model, without the pooling layer that some carry and nothing here reads.

    Raises
    ------
    ImportError
        If transformers is not installed.
    ValueError
        If the weights are not found.

    Warns
    -----
    UserWarning
        If the source lacks weights, which are random then.
    """
    transformers = require_transformers(argument)
    built = transformers.AutoConfig.for_model(**_plain(config))
    if source is None:
        with _quiet():
            return _without_pooling(
                lambda **kwargs: transformers.AutoModel.from_config(built, **kwargs)
            )
    model, report = _without_pooling(
        lambda **kwargs: _load(
            "AutoModel", argument, source, config=built, output_loading_info=True, **kwargs
        )
    )
    missing = [name for name in report["missing_keys"] if not name.startswith("pooler.")]
    if missing:
        warnings.warn(
            f"{argument} = {fspath(source)!r} lacks {len(missing)} weights of the model, such as "
            f"{sorted(missing)[0]!r}: they are random.",
            UserWarning,
            stacklevel=2,
        )
    # It is saved with its weights, and says no longer where they came from.
    model.name_or_path = model.config._name_or_path = ""
    return model


def _without_pooling(build: Callable[..., Any]) -> Any:
    """Leave out the pooling layer on top, of a model that has one which can be left out."""
    try:
        return build(add_pooling_layer=False)
    except TypeError:
        return build()


def load_tokenizer(argument: str, source: Source) -> Any:
    """Load a fast tokenizer.

    Parameters
    ----------
    argument : str
        What the caller calls it, for messages.
    source : str or path
        Name on the hub, or folder.

    Returns
    -------
    transformers.PreTrainedTokenizerFast
        The tokenizer.

    Raises
    ------
    ImportError
        If transformers is not installed.
    ValueError
        If it is not found, or there is no fast one.
    """
    tokenizer = _load("AutoTokenizer", argument, source)
    if not getattr(tokenizer, "is_fast", False):
        raise ValueError(
            f"{argument} = {fspath(source)!r} is no fast tokenizer: a tokenizer.json is needed."
        )
    return tokenizer


def longest_sequence(config: Mapping[str, Any]) -> int | None:
    """The most tokens that a model can read.

    Parameters
    ----------
    config : mapping
        A model's configuration.

    Returns
    -------
    int or None
        None where the model sets no limit.

    Examples
    --------
    >>> longest_sequence({"model_type": "bert", "max_position_embeddings": 512})
    512
    >>> longest_sequence(
    ...     {"model_type": "roberta", "max_position_embeddings": 514, "pad_token_id": 1}
    ... )
    512
    """
    # GPT-2 and its kin call them n_positions.
    positions = config.get("max_position_embeddings") or config.get("n_positions")
    if not positions or positions < 1:
        return None
    if config.get("model_type") in POSITIONS_AFTER_PADDING:
        positions -= (config.get("pad_token_id") or 0) + 1
    return int(positions)
