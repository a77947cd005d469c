"""Unfinished files: locked by whoever writes them, and deleted once nobody does."""

import os
import stat
import sys
from contextlib import suppress

if sys.platform == "win32":
    # No lock is held there: unfinished files of a killed process stay.
    LOCKS = False

    def _lock(descriptor: int) -> None:
        """Windows has no such lock."""
        raise OSError("no locks")
else:
    import fcntl

    LOCKS = True

    def _lock(descriptor: int) -> None:
        """Lock an open file at once; the lock ends with the process, however that ends."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def claim(descriptor: int, path: str | os.PathLike[str]) -> bool:
    """Mark a new file as being written, for as long as it is open.

    Where the file system has no locks nothing is marked, and nothing is ever taken for abandoned.

    Parameters
    ----------
    descriptor : int
        The open file.
    path : str or path
        Its name.

    Returns
    -------
    bool
        False if another process took the file for abandoned before it was marked; it is gone then.
    """
    try:
        _lock(descriptor)
    except BlockingIOError:
        return False
    except OSError:
        return True
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def remove_abandoned(path: str | os.PathLike[str]) -> bool:
    """Delete an unfinished file, unless a process is writing it.

    Parameters
    ----------
    path : str or path
        A file that was marked by :func:`claim` when it was made.

    Returns
    -------
    bool
        Whether there is no such file now.
    """
    if not LOCKS:
        return not os.path.lexists(path)
    try:
        # No link is followed, and no pipe waited for. Some file systems lock only what is writable.
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return False
        _lock(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(path)
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
