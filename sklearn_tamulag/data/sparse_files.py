"""Files that claim a size of which next to nothing is on the disk."""

import os

# Small files may lie in the file system's own records, and take no block.
_ALWAYS_READ = 16 * 2**20
_BLOCK = 512


def check_on_disk(status: os.stat_result) -> None:
    """Refuse a file most of which is a hole: reading it takes memory that nobody has filled.

    A file system that packs zeros may leave holes in an honest file, but not in most of it.

    Parameters
    ----------
    status : os.stat_result
        Of the open file.

    Raises
    ------
    ValueError
        If less than half of a large file is on the disk.

    Examples
    --------
    >>> check_on_disk(os.stat(os.__file__))
    """
    blocks = getattr(status, "st_blocks", None)
    if blocks is None:  # Windows
        return
    if status.st_size > _ALWAYS_READ + 2 * blocks * _BLOCK:
        raise ValueError(
            f"it claims {status.st_size} bytes, but only {blocks * _BLOCK} are on the disk"
        )
