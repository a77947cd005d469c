"""Threads: how many a fit may use, and how many a worker of joblib uses."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from joblib.parallel import get_active_backend
from threadpoolctl import threadpool_limits


@contextmanager
def worker_threads() -> Iterator[None]:
    """Hold torch to one thread within a block that runs inside a worker of joblib.

    joblib tells its own processes how many threads they may use, and these keep them; so do workers
    where ``OMP_NUM_THREADS`` says it. In threads and in processes of ``multiprocessing`` torch
    would start as many threads as there are cores in every worker, which takes many times as long
    as one each. Outside of workers nothing changes.

    Yields
    ------
    None
        Once, for the block to run.

    Examples
    --------
    >>> before = torch.get_num_threads()
    >>> with worker_threads():
    ...     torch.get_num_threads() == before
    True
    """
    backend, _ = get_active_backend()
    # The number is asked for first: torch sets it in a new thread when it is first needed.
    alone = torch.get_num_threads() == 1 or not backend.nesting_level
    if alone or "OMP_NUM_THREADS" in os.environ:
        yield
        return
    with threadpool_limits(1, user_api="openmp"):
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute with one thread within a block, without a word to other threads of the process.

    Yields
    ------
    None
        Once, for the block to run.

    Examples
    --------
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    # The number is asked for first: torch sets it in a new thread when it is first needed.
    if torch.get_num_threads() == 1:
        yield
        return
    with threadpool_limits(1, user_api="openmp"):
        yield


@contextmanager
def limited_threads(n_threads: int) -> Iterator[None]:
    """Compute with a number of threads within a block; afterwards it is what it was.

    A process that joblib starts for one of several jobs has its share of the cores as its limit, so
    the limit is set where the work is done, not where it is asked for.

    Parameters
    ----------
    n_threads : int
        Threads of torch and of the libraries below NumPy, at least 1.

    Yields
    ------
    None
        Once, for the block to run.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.training.loop.threads import limited_threads
    >>> before = torch.get_num_threads()
    >>> with limited_threads(1):
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    before = torch.get_num_threads()
    with threadpool_limits(limits=n_threads):
        torch.set_num_threads(n_threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
