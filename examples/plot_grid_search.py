"""
A grid search over a pipeline, with videos kept apart
=====================================================

Clips cut from one video resemble each other, so a fair score keeps the clips of a video together.
Here ragged sequences go through padding, scaling and the network in one pipeline, and a grid search
splits them by video.
"""

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import Pipeline

from sklearn_tamulag import MultimodalPadder, TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.preprocessing import SequenceScaler

# %%
# Ragged sequences in a DataFrame
# -------------------------------
# Data often come as one array per clip and modality, each of its own length. A dict of lists is
# enough for ``fit``. Cross-validation selects rows, which a dict does not have, so it takes a
# DataFrame with an array in every cell; the video of each clip is a column like any other.

data = make_multimodal_sentiment(300, random_state=0)
clips = {
    name: [
        steps[:length]
        for steps, length in zip(data.X.arrays[name], data.X.lengths[name], strict=True)
    ]
    for name in data.X.modalities
}
table = pd.DataFrame({**clips, "video": data.groups})
table.map(lambda cell: getattr(cell, "shape", cell)).head()

# %%
# The pipeline
# ------------
# The padder learns the lengths, and lets the videos travel with the rows. The regressor, which
# holds rows out to stop early, then keeps the videos apart as well.

pipeline = Pipeline(
    [
        ("pad", MultimodalPadder(groups="video")),
        ("scale", SequenceScaler()),
        ("model", TAMULAGRegressor(max_epochs=10, random_state=0)),
    ]
)
pipeline[:-1].fit_transform(table)

# %%
# The search
# ----------
# Every parameter of every step can be searched, by its name in the pipeline.

search = GridSearchCV(
    pipeline,
    {
        "model__attention": ["softmax", "mean", "last"],
        "model__hidden_size": [16, 64],
    },
    cv=GroupKFold(2),
    scoring="neg_mean_absolute_error",
)
search.fit(table, data.y, groups=table["video"])
print(search.best_params_)

results = pd.DataFrame(search.cv_results_)
errors = -results.pivot(
    index="param_model__attention",
    columns="param_model__hidden_size",
    values="mean_test_score",
)
errors.round(3)

# %%
# The mean absolute error over the folds. One fold is a dot.

attentions = ["softmax", "mean", "last"]
folds = [column for column in results if column.startswith("split") and column.endswith("score")]
figure, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
for offset, size, color in ((-0.2, 16, "#8fb3d1"), (0.2, 64, "#3b6f9e")):
    places = [place + offset for place in range(len(attentions))]
    heights = errors.loc[attentions, size]
    ax.bar(places, heights, width=0.36, color=color, label=f"hidden_size={size}")
    rows = results[results["param_model__hidden_size"] == size]
    rows = rows.set_index("param_model__attention").loc[attentions, folds]
    for fold in folds:
        ax.scatter(places, -rows[fold], s=16, color="0.2", zorder=2)
ax.set_xticks(range(len(attentions)), attentions)
ax.set(xlabel="attention", ylabel="mean absolute error", title="Lower is better")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# ``search`` is fitted on all rows with the best parameters, and predicts from a table of the same
# kind. The video is needed in training alone.

search.predict(table.drop(columns="video").head())
