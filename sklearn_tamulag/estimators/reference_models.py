"""The published settings of the field's models, as constructor arguments."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# Every figure is a triple: CMU-MOSI, CMU-MOSEI, CH-SIMS. They are those of the tuned configuration
# that MMSA 2.0 releases for each model.

# What all of them share: Adam, eight epochs of patience, no limit of the gradient's norm.
_SHARED: Mapping[str, Any] = MappingProxyType(
    {
        "num_layers": 1,
        "optimizer": "adam",
        "gradient_clipping": None,
        "weight_averaging": None,
        "early_stopping": True,
        "n_iter_no_change": 8,
        # Labels are in raw units, around zero.
        "neutral": 0.0,
        "target_scale": 1.0,
    }
)
# Text is read by an LSTM; audio and vision, by three layers on each step.
_PERCEPTRONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "text": {"cell": "lstm"},
        "audio": {"cell": "mlp", "num_layers": 3},
        "vision": {"cell": "mlp", "num_layers": 3},
    }
)

MODELS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "self_mm": {
            "params": {
                "attention": "last",
                "fusion": "concat",
                "label_generation": "ulgm",
                "gradient_accumulation": 4,
            },
            "batch_size": (16, 32, 32),
            "fusion_size": (128, 128, 128),
            "encoders": {
                "text": {"lr": (5e-5,) * 3, "weight_decay": (1e-3,) * 3},
                "audio": {
                    "hidden_size": (16, 16, 16),
                    "lr": (5e-3, 5e-3, 5e-3),
                    "weight_decay": (0.001, 0.0, 0.01),
                },
                "vision": {
                    "hidden_size": (32, 32, 64),
                    "lr": (5e-3, 1e-4, 5e-3),
                    "weight_decay": (0.001, 0.0, 0.01),
                },
            },
            "embedding_size": {"text": (768,) * 3, "audio": (16,) * 3, "vision": (32,) * 3},
            "unimodal_size": {"text": (32, 32, 64), "audio": (16,) * 3, "vision": (32,) * 3},
            "dropout": {
                "text": (0.1, 0.0, 0.1),
                "audio": (0.1, 0.0, 0.1),
                "vision": (0.0, 0.0, 0.0),
                "rest": (0.0, 0.1, 0.0),
            },
            "lr": (1e-3, 1e-3, 1e-3),
            "weight_decay": (0.001, 0.01, 0.001),
        },
        "tfn": {
            "params": {"attention": "mean", "fusion": "tensor", "label_generation": "none"},
            "batch_size": (32, 128, 32),
            "fusion_size": (64, 16, 32),
            "encoders": {
                "text": {"hidden_size": (128, 128, 128)},
                "audio": {"hidden_size": (32, 16, 32)},
                "vision": {"hidden_size": (128, 128, 128)},
            },
            "fixed": _PERCEPTRONS,
            "embedding_size": {
                "text": (32, 128, 256),
                "audio": (32, 16, 32),
                "vision": (128, 128, 128),
            },
            "dropout": {
                "text": (0.3, 0.4, 0.4),
                "audio": (0.3, 0.4, 0.4),
                "vision": (0.3, 0.4, 0.4),
                "rest": (0.5, 0.4, 0.4),
            },
            "lr": (1e-3, 5e-3, 5e-4),
            "weight_decay": (0.0, 0.0, 0.0),
        },
        "lmf": {
            "params": {"attention": "mean", "fusion": "low_rank", "label_generation": "none"},
            "batch_size": (64, 32, 64),
            "encoders": {
                "text": {"hidden_size": (128, 128, 64)},
                "audio": {"hidden_size": (16, 16, 16)},
                "vision": {"hidden_size": (128, 128, 64)},
            },
            "fixed": _PERCEPTRONS,
            # Half the states for text.
            "embedding_size": {"text": (64, 64, 32), "audio": (16,) * 3, "vision": (128, 128, 64)},
            "dropout": dict.fromkeys(("text", "audio", "vision", "rest"), (0.3, 0.2, 0.2)),
            # The factors have a rate of their own; all else has that of the modalities.
            "lr": {
                "text": (1e-3, 1e-3, 2e-3),
                "audio": (1e-3, 1e-3, 2e-3),
                "vision": (1e-3, 1e-3, 2e-3),
                "rest": (1e-3, 1e-3, 5e-4),
            },
            "weight_decay": (0.005, 0.001, 0.005),
        },
        "mult": {
            "params": {
                "attention": "last",
                "fusion": "crossmodal",
                "cell": "conv",
                "label_generation": "none",
                "gradient_accumulation": 8,
            },
            "batch_size": (16, 4, 16),
            "hidden_size": (50, 30, 50),
            "fusion_size": (50, 30, 50),
            "embedding_size": dict.fromkeys(("text", "audio", "vision"), (50, 30, 50)),
            "dropout": {
                "text": (0.5, 0.3, 0.3),
                "audio": (0.0, 0.0, 0.0),
                "vision": (0.0, 0.0, 0.0),
                "rest": (0.5, 0.5, 0.1),
            },
            "lr": (2e-3, 5e-4, 2e-3),
            # The configuration lists one that its training does not use.
            "weight_decay": (0.0, 0.0, 0.0),
        },
        "lf_dnn": {
            "params": {"attention": "mean", "fusion": "concat", "label_generation": "none"},
            "batch_size": (128, 64, 128),
            "fusion_size": (128, 128, 32),
            "encoders": {
                "text": {"hidden_size": (128, 128, 128)},
                "audio": {"hidden_size": (16, 32, 32)},
                "vision": {"hidden_size": (128, 128, 128)},
            },
            "fixed": _PERCEPTRONS,
            "embedding_size": {
                "text": (256, 128, 256),
                "audio": (16, 32, 32),
                "vision": (128, 128, 128),
            },
            "dropout": {
                "text": (0.2, 0.2, 0.3),
                "audio": (0.2, 0.2, 0.3),
                "vision": (0.2, 0.2, 0.3),
                "rest": (0.2, 0.2, 0.5),
            },
            "lr": (1e-3, 2e-3, 5e-3),
            "weight_decay": (0.01, 0.001, 0.005),
        },
    }
)
"""By name: ``params`` and ``fixed`` hold for every data set, the rest are triples."""


def model_params(model: str, place: int, modalities: list[str]) -> dict[str, Any]:
    """Settings of one of `MODELS` for a data set.

    Parameters
    ----------
    model : str
        Its name.
    place : int
        The data set: 0 is CMU-MOSI, 1 CMU-MOSEI, 2 CH-SIMS.
    modalities : list of str
        Those that X has.

    Returns
    -------
    dict
        Constructor arguments, made anew.

    Examples
    --------
    >>> model_params("tfn", 0, ["text"])["encoders"]
    {'text': {'cell': 'lstm', 'hidden_size': 128}}
    """
    settings = MODELS[model]
    fixed = settings.get("fixed", {})
    encoders = settings.get("encoders", {})
    params = {**_SHARED, **settings["params"]}
    for name, value in settings.items():
        if isinstance(value, tuple):
            params[name] = value[place]
        elif name in ("embedding_size", "unimodal_size", "dropout", "lr"):
            keys = [*modalities, "rest"] if "rest" in value else modalities
            params[name] = {key: value[key][place] for key in keys}
    params["encoders"] = {
        name: dict(fixed.get(name, {}))
        | {option: triple[place] for option, triple in encoders.get(name, {}).items()}
        for name in modalities
    }
    # Only Self-MM has tasks of single modalities.
    if params["label_generation"] == "none":
        params["unimodal_weight"] = 0.0
    return params
