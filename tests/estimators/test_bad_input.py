"""Bad input: a message that names what is wrong, before any training."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from sklearn_tamulag import MultimodalData
from tests.small_fits import classifier, clips, regressor, three_classes

N = 12
X, Y = clips(N)
CLASSES = three_classes(Y)
NAN_ROW = {"text": np.zeros((N, 3, 2)), "audio": np.zeros((N, 4, 1))}


def with_value(value, row=5, step=2):
    arrays = {name: array.copy() for name, array in NAN_ROW.items()}
    arrays["audio"][row, step, 0] = value
    return arrays


def edited(values, place, value):
    values = np.array(values, dtype=object if isinstance(value, str | None) else None)
    values[place] = value
    return values


# What fit is called with, and what its message says.
FIT = {
    "no form": ({"X": object()}, "X is of type object.*dict .*DataFrame.*2-D array"),
    "a string": ({"X": "clips"}, "X is of type str"),
    "an array of three dimensions": ({"X": np.zeros((N, 3, 2))}, "dict {name: array}"),
    "no rows": ({"X": X[:0], "y": []}, "X has no rows"),
    "no rows in a table": ({"X": np.zeros((0, 2)), "y": []}, "0 sample"),
    "no modalities": ({"X": {}}, "at least one modality"),
    "rows that differ": (
        {"X": {"text": np.zeros((N, 3, 2)), "audio": np.zeros((N - 1, 3, 2))}},
        "same number of rows.*'text' has 12.*'audio' has 11",
    ),
    "feature sizes that differ": (
        {"X": {"text": [np.zeros((2, 3))] * (N - 1) + [np.zeros((2, 4))]}},
        "'text' has .*4.* at row 11",
    ),
    "nan": ({"X": with_value(np.nan)}, "'audio' has nan at row 5, step 2"),
    "infinity": ({"X": with_value(np.inf)}, "'audio' has inf at row 5, step 2"),
    "nan in a table": ({"X": np.full((N, 2), np.nan)}, "X contains NaN"),
    "strings": ({"X": pd.DataFrame({"text": ["good"] * N})}, "'text'.* strings"),
    "token ids": ({"X": {"text": np.ones((N, 4), dtype=int)}}, "'text' holds token ids"),
    "a sparse matrix": ({"X": sparse.csr_matrix((N, 3))}, "[Ss]parse"),
    "a modality nobody has": ({"X": {"text": [None] * N}}, "'text' is missing in every row"),
    "a row without modalities": (
        {"X": MultimodalData({"text": np.ones((N, 3, 1))}, {"text": [3] * (N - 1) + [0]})},
        "no modality in row 11",
    ),
    "y of another length": ({"y": Y[:-1]}, "y must have one value per row of X.*12 rows, y has 11"),
    "no y": ({"y": None}, "requires y to be passed, but the target y is None"),
    "weights of another length": ({"sample_weight": np.ones(N - 1)}, "sample_weight"),
    "negative weights": ({"sample_weight": -np.ones(N)}, "sample_weight"),
    "weights of zero": ({"sample_weight": np.zeros(N)}, "[Ss]ample.weight"),
    "nan in weights": ({"sample_weight": edited(np.ones(N), 3, np.nan)}, "sample_weight"),
    "groups of another length": (
        {"groups": np.arange(N - 1)},
        "groups must have one value per row",
    ),
    "one group": ({"groups": np.zeros(N)}, "early_stopping=True with groups.* 2 groups; got 1"),
    "X_val alone": ({"X_val": X}, "X_val and y_val must be given together"),
    "y_val of another length": ({"X_val": X, "y_val": CLASSES[:3]}, "y_val must have one value"),
    "X_val of other modalities": (
        {"X_val": X.select("text"), "y_val": CLASSES},
        "missing: 'audio'",
    ),
}
REGRESSION = {
    "y with nan": ({"y": edited(Y, 2, np.nan)}, "y contains NaN"),
    "y with infinity": ({"y": edited(Y, 2, np.inf)}, "y contains infinity"),
    "y of several outputs": ({"y": np.zeros((N, 2))}, r"y should be a 1d array.*\(12, 2\)"),
    "y of words": ({"y": CLASSES}, "^y must hold numbers: could not convert string"),
    "y_val with nan": ({"X_val": X, "y_val": edited(Y, 2, np.nan)}, "y_val contains NaN"),
}
CLASSIFICATION = {
    "y with nan": ({"y": edited(np.sign(Y), 2, np.nan)}, "y must have a class for every row"),
    "y with none": ({"y": edited(CLASSES, 2, None)}, "y must have a class for every row"),
    "y with infinity": ({"y": edited(np.sign(Y), 2, np.inf)}, "y contains infinity"),
    "y of several outputs": ({"y": np.zeros((N, 2))}, r"y should be a 1d array.*\(12, 2\)"),
    "a continuous y": ({"y": Y}, "Unknown label type.*continuous"),
    "one class only": ({"y": ["up"] * N}, "y must have at least two classes.*'up'"),
    "one class of positive weight": (
        {"sample_weight": (CLASSES == "up").astype(float)},
        "at least two classes.*'up'",
    ),
    "an unknown class in y_val": (
        {"X_val": X, "y_val": ["sideways"] * N},
        "y_val has the unknown class 'sideways'",
    ),
}


def refused(estimator, arguments, message, y):
    with pytest.raises((ValueError, TypeError), match=f"(?s){message}"):
        estimator.fit(**({"X": X, "y": y} | arguments))
    assert not hasattr(estimator, "net_")


@pytest.mark.parametrize(("arguments", "message"), FIT.values(), ids=FIT.keys())
@pytest.mark.parametrize("classifies", [False, True], ids=["regressor", "classifier"])
def test_fit_refuses(arguments, message, classifies):
    refused(
        *(
            (classifier(), arguments, message, CLASSES)
            if classifies
            else (
                regressor(),
                {k: Y[: len(v)] if k == "y_val" else v for k, v in arguments.items()},
                message,
                Y,
            )
        )
    )


@pytest.mark.parametrize(("arguments", "message"), REGRESSION.values(), ids=REGRESSION.keys())
def test_the_regressor_refuses(arguments, message):
    refused(regressor(), arguments, message, Y)


@pytest.mark.parametrize(
    ("arguments", "message"), CLASSIFICATION.values(), ids=CLASSIFICATION.keys()
)
def test_the_classifier_refuses(arguments, message):
    refused(classifier(), arguments, message, CLASSES)


@pytest.mark.parametrize("lengths", [[7, 3], [-1, 3], [2.5, 3]])
def test_lengths_outside_the_padded_steps(lengths):
    with pytest.raises((ValueError, TypeError), match="lengths of modality 'text' must"):
        MultimodalData({"text": np.zeros((2, 4, 1))}, {"text": lengths})


def test_one_row_cannot_be_held_out():
    refused(regressor(), {"X": X[:1]}, "early_stopping=True .* n_samples=1", Y[:1])


OPTIONS = {
    "hidden_size": 0,
    "num_layers": 1.5,
    "cell": "rnn",
    "bidirectional": "yes",
    "step_path": "yes",
    "embedding_size": -1,
    "unimodal_size": 0,
    "fusion_size": None,
    "attention": "median",
    "fusion": "sum",
    "label_generation": "oracle",
    "label_mixing": 1.5,
    "unimodal_weight": -1.0,
    "temperature": 0,
    "expert_size": 0,
    "neutral": "zero",
    "target_scale": 0.0,
    "encoders": ["lstm"],
    "dropout": 1.0,
    "modality_dropout": 1.0,
    "max_epochs": 0,
    "batch_size": 0,
    "lr": -0.1,
    "weight_decay": -1,
    "gradient_accumulation": 0,
    "gradient_clipping": 0,
    "weight_averaging": "mean",
    "warmup": 1.0,
    "schedule": "stairs",
    "early_stopping": 3,
    "validation_fraction": 1.0,
    "n_iter_no_change": 0,
    "refit": "yes",
    "optimizer": "newton",
    "device": 3,
    "precision": "float8",
    "compile": "yes",
    "expected_modalities": "text",
    "allow_missing": "yes",
    "checkpoint": 3,
    "callbacks": "progress",
    "warm_start": "no",
    "random_state": "seed",
    "verbose": -1,
}


@pytest.mark.parametrize(("name", "value"), OPTIONS.items(), ids=OPTIONS.keys())
def test_options_outside_their_list(name, value):
    for estimator, y in ((regressor(), Y), (classifier(), CLASSES)):
        given = re.escape(repr(value))
        message = f"The '{name}' parameter of {type(estimator).__name__} must be .*Got {given}"
        refused(estimator.set_params(**{name: value}), {}, message, y)


def test_every_option_is_tested():
    assert set(OPTIONS) == set(regressor().get_params())
    assert set(classifier().get_params()) - set(OPTIONS) == {"class_weight"}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("attention", "median", ["gate", "last", "mean", "softmax"]),
        ("fusion", "sum", ["concat", "cross", "semantic"]),
        ("label_generation", "oracle", ["auto", "calibrated", "none", "ulag", "ulgm"]),
        ("precision", "float8", ["bfloat16", "float32", "float64"]),
        ("schedule", "stairs", ["constant", "cosine", "linear"]),
    ],
)
def test_messages_list_what_is_allowed(name, value, words):
    with pytest.raises(ValueError, match=name) as caught:
        regressor(**{name: value}).fit(X, Y)
    assert all(repr(word) in str(caught.value) for word in words)


BY_MODALITY = [
    ({"dropout": {"smell": 0.1, "rest": 0}}, "dropout names 'smell'; allowed are 'text', 'audio'"),
    ({"dropout": {"text": 0.1}}, "dropout has no value for 'audio', 'rest'"),
    ({"dropout": {"text": 1.5, "rest": 0}}, r"dropout\['text'\] must be .* got 1.5"),
    ({"lr": {"text": "fast", "rest": 0}}, r"lr\['text'\] must be .* got 'fast'"),
    ({"weight_decay": {"rest": -1}}, r"weight_decay\['text'\] must be"),
    ({"embedding_size": {"text": 0, "audio": 3}}, r"embedding_size\['text'\] must be"),
    ({"embedding_size": {"text": 4}}, "embedding_size has no value for 'audio'"),
    ({"encoders": {"smell": {}}}, "encoders names the modalities .*'smell'.*'text', 'audio'"),
    ({"encoders": {"text": 8}}, r"encoders\['text'\] must be a dict of options, got 8"),
    (
        {"encoders": {"text": {"width": 8}}},
        "'width', which a recurrent encoder .*allowed are .*'hidden_size'",
    ),
    ({"encoders": {"text": {"hidden_size": 0}}}, r"encoders\['text'\]\['hidden_size'\] must be"),
    ({"encoders": {"text": {"cell": "rnn"}}}, r"encoders\['text'\]\['cell'\] must be .*'gru'"),
    ({"device": "abacus"}, "device must be 'auto' or a device that torch can use.*'abacus'"),
]


@pytest.mark.parametrize(("params", "message"), BY_MODALITY)
def test_options_by_modality(params, message):
    refused(regressor(**params), {}, message, Y)


@pytest.mark.parametrize("weights", [{"up": -1.0}, dict.fromkeys(["up", "flat", "down"], 0.0)])
def test_class_weights_that_leave_nothing(weights):
    refused(classifier(class_weight=weights), {}, "class_weight", CLASSES)


PREDICT = {
    "an unknown modality": (
        lambda X: MultimodalData({**X.arrays, "smell": np.ones((N, 1, 1))}, X.lengths),
        "unknown: 'smell'",
    ),
    "a missing modality": (lambda X: X.select("text"), "missing: 'audio'"),
    "another feature size": (
        lambda X: {"text": X.arrays["text"], "audio": np.zeros((N, 2, 7))},
        "'audio' has 7 features, expected 3 features",
    ),
    "a table": (lambda X: np.zeros((N, 2)), "Expected the modalities 'text', 'audio'"),
    "nan": (
        lambda X: {"text": X.arrays["text"], "audio": np.full((N, 2, 3), np.nan)},
        "'audio' has nan at row 0, step 0",
    ),
    "no rows": (lambda X: X[:0], "X has no rows"),
    "no form": (lambda X: 3, "X is of type int|Expected the modalities"),
}
METHODS = ["predict", "transform", "predict_unimodal", "temporal_attention"]


@pytest.fixture(scope="module")
def fitted():
    return regressor(max_epochs=1).fit(X, Y)


@pytest.mark.parametrize(("change", "message"), PREDICT.values(), ids=PREDICT.keys())
@pytest.mark.parametrize("method", METHODS)
def test_predict_refuses(fitted, method, change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        getattr(fitted, method)(change(X))


def test_another_number_of_columns_at_predict():
    estimator = regressor(max_epochs=1).fit(np.eye(N), Y)
    with pytest.raises(ValueError, match="12 features"):
        estimator.predict(np.zeros((2, 5)))


@pytest.mark.parametrize("method", METHODS)
def test_an_estimator_that_was_not_fitted_says_so(method):
    with pytest.raises(ValueError, match="not fitted yet"):
        getattr(regressor(), method)(X)


def test_partial_fit_needs_the_classes_first():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, CLASSES)
    with pytest.raises(ValueError, match="at least two classes"):
        classifier().partial_fit(X, ["up"] * N, classes=["up"])
    with pytest.raises(ValueError, match="unknown class 'flat'"):
        classifier().partial_fit(X, CLASSES, classes=["up", "down"])


def test_a_refused_fit_keeps_the_former_net():
    estimator = regressor().fit(X, Y)
    net, expected = estimator.net_, estimator.predict(X)
    with pytest.raises(ValueError, match="y contains NaN"):
        estimator.fit(X, np.full(N, np.nan))
    assert estimator.net_ is net
    np.testing.assert_array_equal(estimator.predict(X), expected)
