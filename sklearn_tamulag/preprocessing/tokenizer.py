"""Strings into token ids."""

from collections.abc import Mapping
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, Self

from sklearn.utils.validation import check_is_fitted

from sklearn_tamulag.data.forms import validate_multimodal
from sklearn_tamulag.data.multimodal import MultimodalData
from sklearn_tamulag.data.sklearn_private import Interval, fit_context
from sklearn_tamulag.persistence.estimators import learned_attributes, restore_attributes
from sklearn_tamulag.persistence.former_dumps import take_defaults
from sklearn_tamulag.preprocessing._base import MultimodalTransformer, NamedColumns
from sklearn_tamulag.text.encoding import TextEncoding
from sklearn_tamulag.text.saved import check_saved_text, check_storable_text
from sklearn_tamulag.text.tokens import texts_in, with_token_ids


class TextReader(NamedColumns, MultimodalTransformer):
    """What reads one modality of strings: its tokenizer, and X with ids in place of the strings.

    Attributes
    ----------
    modality : str
        The modality that is strings.
    tokenizer_ : dict
        The tokenizer's whole definition, as JSON, and its options.
    """

    modality: str
    tokenizer_: dict[str, Any]
    _learned_names = (*MultimodalTransformer._learned_names, "tokenizer_")

    def _tokenize(self, X: Any, *, reset: bool) -> MultimodalData:
        """Put ids in place of the texts, and check the whole."""
        modalities, named = self._split(X, reset=reset)
        if self.modality not in texts_in(modalities, [self.modality]):
            raise ValueError(
                f"X has no strings for the modality {self.modality!r}: a list of strings, or a "
                "dict or DataFrame with such a key or column is needed."
            )
        tokens = with_token_ids(modalities, {self.modality: TextEncoding(**self.tokenizer_)})
        data = validate_multimodal(self, tokens, reset=reset)
        if not named:
            return data
        row_values = {"ids": data.ids, "groups": data.groups} | named
        return MultimodalData(data.arrays, data.lengths, **row_values)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        take_defaults(self)

    def _learned_state(self) -> dict[str, Any]:
        learned = learned_attributes(self)
        check_storable_text({}, by_modality_of(self, "tokenizer_"))
        return learned

    def _restore_learned(self, learned: Mapping[str, Any]) -> None:
        restore_attributes(self, learned)
        check_saved_text({}, by_modality_of(self, "tokenizer_"))


def by_modality_of(reader: TextReader, name: str) -> dict[str, Any]:
    """Take a learned attribute of a reader of texts, by its modality.

    Parameters
    ----------
    reader : TextReader
        The reader.
    name : str
        The name of the attribute.

    Returns
    -------
    dict
        Its value by the name of the modality; empty before fit.
    """
    return {reader.modality: vars(reader)[name]} if name in vars(reader) else {}


