"""Recordings in place of features: told by their suffix, and what to do with them."""

_SOUND = (".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac", ".wma", ".opus")
_PICTURES = (
    ".mp4",
    ".avi",
    ".mov",
    ".mkv",
    ".webm",
    ".flv",
    ".wmv",
    ".m4v",
    ".jpg",
    ".jpeg",
    ".png",
)
_ARRAYS = (".npz", ".mat", ".h5", ".hdf5", ".pt", ".pth", ".pkl", ".pickle", ".csd", ".parquet")


def suffix_hint(suffix: str) -> str | None:
    """Say what to do with a file that is no .npy file.

    Parameters
    ----------
    suffix : str
        The suffix of its name, in capitals or not.

    Returns
    -------
    hint : str or None
        One or two sentences; None for a suffix that says nothing.

    Examples
    --------
    >>> from sklearn_tamulag.data.media_files import suffix_hint
    >>> suffix_hint(".npz")
    'Save each array of the .npz files in a .npy file of its own, with numpy.save.'
    >>> suffix_hint(".txt") is None
    True
    """
    small = suffix.lower()
    save = "and save them with numpy.save, an array of shape (T, d) per clip"
    if small in _SOUND:
        return (
            f"{suffix} files hold sound, and features of it are needed: compute some, such as "
            f"MFCCs with librosa or the states of a wav2vec 2.0 model, {save}."
        )
    if small in _PICTURES:
        return (
            f"{suffix} files hold pictures, and features of them are needed: compute some for each "
            f"frame, such as facial action units with OpenFace or the states of a vision model, "
            f"{save}; the sound of a video is a modality of its own."
        )
    if small in _ARRAYS:
        return f"Save each array of the {suffix} files in a .npy file of its own, with numpy.save."
    return None
