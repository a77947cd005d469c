"""Small data and quick estimators that several tests share."""

import numpy as np

from sklearn_tamulag import MultimodalData, TAMULAGClassifier, TAMULAGRegressor

SIZES = {"text": 4, "audio": 3}
# Spelled out, so that what these tests see does not hang on the defaults.
SMALL = {
    "hidden_size": 6,
    "embedding_size": 8,
    "fusion_size": 8,
    "attention": "softmax",
    "fusion": "concat",
    "label_mixing": 0.5,
    "temperature": 0.1,
    "dropout": 0.1,
    "max_epochs": 2,
    "batch_size": 32,
    "lr": 2e-3,
    "weight_decay": 1e-4,
    "gradient_clipping": 1.0,
    "validation_fraction": 0.15,
    "n_iter_no_change": 10,
    "optimizer": "adamw",
    "device": "cpu",
}
# Every run is the same arithmetic whatever the order of the rows.
STRICT = {"precision": "float64", "dropout": 0, "early_stopping": False, "batch_size": None}


def clips(n_rows=24, *, seed=0, steps=5, missing=False, groups=False):
    """Ragged rows whose first feature carries y, and y with both signs."""
    random = np.random.default_rng(seed)
    y = random.normal(size=n_rows)
    arrays, lengths = {}, {}
    for name, size in SIZES.items():
        lengths[name] = random.integers(1, steps + 1, n_rows)
        arrays[name] = random.normal(size=(n_rows, steps, size))
        arrays[name][:, :, 0] += y[:, np.newaxis]
    if missing:
        lengths["audio"][1::4] = 0
    videos = np.repeat(np.arange(n_rows), 3)[:n_rows] if groups else None
    return MultimodalData(arrays, lengths, groups=videos), y


def three_classes(y):
    """Names of classes for the low, middle and high values of y."""
    return np.array(["down", "flat", "up"])[np.digitize(y, [-0.4, 0.4])]


def regressor(**params):
    """A small regressor."""
    return TAMULAGRegressor(**({"random_state": 0} | SMALL | params))


def classifier(**params):
    """A small classifier."""
    return TAMULAGClassifier(**({"random_state": 0, "label_generation": "soft"} | SMALL | params))
