"""Learning from trained members."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.vision.input_spec import InputSpec
from podium.vision.network import Network, Normalize


@dataclass(frozen=True)
class Teacher:
    """A trained network, in evaluation mode, and its input."""

    network: Network
    spec: InputSpec


class Teachers(nn.Module):
    """The mean opinion of several networks on the pictures that the student sees.

    Args:
        teachers: At least one.
        temperature: By which logits are divided.
    """

    def __init__(self, teachers: Sequence[Teacher], temperature: float):
        super().__init__()
        self._networks = nn.ModuleList(teacher.network for teacher in teachers).requires_grad_(False)
        self._normalize = nn.ModuleList(Normalize(teacher.spec) for teacher in teachers)
        self._sizes = [teacher.spec.size_px for teacher in teachers]
        self._temperature = temperature

    def train(self, mode: bool = True) -> "Teachers":
        """Stay in evaluation mode, whatever the student does."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, pixels: Tensor) -> Tensor:
        """Map float32 (batch, 3, height, width), 0 to 255, to softened probabilities (batch, n_classes)."""
        opinions = []
        for network, normalize, size in zip(self._networks, self._normalize, self._sizes, strict=True):
            assert isinstance(network, Network)
            logits = network.compute_logits(normalize(resize_pixels(pixels, size))).float()
            opinions.append(torch.softmax(logits / self._temperature, dim=1))
        return torch.stack(opinions).mean(dim=0)


def distillation_loss(logits: Tensor, opinions: Tensor, temperature: float) -> Tensor:
    """Divergence of the student's softened probabilities from the teachers' (Hinton et al., 2015, section 2.1).

    Args:
        logits: Of the student, (batch, n_classes).
        opinions: Of the teachers, (batch, n_classes), softened by the same temperature.
        temperature: Its square keeps the size of gradients the same at any temperature.

    Returns:
        float32 scalar, 0 where both agree.
    """
    student = torch.log_softmax(logits.float() / temperature, dim=1)
    return functional.kl_div(student, opinions, reduction="batchmean") * temperature**2


def resize_pixels(pixels: Tensor, size_px: tuple[int, int]) -> Tensor:
    """Bring (batch, 3, height, width) to another size on its device, antialiased; the same size costs nothing."""
    if tuple(pixels.shape[2:]) == tuple(size_px):
        return pixels
    return functional.interpolate(pixels, size_px, mode="bilinear", antialias=True)
