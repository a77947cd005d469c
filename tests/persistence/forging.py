"""Saved files that nobody has saved: any header, any document, and a checksum that is right."""

import hashlib
import json

from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.estimators import KIND

ZEROS = "0" * 64


def with_checksum(content):
    """The bytes of a file, with the checksum that belongs to them in the place of zeros."""
    digest = hashlib.sha256(content).hexdigest()
    return content.replace(f'"sha256":"{ZEROS}"'.encode(), f'"sha256":"{digest}"'.encode(), 1)


def resealed(content):
    """The bytes of a file that has been changed, with a checksum that is right again."""
    place = content.find(b'"sha256":"') + len(b'"sha256":"')
    return with_checksum(content[:place] + ZEROS.encode() + content[place + len(ZEROS) :])


def file_of(header, data=b""):
    """The bytes of a file that has a header, given as text."""
    text = header.encode()
    text += b" " * (-len(text) % 8)
    return with_checksum(len(text).to_bytes(8, "little") + text + data)


def metadata(**changes):
    """What the header says of the file."""
    fields = {
        "format": "sklearn_tamulag",
        "format_version": "1",
        "kind": KIND,
        "document": "document.json",
        "versions": "{}",
        "sha256": ZEROS,
    }
    return fields | changes


def document_file(document, tensors=()):
    """A file of a document, as text or as a node, and of tensors: name, dtype, shape and bytes."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    header, data = {"__metadata__": metadata()}, []
    stop = 0
    for name, dtype, shape, content in [*tensors, ("document.json", "U8", [len(text)], text)]:
        start, stop = stop, stop + len(content)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}
        data.append(content)
    return file_of(json.dumps(header, separators=(",", ":")), b"".join(data))


def change(path, edit):
    """Change the value of a saved estimator in place; the file is right again."""
    value = read_value(path, kind=KIND)
    edit(value)
    write_value(path, value, kind=KIND)
    return path
