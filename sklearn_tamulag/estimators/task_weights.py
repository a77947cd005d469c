"""What ``unimodal_weight`` says of the weights of the unimodal tasks, and what "auto" is."""

from collections.abc import Mapping
from typing import Any

from sklearn_tamulag.data.naming import REST
from sklearn_tamulag.data.validation import by_modality
from sklearn_tamulag.estimators.parameters import NON_NEGATIVE
from sklearn_tamulag.training.objective.task_weights import TaskWeights

AUTO = "auto"
DISAGREEMENT = "disagreement"
"""In place of a number: ``tanh|label - y'|`` once a row's labels have moved, and one before."""

AUTO_WEIGHTS: Mapping[str, Mapping[str, float | str]] = {
    "regressor": {
        "calibrated": DISAGREEMENT,
        "ulgm": DISAGREEMENT,
        "ulag": DISAGREEMENT,
        "none": 1.0,
    },
    # Distributions over classes have no disagreement: numbers only.
    "classifier": {"soft": 1.0, "none": 1.0},
}
"""What "auto" is for each strategy of the labels. A label that people gave counts by one then."""


def unimodal_weights(value: Any, modalities: tuple[str, ...]) -> dict[str, float | str]:
    """Spread ``unimodal_weight`` over the modalities, and check it.

    Parameters
    ----------
    value : float, "auto" or mapping of str to float or "auto"
        The constructor's value. What a mapping does not name has the value of "rest", and "auto"
        where there is none.
    modalities : tuple of str
        The modalities.

    Returns
    -------
    dict of str to float or "auto"
        A value for each modality.

    Raises
    ------
    ValueError
        If a mapping names another modality, or holds what is no weight.

    Examples
    --------
    >>> unimodal_weights({"audio": 0.1}, ("text", "audio"))
    {'text': 'auto', 'audio': 0.1}
    """
    if not isinstance(value, Mapping):
        return dict.fromkeys(modalities, value)
    spread = by_modality("unimodal_weight", {REST: AUTO, **value}, modalities, rest=False)
    for key, entry in value.items():
        known = entry == AUTO if isinstance(entry, str) else NON_NEGATIVE.is_satisfied_by(entry)
        if not known:
            raise ValueError(
                f"unimodal_weight[{key!r}] must be {NON_NEGATIVE} or {AUTO!r}, got {entry!r}."
            )
    return spread


def are_silent(value: Any, modalities: tuple[str, ...]) -> bool:
    """Tell whether ``unimodal_weight`` leaves no unimodal task to be trained.

    Parameters
    ----------
    value : float, "auto" or mapping
        The constructor's value.
    modalities : tuple of str
        The modalities.

    Returns
    -------
    bool
        True where it is zero for all of them.

    Examples
    --------
    >>> are_silent({"text": 0, "audio": 0.0}, ("text", "audio"))
    True
    >>> are_silent({"text": 0}, ("text", "audio"))
    False
    """
    return all(weight == 0 for weight in unimodal_weights(value, modalities).values())


def task_weights(
    value: Any, modalities: tuple[str, ...], kind: str, label_generation: str
) -> TaskWeights:
    """Resolve ``unimodal_weight`` for a strategy of the labels.

    Parameters
    ----------
    value : float, "auto" or mapping
        The constructor's value. A number stands for all terms of a modality, those of labels that
        people gave included.
    modalities : tuple of str
        The modalities.
    kind : {"regressor", "classifier"}
        What the network is trained as.
    label_generation : str
        The strategy, "auto" resolved.

    Returns
    -------
    TaskWeights
        A weight for each modality.

    Raises
    ------
    ValueError
        If a mapping names another modality or holds what is no weight; or labels are to be
        generated and all weights are zero.

    Examples
    --------
    >>> task_weights({"audio": 0.1}, ("text", "audio"), "regressor", "none")
    TaskWeights(generated=(1.0, 0.1), given=(1.0, 0.1))
    """
    weights = unimodal_weights(value, modalities)
    if label_generation != "none" and are_silent(value, modalities):
        raise ValueError(
            f"unimodal_weight={value!r} is 0 for all modalities ({', '.join(modalities)}): what is "
            "left is the multimodal task alone, and nothing is trained on the labels that "
            f"label_generation={label_generation!r} generates. Set label_generation to 'none' or "
            "'auto', or give a modality a weight above 0."
        )
    automatic = AUTO_WEIGHTS[kind][label_generation]
    generated, given = [], []
    for weight in weights.values():
        if isinstance(weight, str):
            generated.append(None if isinstance(automatic, str) else float(automatic))
            given.append(1.0)
        else:
            generated.append(float(weight))
            given.append(float(weight))
    return TaskWeights(tuple(generated), tuple(given))
