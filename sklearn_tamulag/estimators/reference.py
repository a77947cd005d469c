"""The published settings of TAM-ULAG and of the field's models, as constructor arguments."""

from collections.abc import Mapping, Sequence
from os import PathLike
from types import MappingProxyType
from typing import Any

from sklearn_tamulag.estimators.encoders import FINE_TUNING_RATE
from sklearn_tamulag.estimators.reference_models import MODELS, model_params

# By data set, in this order: CMU-MOSI, CMU-MOSEI, CH-SIMS.
DATASETS = ("mosi", "mosei", "sims")
MODALITIES = ("text", "audio", "vision")

_LEARNING_RATE = {
    "text": (5e-5, 5e-5, 5e-5),
    "audio": (1e-3, 5e-3, 1e-5),
    "vision": (1e-4, 1e-4, 2e-4),
    "rest": (1e-3, 1e-3, 5e-4),
}
_WEIGHT_DECAY = {
    "text": (0.001, 0.001, 0.001),
    "audio": (0.01, 0.0, 0.01),
    "vision": (0.001, 0.0, 0.01),
    "rest": (0.001, 0.01, 0.001),
}
_DROPOUT = {
    "text": (0.0, 0.1, 0.1),
    "audio": (0.1, 0.0, 0.1),
    "vision": (0.1, 0.1, 0.0),
    "rest": (0.1, 0.0, 0.0),
}
_HIDDEN_SIZE = {"audio": (32, 32, 16), "vision": (64, 32, 64)}
_EMBEDDING_SIZE = {"text": (768, 768, 768), "audio": (16, 16, 16), "vision": (32, 32, 32)}
_UNIMODAL_SIZE = {"text": (64, 32, 64), "audio": (16, 16, 16), "vision": (32, 16, 32)}

# What holds for every data set.
_SHARED: Mapping[str, Any] = MappingProxyType(
    {
        "num_layers": 1,
        "fusion_size": 128,
        "attention": "gate",
        "fusion": "semantic",
        "label_generation": "ulag",
        "label_mixing": 0.5,
        "expert_size": 16,
        # The published labels are in raw units, around zero.
        "neutral": 0.0,
        "target_scale": 1.0,
        "batch_size": 32,
        "gradient_accumulation": 4,
        "early_stopping": True,
        "n_iter_no_change": 8,
    }
)


