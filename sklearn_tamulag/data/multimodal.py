"""The container that every part of the package works on: padded sequences by modality."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Self

import pandas as pd
from numpy.typing import ArrayLike

from sklearn_tamulag.data.containers import open_container
from sklearn_tamulag.data.frames import (
    check_frame,
    frame_of_cells,
    read_sequences,
    row_names,
    row_values,
)
from sklearn_tamulag.data.npy import MmapMode
from sklearn_tamulag.data.padding import zero_padded
from sklearn_tamulag.data.ragged import lengths_of_masks, pad_values
from sklearn_tamulag.data.rows import PaddedRows, check_row_values, check_unique_ids
from sklearn_tamulag.data.store import read_store, write_store
from sklearn_tamulag.data.validation import check_arrays, check_lengths

# What a saved folder says it holds, and how its arrays are named.
KIND = "MultimodalData"
ARRAYS = "arrays/"
LENGTHS = "lengths/"


class MultimodalData(PaddedRows):
    """Sequences of several modalities, row by row, that index like an array.

    Slices, integers and boolean masks select rows, so the data passes through train_test_split,
    cross-validation and grid search as it is. ``np.asarray(X)`` is the flat matrix of all padded
    steps, so any scikit-learn model can be fitted for comparison.

    Parameters
    ----------
    arrays : dict of str to array-like
        The modalities: features of shape (n, T, d), or integer token ids of shape (n, T). T and d
        may differ between modalities. float16, float32 and float64 are kept, integer features
        become float32. Memory-mapped arrays stay memory-mapped.
    lengths : dict of str to array-like of int, shape (n,), default=None
        The number of valid steps of each row, from 0 (the modality is missing there) to T. Where a
        modality is left out, or for None, all T steps are valid.
    ids, groups : array-like of shape (n,), default=None
        Names of the rows, and what belongs together, such as the video that rows were cut from.

    Attributes
    ----------
    arrays : dict of str to ndarray
        The padded modalities. Steps beyond a row's length are zero; only in memory-mapped arrays,
        which are not read, do they hold what the file holds.
    lengths : dict of str to ndarray of shape (n,), dtype int64
        The valid lengths of every modality.
    ids, groups : ndarray of shape (n,) or None
        The values that travel with the rows.

    Raises
    ------
    TypeError, ValueError
        If a name, dtype, shape, number of rows or length does not fit; the message says which.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_tamulag import MultimodalData
    >>> X = MultimodalData(
    ...     {"text": np.ones((3, 4, 2)), "audio": np.ones((3, 6, 5))},
    ...     lengths={"audio": [6, 2, 0]},
    ... )
    >>> X
    MultimodalData of 3 rows
      text: (3, 4, 2) float64, lengths 4..4, missing 0
      audio: (3, 6, 5) float64, lengths 2..6, missing 1
    >>> X[1:].lengths["audio"].tolist()
    [2, 0]
    >>> np.asarray(X).shape
    (3, 38)
    """

    def __init__(
        self,
        arrays: Mapping[str, ArrayLike],
        lengths: Mapping[str, ArrayLike] | None = None,
        *,
        ids: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> None:
        arrays, lengths = lengths_of_masks(arrays, lengths)
        checked = check_arrays(arrays)
        self.lengths = check_lengths(lengths, checked)
        self.arrays = {name: zero_padded(checked[name], self.lengths[name]) for name in checked}
        self.ids = check_row_values("ids", ids, len(self))
        self.groups = check_row_values("groups", groups, len(self))

    @classmethod
    def from_sequences(
        cls,
        sequences: Mapping[str, Any],
        *,
        ids: ArrayLike | None = None,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Make the container from ragged sequences, padding each modality to its longest.

        Parameters
        ----------
        sequences : dict of str to sequence of n cells
            By modality, one cell per row: an array or list of shape (T_i, d), floats of shape
            (T_i,) for steps of one feature, integers of shape (T_i,) for token ids, or None where
            the row lacks the modality. An array of shape (n, T, d) will do too.
        ids, groups : array-like of shape (n,), default=None
            Names of the rows, all different, and what belongs together, such as the video that
            rows were cut from.

        Returns
        -------
        data : MultimodalData
            The padded rows. Float features keep their dtype, integer features become float32.

        Raises
        ------
        TypeError
            If `sequences` is no dict or a cell is neither an array nor a number.
        ValueError
            If a modality holds strings, is missing in every row or has rows of different feature
            sizes; if the numbers of rows differ, or an id is missing or stands twice.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_tamulag import MultimodalData
        >>> MultimodalData.from_sequences(
        ...     {"audio": [np.ones((2, 3)), np.ones((5, 3))], "text": [[7, 4, 1], None]},
        ...     groups=["film", "film"],
        ... )
        MultimodalData of 2 rows + groups
          audio: (2, 5, 3) float64, lengths 2..5, missing 0
          text: (2, 3) int64, lengths 3..3, missing 1
        """
        if not isinstance(sequences, Mapping):
            raise TypeError(
                f"sequences must be a dict by modality name, got {type(sequences).__name__}."
            )
        check_unique_ids(ids)
        padded = {name: pad_values(name, values, {}) for name, values in sequences.items()}
        arrays = {name: array for name, (array, _) in padded.items()}
        lengths = {name: known for name, (_, known) in padded.items() if known is not None}
        return cls(arrays, lengths, ids=ids, groups=groups)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        modalities: str | Sequence[str] | None = None,
        ids: str | ArrayLike | None = None,
        groups: str | ArrayLike | None = None,
        root: str | PathLike[str] | None = None,
        outside_root: bool = False,
    ) -> Self:
        """Make the container from a DataFrame with a column of arrays, or of paths, per modality.

        Parameters
        ----------
        frame : DataFrame of n rows
            Of pandas, or a table of any library that narwhals reads. Each cell of a modality's
            column is an array of shape (T_i, d) or (T_i,), as for `from_sequences`, or the path to
            a .npy file that holds one; None, NaN or an empty path where the row lacks the modality.
            A column of numbers has one step of one feature.
        modalities : str or sequence of str, default=None
            The columns that are modalities, in the order wanted. None takes every column that
            holds arrays or paths to .npy files, and so leaves labels and transcripts out.
        ids, groups : str or array-like of shape (n,), default=None
            The column, or the values, that name the rows, and say what belongs together. Where no
            ids are given the index names the rows, unless it only counts them.
        root : str or path-like, default=None
            The folder that relative paths start from, and that no path leaves; by default the
            current one, which paths may leave.
        outside_root : bool, default=False
            Whether paths may leave `root`: absolute ones, through "..", and links. A table from a
            stranger can then name any .npy file that this process may read.

        Returns
        -------
        data : MultimodalData
            The padded rows, in memory, in the order of the frame.

        Raises
        ------
        TypeError
            If `frame` is no DataFrame or a cell is neither an array, a path nor a number.
        FileNotFoundError
            If a file does not exist; the message names the modality and the row.
        ValueError
            If a column does not exist, an id is missing or stands twice, a path leaves `root`, a
            file is not readable without running code, or rows do not fit together.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> from sklearn_tamulag import MultimodalData
        >>> frame = pd.DataFrame(
        ...     {
        ...         "clip": ["film-1", "film-2"],
        ...         "video": ["film", "film"],
        ...         "audio": [np.ones((2, 3)), np.ones((5, 3))],
        ...         "sentiment": [1.5, -2.0],
        ...     }
        ... )
        >>> MultimodalData.from_frame(frame, ids="clip", groups="video")
        MultimodalData of 2 rows + ids + groups
          audio: (2, 5, 3) float64, lengths 2..5, missing 0
        """
        frame = open_container(frame)
        check_frame(frame)
        others = [given for given in (ids, groups) if isinstance(given, str)]
        sequences = read_sequences(frame, modalities, others, root, outside_root=outside_root)
        return cls.from_sequences(
            sequences,
            ids=row_names(frame) if ids is None else row_values(frame, "ids", ids),
            groups=row_values(frame, "groups", groups),
        )

    def to_frame(self) -> pd.DataFrame:
        """Make a DataFrame with a column of arrays per modality, which every fit takes too.

        scikit-learn looks at a DataFrame column by column: ``permutation_importance`` then shuffles
        whole modalities.

        Returns
        -------
        frame : DataFrame of shape (n, M)
            By cell the valid steps, of shape (T_i, d), or (T_i,) for token ids; None where a row
            lacks the modality. The index is ``ids``, or 0 to n - 1; ``groups`` do not travel.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn_tamulag import MultimodalData
        >>> X = MultimodalData({"audio": np.ones((2, 3, 4))}, {"audio": [3, 1]}, ids=["a", "b"])
        >>> X.to_frame()["audio"].map(np.shape).to_dict()
        {'a': (3, 4), 'b': (1, 4)}
        """
        return frame_of_cells(self)

    def save(self, folder: str | PathLike[str]) -> None:
        """Write the data to a folder, as a .npy file per array and a JSON index.

        The index is put in place last and in one step: a writing that is interrupted leaves what
        was in the folder before, or the new data, and nothing is pickled. Others may read the
        folder meanwhile, or write to it: the last writer to finish has it. Arrays are written block
        by block and with zero padding, so that data far larger than the memory can be saved,
        memory-mapped data to its own folder included.

        Parameters
        ----------
        folder : str or path-like
            The folder, made where it does not exist. Data saved there before is replaced as a
            whole, and what a killed process left of its own writing is removed; other files are
            left alone.

        Raises
        ------
        TypeError
            If ids or groups are Python objects other than strings.
        FileExistsError
            If the folder has an ``index.json`` that `save` did not write.
        OSError
            If the folder cannot be written to, or is full.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from sklearn_tamulag import MultimodalData
        >>> X = MultimodalData({"audio": np.ones((2, 3, 1))}, {"audio": [3, 1]}, ids=["a", "b"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     X.save(folder)
        ...     MultimodalData.load(folder) == X
        True
        """
        arrays = {f"{ARRAYS}{name}": array for name, array in self.arrays.items()}
        lengths = {f"{LENGTHS}{name}": values for name, values in self.lengths.items()}
        along = {name: getattr(self, name) for name in ("ids", "groups")}
        known = {name: values for name, values in along.items() if values is not None}
        padded = {f"{ARRAYS}{name}": values for name, values in self.lengths.items()}
        write_store(folder, KIND, arrays | lengths | known, {}, padded)

    @classmethod
    def load(cls, folder: str | PathLike[str], *, mmap_mode: MmapMode | None = "r") -> Self:
        """Read data that `save` wrote; the arrays stay on disk until rows are asked for.

        Parameters
        ----------
        folder : str or path-like
            The folder.
        mmap_mode : {"r", "c"} or None, default="r"
            "r" maps the arrays read-only, so that any amount of data opens at once and training
            reads the rows of one batch at a time. "c" lets them be changed in memory; the files
            never are. None reads them into memory.

        Returns
        -------
        data : MultimodalData
            What was saved.

        Raises
        ------
        FileNotFoundError
            If there is no such folder.
        ValueError
            If the folder is incomplete or of another version of the format, or a file does not
            have the shape and dtype that the index says, is no regular file, or is a link out of
            the folder.

        Examples
        --------
        >>> import tempfile
        >>> import numpy as np
        >>> from sklearn_tamulag import MultimodalData
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     MultimodalData({"audio": np.ones((2, 3, 1))}).save(folder)
        ...     type(MultimodalData.load(folder).arrays["audio"]).__name__
        'memmap'
        """
        found, _ = read_store(folder, KIND, mmap_mode)
        named = {
            prefix: {
                name.removeprefix(prefix): array
                for name, array in found.items()
                if name.startswith(prefix)
            }
            for prefix in (ARRAYS, LENGTHS)
        }
        without = named[ARRAYS].keys() - named[LENGTHS].keys()
        if without:
            raise ValueError(f"{folder} is damaged: it has no lengths of {sorted(without)}.")
        try:
            return cls(
                named[ARRAYS], named[LENGTHS], ids=found.get("ids"), groups=found.get("groups")
            )
        except (TypeError, ValueError) as error:
            raise ValueError(f"{folder} is damaged: {error}") from error
