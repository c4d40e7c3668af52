"""One step of training: normalisation, mixing, the schedule."""

import numpy as np
import pytest
import timm.data
import torch
from torchvision.transforms.v2 import functional

from podium.vision.classifier import Classifier, make_mixing
from podium.vision.input_spec import InputSpec
from podium.vision.losses import make_loss
from podium.vision.network import Normalize, build_network, to_float
from podium.vision.recipe import MixingConfig, Recipe

SPEC = InputSpec(16, 16, "stretch", timm.data.IMAGENET_DEFAULT_MEAN, timm.data.IMAGENET_DEFAULT_STD)


def make_classifier(recipe: Recipe) -> Classifier:
    loss = make_loss(recipe.loss, np.array([4, 4, 4]))
    return Classifier(recipe, SPEC, build_network(recipe, SPEC, 3), loss, steps_per_epoch=4, n_classes=3)


def test_pixels_are_normalised_as_torchvision_does() -> None:
    pixels = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8))
    expected = functional.normalize(
        functional.to_dtype(pixels.permute(0, 3, 1, 2), torch.float32, scale=True), list(SPEC.mean), list(SPEC.std)
    )
    assert torch.allclose(Normalize(SPEC)(to_float(pixels)), expected, atol=1e-5)


@pytest.mark.parametrize(
    "alphas", [{"mixup_alpha": 0.4}, {"cutmix_alpha": 1.0}, {"mixup_alpha": 0.4, "cutmix_alpha": 1.0}]
)
def test_mixing_gives_targets_that_sum_to_one_and_pictures_of_the_same_shape(alphas: dict[str, float]) -> None:
    torch.manual_seed(0)
    mix = make_mixing(MixingConfig(**alphas), 5)
    assert mix is not None
    images, labels = torch.rand(8, 3, 16, 16), torch.arange(8) % 5
    mixed_targets = []
    for _ in range(10):
        mixed, targets = mix(images, labels)
        assert mixed.shape == images.shape
        assert targets.sum(dim=1) == pytest.approx(torch.ones(8))
        mixed_targets.append(targets)
    assert any(((targets > 0) & (targets < 1)).any() for targets in mixed_targets)


def test_without_alphas_nothing_is_mixed() -> None:
    assert make_mixing(MixingConfig(), 5) is None


def test_norms_and_biases_are_never_decayed() -> None:
    classifier = make_classifier(Recipe.model_validate({"name": "r", "model": {"backbone": "test_resnet"}}))
    groups = classifier.configure_optimizers()["optimizer"].param_groups
    decayed = {id(p) for group in groups if group["weight_decay"] > 0 for p in group["params"]}
    for name, parameter in classifier.network.named_parameters():
        assert (id(parameter) in decayed) == (parameter.ndim > 1), name
    assert {group["weight_decay"] for group in groups} == {0.0, 0.05}


def test_the_loss_falls_when_a_batch_is_learnt() -> None:
    torch.manual_seed(0)
    recipe = Recipe.model_validate({"name": "r", "model": {"backbone": "test_resnet"}, "optimizer": {"lr": 1e-2}})
    classifier = make_classifier(recipe)
    classifier.log = lambda *args, **kwargs: None  # type: ignore[method-assign, assignment]  # there is no trainer
    images = torch.randint(0, 256, (12, 16, 16, 3), dtype=torch.uint8)
    batch = (images, torch.arange(12) % 3)
    optimizer = torch.optim.AdamW(classifier.parameters(), lr=1e-2)
    losses = []
    for _ in range(15):
        optimizer.zero_grad()
        loss = classifier.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
