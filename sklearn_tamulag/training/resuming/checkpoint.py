"""Checkpoints: the state of a fit at every epoch's end, in a folder that many fits can share."""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from sklearn_tamulag._version import library_versions
from sklearn_tamulag.data.files import read_whole, write_atomically
from sklearn_tamulag.data.user_paths import user_path
from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.errors import described
from sklearn_tamulag.persistence.json_text import parse_json
from sklearn_tamulag.persistence.limits import shortened
from sklearn_tamulag.training.loop.net import TAMULAGNet
from sklearn_tamulag.training.resuming.fit_manifest import (
    Manifest,
    fit_manifest,
    manifest_differences,
    manifest_hash,
)
from sklearn_tamulag.training.resuming.training_state import restore_training_state, training_state

MANIFEST = "checkpoint.json"
"""The file that says which fit a folder belongs to."""

_KIND = "checkpoint"
_STATE_FILE = re.compile(r"([a-z]+)-(\d+)\.safetensors")
_SEARCH, _REFIT = "epochs", "refit"


class EpochCheckpoint:
    """The checkpoint of one fit: a file that is replaced at every epoch's end.

    There is one file for every `max_epochs`, so that fits which differ in nothing else take
    nothing from one another; a longer one goes on from where a shorter one is.

    Parameters
    ----------
    folder : Path
        The folder of this fit alone.
    fit : str
        Name of the fit, from :func:`sklearn_tamulag.training.resuming.fit_manifest.manifest_hash`.
    max_epochs : int
        The epochs that the fit may last.
    run : {"epochs", "refit"}, default="epochs"
        Which training run of the fit, as the file's name begins.
    """

    def __init__(self, folder: Path, fit: str, max_epochs: int, run: str = _SEARCH) -> None:
        self.folder = folder
        self.fit = fit
        self.max_epochs = max_epochs
        self.run = run

    def of_refit(self, n_epochs: int) -> EpochCheckpoint:
        """The checkpoint of the same fit's second run, on all rows.

        Parameters
        ----------
        n_epochs : int
            The epochs of that run.

        Returns
        -------
        EpochCheckpoint
            In the same folder, and with a file of its own.
        """
        return EpochCheckpoint(self.folder, f"{self.fit} {_REFIT}", n_epochs, _REFIT)

    def save(self, net: TAMULAGNet) -> None:
        """Write the state of a net in training; a crash meanwhile leaves the file before it.

        Parameters
        ----------
        net : TAMULAGNet
            The net, at the end of an epoch.

        Raises
        ------
        OSError
            If the file cannot be written.
        """
        state = {"fit": self.fit, "versions": library_versions(), "training": training_state(net)}
        path = self.folder / f"{self.run}-{self.max_epochs}.safetensors"
        _refuse_link(path)
        write_value(path, state, kind=_KIND)

    def restore(self, net: TAMULAGNet) -> None:
        """Put a net that is about to train where the checkpoint is, if there is one.

        Parameters
        ----------
        net : TAMULAGNet
            The net, after its callbacks know that training has begun.

        Raises
        ------
        ValueError
            If the file is damaged, a link, of another fit, or does not fit the net.
        """
        path = self._latest()
        if path is None:
            return
        _refuse_link(path)
        try:
            state = read_value(path, kind=_KIND)
            if state["fit"] != self.fit:
                raise ValueError(f"{path} is the checkpoint of another fit.")
            _compare_versions(path, state["versions"])
            restore_training_state(net, state["training"])
        except (OSError, Warning, KeyboardInterrupt, SystemExit):
            raise
        # A file of another version of this package may lack what is asked for, and one of a
        # stranger may hold anything.
        except BaseException as error:
            raise ValueError(
                f"training cannot go on from {path}: {described(error)} Remove the file to start "
                "anew."
            ) from error

    def _latest(self) -> Path | None:
        """The file of this `max_epochs`, or of the greatest one below it."""
        found = {}
        for path in self.folder.iterdir():
            name = _STATE_FILE.fullmatch(path.name)
            if name and name[1] == self.run and int(name[2]) <= self.max_epochs:
                found[int(name[2])] = path
        return found[max(found)] if found else None


def open_checkpoint(
    folder: str | PathLike[str],
    estimator: str,
    params: Mapping[str, Any],
    content: Mapping[str, Any],
) -> EpochCheckpoint:
    """Find or make the place of a fit's checkpoint.

    Parameters
    ----------
    folder : str or path
        The folder that all fits share; each has a subfolder, named after the hash of its parameters
        and data. A subfolder itself is taken too, for the fit it belongs to.
    estimator : str
        Name of the estimator's class.
    params : dict
        Its constructor parameters.
    content : dict
        What is trained on, by name, as `fit_manifest` takes it.

    Returns
    -------
    EpochCheckpoint
        The checkpoint, whose folder exists.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    TypeError, ValueError
        If the fit cannot be repeated or compared, or the folder is that of another fit: then the
        message names what differs.
    """
    manifest = fit_manifest(estimator, params, content)
    fit = manifest_hash(manifest)
    root = user_path(folder)
    own = root if (root / MANIFEST).exists() else root / fit[:16]
    if own != root:
        _refuse_link(own)
    _refuse_link(own / MANIFEST)
    try:
        own.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise ValueError(f"checkpoint must be a folder, got the file {str(folder)!r}.") from error
    if (own / MANIFEST).exists():
        _compare_manifests(own, manifest)
    else:
        text = json.dumps(manifest, indent=2) + "\n"
        write_atomically(own / MANIFEST, [text.encode()])
    return EpochCheckpoint(own, fit, params["max_epochs"])


def _compare_manifests(folder: Path, here: Manifest) -> None:
    """Refuse a folder that belongs to another fit."""
    path = folder / MANIFEST
    try:
        text = read_whole(path)
        differing = manifest_differences(parse_json(text, len(text)), here)
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read, so its folder belongs to no fit.") from error
    if differing:
        names = ", ".join(map(shortened, differing[:100]))
        raise ValueError(
            f"{folder} holds the checkpoint of another fit. What differs: {names}. "
            "Pass another folder as checkpoint, or the parameters and data that it was made with."
        )


def _refuse_link(path: Path) -> None:
    """Refuse to follow a link inside the folder that was given: it may lead anywhere."""
    if path.is_symlink():
        raise ValueError(f"{path} is a link. checkpoint writes only inside its folder.")


def _compare_versions(path: Path, there: Mapping[str, str]) -> None:
    """Warn where the libraries have changed since."""
    here = library_versions()
    changed = [
        f"{name} ({shortened(there.get(name))} there, {version} here)"
        for name, version in here.items()
        if there.get(name) != version
    ]
    if changed:
        warnings.warn(
            f"{path} was written with other versions: {', '.join(changed)}. Training goes on, but "
            "its results may differ from those of an unbroken fit.",
            UserWarning,
            stacklevel=2,
        )
