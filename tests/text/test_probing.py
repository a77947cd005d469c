"""What a model does with one token and with padding, whatever its configuration says."""

import pytest
import torch

from sklearn_tamulag.nn import TransformerEncoder, TransformerSpec
from sklearn_tamulag.text.loading import load_config, load_model
from sklearn_tamulag.text.probing import check_padding, state_size
from tests.tiny_bert import CONFIG

transformers = pytest.importorskip("transformers")


def opt():
    return transformers.OPTModel(
        transformers.OPTConfig(
            vocab_size=9,
            hidden_size=16,
            word_embed_proj_dim=8,
            num_hidden_layers=1,
            num_attention_heads=2,
            ffn_dim=16,
            max_position_embeddings=24,
        )
    )


def test_the_size_of_the_states_is_what_comes_out():
    model = opt()
    assert state_size("transformer", model) == 8
    encoder = TransformerEncoder(model)
    states = encoder(torch.tensor([[4, 5, 6]]), torch.tensor([3]))
    assert states.shape == (1, 3, encoder.output_size) == (1, 3, 8)


def test_a_model_that_mixes_padding_in_is_refused():
    config = transformers.FNetConfig(
        vocab_size=9, hidden_size=16, num_hidden_layers=1, intermediate_size=16
    )
    with pytest.raises(ValueError, match=r"'fnet', (mixes padding|is no model that takes)"):
        check_padding("transformer", transformers.FNetModel(config))
    check_padding("transformer", opt())


def test_probing_leaves_model_and_random_state_alone():
    model = transformers.BertModel(transformers.BertConfig(**CONFIG)).train()
    before = torch.get_rng_state()
    check_padding("transformer", model)
    state_size("transformer", model)
    assert torch.equal(torch.get_rng_state(), before)
    assert model.training


def test_a_model_of_few_positions_and_tokens_can_be_probed():
    config = CONFIG | {"vocab_size": 2, "max_position_embeddings": 2}
    assert TransformerSpec(config).build("transformer").output_size == CONFIG["hidden_size"]


@pytest.mark.parametrize("kind", ["t5", "mt5", "umt5"])
@pytest.mark.parametrize("whole", [True, False])
def test_the_encoder_of_a_pair_is_taken(kind, whole, tmp_path):
    names = {"t5": "T5", "mt5": "MT5", "umt5": "UMT5"}
    sizes = {"vocab_size": 28, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1}
    config = getattr(transformers, f"{names[kind]}Config")(**sizes, num_heads=2)
    model = getattr(transformers, names[kind] + ("Model" if whole else "EncoderModel"))(config)
    model.save_pretrained(tmp_path)
    plain = load_config("transformer", tmp_path)
    found = load_model("transformer", plain, tmp_path)
    assert not any("decoder" in name for name, _ in found.named_parameters())
    ids = torch.tensor([[5, 6, 7]])
    expected = model.eval().get_encoder()(input_ids=ids).last_hidden_state
    states = found.eval()(input_ids=ids).last_hidden_state
    torch.testing.assert_close(states, expected, rtol=0, atol=0)


def test_half_precision_is_trained_in_single(tmp_path):
    model = transformers.BertModel(transformers.BertConfig(**CONFIG)).half()
    model.save_pretrained(tmp_path)
    found = load_model("transformer", load_config("transformer", tmp_path), tmp_path)
    assert {weight.dtype for weight in found.parameters()} == {torch.float32}
