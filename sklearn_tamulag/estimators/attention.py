"""What a fitted estimator tells about the steps of its rows: their weight, by token, by word."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import check_is_fitted

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.text.words import TokenizedTexts
from sklearn_tamulag.training.loop.net import TAMULAGNet

_WAYS = ("step", "token", "word")


class TemporalAttentionOutputs:
    """Reads the weights of the steps off ``net_``."""

    net_: TAMULAGNet
    modalities_: tuple[str, ...]

    @abstractmethod
    def _read_tokens(
        self, X: Any, *, reset: bool
    ) -> tuple[MultimodalData, dict[str, TokenizedTexts]]:
        """Check X, and keep the tokens of its texts."""

    @overload
    def temporal_attention(
        self, X: Any, *, by: Literal["step"] = "step"
    ) -> dict[str, NDArray[Any]]: ...

    @overload
    def temporal_attention(
        self, X: Any, *, by: Literal["token", "word"]
    ) -> dict[str, pd.DataFrame]: ...

    def temporal_attention(
        self, X: Any, *, by: Literal["step", "token", "word"] = "step"
    ) -> dict[str, NDArray[Any]] | dict[str, pd.DataFrame]:
        """Return the weight of every step of every sequence, or of the words of every text.

        Parameters
        ----------
        X : MultimodalData, dict, DataFrame or array-like of shape (n, d)
            The rows, with the modalities of fit in any order.
        by : {"step", "token", "word"}, default="step"
            What has a weight. "token" and "word" are for the modalities that X gives as strings,
            and leave out the others.

        Returns
        -------
        weights : dict of str to ndarray of shape (n, T), or dict of str to DataFrame
            By modality. By step, arrays of float32 or float64, T being the padded length of X: zero
            on padding and where the modality is missing. With ``attention`` "softmax", "mean" and
            "last" the weights of the valid steps sum to one; with "gate" they may be negative.

            By token, a table with a row per token: ``row`` of X, ``step``, the ``token`` as the
            tokenizer writes it, whether it is ``special``, ``start`` and ``stop`` of its
            characters in the text, and its ``weight``. By word, a row per word: ``row``, the
            ``word`` as the text has it, ``special``, ``start``, ``stop``, and the ``weight``, the
            sum of those of its tokens. A special token stands for itself, and so does one of a
            prefix, which counts as special: the weights of a text have the same sum in each form.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other modalities or feature sizes than in fit, or bad values in a valid step;
            if `by` is none of these, or X has no strings for it.
        """
        check_is_fitted(self, "net_")
        if by not in _WAYS:
            raise ValueError(f"by must be one of {list(_WAYS)}, got {by!r}.")
        data, tokens = self._read_tokens(X, reset=False)
        if by != "step" and not tokens:
            raise ValueError(
                f"by={by!r} needs a modality of strings, whose tokens are known: X has none."
            )
        weights = self._attention_weights(data)
        if by == "token":
            return {name: texts.by_token(weights[name]) for name, texts in tokens.items()}
        if by == "word":
            return {name: texts.by_word(weights[name]) for name, texts in tokens.items()}
        return weights

    def _attention_weights(self, data: MultimodalData) -> dict[str, NDArray[Any]]:
        """The weights of data that was read, (n, T) by modality."""
        dtype = np.dtype("float64" if self.net_.dtype == torch.float64 else "float32")
        weights = {
            name: np.zeros(data.arrays[name].shape[:2], dtype=dtype) for name in self.modalities_
        }
        for rows, output in self.net_.outputs(data):
            for name, part in zip(self.modalities_, output.attention, strict=True):
                # The batch is trimmed to its longest sequence.
                weights[name][rows, : part.shape[1]] = part.to(self.net_.dtype).cpu().numpy()
        return weights

    def _row_attention(
        self, X: Any, row: int, by: str
    ) -> tuple[dict[str, ArrayLike], dict[str, int], dict[str, list[str]]]:
        """Weights, lengths, and the tokens or words of a text, of one row; texts are read once."""
        data, tokens = self._read_tokens(X, reset=False)
        one = data[[row]]
        weights: dict[str, ArrayLike] = {
            name: values[0] for name, values in self._attention_weights(one).items()
        }
        lengths = {name: int(values[0]) for name, values in one.lengths.items()}
        labels: dict[str, list[str]] = {}
        for name, texts in tokens.items():
            alone = texts.row(row)
            known = np.asarray(weights[name])[np.newaxis]  # (T,) -> (1, T)
            table = alone.by_word(known) if by == "word" else alone.by_token(known)
            labels[name] = list(table["word" if by == "word" else "token"])
            if by == "word":
                weights[name], lengths[name] = table["weight"].to_numpy(dtype=float), len(table)
        return weights, lengths, labels
