"""The ensemble of regressors."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.metaestimators import available_if

from sklearn_tamulag.ensemble.base import BaseSeedEnsemble, can_train_on, spread
from sklearn_tamulag.estimators.regressor import TAMULAGRegressor


class SeedEnsembleRegressor(RegressorMixin, BaseSeedEnsemble):
    """Train a regressor from several seeds, and predict the mean.

    The members are clones of one estimator that differ in their seeds alone: in first weights, in
    dropout, in the order of rows, and in the rows that each holds out to stop early, so that every
    row is trained on by most of them. The error of their mean is at most the mean of their errors,
    and their spread says where they disagree.

    Parameters
    ----------
    estimator : TAMULAGRegressor, Pipeline or None, default=None
        What the members are clones of: a regressor, or a Pipeline that ends in one. None is
        `TAMULAGRegressor` with its defaults. Whatever seeds it has are replaced.
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
    modalities_ : tuple of str
        The M modalities, in the order of every result.
    history_ : DataFrame of shape (epochs of all members, columns)
        The histories of the members, indexed by member, from 0, and epoch, from 1.
    unimodal_labels_ : DataFrame of shape (n, M), dtype float64
        The generated labels, a mean over the members that were trained on the row; NaN where none
        was, or where the row lacks the modality.

    See Also
    --------
    SeedEnsembleClassifier : The same for classes.
    sklearn_tamulag.model_selection.evaluate_seeds : Scores single seeds, rather than their mean.

    Notes
    -----
    There is no `transform`: each member has a representation of its own, whose axes mean something
    else in every one, and a mean of them means nothing. ``estimators_[0].transform`` is one.

    A fit that is interrupted leaves no members. With a `checkpoint` of the estimator and an int
    `random_state` the same call goes on: members that had ended are not trained again. An
    interrupted `partial_fit` leaves the members as they were.

    Where scikit-learn's metadata routing is on, members are given what the estimator requests, as
    in any other meta-estimator; where it is off, all that `fit` is given goes to the estimator, or
    to the last step of the Pipeline.

    Examples
    --------
    >>> from sklearn_tamulag import TAMULAGRegressor
    >>> from sklearn_tamulag.datasets import make_multimodal_sentiment
    >>> from sklearn_tamulag.ensemble import SeedEnsembleRegressor
    >>> data = make_multimodal_sentiment(100, random_state=0)
    >>> ensemble = SeedEnsembleRegressor(TAMULAGRegressor(max_epochs=1), 2, random_state=0)
    >>> ensemble.fit(data.X, data.y).predict(data.X[:5]).shape
    (5,)
    >>> len(ensemble.estimators_), ensemble.predict_spread(data.X[:5]).shape
    (2, (5,))
    """

    _kind = TAMULAGRegressor

    def fit(
        self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: Any
    ) -> Self:
        """Train all members.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, in any form that the estimator takes.
        y : array-like of shape (n,)
            The labels.
        sample_weight : array-like of shape (n,), default=None
            The weight of each row, 0 or more.
        **fit_params : dict
            What else `fit` of the estimator takes: ``groups``, ``unimodal_labels``, ``X_val``,
            ``y_val`` and ``sample_weight_val``.

        Returns
        -------
        self : SeedEnsembleRegressor
            The fitted ensemble.

        Raises
        ------
        TypeError
            If the estimator is neither a TAMULAGRegressor nor a Pipeline that ends in one.
        ValueError
            If a parameter is out of its range, or as `fit` of the estimator does.
        """
        return self._fit_members(X, y, sample_weight, fit_params)

    @available_if(can_train_on)
    def partial_fit(self, X: Any, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Train every member for one epoch on all rows, from the weights at hand if there are any.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows.
        y : array-like of shape (n,)
            The labels.
        sample_weight : array-like of shape (n,), default=None
            The weight of each row, 0 or more.

        Returns
        -------
        self : SeedEnsembleRegressor
            The ensemble.

        Raises
        ------
        TypeError, ValueError
            As in `fit`.
        """
        return self._train_members_on(X, y, {"sample_weight": sample_weight})

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict y from all modalities together, as the mean over the members.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        y_pred : ndarray of shape (n,), dtype float64
            The predictions, in the units of y.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        return np.asarray(np.mean(self._predictions(X), axis=0))

    def predict_spread(self, X: Any) -> NDArray[np.float64]:
        """Standard deviation of the predictions over the members.

        It says how far chance in training moves a prediction, which is more where rows are unlike
        those of training. It is no interval for y, whose own noise it does not know.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        spread : ndarray of shape (n,), dtype float64
            In the units of y; the number of members is the divisor, and one member has none.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        return spread(self._predictions(X))

    def predict_unimodal(self, X: Any) -> pd.DataFrame:
        """Predict y from each modality alone, as the mean over the members.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        y_pred : DataFrame of shape (n, M), dtype float64
            A column per modality; NaN where a row lacks it. The index is ``X.ids``, or 0 to n - 1.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        frames = self._unimodal(X)
        values = np.mean([frame.to_numpy() for frame in frames], axis=0)
        return pd.DataFrame(values, index=frames[0].index, columns=frames[0].columns)

    def predict_unimodal_spread(self, X: Any) -> pd.DataFrame:
        """Standard deviation over the members of what each modality alone predicts.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        spread : DataFrame of shape (n, M), dtype float64
            As `predict_unimodal` has it.

        Raises
        ------
        NotFittedError
            If the ensemble is not fitted.
        ValueError
            As a member does.
        """
        frames = self._unimodal(X)
        values = spread([frame.to_numpy() for frame in frames])
        return pd.DataFrame(values, index=frames[0].index, columns=frames[0].columns)

    def _predictions(self, X: Any) -> list[Any]:
        """What each member predicts, N x (n,)."""
        return self._of_members(X, lambda network, rows: network.predict(rows))

    def _unimodal(self, X: Any) -> list[pd.DataFrame]:
        """What each member predicts from each modality, N x (n, M)."""
        return self._of_members(X, lambda network, rows: network.predict_unimodal(rows))
