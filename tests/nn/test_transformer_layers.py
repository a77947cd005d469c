"""Where the weights of a transformer stand, and which of them are frozen."""

import pytest
import torch

from sklearn_tamulag.nn import TransformerSpec
from sklearn_tamulag.nn.transformer_layers import embedding_names, layer_names, weight_depths
from sklearn_tamulag.text.loading import load_config
from tests.tiny_bert import CONFIG
from tests.tiny_kinds import tiny_configs

pytest.importorskip("transformers")


def model(kind, **changes):
    config = load_config("transformer", next(tiny_configs(kind)) | changes)
    return TransformerSpec(config).build("transformer").model


def trained(**options):
    encoder = TransformerSpec(CONFIG, **options).build("transformer")
    weights = encoder.model.named_parameters()
    return {name for name, weight in weights if weight.requires_grad}


def test_the_embeddings_alone_are_frozen():
    frozen = trained() - trained(freeze_embeddings=True)
    assert frozen == {name for name in trained() if name.startswith("embeddings.")}
    assert "embeddings.LayerNorm.bias" in frozen
    assert trained(freeze_embeddings=True, freeze_layers=1) == trained(freeze_layers=1)


def at(depth, depths):
    return {name for name, found in depths.items() if found == depth}


@pytest.mark.parametrize(
    ("kind", "changes", "first", "last"),
    [
        # One table under two names; relative positions are those of the first layer.
        ("t5", {}, {"shared.weight"}, {"encoder.final_layer_norm.weight"}),
        # The last normalisation is named before the layers.
        (
            "opt",
            {},
            {"decoder.embed_tokens.weight", "decoder.embed_positions.weight"},
            {"decoder.final_layer_norm.weight", "decoder.final_layer_norm.bias"},
        ),
        # Relative positions that all layers share are named behind them.
        (
            "deberta-v2",
            {"relative_attention": True, "position_biased_input": False},
            {
                *("embeddings.word_embeddings.weight", "encoder.rel_embeddings.weight"),
                *("embeddings.LayerNorm.weight", "embeddings.LayerNorm.bias"),
            },
            set(),
        ),
        ("gpt2", {}, {"wte.weight", "wpe.weight"}, {"ln_f.weight", "ln_f.bias"}),
    ],
)
def test_what_is_before_and_behind_the_layers(kind, changes, first, last):
    depths = weight_depths("layer_decay", model(kind, **changes))
    assert at(0, depths) == first
    assert at(3, depths) == last
    assert at(1, depths)
    assert at(2, depths)


def test_a_layer_of_parts_in_lists_side_by_side():
    xlm = model("xlm")
    assert layer_names(xlm)[2] == ["attentions.1", "layer_norm1.1", "ffns.1", "layer_norm2.1"]
    config = next(tiny_configs("xlm"))
    frozen = TransformerSpec(load_config("transformer", config), freeze_layers=1)
    kept = [w.requires_grad for w in frozen.build("transformer").model.ffns[0].parameters()]
    assert not any(kept)


def test_layers_that_share_their_weights_have_embeddings_all_the_same():
    albert = model("albert")
    assert layer_names(albert) == {}
    assert "embeddings.word_embeddings.weight" in embedding_names("freeze_embeddings", albert)
    with pytest.raises(ValueError, match=r"layer_decay cannot tell the layers .* 'albert'"):
        weight_depths("layer_decay", albert)


def test_a_model_that_does_not_say_where_ids_are_looked_up():
    class Unknown(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.config = model("gpt2").config
            self.layers = torch.nn.ModuleList([torch.nn.Linear(1, 1)])

    with pytest.raises(ValueError, match="freeze_embeddings cannot tell the embeddings"):
        embedding_names("freeze_embeddings", Unknown())
