"""Settings that every test shares: fixed seeds, one thread, no display, a calm hypothesis."""

import os
import signal

# Chosen before anything imports matplotlib: tests draw to memory, never to a screen.
os.environ["MPLBACKEND"] = "Agg"

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from tests.tiny_bert import tiny_bert

settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("search", parent=settings.get_profile("repeatable"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

# Equal bits hold at an equal number of threads, so tests fix that number for everyone.
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def fixed_global_state():
    """Start each test from the same global seeds and put the former states back after it."""
    numpy_state = np.random.get_state()
    torch_state = torch.get_rng_state()
    np.random.seed(0)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(1)
    np.random.set_state(numpy_state)
    torch.set_rng_state(torch_state)


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """The folder of a tiny random BERT with its tokenizer."""
    pytest.importorskip("transformers")
    return tiny_bert(tmp_path_factory.mktemp("bert"))


@pytest.fixture(autouse=True)
def interrupts_are_heard():
    """A process started in the background ignores Ctrl-C, which some tests send to themselves."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