class TextTokenizer(TextReader):
    """Turn strings into token ids, which a transformer encoder reads.

    A text is cut into tokens by a fast tokenizer of the Hugging Face library, which also adds its
    special tokens. The other modalities pass, padded where they are ragged. An estimator whose
    ``encoders`` name a transformer tokenizes strings by itself; this step is for other uses of the
    ids, and for tokenizing once before many fits.

    Parameters
    ----------
    tokenizer : str or path
        Name on the Hugging Face hub, or folder, of the tokenizer or of its model.
    modality : str, default="text"
        The modality that is strings.
    max_length : int or None, default=None
        The most tokens of a text, special ones included; at least 1. None is what the tokenizer's
        model can take. Longer texts are truncated, with a warning that counts them.
    lowercase : bool, default=False
        Whether texts are lower-cased before the tokenizer sees them. A tokenizer of an uncased
        model does that by itself.
    prefix : str, default=""
        What is put before every text, such as ``"query: "``, as some models ask for. Its tokens
        count in `max_length`.
    ids, groups : str or None, default=None
        The columns of a DataFrame (or keys of a dict) that are no modality but travel with the
        rows, as ``ids`` and ``groups`` of the result; they may be absent after fit.

    Attributes
    ----------
    tokenizer_ : dict
        The tokenizer's whole definition, as JSON, and its options: it is saved along, and what is
        loaded again needs neither the hub nor the folder.
    modalities_ : tuple of str
        The modalities in the order of fit, which is the order of every result.
    feature_sizes_ : dict of str to int or None
        The number of features per step, None for token ids.
    n_features_in_ : int
        The columns of what was fitted: ``X.shape[1]`` of MultimodalData or a table of numbers, else
        the number of modalities.
    feature_names_in_ : ndarray of shape (`n_features_in_`,), dtype object
        The names of these columns, where they have any.

    See Also
    --------
    TextEmbedder : Goes on to the states of a frozen transformer.
    sklearn_tamulag.TAMULAGRegressor : Fine-tunes a transformer, on strings or on token ids.

    Examples
    --------
    A tokenizer of five words stands for one of the hub:

    >>> import tempfile
    >>> from pathlib import Path
    >>> from transformers import BertTokenizerFast
    >>> from sklearn_tamulag.preprocessing import TextTokenizer
    >>> folder = tempfile.mkdtemp()
    >>> words = "[PAD] [UNK] [CLS] [SEP] [MASK] a good film"
    >>> _ = Path(folder, "vocab.txt").write_text(words.replace(" ", chr(10)))
    >>> _ = BertTokenizerFast(f"{folder}/vocab.txt").save_pretrained(folder)
    >>> X = TextTokenizer(folder).fit_transform(["A good film", "A film", ""])
    >>> X
    MultimodalData of 3 rows
      text: (3, 5) int64, lengths 4..5, missing 1
    >>> X.arrays["text"].tolist()
    [[2, 5, 6, 7, 3], [2, 5, 7, 3, 0], [0, 0, 0, 0, 0]]
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "tokenizer": [str, PathLike],
        "modality": [str],
        "max_length": [Interval(Integral, 1, None, closed="left"), None],
        "lowercase": ["boolean"],
        "prefix": [str],
        "ids": [str, None],
        "groups": [str, None],
    }

    def __init__(
        self,
        tokenizer: str | PathLike[str],
        *,
        modality: str = "text",
        max_length: int | None = None,
        lowercase: bool = False,
        prefix: str = "",
        ids: str | None = None,
        groups: str | None = None,
    ) -> None:
        self.tokenizer = tokenizer
        self.modality = modality
        self.max_length = max_length
        self.lowercase = lowercase
        self.prefix = prefix
        self.ids = ids
        self.groups = groups

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Load the tokenizer and learn the modalities.

        Parameters
        ----------
        X : dict, DataFrame, or list, array or Series of str
            The texts alone, or the text beside other modalities; None, NaN and empty strings are
            missing texts.
        y : None
            Ignored.

        Returns
        -------
        self : TextTokenizer
            The fitted transformer.

        Raises
        ------
        ImportError
            If transformers is not installed.
        TypeError, ValueError
            If the tokenizer is not found, X has no such text, or a text is no string.
        """
        self.fit_transform(X)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Load the tokenizer, learn the modalities and tokenize.

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
        self.tokenizer_ = TextEncoding.load(
            "tokenizer",
            self.tokenizer,
            max_length=self.max_length,
            lowercase=self.lowercase,
            prefix=self.prefix,
        ).state()
        return self._contained(self._tokenize(X, reset=True))

    def transform(self, X: Any) -> Any:
        """Tokenize.

        Parameters
        ----------
        X : dict, DataFrame, or list, array or Series of str
            The data, with the modalities of fit in any order.

        Returns
        -------
        data : MultimodalData
            The text as integer ids of shape (n, T), padded with zeros to the longest of these rows;
            its length is the number of tokens, 0 where there is no text. Other modalities are as
            they were, or padded to their longest. Or what `set_output` says.
        """
        check_is_fitted(self, "tokenizer_")
        return self._contained(self._tokenize(X, reset=False))
