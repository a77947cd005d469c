"""What the constructor parameters mean for the network and its training."""

import copy
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from sklearn_tamulag.data.naming import nearest
from sklearn_tamulag.data.sklearn_private import Interval
from sklearn_tamulag.data.validation import by_modality
from sklearn_tamulag.estimators.encoders import (
    FINE_TUNING_RATE,
    LEARNING_RATE,
    LEARNING_RATE_BESIDE,
    OPTIMIZER_OPTIONS,
    RECURRENT_OPTIONS,
    WITHOUT_DECAY,
    encoder_options,
    is_fine_tuned,
    transformer_spec,
)
from sklearn_tamulag.estimators.layer_rates import layer_groups
from sklearn_tamulag.estimators.parameters import NON_NEGATIVE, OPTIMIZERS, PROPORTION, SIZE
from sklearn_tamulag.labels import (
    Proposal,
    calibrated_proposals,
    class_proposals,
    ulgm_proposals,
)
from sklearn_tamulag.nn.module import ModalitySpec

# Optimizers that torch runs as one kernel over all weights, and where it has those kernels.
FUSED_OPTIMIZERS = ("adamw", "adam", "sgd")
FUSED_DEVICES = ("cpu", "cuda")


def _checked_by_modality(
    name: str, value: Any, modalities: tuple[str, ...], constraint: Interval, *, rest: bool
) -> dict[str, Any]:
    """Spread a parameter over the modalities and check every value of a dict."""
    values = by_modality(name, value, modalities, rest=rest)
    for key, entry in values.items():
        if not constraint.is_satisfied_by(entry):
            raise ValueError(f"{name}[{key!r}] must be {constraint}, got {entry!r}.")
    return values


def _encoder_options(
    encoders: Mapping[str, Any] | None, modalities: tuple[str, ...]
) -> dict[str, dict[str, Any]]:
    """Check ``encoders`` and return the overrides of every modality."""
    options = encoder_options(encoders)
    unknown = [name for name in options if name not in modalities]
    if unknown:
        raise ValueError(
            f"encoders names the modalities {unknown}, which X does not have; it has "
            f"{list(modalities)}.{nearest(unknown, modalities)}"
        )
    return {name: options.get(name, {}) for name in modalities}


