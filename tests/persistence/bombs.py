"""Small files that would take a machine's memory or time: one builder for each kind of them."""

import json

import numpy as np

from tests.persistence.forging import document_file, file_of, metadata

PRIME = 2**61 - 1  # integers that differ by multiples of it have one hash
HUGE = 10**9


def plain_index(values):
    """The node of an index of values that stand in the document."""
    return {"kind": "index", "names": [None], "values": values, "dtype": "str"}


def range_index(length=HUGE):
    """The node of a range."""
    return {"kind": "index", "names": [None], "range": [0, length, 1]}


def several_levels(*levels):
    """The node of an index of several levels."""
    return {"kind": "index", "names": [None] * len(levels), "levels": list(levels)}


def dict_of(keys):
    """The node of a dict with some keys."""
    return {"kind": "dict", "items": [[key, 0] for key in keys]}


def alike_in_pandas(n):
    """Integers that pandas puts in one place of a table of hashes."""
    high = np.arange(n, dtype=np.uint64)
    low = target = high.astype(np.uint32) ^ np.uint32(12345)
    for _ in range(3):
        low = target ^ (low << np.uint32(11))
    return ((high << np.uint64(33)) | low.astype(np.uint64)).astype(np.int64)


def array_index(values):
    """A file of an index of two levels, whose values are a tensor."""
    array = {"kind": "array", "dtype": "int64", "shape": [len(values)], "name": "a"}
    level = {"kind": "index", "names": [None], "values": array, "dtype": None}
    other = plain_index(["x"] * len(values))
    tensor = ("a", "I64", [len(values)], values.tobytes())
    return document_file(several_levels(level, other), [tensor])


def many_tensors(n):
    """A file of very many tensors without values."""
    names = [f"t{number}" for number in range(n)]
    nodes = [{"kind": "tensor", "name": name} for name in names]
    return document_file(nodes, [(name, "F32", [0], b"") for name in names])


def repeated(part, n):
    """A list, as text, of one part again and again."""
    return b"[" + b",".join([part] * n) + b"]"


def deep_header(n):
    """A file whose header is nested."""
    fields = json.dumps(metadata(), separators=(",", ":"))
    return file_of(f'{{"__metadata__":{fields},"a":{"[" * n}{"]" * n}}}')


def hollow(dtype, shape):
    """A file of an array of no bytes, with a shape that is large all the same."""
    node = {"kind": "array", "dtype": dtype, "shape": shape, "name": "a"}
    return document_file(node, [("a", "U8", [0], b"")])


def hollow_tensor(shape):
    """A file of a tensor of no values."""
    return document_file({"kind": "tensor", "name": "a"}, [("a", "F32", shape, b"")])


def with_zone(values):
    """The node of times with a zone."""
    return {"kind": "index", "names": [None], "values": values, "zone": "UTC"}


def table(columns, index):
    """The node of a table."""
    return {"kind": "frame", "index": index, "columns": plain_index(columns), "data": []}


# By name, a builder, of a size: tests of every day take a thousandth.
BOMBS = {
    "range as a level": lambda n: document_file(several_levels(range_index())),
    "ranges as levels": lambda n: document_file(several_levels(range_index(), range_index())),
    "range as times": lambda n: document_file(with_zone(range_index())),
    "range as rows": lambda n: document_file(table([], range_index())),
    "range": lambda n: document_file(range_index()),
    "array without bytes": lambda n: hollow("<U5", [0, HUGE]),
    "array of long strings": lambda n: hollow("<U999999", [HUGE]),
    "tensor without values": lambda n: hollow_tensor([0, HUGE]),
    "tensor of many axes": lambda n: hollow_tensor([0] * n),
    "keys of one hash": lambda n: document_file(dict_of(PRIME * k for k in range(n))),
    "floats of one hash": lambda n: document_file(dict_of(2.0 ** (61 * k) for k in range(17))),
    "tuples of one hash": lambda n: document_file(
        dict_of({"kind": "tuple", "items": [PRIME * k]} for k in range(n))
    ),
    "rows of one hash": lambda n: array_index(alike_in_pandas(n)),
    "strings of one hash": lambda n: document_file(
        several_levels(
            plain_index([f"{k:b}".replace("0", "b~").replace("1", "c_") for k in range(n)])
        )
    ),
    "objects of one hash": lambda n: document_file(
        several_levels(
            {
                "kind": "index",
                "names": [None],
                "values": {
                    "kind": "array",
                    "dtype": "object",
                    "shape": [n],
                    "items": [PRIME * k for k in range(n)],
                },
                "dtype": None,
            }
        )
    ),
    "empty lists": lambda n: document_file(repeated(b"[]", 40 * n)),
    "empty dicts": lambda n: document_file(repeated(b"{}", 40 * n)),
    "small dicts": lambda n: document_file(repeated(b'{"a":1}', 20 * n)),
    "short strings": lambda n: document_file(repeated(b'"ab"', 40 * n)),
    "numbers": lambda n: document_file(repeated(b"1e5", 40 * n)),
    "nested lists": lambda n: document_file(b"[" * n + b"]" * n),
    "nested values": lambda n: document_file(b'{"kind":"tuple","items":[' * n + b"]}" * n),
    "nested header": deep_header,
    "many tensors": many_tensors,
    "long integer": lambda n: document_file(b"9" * (20 * n)),
    "long float": lambda n: document_file(b"9" * (20 * n) + b".5"),
    "escaped string": lambda n: document_file(b'"' + b"\\ud83d\\ude00" * n + b'"'),
    "long path": lambda n: document_file({"kind": "path", "value": "/a1" * (20 * n)}),
    "paths": lambda n: document_file(repeated(b'{"kind":"path","value":"/a/b/c"}', n)),
    "random states": lambda n: document_file(
        repeated(b'{"kind":"random_state","state":[1,2,3]}', n)
    ),
    "foreign": lambda n: b"\x00" * (100 * n),
    "pickle": lambda n: b"\x80\x05" + b"(" * (100 * n),
}
