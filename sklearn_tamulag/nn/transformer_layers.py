"""Where the weights of a transformer stand: its embeddings, its layers, and what follows them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn


def weight_depths(argument: str, model: nn.Module) -> dict[str, int]:
    """Number the weights of a transformer by how far they are from the ids.

    Parameters
    ----------
    argument : str
        What asks for it, for messages.
    model : transformers.PreTrainedModel
        The model.

    Returns
    -------
    dict of str to int
        By the name of the weight: 0 for embeddings and whatever else stands before the layers, l
        for the l-th of the L layers, L + 1 for what follows them. Tables of embeddings are at 0
        wherever they stand outside of the layers, such as one of relative positions that all
        layers share; a table inside of a layer is part of it.

    Raises
    ------
    ValueError
        If the layers cannot be told, as where all share their weights.

    Examples
    --------
    >>> from transformers import BertConfig, BertModel
    >>> config = BertConfig(
    ...     vocab_size=9,
    ...     hidden_size=8,
    ...     num_hidden_layers=2,
    ...     num_attention_heads=2,
    ...     intermediate_size=8,
    ... )
    >>> depths = weight_depths("layer_decay", BertModel(config))
    >>> depths["embeddings.LayerNorm.bias"], depths["encoder.layer.1.output.dense.weight"]
    (0, 2)
    >>> depths["pooler.dense.bias"]
    3
    """
    lists = _layer_lists(model)
    if not lists:
        config: Any = model.config
        raise ValueError(
            f"{argument} cannot tell the layers of a model of type {config.model_type!r}; leave it "
            "out, or use trainable=False."
        )
    n_layers = int(model.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
    tables, reached = _tables(model), False
    depths = {}
    for name, _ in model.named_parameters():
        layer = _layer_of(name, lists)
        reached = reached or layer is not None
        # OPT names its last normalisation before its layers.
        follows = (reached or ".final_" in f".{name}") and name not in tables
        depths[name] = layer if layer is not None else (n_layers + 1) * follows
    return depths


def layer_names(model: nn.Module) -> dict[int, list[str]]:
    """Name the modules that hold the layers, without naming each weight.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        The model.

    Returns
    -------
    dict of int to list of str
        By the number of the layer from 1, the module of the layer, or those of its parts; empty
        where layers cannot be told.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2Model
    >>> layer_names(GPT2Model(GPT2Config(vocab_size=9, n_embd=8, n_layer=2, n_head=2)))
    {1: ['h.0'], 2: ['h.1']}
    """
    lists = _layer_lists(model)
    config: Any = model.config
    numbers = range(1, 1 + config.num_hidden_layers) if lists else ()
    return {number: [f"{name}.{number - 1}" for name in lists] for number in numbers}


def first_names(argument: str, model: nn.Module, n_layers: int) -> list[str]:
    """Name the weights of the first layers, and of what is computed before them.

    Parameters
    ----------
    argument : str
        What asks for it, for messages.
    model : transformers.PreTrainedModel
        The model.
    n_layers : int
        The number of layers, at least 0.

    Returns
    -------
    list of str
        The names. A table of relative positions that all layers share is not among them.

    Raises
    ------
    ValueError
        If the layers cannot be told, or there are fewer.

    Examples
    --------
    >>> from transformers import GPT2Config, GPT2Model
    >>> model = GPT2Model(GPT2Config(vocab_size=9, n_embd=8, n_layer=2, n_head=2))
    >>> first_names("freeze_layers", model, 1)[:3]
    ['wte.weight', 'wpe.weight', 'h.0.ln_1.weight']
    """
    depths = weight_depths(argument, model)
    known = int(model.config.num_hidden_layers)  # type: ignore[union-attr, arg-type]
    if not 0 <= n_layers <= known:
        raise ValueError(
            f"{argument} must be between 0 and {known}, the number of layers; got {n_layers!r}."
        )
    names = list(depths)
    first = next(place for place, name in enumerate(names) if 0 < depths[name] <= known)
    return [
        name
        for place, name in enumerate(names)
        if 0 < depths[name] <= n_layers or (depths[name] == 0 and place < first)
    ]


def embedding_names(argument: str, model: nn.Module) -> list[str]:
    """Name the weights that turn ids into the states which the first layer reads.

    Parameters
    ----------
    argument : str
        What asks for it, for messages.
    model : transformers.PreTrainedModel
        The model.

    Returns
    -------
    list of str
        The names of the weights at depth 0; where layers cannot be told, of those before the first
        list of modules.

    Raises
    ------
    ValueError
        If the table of the ids is not among them.

    Examples
    --------
    >>> from transformers import AlbertConfig, AlbertModel
    >>> config = AlbertConfig(
    ...     vocab_size=9,
    ...     embedding_size=4,
    ...     hidden_size=8,
    ...     num_hidden_layers=2,
    ...     num_attention_heads=2,
    ...     intermediate_size=8,
    ... )
    >>> embedding_names("freeze_embeddings", AlbertModel(config))[0]
    'embeddings.word_embeddings.weight'
    """
    if _layer_lists(model):
        names = [name for name, depth in weight_depths(argument, model).items() if depth == 0]
    else:
        names = list(_before_lists(model))
    if not _tables(model, of_ids=True) & set(names):
        config: Any = model.config
        raise ValueError(
            f"{argument} cannot tell the embeddings of a model of type {config.model_type!r}; "
            "leave it out, or use trainable=False."
        )
    return names


def _layer_lists(model: nn.Module) -> list[str]:
    """Names of the lists that hold a model's layers: one, or one for each part of a layer."""
    config: Any = model.config
    # The configuration of an unknown kind may not say.
    n_layers = getattr(config, "num_hidden_layers", None)
    lists = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module) == n_layers
    }
    parents = [name.rpartition(".")[0] for name in lists]
    # XLM keeps attention, normalisation and feed-forward parts in lists side by side.
    return [name for name, parent in zip(lists, parents, strict=True) if parent == parents[0]]


def _layer_of(name: str, lists: list[str]) -> int | None:
    """The number, from 1, of the layer that a weight stands in."""
    for prefix in lists:
        if name.startswith(f"{prefix}."):
            return 1 + int(name.removeprefix(f"{prefix}.").partition(".")[0])
    return None


def _tables(model: nn.Module, *, of_ids: bool = False) -> set[str]:
    """Names of the weights of all tables of embeddings, or of the one that ids are looked up in."""
    library_model: Any = model
    try:
        inputs = library_model.get_input_embeddings()
    # Not every kind says where its ids are looked up.
    except (NotImplementedError, AttributeError):
        inputs = None
    return {
        f"{name}.{weight_name}"
        for name, module in model.named_modules()
        if module is inputs or (isinstance(module, nn.Embedding) and not of_ids)
        for weight_name, _ in module.named_parameters()
    }


def _before_lists(model: nn.Module) -> Iterator[str]:
    """Names of the weights that stand before the first list of modules."""
    lists = [name for name, module in model.named_modules() if isinstance(module, nn.ModuleList)]
    for name, _ in model.named_parameters():
        if any(name.startswith(f"{prefix}.") for prefix in lists):
            return
        yield name
