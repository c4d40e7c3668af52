"""Losses against torch's cross entropy, timm's asymmetric loss, scikit-learn, and formulas written out in numpy."""

from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from sklearn.utils.class_weight import compute_class_weight
from timm.loss import AsymmetricLossSingleLabel
from torch import Tensor, nn
from torch.nn import functional

from podium.vision.losses import make_loss, weigh_classes
from podium.vision.recipe import LossConfig

COUNTS = np.array([40, 3, 7, 1, 12])
PLAIN = ["cross_entropy", "focal", "asymmetric", "soft_macro_f1"]
TERMS = {"soft_macro_f1": 0.4, "focal": 0.6}
WEIGHTED = {"class_weights": "inverse_frequency"}


@pytest.fixture
def logits() -> Tensor:
    return 3 * torch.randn(16, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> Tensor:
    return torch.randint(0, 5, (16,), generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mixed() -> Tensor:
    """Targets as mixup leaves them."""
    return torch.rand(16, 5, generator=torch.Generator().manual_seed(2)).softmax(dim=1)


def loss_of(**config: object) -> nn.Module:
    return make_loss(LossConfig.model_validate(config), COUNTS)


def named(name: str) -> dict[str, object]:
    return {"name": name, "terms": TERMS} if name == "weighted_sum" else {"name": name}


def probabilities_of(logits: Tensor) -> np.ndarray:
    exponents = np.exp(logits.double().numpy())
    return exponents / exponents.sum(axis=1, keepdims=True)


# Cross entropy


@pytest.mark.parametrize("weights", ["none", "inverse_frequency", "effective_number"])
@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
def test_cross_entropy_of_labels_equals_torch(logits: Tensor, labels: Tensor, smoothing: float, weights: str) -> None:
    config = LossConfig.model_validate({"class_weights": weights, "label_smoothing": smoothing})
    torchs = torch.tensor(weigh_classes(config, COUNTS), dtype=torch.float32)
    expected = functional.cross_entropy(logits, labels, weight=torchs, label_smoothing=smoothing)
    torch.testing.assert_close(make_loss(config, COUNTS)(logits, labels), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.3])
def test_cross_entropy_of_soft_targets_equals_torch(logits: Tensor, mixed: Tensor, smoothing: float) -> None:
    expected = functional.cross_entropy(logits, mixed, label_smoothing=smoothing)
    torch.testing.assert_close(loss_of(label_smoothing=smoothing)(logits, mixed), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_weighted_mean_over_soft_targets_is_torchs_sum_divided_by_the_weight_of_the_targets(
    logits: Tensor, mixed: Tensor, smoothing: float
) -> None:
    weights = torch.tensor(compute_class_weight("balanced", classes=np.arange(5), y=np.arange(5).repeat(COUNTS)))
    total = functional.cross_entropy(
        logits.double(), mixed.double(), weights, label_smoothing=smoothing, reduction="sum"
    )
    expected = (total / (mixed @ weights.float()).sum()).float()
    torch.testing.assert_close(loss_of(**WEIGHTED, label_smoothing=smoothing)(logits, mixed), expected)


@pytest.mark.parametrize("targets", ["labels", "mixed"])
def test_gradient_equals_torch(logits: Tensor, targets: str, request: pytest.FixtureRequest) -> None:
    target, gradients = request.getfixturevalue(targets), []
    for loss in (loss_of(label_smoothing=0.1), nn.CrossEntropyLoss(label_smoothing=0.1)):
        leaf = logits.clone().requires_grad_()
        loss(leaf, target).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], gradients[1])


def test_options_of_other_losses_are_no_matter_of_cross_entropy(logits: Tensor, labels: Tensor) -> None:
    config = {"gamma": 5.0, "gamma_positive": 3.0, "gamma_negative": 1.0, "label_smoothing": 0.1}
    torch.testing.assert_close(loss_of(**config)(logits, labels), loss_of(label_smoothing=0.1)(logits, labels))


# Focal


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
def test_focal_loss_of_labels_is_the_published_formula(logits: Tensor, labels: Tensor, gamma: float) -> None:
    p = probabilities_of(logits)[np.arange(16), labels.numpy()]
    expected = (-((1 - p) ** gamma) * np.log(p)).mean()
    assert loss_of(name="focal", gamma=gamma)(logits, labels).item() == pytest.approx(expected, rel=1e-5)


def test_focal_loss_of_soft_smoothed_weighted_targets_weighs_each_classes_term(logits: Tensor, mixed: Tensor) -> None:
    p, w = probabilities_of(logits), COUNTS.sum() / (5 * COUNTS)
    target = mixed.double().numpy() * 0.9 + 0.1 / 5
    expected = -(w * target * (1 - p) ** 2 * np.log(p)).sum() / (w * mixed.double().numpy()).sum()
    loss = loss_of(name="focal", gamma=2.0, label_smoothing=0.1, **WEIGHTED)(logits, mixed)
    assert loss.item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("share", [0.9, 0.6, 0.2])
