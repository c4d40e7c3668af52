"""Losses on logits and soft targets, so that mixup, cutmix and smoothing work with each."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.vision.recipe import LossConfig


class SoftTargetLoss(nn.Module):
    """Cross entropy, or its focal form, for targets that are probabilities.

    The focal form weighs each class's term by ``(1 - p) ** gamma`` (Lin et al., 2017, "Focal Loss for Dense Object
    Detection", equation 4, over softmax probabilities), which for hard targets is the published one.
    """

    def __init__(self, config: LossConfig):
        super().__init__()
        self.gamma = config.gamma if config.name == "focal" else 0.0
        self.label_smoothing = config.label_smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Average the loss over a batch.

        Args:
            logits: float, (batch, n_classes).
            targets: int64 (batch,) or float (batch, n_classes), rows summing to 1.

        Returns:
            float32 scalar.
        """
        logits = logits.float()
        if targets.ndim == 1:
            targets = functional.one_hot(targets, logits.shape[1])
        smoothing = self.label_smoothing
        targets = targets.to(logits.dtype) * (1.0 - smoothing) + smoothing / logits.shape[1]
        log_probabilities = torch.log_softmax(logits, dim=1)
        terms = targets * log_probabilities
        if self.gamma:
            terms = terms * (1.0 - log_probabilities.exp()).clamp_min(0.0) ** self.gamma
        return -terms.sum(dim=1).mean()
