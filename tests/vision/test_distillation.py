"""What a student is told, against scipy and Pillow's sizes."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr, softmax

from podium.vision.distillation import Teacher, Teachers, distillation_loss, resize_pixels
from podium.vision.input_spec import InputSpec
from podium.vision.network import Network, adjust_to_prior, build_network
from podium.vision.recipe import Recipe

SPEC = InputSpec(32, 32, "stretch", (0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def make_teacher(seed: int, size_px: int = 32) -> Teacher:
    torch.manual_seed(seed)
    recipe = Recipe.model_validate({"name": "r", "model": {"backbone": "test_resnet"}, "head": {"start": "library"}})
    spec = InputSpec(size_px, size_px, "stretch", SPEC.mean, SPEC.std)
    return Teacher(build_network(recipe, spec, 4).eval(), spec)


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_loss_is_the_divergence_of_softened_probabilities(temperature: float) -> None:
    rng = np.random.default_rng(0)
    logits, taught = rng.normal(size=(6, 4)), softmax(rng.normal(size=(6, 4)) / temperature, axis=1)
    expected = rel_entr(taught, softmax(logits / temperature, axis=1)).sum(axis=1).mean() * temperature**2
    loss = distillation_loss(torch.tensor(logits), torch.tensor(taught, dtype=torch.float32), temperature)
    assert loss.item() == pytest.approx(expected, abs=1e-5)


def test_loss_is_zero_where_both_agree() -> None:
    logits = torch.randn(3, 5)
    assert distillation_loss(logits, torch.softmax(logits / 2, dim=1), 2.0).item() == pytest.approx(0, abs=1e-6)


def test_teachers_speak_with_the_mean_of_their_softened_probabilities() -> None:
    first, second = make_teacher(1), make_teacher(2)
    pixels = torch.randint(0, 256, (3, 3, 32, 32)).float()
    normal = (pixels / 255 - torch.tensor(SPEC.mean).view(3, 1, 1)) / torch.tensor(SPEC.std).view(3, 1, 1)
    with torch.inference_mode():
        logits = [teacher.network(normal).numpy() for teacher in (first, second)]
    expected = np.mean([softmax(part / 3.0, axis=1) for part in logits], axis=0)
    assert Teachers([first, second], 3.0)(pixels).numpy() == pytest.approx(expected, abs=1e-5)


def test_teachers_tell_what_they_think_before_any_adjustment_to_class_shares() -> None:
    teacher, pixels = make_teacher(1), torch.randint(0, 256, (3, 3, 32, 32)).float()
    before = Teachers([teacher], 1.0)(pixels)
    adjust_to_prior(teacher.network, 1.0, np.array([90, 5, 4, 1]))
    assert torch.equal(Teachers([teacher], 1.0)(pixels), before)


def test_teacher_of_another_size_sees_the_pictures_at_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    forward = Network.compute_logits
    monkeypatch.setattr(
        Network, "compute_logits", lambda self, x, t=None: (seen.append(tuple(x.shape)), forward(self, x, t))[1]
    )
    Teachers([make_teacher(1, 48)], 1.0)(torch.zeros(2, 3, 32, 32))
    assert seen == [(2, 3, 48, 48)]


def test_teachers_never_learn_and_stay_in_evaluation_mode() -> None:
    teachers = Teachers([make_teacher(1)], 1.0).train()
    assert not any(module.training for module in teachers.modules())
    assert not any(parameter.requires_grad for parameter in teachers.parameters())


def test_pixels_of_the_right_size_are_left_alone() -> None:
    pixels = torch.rand(1, 3, 8, 12)
    assert resize_pixels(pixels, (8, 12)) is pixels
    assert resize_pixels(pixels, (4, 6)).shape == (1, 3, 4, 6)
