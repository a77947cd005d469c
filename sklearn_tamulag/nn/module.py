"""Assembly of the network: the branches of the modalities, their fusion, and the heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .absent_gain import AbsentGain
from .branch import ModalityBranch, add_step_path, plain_branch
from .fused_layer import reads_states
from .fusion import build_fusion
from .heads import MultimodalHead, SimilarityConfidence
from .modality_spec import ModalitySpec, check_size
from .own_modules import change_dropout

__all__ = ["ModalityBranch", "ModalitySpec", "TAMULAGModule", "TAMULAGOutput", "build_module"]


@dataclass
class TAMULAGOutput:
    """What the network returns for a batch of B rows and M modalities.

    Attributes
    ----------
    prediction : Tensor of shape (B,) or (B, n_classes)
        Multimodal prediction: one value per row, or logits.
    unimodal_predictions : Tensor of shape (B, M) or (B, M, n_classes)
        Predictions of the single modalities, in the order of the modalities.
    embeddings : tuple of M tensors of shape (B, K_m)
        Embeddings z_m; the learned `absent` vector in rows that lack the modality.
    unimodal : tuple of M tensors of shape (B, U_m)
        Unimodal representations u_m.
    fused : Tensor of shape (B, F)
        Fused representation.
    attention : tuple of M tensors of shape (B, T_m)
        Weight of every step, zero on padding.
    confidence : Tensor of shape (B, M) or None
        Confidence of the similarity labels, in (0, 1); None without confidence layers.
    states : tuple of M tensors of shape (B, T_m, H_m), or None
        States of the encoders, zero on padding; None where the fusion does not read them.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import ModalitySpec, build_module
    >>> module = build_module([ModalitySpec("text", 3), ModalitySpec("audio", 2)])
    >>> output = module(
    ...     features={"text": torch.ones(4, 6, 3), "audio": torch.ones(4, 9, 2)},
    ...     lengths={"text": torch.tensor([6, 1, 2, 3]), "audio": torch.tensor([9, 9, 0, 1])},
    ... )
    >>> output.prediction.shape, output.unimodal_predictions.shape
    (torch.Size([4]), torch.Size([4, 2]))
    >>> [tuple(weights.shape) for weights in output.attention]
    [(4, 6), (4, 9)]
    """

    prediction: Tensor
    unimodal_predictions: Tensor
    embeddings: tuple[Tensor, ...]
    unimodal: tuple[Tensor, ...]
    fused: Tensor
    attention: tuple[Tensor, ...]
    confidence: Tensor | None = None
    states: tuple[Tensor, ...] | None = None


class TAMULAGModule(nn.Module):
    """The TAM-ULAG network: a task per modality and a multimodal one, trained together.

    Parameters
    ----------
    branches : sequence of ModalityBranch
        One branch per modality, at least one, with different names.
    fusion : nn.Module
        From the embeddings, and the states if it has ``reads_states = True``, to the fused
        representation, as `build_fusion` builds it.
    head : nn.Module
        From the fused representation to the multimodal prediction.
    confidence : nn.Module, optional
        `SimilarityConfidence`, for the generation of labels as published.
    absent_gain : nn.Module, optional
        `AbsentGain`, which scales the fused representation of rows that lack modalities.

    Attributes
    ----------
    modalities : tuple of str
        Names of the modalities, in the order of `branches` and of all outputs.

    Raises
    ------
    ValueError
        If there is no branch or two have one name.

    References
    ----------
    .. [1] Sun and Wang, "Self-supervised multimodal emotion recognition combining temporal
       attention mechanism and unimodal label automatic generation strategy", Journal of
       Electronics & Information Technology 46(2), 588-601, 2024, doi:10.11999/JEIT231107.
    .. [2] Yu, Xu, Yuan and Wu, "Learning modality-specific representations with self-supervised
       multi-task learning for multimodal sentiment analysis", AAAI 2021, arXiv:2102.04830.

    Examples
    --------
    >>> import torch
    >>> from sklearn_tamulag.nn import ModalitySpec, build_module
    >>> module = build_module([ModalitySpec("text", 3)], n_outputs=4)
    >>> module.modalities
    ('text',)
    >>> module({"text": torch.ones(1, 2, 3)}, {"text": torch.tensor([2])}).prediction.shape
    torch.Size([1, 4])
    """

    def __init__(
        self,
        branches: Sequence[ModalityBranch],
        fusion: nn.Module,
        head: nn.Module,
        confidence: nn.Module | None = None,
        absent_gain: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.modalities = tuple(branch.name for branch in branches)
        if not self.modalities:
            raise ValueError("branches must have at least one modality; got none.")
        if len(set(self.modalities)) < len(self.modalities):
            raise ValueError(f"names of modalities must differ; got {list(self.modalities)}.")
        self.branches = nn.ModuleList(branches)
        self.fusion = fusion
        self.head = head
        self.confidence = confidence
        self.absent_gain = absent_gain

    def set_dropout(self, shares: Mapping[str, float], rest: float) -> None:
        """Drop other shares of values from now on.

        Parameters
        ----------
        shares : mapping of str to float in [0, 1]
            By modality.
        rest : float in [0, 1]
            In the fusion.
        """
        for name, branch in zip(self.modalities, self.branches, strict=True):
            own: ModalityBranch = branch  # type: ignore[assignment]
            own.set_dropout(shares[name])
        change_dropout(self.fusion, rest)

    @property
    def reads_states(self) -> bool:
        """Whether the fusion is called with the states and the lengths too."""
        return reads_states(self.fusion)

    def forward(self, features: dict[str, Tensor], lengths: dict[str, Tensor]) -> TAMULAGOutput:
        """Run a batch.

        Parameters
        ----------
        features : dict of str to Tensor of shape (B, T_m, d_m) or (B, T_m)
            Padded input of every modality, zero on padding.
        lengths : dict of str to Tensor of shape (B,), integer
            Number of valid steps of every row, from 0 (the row lacks the modality) to T_m.

        Returns
        -------
        TAMULAGOutput
            Predictions, representations and weights. They depend neither on the other rows of
            the batch nor on the amount of padding.

        Raises
        ------
        ValueError
            If a modality is missing from `features` or `lengths`.
        """
        for argument, given in (("features", features), ("lengths", lengths)):
            missing = [name for name in self.modalities if name not in given]
            if missing:
                raise ValueError(
                    f"{argument} must have the modalities {list(self.modalities)}; "
                    f"{missing} missing."
                )
        outputs = [
            branch(features[name], lengths[name])
            for name, branch in zip(self.modalities, self.branches, strict=True)
        ]
        embeddings, unimodal, predictions, attention, states = zip(*outputs, strict=True)
        present = torch.stack([lengths[name] > 0 for name in self.modalities], dim=1)  # (B, M)
        if self.reads_states:
            fused = self.fusion(embeddings, states, [lengths[name] for name in self.modalities])
        else:
            fused = self.fusion(embeddings)
        if self.absent_gain is not None:
            fused = self.absent_gain(fused, present)
        prediction = self.head(fused)  # (B, n_outputs)
        unimodal_predictions = torch.stack(predictions, dim=1)  # M x (B, n_outputs) -> (B, M, ..)
        if prediction.shape[-1] == 1:
            prediction = prediction.squeeze(-1)  # (B, 1) -> (B,)
            unimodal_predictions = unimodal_predictions.squeeze(-1)  # (B, M, 1) -> (B, M)
        confidence = None
        if self.confidence is not None:
            confidence = self.confidence(fused, unimodal, present)
        return TAMULAGOutput(
            prediction=prediction,
            unimodal_predictions=unimodal_predictions,
            embeddings=embeddings,
            unimodal=unimodal,
            fused=fused,
            attention=attention,
            confidence=confidence,
            states=states if self.reads_states else None,
        )


def build_module(
    modalities: Sequence[ModalitySpec],
    *,
    attention: str | type = "softmax",
    fusion: str | type = "concat",
    fusion_size: int = 64,
    dropout: float = 0.1,
    n_outputs: int = 1,
    expert_size: int | None = None,
) -> TAMULAGModule:
    """Build the network from the shapes of its modalities.

    Parameters
    ----------
    modalities : sequence of ModalitySpec
        One entry per modality, at least one, with different names.
    attention : {"softmax", "gate", "mean", "last"} or class, default="softmax"
        Pooling over time, see `build_pooling`.
    fusion : str or class, default="concat"
        Fusion of the modalities: a name in `FUSIONS` or a class, see `build_fusion`.
    fusion_size : int, default=64
        Size F of the fused representation.
    dropout : float in [0, 1], default=0.1
        Dropout in the fusion. That of a modality stands in its `ModalitySpec`.
    n_outputs : int, default=1
        1 for regression, the number of classes for classification.
    expert_size : int, optional
        Size of the expert vectors of `SimilarityConfidence`; None leaves these layers out.

    Returns
    -------
    TAMULAGModule
        The network, its weights drawn from torch's global random state.

    Raises
    ------
    ValueError
        If there is no modality, two have one name, an option is unknown or a size is less than 1.

    Examples
    --------
    >>> from sklearn_tamulag.nn import ModalitySpec, build_module
    >>> module = build_module(
    ...     [ModalitySpec("text", 300), ModalitySpec("audio", 74)], fusion="semantic"
    ... )
    >>> module.modalities
    ('text', 'audio')
    """
    if not modalities:
        raise ValueError("modalities must have at least one entry; got none.")
    check_size("fusion_size", fusion_size)
    check_size("n_outputs", n_outputs)
    sizes = [spec.embedding_size for spec in modalities]
    confidence = None
    if expert_size is not None:
        check_size("expert_size", expert_size)
        unimodal_sizes = [spec.unimodal_size or spec.embedding_size for spec in modalities]
        confidence = SimilarityConfidence(fusion_size, unimodal_sizes, expert_size=expert_size)
    branches = [plain_branch(spec, attention, n_outputs) for spec in modalities]
    state_sizes = [branch.encoder.output_size for branch in branches]
    module = TAMULAGModule(
        branches,
        build_fusion(fusion, sizes, fusion_size, dropout=dropout, state_sizes=state_sizes),
        MultimodalHead(fusion_size, n_outputs),
        confidence,
        # A row that lacks its only modality is no row.
        AbsentGain(len(modalities), fusion_size) if len(modalities) > 1 else None,
    )
    # Last of all, so that the other layers start from the weights that they would have without.
    for branch, spec in zip(branches, modalities, strict=True):
        add_step_path(branch, spec)
    return module
