"""Names of modalities and of options: which are free, and which one was meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

REST = "rest"

# Names that no modality can have, and why: `history_` would have two columns of one name.
RESERVED = {
    REST: "it stands for all others in parameters",
    "loss": "history_ has the losses of all tasks under it",
    "loss_best": "history_ marks the best losses with it",
    "multimodal": "it names the task of all modalities together in history_",
    "batch_count": "skorch counts batches under it in its history",
    "batch_size": "skorch keeps the sizes of batches under it in its history",
}


def check_modality_names(argument: str, names: Iterable[Any] | None) -> None:
    """Check that names can be those of modalities.

    Parameters
    ----------
    argument : str
        Where they stand, for the message.
    names : iterable or None
        The names; None passes.

    Raises
    ------
    TypeError
        If a name is no string.
    ValueError
        If there are none, a name stands twice, or it means something else already.

    Examples
    --------
    >>> from sklearn_tamulag.data.naming import check_modality_names
    >>> check_modality_names("arrays", ["text", "loss"])
    Traceback (most recent call last):
        ...
    ValueError: No modality can be named 'loss': history_ has the losses of all tasks under it.
    """
    if names is None:
        return
    names = list(names)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"Modality names must be strings, got {name!r}.")
        if name in RESERVED:
            raise ValueError(f"No modality can be named {name!r}: {RESERVED[name]}.")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"{argument} must name modalities, each once, got {names}.")


def nearest(unknown: Iterable[Any], known: Iterable[Any]) -> str:
    """Say which names may have been meant by misspelt ones.

    Parameters
    ----------
    unknown : iterable
        The names that are not known.
    known : iterable
        Those that are.

    Returns
    -------
    sentence : str
        Led by a blank, for the end of a message; empty where no name is near.

    Examples
    --------
    >>> from sklearn_tamulag.data.naming import nearest
    >>> nearest(["vsion", "smell"], ["text", "vision"])
    " Did you mean 'vision' by 'vsion'?"
    """
    names = [str(name) for name in known]
    found = {str(name): get_close_matches(str(name), names, n=1) for name in unknown}
    pairs = [f"{close[0]!r} by {name!r}" for name, close in found.items() if close]
    return f" Did you mean {', '.join(pairs)}?" if pairs else ""
