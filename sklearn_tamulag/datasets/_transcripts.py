"""Transcripts beside the sequences of other modalities, in a DataFrame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def transcript_frame(
    names: Sequence[str],
    raw_text: Sequence[str],
    arrays: Mapping[str, NDArray[Any]],
    lengths: Mapping[str, NDArray[np.int64]],
    ids: NDArray[Any],
) -> pd.DataFrame:
    """Put transcripts and the valid steps of other modalities into columns.

    Parameters
    ----------
    names : sequence of str
        The columns, in order; "text" is that of the transcripts.
    raw_text : sequence of n str
        The transcripts.
    arrays, lengths : mapping of str to ndarray
        The padded arrays of the other modalities, and the valid lengths of their rows.
    ids : ndarray of shape (n,)
        The names of the rows.

    Returns
    -------
    frame : DataFrame of n rows
        Strings in "text", (T_i, d) arrays elsewhere, which share their memory with `arrays`; the
        ids are its index.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag.datasets._transcripts import transcript_frame
    >>> audio = np.ones((2, 3, 1))
    >>> frame = transcript_frame(
    ...     ["text", "audio"], ["so good", ""], {"audio": audio}, {"audio": [3, 1]}, ["a", "b"]
    ... )
    >>> frame.loc["a", "text"], frame.loc["b", "audio"].shape
    ('so good', (1, 1))
    """
    columns: dict[str, Any] = {}
    for name in names:
        if name == "text":
            columns[name] = list(raw_text)
            continue
        # cell by cell: from arrays of equal shape NumPy would make a single one
        columns[name] = cells = np.empty(len(ids), dtype=object)
        pairs = zip(np.asarray(arrays[name]), lengths[name], strict=True)
        for row, (steps, length) in enumerate(pairs):
            cells[row] = steps[:length]
    return pd.DataFrame(columns, index=pd.Index(ids, name="id"))
