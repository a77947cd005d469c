"""
From transcripts and audio to a fine-tuned pipeline
===================================================

Read a CSV of transcripts and a folder of audio features, fine-tune a transformer on the text
together with the rest of the network, and look at the tokens that it weighs.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline
from transformers import BertConfig, BertModel, BertTokenizerFast
from transformers.utils import logging

from sklearn_tamulag import TAMULAGRegressor
from sklearn_tamulag.datasets import load_folder
from sklearn_tamulag.metrics import acc2_nonzero_score, mae_score
from sklearn_tamulag.preprocessing import SequenceScaler, TextTokenizer

logging.disable_progress_bar()
folder = Path(tempfile.mkdtemp())

# %%
# A table of transcripts, and audio beside it
# -------------------------------------------
# ``clips.csv`` has a line per clip, and ``audio/<id>.npy`` the features of its voice. Here both are
# made up: words say half of the sentiment, and the loudness of a few steps the other half.

rng = np.random.default_rng(0)
GOOD, BAD = ["good", "great", "lovely", "fun"], ["bad", "awful", "boring", "weak"]
FILLING = ["the", "film", "plot", "was", "and", "it", "really", "so", "i", "think", "actor"]
(folder / "audio").mkdir()
lines = []
for number in range(400):
    clip, video = f"video{number // 10}-{number % 10}", f"video{number // 10}"
    words, voice = rng.integers(-2, 3), rng.normal()
    said = list(rng.choice(GOOD if words > 0 else BAD, abs(words)))
    text = " ".join(rng.permutation([*said, *rng.choice(FILLING, rng.integers(4, 12))]))
    audio = rng.normal(size=(rng.integers(20, 60), 4)).astype(np.float32)
    audio[rng.integers(0, len(audio), 6), :2] += [2 * voice, 4]
    np.save(folder / "audio" / f"{clip}.npy", audio)
    label = round(float(np.clip(0.8 * words + 0.8 * voice, -3, 3)), 2)
    lines.append({"id": clip, "group": video, "label": label, "text": text})
pd.DataFrame(lines).to_csv(folder / "clips.csv", index=False)

data = load_folder(folder, text="raw")
data.X.head(3)

# %%
# A model of the text
# -------------------
# In earnest this is a pretrained model: ``text_model = "bert-base-uncased"``, or a folder that
# holds one. So that the example needs no download, it makes a small one with random weights, which
# has to learn what the words mean from these clips alone.

special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
text_model = str(folder / "small-bert")
Path(text_model).mkdir()
vocabulary = [*special, *GOOD, *BAD, *FILLING]
(folder / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(text_model)
config = BertConfig(
    vocab_size=len(vocabulary),
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=32,
)
BertModel(config).save_pretrained(text_model)

# %%
# The pipeline
# ------------
# The tokenizer turns the column of strings into token ids, and the scaler standardises the audio.
# Whole videos are kept apart from training. A pretrained model has a low rate of its own; this one
# starts from nothing, so it gets the rate of the rest, and more epochs than fine-tuning takes.

train, test = next(
    GroupShuffleSplit(1, test_size=0.25, random_state=0).split(data.X, groups=data.groups)
)
pipeline = make_pipeline(
    TextTokenizer(text_model),
    SequenceScaler(),
    TAMULAGRegressor(
        encoders={"text": {"transformer": text_model, "lr": 2e-3}},
        max_epochs=20,
        warmup=0.1,
        schedule="linear",
        early_stopping=False,
        random_state=0,
    ),
)
pipeline.fit(data.X.iloc[train], data.y[train])
predicted = pipeline.predict(data.X.iloc[test])
print(f"MAE {mae_score(data.y[test], predicted):.2f}")
print(f"Acc2 {acc2_nonzero_score(data.y[test], predicted):.2f}")

# %%
# The same from one modality at a time
# ------------------------------------
# The unimodal tasks tell what each modality says alone.

X_test = pipeline[:-1].transform(data.X.iloc[test])
regressor = pipeline[-1]
unimodal = regressor.predict_unimodal(X_test)
pd.Series({name: mae_score(data.y[test], unimodal[name]) for name in unimodal}, name="MAE").round(2)

# %%
# Which tokens weighed
# --------------------
# The temporal attention gives every token a weight. A transformer mixes what stands in a text, so
# a weight belongs to a token in its surroundings.

weights = regressor.temporal_attention(X_test)["text"]
tokenizer = BertTokenizerFast.from_pretrained(text_model)
rows = np.argsort(predicted)[[0, 1, -2, -1]]
figure, axes = plt.subplots(len(rows), 1, figsize=(9, 7), layout="constrained")
for row, axis in zip(rows, axes, strict=True):
    length = X_test.lengths["text"][row]
    tokens = tokenizer.convert_ids_to_tokens(X_test.arrays["text"][row, :length].tolist())
    colours = ["C2" if t in GOOD else "C3" if t in BAD else "C7" for t in tokens]
    axis.bar(range(length), weights[row, :length], color=colours)
    axis.set_xticks(range(length), tokens, rotation=35, ha="right")
    axis.set_ylabel("weight")
    axis.set_title(f"label {data.y[test][row]:+.1f}, predicted {predicted[row]:+.1f}", loc="left")
plt.show()
