"""The ensemble of classifiers."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import log_softmax, logsumexp, softmax
from sklearn.base import ClassifierMixin
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.metaestimators import available_if

from sklearn_tamulag.ensemble.base import BaseSeedEnsemble, can_train_on, spread
from sklearn_tamulag.estimators.classifier import TAMULAGClassifier
from sklearn_tamulag.estimators.outputs import row_index
from sklearn_tamulag.training.loop.results import label_frame


class SeedEnsembleClassifier(ClassifierMixin, BaseSeedEnsemble):
    """Train a classifier from several seeds, and predict by the mean of the probabilities.

    The members differ in their seeds alone, as those of `SeedEnsembleRegressor`, which says more.

    Parameters
    ----------
    estimator : TAMULAGClassifier, Pipeline or None, default=None
        What the members are clones of: a classifier, or a Pipeline that ends in one. None is
        `TAMULAGClassifier` with its defaults. Whatever seeds it has are replaced.
    n_estimators : int, default=5
        The number of members, at least 1.
    random_state : int, RandomState instance or None, default=None
        Where the seeds of the members come from. An int gives the same members whatever `n_jobs`
        is, and the first ones of a larger ensemble.
    n_jobs : int or None, default=None
        How many members are trained at a time, as joblib reads it: None is one, -1 as many as there
        are cores. Each is trained with one thread.
    verbose : int, default=0
        How much joblib says of the training.

    Attributes
    ----------
    estimators_ : list of estimator instances
        The fitted members.
    n_features_in_ : int
        The columns of what was fitted, as the members count them.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        The names of these columns, where they have any.
    classes_ : ndarray of shape (K,)
        The classes, sorted.
    modalities_ : tuple of str
        The M modalities, in the order of every result.
    history_ : DataFrame of shape (epochs of all members, columns)
        The histories of the members, indexed by member, from 0, and epoch, from 1.
    unimodal_labels_ : DataFrame of shape (n, M * K), dtype float64
        The generated probabilities by (modality, class), a mean over the members that were trained
        on the row; NaN where none was, or where the row lacks the modality.

    See Also
    --------
    SeedEnsembleRegressor : The same for a continuous y, with notes on what holds for both.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGClassifier
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> from sklearn_tamulag.ensemble import SeedEnsembleClassifier
    >>> data = make_multimodal_sentiment(100, random_state=0)
    >>> ensemble = SeedEnsembleClassifier(TAMULAGClassifier(max_epochs=1), 2, random_state=0)
    >>> ensemble.fit(data.X, data.y > 0).predict_proba(data.X[:5]).shape
    (5, 2)
    """

    _kind = TAMULAGClassifier
    # The members ask for them.
    __metadata_request__partial_fit: ClassVar[dict[str, Any]] = {"classes": UNUSED}

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes, sorted."""
        classes: NDArray[Any] = self._first("classes_")
        return classes

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> Self:
        """Train all members.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, in any form that the estimator takes.
        y : array-like of shape (n,)
            The classes.
        sample_weight : array-like of shape (n,), default=None
            The weight of each row, 0 or more.
        **fit_params : dict
            What else `fit` of the estimator takes: ``groups``, ``unimodal_labels``, ``X_val``,
            ``y_val`` and ``sample_weight_val``.

        Returns
        -------
        self : SeedEnsembleClassifier
            The fitted ensemble.

        Raises
        ------
        TypeError
            If the estimator is neither a TAMULAGClassifier nor a Pipeline that ends in one.
        ValueError
            If a parameter is out of its range, or as `fit` of the estimator does.
        """
        return self._fit_members(X, y, sample_weight, fit_params)

    @available_if(can_train_on)
    def partial_fit(
        self,
        X: Any,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train every member for one epoch on all rows, from the weights at hand if there are any.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows.
        y : array-like of shape (n,)
            The classes of the rows.
        classes : array-like of shape (K,), default=None
            All classes that y can have; needed in the first call only.
        sample_weight : array-like of shape (n,), default=None
            The weight of each row, 0 or more.

        Returns
        -------
        self : SeedEnsembleClassifier
            The ensemble.

        Raises
        ------
        TypeError, ValueError
            As in `fit`; or if `classes` is missing in the first call or differs later.
        """
        weights = {"sample_weight": sample_weight}
        return self._train_members_on(X, y, weights, classes=classes)

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the mean probabilities.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        scores : ndarray of shape (n, K), or (n,) if K is 2, dtype float64
            The logarithms; for two classes, by how much that of ``classes_[1]`` is greater.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        scores = self.predict_log_proba(X)
        return scores[:, 1] - scores[:, 0] if scores.shape[1] == 2 else scores

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes, as the mean over the members.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        probabilities : ndarray of shape (n, K), dtype float64
            In the order of `classes_`; every row sums to one.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        return np.asarray(np.mean(self._probabilities(X), axis=0))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the mean probabilities.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        log_probabilities : ndarray of shape (n, K), dtype float64
            At most 0, in the order of `classes_`, and finite where a probability rounds to 0.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        logs = [log_softmax(logits, axis=1) for logits in self._logits(X)]
        return np.minimum(logsumexp(logs, axis=0) - np.log(len(logs)), 0.0)

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict classes from all modalities together, by the mean of the probabilities.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        y_pred : ndarray of shape (n,)
            The most probable classes, of the type of y.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        codes = self.predict_log_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[codes])

    def predict_spread(self, X: Any) -> NDArray[np.float64]:
        """Standard deviation of the probabilities over the members.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        spread : ndarray of shape (n, K), dtype float64
            In the order of `classes_`, at most 0.5; one member has none.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        return spread(self._probabilities(X))

    def predict_unimodal(self, X: Any) -> pd.DataFrame:
        """Predict classes from each modality alone, by the mean of its probabilities.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        y_pred : DataFrame of shape (n, M)
            The most probable classes, a column per modality; NaN where a row lacks it. The index
            is ``X.ids``, or 0 to n - 1.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        tables, data = self._unimodal(X)
        codes = np.mean(tables, axis=0).argmax(axis=2)  # (n, M, K) -> (n, M)
        frame: pd.DataFrame = self._networks[0]._unimodal_frame(data, self.classes_[codes])
        return frame

    def predict_unimodal_spread(self, X: Any) -> pd.DataFrame:
        """Standard deviation over the members of the probabilities by each modality alone.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        spread : DataFrame of shape (n, M * K), dtype float64
            By (modality, class); NaN where a row lacks the modality.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        tables, data = self._unimodal(X)
        values = spread(tables)
        for place, name in enumerate(self.modalities_):
            values[data.lengths[name] == 0, place] = np.nan
        return label_frame(values, self.modalities_, self.classes_.tolist(), row_index(data))

    def _logits(self, X: Any) -> list[Any]:
        """Multimodal logits of each member, N x (n, K)."""
        return self._of_members(X, lambda network, rows: network._logits(rows))

    def _probabilities(self, X: Any) -> list[Any]:
        """Probabilities by each member, N x (n, K)."""
        return [softmax(logits, axis=1) for logits in self._logits(X)]

    def _unimodal(self, X: Any) -> tuple[list[Any], Any]:
        """Probabilities by each member from each modality, N x (n, M, K), and the rows read."""

        def ask(network: Any, rows: Any) -> Any:
            data = network._read(rows, reset=False)
            decode = network.net_.target.decode
            logits = network._outputs_of(data, lambda out: decode(out.unimodal_predictions))
            return softmax(logits, axis=2), data

        found = self._of_members(X, ask)
        return [table for table, _ in found], found[0][1]
