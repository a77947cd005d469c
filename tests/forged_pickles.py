"""Small pickles that ask for much, each put together by hand, and honest ones to be mutated."""

import pickle
import struct

import numpy as np

START, STOP = b"\x80\x04", b"."
NONE, LATIN1 = b"N", b"X\x06\x00\x00\x00latin1"
# equal to each other as hashes: Python takes ints modulo this prime
PRIME = 2**61 - 1


def text(words):
    content = words.encode()
    return b"X" + struct.pack("<I", len(content)) + content


def raw(content):
    return b"B" + struct.pack("<I", len(content)) + content


def number(value):
    if 0 <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    content = pickle.encode_long(value)
    return b"\x8a" + bytes([len(content)]) + content


def put(index):
    return b"r" + struct.pack("<I", index)


def get(index):
    return b"j" + struct.pack("<I", index)


def row_of(*values):
    return b"](" + b"".join(values) + b"e"


def tuple_of(*values):
    return b"(" + b"".join(values) + b"t"


def pairs(**values):
    return b"}(" + b"".join(text(key) + value for key, value in values.items()) + b"u"


def name(module, function):
    return f"c{module}\n{function}\n".encode()


def call(module, function, *arguments):
    return name(module, function) + tuple_of(*arguments) + b"R"


def dtype(code, order="<", state=None):
    plain = tuple_of(number(3), text(order), NONE, NONE, NONE, number(0), number(0), number(0))
    return call("numpy", "dtype", text(code), b"\x89", b"\x88") + (state or plain) + b"b"


def array(kind, shape, content):
    """The array of some dtype; shape and content are instructions, and so may be anything."""
    made = call(
        "numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray"), b"K\x00\x85", raw(b"b")
    )
    return made + tuple_of(number(1), shape, kind, b"\x89", content) + b"b"


def sizes(*shape):
    return tuple_of(*map(number, shape))


def floats(*shape):
    return array(dtype("f4"), sizes(*shape), raw(bytes(4 * int(np.prod(shape)))))


def unfolding(levels, width, make=row_of, leaf=None):
    """Containers of one container each, many times: of few bytes, and huge once written out."""
    made = (leaf or text("ha" * 8)) + put(0)
    for level in range(levels):
        made = make(made, *[get(level)] * (width - 1)) + put(level + 1)
    return made


def file_of(**values):
    """A file with one split of two rows; what is given replaces a key."""
    split = {
        "id": row_of(text("a$_$1"), text("a$_$2")),
        "raw_text": row_of(text("so good"), text("so bad")),
        "text": floats(2, 3, 2),
        "audio": floats(2, 3, 2),
        "vision": floats(2, 3, 2),
        "regression_labels": array(dtype("f8"), sizes(2), raw(bytes(16))),
    } | values
    return START + pairs(train=pairs(**split)) + STOP


def content(made):
    """A file that holds one value."""
    return START + made + STOP


