"""What arrays, lengths and options by modality may look like, and the errors where they do not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sklearn_tamulag.data.blocks import row_blocks, valid_steps
from sklearn_tamulag.data.cells import array_of, is_tensor
from sklearn_tamulag.data.naming import REST, check_modality_names, nearest


def check_arrays(arrays: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
    """Check the padded arrays of a multimodal data set.

    Parameters
    ----------
    arrays : mapping of str to array-like
        Features of shape (n, T, d), or integer token ids of shape (n, T), by modality.

    Returns
    -------
    arrays : dict of str to ndarray
        The same arrays, copied only where the dtype has to change: integers of shape (n, T, d)
        become float32. Memory-mapped arrays stay memory-mapped.

    Raises
    ------
    TypeError
        If `arrays` is no mapping, a name is not a string, or a dtype is not supported.
    ValueError
        If there is no modality, a name is reserved, a shape does not fit, or rows differ in number.
    """
    if not isinstance(arrays, Mapping):
        raise TypeError(f"arrays must be a dict by modality name, got {type(arrays).__name__}.")
    if not arrays:
        raise ValueError("arrays must hold at least one modality, got none.")
    check_modality_names("arrays", arrays)
    checked = {}
    for name, array in arrays.items():
        checked[name] = _check_array(name, array)
    rows = {name: array.shape[0] for name, array in checked.items()}
    if len(set(rows.values())) > 1:
        counts = ", ".join(f"{name!r} has {count}" for name, count in rows.items())
        raise ValueError(f"All modalities must have the same number of rows: {counts}.")
    return checked


def _check_array(name: str, array: ArrayLike) -> NDArray[Any]:
    """Check one modality's array; integers with a feature axis become float32."""
    if not isinstance(array, np.memmap):
        array = array_of(array) if is_tensor(array) else np.asarray(array)
    kind = array.dtype.kind
    if kind not in "iubf" or (kind == "f" and array.dtype.itemsize > 8):
        raise TypeError(
            f"Modality {name!r} has dtype {array.dtype}: features must be float16, float32, "
            "float64 or integers, token ids must be integers."
        )
    if array.ndim not in (2, 3):
        raise ValueError(
            f"Modality {name!r} has shape {array.shape}: expected (n, T, d) for features or (n, T) "
            "for integer token ids."
        )
    if array.ndim == 2 and kind not in "iu":
        raise ValueError(
            f"Modality {name!r} has shape {array.shape} and dtype {array.dtype}: a 2-D array holds "
            "integer token ids; features need the shape (n, T, d), with T = 1 for a single step."
        )
    if array.ndim == 3 and array.shape[2] == 0:
        raise ValueError(
            f"Modality {name!r} has shape {array.shape}: no features in its last axis."
        )
    dtype = np.dtype(np.float32) if array.ndim == 3 and kind != "f" else array.dtype
    if dtype == array.dtype and dtype.isnative:
        return array
    # a plain array: it is in memory now, whatever it was before
    return np.asarray(array).astype(dtype.newbyteorder("="))


def check_lengths(
    lengths: Mapping[str, ArrayLike] | None, arrays: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.int64]]:
    """Check the valid lengths that go with padded arrays.

    Parameters
    ----------
    lengths : mapping of str to array-like of shape (n,), or None
        The number of valid steps per row, by modality. A modality left out, or None, means that all
        T steps are valid.
    arrays : mapping of str to ndarray
        The checked arrays, of shape (n, T, d) or (n, T).

    Returns
    -------
    lengths : dict of str to ndarray of shape (n,), dtype int64
        One array for every modality, in the order of `arrays`.

    Raises
    ------
    TypeError
        If `lengths` is no mapping or lengths are not integers.
    ValueError
        If a modality is unknown, a shape is not (n,), or a length is negative or larger than T; the
        message names the modality and the first such row.
    """
    if lengths is None:
        lengths = {}
    if not isinstance(lengths, Mapping):
        raise TypeError(
            f"lengths must be a dict by modality name or None, got {type(lengths).__name__}."
        )
    unknown = [name for name in lengths if name not in arrays]
    if unknown:
        raise ValueError(
            f"lengths names {_listed(unknown)}, but the modalities are {_listed(arrays)}."
        )
    return {
        name: _check_modality_lengths(name, lengths.get(name), array)
        for name, array in arrays.items()
    }


def _check_modality_lengths(
    name: str, lengths: ArrayLike | None, array: NDArray[Any]
) -> NDArray[np.int64]:
    """Check the lengths of one modality against its array."""
    n_rows, n_steps = array.shape[:2]
    if lengths is None:
        return np.full(n_rows, n_steps, dtype=np.int64)
    given = np.asarray(lengths)
    if given.shape != (n_rows,):
        raise ValueError(
            f"lengths of modality {name!r} must have shape ({n_rows},), got {given.shape}."
        )
    if n_rows and given.dtype.kind not in "iu":
        raise TypeError(f"lengths of modality {name!r} must be integers, got dtype {given.dtype}.")
    bad = np.flatnonzero((given < 0) | (given > n_steps))
    if bad.size:
        raise ValueError(
            f"lengths of modality {name!r} must lie between 0 and T = {n_steps}, got "
            f"{given[bad[0]]} at row {bad[0]}."
        )
    return given.astype(np.int64)


