"""The kinds of transformers that a saved file may hold, and what a configuration may say."""

from collections.abc import Mapping
from typing import Any

ARCHITECTURES: frozenset[str] = frozenset(
    [
        *("afmoe", "albert", "apertus", "arcee", "aria_text", "axk1", "axk2", "bailing_hybrid"),
        *("bamba", "beam", "bert", "bert-generation", "big_bird", "biogpt", "bitnet", "bloom"),
        *("camembert", "clip_text_model", "cohere", "cohere2", "cohere2_moe", "cosmos3_edge_text"),
        *("ctrl", "cwm", "data2vec-text", "deberta", "deberta-v2", "deepseek_v2", "deepseek_v3"),
        *("deepseek_v32", "deepseek_v4", "diffllama", "distilbert", "doge", "dots1"),
        *("dots3_note_text", "electra", "ernie", "ernie4_5", "ernie4_5_moe", "esmc", "eurobert"),
        *("exaone4", "exaone_moe", "falcon", "falcon_mamba", "flaubert", "flex_olmo", "flint"),
        *("gemma", "gemma2", "gemma3_text", "gemma4_text", "gemma4_unified_text", "glm", "glm4"),
        *("glm4_moe", "glm4_moe_lite", "glm_moe_dsa", "gpt-sw3", "gpt2", "gpt_bigcode", "gpt_neo"),
        *("gpt_neox", "gpt_neox_japanese", "gpt_oss", "gptj", "granite", "granite_docling_text"),
        *("granite_swa", "granitemoe", "granitemoe_swa", "granitemoehybrid", "granitemoeshared"),
        *("gte", "helium", "hrm_text", "hunyuan_v1_dense", "hunyuan_v1_moe", "hy_v3", "hy_v4"),
        *("hyperclovax", "ibert", "inkling2_text", "inkling_text", "internlm3", "iquestcoder"),
        *("jais2", "jamba", "jetmoe", "jina_embeddings_v3", "kolibri1", "laguna", "layoutlm"),
        *("lfm2", "lfm3", "llama", "llama4_text", "longformer", "luke", "mamba", "megatron-bert"),
        *("mellum", "minicpm3", "minimax", "minimax_m2", "minimax_m3_vl_text", "ministral3"),
        *("mistral", "mistral4", "mistral_large4_text", "mixtral", "mobilebert", "modernbert"),
        *("modernbert-decoder", "molmo2_text", "mpnet", "mra", "mt5", "nemotron", "nomic_bert"),
        *("olmo", "olmo2", "olmo3", "openai-gpt", "opt", "persimmon", "phi", "phi3", "qwen2"),
        *("qwen3", "qwen3_moe", "qwen3_next", "qwen3_vl_moe_text", "rembert", "roberta"),
        *("roberta-prelayernorm", "roc_bert", "roformer", "rwkv", "seed_oss", "smollm3"),
        *("solar_open", "splinter", "squeezebert", "stablelm", "starcoder2", "t5"),
        *("tipsv2_text_model", "ultrabert", "umt5", "vaultgemma", "xglm", "xlm", "xlm-roberta"),
        *("xlm-roberta-xl", "xlnet", "youtu", "zaya"),
    ]
)
"""The ``model_type`` of every kind that trains, hides its padding and can be saved and loaded."""

ENCODERS_OF_PAIRS: frozenset[str] = frozenset({"mt5", "t5", "umt5"})
"""Encoder-decoders whose encoder is a model of its own."""

# These compute a table of positions number by number, before it could be compared with anything.
TABLES_OF_POSITIONS = frozenset({"ctrl", "distilbert", "flaubert", "roformer", "xglm", "xlm"})
LARGEST_TABLE = 2**22
_POSITIONS = ("max_position_embeddings", "n_positions")
_WIDTHS = ("hidden_size", "d_model", "n_embd", "emb_dim", "dim", "embedding_size")

NAMES_OF_OTHERS = frozenset(
    [
        # Code, and models within a model.
        *("attn_implementation", "auto_map", "custom_pipelines", "experts_implementation"),
        *("name_or_path", "quantization_config", "backbone", "backbone_config", "timm_model"),
        *("use_timm_backbone", "use_pretrained_backbone", "backbone_kwargs", "peft_config"),
        # What stands on top of an encoder, and may be as large as it says.
        *("id2label", "label2id", "num_labels", "task_specific_params"),
    ]
)
"""Entries of configurations that no encoder is built of."""


