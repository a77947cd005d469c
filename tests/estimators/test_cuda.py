"""Fits on a GPU: they come to what the CPU comes to, repeat, resume, and leave random states alone.

A machine without CUDA skips them all.
"""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from tests.small_fits import STRICT, classifier, clips, regressor, three_classes
from tests.tiny_bert import tiny_texts
from tests.training.resuming.equal_fits import Interrupt

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")

X, Y = clips(48, steps=24, missing=True)
LABELS = three_classes(Y)
BOTH = pytest.mark.parametrize(
    ("build", "y"), [(regressor, Y), (classifier, LABELS)], ids=["regressor", "classifier"]
)
# cuDNN's recurrent layers add up in an order that may differ between runs.
NEAR = {"rtol": 1e-4, "atol": 1e-4}


def scores(estimator, data=X):
    """Predictions as numbers, also of a classifier."""
    if hasattr(estimator, "classes_"):
        return estimator.predict_proba(data)
    return estimator.predict(data)


@BOTH
@pytest.mark.parametrize("fusion", ["concat", "cross", "semantic"])
@pytest.mark.parametrize("attention", ["softmax", "gate", "mean", "last"])
def test_a_network_of_the_cpu_predicts_the_same_on_the_gpu(build, y, fusion, attention, tmp_path):
    estimator = build(fusion=fusion, attention=attention, precision="float64").fit(X, y)
    estimator.save(tmp_path / "model")
    twin = type(estimator).load(tmp_path / "model", device="cuda")
    assert {weight.device.type for weight in twin.net_.module_.parameters()} == {"cuda"}
    np.testing.assert_allclose(scores(twin), scores(estimator), rtol=0, atol=1e-9)
    np.testing.assert_allclose(twin.transform(X), estimator.transform(X), rtol=0, atol=1e-9)
    for name, weights in estimator.temporal_attention(X).items():
        np.testing.assert_allclose(twin.temporal_attention(X)[name], weights, rtol=0, atol=1e-9)


@BOTH
def test_training_on_the_gpu_comes_to_what_the_cpu_comes_to(build, y):
    # One batch, float64 and no dropout: the same arithmetic but for its order.
    options = STRICT | {"max_epochs": 6, "lr": 1e-2}
    fits = [build(device=device, **options).fit(X, y) for device in ("cpu", "cuda")]
    np.testing.assert_allclose(scores(fits[1]), scores(fits[0]), rtol=0, atol=1e-6)
    labels = [fit.unimodal_labels_.to_numpy() for fit in fits]
    np.testing.assert_allclose(labels[1], labels[0], rtol=0, atol=1e-6)


@BOTH
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_seed_repeats_a_fit(build, y, precision):
    options = {"device": "cuda", "max_epochs": 4, "modality_dropout": 0.2, "precision": precision}
    one, other = (build(**options).fit(X, y) for _ in range(2))
    assert np.isfinite(scores(one)).all()
    loose = {"rtol": 0, "atol": 0.05} if precision == "bfloat16" else NEAR
    np.testing.assert_allclose(scores(other), scores(one), **loose)


@BOTH
def test_a_fit_learns_with_every_option(build, y):
    options = {
        "device": "cuda",
        "max_epochs": 30,
        "lr": 1e-2,
        "num_layers": 2,
        "bidirectional": True,
        "modality_dropout": 0.2,
        "gradient_accumulation": 2,
        "batch_size": 8,
        "warmup": 0.1,
        "schedule": "cosine",
    }
    estimator = build(**options).fit(X, y)
    assert estimator.score(X, y) > 0.5
    assert estimator.predict_unimodal(X).shape == (48, 2)


def test_random_states_are_left_alone():
    before = torch.get_rng_state(), torch.cuda.get_rng_state()
    regressor(device="cuda", dropout=0.5, modality_dropout=0.3).fit(X, Y)
    assert torch.equal(before[0], torch.get_rng_state())
    assert torch.equal(before[1], torch.cuda.get_rng_state())


def test_an_interrupted_fit_resumes(tmp_path):
    options = {"device": "cuda", "max_epochs": 5, "modality_dropout": 0.2, "batch_size": 8}
    unbroken = regressor(**options).fit(X, Y)
    with pytest.raises(KeyboardInterrupt):
        regressor(checkpoint=tmp_path, callbacks=[Interrupt(3)], **options).fit(X, Y)
    resumed = regressor(checkpoint=tmp_path, **options).fit(X, Y)
    assert resumed.n_iter_ == unbroken.n_iter_
    np.testing.assert_allclose(resumed.predict(X), unbroken.predict(X), **NEAR)


@pytest.mark.parametrize("trainable", [True, False])
def test_a_transformer_reads_strings(bert, trainable):
    texts, y = tiny_texts(24)
    audio = [np.asarray(X.arrays["audio"][row, :3]) for row in range(24)]
    encoder = {"transformer": bert, "lowercase": True, "trainable": trainable}

    frame = pd.DataFrame({"text": texts, "audio": audio})
    fitted = regressor(encoders={"text": encoder}, device="cuda", max_epochs=2).fit(frame, y)
    assert np.isfinite(fitted.predict(frame)).all()


@BOTH
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda fitted: pickle.loads(pickle.dumps(fitted))],
    ids=["copy", "pickle"],
)
def test_a_copy_predicts_as_fast(build, y, bidirectional, copied):
    # torch warns where the weights of a recurrent net lie scattered, and warnings are errors.
    estimator = build(device="cuda", bidirectional=bidirectional).fit(X, y)
    twin = copied(estimator)
    np.testing.assert_array_equal(scores(twin), scores(estimator))


def test_auto_takes_the_gpu():
    fitted = regressor(device="auto").fit(X, Y)
    assert {weight.device.type for weight in fitted.net_.module_.parameters()} == {"cuda"}
