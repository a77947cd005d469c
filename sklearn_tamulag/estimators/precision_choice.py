"""What ``precision="auto"`` stands for: bfloat16 where it is quicker, and float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from sklearn_tamulag.estimators.encoders import encoder_options, is_fine_tuned

# Units that multiply matrices of bfloat16: AVX-512 and AMX on x86, NEON, SVE and SME on ARM. Others
# compute in float32 what they are given in bfloat16, and lose time and digits.
_CPU_UNITS = ("avx512_bf16", "amx_bf16", "avx10_2", "bf16", "sve_bf16")

# The compute capability from which on GPUs have such units.
_CUDA_CAPABILITY = (8, 0)


def resolve_precision(precision: str, encoders: Mapping[str, Any] | None, device: Any) -> str:
    """Say in which precision a network is trained.

    Parameters
    ----------
    precision : {"auto", "float32", "float64", "bfloat16"}
        The constructor's value.
    encoders : mapping of str to mapping, or None
        The constructor's value.
    device : str or torch.device
        Where to train.

    Returns
    -------
    {"float32", "float64", "bfloat16"}
        For "auto", bfloat16 where a transformer is fine-tuned and the device has units for it,
        else float32.

    Examples
    --------
    >>> resolve_precision("auto", {"text": {"hidden_size": 8}}, "cpu")
    'float32'
    """
    if precision != "auto":
        return precision
    tuned = any(is_fine_tuned(options) for options in encoder_options(encoders).values())
    return "bfloat16" if tuned and has_bfloat16_units(device) else "float32"


def has_bfloat16_units(device: Any) -> bool:
    """Tell whether a device multiplies matrices of bfloat16 by itself.

    Parameters
    ----------
    device : str or torch.device
        The device.

    Returns
    -------
    bool
        For a CPU, what torch says of its instructions; for a GPU of CUDA, whether its compute
        capability is 8.0 or more; False for all others.

    Examples
    --------
    >>> has_bfloat16_units("meta")
    False
    """
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= _CUDA_CAPABILITY
    if device.type != "cpu":
        return False
    if hasattr(torch.cpu, "get_capabilities"):
        known: Mapping[str, Any] = torch.cpu.get_capabilities()
        return any(known.get(unit, False) for unit in _CPU_UNITS)
    # Earlier versions of torch say it of x86 alone.
    former = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(former and former())
