"""A transformer from the Hugging Face library as the encoder of token ids."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from sklearn_tamulag.text.loading import load_model
from sklearn_tamulag.text.probing import check_padding, padding_token, state_size

from .attention import sequence_mask
from .encoders import SequenceEncoder
from .lending import exchange_states
from .randomness import Drawing
from .transformer_layers import embedding_names, first_names


@dataclass(frozen=True)
class TransformerSpec:
    """Which transformer encodes a modality, and how it is trained.

    Parameters
    ----------
    config : mapping
        The model's configuration, of plain values.
    source : str, optional
        Name or folder of its pre-trained weights; None draws them at random.
    trainable : bool, default=True
        Whether the weights are trained.
    freeze_layers : int, default=0
        How many of the first layers keep their weights, together with the embeddings before them;
        0 trains all.
    gradient_checkpointing : bool, default=False
        Whether states are computed a second time in the backward pass rather than kept.
    freeze_embeddings : bool, default=False
        Whether the embeddings keep their weights, whatever `freeze_layers` is.

    Examples
    --------
    >>> from sklearn_tamulag.nn import TransformerSpec
    >>> TransformerSpec({"model_type": "bert", "hidden_size": 16}).trainable
    True
    """

    config: Mapping[str, Any]
    source: str | None = None
    trainable: bool = True
    freeze_layers: int = 0
    gradient_checkpointing: bool = False
    freeze_embeddings: bool = False

    def build(self, argument: str) -> "TransformerEncoder":
        """Build the encoder.

        Parameters
        ----------
        argument : str
            What the caller calls the transformer, for messages.

        Returns
        -------
        TransformerEncoder
            With the weights of `source`, or drawn from torch's global random state.

        Raises
        ------
        ValueError
            If the model is not found, needs more than ids and a mask, or mixes padding into states.
        """
        model = load_model(argument, self.config, self.source)
        check_padding(argument, model)
        return TransformerEncoder(
            model,
            trainable=self.trainable,
            freeze_layers=self.freeze_layers,
            gradient_checkpointing=self.gradient_checkpointing,
            freeze_embeddings=self.freeze_embeddings,
        )


class TransformerEncoder(Drawing, SequenceEncoder):
    """Encode token ids with a transformer.

    The states are those of the transformer's last layer, for the special tokens too. Padded tokens
    are masked, and a row without tokens has no states but disturbs no other.

    Parameters
    ----------
    model : transformers.PreTrainedModel
        A model that is called with ``input_ids`` and ``attention_mask`` and returns
        ``last_hidden_state``.
    trainable : bool, default=True
        Whether its weights are trained. If not, it never drops anything out either.
    freeze_layers : int, default=0
        How many of its first layers keep their weights, together with the embeddings before them;
        0 trains all.
    gradient_checkpointing : bool, default=False
        Whether states are computed a second time in the backward pass rather than kept: less
        memory, and about a third more time.
    freeze_embeddings : bool, default=False
        Whether the embeddings keep their weights, whatever `freeze_layers` is: the tables of
        tokens, positions and types, with what is computed before the first layer, and a table of
        relative positions that all layers share. One inside of a layer is trained with it.

    Attributes
    ----------
    output_size : int
        Size of the states.

    Raises
    ------
    ValueError
        If `freeze_layers` is negative or more than the model has, layers or embeddings that are to
        be frozen cannot be told, or the model does not run on ids and a mask alone.

    Examples
    --------
    >>> import torch
    >>> from transformers import BertConfig, BertModel
    >>> from sklearn_tamulag.nn import TransformerEncoder
    >>> config = BertConfig(
    ...     vocab_size=20,
    ...     hidden_size=8,
    ...     num_hidden_layers=1,
    ...     num_attention_heads=2,
    ...     intermediate_size=8,
    ... )
    >>> encoder = TransformerEncoder(BertModel(config, add_pooling_layer=False))
    >>> states = encoder(torch.tensor([[5, 6, 7], [5, 0, 0]]), torch.tensor([3, 1]))
    >>> states.shape, bool((states[1, 1:] == 0).all())
    (torch.Size([2, 3, 8]), True)
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        trainable: bool = True,
        freeze_layers: int = 0,
        gradient_checkpointing: bool = False,
        freeze_embeddings: bool = False,
    ) -> None:
        super().__init__()
        config: Any = model.config
        # Kept states of earlier tokens serve generation, not encoding.
        config.use_cache = False
        self.output_size = state_size("The transformer", model)
        self.pad_token_id = padding_token(model)
        self.trainable = trainable
        frozen = _frozen_names(model, freeze_layers, freeze_embeddings) if trainable else ()
        for name, weight in model.named_parameters():
            if not trainable or name in frozen:
                weight.requires_grad_(False)
        if gradient_checkpointing and trainable:
            # transformers 5 renamed it, and warns of the former name.
            names = ("activation_checkpointing_enable", "gradient_checkpointing_enable")
            library_model: Any = model
            next(getattr(library_model, name) for name in names if hasattr(model, name))(
                {"use_reentrant": False}
            )
            # Only re-entrant checkpoints need inputs with a gradient, and their hook is no pickle.
            if hasattr(model, "_require_grads_hooks"):
                library_model.disable_input_require_grads()
        self.model = model
        self.train(self.training)

    @property
    def borrows_generator(self) -> bool:
        """Whether layers of the model draw from torch's global generator in training."""
        return self.trainable

    def train(self, mode: bool = True) -> "TransformerEncoder":
        """Switch to training or back; a frozen model stays as it is in use.

        Parameters
        ----------
        mode : bool, default=True
            Whether to train.

        Returns
        -------
        TransformerEncoder
            Itself.
        """
        self.training = mode
        # Walking through a frozen model in every step would cost more than the step may.
        if self.trainable or self.model.training:
            self.model.train(mode and self.trainable)
        return self

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Encode a batch.

        Parameters
        ----------
        features : Tensor of shape (B, T), integer, or (B, T, output_size), float
            Token ids; or states of this encoder that were computed before, which pass.
        lengths : Tensor of shape (B,), integer
            Number of valid steps of every row, from 0 to T.

        Returns
        -------
        Tensor of shape (B, T, output_size)
            States, zero on padded steps.
        """
        max_length = features.shape[1]
        padding = ~sequence_mask(lengths, max_length)
        if features.ndim == 3:
            states = features
        elif features.numel() == 0:
            weight = next(self.model.parameters())
            return weight.new_zeros(*features.shape, self.output_size)
        else:
            # A row without tokens attends to one of padding: a softmax over nothing is NaN.
            attended = sequence_mask(lengths.clamp(min=1), max_length)
            ids = features.masked_fill(padding, self.pad_token_id)
            states = self._states(ids, attended.long())
        return states.masked_fill(padding.unsqueeze(-1), 0.0)  # (B, T) -> (B, T, 1)

    def _states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Run the model, whose dropout draws from the global generator, in the state of its own."""
        if self.generator is None or not self.model.training:
            states: Tensor = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
            return states
        with _own_draws(self.generator):
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return states


@contextmanager
def _own_draws(generator: torch.Generator) -> Iterator[None]:
    """Let a block draw from a generator through torch's global one, which stays as it is."""
    exchange = exchange_states
    if torch.compiler.is_compiling():
        exchange = torch.compiler.disable(exchange)
    exchange(generator)
    try:
        yield
    finally:
        exchange(generator)


def _frozen_names(model: nn.Module, freeze_layers: int, freeze_embeddings: bool) -> set[str]:
    """Names of the weights that keep their values."""
    names: set[str] = set()
    if freeze_layers != 0:
        names.update(first_names("freeze_layers", model, freeze_layers))
    if freeze_embeddings:
        names.update(embedding_names("freeze_embeddings", model))
    return names
