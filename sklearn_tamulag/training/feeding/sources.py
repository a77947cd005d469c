"""Where the values of a modality stand, and how some rows of them are brought to the device."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sklearn_tamulag.data.blocks import valid_steps

# Share of a GPU's free memory that features may take; weights, states and gradients need the rest.
BUDGET_SHARE = 0.5


class Source(ABC):
    """The values of one modality, which is read by rows.

    Parameters
    ----------
    array : array of shape (n, T, d) or (n, T)
        The values.
    dtype : torch.dtype
        What gathered rows are cast to.
    device : str
        Where gathered rows go.

    Attributes
    ----------
    on_device : bool
        Whether rows are gathered on the device; if not, reading them ahead saves time.
    """

    on_device: ClassVar[bool]

    def __init__(self, array: NDArray[Any], dtype: torch.dtype, device: str) -> None:
        self.array = array
        self.dtype = dtype
        self.device = device

    def gather(self, rows: NDArray[np.int64], index: Tensor, lengths: NDArray[np.int64]) -> Tensor:
        """Bring some rows to the device, trimmed to the longest, with zeros on padding.

        Parameters
        ----------
        rows : int64 array of shape (B,)
            Row numbers, on the host.
        index : int64 Tensor of shape (B,)
            The same row numbers, on the device.
        lengths : int64 array of shape (B,)
            Valid lengths of these rows. The host knows them: the device is never waited for.

        Returns
        -------
        Tensor of shape (B, T, d), or (B, T) for token ids
            The rows on the device; T is the greatest length, and at least 1.
        """
        return self._gather(rows, index, max(int(lengths.max()), 1), lengths)

    def telling_steps(self, rows: NDArray[np.int64]) -> NDArray[Any]:
        """Read what tells some rows from others into the host's memory.

        That is the first step of features, and all of token ids, whose first step is often the same
        special token.

        Parameters
        ----------
        rows : int64 array of shape (B,)
            Row numbers.

        Returns
        -------
        array of shape (B, d), or (B, T) for token ids
            Their first step, or all.
        """
        return np.asarray(self.array[rows, 0] if self.array.ndim == 3 else self.array[rows])

    @abstractmethod
    def _gather(
        self,
        rows: NDArray[np.int64],
        index: Tensor,
        longest: int,
        lengths: NDArray[np.int64],
    ) -> Tensor:
        """What `gather` does."""


class DeviceSource(Source):
    """Values that live on the device; on the CPU they are the array's own memory.

    Parameters
    ----------
    array : array of shape (n, T, d) or (n, T)
        The values, zero on padding.
    dtype : torch.dtype
        What gathered rows are cast to.
    device : str
        Where the values are kept.

    Attributes
    ----------
    on_device : bool
        True.
    values : Tensor of shape (n, T, d) or (n, T)
        The values on the device.
    """

    on_device = True

    def __init__(self, array: NDArray[Any], dtype: torch.dtype, device: str) -> None:
        super().__init__(array, dtype, device)
        # An array of another precision keeps it on the CPU, where a cast of everything would be a
        # second copy; elsewhere there is a copy in any case.
        self.values = shared_tensor(array)
        if torch.device(device).type != "cpu":
            self.values = self.values.to(device=device, dtype=dtype)

    def _gather(
        self,
        rows: NDArray[np.int64],
        index: Tensor,
        longest: int,
        lengths: NDArray[np.int64],
    ) -> Tensor:
        # Trimmed before it is gathered: (n, T[, d]) -> (B, longest[, d])
        return self.values[:, :longest].index_select(0, index).to(self.dtype)


class HostSource(Source):
    """Values in a file or in the host's memory, of which a batch's rows are copied at a time.

    Parameters
    ----------
    array : array of shape (n, T, d) or (n, T)
        The values; on padding anything may stand.
    dtype : torch.dtype
        What gathered rows are cast to.
    device : str
        Where gathered rows go.

    Attributes
    ----------
    on_device : bool
        False.
    """

    on_device = False

    def __init__(self, array: NDArray[Any], dtype: torch.dtype, device: str) -> None:
        # Without np.memmap's class, whose every slice costs a call in Python.
        super().__init__(np.asarray(array), dtype, device)
        # Page-locked memory lets a GPU fetch a batch while it works on the one before.
        self._pinned = torch.device(device).type == "cuda"

    def _gather(
        self,
        rows: NDArray[np.int64],
        index: Tensor,
        longest: int,
        lengths: NDArray[np.int64],
    ) -> Tensor:
        shape = (len(rows), longest, *self.array.shape[2:])
        host = torch.empty(shape, dtype=self.dtype, pin_memory=self._pinned)
        # NumPy's loops, since torch would start threads of its own for a thread that reads ahead.
        block = host.numpy()
        # In the order of the file, which disks prefer: (n, T[, d]) -> (B, longest[, d])
        order = np.argsort(rows, kind="stable")
        # Padding may hold anything, also what this precision cannot.
        with np.errstate(over="ignore", invalid="ignore"):
            block[order] = self.array[rows[order], :longest]
        block[~valid_steps(lengths, longest)] = 0
        return host.to(self.device, non_blocking=True)


def shared_tensor(array: NDArray[Any]) -> Tensor:
    """Make a tensor of the array's own memory, which nobody may write to.

    Parameters
    ----------
    array : ndarray
        Of a type that torch has. A copy is made only of an array that runs backwards in memory.

    Returns
    -------
    Tensor of the same shape
        The values.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.training.feeding.sources import shared_tensor
    >>> array = np.zeros(2)
    >>> tensor = shared_tensor(array)
    >>> array[0] = 5
    >>> tensor.tolist()
    [5.0, 0.0]
    """
    if any(stride < 0 for stride in array.strides):
        array = array.copy()
    with warnings.catch_warnings():
        # joblib hands arrays that are read-only to its workers, of which torch warns.
        warnings.filterwarnings("ignore", "The given NumPy array is not writable", UserWarning)
        return torch.from_numpy(array)


def memory_budget(device: str) -> int | None:
    """Bytes of features that the device may keep.

    Parameters
    ----------
    device : str
        As torch names it.

    Returns
    -------
    int or None
        A share of the free memory of a GPU; None where the device has no memory of its own.

    Examples
    --------
    >>> memory_budget("cpu") is None
    True
    """
    if torch.device(device).type != "cuda":
        return None
    free, _ = torch.cuda.mem_get_info(device)
    # What torch has set aside and does not use now is at hand too.
    unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(BUDGET_SHARE * (free + unused))


def place_arrays(
    arrays: Mapping[str, NDArray[Any]],
    *,
    dtype: torch.dtype,
    device: str,
    budget: int | None,
) -> dict[str, Source]:
    """Decide for every modality where its values are kept.

    Memory-mapped arrays stay on disk. Those in memory are kept on the device, the smallest first,
    as long as the budget lasts; the others stay where they are.

    Parameters
    ----------
    arrays : mapping of str to array of shape (n, T, d) or (n, T)
        Features, or token ids, by modality.
    dtype : torch.dtype
        Precision of gathered features; token ids are int64.
    device : str
        Where gathered rows go.
    budget : int or None
        Bytes that may be kept on the device; None for any number.

    Returns
    -------
    dict of str to Source
        In the order of `arrays`.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> arrays = {"text": np.zeros((5, 2, 3)), "audio": np.zeros((5, 9, 3))}
    >>> sources = place_arrays(arrays, dtype=torch.float32, device="cpu", budget=200)
    >>> {name: source.on_device for name, source in sources.items()}
    {'text': True, 'audio': False}
    """
    sources: dict[str, Source] = {}
    left = budget
    for name, array in sorted(arrays.items(), key=lambda item: item[1].size):
        own = dtype if array.ndim == 3 else torch.int64
        needed = array.size * own.itemsize
        if isinstance(array, np.memmap) or (left is not None and needed > left):
            sources[name] = HostSource(array, own, device)
            continue
        sources[name] = DeviceSource(array, own, device)
        left = None if left is None else left - needed
    return {name: sources[name] for name in arrays}
