"""Compiled training: the same results, the same module, and a clear error without a compiler."""

import copy
import pickle

import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_tamulag.training.loop import compilation
from tests.small_fits import clips, regressor

X, Y = clips(20, steps=30, missing=True)


class MidTraining(Callback):
    """Notes in mid-training whether the module is compiled, and what a copy of the net says."""

    def on_epoch_end(self, net, **kwargs):
        net.history.record("compiled", net._compiled is not None)
        net.history.record("pickled", pickle.loads(pickle.dumps(net))._compiled is None)
        net.history.record("copied", copy.deepcopy(net)._compiled is None)


@pytest.fixture
def without_code_generation(monkeypatch):
    """Everything of torch.compile but the C++ code, which takes half a minute."""
    monkeypatch.setattr(compilation, "BACKEND", "eager")
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def test_compiled_training_gives_the_same_results(without_code_generation):
    plain = regressor(dropout=0.0).fit(X, Y)
    compiled = regressor(dropout=0.0, compile=True, callbacks=[MidTraining()]).fit(X, Y)
    np.testing.assert_allclose(compiled.predict(X), plain.predict(X), atol=1e-5)
    assert compiled.history_["compiled"].all()
    assert compiled.history_[["pickled", "copied"]].all(axis=None)
    assert list(compiled.net_.module_.state_dict()) == list(plain.net_.module_.state_dict())
    assert type(compiled.net_.module_) is type(plain.net_.module_)
    again = pickle.loads(pickle.dumps(compiled))
    np.testing.assert_array_equal(again.predict(X), compiled.predict(X))


def test_without_compile_nothing_is_compiled():
    estimator = regressor(callbacks=[MidTraining()], max_epochs=1).fit(X, Y)
    assert not estimator.history_["compiled"].any()


def test_a_missing_compiler_is_told_before_training(monkeypatch):
    def failing(*args, **kwargs):
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(torch, "compile", failing)
    estimator = regressor(compile=True)
    with pytest.raises(ValueError, match=r"compile=True needs a compiler .*No working C"):
        estimator.fit(X, Y)
    assert not hasattr(estimator, "net_")


@pytest.mark.slow
def test_generated_code_gives_the_same_results():
    # Adam turns the rounding of gradients near zero into steps; plain descent does not.
    exact = {"dropout": 0.0, "precision": "float64", "optimizer": "sgd"}
    plain = regressor(**exact).fit(X, Y)
    compiled = regressor(**exact, compile=True).fit(X, Y)
    np.testing.assert_allclose(compiled.predict(X), plain.predict(X), atol=1e-5)
