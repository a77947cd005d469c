"""Processes that write to the same place, are killed, or read meanwhile: a program of the tests.

    python -m tests.killed_writers FOLDER kill PLACE TIMES
    python -m tests.killed_writers FOLDER read READS READERS WRITERS

It prints what it saw as JSON.
"""

import collections
import json
import os
import random
import signal
import sys
import time

from tests.written_places import PLACES


def in_child(work):
    """Start some work in a copy of this process, which has done its imports already."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return child


def write_on(place, contents):
    """Write without end."""
    while True:
        for number in contents:
            place.write(number)


def kill(folder, name, times):
    place = PLACES[name](folder)
    place.write(1)
    start = time.perf_counter()
    place.write(0)
    place.write(1)
    seconds = time.perf_counter() - start
    seen = {"killed": 0, "lost": 0}
    for _ in range(int(times)):
        child = in_child(lambda: write_on(place, (0, 1)))
        time.sleep(0.002 + random.uniform(0, 1.5) * seconds)
        os.kill(child, signal.SIGKILL)
        seen["killed"] += os.WIFSIGNALED(os.waitpid(child, 0)[1])
        # A cache may be empty, which makes it be computed again.
        if place.content() is None and name not in ("States", "MMSACache"):
            seen["lost"] += 1
    # The next writing clears what the killed ones have left.
    place.write(1)
    return seen | {"left over": place.left_over()}


def read(folder, reads, readers, writers):
    place = PLACES["Data"](folder)
    place.write(1)
    each = -(-int(reads) // int(readers))

    def look(number):
        found = collections.Counter(place.content() for _ in range(each))
        with open(f"{folder}/{number}.json", "w") as file:
            json.dump(found, file)

    writing = [
        in_child(lambda contents=contents: write_on(place, contents))
        for contents in ([1], [0])[: int(writers)]
    ]
    reading = [in_child(lambda number=number: look(number)) for number in range(int(readers))]
    failed = [child for child in reading if os.waitpid(child, 0)[1]]
    for child in writing:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    total = collections.Counter()
    for number in range(int(readers)):
        with open(f"{folder}/{number}.json") as file:
            total.update(json.load(file))
    assert not failed
    place.write(1)
    contents = sorted(total)
    return {"reads": total.total(), "contents": contents, "left over": place.left_over()}


if __name__ == "__main__":
    folder, what, *rest = sys.argv[1:]
    print(json.dumps({"kill": kill, "read": read}[what](folder, *rest)))
