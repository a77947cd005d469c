"""The transformer as an encoder: what padding, freezing and checkpointing change, and what not."""

import pickle

import pytest
import torch

from sklearn_tamulag.nn import (
    ModalitySpec,
    TransformerEncoder,
    TransformerSpec,
    build_branch,
    build_module,
)
from tests.tiny_bert import CONFIG

transformers = pytest.importorskip("transformers")

SIZES = {
    name: value for name, value in CONFIG.items() if name not in ("model_type", "pad_token_id")
}
IDS = torch.tensor([[2, 5, 6, 7, 3], [2, 8, 3, 0, 0], [0, 0, 0, 0, 0]])
LENGTHS = torch.tensor([5, 3, 0])


def encoder(**options):
    return TransformerSpec(CONFIG, **options).build("transformer")


def models():
    """Tiny models of several families, encoders and decoders."""
    common = {"vocab_size": 28, "hidden_size": 16, "intermediate_size": 24}
    layers = {"num_hidden_layers": 2, "num_attention_heads": 2}
    return {
        "bert": transformers.BertConfig(**SIZES),
        "roberta": transformers.RobertaConfig(**SIZES, pad_token_id=1),
        "distilbert": transformers.DistilBertConfig(
            vocab_size=28, dim=16, n_layers=2, n_heads=2, hidden_dim=24
        ),
        "electra": transformers.ElectraConfig(**SIZES, embedding_size=8),
        "albert": transformers.AlbertConfig(**SIZES, embedding_size=8),
        "mpnet": transformers.MPNetConfig(**common, **layers, max_position_embeddings=24),
        "modernbert": transformers.ModernBertConfig(
            **common,
            **layers,
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            cls_token_id=2,
            sep_token_id=3,
        ),
        "gpt2": transformers.GPT2Config(
            vocab_size=28, n_embd=16, n_layer=2, n_head=2, bos_token_id=2, eos_token_id=3
        ),
        "llama": transformers.LlamaConfig(**common, **layers),
    }


