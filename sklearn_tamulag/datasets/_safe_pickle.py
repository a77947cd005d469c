"""Pickles of NumPy arrays and builtin containers, read without running anything they name.

A pickle is a program: it may call any importable function with any arguments. The reader here
carries it out on a machine of its own, which knows the instructions that plain data need. What a
file calls ``numpy.dtype`` or ``numpy.core.multiarray._reconstruct`` is a small stand-in, which
looks at its arguments and state before an array is made; no function of NumPy, of the standard
library or of anything else is ever called by the file. That matters for NumPy's own types too: the
real ``dtype`` takes a state that makes bytes of the file pass for Python objects. And a machine of
one's own can count: whatever is made is charged to a budget first.
"""

from __future__ import annotations

import os
from os import PathLike
from typing import Any

from sklearn_tamulag.data.files import open_regular
from sklearn_tamulag.data.sparse_files import check_on_disk
from sklearn_tamulag.datasets._pickle_budget import Budget, check_containers
from sklearn_tamulag.datasets._pickle_machine import PickleMachine

__all__ = ["load_arrays"]

_MAX_REASON = 500
# What other files begin with, and what to do with them.
_FORMATS = {
    b"\x93NUMPY": "it is a single array as numpy.save writes it, and no dict of splits",
    b"PK": (
        "it is a zip archive, such as an .npz file of NumPy or what torch.save writes. Read an "
        ".npz file with numpy.load, and hand its arrays to MultimodalData"
    ),
    b"\x89HDF": "it is an HDF5 file, such as a .csd file of the CMU-MultimodalSDK",
    b"\x1f\x8b": "it is compressed by gzip. Decompress it first",
    b"BZh": "it is compressed by bzip2. Decompress it first",
    b"\xfd7zXZ": "it is compressed by xz. Decompress it first",
    b"version ": "it is the pointer of a Git LFS file, and not the file. Run git lfs pull",
}


def load_arrays(path: str | PathLike[str]) -> Any:
    """Read a pickle that holds NumPy arrays and builtin containers, and nothing else.

    Text, bytes, numbers, None, lists, tuples, sets, dicts and arrays of text, bytes, numbers or
    None are read, from NumPy 1 and 2 and every pickle protocol. The first thing of another kind
    ends the reading; nothing that the file names is imported or called.

    Parameters
    ----------
    path : str or path-like
        The file. It is opened for reading only.

    Returns
    -------
    object
        What the file holds. Arrays are in native byte order and may be read-only, as they share
        memory with the bytes read; an OrderedDict comes as a dict.

    Raises
    ------
    ValueError
        If the file is truncated, is no pickle, or holds anything else; the message names the file
        and what was found.
    OSError
        If the file cannot be opened.

    Notes
    -----
    A pickle of a few bytes can ask for any amount of memory and time. Here, reading takes at most
    three times the size of the file and some 50 MB, and a time in proportion to the file; what asks
    for more is refused. So is a list of numbers that would take more as Python objects: numbers
    belong into arrays.

    Examples
    --------
    >>> import pickle, tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sklearn_tamulag.datasets._safe_pickle import load_arrays
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "arrays.pkl"
    ...     _ = path.write_bytes(pickle.dumps({"train": np.arange(3)}))
    ...     load_arrays(path)
    {'train': array([0, 1, 2])}
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        n_bytes = status.st_size
        budget = Budget(n_bytes)
        try:
            check_on_disk(status)
            content = PickleMachine(file, n_bytes, budget).run()
            check_containers(content, budget.limit)
        except (OSError, MemoryError):
            raise
        # The bytes are not ours: they can make the reader fail in any way there is.
        except Exception as error:
            file.seek(0)
            reason = _foreign_format(file.read(8)) or str(error)[:_MAX_REASON]
            raise ValueError(f"{path} is not a readable pickle of arrays: {reason}.") from error
    return content


def _foreign_format(start: bytes) -> str | None:
    """Say what a file of another format is, None for what may be a pickle."""
    for first, name in _FORMATS.items():
        if start.startswith(first):
            return name
    return None
