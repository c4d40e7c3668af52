"""Heads against formulas written out in numpy with angles, and against products of probabilities."""

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from podium.vision.heads import ArcFaceHead, Head, build_head
from podium.vision.recipe import HeadConfig

N_FEATURES, N_CLASSES = 7, 6
GRID = torch.tensor(list(product(range(3), range(2))))
"""Six classes that are all combinations of an attribute of three values and one of two."""
NAMES = ["linear", "shallow", "deep", "arcface", "per_attribute"]
WITH_START = [name for name in NAMES if name != "arcface"]


@pytest.fixture
def features() -> Tensor:
    return torch.randn(8, N_FEATURES, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> Tensor:
    return torch.arange(8) % N_CLASSES


def head_of(name: str, drop_rate: float = 0.0, class_values: Tensor | None = GRID, **config: object) -> Head:
    torch.manual_seed(1)
    options = HeadConfig.model_validate({"name": name, "n_hidden": 16, **config})
    return build_head(options, N_FEATURES, N_CLASSES, class_values, drop_rate)


def last_layers(head: Head) -> list[nn.Linear]:
    return list(head.attributes) if hasattr(head, "attributes") else [head.last]


# All heads


@pytest.mark.parametrize("start", ["zero", "small", "library"])
@pytest.mark.parametrize("name", NAMES)
def test_a_head_gives_a_logit_for_each_class_and_every_weight_can_learn(
    features: Tensor, labels: Tensor, name: str, start: str
) -> None:
    """Also from zeros: only the last layer is, so after one step the gradient reaches all others."""
    head = head_of(name, start=start)
    optimizer = torch.optim.SGD(head.parameters(), lr=0.1)
    for _ in range(2):
        optimizer.zero_grad()
        logits = head(features, labels)
        assert logits.shape == (8, N_CLASSES) and logits.dtype == torch.float32
        functional.cross_entropy(logits, labels).backward()
        optimizer.step()
    for weights_name, weights in head.named_parameters():
        assert torch.isfinite(weights.grad).all()
        assert weights.grad.abs().max() > 0, weights_name


@pytest.mark.parametrize(
    ("name", "norm", "expected"),
    [
        ("linear", True, ["last.weight", "last.bias"]),
        ("shallow", False, ["hidden.0.0.weight", "hidden.0.0.bias", "last.weight", "last.bias"]),
        (
            "deep", True,
            [f"hidden.{i}.{j}.{part}" for i in (0, 1) for j in (0, 1) for part in ("weight", "bias")]
            + ["last.weight", "last.bias"],
        ),
        ("arcface", True, ["weight"]),
        ("per_attribute", True, [f"attributes.{i}.{part}" for i in (0, 1) for part in ("weight", "bias")]),
    ],
)  # fmt: skip
def test_names_in_weights_files_stay_as_they_are(name: str, norm: bool, expected: list[str]) -> None:
    assert list(head_of(name, norm=norm).state_dict()) == expected


@pytest.mark.parametrize("name", [name for name in NAMES if name != "arcface"])
def test_targets_are_no_matter_to_heads_without_a_margin(features: Tensor, labels: Tensor, name: str) -> None:
    head = head_of(name, start="library")
    assert torch.equal(head(features, labels), head(features))


@pytest.mark.parametrize("name", NAMES)
def test_dropout_acts_in_training_alone(features: Tensor, name: str) -> None:
    head, plain = head_of(name, drop_rate=0.5, start="library"), head_of(name, start="library")
    assert not torch.allclose(head(features), head(features))
    head.eval()
    assert torch.equal(head(features), plain(features))


@pytest.mark.parametrize("name", NAMES)
def test_an_image_has_the_same_logits_whichever_others_share_its_batch(features: Tensor, name: str) -> None:
    """In training too, so that a batch of one and a batch of drawn classes do no harm."""
    head = head_of(name, start="library").train()
    torch.testing.assert_close(head(features)[:1], head(features[:1]))


@pytest.mark.parametrize(("name", "n_hidden_layers"), [("linear", 0), ("shallow", 1), ("deep", 2)])
@pytest.mark.parametrize("norm", [True, False])
def test_layered_heads_compute_the_written_out_formula(
    features: Tensor, name: str, n_hidden_layers: int, norm: bool
) -> None:
    head = head_of(name, norm=norm, start="library")
    values = {key: value.double().numpy() for key, value in head.state_dict().items()}
    x = features.double().numpy()
    for i in range(n_hidden_layers):
        x = x @ values[f"hidden.{i}.0.weight"].T + values[f"hidden.{i}.0.bias"]
        assert x.shape == (8, 16)
        if norm:
            x = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        phi = torch.distributions.Normal(0.0, 1.0).cdf(torch.from_numpy(x)).numpy()
        x = x * phi  # GELU is x times the normal distribution function
    expected = x @ values["last.weight"].T + values["last.bias"]
    np.testing.assert_allclose(head(features).detach().numpy(), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", WITH_START)
def test_a_start_from_zero_says_nothing_of_any_class(features: Tensor, name: str) -> None:
    probabilities = head_of(name, start="zero")(features).softmax(dim=1)
    torch.testing.assert_close(probabilities, torch.full((8, N_CLASSES), 1 / N_CLASSES))


@pytest.mark.parametrize("name", WITH_START)
def test_a_small_start_has_a_spread_of_a_hundredth_and_no_bias(name: str) -> None:
    torch.manual_seed(2)
    config = HeadConfig.model_validate({"name": name, "n_hidden": 2000, "start": "small"})
    head = build_head(config, 2000, N_CLASSES, GRID, 0.0)
    for layer in last_layers(head):
        assert layer.weight.std().item() == pytest.approx(0.01, rel=0.05)
        assert not layer.bias.any()
    assert all(weights.any() for key, weights in head.named_parameters() if key.endswith("weight"))


@pytest.mark.parametrize("name", WITH_START)
def test_the_librarys_start_is_as_torch_draws_it(name: str) -> None:
    head = head_of(name, start="library")
    for layer in last_layers(head):
        bound = layer.in_features**-0.5
        assert 0.5 * bound < layer.weight.abs().max() <= bound
        assert layer.bias.any()


# Per attribute


def test_over_all_combinations_the_softmax_is_the_product_of_the_attributes_probabilities(features: Tensor) -> None:
    head = head_of("per_attribute", start="library")
    values = [value.double().numpy() for value in head.state_dict().values()]
    logits = [features.double().numpy() @ values[i].T + values[i + 1] for i in (0, 2)]
    first, second = (np.exp(part) / np.exp(part).sum(axis=1, keepdims=True) for part in logits)
    expected = np.stack([first[:, a] * second[:, b] for a, b in GRID.tolist()], axis=1)
    composite = head(features).detach()
    np.testing.assert_allclose(composite.softmax(dim=1).numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(composite.exp().numpy(), expected, rtol=1e-5)


def test_where_combinations_are_missing_the_classes_share_the_product_among_them(features: Tensor) -> None:
    some = GRID[[0, 3, 4]]
    config = HeadConfig(name="per_attribute", start="library")
    torch.manual_seed(1)
    head = build_head(config, N_FEATURES, 3, some, 0.0)
    full = head_of("per_attribute", start="library")(features).softmax(dim=1)[:, [0, 3, 4]]
    torch.testing.assert_close(head(features).softmax(dim=1), full / full.sum(dim=1, keepdim=True))


@pytest.mark.parametrize("class_values", [None, GRID[:5], GRID[:, 0], GRID[:, :0]])
def test_values_that_do_not_describe_the_classes_are_refused(class_values: Tensor | None) -> None:
    with pytest.raises(ValueError, match=r"class_values of shape \(6, n_attributes\)"):
        head_of("per_attribute", class_values=class_values)


# ArcFace


def expected_arcface(head: ArcFaceHead, features: Tensor, margins: np.ndarray) -> np.ndarray:
    """Deng et al., equation 3, with the angles themselves, and the line that goes on falling behind pi."""
    x, w = features.double().numpy(), head.weight.detach().double().numpy()
    cosines = (x / np.linalg.norm(x, axis=1)[:, None]) @ (w / np.linalg.norm(w, axis=1)[:, None]).T
    moved = np.arccos(cosines) + margins
    return head.scale * np.where(moved < np.pi, np.cos(moved), cosines - margins * np.sin(margins))


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.4])
@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_the_margin_is_added_to_the_true_angle_alone(
    features: Tensor, labels: Tensor, margin: float, scale: float
) -> None:
    head = head_of("arcface", margin=margin, scale=scale)
    margins = margin * np.eye(N_CLASSES)[labels]
    expected = expected_arcface(head, features, margins)
    np.testing.assert_allclose(head(features, labels).detach().numpy(), expected, rtol=1e-4, atol=1e-4)
    plain = expected_arcface(head, features, np.zeros_like(margins))
    np.testing.assert_allclose(head(features).detach().numpy(), plain, rtol=1e-4, atol=1e-4)


def test_the_margin_of_a_soft_target_is_shared_out_and_a_one_hot_target_is_its_label(
    features: Tensor, labels: Tensor
) -> None:
    head = head_of("arcface", margin=0.5)
    mixed = torch.rand(8, N_CLASSES, generator=torch.Generator().manual_seed(3)).softmax(dim=1)
    expected = expected_arcface(head, features, 0.5 * mixed.numpy())
    np.testing.assert_allclose(head(features, mixed).detach().numpy(), expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(head(features, functional.one_hot(labels, N_CLASSES).double()), head(features, labels))


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.0, 1.49])
@pytest.mark.parametrize("targets", ["label", "soft"])
def test_the_true_logit_falls_with_the_angle_all_the_way_to_pi(margin: float, targets: str) -> None:
    head = ArcFaceHead(2, 2, 0.0, margin, 30.0)
    head.weight.data = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    angles = torch.linspace(0.01, np.pi - 0.01, 200)
    features = 5 * torch.stack([angles.cos(), angles.sin()], dim=1)
    target = torch.zeros(200, dtype=torch.int64) if targets == "label" else torch.tensor([[0.6, 0.4]]).repeat(200, 1)
    logits = head(features, target)[:, 0]
    assert (logits.diff() < 0).all()
    assert (logits <= head(features)[:, 0]).all(), "a margin never helps"