FAMILIES = [
    *("bert", "roberta", "distilbert", "electra", "albert", "mpnet", "modernbert", "gpt2", "llama")
]


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_neighbours_do_not_matter(family):
    spec = TransformerSpec(models()[family].to_dict())
    encode = spec.build("transformer").double().eval()
    states = encode(IDS, LENGTHS)
    assert states.shape == (3, 5, encode.output_size)
    assert torch.isfinite(states).all()
    assert (states[1, 3:] == 0).all()
    assert (states[2] == 0).all()
    alone = encode(IDS[1:2, :3], LENGTHS[1:2])
    torch.testing.assert_close(states[1:2, :3], alone, rtol=0, atol=1e-12)
    # What stands on padded steps is not read.
    filled = IDS.masked_fill(torch.arange(5) >= LENGTHS.unsqueeze(1), 9)
    torch.testing.assert_close(encode(filled, LENGTHS), states, rtol=0, atol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_empty_row_disturbs_no_gradient(family):
    encode = TransformerSpec(models()[family].to_dict()).build("transformer")
    encode(IDS, LENGTHS).square().sum().backward()
    gradients = [w.grad for w in encode.parameters() if w.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_no_step_and_no_row():
    encode = encoder()
    assert encode(torch.empty(2, 0, dtype=torch.int64), torch.zeros(2).long()).shape == (2, 0, 16)
    assert encode(torch.empty(0, 3, dtype=torch.int64), torch.zeros(0).long()).shape == (0, 3, 16)


def test_states_that_were_computed_before_pass():
    encode = encoder().eval()
    states = encode(IDS, LENGTHS)
    assert torch.equal(encode(states, LENGTHS), states)
    assert (encode(torch.ones(1, 3, 16), torch.tensor([2]))[0, 2] == 0).all()


def test_dropout_is_the_models_own():
    encode = encoder()
    assert not torch.equal(encode(IDS, LENGTHS), encode(IDS, LENGTHS))
    encode.eval()
    assert torch.equal(encode(IDS, LENGTHS), encode(IDS, LENGTHS))
    without = TransformerSpec(
        CONFIG | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    ).build("transformer")
    assert torch.equal(without(IDS, LENGTHS), without(IDS, LENGTHS))


def trained(module):
    return {name for name, weight in module.named_parameters() if weight.requires_grad}


def test_a_frozen_model_has_nothing_to_train_and_drops_nothing():
    encode = encoder(trainable=False).train()
    assert trained(encode) == set()
    assert torch.equal(encode(IDS, LENGTHS), encode(IDS, LENGTHS))
    assert not encode(IDS, LENGTHS).requires_grad


def test_the_first_layers_are_frozen_with_the_embeddings():
    assert trained(encoder()) == {name for name, _ in encoder().named_parameters()}
    one = trained(encoder(freeze_layers=1))
    assert one
    assert all(name.startswith("model.encoder.layer.1.") for name in one)
    assert trained(encoder(freeze_layers=2)) == set()


def test_frozen_layers_of_a_decoder():
    config = models()["gpt2"].to_dict()
    names = trained(TransformerSpec(config, freeze_layers=1).build("transformer"))
    assert {".".join(name.split(".")[:3]) for name in names} == {
        "model.h.1",
        "model.ln_f.weight",
        "model.ln_f.bias",
    }


@pytest.mark.parametrize("freeze_layers", [-1, 3])
def test_more_layers_than_there_are_cannot_be_frozen(freeze_layers):
    with pytest.raises(ValueError, match=f"between 0 and 2, .* got {freeze_layers}"):
        encoder(freeze_layers=freeze_layers)


def test_layers_that_are_shared_cannot_be_told():
    config = models()["albert"].to_dict()
    with pytest.raises(ValueError, match="cannot tell the layers of a model of type 'albert'"):
        TransformerSpec(config, freeze_layers=1).build("transformer")


def test_checkpointing_changes_no_gradient():
    plain, checkpointed = encoder(), encoder(gradient_checkpointing=True)
    checkpointed.load_state_dict(plain.state_dict())
    gradients = []
    for encode in (plain, checkpointed):
        torch.manual_seed(3)
        encode(IDS, LENGTHS).square().sum().backward()
        gradients.append([weight.grad for weight in encode.parameters()])
    for first, second in zip(*gradients, strict=True):
        torch.testing.assert_close(first, second)
    calls = []
    inner = checkpointed.model.encoder.layer[0].attention.self.query
    hook = inner.register_forward_pre_hook(lambda *_: calls.append(1))
    checkpointed(IDS, LENGTHS).sum().backward()
    hook.remove()
    assert len(calls) == 2
    assert torch.equal(
        pickle.loads(pickle.dumps(checkpointed)).eval()(IDS, LENGTHS),
        plain.eval()(IDS, LENGTHS),
    )


def test_a_branch_is_built_with_the_transformer():
    spec = ModalitySpec("text", None, transformer=TransformerSpec(CONFIG))
    branch = build_branch(spec, "softmax", 1).eval()
    assert isinstance(branch.encoder, TransformerEncoder)
    embedding, _, prediction, weights, _ = branch(IDS, LENGTHS)
    assert prediction.shape == (3, 1)
    assert torch.equal(embedding[2], branch.absent)
    torch.testing.assert_close(weights.sum(dim=1), torch.tensor([1.0, 1.0, 0.0]))


def test_features_or_a_transformer():
    with pytest.raises(ValueError, match="'text' must have features or a transformer"):
        ModalitySpec("text", None)
    with pytest.raises(ValueError, match="'text' must have features or a transformer"):
        ModalitySpec("text", 3, transformer=TransformerSpec(CONFIG))


def test_a_source_is_forgotten(bert):
    spec = ModalitySpec("text", None, transformer=TransformerSpec(CONFIG, source=bert))
    assert spec.without_source().transformer == TransformerSpec(CONFIG)
    plain = ModalitySpec("audio", 3)
    assert plain.without_source() is plain


def test_a_network_with_a_transformer_pickles_and_moves_its_weights():
    specs = [
        ModalitySpec("text", None, transformer=TransformerSpec(CONFIG)),
        ModalitySpec("audio", 3, hidden_size=4),
    ]
    first, second = build_module(specs).eval(), build_module(specs).eval()
    features = {"text": IDS, "audio": torch.randn(3, 4, 3)}
    lengths = {"text": LENGTHS, "audio": torch.tensor([4, 2, 1])}
    expected = first(features, lengths).prediction
    assert not torch.equal(second(features, lengths).prediction, expected)
    second.load_state_dict(first.state_dict())
    assert torch.equal(second(features, lengths).prediction, expected)
    copied = pickle.loads(pickle.dumps(first))
    assert torch.equal(copied(features, lengths).prediction, expected)
