"""The trained thing itself: a backbone and a head, built from a recipe or from a file of weights."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from podium.vision.backbones import build_backbone
from podium.vision.heads import build_head
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe

ClassValues = npt.NDArray[np.int64]


class Network(nn.Module):
    """Pictures to features to logits.

    Args:
        backbone: Maps float32 (batch, 3, height, width) to features (batch, n_features).
        head: Maps features to logits (batch, n_classes).
        n_classes: Width of the head.

    Attributes:
        adjustment: float32 (n_classes,), taken from the logits outside training; zeros unless the recipe asks for more.
    """

    adjustment: Tensor

    def __init__(self, backbone: nn.Module, head: nn.Module, n_classes: int):
        super().__init__()
        self.backbone = backbone
        self.head = head
        self.register_buffer("adjustment", torch.zeros(n_classes))

    def forward(self, images: Tensor, targets: Tensor | None = None) -> Tensor:
        """Map normalised pictures, float32 (batch, 3, height, width), to logits (batch, n_classes).

        Args:
            images: Normalised pictures.
            targets: While training, int64 (batch,) or float (batch, n_classes): a head with a margin needs them.
        """
        logits = self.compute_logits(images, targets)
        return logits if self.training else logits - self.adjustment

    def compute_logits(self, images: Tensor, targets: Tensor | None = None) -> Tensor:
        """Do the same without the adjustment: what the network itself has to say, which is what students learn."""
        logits: Tensor = self.head(self.backbone(images), targets)
        return logits


class Normalize(nn.Module):
    """Turn pixels into what the backbone wants, on the device that holds them.

    Args:
        spec: Mean and standard deviation.
        channels_last: How the result lies in memory; convolutions go by their input.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: InputSpec, channels_last: bool = True):
        super().__init__()
        self._memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.register_buffer("mean", torch.tensor(spec.mean) * 255, persistent=False)
        self.register_buffer("std", torch.tensor(spec.std) * 255, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map float32 (batch, 3, height, width) on the scale of 0 to 255 to the backbone's scale."""
        # Whole rows at once: with the channels last in memory, a CPU would go through the pixels three numbers at a
        # time, which takes eight times as long.
        width = pixels.shape[3]
        rows = pixels.permute(0, 2, 3, 1).flatten(2)
        normalized = (rows - self.mean.repeat(width)) / self.std.repeat(width)
        channels_first = normalized.unflatten(2, (width, 3)).permute(0, 3, 1, 2)
        return channels_first.contiguous(memory_format=self._memory_format)


def to_float(images: Tensor) -> Tensor:
    """Map uint8 (batch, height, width, 3) to float32 (batch, 3, height, width), channels last in memory."""
    return images.permute(0, 3, 1, 2).float()


def build_network(
    recipe: Recipe,
    spec: InputSpec,
    n_classes: int,
    class_values: ClassValues | None = None,
    starting_weights: Path | None = None,
) -> Network:
    """Make the network of a recipe; what is new in it is drawn from torch's random state.

    Args:
        recipe: Backbone and head.
        spec: Input of the backbone.
        n_classes: Width of the head.
        class_values: int64 (n_classes, n_attributes), for a head an attribute.
        starting_weights: File of the backbone's weights; None draws them too.
    """
    backbone = build_backbone(recipe.model, spec.size_px, starting_weights)
    values = None if class_values is None else torch.from_numpy(class_values.copy())
    head = build_head(recipe.head, backbone.n_features, n_classes, values, recipe.model.drop_rate)
    return Network(backbone, head, n_classes)


def adjust_to_prior(network: Network, power: float, class_counts: npt.NDArray[np.int64]) -> None:
    """Let probabilities outside training be divided by ``power`` of the classes' shares, then be rescaled to sum to 1.

    Post-hoc logit adjustment (Menon et al., 2021, "Long-tail learning via logit adjustment", equation 9). A class
    without images counts as one with a single image.

    Args:
        network: Its ``adjustment`` is set.
        power: 0 changes nothing.
        class_counts: Training images of each class, int64 (n_classes,).
    """
    shares = np.maximum(class_counts, 1) / max(class_counts.sum(), 1)
    network.adjustment.copy_(torch.from_numpy(power * np.log(shares)))


def load_network(tensors: dict[str, Tensor], header: dict[str, Any]) -> tuple[Network, InputSpec]:
    """Make the network that a file of weights holds, with nothing but that file.

    Args:
        tensors: By name.
        header: recipe, input_spec, n_classes and class_values (or None).

    Returns:
        The network in evaluation mode, and its input.
    """
    spec = InputSpec.from_dict(header["input_spec"])
    values = None if header["class_values"] is None else np.asarray(header["class_values"], dtype=np.int64)
    network = build_network(Recipe.model_validate(header["recipe"]), spec, header["n_classes"], values)
    network.load_state_dict(tensors)
    return network.eval(), spec
