"""What cannot be written, and what cannot be read."""

from sklearn_tamulag.persistence.limits import shortened


class NotStorableError(TypeError):
    """A value is outside the closed vocabulary of saved files."""


class MalformedError(ValueError):
    """A saved value is none that this package writes."""


class MissingClassError(ValueError):
    """A file needs a class that its reader was not given. Its message is short as it is."""


def described(error: BaseException) -> str:
    """Say what is wrong with a file, by the error that a reader of one of its parts met.

    Parameters
    ----------
    error : BaseException
        The error; readers of this package raise ValueError, others what they like.

    Returns
    -------
    str
        Its message, cut to a length that can be read.

    Examples
    --------
    >>> described(ValueError("its checksum is wrong"))
    'its checksum is wrong'
    >>> described(KeyError("document"))
    "its content is malformed (KeyError: 'document')"
    """
    if isinstance(error, MissingClassError):
        return str(error)
    if isinstance(error, ValueError):
        return shortened(error)
    return f"its content is malformed ({type(error).__name__}: {shortened(error)})"