def network_arguments(
    params: Mapping[str, Any],
    feature_sizes: Mapping[str, int | None],
    n_outputs: int,
    transformers: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """Arguments of :func:`sklearn_tamulag.nn.module.build_module`.

    Parameters
    ----------
    params : dict
        The estimator's constructor parameters.
    feature_sizes : dict of str to int or None
        Features per step, by modality; None for token ids.
    n_outputs : int
        One for regression, the number of classes for classification.
    transformers : dict of str to dict, optional
        The configurations of the transformers, by modality.

    Returns
    -------
    dict
        Keyword arguments, all sizes resolved by modality.

    Raises
    ------
    ValueError
        If a dict by modality names another modality or holds a value that is not allowed.
    """
    modalities = tuple(feature_sizes)
    dropout = _checked_by_modality("dropout", params["dropout"], modalities, PROPORTION, rest=True)
    embedding_size = _checked_by_modality(
        "embedding_size", params["embedding_size"], modalities, SIZE, rest=False
    )
    unimodal_size = params["unimodal_size"]
    if unimodal_size is not None:
        unimodal_size = _checked_by_modality(
            "unimodal_size", unimodal_size, modalities, SIZE, rest=False
        )
    overrides = _encoder_options(params["encoders"], modalities)
    transformers = transformers or {}
    specs = [
        ModalitySpec(
            name=name,
            feature_size=size,
            embedding_size=embedding_size[name],
            unimodal_size=unimodal_size[name] if unimodal_size else None,
            dropout=dropout[name],
            **{option: overrides[name].get(option, params[option]) for option in RECURRENT_OPTIONS},
            transformer=transformer_spec(overrides[name], transformers[name])
            if name in transformers
            else None,
        )
        for name, size in feature_sizes.items()
    ]
    return {
        "modalities": specs,
        "attention": params["attention"],
        "fusion": params["fusion"],
        "fusion_size": params["fusion_size"],
        "dropout": dropout["rest"],
        "n_outputs": n_outputs,
        "expert_size": params["expert_size"] if params["label_generation"] == "ulag" else None,
    }


def optimizer_arguments(
    params: Mapping[str, Any],
    modalities: tuple[str, ...],
    device: str,
    transformers: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The optimizer and its parameter groups, as skorch takes them.

    Parameters
    ----------
    params : dict
        The estimator's constructor parameters.
    modalities : tuple of str
        The modalities, in the order of the module's branches.
    device : str
        Where the network is trained.
    transformers : dict of str to dict, optional
        The configurations of the transformers, by modality.

    Returns
    -------
    dict
        ``optimizer``, ``lr``, ``optimizer__weight_decay``, ``optimizer__fused`` where one kernel
        can move all weights, and, where a modality or an encoder has
        its own, ``optimizer__param_groups``.

    Raises
    ------
    ValueError
        If a dict by modality names another modality or holds a value that is not allowed, or the
        layers of a transformer, which are to learn at rates of their own, cannot be told.
    """
    encoders = _encoder_options(params["encoders"], modalities)
    rate = params["lr"]
    if rate == "auto":
        tuned = any(is_fine_tuned(options) for options in encoders.values())
        rate = LEARNING_RATE_BESIDE if tuned else LEARNING_RATE
    rates = _checked_by_modality("lr", rate, modalities, NON_NEGATIVE, rest=True)
    decays = _checked_by_modality(
        "weight_decay", params["weight_decay"], modalities, NON_NEGATIVE, rest=True
    )
    optimizer = params["optimizer"]
    arguments = {
        "optimizer": OPTIMIZERS.get(optimizer, optimizer),
        "lr": rates["rest"],
        "optimizer__weight_decay": decays["rest"],
    }
    if optimizer in FUSED_OPTIMIZERS and torch.device(device).type in FUSED_DEVICES:
        arguments["optimizer__fused"] = True
    # The first pattern that fits a weight's name decides its group: encoders before their branch.
    groups: list[tuple[str, dict[str, Any]]] = []
    for number, name in enumerate(modalities):
        own = {"lr": rates[name], "weight_decay": decays[name]}
        encoder = encoders[name]
        options = {option: encoder[option] for option in OPTIMIZER_OPTIONS if option in encoder}
        if is_fine_tuned(encoder):
            named = isinstance(params["lr"], Mapping) and name in params["lr"]
            # One value means all layers; "auto", and a dict that leaves a transformer out, do not.
            if params["lr"] == "auto" or (isinstance(params["lr"], Mapping) and not named):
                options = {"lr": FINE_TUNING_RATE} | options
            decay = encoder.get("layer_decay", 1)
            if decay != 1:
                groups += layer_groups(
                    f"encoders[{name!r}]",
                    (transformers or {})[name],
                    f"branches.{number}.encoder.model.",
                    own | options,
                    decay=decay,
                    without_decay=WITHOUT_DECAY,
                )
            for pattern in WITHOUT_DECAY:
                undecayed = own | options | {"weight_decay": 0.0}
                groups.append((f"branches.{number}.encoder.{pattern}", undecayed))
        if options or is_fine_tuned(encoder):
            groups.append((f"branches.{number}.encoder.*", own | options))
        if isinstance(params["lr"], Mapping) or isinstance(params["weight_decay"], Mapping):
            groups.append((f"branches.{number}.*", own))
    if groups:
        arguments["optimizer__param_groups"] = groups
    return arguments


def label_strategy(name: str, params: Mapping[str, Any]) -> Proposal | None:
    """The function that proposes labels, bound to its parameters.

    Parameters
    ----------
    name : str
        A resolved strategy: "calibrated", "ulgm", "ulag", "soft" or "none".
    params : dict
        The estimator's constructor parameters.

    Returns
    -------
    callable or None
        None where y is every task's label.
    """
    if name == "none":
        return None
    if name in ("ulgm", "ulag"):
        return ulgm_proposals
    mixing = float(params["label_mixing"])
    if name == "calibrated":
        return partial(calibrated_proposals, mixing=mixing)
    return partial(class_proposals, mixing=mixing, temperature=float(params["temperature"]))


def resolve_device(device: Any) -> str:
    """Name of the device to train on; "auto" takes CUDA where there is one.

    Parameters
    ----------
    device : str or torch.device
        The constructor's value.

    Returns
    -------
    str
        As torch names it, "cpu" or "cuda:0" for instance.

    Raises
    ------
    ValueError
        If torch knows no such device or it is not at hand.

    Examples
    --------
    >>> resolve_device("cpu")
    'cpu'
    """
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device must be 'auto' or a device that torch can use here, got {device!r}: {error}"
        ) from error
    return str(device)


def own_callback(callback: Any) -> Any:
    """Copy a callback, so that what it learns stays off the caller's.

    Parameters
    ----------
    callback : skorch.callbacks.Callback, class, or pair of name and callback
        What the parameter `callbacks` lists.

    Returns
    -------
    callback or pair
        A copy; classes are returned as they are.
    """
    if isinstance(callback, tuple):
        name, inner = callback
        return name, own_callback(inner)
    return callback if isinstance(callback, type) else copy.copy(callback)