@pytest.mark.parametrize("margin", [0.0, 0.3, 1.49])
@pytest.mark.parametrize("kind", ["same", "opposite", "zero", "tiny", "huge"])
def test_gradients_are_finite_where_cosines_reach_one_and_features_vanish(margin: float, kind: str) -> None:
    head = head_of("arcface", margin=margin)
    factor = {"same": 1.0, "opposite": -1.0, "zero": 0.0, "tiny": 1e-30, "huge": 1e15}[kind]
    features = (factor * head.weight.detach()).requires_grad_()
    functional.cross_entropy(head(features, torch.arange(N_CLASSES)), torch.arange(N_CLASSES)).backward()
    assert torch.isfinite(features.grad).all()
    assert torch.isfinite(head.weight.grad).all()
    assert features.grad.abs().max() < 1e6


def test_lengths_of_features_and_directions_are_no_matter_to_arcface(features: Tensor) -> None:
    head = head_of("arcface")
    expected = head(features)
    head.weight.data *= 40
    torch.testing.assert_close(head(0.01 * features), expected)


def test_half_precision_does_not_blur_the_angles(features: Tensor, labels: Tensor) -> None:
    head = head_of("arcface")
    half = features.to(torch.bfloat16)
    expected = head(half.float(), labels)
    with torch.autocast("cpu", torch.bfloat16):
        logits = head(half, labels)
    assert logits.dtype == torch.float32
    torch.testing.assert_close(logits, expected)


def test_half_precision_gives_per_attribute_logits_in_single_precision(features: Tensor) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert head_of("per_attribute")(features).dtype == torch.float32
