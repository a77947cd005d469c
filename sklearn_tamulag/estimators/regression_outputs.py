"""What a fitted regressor predicts: from all modalities together, and from each alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_tamulag.estimators.outputs import NetworkOutputs


class RegressionOutputs(NetworkOutputs):
    """Predicts y in its own units."""

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Predict y from all modalities together.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        y_pred : ndarray of shape (n,), dtype float64
            The predictions, in the units of y. Each depends on its own row alone.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step.
        """
        return self._outputs(X, lambda output: self.net_.target.decode(output.prediction))

    def predict_unimodal(self, X: Any) -> pd.DataFrame:
        """Predict y from each modality alone.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        y_pred : DataFrame of shape (n, M), dtype float64
            The predictions, in the units of y, a column per modality. The index is ``X.ids``, or 0
            to n - 1. NaN where a row lacks the modality. Without meaning where `unimodal_weight`
            was 0.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step.
        """
        check_is_fitted(self, "net_")
        data = self._read(X, reset=False)
        values = self._outputs_of(
            data, lambda output: self.net_.target.decode(output.unimodal_predictions)
        )
        return self._unimodal_frame(data, values)