def plain_values(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a configuration whatever may name code, a place or another model.

    Parameters
    ----------
    config : mapping of str to object
        The configuration.

    Returns
    -------
    dict
        The rest, at any depth.

    Examples
    --------
    >>> plain_values({"hidden_size": 8, "_name_or_path": "folder", "rope": {"auto_map": {}}})
    {'hidden_size': 8, 'rope': {}}
    """
    return {
        name: _plain(value)
        for name, value in config.items()
        if not (str(name).startswith("_") or name in NAMES_OF_OTHERS)
    }


def _plain(value: Any) -> Any:
    """The plain part of one value."""
    if isinstance(value, Mapping):
        return plain_values(value)
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return value


def is_storable_kind(config: Mapping[str, Any]) -> bool:
    """Tell whether a model of a configuration can be built of the configuration alone.

    Parameters
    ----------
    config : mapping of str to object
        The configuration, with its ``model_type``.

    Returns
    -------
    bool
        Whether its kind is on the closed list.

    Examples
    --------
    >>> is_storable_kind({"model_type": "bert"}), is_storable_kind({"model_type": "llava"})
    (True, False)
    """
    kind = config.get("model_type")
    return isinstance(kind, str) and kind in ARCHITECTURES


def check_architecture(argument: str, config: Mapping[str, Any]) -> None:
    """Refuse a configuration that nothing may be built of.

    Parameters
    ----------
    argument : str
        What the caller calls it, for messages.
    config : mapping of str to object
        The configuration, which may come from a stranger.

    Raises
    ------
    ValueError
        If its kind is not on the closed list, or a value looks like the name of something that
        would have to be looked up.
    """
    if not is_storable_kind(config):
        raise ValueError(
            f"{argument} must be a name, a folder or a configuration with a known 'model_type', "
            f"got {config.get('model_type')!r}; known are {', '.join(sorted(ARCHITECTURES))}."
        )
    plain = plain_values(config)
    _check_values(argument, plain)
    if config["model_type"] in TABLES_OF_POSITIONS:
        positions, width = (
            max((n for name in names if isinstance(n := plain.get(name), int)), default=1)
            for names in (_POSITIONS, _WIDTHS)
        )
        if positions * width > LARGEST_TABLE:
            raise ValueError(
                f"{argument} asks for a table of {positions} positions of {width} numbers; at most "
                f"{LARGEST_TABLE} numbers are computed."
            )


def _check_values(argument: str, value: Any) -> None:
    """Refuse what is no plain value, and strings that look like paths or names of repositories."""
    if isinstance(value, Mapping):
        for name, entry in value.items():
            if not isinstance(name, str | int):
                raise ValueError(f"{argument} has the key {name!r}, which is no string.")
            _check_values(argument, entry)
    elif isinstance(value, list):
        for entry in value:
            _check_values(argument, entry)
    elif isinstance(value, str):
        if "/" in value or "\\" in value:
            raise ValueError(f"{argument} names {value[:80]!r}, which is not looked up.")
    elif not (value is None or isinstance(value, bool | int | float)):
        raise ValueError(f"{argument} holds {value!r:.80}, which is no plain value.")
    elif isinstance(value, int) and abs(value) > 2**40:
        raise ValueError(f"{argument} holds {value!r:.80}, larger than any size or number of it.")


def vocabulary_size(config: Mapping[str, Any]) -> int | None:
    """The number of tokens that a model has embeddings for.

    Parameters
    ----------
    config : mapping of str to object
        The configuration.

    Returns
    -------
    int or None
        None where the model says nothing of a vocabulary.

    Examples
    --------
    >>> vocabulary_size({"vocab_size": 9}), vocabulary_size({"text_config": {"vocab_size": 7}})
    (9, 7)
    >>> vocabulary_size({"model_type": "canine"}) is None
    True
    """
    for part in (config, config.get("text_config")):
        if isinstance(part, Mapping) and isinstance(part.get("vocab_size"), int):
            return int(part["vocab_size"])
    return None
