"""Equal bits in another process and under joblib; global random states stay, errors included."""

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed

from tests.small_fits import classifier, clips, regressor, three_classes

X, Y = clips(20, missing=True)
OPTIONS = {"dropout": 0.3, "modality_dropout": 0.3, "batch_size": 6, "max_epochs": 3}


def fingerprint(kind):
    """A hash of all that a fit has learned and of what it predicts."""
    X, y = clips(20, missing=True)
    build = {"regressor": regressor, "classifier": classifier}[kind]
    estimator = build(**OPTIONS).fit(X, y if kind == "regressor" else three_classes(y))
    digest = hashlib.sha256(estimator.transform(X).tobytes())
    digest.update(estimator.unimodal_label_history_.tobytes())
    for weight in estimator.net_.module_.parameters():
        digest.update(weight.detach().numpy().tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("kind", ["regressor", "classifier"])
def test_a_fresh_process_gives_equal_bits(kind):
    program = (
        "import torch; torch.set_num_threads(1)\n"
        "from tests.estimators.test_determinism import fingerprint\n"
        f"print(fingerprint({kind!r}))"
    )
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONHASHSEED": "7"}
    finished = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        cwd=root,
        env=environment,
    )
    assert finished.stdout.strip() == fingerprint(kind), finished.stderr


def predictions(seed):
    torch.set_num_threads(1)
    return regressor(random_state=seed, **OPTIONS).fit(X, Y).predict(X)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_gives_equal_bits(backend):
    alone = [predictions(seed) for seed in range(2)]
    workers = Parallel(n_jobs=1 if backend == "threading" else 2, backend=backend)
    together = workers(delayed(predictions)(seed) for seed in range(2))
    np.testing.assert_array_equal(together, alone)


class Failing(torch.optim.SGD):
    """Fails from its second step on, after dropout has drawn."""

    steps = 0

    def step(self, closure=None):
        self.steps += 1
        if self.steps >= 2:
            raise RuntimeError("on purpose")
        return super().step(closure)


def states():
    numpy_state = np.random.get_state()
    return (
        random.getstate(),
        numpy_state[1].tolist(),
        numpy_state[2:],
        torch.get_rng_state().tolist(),
    )


@pytest.mark.parametrize("build", [regressor, classifier])
def test_global_random_states_stay_also_where_a_call_fails(build):
    y = Y if build is regressor else three_classes(Y)
    before = states()
    estimator = build(**OPTIONS).fit(X, y)
    estimator.predict(X)
    estimator.predict_unimodal(X)
    estimator.partial_fit(X, y)
    assert states() == before
    failing = build(**OPTIONS | {"early_stopping": False}).set_params(optimizer=Failing)
    for call in ("fit", "partial_fit"):
        classes = {"classes": np.unique(y)} if (build, call) == (classifier, "partial_fit") else {}
        with pytest.raises(RuntimeError, match="on purpose"):
            getattr(failing, call)(X, y, **classes)
        assert states() == before
    with pytest.raises(ValueError, match="X has no rows"):
        estimator.predict(X[:0])
    with pytest.raises(ValueError, match="loss"):
        build(**OPTIONS | {"lr": 1e30, "optimizer": "sgd", "gradient_clipping": None}).fit(X, y)
    assert states() == before
