"""An epoch of Self-MM as MMSA from PyPI trains it (``pip install MMSA``), timed by its own batches.

Its training class is used as it stands; the function above it, which asks for a GPU, is not.
"""

import contextlib
import importlib.util
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from sklearn_tamulag import MultimodalData

# Self-MM's released settings for MOSI, with our sizes of the recurrent states.
SETTINGS = {
    "train_mode": "regression",
    "model_name": "self_mm",
    "dataset_name": "mosi",
    "need_data_aligned": False,
    "use_finetune": True,
    "transformers": "bert",
    "a_lstm_layers": 1,
    "v_lstm_layers": 1,
    "a_lstm_dropout": 0.0,
    "v_lstm_dropout": 0.0,
    "audio_out": 16,
    "video_out": 32,
    "text_out": 128,
    "t_bert_dropout": 0.1,
    "post_fusion_dim": 128,
    "post_text_dim": 32,
    "post_audio_dim": 16,
    "post_video_dim": 32,
    "post_fusion_dropout": 0.0,
    "post_text_dropout": 0.1,
    "post_audio_dropout": 0.1,
    "post_video_dropout": 0.0,
    "learning_rate_bert": 5e-5,
    "learning_rate_audio": 5e-3,
    "learning_rate_video": 5e-3,
    "learning_rate_other": 1e-3,
    "weight_decay_bert": 1e-3,
    "weight_decay_audio": 1e-3,
    "weight_decay_video": 1e-3,
    "weight_decay_other": 1e-3,
    "update_epochs": 1,
    "early_stop": 1000,
    "excludeZero": True,
    "save_labels": False,
    "KeyEval": "Loss",
    "H": 3.0,
}


class Rows(torch.utils.data.Dataset[dict[str, Any]]):
    """Rows in the form that MMSA's loader gives them."""

    def __init__(self, X: MultimodalData, y: NDArray[Any]) -> None:
        self.X, self.y = X, torch.from_numpy(y).float()

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, row: int) -> dict[str, Any]:
        ids = torch.from_numpy(self.X.arrays["text"][row])
        mask = torch.arange(len(ids)) < int(self.X.lengths["text"][row])
        return {
            "text": torch.stack([ids * mask, mask, torch.zeros_like(ids)]).float(),
            "audio": torch.from_numpy(self.X.arrays["audio"][row]),
            "vision": torch.from_numpy(self.X.arrays["vision"][row]),
            "audio_lengths": self.X.lengths["audio"][row],
            "vision_lengths": self.X.lengths["vision"][row],
            "index": row,
            "id": str(row),
            "labels": {"M": self.y[row].reshape(1)},
        }


class Enough(Exception):
    """Ends a training run after as many passes over the rows as were asked for."""


class TimedLoader:
    """A loader that notes how long every pass over it took, work on the batches included.

    Before every pass it calls `between`; after `passes` of them it raises `Enough`.
    """

    def __init__(
        self,
        X: MultimodalData,
        y: NDArray[Any],
        batch_size: int,
        *,
        shuffle: bool = False,
        between: Callable[[], object] | None = None,
        passes: int | None = None,
    ) -> None:
        rows = Rows(X, y)
        self.loader = torch.utils.data.DataLoader(rows, batch_size=batch_size, shuffle=shuffle)
        self.between = between
        self.passes = passes
        self.seconds: list[float] = []

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if len(self.seconds) == self.passes:
            raise Enough
        if self.between is not None:
            self.between()
        start = time.perf_counter()
        yield from self.loader
        self.seconds.append(time.perf_counter() - start)


def installed() -> bool:
    """Whether MMSA can be imported here."""
    return importlib.util.find_spec("MMSA") is not None


def measure(
    train: tuple[MultimodalData, NDArray[Any]],
    test: tuple[MultimodalData, NDArray[Any]],
    bert: str,
    folder: Path,
    batch_size: int,
    rounds: int,
    between: Callable[[], object],
) -> dict[str, float]:
    """Median seconds of a training epoch, and those of one pass over the test rows, on the CPU.

    `between` is called before every pass over the training rows; the first sets the labels, the
    second is an epoch that does not count.
    """
    from easydict import EasyDict
    from MMSA.models import AMIO
    from MMSA.trains.multiTask.SELF_MM import SELF_MM

    sizes = [0, *(train[0].feature_sizes[name] for name in ("audio", "vision"))]
    args = EasyDict(
        SETTINGS,
        device=torch.device("cpu"),
        pretrained=bert,
        feature_dims=sizes,
        a_lstm_hidden_size=32,
        v_lstm_hidden_size=64,
        train_samples=len(train[0]),
        model_save_path=str(folder / "self_mm.pth"),
    )
    loaders = {
        "train": TimedLoader(*train, batch_size, shuffle=True, between=between, passes=rounds + 2),
        "valid": TimedLoader(train[0][:64], train[1][:64], batch_size),
        "test": TimedLoader(*test, batch_size),
    }
    model = AMIO(args)
    trainer = SELF_MM(args)
    with contextlib.suppress(Enough):
        trainer.do_train(model, loaders)
    trainer.do_test(model, loaders["test"], mode="TEST")
    epoch = statistics.median(loaders["train"].seconds[2:])
    return {"epoch s": epoch, "predict s": loaders["test"].seconds[0]}
