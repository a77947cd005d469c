"""What a fit is given, checked: the rows, and a value of everything else for each of them."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.sklearn_private import num_samples
from sklearn_tamulag.training.feeding.groups import read_groups
from sklearn_tamulag.training.objective.human_labels import read_human_labels
from sklearn_tamulag.training.objective.weights import in_one_unit, read_weights


@dataclass(frozen=True)
class GivenRows:
    """The rows given to a fit.

    Attributes
    ----------
    data : MultimodalData
        The n rows.
    values : float64 or int64 array of shape (n,)
        y, or the codes of its classes.
    sample_weight : float64 array of shape (n,)
        Sample weights, 0 or more.
    weight : float64 array of shape (n,)
        Sample weights times class weights; rows of weight zero are as if absent.
    groups : ndarray of shape (n,) or None
        What is held out together.
    human : DataFrame of shape (n, M) or None
        What people said of single modalities.
    """

    data: MultimodalData
    values: NDArray[Any]
    sample_weight: NDArray[np.float64]
    weight: NDArray[np.float64]
    groups: NDArray[Any] | None = None
    human: Any = None


@dataclass(frozen=True)
class FitRows:
    """Which of the rows given to a fit do what in one training run.

    Attributes
    ----------
    given : GivenRows
        The n rows.
    outside : GivenRows or None
        Validation rows of the user's.
    train : int64 array
        Numbers of the rows that are trained on.
    held_out : int64 array
        Numbers of the rows that choose the best epoch.
    keys : uint8 array of shape (n, 16)
        Fingerprints of the rows.
    """

    given: GivenRows
    outside: GivenRows | None
    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    keys: NDArray[np.uint8]


def row_values(argument: str, values: Any, n_rows: int) -> Any:
    """Check that an argument has one value per row; None passes.

    Parameters
    ----------
    argument : str
        Its name.
    values : sequence or None
        The values.
    n_rows : int
        The number of rows.

    Returns
    -------
    sequence or None
        The same values.

    Raises
    ------
    ValueError
        If the numbers differ.
    """
    if values is not None and num_samples(values) != n_rows:
        raise ValueError(
            f"{argument} must have one value per row of X: X has {n_rows} rows, {argument} has "
            f"{num_samples(values)}."
        )
    return values


class RowReading:
    """Reads the rows that an estimator is fitted on, and those that it is validated on."""

    @abstractmethod
    def _read(self, X: Any, *, reset: bool) -> MultimodalData:
        """Check X and put its modalities in the order of fit."""

    @abstractmethod
    def _read_target(
        self, y: Any, weight: NDArray[np.float64], *, learn: bool, name: str = "y"
    ) -> NDArray[Any]:
        """Check y and return float64 values or int64 class codes; learn the classes if asked."""

    def _weigh_classes(
        self,
        values: NDArray[Any],
        weight: NDArray[np.float64],
        learned_from: GivenRows | None = None,
    ) -> NDArray[np.float64]:
        """Row weights after class weights, which only a classifier has."""
        return weight

    def _read_rows(
        self,
        data: MultimodalData,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
        unimodal_labels: pd.DataFrame | None,
        *,
        learn: bool,
    ) -> GivenRows:
        """Check what goes with each row of the data; learn the classes of y if asked."""
        weight = read_weights("sample_weight", sample_weight, len(data))
        values = self._read_target(row_values("y", y, len(data)), weight, learn=learn)
        groups = data.groups if groups is None else groups
        human = None
        if unimodal_labels is not None:
            classes = getattr(self, "classes_", None)
            human = read_human_labels(unimodal_labels, data, weight, classes)
        return GivenRows(
            data,
            values,
            weight,
            in_one_unit(self._weigh_classes(values, weight)),
            None if groups is None else read_groups("groups", groups, len(data)),
            human,
        )

    def _read_validation(
        self,
        X_val: Any,
        y_val: ArrayLike | None,
        sample_weight_val: ArrayLike | None,
        given: GivenRows,
    ) -> GivenRows | None:
        """Check a validation part that the user passes; it is weighed as the rows of fit are."""
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val must be given together, got one of them.")
        if y_val is None:
            if sample_weight_val is not None:
                raise ValueError("sample_weight_val was given without X_val and y_val.")
            return None
        data = self._read(X_val, reset=False)
        weight = read_weights("sample_weight_val", sample_weight_val, len(data))
        y_val = row_values("y_val", y_val, len(data))
        values = self._read_target(y_val, weight, learn=False, name="y_val")
        product = self._weigh_classes(values, weight, given)
        if not product.any():
            raise ValueError("class_weight leaves no row of X_val with a positive weight.")
        return GivenRows(data, values, weight, in_one_unit(product))
