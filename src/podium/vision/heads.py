"""Heads: what turns a backbone's features into logits."""

from abc import ABC, abstractmethod
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.vision.recipe import HeadConfig

_SHORTEST = 1e-4
"""Features shorter than this have no direction to speak of, and a gradient that grows with one over their length."""


class Head(nn.Module, ABC):
    """What every head does."""

    @abstractmethod
    def forward(self, features: Tensor, targets: Tensor | None = None) -> Tensor:
        """Compute logits.

        Args:
            features: float, (batch, n_features).
            targets: int64 (batch,) or float (batch, n_classes), rows summing to 1; given while training, None
                otherwise. Only :class:`ArcFaceHead` looks at them.

        Returns:
            float, (batch, n_classes).
        """


def build_head(
    config: HeadConfig, n_features: int, n_classes: int, class_values: Tensor | None, drop_rate: float
) -> Head:
    """Build a head by name; its first weights come from torch's global random state.

    Args:
        config: Name and options.
        n_features: Width of the backbone's features.
        n_classes: Number of logits.
        class_values: For each class the index of its value of each attribute, int64, (n_classes, n_attributes). Only
            ``per_attribute`` needs it.
        drop_rate: Dropout before the last layer.

    Raises:
        ValueError: ``per_attribute`` has no ``class_values``, or they are not those of ``n_classes`` classes.
    """
    if config.name == "arcface":
        return ArcFaceHead(n_features, n_classes, drop_rate, config.margin, config.scale)
    if config.name == "per_attribute":
        if class_values is None or class_values.ndim != 2 or len(class_values) != n_classes or not class_values.numel():
            shape = None if class_values is None else tuple(class_values.shape)
            raise ValueError(
                f"head 'per_attribute' needs class_values of shape ({n_classes}, n_attributes), not {shape}"
            )
        return PerAttributeHead(n_features, class_values, drop_rate, config.start)
    n_hidden_layers = {"linear": 0, "shallow": 1, "deep": 2}[config.name]
    widths = [n_features, *[config.n_hidden] * n_hidden_layers]
    return LayeredHead(widths, n_classes, drop_rate, config.norm, config.start)


class LayeredHead(Head):
    """Hidden layers, if any, then dropout and a linear layer.

    A hidden layer is linear, layer norm (Ba et al., 2016), GELU (Hendrycks and Gimpel, 2016). A layer norm and not a
    batch norm, since it does the same to an image whichever others share its batch: in training and prediction, in
    small batches, and in drawn batches whose classes are not those of the data.

    Args:
        widths: Of the features and then of each hidden layer.
        n_classes: Number of logits.
        drop_rate: Dropout before the last layer.
        norm: Whether hidden layers have their norm.
        start: How the last layer starts; hidden layers are drawn as torch does.
    """

    def __init__(self, widths: list[int], n_classes: int, drop_rate: float, norm: bool, start: str):
        super().__init__()
        self.hidden = nn.Sequential(
            *(
                nn.Sequential(nn.Linear(n_in, n_out), nn.LayerNorm(n_out) if norm else nn.Identity(), nn.GELU())
                for n_in, n_out in pairwise(widths)
            )
        )
        self.dropout = nn.Dropout(drop_rate)
        self.last = _start(nn.Linear(widths[-1], n_classes), start)

    def forward(self, features: Tensor, targets: Tensor | None = None) -> Tensor:
        """Compute logits, float, (batch, n_classes)."""
        return self.last(self.dropout(self.hidden(features)))


class PerAttributeHead(Head):
    """A linear layer for each attribute, joined into the composite class.

    The logit of a class is the sum of its values' log-probabilities. Where the classes are all combinations of the
    values, their softmax is the product of the attributes' probabilities; where some combinations are no class, it is
    that product shared out among those that are.

    Args:
        n_features: Width of the features.
        class_values: For each class the index of its value of each attribute, int64, (n_classes, n_attributes).
        drop_rate: Dropout before the layers.
        start: How the layers start.
    """

    class_values: Tensor

    def __init__(self, n_features: int, class_values: Tensor, drop_rate: float, start: str):
        super().__init__()
        self.register_buffer("class_values", class_values, persistent=False)  # known from the class names
        self.dropout = nn.Dropout(drop_rate)
        n_values = (class_values.amax(dim=0) + 1).tolist()
        self.attributes = nn.ModuleList(_start(nn.Linear(n_features, n), start) for n in n_values)

    def forward(self, features: Tensor, targets: Tensor | None = None) -> Tensor:
        """Compute logits, float32, (batch, n_classes)."""
        features = self.dropout(features)
        return torch.stack(
            [
                torch.log_softmax(layer(features).float(), dim=1)[:, values]
                for layer, values in zip(self.attributes, self.class_values.unbind(dim=1), strict=True)
            ]
        ).sum(dim=0)


class ArcFaceHead(Head):
    """Cosines between features and a direction for each class, with an angular margin while training.

    Deng et al., 2019, "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", equation 3: the logit of the
    true class is scale * cos(theta + margin), that of any other, and all without targets, scale * cos(theta). The
    margin of a soft target's class is its share of the margin, so a one-hot target is the same as its label. Where
    theta + margin would pass pi and the cosine rise again, the logit goes on falling as scale * (cos(theta) - margin *
    sin(margin)).

    Computed in float32 also under autocast: half precision cannot tell small angles apart.

    Args:
        n_features: Width of the features.
        n_classes: Number of logits.
        drop_rate: Dropout of the features.
        margin: In radians, below pi / 2.
        scale: Length to which cosines are stretched.
    """

    def __init__(self, n_features: int, n_classes: int, drop_rate: float, margin: float, scale: float):
        super().__init__()
        self.dropout = nn.Dropout(drop_rate)
        self.weight = nn.Parameter(torch.empty(n_classes, n_features))
        nn.init.normal_(self.weight, std=n_features**-0.5)  # even over all directions, lengths near 1
        self.margin = margin
        self.scale = scale

    def forward(self, features: Tensor, targets: Tensor | None = None) -> Tensor:
        """Compute logits, float32, (batch, n_classes), with the margin where there are targets."""
        with torch.autocast(features.device.type, enabled=False):
            directions = functional.normalize(self.dropout(features.float()), eps=_SHORTEST)
            cosines = functional.linear(directions, functional.normalize(self.weight.float(), eps=_SHORTEST))
            if targets is not None:
                cosines = self._add_margin(cosines, targets)
            return self.scale * cosines

    def _add_margin(self, cosines: Tensor, targets: Tensor) -> Tensor:
        if targets.ndim == 1:
            targets = functional.one_hot(targets, cosines.shape[1])
        margins = self.margin * targets.float()
        sines = (1.0 - cosines**2).clamp_min(1e-7).sqrt()  # the gradient of a root is infinite at zero
        moved = cosines * margins.cos() - sines * margins.sin()
        return torch.where(cosines > -margins.cos(), moved, cosines - margins * margins.sin())


def _start(layer: nn.Linear, start: str) -> nn.Linear:
    """Set a last layer's first weights; ``library`` leaves them as torch drew them."""
    if start == "library":
        return layer
    if start == "zero":
        nn.init.zeros_(layer.weight)
    else:
        nn.init.normal_(layer.weight, std=0.01)
    nn.init.zeros_(layer.bias)
    return layer
