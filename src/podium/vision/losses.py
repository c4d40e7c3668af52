"""Losses on logits and soft targets, so that mixup, cutmix, smoothing and teachers work with each.

A one-hot target is the same as its label. In all but ``soft_macro_f1``, an image's loss is linear in its target: that
of a mixed target is the sum of its labels' losses, each times its share.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.vision.recipe import LossConfig


def make_loss(config: LossConfig, class_counts: npt.NDArray[np.int64]) -> nn.Module:
    """Build the loss of a recipe.

    Args:
        config: The loss by name, with its options.
        class_counts: How many training images each class has, int64, (n_classes,).

    Returns:
        A module called with logits (batch, n_classes) of any float dtype and targets, int64 (batch,) or float (batch,
        n_classes) with rows summing to 1. It gives a float32 scalar, also under autocast.
    """
    weights = torch.from_numpy(weigh_classes(config, class_counts).astype(np.float32))
    if config.name == "weighted_sum":
        terms = sorted(config.terms.items())  # a sum of floats depends on its order
        return WeightedSum([(share, _make_plain(name, config, weights)) for name, share in terms])
    return _make_plain(config.name, config, weights)


def weigh_classes(config: LossConfig, class_counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Give each class its weight in the loss.

    ``inverse_frequency`` is n / (n_classes * count), over all n_classes. ``effective_number`` is
    (1 - beta) / (1 - beta ** count) (Cui et al., 2019, "Class-Balanced Loss Based on Effective Number of Samples",
    equation 2), divided by its mean over the classes that have images.

    Args:
        config: Names the kind of weights.
        class_counts: int64, (n_classes,).

    Returns:
        float64, (n_classes,), above zero. A class without images weighs 1, as does one of average size: only
        smoothing and teachers ever give it a target.
    """
    weights = np.ones(len(class_counts))
    seen = class_counts > 0
    if config.class_weights == "inverse_frequency":
        weights[seen] = class_counts.sum() / (len(class_counts) * class_counts[seen])
    elif config.class_weights == "effective_number":
        beta = config.effective_number_beta
        raw = (1.0 - beta) / (1.0 - beta ** class_counts[seen])
        weights[seen] = raw / raw.mean()
    return weights


class CrossEntropyLoss(nn.Module):
    """Cross entropy with class weights and label smoothing.

    The batch's sum is divided by the sum of the weights of its targets before smoothing. On labels that is torch's
    weighted mean, smoothed or not. For soft targets torch divides by the batch size instead, so that a one-hot target
    would not count as its label does; this loss treats both alike.

    Args:
        class_weights: float32, (n_classes,).
        label_smoothing: Share of the target spread evenly over all classes.
    """

    class_weights: Tensor

    def __init__(self, class_weights: Tensor, label_smoothing: float = 0.0):
        super().__init__()
        # Made anew from the training labels on every start, so weights files hold parameters alone.
        self.register_buffer("class_weights", class_weights, persistent=False)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Average the loss over a batch.

        Args:
            logits: float, (batch, n_classes).
            targets: int64 (batch,) or float (batch, n_classes), rows summing to 1.

        Returns:
            float32 scalar.
        """
        log_probabilities = torch.log_softmax(logits.float(), dim=1)
        targets = _to_probabilities(targets, logits.shape[1])
        terms = -log_probabilities * self.weigh_terms(log_probabilities, targets)
        return (terms * self.class_weights).sum() / (targets * self.class_weights).sum()

    def weigh_terms(self, log_probabilities: Tensor, targets: Tensor) -> Tensor:
        """Return what each class's -log p is multiplied by, float32 like both arguments, (batch, n_classes)."""
        return targets * (1.0 - self.label_smoothing) + self.label_smoothing / targets.shape[1]


class FocalLoss(CrossEntropyLoss):
    """Cross entropy whose terms fade as their class becomes sure, by (1 - p) ** gamma.

    Lin et al., 2017, "Focal Loss for Dense Object Detection", equation 4, over softmax probabilities. Smoothed and soft
    targets weigh each class's own term.
    """

    def __init__(self, class_weights: Tensor, label_smoothing: float, gamma: float):
        super().__init__(class_weights, label_smoothing)
        self.gamma = gamma

    def weigh_terms(self, log_probabilities: Tensor, targets: Tensor) -> Tensor:
        """Multiply the targets by the focus on classes that are not yet sure."""
        return super().weigh_terms(log_probabilities, targets) * _doubt(log_probabilities) ** self.gamma


