"""The constructors of the estimators, and what each of their parameters may be."""

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from os import PathLike
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import BaseEstimator

from sklearn_tamulag.data.sklearn_private import Interval, StrOptions
from sklearn_tamulag.estimators.own_classes import NameOrClass
from sklearn_tamulag.nn.attention import POOLINGS
from sklearn_tamulag.nn.fusion import FUSIONS
from sklearn_tamulag.nn.sequence_models import SEQUENCE_MODELS
from sklearn_tamulag.persistence.former_dumps import take_defaults
from sklearn_tamulag.training.loop.averaging import AVERAGES
from sklearn_tamulag.training.loop.schedule import SCHEDULES

REGRESSION_LABELS = ("auto", "calibrated", "ulgm", "ulag", "none")
CLASSIFICATION_LABELS = ("auto", "soft", "none")

OPTIMIZERS = {
    "adamw": torch.optim.AdamW,
    "adam": torch.optim.Adam,
    "nadam": torch.optim.NAdam,
    "rmsprop": torch.optim.RMSprop,
    "sgd": torch.optim.SGD,
}
PRECISIONS = ("auto", "float32", "float64", "bfloat16")

# The ranges that several parameters, and their values by modality, share.
SIZE = Interval(Integral, 1, None, closed="left")
SHARE = Interval(Real, 0, 1, closed="both")
NON_NEGATIVE = Interval(Real, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
PROPORTION = Interval(Real, 0, 1, closed="left")

CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_size": [SIZE],
    "num_layers": [SIZE],
    "cell": [NameOrClass(SEQUENCE_MODELS)],
    "bidirectional": ["boolean"],
    "step_path": ["boolean"],
    "embedding_size": [SIZE, Mapping],
    "unimodal_size": [SIZE, Mapping, None],
    "fusion_size": [SIZE],
    "attention": [NameOrClass(POOLINGS)],
    "fusion": [NameOrClass(FUSIONS)],
    "dropout": [PROPORTION, Mapping],
    "modality_dropout": [PROPORTION],
    "encoders": [Mapping, None],
    "label_mixing": [SHARE],
    "unimodal_weight": [NON_NEGATIVE, StrOptions({"auto"}), Mapping],
    "temperature": [POSITIVE],
    "expert_size": [SIZE],
    "neutral": [Interval(Real, None, None, closed="neither"), StrOptions({"auto"})],
    "target_scale": [POSITIVE, StrOptions({"auto"})],
    "max_epochs": [SIZE],
    "batch_size": [SIZE, None],
    "optimizer": [StrOptions(set(OPTIMIZERS)), callable],
    "lr": [NON_NEGATIVE, StrOptions({"auto"}), Mapping],
    "weight_decay": [NON_NEGATIVE, Mapping],
    "warmup": [PROPORTION],
    "schedule": [StrOptions(set(SCHEDULES))],
    "gradient_accumulation": [SIZE],
    "gradient_clipping": [POSITIVE, None],
    "weight_averaging": [StrOptions(set(AVERAGES)), None],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [SIZE],
    "refit": ["boolean"],
    "random_state": ["random_state"],
    "warm_start": ["boolean"],
    "checkpoint": [str, PathLike, None],
    "device": [str, torch.device],
    "precision": [StrOptions(set(PRECISIONS))],
    "compile": ["boolean"],
    "expected_modalities": ["array-like", None],
    "allow_missing": ["boolean"],
    "callbacks": [list, tuple, None],
    "verbose": ["verbose"],
}


class TAMULAGParameters(BaseEstimator):
    """Stores the shared parameters; the estimators' docstrings say what they mean."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]]

    def __init__(
        self,
        *,
        hidden_size: int = 64,
        num_layers: int = 1,
        cell: str | type = "lstm",
        bidirectional: bool = False,
        step_path: bool = False,
        embedding_size: int | Mapping[str, int] = 32,
        unimodal_size: int | Mapping[str, int] | None = None,
        fusion_size: int = 64,
        attention: str | type = "softmax",
        fusion: str | type = "concat",
        dropout: float | Mapping[str, float] = 0.1,
        modality_dropout: float = 0.0,
        encoders: Mapping[str, Mapping[str, Any]] | None = None,
        label_generation: str = "auto",
        label_mixing: float = 0.5,
        unimodal_weight: float | str | Mapping[str, float | str] = "auto",
        temperature: float = 0.1,
        expert_size: int = 16,
        neutral: float | str = "auto",
        target_scale: float | str = "auto",
        max_epochs: int = 50,
        batch_size: int | None = 32,
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adamw",
        lr: float | str | Mapping[str, float] = "auto",
        weight_decay: float | Mapping[str, float] = 1e-4,
        warmup: float = 0.0,
        schedule: str = "constant",
        gradient_accumulation: int = 1,
        gradient_clipping: float | None = 1.0,
        weight_averaging: str | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 10,
        refit: bool = False,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        device: str | torch.device = "auto",
        precision: str = "float32",
        compile: bool = False,
        expected_modalities: Sequence[str] | None = None,
        allow_missing: bool = False,
        callbacks: Sequence[Any] | None = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.cell = cell
        self.bidirectional = bidirectional
        self.step_path = step_path
        self.embedding_size = embedding_size
        self.unimodal_size = unimodal_size
        self.fusion_size = fusion_size
        self.attention = attention
        self.fusion = fusion
        self.dropout = dropout
        self.modality_dropout = modality_dropout
        self.encoders = encoders
        self.label_generation = label_generation
        self.label_mixing = label_mixing
        self.unimodal_weight = unimodal_weight
        self.temperature = temperature
        self.expert_size = expert_size
        self.neutral = neutral
        self.target_scale = target_scale
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.warmup = warmup
        self.schedule = schedule
        self.gradient_accumulation = gradient_accumulation
        self.gradient_clipping = gradient_clipping
        self.weight_averaging = weight_averaging
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.refit = refit
        self.random_state = random_state
        self.warm_start = warm_start
        self.checkpoint = checkpoint
        self.device = device
        self.precision = precision
        self.compile = compile
        self.expected_modalities = expected_modalities
        self.allow_missing = allow_missing
        self.callbacks = callbacks
        self.verbose = verbose

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        take_defaults(self)

    def _plain_params(self) -> dict[str, Any]:
        """The parameters, numbers of NumPy as Python's, which torch and tokenizers insist on."""
        return {name: _plain(value) for name, value in self.get_params(deep=False).items()}


