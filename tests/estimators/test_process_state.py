"""What a process shares stays its own: random states, threads, gradients, precision, filters."""

import random
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed
from skorch.callbacks import Callback

from tests.small_fits import classifier, clips, regressor, three_classes
from tests.tiny_bert import tiny_bert, tiny_texts

X, Y = clips(20, missing=True)
OPTIONS = {"dropout": 0.3, "modality_dropout": 0.3, "batch_size": 6, "max_epochs": 3}
KINDS = [
    {},
    {"num_layers": 2, "step_path": True},
    {"cell": "gru", "bidirectional": True, "num_layers": 2, "fusion": "semantic"},
    {"label_generation": "ulag", "optimizer": "rmsprop", "attention": "gate"},
]


def states():
    """The global random states of a process."""
    _, keys, *numpy_state = np.random.get_state()
    return random.getstate(), keys.tolist(), numpy_state, torch.get_rng_state().tolist()


class Meeting(Callback):
    """Holds a fit at the end of every epoch until others are there too; sees global states."""

    barrier = threading.Barrier(4)
    seen: ClassVar[list] = []

    def on_epoch_end(self, net, **kwargs):
        self.barrier.wait(60)
        self.seen.append(states())


def fitted(number, callbacks=None):
    torch.set_num_threads(1)
    options = OPTIONS | KINDS[number] | {"early_stopping": False}
    estimator = regressor(random_state=number, callbacks=callbacks, **options).fit(X, Y)
    weights = [weight.detach().numpy() for weight in estimator.net_.module_.parameters()]
    return [estimator.predict(X), estimator.unimodal_label_history_, *weights]


def assert_equal_lists(first, second):
    for one, other in zip(first, second, strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_fits_at_the_same_time_equal_fits_in_a_row_and_touch_nothing():
    alone = [fitted(number) for number in range(4)]
    before = states()
    Meeting.seen.clear()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(fitted, range(4), [[Meeting]] * 4))
    assert_equal_lists(together, alone)
    assert states() == before
    # Not put back afterwards: never touched.
    assert len(Meeting.seen) == 12
    assert all(state == before for state in Meeting.seen)


def test_threads_of_joblib_give_equal_bits():
    workers = Parallel(n_jobs=2, backend="threading")
    together = workers(delayed(fitted)(number) for number in (0, 1, 2))
    assert_equal_lists(together, [fitted(number) for number in (0, 1, 2)])


def test_filters_of_warnings_stay_those_of_the_process():
    before = list(warnings.filters)
    seen = []

    class Looking(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(list(warnings.filters))

    regressor(**OPTIONS, callbacks=[Looking]).fit(X, Y)
    assert seen == [before] * 3


@pytest.mark.parametrize("off", ["no_grad", "inference_mode", "set_grad_enabled"])
@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_training_does_not_hang_on_gradients_being_switched_on(off, call):
    expected = getattr(regressor(**OPTIONS), call)(X, Y).predict(X)
    context = {
        "no_grad": torch.no_grad,
        "inference_mode": torch.inference_mode,
        "set_grad_enabled": lambda: torch.set_grad_enabled(False),
    }[off]
    with context():
        estimator = getattr(regressor(**OPTIONS), call)(X, Y)
        assert not torch.is_grad_enabled()
    np.testing.assert_array_equal(estimator.predict(X), expected)
    # What was made there trains on elsewhere.
    estimator.partial_fit(X, Y)


def test_what_is_loaded_without_gradients_trains_on(tmp_path):
    estimator = regressor(**OPTIONS).fit(X, Y)
    estimator.save(tmp_path / "model")
    with torch.inference_mode():
        twin = type(estimator).load(tmp_path / "model")
    expected = estimator.partial_fit(X, Y).predict(X)
    np.testing.assert_array_equal(twin.partial_fit(X, Y).predict(X), expected)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("kind", range(4))
def test_the_default_dtype_changes_nothing(dtype, kind):
    expected = fitted(kind)
    torch.set_default_dtype(dtype)
    try:
        actual = fitted(kind)
    finally:
        torch.set_default_dtype(torch.float32)
    assert_equal_lists([actual], [expected])


def test_the_default_dtype_changes_nothing_of_classes_and_outputs(tmp_path):
    y = three_classes(Y)
    estimator = classifier(**OPTIONS, precision="bfloat16").fit(X, y)
    estimator.save(tmp_path / "model")
    expected = [estimator.predict_proba(X), *estimator.temporal_attention(X).values()]
    torch.set_default_dtype(torch.float64)
    try:
        again = classifier(**OPTIONS, precision="bfloat16").fit(X, y)
        loaded = type(estimator).load(tmp_path / "model")
        for one in (again, loaded):
            actual = [one.predict_proba(X), *one.temporal_attention(X).values()]
            assert_equal_lists([actual], [expected])
    finally:
        torch.set_default_dtype(torch.float32)


def test_a_continued_fit_leaves_global_states_alone():
    estimator = regressor(**OPTIONS, random_state=None, warm_start=True).fit(X, Y)
    before = states()
    estimator.fit(X, Y)
    estimator.partial_fit(X, Y)
    assert states() == before


@pytest.mark.slow
def test_inside_a_transformer_draws_are_borrowed_and_given_back(tmp_path):
    pytest.importorskip("transformers")
    folder = tiny_bert(tmp_path / "bert")
    texts, y = tiny_texts(24)
    rows = {"text": texts}
    before = states()
    seen = []

    class Looking(Callback):
        def on_batch_end(self, net, **kwargs):
            seen.append(states() == before)

    def fit(seed):
        encoders = {"text": {"transformer": folder, "gradient_checkpointing": seed == 1}}
        options = OPTIONS | {"max_epochs": 2, "modality_dropout": 0.0}
        return regressor(random_state=seed, encoders=encoders, callbacks=[Looking], **options)

    alone = [fit(seed).fit(rows, y).predict(rows) for seed in (0, 1)]
    assert all(seen)
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda seed: fit(seed).fit(rows, y).predict(rows), (0, 1)))
    np.testing.assert_array_equal(together, alone)
    assert states() == before
