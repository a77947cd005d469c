"""The closed list: every kind on it trains, hides its padding, and comes back from a file."""

import copy
import warnings

import pytest
import torch

from sklearn_tamulag.nn import TransformerSpec
from sklearn_tamulag.nn.transformer_layers import embedding_names, weight_depths
from sklearn_tamulag.text.architectures import (
    ARCHITECTURES,
    check_architecture,
    plain_values,
    vocabulary_size,
)
from sklearn_tamulag.text.loading import load_config, load_model
from tests.tiny_kinds import tiny_configs

transformers = pytest.importorskip("transformers")

KNOWN = sorted(ARCHITECTURES & set(transformers.CONFIG_MAPPING.keys()))
IDS = torch.tensor([[2, 5, 6, 7, 3], [2, 8, 3, 0, 0]])
LENGTHS = torch.tensor([5, 3])
# Each of their layers runs several times.
SHARED_LAYERS = ("albert", "hrm_text")


def built(kind):
    """The configuration and the encoder of the first tiny configuration that can be built."""
    errors = []
    for given in tiny_configs(kind):
        try:
            config = load_config("transformer", given)
            torch.manual_seed(0)
            return config, TransformerSpec(config).build("transformer")
        except (ValueError, RuntimeError, TypeError, IndexError, KeyError) as error:
            errors.append(error)
    raise AssertionError(f"{kind}: {errors}")


def keeps_its_promises(kind, folder=None):
    """Train one step, hide padding, and be the same when made of names, numbers and weights."""
    config, encoder = built(kind)
    encoder.eval()
    states = encoder(IDS, LENGTHS)
    assert states.shape == (2, 5, encoder.output_size)
    alone = encoder(IDS[1:, :3], LENGTHS[1:])
    assert (alone - states[1:, :3]).abs().max() <= 1e-4 * states.abs().max()
    encoder.train()
    (encoder(IDS, LENGTHS) * torch.randn_like(states)).sum().backward()
    assert any(w.grad is not None and w.grad.abs().sum() > 0 for w in encoder.parameters())
    encoder.eval()
    twin = TransformerSpec(config).build("transformer")
    twin.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(twin.eval()(IDS, LENGTHS), encoder(IDS, LENGTHS), rtol=0, atol=0)
    with torch.device("meta"):
        skeleton = TransformerSpec(config).build("transformer")
    assert skeleton.output_size == encoder.output_size
    assert embedding_names("freeze_embeddings", encoder.model)
    if kind not in SHARED_LAYERS:
        assert {0, 1, 2} <= set(weight_depths("layer_decay", encoder.model).values())
    if folder is None:
        return
    # A fit starts from a folder, a file from nothing: the same weights are trained.
    encoder.model.save_pretrained(folder / kind)
    from_folder = load_model("transformer", config, folder / kind)
    trained = [
        [(name, weight.requires_grad) for name, weight in model.named_parameters()]
        for model in (from_folder, load_model("transformer", config, None))
    ]
    assert trained[0] == trained[1]


@pytest.mark.parametrize("kind", ["bert", "roformer", "t5", "opt", "deberta-v2", "gpt2"])
def test_common_kinds(kind, tmp_path):
    keeps_its_promises(kind, tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(int(transformers.__version__.split(".")[0]) < 5, reason="kinds of version 5")
def test_every_kind_on_the_list():
    failed = {}
    with warnings.catch_warnings():
        # What the libraries of single kinds say of tiny sizes is no matter of this test.
        warnings.simplefilter("ignore")
        for kind in KNOWN:
            try:
                keeps_its_promises(kind)
            except Exception as error:
                failed[kind] = f"{type(error).__name__}: {str(error)[:300]}"
    assert not failed, failed
    assert len(KNOWN) > 100


def test_no_kind_on_the_list_holds_another_model():
    for kind in KNOWN:
        assert not transformers.CONFIG_MAPPING[kind].sub_configs, kind


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llava", "text_config": {"model_type": "bert"}},
        {"model_type": "rf_detr", "backbone": "somebody/something"},
        {"model_type": "fnet"},
        {"model_type": ["bert"]},
        {},
    ],
)
def test_what_is_not_on_the_list_is_refused(config):
    with pytest.raises(ValueError, match="a configuration with a known 'model_type', got"):
        check_architecture("transformer", config)


@pytest.mark.parametrize("value", ["somebody/something", "..\\up", 2**41, object(), {"a": b"x"}])
def test_values_are_plain(value):
    with pytest.raises(ValueError, match=r"^transformer "):
        check_architecture("transformer", {"model_type": "bert", "hidden_act": value})


def test_names_of_others_are_left_out_at_any_depth():
    config = {"model_type": "bert", "auto_map": {}, "a": [{"auto_map": {"AutoModel": "x--y.Z"}}]}
    before = copy.deepcopy(config)
    assert plain_values(config) == {"model_type": "bert", "a": [{}]}
    assert config == before


def test_a_table_of_positions_is_not_computed_at_any_size():
    with pytest.raises(ValueError, match="a table of 1000000000 positions of 16 numbers"):
        check_architecture(
            "x",
            {"model_type": "roformer", "max_position_embeddings": 10**9, "hidden_size": 16},
        )


def test_vocabularies():
    assert vocabulary_size({"model_type": "canine"}) is None
    assert vocabulary_size({"text_config": {"vocab_size": 5}}) == 5
