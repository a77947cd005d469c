"""The version of the package, and those of the libraries that results hang on."""

import platform
from functools import cache
from importlib import metadata

__version__ = "0.1.0"

_LIBRARIES = ("numpy", "pandas", "safetensors", "scikit-learn", "skorch", "torch")


def library_versions() -> dict[str, str]:
    """Versions of this package, of Python and of the libraries that results hang on.

    Returns
    -------
    dict of str to str
        By name of the distribution, "python" among them.

    Examples
    --------
    >>> versions = library_versions()
    >>> versions["sklearn-tamulag"] == __version__
    True
    >>> sorted(versions)[:3]
    ['numpy', 'pandas', 'python']
    """
    libraries = {name: _installed(name) for name in _LIBRARIES}
    return {"sklearn-tamulag": __version__, "python": platform.python_version()} | libraries


@cache
def _installed(name: str) -> str:
    """The version of a distribution; reading it takes milliseconds, and checkpoints ask often."""
    return metadata.version(name)
