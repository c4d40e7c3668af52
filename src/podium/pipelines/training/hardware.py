"""What ``auto`` means on this machine."""

from typing import Literal

import torch

from podium.errors import InputError
from podium.pipelines.training.config import TrainingConfig
from podium.vision.hardware import Hardware, RankGroup

_PRECISIONS: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "32": "32-true",
    "bf16": "bf16-mixed",
    "fp16": "16-mixed",
}


def choose_hardware(training: TrainingConfig) -> Hardware:
    """Resolve ``auto`` on this machine.

    Raises:
        InputError: A GPU, or a precision that only a GPU has, is asked for and there is none; or more GPUs than there
            are.
    """
    has_gpu = torch.cuda.is_available()
    if training.device == "gpu" and not has_gpu:
        raise InputError(
            "This machine cannot train as asked:",
            ["training.device: 'gpu', but torch sees none; set 'auto' or 'cpu', or check the driver with nvidia-smi"],
        )
    is_gpu = has_gpu and training.device != "cpu"
    if training.precision == "fp16" and not is_gpu:
        raise InputError(
            "This machine cannot train as asked:",
            ["training.precision: 'fp16' is for GPUs; on a CPU set '32', 'bf16' or 'auto'"],
        )
    has_bf16 = is_gpu and torch.cuda.is_bf16_supported(including_emulation=False)
    precision = ("bf16" if has_bf16 else "32") if training.precision == "auto" else training.precision
    return Hardware(
        accelerator="gpu" if is_gpu else "cpu",
        precision=_PRECISIONS[precision],
        num_workers=training.count_workers(),
        num_threads=training.num_threads,
        channels_last=training.channels_last,
        micro_batch=training.micro_batch,
        compile=training.compile,
        progress=training.progress,
        group=RankGroup(
            n_devices=_count_devices(training, is_gpu),
            n_nodes=training.nodes,
            node_rank=training.node_rank,
            rendezvous=training.rendezvous,
            max_restarts=training.max_restarts,
        ),
    )


def _count_devices(training: TrainingConfig, is_gpu: bool) -> int:
    """Resolve ``devices`` on this machine; asking how many GPUs there are takes no memory on them."""
    n_gpus = torch.cuda.device_count() if is_gpu else 0
    if training.devices == "auto":
        return max(n_gpus, 1)
    if is_gpu and training.devices > max(n_gpus, 1):
        raise InputError(
            "This machine cannot train as asked:",
            [f"training.devices: {training.devices}, but torch sees {n_gpus}; set 'auto' or at most {n_gpus}"],
        )
    return training.devices
