"""What an epoch, a prediction and a search cost, beside bare PyTorch and beside MMSA.

    python benchmarks/speed.py --json speed.json --plot docs/images/speed.png

prints every figure and writes them to JSON; 6 to 12 minutes on two quiet cores. ``--quick`` takes
a small part of the rows, to try it out: its figures mean nothing. ``--parts`` chooses among
``mosi`` and ``mosei``, whose text are token ids read by a small BERT, ``features``, which is mosi
with 768 features for each of 50 steps of text, ``rows``, ``length``, ``memory``, ``search`` and
``mmsa``. ``--device cuda`` runs on a GPU. Leave ``OMP_NUM_THREADS`` unset, so that both cores are
used. Times are medians of interleaved runs in one process; the memory of a fit is measured in a
process of its own.

Rows of the epoch table, in seconds of one epoch on the same data:

- ``ours``: the epoch as skorch times it; ``fit``: all of ``partial_fit``, with every check of X;
- ``a``: a bare loop of the same module over the same batches, which are gathered beforehand;
- ``a, padded``: the same with recurrent layers that read all padding, as torch's do;
- ``b``: as ``a, padded``, in random batches of 32 without trimming; ``b, blocks``: with our layers;
- ``python, ours`` and ``python, a``: seconds of an epoch in functions written in Python, torch's
  own included, as cProfile counts them.

``predict`` takes the test rows and ``one`` a single row, each beside the module on ready batches.
MMSA trains in batches of 32, and ours beside it in batches of 32 and, as ``ours, 64``, of 64.
"""

import argparse
import cProfile
import json
import os
import platform
import pstats
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("TQDM_DISABLE", "1")

import joblib
import numpy as np
import pandas as pd
import speed_memory
import speed_mmsa
import torch
from sklearn.model_selection import GridSearchCV
from speed_shapes import (
    MOSEI,
    MOSI,
    Modality,
    Shape,
    bare_copy,
    bare_epoch,
    bare_predict,
    dataset_of,
    inference_batches,
    make_data,
    make_estimator,
    next_order,
    padded_recurrence,
    tiny_bert,
    untrimmed_batches,
    wait,
    with_tokens,
)

Figures = dict[str, Any]

ROWS = (1000, 4000, 16000)
STEPS = (50, 100, 200, 400, 700, 1000)
ONE_ROW = 30

# Name, the part it comes from, how it is computed, and the bound with its sense.
GOALS: list[tuple[str, str, Callable[[Figures], float], str, float]] = [
    ("epoch / (a), MOSI", "mosi", lambda f: f["ours"] / f["a"], "<=", 1.15),
    ("(b) / epoch, MOSI", "mosi", lambda f: f["b"] / f["ours"], ">=", 1.4),
    ("epoch / (a), MOSI features", "features", lambda f: f["ours"] / f["a"], "<=", 1.15),
    ("(b) / epoch, MOSI features", "features", lambda f: f["b"] / f["ours"], ">=", 1.4),
    (
        "predict 686 rows / module, MOSI",
        "mosi",
        lambda f: f["predict"] / f["predict, a"],
        "<=",
        1.1,
    ),
    ("predict one row / module, MOSI", "mosi", lambda f: f["one"] / f["one, a"], "<=", 1.5),
    ("epoch / (a), MOSEI", "mosei", lambda f: f["ours"] / f["a"], "<=", 1.15),
    ("(b) / epoch, MOSEI", "mosei", lambda f: f["b"] / f["ours"], ">=", 1.4),
    ("exponent in rows", "rows", lambda f: f["exponent"], "<=", 1.1),
    ("exponent in length", "length", lambda f: f["exponent"], "<=", 1.1),
    *(
        (
            f"growth beyond the data, {name.upper()}, GB",
            "memory",
            lambda f, name=name: f[name]["growth GB"] - f[name]["data GB"],  # type: ignore[misc]
            "<=",
            0.5,
        )
        for name in ("mosi", "mosei")
    ),
    ("growth, memory-mapped, GB", "memory", lambda f: f["mapped"]["growth GB"], "<=", 1.0),
    ("1 worker, 2 cores / 2 workers", "search", lambda f: f["1, all"] / f["2 workers"], ">=", 1.0),
    ("1 worker, 1 thread / 2 workers", "search", lambda f: f["1, one"] / f["2 workers"], ">=", 1.6),
    ("MMSA / epoch, MOSI", "mmsa", lambda f: f["mmsa epoch"] / f["ours"], ">=", 5.0),
    ("MMSA / epoch of 64", "mmsa", lambda f: f["mmsa epoch"] / f["ours, 64"], ">=", 5.0),
]


