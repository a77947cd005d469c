"""The number of threads of a fit, which its last bits hang on."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


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
