"""Fits that are killed without warning and resumed come to the same as unbroken ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no SIGKILL")


def run(folder, max_epochs, how):
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.training.resuming.killed_fits",
            str(folder),
            str(max_epochs),
            how,
        ],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)


def test_a_fit_killed_in_an_epoch_and_while_saving_ends_as_an_unbroken_one(tmp_path):
    seen = run(tmp_path, 7, "moments")
    # What was being written when the process died stays beside the checkpoint, and harms nothing.
    assert seen == {"killed": 2, "left over": 1, "equal": True, "epochs": 7}


@pytest.mark.slow
def test_a_fit_killed_at_ten_random_moments_ends_as_an_unbroken_one(tmp_path):
    seen = run(tmp_path, 30, "random")
    assert seen["equal"]
    assert seen["epochs"] == 30
    # The last ones may find that the fit has ended.
    assert seen["killed"] >= 5
