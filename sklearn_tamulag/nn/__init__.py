"""The network in plain PyTorch: encoders, temporal attention, fusion, heads and their assembly."""

from .attention import (
    POOLINGS,
    LastPooling,
    MeanPooling,
    TemporalAttention,
    build_pooling,
    sequence_mask,
)
from .attention_fusion import AttentionFusion
from .branch import ModalityBranch, build_branch
from .convolution import ConvolutionalEncoder
from .crossmodal_fusion import CrossmodalFusion
from .encoders import CELLS, RecurrentEncoder, SequenceEncoder
from .fusion import FUSIONS, ConcatFusion, CrossFusion, SemanticFusion, build_fusion
from .heads import MultimodalHead, SimilarityConfidence, UnimodalHead
from .modality_spec import ModalitySpec
from .module import TAMULAGModule, TAMULAGOutput, build_module
from .randomness import Dropout
from .self_attention import SelfAttentionEncoder
from .sequence_models import SEQUENCE_MODELS, build_sequence_model
from .step_path import StepPath
from .stepwise import StepwiseEncoder
from .tensor_fusion import LowRankFusion, TensorFusion
from .transformer import TransformerEncoder, TransformerSpec

__all__ = [
    "CELLS",
    "FUSIONS",
    "POOLINGS",
    "SEQUENCE_MODELS",
    "AttentionFusion",
    "ConcatFusion",
    "ConvolutionalEncoder",
    "CrossFusion",
    "CrossmodalFusion",
    "Dropout",
    "LastPooling",
    "LowRankFusion",
    "MeanPooling",
    "ModalityBranch",
    "ModalitySpec",
    "MultimodalHead",
    "RecurrentEncoder",
    "SelfAttentionEncoder",
    "SemanticFusion",
    "SequenceEncoder",
    "SimilarityConfidence",
    "StepPath",
    "StepwiseEncoder",
    "TAMULAGModule",
    "TAMULAGOutput",
    "TemporalAttention",
    "TensorFusion",
    "TransformerEncoder",
    "TransformerSpec",
    "UnimodalHead",
    "build_branch",
    "build_fusion",
    "build_module",
    "build_pooling",
    "build_sequence_model",
    "sequence_mask",
]