def forged_pickles():
    """Name and bytes of every forged file; none is honest, and all are small for what they ask."""
    mega = 2**20
    flood = [number(PRIME * factor) for factor in range(1, 10_000)]
    long_key = text("k" * 500_000)
    laughs = unfolding(9, 10)
    tuples = unfolding(9, 10, tuple_of)
    shared = text("x" * mega) + put(0) + b"0"
    zeros = raw(bytes(mega)) + put(0) + b"0"
    some = row_of(*[number(1)] * 100_000) + put(0) + b"0"
    long_row = floats(1_000_000, 2)
    made = {
        # written out, these are of gigabytes
        "unfolding labels": file_of(regression_labels=laughs),
        "unfolding labels of tuples": file_of(regression_labels=tuples),
        "unfolding ids": file_of(id=row_of(text("a"), laughs)),
        "unfolding words": file_of(raw_text=row_of(text("a"), tuples)),
        "unfolding features": file_of(audio=unfolding(9, 10, leaf=number(1))),
        "unfolding tokens": file_of(text_bert=unfolding(9, 10, leaf=number(1))),
        "unfolding lengths": file_of(audio_lengths=unfolding(9, 10, leaf=number(1))),
        "unfolding objects": file_of(
            audio=array(dtype("O", "|"), sizes(2), row_of(laughs, text("x")))
        ),
        "unfolding splits": content(
            unfolding(9, 10, lambda *v: pairs(**dict(zip("abcdefghij", v, strict=False))))
        ),
        "a tuple as a key": content(b"}" + tuples + NONE + b"s"),
        "a tuple in a set": content(b"\x8f(" + tuples + b"\x90"),
        "a tuple in a frozenset": content(b"(" + tuples + b"\x91"),
        "a state that unfolds": file_of(audio=array(dtype("f4", state=tuples), sizes(2), raw(b""))),
        "a shape that unfolds": file_of(audio=array(dtype("f4"), tuples, raw(b""))),
        "a code that unfolds": content(call("numpy", "dtype", tuples)),
        "an encoding that unfolds": content(call("_codecs", "encode", text("x"), tuples)),
        "a list within itself": content(b"]" + put(0) + get(0) + b"a"),
        "a deep list": content(b"]" * 5000 + b"a" * 4999),
        "one array in many rows": file_of(
            audio=floats(100, 100) + put(0) + b"0" + row_of(*[get(0)] * 50_000)
        ),
        # made again and again from one string
        "encoding again and again": content(
            shared + row_of(*[call("_codecs", "encode", get(0), LATIN1)] * 5000)
        ),
        "scalars of one string": content(
            zeros
            + row_of(
                *[call("numpy.core.multiarray", "scalar", dtype(f"S{mega}", "|"), get(0))] * 2000
            )
        ),
        "swapped again and again": content(
            zeros + row_of(*[array(dtype("f4", ">"), sizes(mega // 4), get(0))] * 2000)
        ),
        "objects of one list": content(
            some + row_of(*[array(dtype("O", "|"), sizes(100_000), get(0))] * 2000)
        ),
        "sets of one list": content(some + row_of(*[call("builtins", "set", get(0))] * 20_000)),
        "dicts of one list": content(
            row_of(*[row_of(number(1), number(1))] * 10_000)
            + put(0)
            + b"0"
            + row_of(*[call("collections", "OrderedDict", get(0))] * 5000)
        ),
        "old strings of one array": content(
            b"T"
            + struct.pack("<i", mega)
            + bytes(mega)
            + put(0)
            + b"0"
            + row_of(*[array(dtype("i1", "|"), sizes(mega), get(0))] * 2000)
        ),
        # equal hashes, and equal text that is not the same
        "flooded dict": content(b"}(" + b"".join(key + NONE for key in flood) + b"u"),
        "flooded dict, one by one": content(b"}" + b"".join(key + NONE + b"s" for key in flood)),
        "flooded set": content(b"\x8f(" + b"".join(flood) + b"\x90"),
        "flooded set, called": content(call("builtins", "set", row_of(*flood))),
        "flooded ordered dict": content(
            call("collections", "OrderedDict", row_of(*[row_of(key, NONE) for key in flood]))
        ),
        "long equal keys": content(
            long_key
            + put(0)
            + b"0"
            + long_key
            + put(1)
            + b"0}("
            + (get(0) + NONE + get(1) + NONE) * 5_000
            + b"u"
        ),
        # lengths and counts that the file does not have
        "bytes of a terabyte": content(b"\x8e" + struct.pack("<Q", 2**40)),
        "text of a terabyte": content(b"\x8d" + struct.pack("<Q", 2**40)),
        "a byte array of a terabyte": content(b"\x96" + struct.pack("<Q", 2**40)),
        "a frame of a terabyte": START + b"\x95" + struct.pack("<Q", 2**40) + file_of()[2:],
        "a negative string": content(b"T" + struct.pack("<i", -5) + b"x"),
        "a negative int": content(b"\x8b" + struct.pack("<i", -5) + b"x"),
        "a memo index of 2^31": content(b"K\x01r" + struct.pack("<I", 2**31)),
        "nothing, a million times": content(b"(" + NONE * 2_000_000 + b"l"),
        "empty lists": content(b"(" + b"]" * 200_000 + b"l"),
        "empty dicts": content(b"(" + b"}" * 200_000 + b"l"),
        "marks": content(b"(" * 400_000),
        "copies": content(NONE + b"2" * 1_700_000),
        "a full memo": content(NONE + b"\x94" * 2_000_000),
        "wide text": content(text("x" * 20_000_000 + "\U0001f600")),
        "wide text of protocol 0": content(b"V" + b"x" * 20_000_000 + b"\\U0001f600\n"),
        # shapes without content
        "steps without features": file_of(text=array(dtype("f4"), sizes(1, 10**9, 0), raw(b""))),
        "rows without features": file_of(audio=array(dtype("f4"), sizes(10**9, 1, 0), raw(b""))),
        "no rows of many steps": file_of(
            audio=array(dtype("f4"), sizes(0, 10**9, 10**9), raw(b""))
        ),
        "text of no characters": file_of(id=array(dtype("U0"), sizes(10**9), raw(b""))),
        "no texts of many": file_of(id=array(dtype("U999999999"), sizes(0), raw(b""))),
        "many dimensions": file_of(audio=array(dtype("f4"), sizes(*[1] * 1000), raw(bytes(4)))),
        "an endless shape": file_of(audio=array(dtype("f4"), sizes(2**300, 2**300, 0), raw(b""))),
        # values that do not convert
        "a label of 400 digits": file_of(regression_labels=row_of(number(10**400), number(1))),
        "a label of 5000 digits": content(b"L" + b"1" * 5000 + b"L\n"),
        "an int of a megabyte": content(b"\x8b" + struct.pack("<i", mega) + b"\x7f" * mega),
        "endless lengths": file_of(
            audio_lengths=array(dtype("f8"), sizes(2), raw(struct.pack("<2d", np.inf, 1)))
        ),
        "tokens without a number": file_of(
            text_bert=array(dtype("f4"), sizes(2, 3, 1), raw(struct.pack("<6f", *[np.nan] * 6)))
        ),
        "complex labels": file_of(regression_labels=array(dtype("c8"), sizes(2), raw(bytes(16)))),
        "a label of containers": file_of(regression_labels=row_of(row_of(), pairs())),
        "a dict of features": file_of(audio=pairs(a=NONE)),
        # rows that cost more than they bring
        "a long id among short ones": file_of(
            id=row_of(*[text(f"{n}") for n in range(3000)], text("x" * mega)),
            regression_labels=array(dtype("f8"), sizes(3001), raw(bytes(8 * 3001))),
        ),
        "a long row among short ones": file_of(
            id=row_of(*[text(f"{n}") for n in range(1000)]),
            audio=row_of(long_row, *[floats(1, 2)] * 999),
            regression_labels=array(dtype("f8"), sizes(1000), raw(bytes(8000))),
        ),
        "rows of nothing": file_of(
            id=text("x") + put(0) + b"0" + row_of(*[get(0)] * 100_000),
            regression_labels=array(dtype("f8"), sizes(100_000), raw(bytes(800_000))),
        ),
        "many splits": content(b"}(" + b"".join(text(f"{n}") + b"}" for n in range(20_000)) + b"u"),
    }
    return made


def mutated_pickles(n_files, seed):
    """Honest files of every protocol with bytes changed, cut out, repeated or put in."""
    generator = np.random.default_rng(seed)
    originals = [*_honest_files() * 8, *(d for d in forged_pickles().values() if len(d) < 3000)]
    for _ in range(n_files):
        data = bytearray(originals[generator.integers(len(originals))])
        for _ in range(generator.integers(1, 4)):
            at = int(generator.integers(len(data)))
            stop = min(len(data), at + int(generator.integers(1, 40)))
            way = generator.integers(5)
            if way == 0:
                data[at] = generator.integers(256)
            elif way == 1:
                data[at] ^= 1 << generator.integers(8)
            elif way == 2:
                del data[at:stop]
            elif way == 3:
                data[at:at] = data[at:stop] * int(generator.integers(1, 200))
            else:
                data[at:stop] = generator.integers(256, size=stop - at, dtype=np.uint8).tobytes()
            if not data:
                data = bytearray(b".")
        yield bytes(data)


def _honest_files():
    """The same small file in every protocol, with all kinds of values that a file may have."""
    generator = np.random.default_rng(0)
    mask = np.ones((3, 4), dtype=np.int64)
    split = {
        "id": ["film$_$1", "film$_$2", "cut$_$1"],
        "raw_text": np.array(["so good", "déjà vu", ""]),
        "text": generator.normal(size=(3, 4, 2)).astype(np.float32),
        "text_bert": np.stack([mask * 7, mask, mask * 0], axis=1),
        "audio": [generator.normal(size=(steps, 2)) for steps in (2, 1, 3)],
        "vision": generator.normal(size=(3, 2, 2)).astype(">f4"),
        "vision_lengths": [2, np.int64(1), 2],
        "annotations": np.array(["Positive", "Neutral", "Negative"], dtype=object),
        "regression_labels": np.array([1.0, 0.0, -2.5]),
    }
    return [
        pickle.dumps({"train": split, "valid": {}}, protocol)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ]
