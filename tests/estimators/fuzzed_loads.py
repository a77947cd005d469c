"""Load very many mutated and forged files under limits; print what went wrong as JSON.

Usage: ``python -m tests.estimators.fuzzed_loads FOLDER N_MUTATIONS BOMB_SIZE``. Files are written
to the folder. Whatever opens a socket, starts a process or writes a file while one is loaded is an
offence, and so is every error but ValueError and OSError.
"""

import collections
import ctypes
import json
import os
import random
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.pipeline import Pipeline

import sklearn_tamulag
from sklearn_tamulag import MultimodalPadder
from sklearn_tamulag.ensemble import SeedEnsembleRegressor
from sklearn_tamulag.preprocessing import SequenceScaler
from tests.own_parts import OWN, PARTS
from tests.persistence.bombs import BOMBS
from tests.persistence.forging import resealed
from tests.small_fits import classifier, clips, regressor, three_classes

ROOM = 2 * 2**30
FORBIDDEN = ("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "pty.")
CHANGING = ("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "shutil.")
offences = []
watching = False


def watch(event, arguments):
    """Note what nothing that is loaded may do."""
    if not watching:
        return
    if event.startswith(FORBIDDEN) or event.startswith(CHANGING):
        offences.append(f"{event} {arguments!r:.200}")
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        offences.append(f"open {arguments!r:.200}")


def honest_files():
    """The bytes of files that were saved, by name."""
    X, y = clips(12, steps=3)
    fits = {
        "regressor": regressor(max_epochs=1).fit(X, y),
        "classifier": classifier(max_epochs=1).fit(X, three_classes(y)),
        "scaler": SequenceScaler().fit(X),
        "unfitted": regressor(),
        "own classes": regressor(max_epochs=1, **PARTS).fit(X, y),
    }
    steps = [("pad", MultimodalPadder()), ("fit", regressor(max_epochs=1, num_layers=2))]
    fits["pipeline"] = Pipeline(steps).fit(X, y)
    fits["ensemble"] = SeedEnsembleRegressor(fits["pipeline"], 2, random_state=0).fit(X, y)
    try:
        from tests.tiny_bert import tiny_bert, tiny_texts

        folder = tiny_bert(Path(sys.argv[1]) / "bert")
        texts, y = tiny_texts(12)
        rows = {"text": texts, "audio": np.ones((12, 2, 3))}
        encoders = {"text": {"transformer": folder}}
        fits["text"] = regressor(encoders=encoders, max_epochs=1).fit(rows, y)
    except ImportError:
        pass
    contents = {}
    for name, fit in fits.items():
        path = Path(sys.argv[1]) / name
        sklearn_tamulag.save(fit, path)
        contents[name] = path.read_bytes()
    return contents


def flipped(content, chance):
    """Some bits flipped anywhere, or in the text at the end and the beginning."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 8))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def cut(content, chance):
    """A part taken out, or the end."""
    start = chance.randrange(len(content))
    stop = chance.choice((len(content), start + chance.randrange(1, 64)))
    return content[:start] + content[stop:]


def spliced(content, chance):
    """The header of one file before the data of another."""
    other = chance.choice(list(HONEST.values()))
    size, other_size = (8 + int.from_bytes(part[:8], "little") for part in (content, other))
    return content[:size] + other[other_size:]


def other_json(content, chance):
    """Another value somewhere in the document, of the same length, so that sizes stay right."""
    start = content.rfind(b'{"kind":"dict","items":[["class"')
    place = chance.randrange(max(start, 0), len(content))
    size = chance.choice((1, 1, 2, 4, 8))
    pieces = (b"[]", b"{}", b"null", b"true", b"-1", b"9" * size, b'"', b"1e99", b",", b"[[[[")
    piece = chance.choice(pieces)
    return content[:place] + piece + content[place + len(piece) :]


def other_number(content, chance):
    """Another digit for one of the document's or the header's digits."""
    digits = [place for place in range(8, len(content)) if 48 <= content[place] <= 57]
    place = chance.choice(digits)
    return content[:place] + bytes([chance.randrange(48, 58)]) + content[place + 1 :]


def swapped_words(content, chance):
    """One quoted word of the document in the place of another of its length."""
    words = {}
    for word in content[content.rfind(b'{"kind":"dict"') :].split(b'"')[1::2]:
        words.setdefault(len(word), set()).add(word)
    group = sorted(chance.choice([group for group in words.values() if len(group) > 1] or [{b"a"}]))
    old, new = chance.choice(group), chance.choice(group)
    return content.replace(b'"' + old + b'"', b'"' + new + b'"', chance.choice((1, -1)))


MUTATIONS = (flipped, cut, spliced, other_json, other_number, swapped_words)


def peak_memory():
    """The most memory of this process so far, in bytes."""
    text = Path("/proc/self/status").read_text()
    return 1024 * int(text.split("VmHWM:")[1].split()[0])


def attempt(path):
    """Load a file and say what came of it."""
    global watching
    # What was freed goes back to the system, or it would take the next file for nothing.
    getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
    Path("/proc/self/clear_refs").write_text("5")
    before, start = peak_memory(), time.perf_counter()
    watching = True
    try:
        sklearn_tamulag.load(path, custom=OWN)
        outcome = "loaded"
    except (ValueError, OSError) as error:
        outcome = type(error).__name__
    except BaseException as error:
        outcome = f"WRONG {type(error).__name__}: {str(error)[:200]}"
    watching = False
    return outcome, time.perf_counter() - start, peak_memory() - before


def main():
    """Load all files, and report by kind: how many, outcomes, worst time, worst memory."""
    folder, n_mutations, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    for name, content in HONEST.items():
        (folder / "file").write_bytes(content)
        assert attempt(folder / "file")[0] == "loaded", name
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM, used + ROOM))
    report = collections.defaultdict(
        lambda: {"tried": 0, "refused": 0, "wrong": [], "seconds": 0.0, "memory": 0, "share": 0.0}
    )

    def load(kind, content):
        (folder / "file").write_bytes(content)
        offences.clear()
        outcome, seconds, memory = attempt(folder / "file")
        row = report[kind]
        row["tried"] += 1
        row["refused"] += outcome in ("ValueError", "OSError")
        row["wrong"] += [outcome] if outcome.startswith("WRONG") else []
        row["wrong"] += offences
        row["seconds"] = max(row["seconds"], seconds)
        row["memory"] = max(row["memory"], memory)
        row["share"] = max(row["share"], memory / (3 * len(content) + 50 * 2**20))

    chance = random.Random(0)
    for number in range(n_mutations):
        mutate = MUTATIONS[number % len(MUTATIONS)]
        content = chance.choice(list(HONEST.values()))
        mutated = mutate(content, chance)
        load(mutate.__name__, resealed(mutated) if number % 12 < 11 else mutated)
    for name, build in BOMBS.items():
        load(name, build(size))
    json.dump(report, sys.stdout)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.addaudithook(watch)
    os.environ["HF_HUB_OFFLINE"] = "1"
    HONEST = honest_files()
    main()
