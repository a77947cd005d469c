"""
Looking at the attention and at the generated labels
====================================================

Which steps did the model weigh, and what does it believe about each modality? In generated data
both have an answer: the cue steps and the sentiment of every modality are known.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.datasets import make_multimodal_sentiment
from sklearn_tamulag.inspection import TemporalAttentionDisplay, UnimodalLabelDisplay
from sklearn_tamulag.metrics import corr_score

# %%
# Fit
# ---

data = make_multimodal_sentiment(800, random_state=0)
train, test = train_test_split(range(800), test_size=0.25, random_state=0)
regressor = TAMULAGRegressor(random_state=0).fit(data.X[train], data.y[train])

# %%
# Attention over time
# -------------------
# One test row, a panel per modality. The weights of a row sum to one, and the dashed line is the
# weight that every step would have without a preference. Cue steps are orange.

TemporalAttentionDisplay.from_estimator(
    regressor,
    data.X[test],
    row=0,
    cues={name: steps[test] for name, steps in data.cues.items()},
)
plt.show()

# %%
# One row may be luck. Over all test rows, this is the share of the weight that lies on cue steps,
# beside the share of the steps that are cues.

attention = regressor.temporal_attention(data.X[test])
pd.DataFrame(
    {
        name: {
            "cues among the steps": cues[test].sum() / data.X.lengths[name][test].sum(),
            "weight on the cues": (attention[name] * cues[test]).sum(axis=1).mean(),
        }
        for name, cues in data.cues.items()
    }
).T.round(3)

# %%
# The recurrent state at a step also remembers the steps before it, so weight that lies just after
# a cue still reads the cue.
#
# Generated labels
# ----------------
# The model was given y and nothing else. Its labels for the single modalities start as y and move
# while it trains. Below each modality stands how they correlate with the truth, and how y does.

UnimodalLabelDisplay.from_estimator(
    regressor, truth=data.unimodal_labels.iloc[train], y=data.y[train]
)
plt.show()

# %%
# ``unimodal_label_history_`` has the labels of every epoch. In the first they are y itself. The
# dotted line is the epoch whose weights were kept.

truth = data.unimodal_labels.iloc[train].to_numpy()
history = regressor.unimodal_label_history_
trained = ~np.isnan(history[0]).any(axis=1)  # rows that were not held out
figure, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
for column, (name, color) in enumerate(
    zip(regressor.modalities_, ("#3b6f9e", "#d1602f", "#4f8a5b"), strict=True)
):
    correlation = [
        corr_score(truth[trained, column], labels[trained, column]) for labels in history
    ]
    ax.plot(regressor.history_.index, correlation, color=color, label=name)
ax.axvline(regressor.best_iter_, color="0.25", linestyle=":", linewidth=1)
ax.set(xlabel="epoch", ylabel="correlation with the truth", title="Labels of the training rows")
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Where the modalities disagree
# -----------------------------
# The rows whose generated labels lie farthest apart are those to listen to: something kind, said in
# a bitter voice.

labels = regressor.unimodal_labels_
spread = (labels.max(axis=1) - labels.min(axis=1)).nlargest(5)
pd.concat(
    {
        "generated": labels.loc[spread.index],
        "true": data.unimodal_labels.loc[spread.index],
    },
    axis=1,
).round(2)
