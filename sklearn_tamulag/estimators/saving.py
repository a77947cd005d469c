"""Saves estimators, transformers and pipelines of them, and loads whatever such a file holds."""

import warnings
from collections.abc import Mapping
from os import PathLike
from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_tamulag.estimators.classifier import TAMULAGClassifier
from sklearn_tamulag.estimators.regressor import TAMULAGRegressor
from sklearn_tamulag.estimators.saved_gatherings import gathering_of, gathering_value
from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.estimators import (
    KIND,
    estimator_of,
    estimator_value,
    restored,
    warn_of_places,
)
from sklearn_tamulag.persistence.limits import shortened
from sklearn_tamulag.persistence.own_classes import check_custom, given_classes
from sklearn_tamulag.persistence.saved_parameters import check_parameters, without_places
from sklearn_tamulag.preprocessing import (
    FlatToMultimodal,
    MultimodalPadder,
    SequenceScaler,
    TextEmbedder,
    TextTokenizer,
)

_CLASSES = {
    cls.__name__: cls
    for cls in (
        *(TAMULAGRegressor, TAMULAGClassifier),
        *(MultimodalPadder, SequenceScaler, TextTokenizer, TextEmbedder, FlatToMultimodal),
    )
}
# Estimators that hold others, by name; the rooms above that define them enter them here.
_GATHERINGS: dict[str, type] = {}
_SKIPPED = ("passthrough", None)


def register_gathering(gathering: type) -> None:
    """Let `save` and `load` know a class of this package that holds fitted estimators.

    Parameters
    ----------
    gathering : type
        The class. Its instances have the parameter ``estimator`` and, once fitted, the attribute
        ``estimators_``; its method ``_check_kind`` refuses what it does not hold.
    """
    _GATHERINGS[gathering.__name__] = gathering


def save(estimator: Any, path: str | PathLike[str]) -> None:
    """Write an estimator or a pipeline to one file, without pickle.

    Parameters
    ----------
    estimator : estimator instance or Pipeline
        A `TAMULAGRegressor`, `TAMULAGClassifier`, a transformer of `preprocessing`, a seed ensemble
        of `ensemble`, or a scikit-learn Pipeline of these, of "passthrough" and of further such
        pipelines; fitted or not. A parameter that cannot be stored without code, as callbacks
        cannot, is replaced by its default, with a warning. Parameters that name a place are not in
        the file, as places of one machine mean nothing on another: `checkpoint`, `cache`, and the
        name or folder of a transformer or tokenizer, also within `encoders`. What was learned from
        them is in the file.
    path : str or path
        Where to. A file that is there is replaced once the new one is complete.

    Raises
    ------
    OSError
        If the file cannot be written. A file that was there is unchanged.
    TypeError
        If the estimator, or a step of the pipeline, is of another class.

    See Also
    --------
    load : Restores what the file holds.

    Examples
    --------
    >>> import tempfile
    >>> from sklearn.pipeline import make_pipeline
    >>> import sklearn_tamulag
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> from sklearn_tamulag.preprocessing import SequenceScaler
    >>> data = make_multimodal_sentiment(100, random_state=0)
    >>> pipeline = make_pipeline(SequenceScaler(), TAMULAGRegressor(max_epochs=2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sklearn_tamulag.save(pipeline.fit(data.X, data.y), f"{folder}/model.safetensors")
    ...     twin = sklearn_tamulag.load(f"{folder}/model.safetensors")
    >>> bool((twin.predict(data.X) == pipeline.predict(data.X)).all())
    True
    """
    write_value(path, _described(estimator, "The estimator"), kind=KIND)


