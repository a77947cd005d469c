"""What a fitted estimator tells about rows: representation, attention, outputs of the network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import log_softmax, softmax
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from sklearn_tamulag.data.containers import open_container
from sklearn_tamulag.data.forms import modality_names, validate_multimodal
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.precision import check_representable
from sklearn_tamulag.estimators.attention import TemporalAttentionOutputs
from sklearn_tamulag.nn.module import TAMULAGOutput
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.ids import check_token_ids
from sklearn_tamulag.text.tokens import tokenized
from sklearn_tamulag.text.words import TokenizedTexts
from sklearn_tamulag.training.loop.net import TAMULAGNet


class NetworkOutputs(TemporalAttentionOutputs, ClassNamePrefixFeaturesOutMixin, TransformerMixin):
    """Reads the outputs of ``net_`` for rows in any input form."""

    net_: TAMULAGNet
    modalities_: tuple[str, ...]
    tokenizers_: dict[str, dict[str, Any]]
    transformers_: dict[str, dict[str, Any]]
    precision: str

    def _read(self, X: Any, *, reset: bool) -> MultimodalData:
        """Check X and put its modalities in the order of fit."""
        return self._read_tokens(X, reset=reset)[0]

    def _read_tokens(
        self, X: Any, *, reset: bool
    ) -> tuple[MultimodalData, dict[str, TokenizedTexts]]:
        """Check X as `_read` does, and keep the tokens of its texts."""
        X = open_container(X, modality_names(self, reset=reset))
        encodings = {name: TextEncoding(**state) for name, state in self.tokenizers_.items()}
        with_ids, tokens = tokenized(X, encodings)
        data = validate_multimodal(self, with_ids, reset=reset)
        data = check_token_ids(data, self.transformers_)
        empty = ~data.present.any(axis=1)
        if empty.any():
            raise ValueError(
                f"X has no modality in row {int(empty.argmax())}: at least one must be present."
            )
        dtype = "float64" if self.precision == "float64" else "float32"
        check_representable(data.arrays, data.lengths, dtype)
        return data, tokens

    def _outputs(self, X: Any, read: Callable[[TAMULAGOutput], Tensor]) -> NDArray[Any]:
        """One output of the network for every row, in the order of the rows."""
        check_is_fitted(self, "net_")
        return self._outputs_of(self._read(X, reset=False), read)

    def _outputs_of(
        self, data: MultimodalData, read: Callable[[TAMULAGOutput], Tensor]
    ) -> NDArray[Any]:
        """One output of the network for every row of data that `_read` has read."""
        result: NDArray[Any] | None = None
        for rows, output in self.net_.outputs(data):
            values = read(output).cpu().numpy()
            if result is None:
                result = np.empty((len(data), *values.shape[1:]), dtype=values.dtype)
            result[rows] = values
        assert result is not None, "data without rows is refused"
        return result

    def _unimodal_frame(self, data: MultimodalData, values: NDArray[Any]) -> pd.DataFrame:
        """A column per modality, with the names of the rows of X; NaN where a row lacks it."""
        index = row_index(data)
        columns = {}
        for name, column in zip(self.modalities_, values.T, strict=True):
            present = data.lengths[name] > 0
            series = pd.Series(column, index=index)
            # A complete column keeps the type of its values.
            columns[name] = series if present.all() else series.where(present)
        return pd.DataFrame(columns, index=index)

    def transform(self, X: Any) -> NDArray[Any]:
        """Return the fused representation of every row.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        fused : ndarray of shape (n, fusion_size), dtype float32 or float64
            The representation, 0 or greater, in the precision of the network.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step.
        """
        return self._outputs(X, lambda output: output.fused.to(self.net_.dtype))

    @property
    def _n_features_out(self) -> int:
        """Number of columns of ``transform``."""
        return int(self.net_.module__fusion_size)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # The representation has the precision of the network, whatever that of X.
        tags.transformer_tags.preserves_dtype = []
        return tags


class ClassOutputs(NetworkOutputs):
    """What a fitted classifier tells about rows: logits, probabilities and classes."""

    classes_: NDArray[Any]

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Logits of the classes.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        scores : ndarray of shape (n, K), or (n,) if K is 2, dtype float64
            The logits; for two classes, by how much that of ``classes_[1]`` is greater.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step.
        """
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probabilities of the classes.

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
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step.
        """
        return np.asarray(softmax(self._logits(X), axis=1))

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        log_probabilities : ndarray of shape (n, K), dtype float64
            At most 0, in the order of `classes_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step.
        """
        return np.asarray(log_softmax(self._logits(X), axis=1))

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict classes from all modalities together.

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
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step.
        """
        codes = self._logits(X).argmax(axis=1)
        return np.asarray(self.classes_[codes])

    def predict_unimodal(self, X: Any) -> pd.DataFrame:
        """Predict classes from each modality alone.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.

        Returns
        -------
        y_pred : DataFrame of shape (n, M)
            The most probable classes, a column per modality; NaN where a row lacks it. The index
            is ``X.ids``, or 0 to n - 1. Without meaning where `unimodal_weight` was 0.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step.
        """
        check_is_fitted(self, "net_")
        data = self._read(X, reset=False)
        # (n, M, K) -> (n, M)
        codes = self._outputs_of(data, lambda output: output.unimodal_predictions.argmax(dim=2))
        return self._unimodal_frame(data, self.classes_[codes])

    def _logits(self, X: Any) -> NDArray[np.float64]:
        """Multimodal logits, (n, K)."""
        return self._outputs(X, lambda output: self.net_.target.decode(output.prediction))


def row_index(data: MultimodalData) -> pd.Index:
    """Names of the rows: their ids, or their numbers.

    Parameters
    ----------
    data : MultimodalData
        The n rows.

    Returns
    -------
    pandas.Index of length n
        The ids, or 0 to n - 1.
    """
    return pd.RangeIndex(len(data)) if data.ids is None else pd.Index(data.ids)