class AsymmetricLoss(CrossEntropyLoss):
    """Cross entropy that focuses on the true class and on the others with exponents of their own.

    Ridnik et al., 2021, "Asymmetric Loss For Multi-Label Classification", equation 5, in the form its authors use for
    one label: the true class's term is multiplied by (1 - p) ** gamma_positive, another class's by p ** gamma_negative.
    Other classes have a term only through label smoothing: without it ``gamma_negative`` does nothing, and with
    ``gamma_positive`` 0 this is plain cross entropy. A soft target counts as the mean over the labels it may stand for.
    """

    def __init__(self, class_weights: Tensor, label_smoothing: float, gamma_positive: float, gamma_negative: float):
        super().__init__(class_weights, label_smoothing)
        self.gamma_positive = gamma_positive
        self.gamma_negative = gamma_negative

    def weigh_terms(self, log_probabilities: Tensor, targets: Tensor) -> Tensor:
        """Multiply the targets by the focus of true and of other classes."""
        spread = self.label_smoothing / targets.shape[1]
        true = targets * (1.0 - self.label_smoothing + spread) * _doubt(log_probabilities) ** self.gamma_positive
        # As an exponential, since the gradient of 0 ** gamma is infinite for a gamma below 1.
        return true + (1.0 - targets) * spread * torch.exp(self.gamma_negative * log_probabilities)


class SoftMacroF1Loss(nn.Module):
    """1 - macro F1 of a batch, with probabilities in place of decisions.

    The F1 of a class is 2 * sum(t * p) / (sum(t) + sum(p)), sums over the batch of targets t and probabilities p. The
    mean is taken over the classes that have any target in the batch, by their class weights: the F1 of another class
    would be 0 whatever the model says. Targets are never smoothed here, which would give every class one. The mean
    over batches is no F1 of the epoch: the smaller the batches, the rougher.

    Args:
        class_weights: float32, (n_classes,).
    """

    class_weights: Tensor

    def __init__(self, class_weights: Tensor):
        super().__init__()
        self.register_buffer("class_weights", class_weights, persistent=False)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Score a batch.

        Args:
            logits: float, (batch, n_classes).
            targets: int64 (batch,) or float (batch, n_classes), rows summing to 1.

        Returns:
            float32 scalar, 0 (all right and sure) to 1.
        """
        probabilities = torch.softmax(logits.float(), dim=1)
        targets = _to_probabilities(targets, logits.shape[1])
        expected = targets.sum(dim=0)
        hits = (targets * probabilities).sum(dim=0)
        f1 = 2.0 * hits / (expected + probabilities.sum(dim=0)).clamp_min(1e-12)
        weights = self.class_weights * (expected > 0)
        return 1.0 - (weights * f1).sum() / weights.sum()


class WeightedSum(nn.Module):
    """Several losses, each times its weight; the weights are taken as given and need not sum to 1.

    Args:
        terms: Each loss behind its weight.
    """

    def __init__(self, terms: Sequence[tuple[float, nn.Module]]):
        super().__init__()
        self.weights = [weight for weight, _ in terms]
        self.losses = nn.ModuleList(loss for _, loss in terms)

    def forward(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Add up the losses of a batch, with arguments and result as theirs."""
        terms = [weight * loss(logits, targets) for weight, loss in zip(self.weights, self.losses, strict=True)]
        return torch.stack(terms).sum()


def _make_plain(name: str, config: LossConfig, class_weights: Tensor) -> nn.Module:
    if name == "focal":
        return FocalLoss(class_weights, config.label_smoothing, config.gamma)
    if name == "asymmetric":
        return AsymmetricLoss(class_weights, config.label_smoothing, config.gamma_positive, config.gamma_negative)
    if name == "soft_macro_f1":
        return SoftMacroF1Loss(class_weights)
    return CrossEntropyLoss(class_weights, config.label_smoothing)


def _to_probabilities(targets: Tensor, n_classes: int) -> Tensor:
    return (functional.one_hot(targets, n_classes) if targets.ndim == 1 else targets).float()


def _doubt(log_probabilities: Tensor) -> Tensor:
    """Return 1 - p, kept off zero: there the gradient of a power below 1 is infinite."""
    return (-torch.expm1(log_probabilities)).clamp_min(torch.finfo(torch.float32).tiny)
