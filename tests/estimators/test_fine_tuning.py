"""Options of a transformer that is fine-tuned: what is trained, how fast, how precisely."""

import numpy as np
import pandas as pd
import pytest
import torch

import sklearn_tamulag
from sklearn_tamulag.estimators.options import optimizer_arguments
from sklearn_tamulag.estimators.precision_choice import has_bfloat16_units, resolve_precision
from tests.small_fits import regressor
from tests.tiny_bert import tiny_texts

pytest.importorskip("transformers")

TEXTS, Y = tiny_texts(24)
AUDIO = np.random.default_rng(0).normal(size=(24, 3, 3)).astype(np.float32)
FRAME = pd.DataFrame({"text": TEXTS, "audio": list(AUDIO)})


def encoders(bert, **options):
    return {"text": {"transformer": bert, **options}}


def rates(fitted):
    """Learning rate and weight decay of every trained weight of the transformer, by name."""
    names = {id(weight): name for name, weight in fitted.net_.module_.named_parameters()}
    found = {
        names[id(weight)]: (group["lr"], group["weight_decay"])
        for group in fitted.net_.optimizer_.param_groups
        for weight in group["params"]
    }
    prefix = "branches.0.encoder.model."
    return {n.removeprefix(prefix): v for n, v in found.items() if n.startswith(prefix)}


def test_embeddings_are_frozen_and_the_rest_is_not(bert, tmp_path):
    fit = regressor(encoders=encoders(bert, freeze_embeddings=True), max_epochs=1)
    fit.fit(FRAME, Y)
    model = fit.net_.module_.branches[0].encoder.model
    before = type(model).from_pretrained(bert).state_dict()
    moved = {n for n, weight in model.state_dict().items() if not torch.equal(weight, before[n])}
    assert moved
    assert all(name.startswith("encoder.layer.") for name in moved)
    fit.save(tmp_path / "fit.safetensors")
    loaded = sklearn_tamulag.load(tmp_path / "fit.safetensors")
    np.testing.assert_array_equal(loaded.predict(FRAME), fit.predict(FRAME))
    assert rates(loaded) == rates(fit)
    with pytest.raises(ValueError, match="cannot take encoders"):
        fit.set_params(encoders=encoders(bert)).partial_fit(FRAME, Y)


@pytest.mark.parametrize(
    ("lr", "base"),
    [("auto", 5e-5), (1e-3, 1e-3), ({"text": 2e-3, "rest": 1e-3}, 2e-3), ({"rest": 1e-3}, 5e-5)],
)
def test_each_layer_has_the_rate_of_its_depth(bert, lr, base):
    fit = regressor(encoders=encoders(bert, layer_decay=0.5), lr=lr, weight_decay=0.1)
    found = rates(fit.set_params(max_epochs=1).fit(FRAME, Y))
    expected = {"embeddings": 0.25, "encoder.layer.0": 0.5, "encoder.layer.1": 1.0}
    for name, (rate, decay) in found.items():
        factor = next(value for place, value in expected.items() if name.startswith(place))
        assert rate == pytest.approx(base * factor), name
        assert decay == (0.0 if name.endswith("bias") or "LayerNorm" in name else 0.1), name


@pytest.mark.parametrize("kind", ["xlm", "gpt2", "bloom"])
def test_layers_of_other_kinds(kind):
    """What shrinks without rates by layer shrinks with them."""
    from sklearn_tamulag.estimators.parameters import RegressorParameters
    from sklearn_tamulag.nn import ModalitySpec, TransformerSpec, build_module
    from sklearn_tamulag.text.loading import load_config
    from tests.tiny_kinds import tiny_configs

    config = load_config("transformer", next(tiny_configs(kind)))
    spec = ModalitySpec("text", None, transformer=TransformerSpec(config))
    names = [name for name, _ in build_module([spec]).named_parameters()]

    def groups(**options):
        params = RegressorParameters(encoders=encoders(kind, **options), lr=1.0).get_params()
        arguments = optimizer_arguments(params, ("text",), "cpu", {"text": config})
        return arguments["optimizer__param_groups"]

    def settings(found):
        from fnmatch import fnmatch

        return {n: next((v for p, v in found if fnmatch(n, p)), None) for n in names}

    plain, layered = settings(groups()), settings(groups(layer_decay=0.5))
    depth = {"attentions.0": 0.5, "layer_norm1.0": 0.5, "ffns.1": 1.0, "h.0": 0.5, "h.1": 1.0}
    depth |= {"wte": 0.25, "word_embeddings": 0.25, "position_embeddings": 0.25, "ln_f": 1.0}
    checked = set()
    for name in names:
        if plain[name] is None:
            assert layered[name] is None
            continue
        assert layered[name]["weight_decay"] == plain[name]["weight_decay"], name
        for place, factor in depth.items():
            if name.startswith(f"branches.0.encoder.model.{place}."):
                assert layered[name]["lr"] == factor, name
                checked.add(factor)
    assert checked == {0.25, 0.5, 1.0}


