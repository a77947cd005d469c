"""The data and the networks of the speed benchmark, and the bare PyTorch loops beside them."""

import contextlib
import copy
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sklearn_tamulag import MultimodalData, TAMULAGRegressor
from sklearn_tamulag.data.validation import valid_steps
from sklearn_tamulag.nn import encoders
from sklearn_tamulag.training.feeding.batching import (
    bucketed_order,
    inference_order,
    inference_rows,
)
from sklearn_tamulag.training.feeding.rows import Batch, FeatureTable, RowDataset

VOCABULARY = 1000


@dataclass(frozen=True)
class Modality:
    """Steps, features per step (None for token ids) and size of the recurrent states."""

    steps: int
    features: int | None
    hidden: int = 64


@dataclass(frozen=True)
class Shape:
    """The rows and modalities of a data set; lengths are uniform between 1 and the steps."""

    name: str
    n_train: int
    n_test: int
    modalities: Mapping[str, Modality]
    batch_size: int = 32

    def with_rows(self, n_train: int, n_test: int | None = None) -> "Shape":
        """The same with another number of rows."""
        return replace(self, n_train=n_train, n_test=self.n_test if n_test is None else n_test)


MOSI = Shape(
    "MOSI",
    1284,
    686,
    {"text": Modality(50, 768), "audio": Modality(375, 5, 32), "vision": Modality(500, 20, 64)},
)
# An epoch costs the same for every row, so an eighth of the 16,326 rows is enough for ratios.
MOSEI = Shape(
    "MOSEI",
    2040,
    686,
    {"text": Modality(50, 768), "audio": Modality(500, 74, 32), "vision": Modality(375, 35, 64)},
)


def with_tokens(shape: Shape) -> Shape:
    """The same with token ids for text, to be read by a small transformer."""
    text = replace(shape.modalities["text"], features=None)
    return replace(shape, modalities={**shape.modalities, "text": text})


def tiny_bert(folder: Path) -> str:
    """Write a BERT of 2 layers, 128 wide, with random weights and a tokenizer of made-up words."""
    from transformers import BertConfig, BertModel, BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [f"word{number}" for number in range(VOCABULARY - len(words))]
    (folder / "vocab.txt").write_text("\n".join(words), "utf-8")
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    config = BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=512,
    )
    BertModel(config).save_pretrained(folder)
    return str(folder)


def make_data(shape: Shape, n_rows: int, seed: int = 0) -> tuple[MultimodalData, NDArray[Any]]:
    """Random rows of a shape: what stands in them does not change the time."""
    random = np.random.default_rng(seed)
    arrays: dict[str, NDArray[Any]] = {}
    lengths = {}
    for name, modality in shape.modalities.items():
        lengths[name] = random.integers(1, modality.steps + 1, n_rows)
        if modality.features is None:
            arrays[name] = random.integers(5, VOCABULARY, (n_rows, modality.steps))
        else:
            size = (n_rows, modality.steps, modality.features)
            arrays[name] = random.standard_normal(size, dtype=np.float32)
        # Padding of zeros is kept as it is; other padding would be cleared in a copy.
        arrays[name][~valid_steps(lengths[name], modality.steps)] = 0
    return MultimodalData(arrays, lengths), random.normal(size=n_rows)


def make_estimator(
    shape: Shape, device: str, transformer: str | None = None, **params: Any
) -> TAMULAGRegressor:
    """Our regressor with the encoders of a shape."""
    options: dict[str, dict[str, Any]] = {}
    for name, modality in shape.modalities.items():
        recurrent = {"hidden_size": modality.hidden}
        options[name] = {"transformer": transformer} if modality.features is None else recurrent
    settings = {"max_epochs": 1, "early_stopping": False, "random_state": 0, "device": device}
    return TAMULAGRegressor(encoders=options, batch_size=shape.batch_size, **(settings | params))


def dataset_of(X: MultimodalData, y: NDArray[Any] | None, device: str) -> RowDataset:
    """The rows as our loops gather them."""
    table = FeatureTable(X, dtype=torch.float32, device=device)
    return RowDataset(table, np.arange(len(X)), y)


def wait(device: str) -> None:
    """Wait until a GPU has done what it was told, as clocks must."""
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def next_order(estimator: TAMULAGRegressor, X: MultimodalData) -> list[NDArray[np.int64]]:
    """The batches that the next epoch of a fitted estimator will be made of."""
    dataset = dataset_of(X, None, "cpu")
    random = copy.deepcopy(estimator.net_.order_)
    return bucketed_order(dataset.lengths, estimator.net_.batch_size, random, dataset.table.tokens)


def untrimmed_batches(
    X: MultimodalData, y: NDArray[Any], batch_size: int, device: str
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Random batches as a first loop has them: every row with all of its padding."""
    order = np.random.default_rng(0).permutation(len(X))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        features = {name: torch.from_numpy(a[rows]).to(device) for name, a in X.arrays.items()}
        lengths = {name: torch.from_numpy(v[rows]).to(device) for name, v in X.lengths.items()}
        yield {"features": features, "lengths": lengths}, torch.from_numpy(y[rows]).to(device)


def bare_epoch(
    module: nn.Module, optimizer: torch.optim.Optimizer, batches: Any, device: str
) -> float:
    """Seconds of one epoch of a loop with nothing in it but the arithmetic."""
    module.train()
    wait(device)
    start = time.perf_counter()
    for inputs, y in batches:
        output = module(inputs["features"], inputs["lengths"])
        target = y.float()
        loss = (output.prediction - target).abs().mean()
        # (B, M), (B, 1) -> (M,)
        unimodal = (output.unimodal_predictions - target.unsqueeze(1)).abs().mean(dim=0)
        (loss + unimodal.sum()).backward()
        nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    wait(device)
    return time.perf_counter() - start


def bare_copy(estimator: TAMULAGRegressor) -> tuple[nn.Module, torch.optim.Optimizer]:
    """A copy of a fitted network and an optimizer for it."""
    module = copy.deepcopy(estimator.net_.module_)
    fused = next(module.parameters()).device.type in ("cpu", "cuda")
    return module, torch.optim.AdamW(module.parameters(), lr=2e-3, weight_decay=1e-4, fused=fused)


def bare_predict(module: nn.Module, batches: list[Batch], device: str) -> float:
    """Seconds that the module itself takes for batches that are ready."""
    module.eval()
    wait(device)
    start = time.perf_counter()
    with torch.inference_mode():
        for inputs, _ in batches:
            module(inputs["features"], inputs["lengths"]).prediction.cpu()
    return time.perf_counter() - start


def inference_batches(X: MultimodalData, device: str) -> list[Batch]:
    """The batches that our predict is made of."""
    dataset = dataset_of(X, None, device)
    size = inference_rows(device)
    return list(dataset.batches(inference_order(dataset.lengths, size, dataset.table.tokens)))


@contextlib.contextmanager
def padded_recurrence() -> Iterator[None]:
    """Within the block recurrent encoders read padded batches in one piece, as torch's do."""
    with mock.patch.object(
        encoders, "run_recurrent", lambda net, features, lengths: net(features)[0]
    ):
        yield
