"""Grad-CAM against CAM's own formula, against finite differences, and on pictures whose signal is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn

from podium.errors import InputError
from podium.vision.backbones import build_backbone
from podium.vision.heads import PerAttributeHead
from podium.vision.heat_maps import compute_heat_maps, compute_support, find_last_grid
from podium.vision.input_spec import InputSpec
from podium.vision.network import Network, Normalize, build_network, load_network, to_float
from podium.vision.recipe import ModelConfig, Recipe

CPU = torch.device("cpu")
SIDE_PX = 64
N_CLASSES = 6
VALUES = np.array([[c // 2, c % 2] for c in range(N_CLASSES)])
RECIPES = Path(__file__).parents[2] / "conf/base/parameters/recipes.yml"

# Of each backbone of the ready recipes, and of other families: side in pixels, the layer, and its cells a side.
LAYERS: dict[str, tuple[int, str, int]] = {
    "test_resnet": (96, "layer4", 3),
    "tf_efficientnet_lite0": (64, "bn2", 2),
    "efficientnet_b0": (64, "bn2", 2),
    "convnext_tiny": (64, "norm_pre", 2),
    "densenet121": (64, "features", 2),
    "mobilenet_v2": (64, "features", 2),
    "mobilenetv3_large_100": (64, "blocks", 2),  # a hidden layer behind the mean
    "resnet18": (64, "layer4", 2),
    "resnet50": (64, "layer4", 2),
    "shufflenet_v2_x1_0": (64, "conv5", 2),
    "squeezenet1_1": (64, "classifier.2", 3),  # its classifier is a convolution
    "swin_tiny_patch4_window7_224": (64, "norm", 2),  # channels last
    "swin_t": (64, "permute", 2),  # torchvision's
    "mobilenet_v3_small": (64, "features", 2),
    "regnet_y_400mf": (64, "trunk_output", 2),
    "test_vit": (64, "blocks.5.norm1", 4),  # reads its class token alone
    "test_vit2": (64, "norm", 4),  # reads the mean of the picture's tokens
    "vit_tiny_patch16_224": (64, "blocks.11.norm1", 4),
    "deit_tiny_distilled_patch16_224": (64, "blocks.11.norm1", 4),  # two tokens before the picture's
}
# Too large to be made in a test: the same code with more or wider blocks.
LARGER = {
    "convnext_small": "convnext_tiny",
    "swin_small_patch4_window7_224": "swin_tiny_patch4_window7_224",
    "swin_base_patch4_window7_224": "swin_tiny_patch4_window7_224",
    "tf_efficientnet_b5": "efficientnet_b0",
    "tf_efficientnetv2_s": "efficientnet_b0",
}


def make_network(
    backbone: str = "test_resnet", head: str = "linear", size_px: tuple[int, int] = (SIDE_PX, SIDE_PX), **values: Any
) -> dict[str, Any]:
    """Weights of a network with drawn weights, as they are stored."""
    recipe = Recipe.model_validate(
        {
            "name": "기준",
            "model": {"backbone": backbone, "drop_rate": 0.5},
            "head": {"name": head, "start": "library"},
            **values,
        }
    )
    spec = InputSpec(*size_px, "stretch", (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))
    torch.manual_seed(7)
    class_values = VALUES if head == "per_attribute" else None
    network = build_network(recipe, spec, N_CLASSES, class_values)
    return store(network, recipe, spec, class_values)


def store(network: Network, recipe: Recipe, spec: InputSpec, class_values: np.ndarray | None = None) -> dict[str, Any]:
    header = {
        "recipe": recipe.model_dump(mode="json"), "input_spec": spec.to_dict(), "n_classes": N_CLASSES,
        "class_values": None if class_values is None else class_values.tolist(),
    }  # fmt: skip
    return {"tensors": network.state_dict(), "header": header}


def draw_pixels(n: int, size_px: tuple[int, int] = (SIDE_PX, SIDE_PX)) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, *size_px, 3), dtype=np.uint8)


def load(weights: dict[str, Any], pixels: np.ndarray) -> tuple[Network, Tensor]:
    network, spec = load_network(weights["tensors"], weights["header"])
    return network, Normalize(spec)(to_float(torch.from_numpy(pixels)))


def stretch(support: np.ndarray) -> np.ndarray:
    """Cut support off below 0, and let the most of each picture be 255; float."""
    positive = np.maximum(support, 0)
    most = positive.max(axis=(1, 2), keepdims=True)
    return positive / np.where(most > 0, most, 1) * 255


@pytest.mark.parametrize(
    ("backbone", "layout"),
    [
        ("test_resnet", "bchw,c->bhw"),
        ("test_efficientnet", "bchw,c->bhw"),
        ("swin_tiny_patch4_window7_224", "bhwc,c->bhw"),
        ("shufflenet_v2_x0_5", "bchw,c->bhw"),
    ],
)
def test_behind_a_mean_and_a_linear_layer_it_is_cam(backbone: str, layout: str) -> None:
    weights, pixels = make_network(backbone), draw_pixels(3)
    network, images = load(weights, pixels)
    body: Any = network.backbone
    with torch.inference_mode():
        if hasattr(body, "forward_features"):
            features = body.forward_features(images)
        else:  # torchvision's ShuffleNet up to its mean
            features = nn.Sequential(*list(body.children())[:-1])(images)
        weights["tensors"]["head.last.weight"][4] += 0.05  # so that something supports the class
        cam = torch.einsum(layout, features, weights["tensors"]["head.last.weight"][4])
    maps = compute_heat_maps(weights, pixels, np.full(3, 4), CPU, 8)
    assert maps.dtype == np.uint8
    np.testing.assert_allclose(maps, stretch(cam.numpy()), atol=0.51)
    assert maps.any()


def compute_by_differences(weights: dict[str, Any], pixels: np.ndarray, target: int, step: float) -> np.ndarray:
    """Grad-CAM of one picture without a gradient: what a class gains when a channel is a little more everywhere.

    In float64, but for the ArcFace head, which computes in float32.
    """
    network, images = load(weights, pixels)
    network, images = network.double(), images.double()
    layer, grid = find_last_grid(network.backbone, images.shape[2:])
    cells: list[Tensor] = []

    def move_each_channel(_: nn.Module, __: Any, output: Tensor) -> Tensor:
        """From here on the picture goes on twice a channel: with more of it, and with less."""
        cells[:] = [grid.to_cells(output)[0]]
        moves = step * torch.cat([torch.eye(grid.n_channels), -torch.eye(grid.n_channels)])
        moved = output.repeat(len(moves), *[1] * (output.ndim - 1))
        grid.to_cells(moved).add_(moves[:, None, None])  # the cells are a view
        return moved

    handle = layer.register_forward_hook(move_each_channel)
    with torch.inference_mode():
        features = network.backbone(images)
        if isinstance(network.head, PerAttributeHead):
            parts = [part(features) for part in network.head.attributes]
            scores = torch.stack([part[:, VALUES[target, i]] for i, part in enumerate(parts)]).sum(dim=0)
        else:
            scores = network.head(features)[:, target].double()
    handle.remove()
    more, less = scores.chunk(2)
    return (cells[0] @ (more - less)).numpy()[None]


@pytest.mark.parametrize(
    ("backbone", "head", "side_px"),
    [
        ("test_resnet", "deep", 64),
        ("test_resnet", "arcface", 64),
        ("test_resnet", "per_attribute", 64),
        ("test_convnext", "shallow", 64),  # a norm between the mean and the head
        ("test_vit", "linear", 64),  # by way of the attention of the class token
        ("test_vit2", "linear", 64),
    ],
)
def test_channels_weigh_what_the_class_gains_by_them(backbone: str, head: str, side_px: int) -> None:
    weights, pixels = make_network(backbone, head, (side_px, side_px)), draw_pixels(1, (side_px, side_px))
    step = 1e-2 if head == "arcface" else 1e-5
    expected = [stretch(compute_by_differences(weights, pixels, target, step))[0] for target in range(N_CLASSES)]
    maps = compute_heat_maps(weights, pixels.repeat(N_CLASSES, axis=0), np.arange(N_CLASSES), CPU, 4)
    np.testing.assert_allclose(maps, expected, atol=1.0)
    assert (maps.reshape(N_CLASSES, -1).max(axis=1) == 255).sum() >= 2


@pytest.mark.parametrize("name", LAYERS)
def test_last_layer_over_the_picture_is_found(name: str) -> None:
    side_px, layer_name, n_cells = LAYERS[name]
    backbone = build_backbone(ModelConfig(backbone=name), (side_px, side_px), None).eval()
    layer, grid = find_last_grid(backbone, (side_px, side_px))
    assert layer is backbone.get_submodule(layer_name)
    assert (grid.height, grid.width) == (n_cells, n_cells)
    assert not any(module._forward_hooks for module in backbone.modules())


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "shufflenet_v2_x0_5"])
def test_long_pictures_have_long_maps(name: str) -> None:
    weights = make_network(name, size_px=(128, 64))
    assert compute_heat_maps(weights, draw_pixels(1, (128, 64)), np.array([0]), CPU, 1).shape == (1, 4, 2)


def test_every_backbone_of_the_ready_recipes_stands_above() -> None:
    recipes = yaml.safe_load(RECIPES.read_text(encoding="utf-8"))["recipes"].values()
    names = {recipe["model"]["backbone"] for recipe in recipes if "backbone" in recipe.get("model", {})}
    assert names - set(LAYERS) - set(LARGER) == set()
    assert set(LARGER.values()) <= set(LAYERS)


def draw_corners(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise with a patch, red or green, in one corner; its colour is the class (0 or 1).

    Returns pixels, labels and corners, counted from the top left by rows.
    """
    rng = np.random.default_rng(seed)
    pixels = rng.integers(60, 190, (n, SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    labels, corners = rng.integers(0, 2, n), rng.integers(0, 4, n)
    for image, label, corner in zip(pixels, labels, corners, strict=True):
        top, left = corner // 2 * 44, corner % 2 * 44
        image[top : top + 20, left : left + 20] = (220, 30, 30) if label == 0 else (30, 220, 30)
    return pixels, labels, corners


def test_the_corner_with_the_signal_lights_up_after_a_short_training() -> None:
    recipe = Recipe.model_validate(
        {"name": "모서리", "model": {"backbone": "test_resnet"}, "head": {"start": "library"}}
    )
    spec = InputSpec(SIDE_PX, SIDE_PX, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    torch.manual_seed(1)
    network, normalize = build_network(recipe, spec, N_CLASSES), Normalize(spec)
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3)
    pixels, labels, _ = draw_corners(24 * 20, seed=1)
    for start in range(0, len(pixels), 24):
        images = normalize(to_float(torch.from_numpy(pixels[start : start + 24])))
        loss = nn.functional.cross_entropy(network(images), torch.from_numpy(labels[start : start + 24]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    unseen, labels, corners = draw_corners(60, seed=2)
    maps = compute_heat_maps(store(network, recipe, spec), unseen, labels, CPU, 32)
    assert maps.shape == (60, 2, 2)
    assert (maps.reshape(60, 4).argmax(axis=1) == corners).mean() > 0.9


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_batches_and_order_change_nothing(batch_size: int) -> None:
    weights, pixels, targets = make_network(), draw_pixels(7), np.arange(7) % N_CLASSES
    whole = compute_heat_maps(weights, pixels, targets, CPU, 7).astype(int)
    parts = compute_heat_maps(weights, pixels[::-1].copy(), targets[::-1].copy(), CPU, batch_size)[::-1].astype(int)
    assert np.abs(whole - parts).max() <= 1, "sums in another order may round to the next level"


def test_each_picture_is_asked_about_its_own_class() -> None:
    weights, pixels = make_network(), draw_pixels(2)
    weights["tensors"]["head.last.weight"] += 0.05
    maps = compute_heat_maps(weights, pixels[[0] * N_CLASSES], np.arange(N_CLASSES), CPU, 4)
    assert len(np.unique(maps, axis=0)) == N_CLASSES
    alone = compute_heat_maps(weights, pixels[:1], np.array([3]), CPU, 1)
    np.testing.assert_allclose(alone[0], maps[3].astype(int), atol=1)


def test_prior_adjustment_changes_no_map() -> None:
    weights, pixels = make_network(), draw_pixels(2)
    plain = compute_heat_maps(weights, pixels, np.array([1, 2]), CPU, 2)
    weights["tensors"]["adjustment"] = torch.linspace(-3, 3, N_CLASSES)
    assert np.array_equal(compute_heat_maps(weights, pixels, np.array([1, 2]), CPU, 2), plain)


def test_picture_where_nothing_supports_the_class_has_zeros() -> None:
    weights, pixels = make_network(), draw_pixels(2)  # features come out of a ReLU, so none is negative
    weights["tensors"]["head.last.weight"][2], weights["tensors"]["head.last.weight"][3] = -1.0, 1.0
    maps = compute_heat_maps(weights, pixels, np.array([2, 3]), CPU, 2)
    assert not maps[0].any()
    assert maps[1].max() == 255


def test_weights_and_gradients_elsewhere_stay_as_they_are() -> None:
    weights = make_network(head="per_attribute")
    before = {name: tensor.clone() for name, tensor in weights["tensors"].items()}
    with torch.no_grad():
        compute_heat_maps(weights, draw_pixels(2), np.array([0, 1]), CPU, 2)
        assert not torch.is_grad_enabled()
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights["tensors"].items())


def test_no_pictures_have_no_maps() -> None:
    empty = np.array([], dtype=np.int64)
    assert compute_heat_maps(make_network(), draw_pixels(0), empty, CPU, 4).shape == (0, 2, 2)


@pytest.mark.parametrize(("n_targets", "side_px"), [(3, SIDE_PX), (2, 32)])
def test_pictures_that_do_not_fit_are_refused(n_targets: int, side_px: int) -> None:
    with pytest.raises(ValueError, match=rf"{n_targets} pictures of \(64, 64\) px"):
        compute_heat_maps(make_network(), draw_pixels(2, (side_px, side_px)), np.zeros(n_targets, np.int64), CPU, 2)


def test_backbone_without_a_layer_over_the_picture_is_refused() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 5))
    with pytest.raises(InputError, match="no layer's output lies over a picture of 8x8 px"):
        find_last_grid(flat, (8, 8))


class OverwritingBackbone(nn.Module):
    """What follows its last layer writes over that layer's output, as in torchvision's DenseNet."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 5, 3, stride=4)

    def forward(self, images: Tensor) -> Tensor:
        return torch.relu_(self.layer(images)).mean(dim=(2, 3))


def test_features_that_are_written_over_count_as_they_were() -> None:
    torch.manual_seed(4)
    backbone, head = OverwritingBackbone(), nn.Linear(5, N_CLASSES)

    class LinearHead(nn.Module):
        def forward(self, features: Tensor, _: Tensor | None = None) -> Tensor:
            return head(features)

    images = torch.randn(2, 3, 32, 32)
    layer, grid = find_last_grid(backbone, (32, 32))
    support = compute_support(Network(backbone, LinearHead(), N_CLASSES), layer, grid, images, torch.tensor([1, 3]))
    with torch.inference_mode():
        features = backbone.layer(images)
        gains = (features > 0).float().mean(dim=(2, 3)) * head.weight[[1, 3]] / features[0, 0].numel()
    torch.testing.assert_close(support, torch.einsum("bchw,bc->bhw", features, gains).relu())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("backbone", ["test_resnet", "swin_t"])
def test_a_gpu_draws_the_same_maps(backbone: str) -> None:
    weights, pixels, targets = make_network(backbone), draw_pixels(5), np.arange(5)
    on_gpu = compute_heat_maps(weights, pixels, targets, torch.device("cuda"), 2).astype(int)
    assert np.abs(on_gpu - compute_heat_maps(weights, pixels, targets, CPU, 2)).max() <= 5