def check_finite(
    arrays: Mapping[str, NDArray[Any]], lengths: Mapping[str, NDArray[np.int64]]
) -> None:
    """Refuse NaN and infinity in valid steps.

    Arrays are read block by block, so that memory-mapped ones are never copied whole. Values in
    padded steps do not matter.

    Parameters
    ----------
    arrays : mapping of str to ndarray of shape (n, T, d) or (n, T)
        Features, or integer token ids, by modality.
    lengths : mapping of str to ndarray of shape (n,)
        The number of valid steps of each row, by modality.

    Raises
    ------
    ValueError
        If a valid step holds NaN or infinity; the message names modality, row and step.

    Examples
    --------
    >>> audio = np.array([[[0.5], [np.nan]]])
    >>> check_finite({"audio": audio}, {"audio": np.array([1])})
    >>> check_finite({"audio": audio}, {"audio": np.array([2])})
    Traceback (most recent call last):
        ...
    ValueError: Modality 'audio' has nan at row 0, step 1 (float64): valid steps must be \
finite, not NaN or infinity.
    """
    for name, array in arrays.items():
        if array.dtype.kind != "f":
            continue
        for rows in row_blocks(array):
            block = array[rows]
            # One pass answers for nearly all data; a sum that is not finite leads to the values.
            with np.errstate(over="ignore", invalid="ignore"):
                if np.isfinite(block.sum()):
                    continue
            # (B, T, d) -> (B, T)
            bad = ~np.isfinite(block).all(axis=2) & valid_steps(lengths[name][rows], array.shape[1])
            if bad.any():
                row, step = np.argwhere(bad)[0]
                features = block[row, step]
                value = features[~np.isfinite(features)][0]
                raise ValueError(
                    f"Modality {name!r} has {value} at row {rows.start + row}, step {step} "
                    f"({array.dtype}): valid steps must be finite, not NaN or infinity."
                )


def check_same_modalities(given: Iterable[str], expected: Iterable[str]) -> None:
    """Check that data has the expected modalities, in any order.

    Parameters
    ----------
    given, expected : iterable of str
        The modality names of the data at hand, and those expected, such as those seen in fit.

    Raises
    ------
    ValueError
        If a modality is unknown or missing; the message names which.
    """
    given, expected = list(given), list(expected)
    unknown = [name for name in given if name not in expected]
    missing = [name for name in expected if name not in given]
    if unknown or missing:
        raise ValueError(
            f"Expected the modalities {_listed(expected)}; unknown: {_listed(unknown) or 'none'}; "
            f"missing: {_listed(missing) or 'none'}.{nearest(unknown, missing)}"
        )


def check_feature_sizes(
    given: Mapping[str, int | None], expected: Mapping[str, int | None]
) -> None:
    """Check that every modality has the expected feature size.

    Parameters
    ----------
    given, expected : mapping of str to int or None
        The feature size d of every modality at hand, and those expected; None for token ids.

    Raises
    ------
    ValueError
        If a size differs; the message names the modality and both sizes.
    """
    for name, size in expected.items():
        if given[name] != size:
            raise ValueError(
                f"Modality {name!r} has {_size_in_words(given[name])}, "
                f"expected {_size_in_words(size)}."
            )


def by_modality(name: str, value: Any, modalities: Sequence[str], *, rest: bool) -> dict[str, Any]:
    """Spell out a parameter given as one value or as a dict by modality.

    Parameters
    ----------
    name : str
        The name of the parameter, for the message.
    value : object or mapping
        One value for everything, or a mapping from modality names, and "rest" for whatever it does
        not list.
    modalities : sequence of str
        The modality names.
    rest : bool
        Whether the result also needs the key "rest", for parts that belong to no modality.

    Returns
    -------
    values : dict of str to object
        One value per modality, in the order of `modalities`, then "rest" if asked for.

    Raises
    ------
    ValueError
        If the mapping lists unknown names, or lacks names and has no "rest".

    Examples
    --------
    >>> from sklearn_tamulag.data.validation import by_modality
    >>> by_modality("dropout", {"text": 0.3, "rest": 0.1}, ["text", "audio"], rest=True)
    {'text': 0.3, 'audio': 0.1, 'rest': 0.1}
    """
    names = [*modalities, REST] if rest else list(modalities)
    if not isinstance(value, Mapping):
        return dict.fromkeys(names, value)
    unknown = [key for key in value if key != REST and key not in modalities]
    if unknown:
        raise ValueError(
            f"{name} names {_listed(unknown)}; allowed are {_listed(modalities)} and {REST!r}."
            f"{nearest(unknown, names)}"
        )
    absent = [key for key in names if key not in value]
    if absent and REST not in value:
        raise ValueError(f"{name} has no value for {_listed(absent)}: add it, or {REST!r}.")
    return {key: value[key] if key in value else value[REST] for key in names}


def _listed(names: Iterable[Any]) -> str:
    """List names for a message."""
    return ", ".join(repr(name) for name in names)


def _size_in_words(size: int | None) -> str:
    """Say a feature size in words."""
    if size is None:
        return "token ids"
    return f"{size} feature" if size == 1 else f"{size} features"
