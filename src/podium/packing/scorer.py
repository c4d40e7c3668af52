"""A trained network from pixels to probabilities, its normalisation and its views included."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from podium.vision.network import Normalize, load_network, to_float
from podium.vision.recipe import Recipe
from podium.vision.views import average_views

HEADER_KEY = "podium"
"""Under which a file of weights says what it holds, as :class:`podium.datasets.weights.WeightsDataset` writes it."""


class Scorer(nn.Module):
    """What one file of weights says of pictures that were prepared as it wants them.

    Args:
        tensors: By name.
        header: recipe, input_spec, n_classes and class_values (or None).

    Attributes:
        spec: How pictures are prepared for it.
        n_classes: Width of what it says.
    """

    def __init__(self, tensors: dict[str, Tensor], header: dict[str, Any]):
        super().__init__()
        network, self.spec = load_network(tensors, header)
        self.network = network.to(memory_format=torch.channels_last)  # as in training, to the last bits of a sum
        self.normalize = Normalize(self.spec)
        self.views = Recipe.model_validate(header["recipe"]).test_time_views
        self.n_classes = int(header["n_classes"])
        self.eval().requires_grad_(False)

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 (batch, height, width, 3) to probabilities, float32 (batch, n_classes), the mean of all views."""
        return average_views(self.compute_logits, images, self.views)

    def compute_logits(self, images: Tensor) -> Tensor:
        """Map uint8 (batch, height, width, 3), seen in one way, to logits (batch, n_classes)."""
        logits: Tensor = self.network(self.normalize(to_float(images)))
        return logits


def load_scorer(path: Path) -> Scorer:
    """Read a file of weights that Podium wrote; no pickle is run."""
    with safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()[HEADER_KEY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (it is no mapping)
    return Scorer(tensors, header)