def _plain(value: Any) -> Any:
    """Turn NumPy's numbers into Python's, in dicts too; dicts come out as copies."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return value.item() if isinstance(value, np.generic) else value


class RegressorParameters(TAMULAGParameters):
    """The parameters of the regressor."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "label_generation": [StrOptions(set(REGRESSION_LABELS))],
    }


class ClassifierParameters(TAMULAGParameters):
    """The parameters of the classifier, which also weighs classes."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "label_generation": [StrOptions(set(CLASSIFICATION_LABELS))],
        "class_weight": [Mapping, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        *,
        hidden_size: int = 64,
        num_layers: int = 1,
        cell: str | type = "lstm",
        bidirectional: bool = False,
        step_path: bool = False,
        embedding_size: int | Mapping[str, int] = 32,
        unimodal_size: int | Mapping[str, int] | None = None,
        fusion_size: int = 64,
        attention: str | type = "softmax",
        fusion: str | type = "concat",
        dropout: float | Mapping[str, float] = 0.1,
        modality_dropout: float = 0.0,
        encoders: Mapping[str, Mapping[str, Any]] | None = None,
        label_generation: str = "auto",
        label_mixing: float = 0.5,
        unimodal_weight: float | str | Mapping[str, float | str] = "auto",
        temperature: float = 0.1,
        expert_size: int = 16,
        neutral: float | str = "auto",
        target_scale: float | str = "auto",
        max_epochs: int = 50,
        batch_size: int | None = 32,
        optimizer: str | Callable[..., torch.optim.Optimizer] = "adamw",
        lr: float | str | Mapping[str, float] = "auto",
        weight_decay: float | Mapping[str, float] = 1e-4,
        warmup: float = 0.0,
        schedule: str = "constant",
        gradient_accumulation: int = 1,
        gradient_clipping: float | None = 1.0,
        weight_averaging: str | None = None,
        class_weight: Mapping[Any, float] | str | None = None,
        early_stopping: bool = True,
        validation_fraction: float = 0.15,
        n_iter_no_change: int = 10,
        refit: bool = False,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        checkpoint: str | PathLike[str] | None = None,
        device: str | torch.device = "auto",
        precision: str = "float32",
        compile: bool = False,
        expected_modalities: Sequence[str] | None = None,
        allow_missing: bool = False,
        callbacks: Sequence[Any] | None = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            hidden_size=hidden_size,
            num_layers=num_layers,
            cell=cell,
            bidirectional=bidirectional,
            step_path=step_path,
            embedding_size=embedding_size,
            unimodal_size=unimodal_size,
            fusion_size=fusion_size,
            attention=attention,
            fusion=fusion,
            dropout=dropout,
            modality_dropout=modality_dropout,
            encoders=encoders,
            label_generation=label_generation,
            label_mixing=label_mixing,
            unimodal_weight=unimodal_weight,
            temperature=temperature,
            expert_size=expert_size,
            neutral=neutral,
            target_scale=target_scale,
            max_epochs=max_epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            warmup=warmup,
            schedule=schedule,
            gradient_accumulation=gradient_accumulation,
            gradient_clipping=gradient_clipping,
            weight_averaging=weight_averaging,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            refit=refit,
            random_state=random_state,
            warm_start=warm_start,
            checkpoint=checkpoint,
            device=device,
            precision=precision,
            compile=compile,
            expected_modalities=expected_modalities,
            allow_missing=allow_missing,
            callbacks=callbacks,
            verbose=verbose,
        )
        self.class_weight = class_weight
