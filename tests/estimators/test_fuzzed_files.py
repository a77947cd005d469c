"""A thousand mutated files and every forged one: refused or loaded, and nothing else happens."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.persistence.bombs import BOMBS

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="reads Linux's /proc"
)


def fuzzed(folder, n_mutations, size):
    """Run the loads in a process of their own, and return what it reports by kind of file."""
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.estimators.fuzzed_loads",
            folder,
            str(n_mutations),
            str(size),
        ],
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    return json.loads(finished.stdout)


@pytest.mark.slow
def test_mutated_and_forged_files_do_nothing_but_fail(tmp_path):
    report = fuzzed(tmp_path, 1000, 50_000)
    print(json.dumps(report, indent=1))
    assert {kind: row["wrong"] for kind, row in report.items() if row["wrong"]} == {}
    forged = {kind: row for kind, row in report.items() if kind in BOMBS}
    assert forged.keys() == BOMBS.keys()
    assert all(row["refused"] == 1 for row in forged.values())
    mutated = [row for kind, row in report.items() if kind not in BOMBS]
    assert sum(row["tried"] for row in mutated) == 1000
    # What remains loads: a digit of a weight may well be another one.
    assert sum(row["refused"] for row in mutated) > 300
    assert {kind: row["seconds"] for kind, row in report.items() if row["seconds"] > 10} == {}
    over = {kind: row["share"] for kind, row in report.items() if row["share"] > 1}
    assert over == {}