def test_focus_takes_the_papers_share_off_a_sure_example(share: float) -> None:
    """Lin et al., section 3.2: with gamma 2, an example at p = 0.9 counts 100 times less than in cross entropy."""
    logits, label = torch.log(torch.tensor([[share, *[(1 - share) / 4] * 4]])), torch.tensor([0])
    ratio = loss_of()(logits, label) / loss_of(name="focal", gamma=2.0)(logits, label)
    assert ratio.item() == pytest.approx((1 - share) ** -2, rel=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("targets", ["labels", "mixed"])
@pytest.mark.parametrize("name", ["focal", "asymmetric"])
def test_without_focus_it_is_cross_entropy(
    logits: Tensor, name: str, targets: str, smoothing: float, request: pytest.FixtureRequest
) -> None:
    target = request.getfixturevalue(targets)
    unfocused = loss_of(name=name, gamma=0, gamma_positive=0, gamma_negative=0, label_smoothing=smoothing)
    expected = functional.cross_entropy(logits, target, label_smoothing=smoothing)
    torch.testing.assert_close(unfocused(logits, target), expected)


# Asymmetric


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
@pytest.mark.parametrize(("positive", "negative"), [(0, 4), (1, 4), (2.5, 0.5), (1, 1)])
def test_asymmetric_loss_of_labels_equals_timm(
    logits: Tensor, labels: Tensor, positive: float, negative: float, smoothing: float
) -> None:
    ours = loss_of(name="asymmetric", gamma_positive=positive, gamma_negative=negative, label_smoothing=smoothing)
    timms = AsymmetricLossSingleLabel(gamma_pos=positive, gamma_neg=negative, eps=smoothing)
    torch.testing.assert_close(ours(logits, labels), timms(logits, labels), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("name", ["cross_entropy", "focal", "asymmetric"])
def test_loss_of_a_mixed_target_is_that_of_its_labels_weighed_as_they_are_mixed(
    logits: Tensor, labels: Tensor, name: str, smoothing: float
) -> None:
    loss, other = loss_of(name=name, label_smoothing=smoothing), labels.roll(1)
    mixed = 0.7 * functional.one_hot(labels, 5) + 0.3 * functional.one_hot(other, 5)
    torch.testing.assert_close(loss(logits, mixed), 0.7 * loss(logits, labels) + 0.3 * loss(logits, other))


# Soft macro F1


def test_soft_f1_of_sure_decisions_is_scikit_learns_macro_f1(labels: Tensor) -> None:
    guesses = labels.roll(3)
    guesses[:9] = labels[:9]
    loss = loss_of(name="soft_macro_f1")(1e4 * functional.one_hot(guesses, 5), labels)
    assert 0.1 < loss.item() < 0.9
    assert loss.item() == pytest.approx(1 - f1_score(labels, guesses, average="macro"), abs=1e-6)


@pytest.mark.parametrize("weights", ["none", "inverse_frequency"])
def test_soft_f1_is_the_formula_over_the_classes_that_the_batch_holds(logits: Tensor, weights: str) -> None:
    target = functional.one_hot(torch.tensor([0, 2, 2, 4] * 4), 5).double().numpy()
    target[0] = [0.4, 0, 0.6, 0, 0]
    p = probabilities_of(logits)
    w = COUNTS.sum() / (5 * COUNTS) if weights == "inverse_frequency" else np.ones(5)
    present = [0, 2, 4]
    f1 = np.array([2 * (target[:, c] @ p[:, c]) / (target[:, c].sum() + p[:, c].sum()) for c in present])
    loss = loss_of(name="soft_macro_f1", class_weights=weights)(logits, torch.from_numpy(target))
    assert loss.item() == pytest.approx(1 - np.average(f1, weights=w[present]), rel=1e-5)


def test_soft_f1_takes_targets_as_they_are_whatever_the_smoothing(logits: Tensor, labels: Tensor) -> None:
    smoothed, plain = loss_of(name="soft_macro_f1", label_smoothing=0.2), loss_of(name="soft_macro_f1")
    assert smoothed(logits, labels) == plain(logits, labels)


# Weighted sum


def test_weighted_sum_adds_the_losses_with_the_weights_as_given(logits: Tensor, labels: Tensor) -> None:
    options = {"label_smoothing": 0.1, "gamma": 1.5, **WEIGHTED}
    total = loss_of(name="weighted_sum", terms={"focal": 3.0, "soft_macro_f1": 0.5}, **options)
    focal, f1 = loss_of(name="focal", **options), loss_of(name="soft_macro_f1", **options)
    torch.testing.assert_close(total(logits, labels), 3.0 * focal(logits, labels) + 0.5 * f1(logits, labels))


def test_weighted_sum_does_not_depend_on_the_order_of_its_terms(logits: Tensor, mixed: Tensor) -> None:
    terms = {"cross_entropy": 0.1, "focal": 0.7, "asymmetric": 0.3, "soft_macro_f1": 1 / 3}
    losses = [loss_of(name="weighted_sum", terms=dict(order)) for order in permutations(terms.items())]
    assert len({loss(logits, mixed).item() for loss in losses}) == 1


# All of them


@pytest.mark.parametrize("weights", ["none", "inverse_frequency"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("name", [*PLAIN, "weighted_sum"])
def test_one_hot_targets_are_the_same_as_labels(
    logits: Tensor, labels: Tensor, name: str, smoothing: float, weights: str
) -> None:
    loss = loss_of(**named(name), label_smoothing=smoothing, class_weights=weights)
    torch.testing.assert_close(loss(logits, functional.one_hot(labels, 5).double()), loss(logits, labels))


@pytest.mark.parametrize("name", [*PLAIN, "weighted_sum"])
def test_loss_falls_as_the_right_logit_grows(logits: Tensor, labels: Tensor, name: str) -> None:
    loss, right = loss_of(**named(name), **WEIGHTED), functional.one_hot(labels, 5)
    values = [loss(logits + step * right, labels).item() for step in np.linspace(0, 8, 17)]
    assert (np.diff(values) < 0).all()


@pytest.mark.parametrize(("gamma", "gamma_negative"), [(0.0, 0.5), (0.5, 0.0), (1.0, 4.0), (2.0, 1.0)])
@pytest.mark.parametrize("distance", [0.0, 16.0, 17.0, 100.0, 1e4, -1e4])
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("name", [*PLAIN, "weighted_sum"])
def test_loss_and_gradient_of_a_sure_model_are_finite(
    name: str, gamma: float, gamma_negative: float, distance: float, label: int
) -> None:
    logits = torch.tensor([[distance, 0.0, 0.0, 0.0, -1.0]], requires_grad=True)
    options = {"gamma": gamma, "gamma_positive": gamma, "gamma_negative": gamma_negative}
    loss = loss_of(**named(name), **options, label_smoothing=0.1)(logits, torch.tensor([label]))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", [*PLAIN, "weighted_sum"])
def test_half_precision_logits_give_a_single_precision_loss(logits: Tensor, labels: Tensor, name: str) -> None:
    loss, half = loss_of(**named(name), label_smoothing=0.1, **WEIGHTED), logits.to(torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(half, labels)
    assert value.dtype == torch.float32
    torch.testing.assert_close(value, loss(half.float(), labels))


@pytest.mark.parametrize("name", [*PLAIN, "weighted_sum"])
def test_a_loss_has_no_weights_to_save_and_moves_with_its_module(name: str) -> None:
    loss = loss_of(**named(name), **WEIGHTED)
    assert not loss.state_dict()
    moved = loss.to("meta")
    assert {buffer.device.type for buffer in moved.buffers()} == {"meta"}


# Class weights


def weights_of(counts: list[int], **config: object) -> np.ndarray:
    return weigh_classes(LossConfig.model_validate(config), np.array(counts))


def test_no_class_weights_are_ones() -> None:
    assert weights_of([40, 3, 0]).tolist() == [1, 1, 1]


@pytest.mark.parametrize("counts", [[40, 3, 7], [1, 1], [1000, 1, 10, 100]])
def test_inverse_frequency_is_scikit_learns_balanced(counts: list[int]) -> None:
    classes = np.arange(len(counts))
    expected = compute_class_weight("balanced", classes=classes, y=classes.repeat(counts))
    np.testing.assert_allclose(weights_of(counts, **WEIGHTED), expected)


@pytest.mark.parametrize("beta", [0.5, 0.9, 0.999])
def test_effective_number_is_the_geometric_sum_of_the_paper(beta: float) -> None:
    """Cui et al., proposition 1: the effective number of n is the sum of beta ** (j - 1) over j = 1 ... n."""
    counts = [500, 5, 50, 1]
    inverse = np.array([1 / sum(beta**j for j in range(n)) for n in counts])
    weights = weights_of(counts, class_weights="effective_number", effective_number_beta=beta)
    np.testing.assert_allclose(weights, inverse / inverse.mean())


@pytest.mark.parametrize(("beta", "power"), [(0.0, 0.0), (1 - 1e-9, -1.0)])
def test_effective_number_lies_between_no_weights_and_inverse_frequency(beta: float, power: float) -> None:
    """Cui et al., section 3.3: beta 0 weighs nothing, and beta to 1 is inverse class frequency."""
    counts = np.array([500, 5, 50])
    weights = weights_of(counts.tolist(), class_weights="effective_number", effective_number_beta=beta)
    np.testing.assert_allclose(weights, counts**power / (counts**power).mean(), rtol=1e-4)


@pytest.mark.parametrize("kind", ["inverse_frequency", "effective_number"])
def test_a_class_without_images_weighs_one_and_does_not_spoil_the_loss(
    kind: str, logits: Tensor, labels: Tensor
) -> None:
    config = LossConfig.model_validate({"class_weights": kind, "label_smoothing": 0.1})
    counts = np.array([40, 0, 7, 0, 12])
    weights = weigh_classes(config, counts)
    assert weights[[1, 3]].tolist() == [1, 1]
    assert weights[0] < weights[4] < weights[2]
    assert torch.isfinite(make_loss(config, counts)(logits, labels))
