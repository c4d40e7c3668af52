"""Losses against torch's own cross entropy, and the published focal formula written out in numpy."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from podium.vision.losses import SoftTargetLoss
from podium.vision.recipe import LossConfig


@pytest.fixture
def logits() -> torch.Tensor:
    return 3 * torch.randn(16, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.randint(0, 5, (16,), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mixed() -> torch.Tensor:
    """Targets as mixup leaves them."""
    return torch.rand(16, 5, generator=torch.Generator().manual_seed(2)).softmax(dim=1)


def make_loss(**config: object) -> SoftTargetLoss:
    return SoftTargetLoss(LossConfig.model_validate(config))


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
def test_cross_entropy_of_labels_equals_torch(logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> None:
    expected = functional.cross_entropy(logits, labels, label_smoothing=smoothing)
    torch.testing.assert_close(make_loss(label_smoothing=smoothing)(logits, labels), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
def test_cross_entropy_of_soft_targets_equals_torch(
    logits: torch.Tensor, mixed: torch.Tensor, smoothing: float
) -> None:
    expected = functional.cross_entropy(logits, mixed, label_smoothing=smoothing)
    torch.testing.assert_close(make_loss(label_smoothing=smoothing)(logits, mixed), expected)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_loss_of_labels_is_the_published_formula(
    logits: torch.Tensor, labels: torch.Tensor, gamma: float
) -> None:
    exponents = np.exp(logits.double().numpy())
    p = (exponents / exponents.sum(axis=1, keepdims=True))[np.arange(16), labels.numpy()]
    expected = (-((1 - p) ** gamma) * np.log(p)).mean()
    assert make_loss(name="focal", gamma=gamma)(logits, labels).item() == pytest.approx(expected, rel=1e-5)


def test_focal_loss_of_soft_smoothed_targets_weighs_each_classes_term(
    logits: torch.Tensor, mixed: torch.Tensor
) -> None:
    exponents = np.exp(logits.double().numpy())
    p = exponents / exponents.sum(axis=1, keepdims=True)
    target = mixed.double().numpy() * 0.9 + 0.1 / 5
    expected = -(target * (1 - p) ** 2 * np.log(p)).sum(axis=1).mean()
    loss = make_loss(name="focal", gamma=2.0, label_smoothing=0.1)(logits, mixed)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("targets", ["labels", "mixed"])
def test_focal_loss_without_focus_is_cross_entropy(
    logits: torch.Tensor, targets: str, request: pytest.FixtureRequest
) -> None:
    target = request.getfixturevalue(targets)
    torch.testing.assert_close(make_loss(name="focal", gamma=0.0)(logits, target), make_loss()(logits, target))


def test_gamma_is_no_matter_of_cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> None:
    torch.testing.assert_close(make_loss(gamma=5.0)(logits, labels), make_loss(gamma=0.0)(logits, labels))


def test_gradient_equals_torch(logits: torch.Tensor, mixed: torch.Tensor) -> None:
    gradients = []
    for loss in (make_loss(label_smoothing=0.1), lambda x, y: functional.cross_entropy(x, y, label_smoothing=0.1)):
        leaf = logits.clone().requires_grad_()
        loss(leaf, mixed).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("distance", [0.0, 16.0, 17.0, 100.0, 1e4])
@pytest.mark.parametrize("label", [0, 1])
def test_loss_and_gradient_of_a_sure_model_are_finite(gamma: float, distance: float, label: int) -> None:
    logits = torch.tensor([[distance, 0.0, 0.0]], requires_grad=True)
    loss = make_loss(name="focal", gamma=gamma, label_smoothing=0.1)(logits, torch.tensor([label]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_half_precision_logits_give_a_single_precision_loss(logits: torch.Tensor, labels: torch.Tensor) -> None:
    half = logits.to(torch.bfloat16)
    loss = make_loss()(half, labels)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, functional.cross_entropy(half.float(), labels))
