"""Paths as users give them."""

import os
from os import PathLike
from pathlib import Path


def user_path(path: str | PathLike[str]) -> Path:
    """Write out the home folder that a leading ``~`` stands for.

    Parameters
    ----------
    path : str or path-like
        A path as a user gives it.

    Returns
    -------
    Path
        The same path; ``~`` and ``~name`` at its start are replaced where there is such a home.

    Examples
    --------
    >>> from sklearn_tamulag.data.user_paths import user_path
    >>> user_path("clips/audio~1").as_posix()
    'clips/audio~1'
    """
    return Path(os.path.expanduser(path))
