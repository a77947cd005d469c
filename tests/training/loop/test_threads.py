"""Workers of joblib use one thread each, and their number of threads is left as it was."""

import contextlib

import joblib
import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from sklearn_tamulag.training.loop.threads import worker_threads
from tests.small_fits import clips, regressor


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


class ThreadCount(Callback):
    """How many threads torch uses while it trains."""

    def on_epoch_begin(self, net, **kwargs):
        net.history.record("threads", torch.get_num_threads())


def threads_of_a_fit(_):
    torch.set_num_threads(2)
    before = torch.get_num_threads()
    X, y = clips(12)
    estimator = regressor(callbacks=[ThreadCount()], max_epochs=1).fit(X, y)
    estimator.predict(X)
    return before, int(estimator.history_["threads"].iloc[0]), torch.get_num_threads()


def test_a_fit_alone_uses_what_torch_is_set_to(two_threads):
    assert threads_of_a_fit(1) == (2, 2, 2)


def test_a_fit_in_a_worker_uses_one_thread(two_threads):
    with joblib.parallel_config("threading", n_jobs=2):
        counts = joblib.Parallel()(joblib.delayed(threads_of_a_fit)(1) for _ in range(2))
    assert counts == [(2, 1, 2)] * 2
    assert torch.get_num_threads() == 2


def test_what_the_environment_says_is_kept(two_threads, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")

    def count(_):
        torch.set_num_threads(2)
        with worker_threads():
            return torch.get_num_threads()

    with joblib.parallel_config("threading", n_jobs=2):
        assert joblib.Parallel()(joblib.delayed(count)(i) for i in range(2)) == [2, 2]


def test_the_number_is_restored_after_an_error(two_threads):
    def failing(_):
        torch.set_num_threads(2)
        with contextlib.suppress(ZeroDivisionError), worker_threads():
            inside = torch.get_num_threads()
            raise ZeroDivisionError
        return inside, torch.get_num_threads()

    with joblib.parallel_config("threading", n_jobs=2):
        assert joblib.Parallel()(joblib.delayed(failing)(i) for i in range(2)) == [(1, 2)] * 2


def test_workers_predict_what_one_process_predicts(two_threads):
    X, y = clips(16)
    estimator = regressor(max_epochs=1).fit(X, y)
    expected = estimator.predict(X)
    with joblib.parallel_config("threading", n_jobs=2):
        parts = joblib.Parallel()(joblib.delayed(estimator.predict)(X) for _ in range(2))
    for part in parts:
        np.testing.assert_allclose(part, expected, atol=1e-6)
