"""Frozen transformers: states computed once, kept in memory or on disk, and what a pass costs."""

import copy
import os
import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

import sklearn_tamulag
from sklearn_tamulag.data import checksums
from sklearn_tamulag.nn import TransformerEncoder, TransformerSpec
from sklearn_tamulag.preprocessing import TextEmbedder, TextTokenizer
from sklearn_tamulag.text.loading import load_config
from sklearn_tamulag.text.states import token_states
from tests.small_fits import regressor
from tests.tiny_bert import tiny_bert, tiny_texts

pytest.importorskip("transformers")
resource = pytest.importorskip("resource")

TEXTS, Y = tiny_texts(32)


@pytest.fixture
def encoder(bert):
    spec = TransformerSpec(load_config("transformer", bert), source=bert, trainable=False)
    return spec.build("transformer")


@pytest.fixture
def tokens(bert):
    X = TextTokenizer(bert).fit_transform([*TEXTS, ""])
    return X.arrays["text"], X.lengths["text"]


@pytest.fixture
def passes(monkeypatch):
    """Count the rows that a transformer encodes."""
    counted = []
    forward = TransformerEncoder.forward

    def counting(self, features, lengths):
        if features.ndim == 2:
            counted.append(len(features))
        return forward(self, features, lengths)

    monkeypatch.setattr(TransformerEncoder, "forward", counting)
    return counted


def test_states_are_those_of_the_encoder(encoder, tokens):
    ids, lengths = tokens
    expected = encoder(torch.from_numpy(ids), torch.from_numpy(lengths)).numpy()
    states = token_states(encoder, ids, lengths, batch_rows=5)
    np.testing.assert_allclose(states, expected, atol=1e-6)
    assert states.dtype == np.float32
    assert not states[-1].any()


def test_padding_beyond_the_longest_row_is_dropped(encoder, tokens):
    ids, lengths = tokens
    wide = np.pad(ids, ((0, 0), (0, 7)))
    states = token_states(encoder, wide, lengths)
    np.testing.assert_array_equal(states, token_states(encoder, ids, lengths))
    assert states.shape[1] == lengths.max()


def test_a_cache_maps_and_is_read_again(encoder, tokens, tmp_path, passes):
    ids, lengths = tokens
    first = token_states(encoder, ids, lengths, cache=tmp_path / "states")
    assert isinstance(first, np.memmap)
    np.testing.assert_array_equal(first, token_states(encoder, ids, lengths))
    passes.clear()
    second = token_states(encoder, ids, lengths, cache=tmp_path / "states")
    assert passes == []
    np.testing.assert_array_equal(first, second)
    assert len(list((tmp_path / "states").iterdir())) == 1


def test_the_cache_knows_weights_and_texts(encoder, tokens, tmp_path):
    ids, lengths = tokens
    token_states(encoder, ids, lengths, cache=tmp_path)
    other = ids.copy()
    other[0, 1] += 1
    token_states(encoder, other, lengths, cache=tmp_path)
    with torch.no_grad():
        next(encoder.parameters())[5, 0] += 1
    changed = token_states(encoder, ids, lengths, cache=tmp_path)
    np.testing.assert_array_equal(changed, token_states(encoder, ids, lengths))
    assert len(list(tmp_path.iterdir())) == 3


