"""What ``encoders`` may say of a modality's encoder, recurrent or a transformer."""

from collections.abc import Mapping
from numbers import Integral, Real
from os import PathLike, fspath
from typing import Any

from sklearn_tamulag.data.naming import nearest
from sklearn_tamulag.data.sklearn_private import Interval, make_constraint
from sklearn_tamulag.estimators.own_classes import NameOrClass
from sklearn_tamulag.estimators.parameters import NON_NEGATIVE, SIZE
from sklearn_tamulag.nn.sequence_models import SEQUENCE_MODELS
from sklearn_tamulag.nn.transformer import TransformerSpec
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.loading import load_config
from sklearn_tamulag.text.tokens import texts_in

# Fine-tuning moves pre-trained weights by little: a rate that suits new layers would undo them.
FINE_TUNING_RATE = 5e-5

# The rate of new layers; and beside a transformer that is fine-tuned, where layers that learn
# faster than it fit the noise of the other modalities before it has anything to say.
LEARNING_RATE = 2e-3
LEARNING_RATE_BESIDE = 5e-4

# Biases and the weights of normalisation are not to shrink. Shell patterns of the names of weights.
WITHOUT_DECAY = ("*bias", "*[Nn]orm*", "*.ln_*")

# Each is also a constructor parameter.
RECURRENT_OPTIONS: dict[str, list[Any]] = {
    "hidden_size": [SIZE],
    "num_layers": [SIZE],
    "cell": [NameOrClass(SEQUENCE_MODELS)],
    "bidirectional": [Interval(Integral, 0, 1, closed="both")],
    "step_path": [Interval(Integral, 0, 1, closed="both")],
}
OPTIMIZER_OPTIONS: dict[str, list[Any]] = {"lr": [NON_NEGATIVE], "weight_decay": [NON_NEGATIVE]}
TRANSFORMER_OPTIONS: dict[str, list[Any]] = {
    "transformer": [str, PathLike, Mapping, None],
    "tokenizer": [str, PathLike, None],
    "trainable": ["boolean"],
    "freeze_layers": [Interval(Integral, 0, None, closed="left")],
    "freeze_embeddings": ["boolean"],
    "layer_decay": [Interval(Real, 0, 1, closed="right")],
    "gradient_checkpointing": ["boolean"],
    "max_length": [SIZE, None],
    "lowercase": ["boolean"],
    "prefix": [str],
    "cache": [str, PathLike, None],
}


def encoder_options(encoders: Mapping[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Check ``encoders`` by itself, and return a dict of options for each modality in it.

    Parameters
    ----------
    encoders : mapping of str to mapping, or None
        The constructor's value.

    Returns
    -------
    dict of str to dict
        The options, by modality.

    Raises
    ------
    TypeError
        If an entry is no mapping.
    ValueError
        If an option is unknown, does not go with the others or has a value that is not allowed.
    """
    for name, options in (encoders or {}).items():
        if not isinstance(options, Mapping):
            raise TypeError(f"encoders[{name!r}] must be a dict of options, got {options!r}.")
        kind = "transformer" if "transformer" in options else "recurrent"
        known = TRANSFORMER_OPTIONS if kind == "transformer" else RECURRENT_OPTIONS
        allowed = known | OPTIMIZER_OPTIONS
        for option, value in options.items():
            if option not in allowed:
                needs = option in TRANSFORMER_OPTIONS
                raise ValueError(
                    f"encoders[{name!r}] has the option {option!r}, which a {kind} encoder does "
                    f"not have{': it needs a transformer' if needs else ''}; allowed are "
                    f"{list(allowed)}.{nearest([option], allowed)}"
                )
            constraints = [make_constraint(constraint) for constraint in allowed[option]]
            if not any(constraint.is_satisfied_by(value) for constraint in constraints):
                raise ValueError(
                    f"encoders[{name!r}][{option!r}] must be "
                    f"{' or '.join(map(str, constraints))}, got {value!r}."
                )
    return {name: dict(options) for name, options in (encoders or {}).items()}


def is_fine_tuned(options: Mapping[str, Any]) -> bool:
    """Tell whether a modality has a transformer that is trained with the rest.

    Parameters
    ----------
    options : mapping
        The modality's encoder options.

    Returns
    -------
    bool
        False for a recurrent encoder too.
    """
    return "transformer" in options and bool(options.get("trainable", True))


def frozen_caches(encoders: Mapping[str, Any] | None) -> dict[str, Any]:
    """Take out the folders that keep the states of frozen transformers.

    Parameters
    ----------
    encoders : mapping of str to mapping, or None
        The constructor's value.

    Returns
    -------
    dict of str to path or None
        By modality; None where states are kept in memory.
    """
    return {name: options.get("cache") for name, options in encoder_options(encoders).items()}


def transformer_spec(options: Mapping[str, Any], config: Mapping[str, Any]) -> TransformerSpec:
    """Say how the network builds a modality's transformer.

    Parameters
    ----------
    options : mapping
        The modality's encoder options. The transformer is None if it comes from a saved file.
    config : mapping
        The transformer's whole configuration.

    Returns
    -------
    TransformerSpec
        Without a source where the options give a configuration alone.
    """
    transformer = options["transformer"]
    return TransformerSpec(
        config=config,
        source=fspath(transformer) if isinstance(transformer, str | PathLike) else None,
        trainable=bool(options.get("trainable", True)),
        freeze_layers=int(options.get("freeze_layers", 0)),
        gradient_checkpointing=bool(options.get("gradient_checkpointing", False)),
        freeze_embeddings=bool(options.get("freeze_embeddings", False)),
    )


def learn_text(
    encoders: Mapping[str, Any] | None, X: Any
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Find the transformers, and the tokenizers of those modalities that X gives as strings.

    Parameters
    ----------
    encoders : mapping of str to mapping, or None
        The constructor's value.
    X : object
        The data, in any form.

    Returns
    -------
    configs : dict of str to dict
        The configuration of every transformer, by modality.
    tokenizers : dict of str to dict
        The state of the `TextEncoding` of every modality that is strings in X and has a
        transformer.

    Raises
    ------
    ImportError
        If there is a transformer and the package transformers is not installed.
    ValueError
        If a model or tokenizer is not found or not named, or they do not belong together.
    """
    transformers = {
        name: options
        for name, options in encoder_options(encoders).items()
        if "transformer" in options
    }
    texts = texts_in(X, list(transformers))
    configs, tokenizers = {}, {}
    for name, options in transformers.items():
        argument = f"encoders[{name!r}]['transformer']"
        if options["transformer"] is None:
            raise ValueError(
                f"{argument} is None, as it is in an estimator that was saved and loaded: files do "
                "not carry names and folders. Set it to a name, a folder or a configuration; "
                "partial_fit and warm_start go on without it."
            )
        configs[name] = load_config(argument, options["transformer"])
        if name in texts:
            source = options.get("tokenizer")
            if source is not None:
                argument = f"encoders[{name!r}]['tokenizer']"
            elif isinstance(options["transformer"], Mapping):
                raise ValueError(
                    f"encoders[{name!r}] needs a 'tokenizer', a name or a folder: X has strings, "
                    "and the transformer is a configuration alone."
                )
            else:
                source = options["transformer"]
            tokenizers[name] = TextEncoding.load(
                argument,
                source,
                max_length=options.get("max_length"),
                lowercase=bool(options.get("lowercase", False)),
                prefix=options.get("prefix", ""),
                config=configs[name],
            ).state()
    return configs, tokenizers
