"""Saves estimators, transformers and pipelines of them, and loads whatever such a file holds."""

import warnings
from os import PathLike
from typing import Any

from sklearn.pipeline import Pipeline

from sklearn_tamulag.estimators.classifier import TAMULAGClassifier
from sklearn_tamulag.estimators.regressor import TAMULAGRegressor
from sklearn_tamulag.persistence.container import read_value, write_value
from sklearn_tamulag.persistence.estimators import KIND, estimator_of, estimator_value, restored
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
_SKIPPED = ("passthrough", None)


def save(estimator: Any, path: str | PathLike[str]) -> None:
    """Write an estimator or a pipeline to one file, without pickle.

    Parameters
    ----------
    estimator : estimator instance or Pipeline
        A `TAMULAGRegressor`, `TAMULAGClassifier`, a transformer of `preprocessing`, or a
        scikit-learn Pipeline of these, of "passthrough" and of further such pipelines; fitted or
        not. A parameter that cannot be stored without code, as callbacks cannot, is replaced by its
        default, with a warning.
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
    >>> data = make_multimodal_sentiment(60, random_state=0)
    >>> pipeline = make_pipeline(SequenceScaler(), TAMULAGRegressor(max_epochs=2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sklearn_tamulag.save(pipeline.fit(data.X, data.y), f"{folder}/model.safetensors")
    ...     twin = sklearn_tamulag.load(f"{folder}/model.safetensors")
    >>> bool((twin.predict(data.X) == pipeline.predict(data.X)).all())
    True
    """
    write_value(path, _described(estimator, "The estimator"), kind=KIND)


def load(path: str | PathLike[str], *, device: Any = None) -> Any:
    """Restore what `save`, or the method of an estimator, has written.

    Nothing in such a file can run code: it holds numbers and names, and names of classes that are
    not of this package's own are refused.

    Parameters
    ----------
    path : str or path
        The file.
    device : str or torch.device, default=None
        Where networks shall be; it becomes their parameter `device`. None keeps that of the saved
        estimator.

    Returns
    -------
    estimator : estimator instance or Pipeline
        It predicts the same bits on the same device, and trains on from where it was.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If the file is damaged, of another origin or of a newer format, or asks for a device that is
        not at hand.

    See Also
    --------
    save : Writes such a file, and shows how to load it.
    """
    value = read_value(path, kind=KIND)
    return restored(path, lambda: _made(value, device))


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
    if type(estimator) not in _CLASSES.values():
        found = getattr(estimator, "best_estimator_", None)
        hint = "; save its best_estimator_" if type(found) in (*_CLASSES.values(), Pipeline) else ""
        raise TypeError(
            f"{role} must be of a class among {list(_CLASSES)} or a Pipeline of these, got "
            f"{type(estimator).__name__}{hint}. joblib.dump saves any estimator."
        )
    return estimator_value(estimator)


def _made(value: Any, device: Any) -> Any:
    """Make an estimator or a pipeline of its description."""
    if value["class"] != "Pipeline":
        return estimator_of(value, _CLASSES, device)
    steps = [
        (name, step if step in _SKIPPED else _made(step, device)) for name, step in value["steps"]
    ]
    return Pipeline(steps, **value["params"])
