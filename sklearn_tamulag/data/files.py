"""Files that are written whole or not at all, and read only if they are regular files."""

import errno
import os
import secrets
import stat
from collections.abc import Iterable
from io import BufferedReader
from os import PathLike

from sklearn_tamulag.data.user_paths import user_path

Buffer = bytes | bytearray | memoryview


def write_atomically(path: str | PathLike[str], parts: Iterable[Buffer]) -> None:
    """Write a file; whatever happens meanwhile, its place holds the old one or the new one.

    Parameters
    ----------
    path : str or path
        Where to. A file that is there is replaced, and a link to a file stays a link.
    parts : iterable of bytes
        The content, in order.

    Raises
    ------
    OSError
        If the file cannot be written there, or no room is left. The old file is unchanged.
    """
    target = os.path.realpath(user_path(path))
    try:
        _check_target(target)
        _replace(target, parts)
    except OSError as error:
        # The user knows nothing of the temporary file: the error names the path that was given.
        message = f"{error.strerror or error}; nothing was changed"
        raise OSError(error.errno or errno.EIO, message, os.fspath(path)) from error


def _check_target(target: str) -> None:
    """Refuse to replace what is no file, or a file that is protected against writing."""
    if os.path.isdir(target):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if os.path.exists(target) and not os.path.isfile(target):
        raise OSError(errno.EINVAL, "Not a regular file")
    if os.path.exists(target) and not os.access(target, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def _replace(target: str, parts: Iterable[Buffer]) -> None:
    """Write a temporary file beside the target and move it there once it is safe on the disk."""
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(8)}.tmp")
    # O_EXCL follows no link that a stranger may have put there; 0o666 is reduced by the umask.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with open(descriptor, "wb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(descriptor)
        if os.path.exists(target):
            os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the new name survive a power cut, where folders can be opened."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:  # Windows
        return
    try:
        os.fsync(descriptor)
    except OSError:  # some network file systems
        pass
    finally:
        os.close(descriptor)


def open_regular(path: str | PathLike[str]) -> BufferedReader:
    """Open a file for reading, if it is a regular one.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    binary file
        The open file.

    Raises
    ------
    OSError
        If there is no such file, it cannot be read, or it is a folder.
    ValueError
        If it is a pipe or a device, which might never end.
    """
    return open(user_path(path), "rb", opener=_open_at_once)


def read_whole(path: str | PathLike[str]) -> bytes:
    """Read a regular file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    bytes
        Its content.

    Raises
    ------
    OSError
        If there is no such file, it cannot be read, or it is a folder.
    ValueError
        If it is a pipe or a device, which might never end.
    """
    with open_regular(path) as file:
        return file.read()


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe, which is refused then."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    # The reader itself refuses a folder.
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        os.close(descriptor)
        raise ValueError(f"{path} is no regular file.")
    return descriptor
