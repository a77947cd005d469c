"""Generators of a fit: seeds, states, and whose turn it is inside a transformer."""

import threading

import torch
from torch import nn

from sklearn_tamulag.nn import Dropout
from sklearn_tamulag.training.loop.seeding import (
    further_seed,
    generator_states,
    lent_generator,
    make_generator,
    restore_generator,
    training_modes,
)


def test_a_generator_gives_what_the_global_one_would():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(12)
        expected = torch.rand(5)
    assert torch.equal(torch.rand(5, generator=make_generator(12, "cpu")), expected)


def test_every_run_draws_other_numbers_and_the_same_ones_again():
    seeds = [further_seed(seed, epochs) for seed in (0, 1) for epochs in (1, 2, 3)]
    assert len(set(seeds)) == 6
    assert seeds == [further_seed(seed, epochs) for seed in (0, 1) for epochs in (1, 2, 3)]


def test_a_state_comes_back_where_the_device_is_of_its_kind():
    generator = make_generator(0, "cpu")
    states = generator_states(generator)
    expected = torch.rand(3, generator=generator)
    restore_generator(generator, states)
    assert torch.equal(torch.rand(3, generator=generator), expected)
    restore_generator(generator, {"cuda": states["cpu"]})
    restore_generator(None, states)
    assert generator_states(None) == {}


class Borrowing(nn.Module):
    """Says that it needs the global generator."""

    borrows_generator = True


def runs_beside(module, other):
    """Whether a network can train in a thread while another one trains here."""
    entered = threading.Event()

    def train():
        with lent_generator(other, None):
            entered.set()

    thread = threading.Thread(target=train)
    with lent_generator(module, None):
        thread.start()
        beside = entered.wait(0.2)
    thread.join()
    assert entered.is_set()
    return beside


def test_transformers_wait_for_one_another_and_no_one_else_does():
    assert not runs_beside(Borrowing(), Borrowing())
    assert runs_beside(Borrowing(), Dropout(0.1))
    assert runs_beside(Dropout(0.1), Dropout(0.1))


def test_gradients_are_computed_whatever_is_switched_off_around():
    weight = torch.ones(1, requires_grad=True)
    for off in (torch.no_grad(), torch.inference_mode(), torch.set_grad_enabled(False)):
        with off, training_modes():
            assert (2 * weight).requires_grad
            assert not torch.ones(1).is_inference()
    torch.set_grad_enabled(True)
