"""What a transformer does, found by running it: the size of its states, and whether it masks."""

from typing import Any

import torch
from torch import Tensor, nn

from sklearn_tamulag.text.loading import longest_sequence

# Of the largest state: rounding stays a hundred times below, what padding changes lies above.
_TOLERANCE = 1e-4


def padding_token(model: nn.Module) -> int:
    """The id that stands on padded steps.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        The model.

    Returns
    -------
    int
        That of its configuration, or 0 where it has none that can be embedded.
    """
    config: Any = model.config
    token = getattr(config, "pad_token_id", None)
    token = token if isinstance(token, int) else 0
    return token if 0 <= token < (_n_embeddings(model) or token + 1) else 0


def run(argument: str, model: nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    """Encode token ids.

    Parameters
    ----------
    argument : str
        What the caller calls the model, for messages.
    model : transformers.PreTrainedModel
        The model.
    ids : Tensor of shape (B, T), integer
        Token ids.
    mask : Tensor of shape (B, T), integer
        1 on valid steps, 0 on padding.

    Returns
    -------
    Tensor of shape (B, T, H)
        The states of its last layer.

    Raises
    ------
    ValueError
        If the model needs something else than ids and a mask, or has no such states.
    """
    config: Any = model.config
    training = model.training
    model.eval()
    # Kept states of earlier tokens serve generation, and not every kind can keep them.
    config.use_cache = False
    try:
        with torch.no_grad():
            states = model(input_ids=ids, attention_mask=mask).last_hidden_state
    except Exception as error:
        first = next(iter(str(error).splitlines()), "")
        raise ValueError(
            f"{argument}, of the kind {config.model_type!r}, is no model that takes token ids and "
            f"a mask alone and returns a state per token. {type(error).__name__}: {first}"
        ) from error
    finally:
        model.train(training)
    if not isinstance(states, Tensor) or states.shape[:-1] != ids.shape:
        raise ValueError(
            f"{argument}, of the kind {config.model_type!r}, does not return a state per token."
        )
    return states


def state_size(argument: str, model: nn.Module) -> int:
    """Find the size of a model's states by running one token.

    A skeleton on torch's meta device cannot run; for it, the configuration is believed.

    Parameters
    ----------
    argument : str
        What the caller calls the model, for messages.
    model : transformers.PreTrainedModel
        The model.

    Returns
    -------
    int
        The size of its ``last_hidden_state``.

    Raises
    ------
    ValueError
        If the model cannot run on ids and a mask alone.
    """
    if _is_skeleton(model):
        config: Any = model.config
        # OPT may project its states once more behind its layers.
        return int(getattr(config, "word_embed_proj_dim", None) or config.hidden_size)
    device = next(model.parameters()).device
    ids = torch.tensor([_some_tokens(model, 1)], device=device)
    return int(run(argument, model, ids, torch.ones_like(ids)).shape[-1])


def check_padding(argument: str, model: nn.Module) -> None:
    """Refuse a model whose states of valid tokens depend on the padding behind them.

    Parameters
    ----------
    argument : str
        What the caller calls the model, for messages.
    model : transformers.PreTrainedModel
        The model.

    Raises
    ------
    ValueError
        If a text has other states beside a longer one than alone.
    """
    config: Any = model.config
    if _is_skeleton(model):
        return
    device = next(model.parameters()).device
    tokens = _some_tokens(model, min(7, longest_sequence(config.to_dict()) or 7))
    short = min(2, len(tokens))
    ids = torch.tensor([tokens, tokens], device=device)
    mask = torch.ones_like(ids)
    ids[1, short:], mask[1, short:] = padding_token(model), 0
    together = run(argument, model, ids, mask)[1, :short]
    alone = run(argument, model, ids[1:, :short], mask[1:, :short])[0]
    # NaN is no small difference either.
    if not bool((together - alone).abs().max() <= _TOLERANCE * alone.abs().max()):
        raise ValueError(
            f"{argument}, of the kind {config.model_type!r}, mixes padding into the states of "
            "other tokens: a text would have other states beside a longer text than alone. A "
            "model that heeds its attention mask is needed."
        )


def _is_skeleton(model: nn.Module) -> bool:
    """Tell a model on the meta device, where old kinds of parameters may be elsewhere."""
    return any(weight.is_meta for weight in model.parameters())


def _n_embeddings(model: nn.Module) -> int | None:
    """How many tokens a model has embeddings for, where it says so."""
    try:
        table: Any = model.get_input_embeddings()  # type: ignore[operator]
    except (AttributeError, NotImplementedError):
        return None
    return getattr(table, "num_embeddings", None)


def _some_tokens(model: nn.Module, n_tokens: int) -> list[int]:
    """Tokens that are no padding, as far as the vocabulary goes."""
    padding = padding_token(model)
    others = [token for token in range(_n_embeddings(model) or 100) if token != padding][-100:]
    others = others or [padding]
    return [others[place % len(others)] for place in range(n_tokens)]
