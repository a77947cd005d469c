"""Tiny configurations of every kind of transformer that a file may hold."""

import inspect

SIZES = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "emb_dim", "dim", "embedding_size"), 16),
    **dict.fromkeys(("intermediate_size", "ffn_dim", "d_ff", "hidden_dim", "n_inner", "dff"), 24),
    **dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim", "ffn_hidden_size"), 24),
    **dict.fromkeys(("num_hidden_layers", "num_layers", "n_layer", "n_layers"), 2),
    **dict.fromkeys(("encoder_layers", "decoder_layers", "num_decoder_layers"), 2),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("num_key_value_heads", "linear_num_value_heads", "linear_num_key_heads"), 2),
    **dict.fromkeys(("head_dim", "d_kv", "d_head", "kv_channels", "v_head_dim"), 8),
    **dict.fromkeys(("linear_key_head_dim", "linear_value_head_dim", "mamba_head_dim"), 8),
    **dict.fromkeys(("max_position_embeddings", "n_positions", "n_ctx"), 24),
    **dict.fromkeys(("vocab_size", "vocab_size_per_layer_input"), 28),
    **dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 2),
    **dict.fromkeys(("num_experts_per_tok", "moe_k", "num_experts_per_token", "n_group"), 1),
    **dict.fromkeys(("n_shared_experts", "topk_group", "mamba_n_groups", "n_groups"), 1),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 16),
    **dict.fromkeys(("expert_ffn_hidden_size", "word_embed_proj_dim", "projection_dim"), 16),
    **dict.fromkeys(("kv_lora_rank", "q_lora_rank", "hidden_size_per_layer_input"), 8),
    **dict.fromkeys(("qk_rope_head_dim", "qk_nope_head_dim", "rotary_dim", "attention_window"), 4),
    **dict.fromkeys(("mamba_n_heads", "mamba_d_state", "mamba_num_heads", "ssm_state_size"), 4),
    **dict.fromkeys(("state_size",), 4),
    **{"mamba_d_head": 8, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2},
    **{"cls_token_id": 2, "sep_token_id": 3, "num_codebooks": 1},
}

# Sizes that do not go together with the others in some kinds: the first that can be built counts.
_LEFT_OUT = (
    *((), ("head_dim",), ("num_key_value_heads",), ("head_dim", "num_key_value_heads")),
    *(("n_inner",), ("num_experts", "num_experts_per_tok")),
)

# What some kinds need beside sizes, or in place of them.
_OWN = {
    "codegen": {"n_head": 4, "n_embd": 32, "rotary_dim": 4},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]], "num_layers": 2},
    "luke": {"entity_vocab_size": 8, "entity_emb_size": 16},
    "roc_bert": {
        **dict.fromkeys(("pronunciation_vocab_size", "shape_vocab_size"), 8),
        **dict.fromkeys(("pronunciation_embed_dim", "shape_embed_dim"), 8),
    },
}


def tiny_configs(kind):
    """Yield configurations of a kind, with small sizes where it has such a name."""
    from transformers import AutoConfig

    cls = type(AutoConfig.for_model(kind))
    names = {
        *cls().to_dict(),
        *inspect.signature(cls.__init__).parameters,
        *getattr(cls, "attribute_map", {}),
    }
    for left_out in _LEFT_OUT:
        sizes = {n: v for n, v in SIZES.items() if n in names and n not in left_out}
        yield {"model_type": kind, **sizes, **_OWN.get(kind, {})}
