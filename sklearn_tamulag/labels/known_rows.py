"""Rows of training runs that are over, recognised by their fingerprints when they come again."""

from dataclasses import dataclass

import torch
from torch import Tensor

MOST_ROWS = 2**20
"""Rows that are remembered; of more the first are forgotten."""


@dataclass(frozen=True)
class KnownRows:
    """Fingerprints of rows, and how far their labels are.

    Parameters
    ----------
    keys : uint8 Tensor of shape (n, 16)
        A fingerprint of each row, all of them different.
    labels : Tensor of shape (n, M) or (n, M, K)
        Their labels, on the CPU.
    epochs : int64 Tensor of shape (n,)
        How many epochs each has been trained on.

    Examples
    --------
    >>> import torch
    >>> keys = torch.arange(32, dtype=torch.uint8).view(2, 16)
    >>> known = KnownRows(keys, torch.zeros(2, 3), torch.ones(2, dtype=torch.int64))
    >>> known.places(keys.flip(0)).tolist()
    [1, 0]
    """

    keys: Tensor
    labels: Tensor
    epochs: Tensor

    def places(self, keys: Tensor) -> Tensor:
        """Find rows by their fingerprints.

        Parameters
        ----------
        keys : uint8 Tensor of shape (k, 16)
            The fingerprints.

        Returns
        -------
        int64 Tensor of shape (k,)
            The number of each row among these, -1 where it is not one of them.
        """
        numbers = {key: place for place, key in enumerate(_as_bytes(self.keys))}
        return torch.tensor([numbers.get(key, -1) for key in _as_bytes(keys)], dtype=torch.int64)

    def without(self, places: Tensor) -> "KnownRows":
        """These rows but for some.

        Parameters
        ----------
        places : int64 Tensor of shape (k,)
            The numbers of those to leave out.

        Returns
        -------
        KnownRows
            The others, in their order.
        """
        kept = torch.ones(len(self.keys), dtype=torch.bool)
        kept[places] = False
        return KnownRows(self.keys[kept], self.labels[kept], self.epochs[kept])

    def followed_by(self, later: "KnownRows") -> "KnownRows":
        """These rows and later ones, which are others.

        Parameters
        ----------
        later : KnownRows
            The later rows.

        Returns
        -------
        KnownRows
            The last `MOST_ROWS` of them.
        """
        parts = zip(vars(self).values(), vars(later).values(), strict=True)
        return KnownRows(*(torch.cat(pair)[-MOST_ROWS:] for pair in parts))


def _as_bytes(keys: Tensor) -> list[bytes]:
    """The fingerprints one by one."""
    return [row.tobytes() for row in keys.cpu().numpy()]
