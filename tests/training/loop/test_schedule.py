"""Learning rates over a fit: warm-up, decay, and what partial_fit makes of them."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skorch.callbacks import Callback

from sklearn_tamulag.training.loop.schedule import SCHEDULES, rate_factor
from tests.small_fits import clips, regressor


class Rates(Callback):
    """Keeps the learning rates that every step of the optimizer uses, in a list of the test's."""

    def __init__(self, steps):
        self.steps = steps

    def on_grad_computed(self, net, **kwargs):
        self.steps.append([group["lr"] for group in net.optimizer_.param_groups])


def rates_of(**params):
    steps = []
    estimator = regressor(
        early_stopping=False, batch_size=8, callbacks=[Rates(steps)], **({"lr": 0.1} | params)
    )
    return estimator.fit(*clips(24)), steps


def test_factors_by_hand():
    def factors(**options):
        return [rate_factor(step, 8, **options) for step in range(9)]

    assert factors(warmup=0.25, schedule="constant") == [0.5] + [1.0] * 8
    assert factors(warmup=0.5, schedule="linear") == [
        *(0.25, 0.5, 0.75, 1.0),
        *(1.0, 0.75, 0.5, 0.25, 0.0),
    ]
    cosine = factors(warmup=0.0, schedule="cosine")
    assert cosine[4] == pytest.approx(0.5)
    assert cosine[2] == pytest.approx(0.5 * (1 + math.sqrt(0.5)))


@given(
    n_steps=st.integers(1, 200),
    warmup=st.floats(0, 0.99),
    schedule=st.sampled_from(SCHEDULES),
)
def test_factors_rise_to_one_and_never_grow_again(n_steps, warmup, schedule):
    factors = [rate_factor(s, n_steps, warmup=warmup, schedule=schedule) for s in range(n_steps)]
    rising = math.ceil(warmup * n_steps)
    assert all(0 < factor <= 1 for factor in factors)
    assert np.all(np.diff(factors[:rising]) > 0)
    assert np.all(np.diff(factors[rising:]) <= 0)


def test_every_step_of_the_optimizer_has_its_rate():
    _, steps = rates_of(max_epochs=2, warmup=0.5, schedule="linear")
    # 24 rows in batches of 8, twice: six steps.
    expected = [rate_factor(step, 6, warmup=0.5, schedule="linear") for step in range(6)]
    assert [rate for (rate,) in steps] == pytest.approx([0.1 * factor for factor in expected])


def test_steps_are_counted_over_accumulated_batches():
    _, steps = rates_of(max_epochs=2, gradient_accumulation=2, schedule="linear")
    assert [rate for (rate,) in steps] == pytest.approx([0.1, 0.075, 0.05, 0.025])


def test_all_groups_move_alike():
    _, steps = rates_of(max_epochs=2, lr={"text": 0.01, "rest": 0.1}, schedule="linear")
    first = steps[0]
    assert {0.01, 0.1} == set(first)
    for number, step in enumerate(steps):
        assert step == pytest.approx([rate * (1 - number / 6) for rate in first])


def test_a_further_fit_starts_anew_and_partial_fit_keeps_the_full_rate():
    estimator, steps = rates_of(max_epochs=2, warmup=0.5, schedule="cosine")
    first = steps.copy()
    estimator.set_params(warm_start=True).fit(*clips(24))
    # The net keeps a copy of the callback, which shares the list.
    assert steps[6:] == first
    estimator.partial_fit(*clips(24))
    assert steps[12:] == [[0.1]] * 3


def test_a_constant_schedule_without_warmup_adds_nothing():
    estimator, steps = rates_of()
    assert steps == [[0.1]] * 6
    assert "learning_rate" not in dict(estimator.net_.callbacks_)
