"""Learning rates that fall from a transformer's last layer to its embeddings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import torch

from sklearn_tamulag.nn.randomness import drawn_from
from sklearn_tamulag.nn.skeleton import BoundedTensors
from sklearn_tamulag.nn.transformer_layers import layer_names, weight_depths
from sklearn_tamulag.text.architectures import is_storable_kind
from sklearn_tamulag.text.loading import load_model

# A configuration may come from a file, and say anything.
MOST_TENSORS = 2**17

Group = tuple[str, dict[str, Any]]
"""A shell pattern of the names of weights, and what the optimizer does with these."""


def layer_groups(
    argument: str,
    config: Mapping[str, Any],
    prefix: str,
    settings: Mapping[str, Any],
    *,
    decay: float,
    without_decay: Sequence[str],
) -> list[Group]:
    r"""Give each layer of a transformer a learning rate of its own.

    Layer l of L has the rate :math:`\eta \, d^{L - l}`, embeddings and what else stands before the
    layers :math:`\eta \, d^L`. What follows the layers keeps :math:`\eta` and is in no group here.

    Parameters
    ----------
    argument : str
        What the caller calls the transformer, for messages.
    config : mapping
        Its configuration.
    prefix : str
        What the names of its weights begin with in the network, such as
        ``"branches.0.encoder.model."``.
    settings : mapping
        The rate :math:`\eta` of the last layer, ``lr``, and its ``weight_decay``.
    decay : float in (0, 1]
        The factor d.
    without_decay : sequence of str
        Patterns, of names behind the prefix, of weights that do not shrink.

    Returns
    -------
    list of pair of str and dict
        The groups, of which the first that fits a name counts.

    Raises
    ------
    ValueError
        If the layers cannot be told.

    Examples
    --------
    >>> config = {"model_type": "gpt2", "vocab_size": 9, "n_embd": 8, "n_layer": 2, "n_head": 2}
    >>> groups = layer_groups(
    ...     "text", config, "", {"lr": 1.0, "weight_decay": 0.1}, decay=0.5, without_decay=["*bias"]
    ... )
    >>> [(pattern, values["lr"]) for pattern, values in groups if values["weight_decay"]]
    [('wte.weight', 0.25), ('wpe.weight', 0.25), ('h.0.*', 0.5), ('h.1.*', 1.0)]
    """
    if not is_storable_kind(config):
        raise ValueError(
            f"{argument}: layer_decay cannot tell the layers of a model of type "
            f"{config.get('model_type')!r}; leave it out."
        )
    # The names are those of a model without memory; what it draws is nobody's.
    limited = BoundedTensors(MOST_TENSORS)
    with drawn_from(torch.Generator()), torch.device("meta"), limited:
        model = load_model(argument, config, None)
    depths = weight_depths(f"{argument}: layer_decay", model)
    layers = layer_names(model)
    groups: list[Group] = []
    undecayed = {"weight_decay": 0.0}
    lowest = dict(settings) | {"lr": settings["lr"] * decay ** len(layers)}
    for name in (name for name, depth in depths.items() if depth == 0):
        kept = any(fnmatchcase(f".{name}", pattern) for pattern in without_decay)
        groups.append((f"{prefix}{name}", lowest | (undecayed if kept else {})))
    for number, modules in layers.items():
        own = dict(settings) | {"lr": settings["lr"] * decay ** (len(layers) - number)}
        for module in modules:
            for pattern in _within(module, without_decay):
                groups.append((prefix + pattern, own | undecayed))
            groups.append((f"{prefix}{module}.*", own))
    return groups


def _within(module: str, patterns: Sequence[str]) -> Iterator[str]:
    """Patterns for the weights of a module that fit one of the patterns of whole names."""
    for pattern in patterns:
        if fnmatchcase(f".{module}.", pattern):
            yield f"{module}.*"
        yield f"{module}.{pattern}"
        if pattern.startswith("*."):
            # A part of the module itself, whose name begins where that of the module ends.
            yield f"{module}.{pattern[2:]}"
