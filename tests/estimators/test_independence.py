"""A row's outputs are its own: alone, in any batch, in any order, with any padding.

What not to inherit, 1: 31 of the 32 rows of a batch came out as a bias.
"""

import functools
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sklearn_tamulag import MultimodalData
from sklearn_tamulag.nn.attention import POOLINGS
from sklearn_tamulag.nn.encoders import CELLS
from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.nn.sequence_models import WHOLE_SEQUENCE_MODELS
from tests.small_fits import classifier, clips, regressor, three_classes

N = 9
X, Y = clips(N, steps=6, missing=True)
TOLERANCE = {"atol": 1e-5, "rtol": 0}


@functools.cache
def fitted(**params):
    """One small fit per configuration."""
    return regressor(max_epochs=1, **params).fit(X, Y)


def outputs(estimator, data):
    """All that an estimator says of some rows."""
    return {
        "predict": estimator.predict(data),
        "transform": estimator.transform(data),
        "predict_unimodal": estimator.predict_unimodal(data).to_numpy(),
        **estimator.temporal_attention(data),
    }


def assert_same(actual, expected, rows):
    for name, values in expected.items():
        wanted = values[rows]
        given_values = actual[name]
        if name in X.modalities:
            # Weights are as long as the padding; beyond the shorter one they are zero.
            steps = min(wanted.shape[1], given_values.shape[1])
            assert (given_values[:, steps:] == 0).all()
            assert (wanted[:, steps:] == 0).all()
            wanted, given_values = wanted[:, :steps], given_values[:, :steps]
        np.testing.assert_allclose(given_values, wanted, err_msg=name, **TOLERANCE)


def padded(data, extra):
    arrays = {
        name: np.pad(array, [(0, 0), (0, extra), (0, 0)]) for name, array in data.arrays.items()
    }
    return MultimodalData(arrays, data.lengths)


CONFIGURATIONS = [
    {"attention": attention, "num_layers": layers, "bidirectional": both, "cell": cell}
    for attention, layers, both, cell in itertools.product(POOLINGS, (1, 2), (False, True), CELLS)
]
CONFIGURATIONS += [{"num_layers": 2, "cell": cell} for cell in WHOLE_SEQUENCE_MODELS]
CONFIGURATIONS += [{"attention": "softmax", "step_path": True}]


@pytest.mark.parametrize(
    "params", CONFIGURATIONS, ids=lambda params: "-".join(map(str, params.values()))
)
@settings(max_examples=4)
@given(
    order=st.permutations(range(N)),
    size=st.integers(1, N),
    extra=st.integers(0, 7),
    repeats=st.integers(1, 3),
)
def test_outputs_of_a_row_are_its_own(params, order, size, extra, repeats):
    estimator = fitted(**params)
    rows = order[:size] * repeats
    assert_same(outputs(estimator, padded(X[rows], extra)), outputs(estimator, X), rows)


@pytest.mark.parametrize("fusion", FUSIONS)
@settings(max_examples=5)
@given(rows=st.lists(st.integers(0, N - 1), min_size=1, max_size=20), extra=st.integers(0, 7))
def test_outputs_of_every_fusion_are_a_rows_own(fusion, rows, extra):
    estimator = fitted(fusion=fusion, label_generation="ulag")
    assert_same(outputs(estimator, padded(X[rows], extra)), outputs(estimator, X), rows)


@pytest.mark.parametrize("attention", POOLINGS)
def test_a_row_alone(attention):
    estimator = fitted(attention=attention)
    expected = outputs(estimator, X)
    for row in range(N):
        assert_same(outputs(estimator, X[row]), expected, [row])


@pytest.mark.parametrize("batch_size", [1, 300])
def test_more_rows_than_an_inference_batch_holds(batch_size):
    estimator = fitted(batch_size=batch_size)
    rows = np.random.default_rng(0).integers(0, N, 600)
    assert_same(outputs(estimator, X[rows]), outputs(estimator, X), rows)


@settings(max_examples=5)
@given(order=st.permutations(range(N)), size=st.integers(1, N), extra=st.integers(0, 5))
def test_probabilities_of_a_row_are_its_own(order, size, extra):
    estimator = fitted_classifier()
    rows = list(order[:size])
    expected = estimator.predict_proba(X)[rows]
    np.testing.assert_allclose(
        estimator.predict_proba(padded(X[rows], extra)), expected, **TOLERANCE
    )


@functools.cache
def fitted_classifier():
    return classifier(max_epochs=1).fit(X, three_classes(Y))


@settings(max_examples=5)
@given(garbage=st.sampled_from([1e9, -5.0, np.nan, np.inf]), seed=st.integers(0, 3))
def test_what_stands_on_padding_does_not_matter(garbage, seed):
    estimator = fitted()
    arrays = {
        name: np.where(X.mask(name)[:, :, np.newaxis], array, garbage)
        for name, array in X.arrays.items()
    }
    rows = np.random.default_rng(seed).permutation(N)
    dirty = MultimodalData(arrays, X.lengths)[rows]
    assert_same(outputs(estimator, dirty), outputs(estimator, X), rows)


def test_padding_does_not_matter_in_fit():
    options = {"early_stopping": False, "precision": "float64"}
    short = regressor(**options).fit(X, Y)
    long = regressor(**options).fit(padded(X, 11), Y)
    np.testing.assert_allclose(long.predict(X), short.predict(X), atol=1e-12)
    np.testing.assert_allclose(long.unimodal_labels_, short.unimodal_labels_, atol=1e-12)
