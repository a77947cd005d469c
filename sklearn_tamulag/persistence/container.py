"""One value in one safetensors file, with a checksum over every byte of it."""

import hashlib
import json
import re
from os import PathLike, fspath
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from sklearn_tamulag._version import library_versions
from sklearn_tamulag.data.files import Buffer, read_whole, write_atomically
from sklearn_tamulag.persistence.encoding import decode, encode
from sklearn_tamulag.persistence.errors import described
from sklearn_tamulag.persistence.json_text import parse_json
from sklearn_tamulag.persistence.limits import check_shape, shortened

FORMAT_VERSION = 1
"""Number of the format that is written; files of a greater one are refused."""

# The tensor that holds the JSON, as bytes: a header has room for 100 MB only.
_DOCUMENT = "document.json"
_MAX_HEADER = 100_000_000
_LENGTH_BYTES = 8
# Quotes inside strings of the header are escaped, so nothing else looks like this.
_CHECKSUM = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_ZEROS = b"0" * 64

# A tensor takes a kilobyte, with or without values: a file that has many of them is large itself.
_FEW_TENSORS = 10_000
_BYTES_OF_TENSOR = 400


def write_value(path: str | PathLike[str], value: Any, *, kind: str) -> None:
    """Write a value to one file, atomically.

    The file is a safetensors file. Its tensors are those of the value, named after their place in
    it, and ``document.json``, the rest as JSON. Its metadata has the kind, the number of the
    format, the versions of the libraries, and the SHA-256 of the whole file, in which the digits of
    the checksum itself count as zeros.

    Parameters
    ----------
    path : str or path
        Where to. A file that is there is replaced.
    value : object
        What `sklearn_tamulag.persistence.encoding.encode` takes.
    kind : str
        What the value is; `read_value` asks for it.

    Raises
    ------
    NotStorableError
        If the value holds something that cannot be stored without code.
    OSError
        If the file cannot be written. A file that was there is unchanged.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_value(f"{folder}/value", {"mean": np.ones(2), 3: None}, kind="statistics")
    ...     read_value(f"{folder}/value", kind="statistics")
    {'mean': array([1., 1.]), 3: None}
    """
    write_atomically(path, _pack(value, kind))


# Tensors that inference mode makes cannot be trained.
@torch.inference_mode(False)
def read_value(path: str | PathLike[str], *, kind: str) -> Any:
    """Read a value that `write_value` has written.

    Nothing is parsed before the checksum is found right.

    Parameters
    ----------
    path : str or path
        The file.
    kind : str
        What the value must be.

    Returns
    -------
    object
        The value; tensors are on the CPU.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is of another origin or kind, damaged, or of a newer format, or asks for more
        memory than its size allows.
    """
    try:
        tensors, document, room = _checked(read_whole(path), kind)
        node = parse_json(document, room)
        # As the bytes of the file before, its text shall not stand beside what is made of it.
        del document
        return decode(node, tensors, room)
    except (OSError, KeyboardInterrupt, SystemExit):
        raise
    # Whoever made the file, a reader of any of its parts may fail in ways of its own: even by what
    # is no Exception, as libraries in Rust do.
    except BaseException as error:
        raise ValueError(f"{fspath(path)} cannot be read: {described(error)}.") from error


def _pack(value: Any, kind: str) -> list[Buffer]:
    """The bytes of a file, in parts."""
    node, tensors = encode(value)
    document = json.dumps(node, allow_nan=False, separators=(",", ":")).encode("ascii")
    name = _document_name(tensors)
    tensors[name] = torch.frombuffer(bytearray(document), dtype=torch.uint8)
    metadata = {
        "format": "sklearn_tamulag",
        "format_version": str(FORMAT_VERSION),
        "kind": kind,
        "document": name,
        "versions": json.dumps(library_versions()),
        "sha256": _ZEROS.decode(),
    }
    data = memoryview(safetensors.torch.save(tensors, metadata))
    start, stop = _checksum_place(data)
    digest = hashlib.sha256(data).hexdigest().encode()
    return [data[:start], digest, data[stop:]]


def _checked(content: bytes, kind: str) -> tuple[dict[str, Tensor], bytes, int]:
    """The tensors and the document in the bytes of a file, and how many bytes these are."""
    data = memoryview(content)
    start, stop = _checksum_place(data)
    checksum = hashlib.sha256(data[:start])
    checksum.update(_ZEROS)
    checksum.update(data[stop:])
    if checksum.hexdigest().encode() != data[start:stop].tobytes():
        raise ValueError("its checksum is wrong, so it is damaged")
    room = len(content)
    text = data[_LENGTH_BYTES : _LENGTH_BYTES + _header_size(data)].tobytes()
    document = _check_header(parse_json(text, room), kind, room)
    tensors: dict[str, Tensor] = safetensors.torch.load(content)
    return tensors, tensors.pop(document).numpy().tobytes(), room


def _check_header(header: dict[str, Any], kind: str, room: int) -> str:
    """Check format, kind and every shape, and return the name of the document."""
    metadata = header.pop("__metadata__")
    _check_metadata(metadata, kind)
    if len(header) > _FEW_TENSORS + room // _BYTES_OF_TENSOR:
        raise ValueError(f"it has {len(header)} tensors in {room} bytes")
    for entry in header.values():
        check_shape(entry["shape"], room)
    name = metadata["document"]
    if header[name]["dtype"] != "U8":
        raise ValueError("its document is no text")
    return str(name)


def _check_metadata(metadata: dict[str, str], kind: str) -> None:
    """Check that the format is known and the kind the wanted one."""
    version = int(metadata["format_version"])
    if version > FORMAT_VERSION:
        raise ValueError(
            f"it has the format {version}, newer than {FORMAT_VERSION}, which this version of "
            f"sklearn_tamulag reads; it was written with {shortened(metadata.get('versions'))}"
        )
    if metadata["kind"] != kind:
        raise ValueError(f"it holds a {shortened(metadata['kind'])}, not a {kind}")


def _header_size(data: memoryview) -> int:
    """Length of the header, which stands in the first bytes."""
    return int.from_bytes(data[:_LENGTH_BYTES], "little")


def _checksum_place(data: memoryview) -> tuple[int, int]:
    """Where the digits of the checksum start and stop."""
    size = _header_size(data)
    found: list[re.Match[bytes]] = []
    if size <= min(len(data) - _LENGTH_BYTES, _MAX_HEADER):
        header = data[_LENGTH_BYTES : _LENGTH_BYTES + size]
        found = list(_CHECKSUM.finditer(header))
    if len(found) != 1:
        raise ValueError(_foreign(bytes(data[:4])))
    return _LENGTH_BYTES + found[0].start(1), _LENGTH_BYTES + found[0].end(1)


def _foreign(start: bytes) -> str:
    """Say what a file without a checksum may be."""
    if start[:1] == b"\x80" and start[1:2] <= b"\x05":
        return "it looks like a pickle, which is never opened here"
    if start[:2] == b"PK":
        return "it looks like a zip archive, as torch.save writes, which is never opened here"
    return "it was not saved by sklearn_tamulag, or it is damaged"


def _document_name(tensors: dict[str, Tensor]) -> str:
    """A name for the document that no tensor of the value has."""
    name = _DOCUMENT
    while name in tensors:
        name += "~"
    return name