def test_one_rate_for_all_layers_is_no_option_at_all(bert):
    fits = [
        regressor(encoders=encoders(bert, **options), max_epochs=1, lr="auto").fit(FRAME, Y)
        for options in ({}, {"layer_decay": 1.0, "freeze_embeddings": False, "prefix": ""})
    ]
    groups = [len(fit.net_.optimizer_.param_groups) for fit in fits]
    assert groups[0] == groups[1]
    np.testing.assert_array_equal(*(fit.predict(FRAME) for fit in fits))


def test_schedules_and_further_training_keep_the_ratios(bert, tmp_path):
    options = {"schedule": "linear", "warmup": 0.5, "warm_start": True, "max_epochs": 2}
    fit = regressor(encoders=encoders(bert, layer_decay=0.5), lr=1e-3, **options).fit(FRAME, Y)
    steps = {
        round(group["lr"] / group["initial_lr"], 6) for group in fit.net_.optimizer_.param_groups
    }
    assert len(steps) == 1
    fit.set_params(lr=4e-3).fit(FRAME, Y)
    initial = {group["initial_lr"] for group in fit.net_.optimizer_.param_groups}
    assert initial == {4e-3, 2e-3, 1e-3}
    fit.set_params(encoders=encoders(bert, layer_decay=0.1), schedule="constant", warmup=0.0)
    fit.fit(FRAME, Y)
    assert rates(fit)["encoder.layer.0.output.dense.weight"][0] == pytest.approx(4e-4)
    fit.save(tmp_path / "fit.safetensors")
    loaded = sklearn_tamulag.load(tmp_path / "fit.safetensors")
    assert rates(loaded) == rates(fit)
    loaded.partial_fit(FRAME, Y)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"layer_decay": 0.0}, r"\['text'\]\['layer_decay'\] must be a float in the range \(0.*1"),
        ({"layer_decay": 1.5}, r"\['layer_decay'\] must be a float in the range .* got 1.5"),
        ({"freeze_embeddings": 3}, r"\['freeze_embeddings'\] must be"),
        ({"prefix": None}, r"\['prefix'\] must be an instance of 'str', got None"),
        ({"prefix": "the film is ", "max_length": 5}, "with prefix='the film is '.* 5 tokens"),
        ({"prefix": "a " * 600}, "prefix must have at most 1024 characters, got 1200"),
    ],
)
def test_values_that_are_not_allowed(bert, entry, message):
    with pytest.raises(ValueError, match=message):
        regressor(encoders=encoders(bert, **entry)).fit(FRAME, Y)


def test_layers_that_cannot_be_told_are_refused_before_training():
    from tests.tiny_kinds import tiny_configs

    albert = {"text": {"transformer": next(tiny_configs("albert")), "layer_decay": 0.5}}
    ids = np.random.default_rng(0).integers(5, 20, (24, 4))
    message = r"encoders\['text'\]: layer_decay cannot tell the layers of a model of type 'albert'"
    with pytest.raises(ValueError, match=message):
        regressor(encoders=albert).fit({"text": ids}, Y)


def test_what_auto_is_hangs_on_the_device_and_on_the_transformer(monkeypatch):
    tuned, frozen = encoders("name"), encoders("name", trainable=False)
    for capabilities, units in (
        ({"avx512_bf16": True}, True),
        ({"architecture": "aarch64", "bf16": True}, True),
        ({"avx512_f": True, "avx512_bf16": False}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda c=capabilities: c, raising=False)
        assert has_bfloat16_units("cpu") is units
        expected = "bfloat16" if units else "float32"
        assert resolve_precision("auto", tuned, "cpu") == expected
        assert resolve_precision("auto", frozen, "cpu") == "float32"
        assert resolve_precision("auto", None, "cpu") == "float32"
    for capability, units in (((7, 5), False), ((8, 0), True), ((9, 0), True)):
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _, c=capability: c)
        assert has_bfloat16_units("cuda:0") is units
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True, raising=False)
    assert has_bfloat16_units("cpu")
    assert not has_bfloat16_units("mps")
    assert resolve_precision("float64", tuned, "cpu") == "float64"


def test_a_network_keeps_the_precision_that_auto_came_to(bert, monkeypatch, tmp_path):
    def units(present):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"bf16": present}, raising=False)

    units(True)
    fit = regressor(encoders=encoders(bert), precision="auto", max_epochs=1)
    assert not hasattr(fit, "precision_")
    expected = fit.fit(FRAME, Y).predict(FRAME)
    assert fit.precision_ == "bfloat16"
    named = regressor(encoders=encoders(bert), precision="bfloat16", max_epochs=1).fit(FRAME, Y)
    np.testing.assert_array_equal(named.predict(FRAME), expected)
    fit.save(tmp_path / "fit.safetensors")
    units(False)
    loaded = sklearn_tamulag.load(tmp_path / "fit.safetensors")
    assert loaded.precision_ == "bfloat16"
    np.testing.assert_array_equal(loaded.predict(FRAME), expected)
    # A new fit, and further training, are of here and now.
    assert loaded.partial_fit(FRAME, Y).precision_ == "float32"
    assert fit.fit(FRAME, Y).precision_ == "float32"
    assert (
        regressor(precision="auto", max_epochs=1).fit({"audio": AUDIO}, Y).precision_ == "float32"
    )
    wide = regressor(precision="float64", max_epochs=1).fit({"audio": AUDIO}, Y)
    assert wide.precision_ == "float64"
