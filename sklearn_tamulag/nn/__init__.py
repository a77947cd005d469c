"""The network in plain PyTorch: encoders, temporal attention, fusion, heads and their assembly."""

from .attention import (
    POOLINGS,
    LastPooling,
    MeanPooling,
    TemporalAttention,
    build_pooling,
    sequence_mask,
)
from .branch import ModalityBranch, ModalitySpec, build_branch
from .encoders import CELLS, RecurrentEncoder, SequenceEncoder
from .fusion import FUSIONS, ConcatFusion, CrossFusion, SemanticFusion, build_fusion
from .heads import MultimodalHead, SimilarityConfidence, UnimodalHead
from .module import TAMULAGModule, TAMULAGOutput, build_module
from .randomness import Dropout
from .step_path import StepPath
from .transformer import TransformerEncoder, TransformerSpec

__all__ = [
    "CELLS",
    "FUSIONS",
    "POOLINGS",
    "ConcatFusion",
    "CrossFusion",
    "Dropout",
    "LastPooling",
    "MeanPooling",
    "ModalityBranch",
    "ModalitySpec",
    "MultimodalHead",
    "RecurrentEncoder",
    "SemanticFusion",
    "SequenceEncoder",
    "SimilarityConfidence",
    "StepPath",
    "TAMULAGModule",
    "TAMULAGOutput",
    "TemporalAttention",
    "TransformerEncoder",
    "TransformerSpec",
    "UnimodalHead",
    "build_branch",
    "build_fusion",
    "build_module",
    "build_pooling",
    "sequence_mask",
]