def test_a_broken_pass_leaves_no_file(encoder, tokens, tmp_path, monkeypatch):
    monkeypatch.setattr(encoder.model, "forward", lambda **_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        token_states(encoder, *tokens, cache=tmp_path)
    assert list(tmp_path.iterdir()) == []


def cached_file(folder):
    (path,) = folder.iterdir()
    return path


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: content[:-200] + bytes([content[-200] ^ 1]) + content[-199:], "checksum"),
        (lambda content: content[:-1] + b"?", "checksum is wrong"),
        (lambda content: content[:-71], "no checksum"),  # as earlier versions have written it
        (lambda content: content[:-500], "needs 21120 bytes"),
        (lambda content: content + b"1", "no checksum"),
        (lambda content: content.replace(b"<f4", b"<i4", 1), "they are int32"),
        (lambda content: b"", "computed again"),
    ],
)
def test_damaged_states_are_computed_again(encoder, tokens, tmp_path, damage, message):
    expected = np.array(token_states(encoder, *tokens, cache=tmp_path))
    path = cached_file(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.warns(UserWarning, match=rf"in .*\.npy are computed again: .*{message}|{message}"):
        again = token_states(encoder, *tokens, cache=tmp_path)
    np.testing.assert_array_equal(again, expected)
    np.testing.assert_array_equal(token_states(encoder, *tokens, cache=tmp_path), expected)


def test_what_was_found_right_is_read_once_in_a_process(encoder, tokens, tmp_path, monkeypatch):
    token_states(encoder, *tokens, cache=tmp_path)
    past = time.time_ns() - 10**10
    os.utime(cached_file(tmp_path), ns=(past, past))
    # The time of the last change of its times cannot be set: the clock goes on instead.
    now = time.time_ns() + 10**10
    monkeypatch.setattr(checksums.time, "time_ns", lambda: now)
    token_states(encoder, *tokens, cache=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(checksums, "file_sha256", None)
        expected = np.array(token_states(encoder, *tokens, cache=tmp_path))
    content = bytearray(cached_file(tmp_path).read_bytes())
    content[-300] ^= 1
    cached_file(tmp_path).write_bytes(content)
    with pytest.warns(UserWarning, match="checksum is wrong"):
        again = token_states(encoder, *tokens, cache=tmp_path)
    np.testing.assert_array_equal(again, expected)


def test_threads_may_fill_the_cache_at_the_same_time(encoder, tokens, tmp_path):
    expected = token_states(encoder, *tokens)
    together = threading.Barrier(4)
    encoders = [copy.deepcopy(encoder) for _ in range(4)]

    def states(own):
        together.wait()
        return token_states(own, *tokens, cache=tmp_path, batch_rows=3)

    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(states, encoders):
            np.testing.assert_allclose(found, expected, atol=1e-6)
    assert cached_file(tmp_path).suffix == ".npy"


def test_a_full_disk_is_an_error_not_the_end_of_the_process(encoder, tokens, tmp_path):
    # What a process may write is limited as the room on a disk is.
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large; nothing was changed: .*\.npy"):
            token_states(encoder, *tokens, cache=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
    token_states(encoder, *tokens, cache=tmp_path)


def test_a_fit_encodes_every_row_once(bert, passes):
    encoders = {"text": {"transformer": bert, "trainable": False}}
    fit = regressor(encoders=encoders, max_epochs=4).fit({"text": TEXTS}, Y)
    assert sum(passes) == len(TEXTS)
    passes.clear()
    fit.fit({"text": TEXTS[:20]}, Y[:20], X_val={"text": TEXTS[20:]}, y_val=Y[20:])
    assert sum(passes) == len(TEXTS)


def test_frozen_is_as_trained_at_a_rate_of_zero(bert):
    # Without the encoder's own dropout, the two are the same network.
    config = load_config("transformer", bert) | {
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
    }
    options = {"transformer": config, "tokenizer": bert, "weight_decay": 0.0}
    entries = ({"trainable": False}, {"trainable": True, "lr": 0.0})
    predicted = [
        regressor(encoders={"text": options | entry}, gradient_clipping=None)
        .fit({"text": TEXTS}, Y)
        .predict({"text": TEXTS})
        for entry in entries
    ]
    np.testing.assert_allclose(*predicted, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "float64", "bfloat16"])
def test_a_cache_changes_no_prediction(bert, tmp_path, passes, precision):
    def fit(**options):
        encoders = {"text": {"transformer": bert, "trainable": False} | options}
        return regressor(encoders=encoders, precision=precision).fit({"text": TEXTS}, Y)

    expected = fit().predict({"text": TEXTS})
    np.testing.assert_allclose(fit(cache=tmp_path).predict({"text": TEXTS}), expected, atol=1e-6)
    passes.clear()
    again = fit(cache=tmp_path)
    assert passes == []
    np.testing.assert_allclose(again.predict({"text": TEXTS}), expected, atol=1e-6)


def test_frozen_weights_are_in_use_after_early_stopping(bert):
    encoders = {"text": {"transformer": bert, "trainable": False}}
    fit = regressor(encoders=encoders, max_epochs=3, n_iter_no_change=1)
    fit.fit({"text": TEXTS}, Y)
    model = fit.net_.module_.branches[0].encoder.model
    expected = type(model).from_pretrained(bert).state_dict()
    assert all(torch.equal(weight, expected[name]) for name, weight in model.state_dict().items())


def test_features_in_a_pipeline(bert, tmp_path):
    X = {"text": [*TEXTS[:-1], ""], "audio": np.ones((32, 2, 3), dtype=np.float32)}
    embedder = TextEmbedder(bert, device="cpu", cache=tmp_path)
    data = embedder.fit_transform(X)
    assert data.feature_sizes == {"text": 16, "audio": 3}
    assert data.lengths["text"][-1] == 0
    pipeline = make_pipeline(TextEmbedder(bert, device="cpu"), regressor())
    assert np.isfinite(pipeline.fit(X, Y).predict(X)).all()


def test_an_embedder_moves_without_its_folder(tmp_path):
    folder = tmp_path / "model"
    before = torch.get_rng_state()
    embedder = TextEmbedder(tiny_bert(folder), device="cpu").fit(TEXTS)
    assert torch.equal(before, torch.get_rng_state())
    shutil.rmtree(folder)
    expected = embedder.transform(TEXTS)
    joblib.dump(embedder, tmp_path / "embedder.joblib")
    sklearn_tamulag.save(embedder, tmp_path / "embedder.safetensors")
    assert joblib.load(tmp_path / "embedder.joblib").transform(TEXTS) == expected
    assert sklearn_tamulag.load(tmp_path / "embedder.safetensors").transform(TEXTS) == expected
    assert torch.equal(before, torch.get_rng_state())


def test_a_progress_bar_counts_texts(bert, capsys):
    TextEmbedder(bert, device="cpu", progress=True).fit(TEXTS).transform([*TEXTS, ""])
    assert "32/32" in capsys.readouterr().err
    TextEmbedder(bert, device="cpu").fit(TEXTS).transform(TEXTS)
    assert capsys.readouterr().err == ""


def test_what_an_embedder_refuses(bert, tmp_path):
    with pytest.raises(ValueError, match="X has no strings for the modality 'text'"):
        TextEmbedder(bert).fit({"audio": np.ones((2, 3, 4))})
    with pytest.raises(ValueError, match=r"transformer = .*nowhere' was not found"):
        TextEmbedder(tmp_path / "nowhere").fit(TEXTS)
    with pytest.raises(ValueError, match="The 'batch_size' parameter"):
        TextEmbedder(bert, batch_size=0).fit(TEXTS)
