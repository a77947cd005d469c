"""Where Hugging Face models and tokenizers are looked for, and what is said if in vain."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

Source = str | PathLike[str]

# How long the first connection may take before the network counts as absent.
_PATIENCE = 3.0

# What stands in a folder that was cloned without git-lfs, in place of every large file.
_POINTER = b"version https://git-lfs"

# The log of transformers is one for the process: the first to silence it keeps what it was.
_LOG = threading.Lock()
_LISTENERS: list[tuple[int, bool]] = []


def require_transformers(what: str) -> Any:
    """Import transformers, or say how to install it.

    Parameters
    ----------
    what : str
        What needs it, at the start of the message.

    Returns
    -------
    module
        The package ``transformers``.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import transformers
    except ImportError as error:
        raise ImportError(
            f"{what} needs the package transformers. Install it with: "
            'pip install "sklearn-tamulag[text]"'
        ) from error
    return transformers


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the log and the progress bars of transformers, and put them back.

    Yields
    ------
    None
        Threads may be in here together: the last to leave puts back what the first has found.
    """
    from transformers.utils import logging

    with _LOG:
        before = _LISTENERS[0] if _LISTENERS else None
        _LISTENERS.append(
            before or (logging.get_verbosity(), bool(logging.is_progress_bar_enabled()))
        )
        logging.set_verbosity_error()
        logging.disable_progress_bar()
    try:
        yield
    finally:
        with _LOG:
            verbosity, bars = _LISTENERS.pop()
            if not _LISTENERS:
                logging.set_verbosity(verbosity)
                if bars:
                    logging.enable_progress_bar()


def from_pretrained(kind: str, argument: str, source: Source, **options: Any) -> Any:
    """Call ``transformers.<kind>.from_pretrained``, on a folder alone where there is one.

    No code of a repository is ever run, and without a network only the local cache of the hub is
    looked at, once.

    Parameters
    ----------
    kind : str
        A class of transformers, as "AutoModel".
    argument : str
        What the caller calls the source, for messages.
    source : str or path
        Name on the hub, or folder.
    **options : object
        Further arguments.

    Returns
    -------
    object
        What the class returns.

    Raises
    ------
    ImportError
        If transformers, or a package that this model needs, is not installed.
    ValueError
        If it is not found or cannot be used; the message says what was tried.
    """
    transformers = require_transformers(argument)
    folder = Path(source).expanduser()
    if _is_folder_name(source) and not folder.is_dir():
        _not_found(argument, source, "there is no such folder", "", None)
    if local := folder.is_dir():
        _check_pointers(argument, source, folder)
        tried = ""
    else:
        tried = _why_not_asked()
    try:
        with quiet():
            return getattr(transformers, kind).from_pretrained(
                str(folder) if local else fspath(source),
                local_files_only=local or bool(tried),
                trust_remote_code=False,
                **options,
            )
    except (ImportError, MemoryError):
        raise
    # Every reader of a folder's files has errors of its own.
    except Exception as error:
        # An argument that this class does not take is the caller's to leave out.
        if isinstance(error, TypeError) and any(name in str(error) for name in options):
            raise
        found = "the folder is there but cannot be used" if local else "there is no such folder"
        _not_found(argument, source, found, tried, error)


def _is_folder_name(source: Source) -> bool:
    """Tell whether a source can only be a folder, as no name of the hub looks like it."""
    text = fspath(source)
    return (
        isinstance(source, PathLike)
        or text.startswith((".", "~", os.sep))
        or text.count("/") > 1
        or (os.sep != "/" and os.sep in text)
    )


def _check_pointers(argument: str, source: Source, folder: Path) -> None:
    """Refuse a folder that holds pointers in place of its large files."""
    pointers = sorted(
        path.name
        for path in folder.iterdir()
        if path.is_file() and path.stat().st_size < 1024 and _starts(path, _POINTER)
    )
    if pointers:
        raise ValueError(
            f"{argument} = {fspath(source)!r} cannot be used: {', '.join(pointers)} of this folder "
            "is a pointer of git-lfs, not the file itself. Fetch it with: git lfs pull"
        )


def _starts(path: Path, start: bytes) -> bool:
    """Tell how a file starts."""
    with path.open("rb") as file:
        return file.read(len(start)) == start


def _why_not_asked() -> str:
    """Say why the hub is not to be asked; an empty string where it is."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set"
    place = urlsplit(constants.ENDPOINT)
    proxy = getproxies().get(place.scheme)
    if proxy and not proxy_bypass(place.hostname or ""):
        place = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    port = place.port or {"http": 80}.get(place.scheme, 443)
    try:
        # Without this question the library repeats each of its own for half a minute.
        with socket.create_connection((place.hostname or "", port), timeout=_PATIENCE):
            return ""
    except OSError as error:
        return f"{place.hostname} cannot be reached: {error}"


def _not_found(
    argument: str, source: Source, folder: str, offline: str, error: Exception | None
) -> NoReturn:
    """Say what was tried to find a model."""
    tried = f"as a folder ({folder})"
    if folder == "there is no such folder" and not _is_folder_name(source):
        hub = f"not asked: {offline}" if offline else "asked"
        tried += f" and as a name on the Hugging Face hub, or in its local cache (the hub was {hub}"
        tried += ")"
    first = next(iter(str(error).splitlines()), "") if error else ""
    reason = f" {type(error).__name__}: {first}" if error else ""
    raise ValueError(
        f"{argument} = {fspath(source)!r} was not found. Tried {tried}.{reason}"
    ) from error