def load(
    path: str | PathLike[str], *, device: Any = None, custom: Mapping[str, type] | None = None
) -> Any:
    """Restore what `save`, or the method of an estimator, has written.

    The file holds numbers and names, from which only classes of this package, scikit-learn's
    Pipeline and optimizers of torch are made. It sets only the parameters that `save` writes. Those
    that name a place (`checkpoint`, `cache`, the name or folder of a transformer or tokenizer, also
    within `encoders`, and `memory` of a pipeline) come back as None, with one warning if the file
    names any. A fit that needs one of them says so.

    Parameters
    ----------
    path : str or path
        The file.
    device : str or torch.device, default=None
        Where networks shall be; it becomes their parameter `device`. None keeps that of the saved
        estimator.
    custom : dict of str to type, default=None
        Classes of one's own that a saved estimator has as `cell`, `attention` or `fusion`. A file
        has their names and weights, and they are never imported by a name in a file: give each
        under its whole name, as "my_package.fusion.MyFusion", or under "MyFusion" where the file
        has one of that name. Shapes of weights are compared before a class is given any. Classes
        that the file does not name are left alone, so that one dict serves many files.

    Returns
    -------
    estimator : estimator instance or Pipeline
        It predicts the same bits on the same device, and trains on from where it was.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is damaged, of another origin or of a newer format, asks for more memory than
        its size allows or for a device that is not at hand, or needs a class that is not given.
    TypeError
        If `custom` is no dict of classes derived from ``torch.nn.Module``.

    See Also
    --------
    save : Writes such a file, and shows how to load it.
    """
    check_custom(custom)
    value = read_value(path, kind=KIND)
    places: dict[str, Any] = {}
    estimator = restored(path, lambda: _made(value, device, places, custom))
    warn_of_places(path, places)
    return estimator


def _described(estimator: Any, role: str) -> Any:
    """Describe an estimator, or a pipeline step by step."""
    if type(estimator) is Pipeline:
        if estimator.memory is not None:
            warnings.warn(
                f"memory={estimator.memory!r} of the pipeline is not stored: after load it is "
                "None. joblib.dump keeps it.",
                UserWarning,
                stacklevel=3,
            )
        steps = [
            (
                name,
                step if step in _SKIPPED else _described(step, f"Step {name!r} of the pipeline"),
            )
            for name, step in estimator.steps
        ]
        others = {name: getattr(estimator, name) for name in ("transform_input", "verbose")}
        return {"class": "Pipeline", "steps": steps, "params": others}
    if type(estimator) in _GATHERINGS.values():
        return gathering_value(estimator, lambda held: _described(held, "What an ensemble holds"))
    if type(estimator) not in _CLASSES.values():
        found = getattr(estimator, "best_estimator_", None)
        hint = "; save its best_estimator_" if type(found) in (*_CLASSES.values(), Pipeline) else ""
        raise TypeError(
            f"{role} must be of a class among {[*_CLASSES, *_GATHERINGS]} or a Pipeline of these, "
            f"got {type(estimator).__name__}{hint}. joblib.dump saves any estimator."
        )
    return estimator_value(estimator)


def _made(
    value: Any, device: Any, places: dict[str, Any], custom: Mapping[str, type] | None
) -> Any:
    """Make an estimator or a pipeline of its description, and collect the places it names."""
    if value["class"] in list(_GATHERINGS):
        cls = _GATHERINGS[value["class"]]
        return gathering_of(
            value, cls, lambda held, inner: _made(held, device, inner, custom), places
        )
    if value["class"] != "Pipeline":
        return estimator_of(value, _CLASSES, device, places=places, custom=custom)
    if value.keys() != {"class", "steps", "params"}:
        raise ValueError(f"a Pipeline is described by other fields than {sorted(value)}.")
    check_parameters(value["params"], Pipeline)
    params, found = without_places(value["params"], Pipeline)
    params = given_classes(params, Pipeline, custom)
    places |= found
    steps = []
    for name, step in value["steps"]:
        if type(name) is not str:
            raise ValueError(f"a step of a Pipeline is named by a {type(name).__name__}.")
        inner: dict[str, Any] = {}
        skipped = step is None or isinstance(step, str)
        if skipped and step not in _SKIPPED:
            raise ValueError(f"a step of a Pipeline is {shortened(repr(step))}.")
        steps.append((name, step if skipped else _made(step, device, inner, custom)))
        places |= {f"{shortened(name)}__{key}": place for key, place in inner.items()}
    return Pipeline(steps, **params)
