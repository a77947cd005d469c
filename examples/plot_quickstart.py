"""
Quickstart: sentiment from three modalities
===========================================

Fit a regressor on text, audio and vision sequences, compare it with ridge regression on pooled
features, and see what each modality says alone.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import RidgeCV
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.metrics import acc2_nonzero_score, corr_score, mae_score

# %%
# The data
# --------
# The generated clips hide the sentiment in a few cue steps of every sequence. ``X`` is a
# `MultimodalData`: padded arrays and valid lengths by modality, whose rows index like an array.

data = make_multimodal_sentiment(800, random_state=0)
X_train, X_test, y_train, y_test = train_test_split(data.X, data.y, random_state=0)
print(data.X)

# %%
# Fit
# ---
# A part of the training rows is held out; training stops when the loss on them no longer improves,
# and the best epoch is restored.

regressor = TAMULAGRegressor(random_state=0).fit(X_train, y_train)
print(f"{regressor.n_iter_} epochs, the best was number {regressor.best_iter_}")
regressor.history_[["train_loss", "valid_loss", "dur"]].tail().round(3)

# %%
# A simple baseline
# -----------------
# Ridge regression cannot read sequences. It gets the mean of every feature over the valid steps,
# in which the few steps that carry the signal drown.


def pooled_features(X):
    """Return the mean of every feature over the valid steps, of shape (n, sum of d)."""
    # Padding is zero, so it adds nothing to the sums.
    means = [
        X.arrays[name].sum(axis=1) / np.maximum(X.lengths[name], 1)[:, np.newaxis]
        for name in X.modalities
    ]
    return np.concatenate(means, axis=1)


ridge = make_pipeline(
    FunctionTransformer(pooled_features), StandardScaler(), RidgeCV(np.logspace(-2, 4, 13))
)
ridge.fit(X_train, y_train)

# %%
# Compare
# -------
# The same network predicts from each modality alone, with the heads that the generated labels
# train. Acc2 is the share of rows whose sign is right.

prediction = regressor.predict(X_test)
alone = regressor.predict_unimodal(X_test)
predictions = {
    "TAM-ULAG": prediction,
    **{f"TAM-ULAG, {name} alone": alone[name] for name in alone},
    "ridge, pooled features": ridge.predict(X_test),
}
scores = {"MAE": mae_score, "correlation": corr_score, "Acc2": acc2_nonzero_score}
pd.DataFrame(
    {
        column: {model: score(y_test, values) for model, values in predictions.items()}
        for column, score in scores.items()
    }
).round(3)

# %%
# Predictions beside the truth
# ----------------------------

shown = {"TAM-ULAG": prediction, "ridge on pooled features": predictions["ridge, pooled features"]}
figure, panels = plt.subplots(
    1, 2, figsize=(7.6, 4.3), sharex=True, sharey=True, layout="constrained"
)
for panel, (model, values) in zip(panels, shown.items(), strict=True):
    panel.scatter(y_test, values, s=14, alpha=0.6, color="#3b6f9e", linewidths=0)
    panel.axline((0, 0), slope=1, color="0.25", linestyle="--", linewidth=1)
    panel.set(xlabel="sentiment of the test row", xlim=(-3.3, 3.3), ylim=(-3.3, 3.3), box_aspect=1)
    panel.set_title(f"{model}\nMAE = {mae_score(y_test, values):.2f}", fontsize="medium")
    panel.spines[["top", "right"]].set_visible(False)
panels[0].set_ylabel("prediction")
plt.show()
