"""Files that are written whole or not at all, and read only if they are regular files."""

import errno
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BufferedReader
from os import PathLike
from typing import BinaryIO

from sklearn_tamulag.data.leftovers import LOCKS, claim, remove_abandoned
from sklearn_tamulag.data.sparse_files import check_on_disk
from sklearn_tamulag.data.user_paths import user_path

Buffer = bytes | bytearray | memoryview

# Bytes of a target's name in that of its temporary file; a name may have 255, on some disks 143.
_KEPT_BYTES = 100


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

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(f"{folder}/file", [b"one ", b"two"])
    ...     read_whole(f"{folder}/file")
    b'one two'
    """

    def write(file: BinaryIO) -> None:
        for part in parts:
            file.write(part)

    replace_file(path, write)


def replace_file(path: str | PathLike[str], write: Callable[[BinaryIO], None]) -> None:
    """Let a function write a file; its place holds the old one or the new one at any moment.

    The file is written under a temporary name in the same folder, brought safely to the disk, and
    moved to its place in one step. It gets the mode of the file that it replaces, and the owner
    and group as far as the process may give them. What a killed process has left of an earlier
    writing to the same place is deleted first.

    Parameters
    ----------
    path : str or path
        Where to. A file that is there is replaced, and a link to a file stays a link.
    write : callable
        Called with the open binary file, which may be written to in any order. Whatever it raises
        is raised on, and nothing is left of the new file.

    Raises
    ------
    OSError
        If the file cannot be written there, or no room is left. It is said that nothing was
        changed where that is so.
    """
    target = os.path.realpath(user_path(path))
    folder, name = os.path.split(target)
    stem = os.fsencode(name)[:_KEPT_BYTES].decode(errors="ignore")
    file: BinaryIO | None = None
    temporary = ""
    try:
        there = _target_status(target)
        mode = 0o666 if there is None else stat.S_IMODE(there.st_mode)
        _remove_leftovers(folder, stem)
        while file is None:
            temporary = os.path.join(folder, f".{stem}.{secrets.token_hex(8)}.tmp")
            # Whoever may not read the old file shall not read the new one while it is written.
            file = create_exclusively(temporary, mode)
            if not claim(file.fileno(), temporary):
                file.close()
                file = None
        write(file)
        file.flush()
        os.fsync(file.fileno())
        if there is not None:
            _copy_access(there, temporary)
        if not LOCKS:  # Windows moves no open file
            file.close()
        os.replace(temporary, target)
        _close(file)
        sync_folder(folder)
    except BaseException as error:
        moved = file is not None and not os.path.lexists(temporary)
        abandon(file, temporary)
        if moved or not isinstance(error, OSError) or error.errno is None:
            raise
        # The user knows nothing of the temporary file: the error names the path that was given.
        message = f"{error.strerror or error}; nothing was changed"
        raise OSError(error.errno, message, os.fspath(path)) from error


def create_file(path: str | PathLike[str], write: Callable[[BinaryIO], None]) -> None:
    """Let a function write a file under a name that nothing has, down to the disk.

    Parameters
    ----------
    path : str or path
        Where to.
    write : callable
        Called with the open binary file. Whatever it raises is raised on, and no file is left.

    Raises
    ------
    FileExistsError
        If there is something of this name; it stays as it is.
    OSError
        If the file cannot be written there, or no room is left.
    """
    file: BinaryIO | None = None
    try:
        file = create_exclusively(path)
        write(file)
        file.flush()
        os.fsync(file.fileno())
        file.close()
    except FileExistsError:
        raise
    except BaseException:
        abandon(file, path)
        raise


def create_exclusively(path: str | PathLike[str], mode: int = 0o666) -> BinaryIO:
    """Open a new file for writing.

    Parameters
    ----------
    path : str or path
        Where to.
    mode : int, default=0o666
        The permissions, which the umask reduces.

    Returns
    -------
    binary file
        The open file.

    Raises
    ------
    FileExistsError
        If there is something of this name, be it a link.
    """
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, mode))


def abandon(file: BinaryIO | None, path: str | PathLike[str]) -> None:
    """Close and delete an unfinished file; an error in that is not worth another one's place.

    Parameters
    ----------
    file : binary file or None
        The open file, if it was opened.
    path : str or path
        Its name.
    """
    if file is not None:
        _close(file)
    with suppress(OSError):
        os.unlink(path)


def sync_folder(folder: str | PathLike[str]) -> None:
    """Make new names in a folder survive a power cut, where folders can be opened.

    Parameters
    ----------
    folder : str or path
        The folder.
    """
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
        If it is a pipe or a device, which might never end, or claims a size that is not there.
    """
    with open_regular(path) as file:
        status = os.fstat(file.fileno())
        check_on_disk(status)
        return file.read(status.st_size)


def lies_inside(path: str | PathLike[str], folder: str | PathLike[str]) -> bool:
    """Tell whether a path leads to a place in a folder, once all links are followed.

    Parameters
    ----------
    path : str or path
        The path; nothing need be there.
    folder : str or path
        The folder.

    Returns
    -------
    bool
        Whether it stays inside.

    Examples
    --------
    >>> lies_inside("clips/audio/1.npy", "clips"), lies_inside("clips/../1.npy", "clips")
    (True, False)
    """
    root = os.path.realpath(folder)
    return os.path.realpath(path).startswith(os.path.join(root, ""))


def _target_status(target: str) -> os.stat_result | None:
    """Refuse to replace what is no file or is protected; describe what is there, if anything is."""
    if os.path.isdir(target):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        status = os.stat(target)
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "Not a regular file")
    if not os.access(target, os.W_OK):
        raise OSError(errno.EACCES, os.strerror(errno.EACCES))
    return status


def _copy_access(there: os.stat_result, path: str) -> None:
    """Give a file the owner and group of another, as far as this process may, and its mode."""
    if hasattr(os, "chown"):
        here = os.stat(path)
        for owner in (there.st_uid, there.st_gid), (-1, there.st_gid):
            if (here.st_uid, here.st_gid) == (there.st_uid, there.st_gid):
                break
            with suppress(OSError):
                os.chown(path, *owner)
            here = os.stat(path)
    # After the owner: to change that takes special bits away.
    os.chmod(path, stat.S_IMODE(there.st_mode))


def _remove_leftovers(folder: str, stem: str) -> None:
    """Delete temporary files of the same target whose writers are gone."""
    pattern = re.compile(rf"\.{re.escape(stem)}\.[0-9a-f]{{16}}\.tmp")
    with suppress(OSError), os.scandir(folder or ".") as entries:
        for name in [entry.name for entry in entries if pattern.fullmatch(entry.name)]:
            remove_abandoned(os.path.join(folder, name))


def _close(file: BinaryIO) -> None:
    """Close a file whose content is safe, or is no longer wanted."""
    with suppress(OSError):
        file.close()


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting for the other end of a pipe, which is refused then."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    mode = os.fstat(descriptor).st_mode
    # The reader itself refuses a folder.
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        os.close(descriptor)
        raise ValueError(f"{path} is no regular file.")
    return descriptor
