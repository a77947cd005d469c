"""What fine-tuning costs beside a bare loop, and what a frozen transformer costs per epoch.

Two ratios, each a median over interleaved rounds in one process:

- an epoch of ``TAMULAGRegressor`` that fine-tunes a transformer, against plain PyTorch code that
  runs the same module on the same batches with the same optimizer;
- a later epoch with ``trainable=False``, against an epoch on stored features of the same shape.

    python benchmarks/text.py --transformer FOLDER
    python benchmarks/text.py            # a BERT of 2 layers, 128 wide, random weights
"""

import argparse
import copy
import json
import time

import numpy as np
import torch

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.labels import LabelMemory
from sklearn_tamulag.training.feeding.batching import BatchLoader
from sklearn_tamulag.training.feeding.rows import FeatureTable, RowDataset

SMALL_BERT = {
    "model_type": "bert",
    "vocab_size": 30522,
    "hidden_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 512,
}


def make_data(rows: int, steps: int, audio: bool) -> tuple[MultimodalData, np.ndarray]:
    random = np.random.default_rng(0)
    arrays = {"text": random.integers(1000, 20000, (rows, steps))}
    lengths = {"text": random.integers(4, steps + 1, rows)}
    if audio:
        arrays["audio"] = random.normal(size=(rows, 10, 73)).astype(np.float32)
        lengths["audio"] = random.integers(1, 11, rows)
    return MultimodalData(arrays, lengths), random.normal(size=rows)


def estimator(**params) -> TAMULAGRegressor:
    settings = {"early_stopping": False, "max_epochs": 1, "random_state": 0, "warm_start": True}
    return TAMULAGRegressor(**(settings | params))


def last_epoch(model: TAMULAGRegressor) -> float:
    return float(model.history_["dur"].iloc[-1])


class BareLoop:
    """Plain PyTorch over the estimator's batches: forward, M + 1 losses, backward, step."""

    def __init__(self, fitted: TAMULAGRegressor, data: MultimodalData, y: np.ndarray) -> None:
        self.module = fitted.net_.module_
        self.modalities = fitted.modalities_
        self.optimizer = fitted.net_.optimizer_
        device = str(fitted.net_.device)
        table = FeatureTable(data, dtype=torch.float32, device=device)
        dataset = RowDataset(table, np.arange(len(data)), y)
        self.batches = list(BatchLoader(dataset, fitted.batch_size, np.random.default_rng(0)))
        self.device = torch.device(device)

    def epoch(self) -> float:
        """Train over all batches and return the seconds."""
        self.module.train()
        started = time.perf_counter()
        for inputs, y in self.batches:
            output = self.module(inputs["features"], inputs["lengths"])
            target = y.float()
            loss = (output.prediction - target).abs().mean()
            loss = loss + (output.unimodal_predictions - target.unsqueeze(1)).abs().mean(0).sum()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started


def fine_tuning(options: dict, data: MultimodalData, y: np.ndarray, args) -> dict[str, float]:
    model = estimator(encoders={"text": options}, batch_size=args.batch_size, device=args.device)
    model.fit(data, y)
    bare = BareLoop(model, data, y)
    bare.epoch()
    ours, plain, ratios = [], [], []
    for _ in range(args.rounds):
        plain.append(bare.epoch())
        ours.append(last_epoch(model.fit(data, y)))
        ratios.append(ours[-1] / plain[-1])
    return {
        "fine-tuning epoch, s": float(np.median(ours)),
        "bare loop, s": float(np.median(plain)),
        "fine-tuning / bare": float(np.median(ratios)),
    }


def frozen(options: dict, data: MultimodalData, y: np.ndarray, args) -> dict[str, float]:
    common = {"batch_size": args.batch_size, "device": args.device, "warm_start": False}
    common["max_epochs"] = 4
    entry = options | {"trainable": False}
    model = estimator(encoders={"text": entry}, **common).fit(data, y)
    encoder = model.net_.module_.branches[0].encoder
    with torch.inference_mode():
        ids = torch.from_numpy(data.arrays["text"]).to(model.net_.device)
        lengths = torch.from_numpy(data.lengths["text"]).to(model.net_.device)
        parts = [
            encoder(ids[start : start + 64], lengths[start : start + 64]).cpu()
            for start in range(0, len(ids), 64)
        ]
    stored = MultimodalData(data.arrays | {"text": torch.cat(parts).numpy()}, data.lengths)
    ours, plain, ratios = [], [], []
    for _ in range(args.rounds):
        # The same network on features: states pass the frozen encoder, which is never run.
        model.fit(data, y)
        ours.append(float(model.history_["dur"].iloc[1:].median()))
        plain.append(on_features(model, stored, y))
        ratios.append(ours[-1] / plain[-1])
    return {
        "frozen epoch, s": float(np.median(ours)),
        "epoch on stored features, s": float(np.median(plain)),
        "frozen / stored": float(np.median(ratios)),
    }


class _Stored(torch.nn.Module):
    """Passes features on, as an encoder without weights."""

    def __init__(self, output_size: int) -> None:
        super().__init__()
        self.output_size = output_size

    def forward(self, features: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        return features


def on_features(model: TAMULAGRegressor, stored: MultimodalData, y: np.ndarray) -> float:
    """Median of the later epochs of the same net without its transformer."""
    net = copy.deepcopy(model.net_)
    size = net.module_.branches[0].encoder.output_size
    net.module_.branches[0].encoder = _Stored(size)
    net.initialize_optimizer()
    net.history_.clear()
    table = FeatureTable(stored, dtype=torch.float32, device=str(net.device))
    dataset = RowDataset(table, np.arange(len(stored)), y)
    memory = LabelMemory(net.target.encode(dataset.y), dataset.weight, dataset.present, None)
    net.fit_labels(dataset, memory, None)
    return float(np.median([epoch["dur"] for epoch in net.history][1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--transformer", help="name or folder; by default a small random BERT")
    parser.add_argument("--rows", type=int, default=1024)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", help="also write the figures here")
    args = parser.parse_args()
    options = {"transformer": args.transformer or SMALL_BERT}
    data, y = make_data(args.rows, args.steps, audio=True)
    figures = fine_tuning(options, data, y, args) | frozen(options, data, y, args)
    for name, value in figures.items():
        print(f"{name:30} {value:8.3f}")
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=2)


if __name__ == "__main__":
    main()
