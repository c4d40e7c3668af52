"""A network comes back from its file as it was, with nothing but the file."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import softmax

from podium.vision.input_spec import InputSpec
from podium.vision.network import adjust_to_prior, build_network, load_network, to_float
from podium.vision.recipe import Recipe

SPEC = InputSpec(32, 48, "pad", (0.5, 0.4, 0.3), (0.2, 0.25, 0.3), "bilinear", (100, 80))
VALUES = np.array([[c // 6, (c // 3) % 2, c % 3] for c in range(18)])


@pytest.mark.parametrize("head", ["linear", "shallow", "deep", "arcface", "per_attribute"])
def test_file_alone_gives_the_same_logits(head: str) -> None:
    recipe = Recipe.model_validate(
        {
            "name": "얼굴",
            "model": {"backbone": "test_resnet", "drop_rate": 0.5},
            "head": {"name": head, "start": "library"},
        }
    )
    values = VALUES if head == "per_attribute" else None
    network = build_network(recipe, SPEC, 18, values).eval()
    header: dict[str, Any] = {
        "recipe": recipe.model_dump(mode="json"), "input_spec": SPEC.to_dict(), "n_classes": 18,
        "class_values": None if values is None else values.tolist(),
    }  # fmt: skip
    loaded, spec = load_network(network.state_dict(), json.loads(json.dumps(header)))
    assert spec == SPEC
    assert not loaded.training
    images = torch.randn(3, 3, 32, 48)
    with torch.inference_mode():
        assert torch.equal(loaded(images), network(images))


def test_float_pixels_are_the_same_pixels_with_channels_second() -> None:
    images = torch.randint(0, 256, (2, 4, 6, 3), dtype=torch.uint8)
    pixels = to_float(images)
    assert pixels.dtype == torch.float32
    assert pixels.shape == (2, 3, 4, 6)
    assert pixels[1, 2, 3, 5].item() == images[1, 3, 5, 2].item()
    assert pixels.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_probabilities_outside_training_are_divided_by_a_power_of_the_shares(power: float) -> None:
    model = {"backbone": "test_convnext"}  # without batch norms, which would remember a pass in training
    recipe = Recipe.model_validate({"name": "r", "model": model, "head": {"start": "library"}})
    network, counts = build_network(recipe, SPEC, 3), np.array([80, 15, 5])
    images = torch.randn(4, 3, 32, 48)
    with torch.inference_mode():
        plain = softmax(network.eval()(images).numpy(), axis=1)
        in_training = network.train()(images)
        adjust_to_prior(network, power, counts)
        adjusted = softmax(network.eval()(images).numpy(), axis=1)
        assert torch.allclose(network.train()(images), in_training, atol=1e-5), "training goes on as it was"
    expected = plain / np.array([0.8, 0.15, 0.05]) ** power
    assert adjusted == pytest.approx(expected / expected.sum(axis=1, keepdims=True), abs=1e-5)


def test_class_without_images_is_adjusted_like_one_with_a_single_image() -> None:
    network = build_network(Recipe.model_validate({"name": "r", "model": {"backbone": "test_resnet"}}), SPEC, 3)
    adjust_to_prior(network, 1.0, np.array([9, 1, 0]))
    assert network.adjustment.tolist() == pytest.approx([np.log(0.9), np.log(0.1), np.log(0.1)])