def clock(call: Callable[[], Any], device: str) -> float:
    """Seconds of one call."""
    wait(device)
    start = time.perf_counter()
    call()
    wait(device)
    return time.perf_counter() - start


def medians(runs: dict[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Median seconds of several runs that take turns, after one turn that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, run in runs.items():
            value = run()
            if turn:
                seconds[name].append(value)
    return {name: statistics.median(values) for name, values in seconds.items()}


def python_seconds(call: Callable[[], Any]) -> float:
    """Seconds in functions written in Python, without what they call that is built in."""
    profile = cProfile.Profile()
    profile.runcall(call)
    entries = pstats.Stats(profile).stats.items()  # type: ignore[attr-defined]
    return float(sum(entry[2] for (file, _, _), entry in entries if file != "~"))


def with_bert(measure: Callable[[str], Figures]) -> Figures:
    """What is measured with a small BERT in a folder."""
    with tempfile.TemporaryDirectory() as name:
        return measure(tiny_bert(Path(name)))


def epoch_figures(
    shape: Shape, device: str, rounds: int, transformer: str | None = None
) -> Figures:
    """One epoch and predictions of a shape, beside the bare loops."""
    X, y = make_data(shape, shape.n_train)
    estimator = make_estimator(shape, device, transformer).fit(X, y)
    module, optimizer = bare_copy(estimator)
    dataset = dataset_of(X, y, device)
    whole: list[float] = []
    orders = []

    def ours() -> float:
        orders[:] = [next_order(estimator, X)]
        whole.append(clock(lambda: estimator.partial_fit(X, y), device))
        return float(estimator.net_.history[-1, "dur"])

    def bare() -> float:
        return bare_epoch(module, optimizer, list(dataset.batches(orders[0])), device)

    def padded() -> float:
        with padded_recurrence():
            return bare()

    def untrimmed() -> float:
        batches = list(untrimmed_batches(X, y, shape.batch_size, device))
        return bare_epoch(module, optimizer, batches, device)

    def untrimmed_padded() -> float:
        with padded_recurrence():
            return untrimmed()

    runs = {
        "ours": ours,
        "a": bare,
        "a, padded": padded,
        "b": untrimmed_padded,
        "b, blocks": untrimmed,
    }
    figures: Figures = medians(runs, rounds)
    figures["fit"] = statistics.median(whole[1:])
    figures["python, ours"] = python_seconds(lambda: estimator.partial_fit(X, y))
    figures["python, a"] = python_seconds(bare)
    return figures | predict_figures(estimator, shape, device, rounds)


def predict_figures(estimator: Any, shape: Shape, device: str, rounds: int) -> Figures:
    """Predictions of the test rows and of one row, beside the module on ready batches."""
    X, _ = make_data(shape, shape.n_test, seed=1)
    module = estimator.net_.module_
    batches = inference_batches(X, device)
    rows = [X[row : row + 1] for row in range(ONE_ROW)]
    alone = [inference_batches(row, device) for row in rows]

    def one_each() -> float:
        return statistics.median(clock(partial(estimator.predict, row), device) for row in rows)

    def one_each_bare() -> float:
        return statistics.median(bare_predict(module, batch, device) for batch in alone)

    return medians(
        {
            "predict": lambda: clock(lambda: estimator.predict(X), device),
            "predict, a": lambda: bare_predict(module, batches, device),
            "one": one_each,
            "one, a": one_each_bare,
        },
        rounds,
    )


def growth_figures(shapes: dict[int, Shape], device: str, rounds: int) -> Figures:
    """Seconds of an epoch as something grows, and the exponent of a power law through them."""
    runs: dict[str, Callable[[], float]] = {}
    for number, shape in shapes.items():
        X, y = make_data(shape, shape.n_train)
        estimator = make_estimator(shape, device).fit(X, y)

        def run(estimator: Any = estimator, X: Any = X, y: Any = y) -> float:
            estimator.partial_fit(X, y)
            return float(estimator.net_.history[-1, "dur"])

        runs[str(number)] = run
    seconds = medians(runs, rounds)
    slope, _ = np.polyfit(np.log(list(shapes)), np.log(list(seconds.values())), 1)
    return {"seconds": seconds, "exponent": float(slope)}


def by_rows(device: str, quick: bool, rounds: int) -> Figures:
    """Seconds of an epoch by the number of rows."""
    modalities = {"audio": Modality(100, 20, 32)}
    numbers = [rows // 10 for rows in ROWS] if quick else ROWS
    shapes = {rows: Shape("rows", rows, 0, modalities) for rows in numbers}
    return growth_figures(shapes, device, rounds)


def by_length(device: str, quick: bool, rounds: int) -> Figures:
    """Seconds of an epoch by the padded length."""
    n_rows = 64 if quick else 256
    shapes = {
        steps: Shape("length", n_rows, 0, {"audio": Modality(steps, 20, 64)}) for steps in STEPS
    }
    return growth_figures(shapes, device, rounds)


def fit_in_worker(X: Any, y: Any, device: str) -> dict[str, float]:
    """Growth of a worker's private memory over a fit, and the threads that torch has there."""
    start = speed_memory.private_bytes()
    make_estimator(MOSI, device).fit(X, y)
    growth = speed_memory.private_bytes() - start
    return {"growth GB": growth / 1e9, "threads": float(torch.get_num_threads())}


def search_figures(device: str, quick: bool, rounds: int) -> Figures:
    """A grid search of four candidates: two workers, one with all cores, one with one thread."""
    shape = MOSI.with_rows(64 if quick else 384)
    X, y = make_data(shape, shape.n_train)
    estimator = make_estimator(shape, device, max_epochs=2)
    grid = {"lr": [1e-3, 2e-3], "label_mixing": [0.3, 0.5]}

    def search(n_jobs: int, threads: int | None = None) -> float:
        before = torch.get_num_threads()
        torch.set_num_threads(threads or before)
        try:
            searched = GridSearchCV(estimator, grid, cv=2, n_jobs=n_jobs, refit=False)
            return clock(lambda: searched.fit(X, y), device)
        finally:
            torch.set_num_threads(before)

    # Workers import the package before their first fit; that happens once a session.
    workers = joblib.Parallel(n_jobs=2)(
        joblib.delayed(fit_in_worker)(X, y, device) for _ in range(4)
    )
    figures: Figures = medians(
        {
            "2 workers": lambda: search(2),
            "1, all": lambda: search(1),
            "1, one": lambda: search(1, 1),
        },
        rounds,
    )
    figures["worker growth GB"] = max(worker["growth GB"] for worker in workers[2:])
    figures["worker threads"] = workers[0]["threads"]
    figures["data GB"] = sum(array.nbytes for array in X.arrays.values()) / 1e9
    return figures


def mmsa_figures(device: str, quick: bool, rounds: int) -> Figures:
    """Self-MM as MMSA trains it, and our epoch, both with a small BERT over token ids."""
    if not speed_mmsa.installed():
        return {"error": "MMSA is not installed"}
    shape = with_tokens(MOSI.with_rows(64, 64) if quick else MOSI)
    train = make_data(shape, shape.n_train)
    test = make_data(shape, shape.n_test, seed=1)

    def measure(bert: str) -> Figures:
        estimators = {
            name: make_estimator(replace(shape, batch_size=size), device, bert).fit(*train)
            for name, size in (("ours", shape.batch_size), ("ours, 64", 64))
        }
        seconds: dict[str, list[float]] = {name: [] for name in (*estimators, "predict")}

        def ours() -> None:
            for name, estimator in estimators.items():
                # The first epoch of two finds caches as MMSA left them, and does not count.
                estimator.partial_fit(*train)
                estimator.partial_fit(*train)
                seconds[name].append(float(estimator.net_.history[-1, "dur"]))
            predict = partial(estimators["ours"].predict, test[0])
            seconds["predict"].append(clock(predict, device))

        with tempfile.TemporaryDirectory() as folder:
            theirs = speed_mmsa.measure(
                train, test, bert, Path(folder), shape.batch_size, rounds, ours
            )
        figures = {name: statistics.median(values[2:]) for name, values in seconds.items()}
        return figures | {"mmsa epoch": theirs["epoch s"], "mmsa predict": theirs["predict s"]}

    return with_bert(measure)


def memory_figures(device: str, quick: bool) -> Figures:
    """Private memory of fits, each in a process of its own."""
    return {kind: speed_memory.measure(kind, device, quick) for kind in ("mosi", "mosei", "mapped")}


def draw(results: Figures, path: Path) -> None:
    """Plot seconds of an epoch against rows and against length."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for axis, part, label in zip(axes, ("rows", "length"), ("rows", "steps"), strict=True):
        seconds = {int(key): value for key, value in results[part]["seconds"].items()}
        axis.loglog(list(seconds), list(seconds.values()), marker="o")
        exponent = results[part]["exponent"]
        axis.set(xlabel=label, ylabel="seconds an epoch", title=f"exponent {exponent:.2f}")
        axis.grid(visible=True, which="both", alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def goals(results: Figures) -> pd.DataFrame:
    """What was aimed at, what came out, and whether that is enough."""
    table = []
    for name, part, compute, sense, bound in GOALS:
        figures = results.get(part)
        if not figures or "error" in figures:
            continue
        value = compute(figures)
        met = value <= bound if sense == "<=" else value >= bound
        table.append({"what": name, "figure": value, "goal": f"{sense} {bound}", "met": met})
    return pd.DataFrame(table)


def show(results: Figures) -> None:
    """Print all tables."""
    shapes = ("mosi", "features", "mosei")
    epochs = {name: results[name] for name in shapes if "ours" in results.get(name, {})}
    if epochs:
        print("\nSeconds of an epoch and of predictions\n")
        print(pd.DataFrame(epochs).T.rename_axis("shape").T.to_markdown(floatfmt=".4f"))
    for part in ("rows", "length", "search", "mmsa", "memory"):
        if part in results:
            print(f"\n{part}\n")
            print(json.dumps(results[part], indent=2))
    print("\nGoals\n")
    print(goals(results).to_markdown(index=False, floatfmt=".3f"))


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument("--device", default=device)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=None)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parts = ("mosi", "features", "mosei", "rows", "length", "memory", "search", "mmsa")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    options = parser.parse_args()
    device, quick = options.device, options.quick
    rounds = options.rounds or (2 if quick else 5)
    few = min(rounds, 3)

    def shape(full: Shape) -> Shape:
        return full.with_rows(96, 64) if quick else full

    def with_tokens_of(full: Shape, rounds: int) -> Figures:
        tokens = with_tokens(shape(full))
        return with_bert(lambda bert: epoch_figures(tokens, device, rounds, bert))

    measures: dict[str, Callable[[], Figures]] = {
        "memory": lambda: memory_figures(device, quick),
        "mosi": lambda: with_tokens_of(MOSI, rounds),
        "features": lambda: epoch_figures(shape(MOSI), device, few),
        "mosei": lambda: with_tokens_of(MOSEI, few),
        "rows": lambda: by_rows(device, quick, few),
        "length": lambda: by_length(device, quick, few),
        "search": lambda: search_figures(device, quick, few),
        "mmsa": lambda: mmsa_figures(device, quick, rounds),
    }
    results: Figures = {
        "machine": {
            "device": torch.cuda.get_device_name() if device.startswith("cuda") else device,
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "torch": torch.__version__,
        }
    }
    print(json.dumps(results["machine"]))
    for name, measure in measures.items():
        if name not in options.parts:
            continue
        start = time.perf_counter()
        try:
            results[name] = measure()
        except Exception as error:
            # The other parts took minutes: they are kept.
            results[name] = {"error": f"{type(error).__name__}: {error}"}
            print(results[name]["error"])
        print(f"{name}: measured in {time.perf_counter() - start:.0f} s", flush=True)
    show(results)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    if options.plot and all("seconds" in results.get(part, {}) for part in ("rows", "length")):
        draw(results, options.plot)
        print(options.plot)


if __name__ == "__main__":
    main()
