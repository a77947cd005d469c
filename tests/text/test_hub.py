"""Where models are looked for: never in vain for long, never with code, never a pointer."""

import socket
import threading
import time

import pytest

from sklearn_tamulag.text import hub
from sklearn_tamulag.text.hub import from_pretrained, quiet
from sklearn_tamulag.text.loading import load_config, load_model
from tests.tiny_bert import tiny_bert

transformers = pytest.importorskip("transformers")

ARGUMENT = "encoders['text']['transformer']"


@pytest.fixture
def no_network(monkeypatch):
    """Connections fail as without a network, and are counted."""
    asked = []

    def refuse(address, *args, **kwargs):
        asked.append(address)
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(hub, "getproxies", dict)
    return asked


def test_without_a_network_an_unknown_name_fails_at_once(no_network):
    start = time.perf_counter()
    with pytest.raises(ValueError, match=r"the hub was not asked: huggingface\.co cannot be rea"):
        load_config(ARGUMENT, "nobody/none")
    # The library alone repeats its questions for half a minute.
    assert time.perf_counter() - start < 15
    assert no_network[0] == ("huggingface.co", 443)


def test_a_proxy_is_what_must_be_reached(no_network, monkeypatch):
    monkeypatch.setattr(hub, "getproxies", lambda: {"https": "http://proxy.invalid:3128"})
    with pytest.raises(ValueError, match=r"proxy\.invalid cannot be reached"):
        load_config(ARGUMENT, "nobody/none")
    assert no_network[0] == ("proxy.invalid", 3128)


def test_a_folder_needs_no_network(bert, no_network):
    load_model(ARGUMENT, load_config(ARGUMENT, bert), bert)
    assert no_network == []


def test_no_code_of_a_repository_is_run(monkeypatch, bert):
    seen = []
    inner = transformers.AutoConfig.from_pretrained
    monkeypatch.setattr(
        transformers.AutoConfig,
        "from_pretrained",
        lambda *args, **kwargs: seen.append(kwargs) or inner(*args, **kwargs),
    )
    from_pretrained("AutoConfig", ARGUMENT, bert)
    assert seen[0]["trust_remote_code"] is False
    assert seen[0]["local_files_only"] is True


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.txt"])
def test_pointers_of_git_lfs_are_named(tmp_path, name):
    folder = tmp_path / "cloned"
    tiny_bert(folder)
    (folder / name).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 4\n")
    with pytest.raises(ValueError, match=rf"{ARGUMENT[:8]}.*cloned.*{name}.*git lfs pull"):
        load_config(ARGUMENT, folder)


@pytest.mark.parametrize("content", [b"", b"\0" * 100, b"not what it says"])
def test_weights_that_cannot_be_read_name_folder_and_parameter(tmp_path, content):
    folder = tmp_path / "broken"
    tiny_bert(folder)
    config = load_config(ARGUMENT, folder)
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"encoders.*broken.*cannot be used"):
        load_model(ARGUMENT, config, folder)


def test_a_kind_that_save_cannot_store_is_told_of_before_training(tmp_path):
    config = transformers.FNetConfig(
        vocab_size=9, hidden_size=8, num_hidden_layers=1, intermediate_size=8
    )
    transformers.FNetModel(config).save_pretrained(tmp_path)
    with pytest.warns(UserWarning, match="is of the kind 'fnet', which save cannot store"):
        load_config(ARGUMENT, tmp_path)


def test_threads_may_be_quiet_together():
    from transformers.utils import logging

    before = logging.get_verbosity()
    inside, leave = threading.Event(), threading.Event()

    def other():
        with quiet():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=other)
    with quiet():
        thread.start()
        inside.wait(10)
    assert logging.get_verbosity() == logging.ERROR
    leave.set()
    thread.join()
    assert logging.get_verbosity() == before