def reference_params(
    dataset: str,
    *,
    modalities: Sequence[str] = MODALITIES,
    text_encoder: str | PathLike[str] | None = None,
    model: str = "tam_ulag",
) -> dict[str, Any]:
    """Constructor arguments of `TAMULAGRegressor` with the published settings of a data set.

    The sizes, rates and shares are those of the released configuration of TAM-ULAG [1]_. Pooling,
    fusion and labels are the paper's: ``attention="gate"``, ``fusion="semantic"`` and
    ``label_generation="ulag"``. The defaults of the estimator are others, chosen by measurement.
    With another `model` the settings are those with which MMSA runs it [2]_, as far as they have a
    place here.

    Parameters
    ----------
    dataset : {"mosi", "mosei", "sims"}
        CMU-MOSI, CMU-MOSEI or CH-SIMS.
    modalities : sequence of {"text", "audio", "vision"}, default=("text", "audio", "vision")
        Those that X has; the arguments speak of no others.
    text_encoder : str or path-like, default=None
        Name or folder of the transformer that reads text and is fine-tuned with the rest, as the
        paper's BERT. None is text that comes as features.
    model : {"tam_ulag", "self_mm", "tfn", "lmf", "mult", "lf_dnn"}, default="tam_ulag"
        Whose settings: TAM-ULAG, Self-MM [3]_, the tensor fusion network [4]_, low-rank fusion
        [5]_, the multimodal transformer [6]_, or late fusion of plain networks, as in [2]_.

    Returns
    -------
    dict
        Constructor arguments, made anew in each call, so that they can be changed.

    Raises
    ------
    ValueError
        If the data set is not one of the three, `modalities` names another modality, one twice or
        none, a `text_encoder` is given without the modality "text", or `model` is unknown.

    Notes
    -----
    In the paper text goes through a BERT whose learning rate and weight decay are those of
    ``encoders["text"]``. Without a `text_encoder` a recurrent encoder of text features, which
    learns from scratch, has the same and hardly moves at such a rate;
    ``params["encoders"]["text"].clear()`` gives it the rate of the rest.

    The configuration also has a range of labels, 3 for CMU-MOSI and CMU-MOSEI and 1 for CH-SIMS, to
    which proposals are clipped. It has no argument here: proposals are clipped to the range of the
    y of the training rows, which is that range wherever its ends occur.

    The other models sit in this network's seats, and differ from their originals in what has no
    seat. "tfn", "lmf" and "lf_dnn" read audio and vision as means over time; here the layers read
    each step, and ``attention="mean"`` takes the mean of their states, and of those of the LSTM of
    text in place of its last. "lmf" has rank 3 for CMU-MOSI and 4 otherwise; here it is 4, and its
    `fusion_size` is the default, since the original has no such layer. "mult" has 4 (CH-SIMS: 2)
    layers for each pair of modalities, attention over the steps after them and convolutions of 1 to
    5 steps; here it is one layer, a mean and 3 steps, and without the limit of single entries of
    the gradient and the rate that falls on a plateau. A model other than "self_mm" and "tam_ulag"
    has no tasks of single modalities: ``label_generation="none"``, and `unimodal_weight` is 0.

    References
    ----------
    .. [1] Sun and Wang, "Self-supervised multimodal emotion recognition combining temporal
       attention mechanism and unimodal label automatic generation strategy", Journal of
       Electronics & Information Technology 46(2), 588-601, 2024, doi:10.11999/JEIT231107.
    .. [2] Mao, Yuan, Xu, Yu, Liu and Gao, "M-SENA: an integrated platform for multimodal sentiment
       analysis", ACL 2022, arXiv:2203.12441.
    .. [3] Yu, Xu, Yuan and Wu, "Learning modality-specific representations with self-supervised
       multi-task learning for multimodal sentiment analysis", AAAI 2021, arXiv:2102.04830.
    .. [4] Zadeh et al., "Tensor fusion network for multimodal sentiment analysis", EMNLP 2017,
       arXiv:1707.07250.
    .. [5] Liu et al., "Efficient low-rank multimodal fusion with modality-specific factors", ACL
       2018, arXiv:1806.00064.
    .. [6] Tsai et al., "Multimodal transformer for unaligned multimodal language sequences", ACL
       2019, arXiv:1906.00295.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGRegressor, reference_params
    >>> params = reference_params("mosi", modalities=["text", "audio"])
    >>> params["encoders"]["audio"]
    {'hidden_size': 32, 'lr': 0.001, 'weight_decay': 0.01}
    >>> params["dropout"]
    {'text': 0.0, 'audio': 0.1, 'rest': 0.1}
    >>> TAMULAGRegressor(**params, max_epochs=100).n_iter_no_change
    8
    >>> reference_params("mosi", model="tfn")["embedding_size"]
    {'text': 32, 'audio': 32, 'vision': 128}
    """
    if dataset not in DATASETS:
        raise ValueError(f"dataset must be one of {list(DATASETS)}, got {dataset!r}.")
    names = [modalities] if isinstance(modalities, str) else list(modalities)
    if not names or len(set(names)) < len(names) or not set(names) <= set(MODALITIES):
        raise ValueError(
            f"modalities must be some of {list(MODALITIES)}, each once, got {modalities!r}."
        )
    if text_encoder is not None and "text" not in names:
        raise ValueError(f'text_encoder needs the modality "text", got modalities={names}.')
    place = DATASETS.index(dataset)
    known = ["tam_ulag", *MODELS]
    if model not in known:
        raise ValueError(f"model must be one of {known}, got {model!r}.")
    params = (
        _tam_ulag_params(place, names) if model == "tam_ulag" else model_params(model, place, names)
    )
    if text_encoder is not None:
        # A transformer has layers of its own, and no size or kind of states.
        encoder = params["encoders"]["text"]
        kept = {option: encoder[option] for option in ("lr", "weight_decay") if option in encoder}
        kept = {"lr": FINE_TUNING_RATE} | kept
        params["encoders"]["text"] = {**kept, "transformer": text_encoder}
    return params


def _tam_ulag_params(place: int, names: list[str]) -> dict[str, Any]:
    """Settings of TAM-ULAG for the data set at a place."""

    def chosen(table: Mapping[str, tuple[Any, ...]], *parts: str) -> dict[str, Any]:
        return {part: table[part][place] for part in parts if part in table}

    encoders: dict[str, dict[str, Any]] = {
        name: {
            option: table[name][place]
            for option, table in (
                ("hidden_size", _HIDDEN_SIZE),
                ("lr", _LEARNING_RATE),
                ("weight_decay", _WEIGHT_DECAY),
            )
            if name in table
        }
        for name in names
    }
    return {
        **_SHARED,
        "embedding_size": chosen(_EMBEDDING_SIZE, *names),
        "unimodal_size": chosen(_UNIMODAL_SIZE, *names),
        "encoders": encoders,
        "dropout": chosen(_DROPOUT, *names, "rest"),
        "lr": _LEARNING_RATE["rest"][place],
        "weight_decay": _WEIGHT_DECAY["rest"][place],
    }
