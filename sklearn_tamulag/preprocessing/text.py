"""Strings into the token states of a frozen transformer."""

from collections.abc import Mapping
from numbers import Integral
from os import PathLike, fspath
from typing import Any, ClassVar, Self

import torch
from sklearn.utils.validation import check_is_fitted

from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.sklearn_private import HasMethods, Interval, fit_context
from sklearn_tamulag.nn.randomness import drawn_from
from sklearn_tamulag.nn.skeleton import check_repetitions, check_weights
from sklearn_tamulag.nn.transformer import TransformerEncoder, TransformerSpec
from sklearn_tamulag.persistence.estimators import learned_attributes, restore_attributes
from sklearn_tamulag.preprocessing.tokenizer import TextReader, by_modality_of
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.ids import check_token_ids
from sklearn_tamulag.text.loading import load_config
from sklearn_tamulag.text.saved import check_saved_text, check_storable_text
from sklearn_tamulag.text.states import token_states


class TextEmbedder(TextReader):
    """Turn strings into features: the states of a transformer that is not trained.

    Every token becomes a vector, of the size of the transformer's states. The other modalities
    pass, padded where they are ragged.

    Parameters
    ----------
    transformer : str or path
        Name on the Hugging Face hub, or folder, of a model that takes token ids and a mask.
    modality : str, default="text"
        The modality that is strings.
    tokenizer : str, path or None, default=None
        Name or folder of the tokenizer; None is that of the transformer.
    max_length : int or None, default=None
        The most tokens of a text, special ones included; at least 1. None is what the transformer
        can take. Longer texts are truncated, with a warning that counts them.
    lowercase : bool, default=False
        Whether texts are lower-cased before the tokenizer sees them.
    prefix : str, default=""
        What is put before every text, such as ``"query: "``, as some models ask for. Its tokens
        count in `max_length`, and have states like those of the text.
    batch_size : int, default=64
        Texts that are encoded together, at least 1; their lengths are alike.
    device : str or torch.device, default="auto"
        Where to compute, as torch names it; "auto" takes CUDA where there is one.
    cache : str, path or None, default=None
        A folder that keeps the states, so that equal texts are encoded once; they are memory-mapped
        then.
    progress : bool, default=False
        Whether to show a progress bar over the texts.
    ids, groups : str or None, default=None
        The columns of a DataFrame (or keys of a dict) that are no modality but travel with the
        rows, as ``ids`` and ``groups`` of the result; they may be absent after fit.

    Attributes
    ----------
    encoder_ : TransformerEncoder
        The transformer. It is saved along: what is loaded again needs neither hub nor folder.
    transformer_, tokenizer_ : dict
        The transformer's configuration, and the tokenizer's whole definition.
    modalities_ : tuple of str
        The modalities in the order of fit, which is the order of every result.
    feature_sizes_ : dict of str to int or None
        The number of features per step that come in, None for texts.
    n_features_in_ : int
        The columns of what was fitted: ``X.shape[1]`` of MultimodalData or a table of numbers, else
        the number of modalities.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        The names of these columns, where they have any.

    See Also
    --------
    TextTokenizer : Stops at the token ids.
    sklearn_tamulag.TAMULAGRegressor : Fine-tunes a transformer, or keeps it frozen by itself.

    Examples
    --------
    A random model of six words stands for one of the hub:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from transformers import BertConfig, BertModel, BertTokenizerFast
    >>> from sklearn_tamulag.preprocessing import TextEmbedder
    >>> folder = tempfile.mkdtemp()
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] good"
    >>> _ = Path(folder, "vocab.txt").write_text(words.replace(" ", chr(10)))
    >>> _ = BertTokenizerFast(f"{folder}/vocab.txt").save_pretrained(folder)
    >>> config = BertConfig(
    ...     vocab_size=6,
    ...     hidden_size=8,
    ...     num_hidden_layers=1,
    ...     num_attention_heads=2,
    ...     intermediate_size=8,
    ... )
    >>> BertModel(config).save_pretrained(folder)
    >>> TextEmbedder(folder, device="cpu").fit_transform(["Good", "Good good", ""])
    MultimodalData of 3 rows
      text: (3, 4, 8) float32, lengths 3..4, missing 1
    """

    _learned_names = (*TextReader._learned_names, "transformer_")
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "transformer": [str, PathLike],
        "modality": [str],
        "tokenizer": [str, PathLike, None],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "lowercase": ["boolean"],
        "prefix": [str],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str, HasMethods("type")],
        "cache": [str, PathLike, None],
        "progress": ["boolean"],
        "ids": [str, None],
        "groups": [str, None],
    }

    def __init__(
        self,
        transformer: str | PathLike[str],
        *,
        modality: str = "text",
        tokenizer: str | PathLike[str] | None = None,
        max_length: int | None = None,
        lowercase: bool = False,
        prefix: str = "",
        batch_size: int = 64,
        device: str | torch.device = "auto",
        cache: str | PathLike[str] | None = None,
        progress: bool = False,
        ids: str | None = None,
        groups: str | None = None,
    ) -> None:
        self.transformer = transformer
        self.modality = modality
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.lowercase = lowercase
        self.prefix = prefix
        self.batch_size = batch_size
        self.device = device
        self.cache = cache
        self.progress = progress
        self.ids = ids
        self.groups = groups

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the transformer and its tokenizer, and learn the modalities.

        Parameters
        ----------
        X : dict, DataFrame, or list, array or Series of str
            The texts alone, or the text beside other modalities; None, NaN and empty strings are
            missing texts.
        y : None
            Ignored.

        Returns
        -------
        self : TextEmbedder
            The fitted transformer.

        Raises
        ------
        ImportError
            If transformers is not installed.
        TypeError, ValueError
            If the model is not found, X has no such text, or a text is no string.
        """
        self._fit(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Fit, and encode the same texts, which are tokenized once.

        Parameters
        ----------
        X : dict, DataFrame, or list, array or Series of str
            The data, as in `fit`.
        y : None
            Ignored.

        Returns
        -------
        data : MultimodalData
            As of `transform`.
        """
        return self._encode(self._fit(X))

    def _fit(self, X: Any) -> MultimodalData:
        """Learn all, and return the token ids."""
        self.transformer_ = load_config("transformer", self.transformer)
        named = self.tokenizer is not None
        self.tokenizer_ = TextEncoding.load(
            "tokenizer" if named else "transformer",
            self.transformer if self.tokenizer is None else self.tokenizer,
            max_length=self.max_length,
            lowercase=self.lowercase,
            prefix=self.prefix,
            config=self.transformer_,
        ).state()
        data = self._tokenize(X, reset=True)
        self.encoder_ = self._build(fspath(self.transformer))
        return data

    def transform(self, X: Any) -> Any:
        """Encode the texts.

        Parameters
        ----------
        X : dict, DataFrame, or list, array or Series of str
            The data, with the modalities of fit in any order.

        Returns
        -------
        data : MultimodalData
            The text as states of shape (n, T, d), float32, padded with zeros to the longest of
            these rows; its length is the number of tokens, 0 where there is no text. Other
            modalities are as they were, or padded to their longest. Or what `set_output` says.
        """
        check_is_fitted(self, "encoder_")
        return self._encode(self._tokenize(X, reset=False))

    def _encode(self, data: MultimodalData) -> Any:
        """Put states in place of the token ids."""
        text = check_token_ids(data.select(self.modality), {self.modality: self.transformer_})
        lengths = text.lengths[self.modality]
        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            states = token_states(
                self.encoder_.to(device),
                text.arrays[self.modality],
                lengths,
                batch_rows=self.batch_size,
                progress=self.progress,
                cache=self.cache,
            )
        finally:
            self.encoder_.cpu()
        arrays = data.arrays | {self.modality: states}
        all_lengths = data.lengths | {self.modality: lengths}
        return self._contained(data._unchecked(arrays, all_lengths, data.ids, data.groups))

    def _build(self, source: str | None) -> TransformerEncoder:
        """Make the encoder; weights that its source lacks are the same each time."""
        with drawn_from(torch.Generator()):
            return self._build_here(source)

    def _build_here(self, source: str | None) -> TransformerEncoder:
        """Make the encoder, on the default device and from the global generator."""
        spec = TransformerSpec(self.transformer_, source=source, trainable=False)
        return spec.build("transformer").float()

    def _learned_state(self) -> dict[str, Any]:
        learned = learned_attributes(self, "encoder_")
        check_storable_text(
            by_modality_of(self, "transformer_"), by_modality_of(self, "tokenizer_")
        )
        weights = dict(self.encoder_.state_dict()) if hasattr(self, "encoder_") else None
        return {"attributes": learned, "weights": weights}

    def _restore_learned(self, learned: Mapping[str, Any]) -> None:
        restore_attributes(self, learned["attributes"])
        check_saved_text(by_modality_of(self, "transformer_"), by_modality_of(self, "tokenizer_"))
        weights = learned["weights"]
        if weights is not None:
            check_repetitions(self.transformer_, len(weights))
            check_weights(lambda: self._build_here(None), weights)
            self.encoder_ = self._build(None)
            self.encoder_.load_state_dict(weights)
