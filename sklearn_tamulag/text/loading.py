"""Hugging Face models and tokenizers: found, built of plain values, and their limits read."""

import warnings
from collections.abc import Callable, Mapping
from os import fspath
from typing import Any

import torch

from sklearn_tamulag.text.architectures import (
    ENCODERS_OF_PAIRS,
    check_architecture,
    is_storable_kind,
    plain_values,
)
from sklearn_tamulag.text.hub import Source, from_pretrained, require_transformers

# These number the positions of tokens from behind their padding index.
POSITIONS_AFTER_PADDING = frozenset(
    [
        *("bertweet", "camembert", "data2vec-text", "esm", "ibert", "longformer", "luke", "mpnet"),
        *("roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl", "xmod"),
    ]
)

# A tokenizer without a limit of its own states one that is about this large, or larger.
NO_LIMIT = 10**6


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
        If the model is not found, is an encoder-decoder whose encoder is no model of its own, or is
        given as a configuration and of no known kind.

    Warns
    -----
    UserWarning
        If a model is of a kind that `save` cannot store.
    """
    transformers = require_transformers(argument)
    if isinstance(transformer, Mapping):
        given = dict(transformer)
        if _is_pair(given.get("model_type")):
            _refuse_pair(argument, given["model_type"])
        check_architecture(argument, given)
        try:
            config = transformers.AutoConfig.for_model(**plain_values(given))
        # Each kind has checks of its own.
        except Exception as error:
            raise ValueError(
                f"{argument} must be a name, a folder or a configuration with a known "
                f"'model_type', got {given}: {error}"
            ) from error
        return plain_values(config.to_dict())
    config = from_pretrained("AutoConfig", argument, transformer)
    if config.is_encoder_decoder:
        _refuse_pair(argument, config.model_type)
    plain = plain_values(config.to_dict())
    if not is_storable_kind(plain):
        warnings.warn(
            f"{argument} = {fspath(transformer)!r} is of the kind {config.model_type!r}, which "
            "save cannot store; joblib.dump can. It is trained as far as it takes token ids and "
            "a mask.",
            UserWarning,
            stacklevel=2,
        )
    return plain


def _refuse_pair(argument: str, kind: Any) -> None:
    """Refuse an encoder-decoder whose encoder is no model of its own."""
    if kind not in ENCODERS_OF_PAIRS:
        raise ValueError(
            f"{argument} is an encoder-decoder ({kind}); a model that takes token ids and a mask "
            f"is needed, or one of {', '.join(sorted(ENCODERS_OF_PAIRS))}, of which the encoder is "
            "taken."
        )


def _is_pair(kind: Any) -> bool:
    """Tell by its defaults whether a kind is an encoder-decoder."""
    from transformers import CONFIG_MAPPING

    try:
        return bool(CONFIG_MAPPING[kind]().is_encoder_decoder)
    # An unknown kind, or one without defaults.
    except Exception:
        return False


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
        The model, in float32 unless its weights are float64, and without the pooling layer that
        some carry and nothing here reads. Of an encoder-decoder it is the encoder.

    Raises
    ------
    ImportError
        If transformers is not installed.
    ValueError
        If the weights are not found, or there is no source and the kind is not on the closed list.

    Warns
    -----
    UserWarning
        If the source lacks weights, which are random then.
    """
    transformers = require_transformers(argument)
    pair = config.get("model_type") in ENCODERS_OF_PAIRS
    kind = "AutoModelForTextEncoding" if pair else "AutoModel"
    if source is None:
        # Whoever wrote the configuration: nothing that follows may look for anything by name.
        check_architecture(argument, config)
    built = transformers.AutoConfig.for_model(**plain_values(config))
    if pair:
        built.is_encoder_decoder = False
    options = _dtype_option(transformers, config, source)
    make = getattr(transformers, kind).from_config

    def build(**kwargs: Any) -> Any:
        return make(built, trust_remote_code=False, **options, **kwargs)

    if source is None:
        return _without_pooling(build)
    model, report = _without_pooling(
        lambda **kwargs: from_pretrained(
            kind, argument, source, config=built, output_loading_info=True, **options, **kwargs
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
    if is_storable_kind(config):
        # Loading makes a parameter of what the kind keeps fixed, as a table of sines for positions.
        with torch.device("meta"):
            skeleton = _without_pooling(build)
        fixed = {name for name, weight in skeleton.named_parameters() if not weight.requires_grad}
        for name, weight in model.named_parameters():
            weight.requires_grad_(name not in fixed)
    # It is saved with its weights, and says no longer where they came from.
    model.name_or_path = model.config._name_or_path = ""
    return model


def _dtype_option(
    transformers: Any, config: Mapping[str, Any], source: Source | None
) -> dict[str, torch.dtype]:
    """In which precision the model is made; weights of half precision are trained in float32."""
    stated = str(config.get("dtype") or config.get("torch_dtype"))
    double = source is not None and stated.removeprefix("torch.") == "float64"
    # transformers 5 renamed it, and warns of the former name.
    name = "torch_dtype" if int(transformers.__version__.split(".")[0]) < 5 else "dtype"
    return {name: torch.float64 if double else torch.float32}


def _without_pooling(build: Callable[..., Any]) -> Any:
    """Leave out the pooling layer on top, of a model that has one which can be left out."""
    try:
        return build(add_pooling_layer=False)
    except TypeError as error:
        if "add_pooling_layer" not in str(error):
            raise
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
    tokenizer = from_pretrained("AutoTokenizer", argument, source)
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
