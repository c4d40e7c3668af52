"""A batch worked off in parts trains what the whole batch trains, and a device takes what it bears."""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from podium.errors import InputError
from podium.vision.classifier import Classifier
from podium.vision.distillation import Teacher
from podium.vision.input_spec import InputSpec
from podium.vision.losses import make_loss
from podium.vision.micro_batches import (
    Division,
    compute_in_parts,
    count_norms,
    explaining_out_of_memory,
    find_micro_batch,
    keep_running_statistics,
    log_division,
    map_in_parts,
)
from podium.vision.network import build_network
from podium.vision.recipe import Recipe

N_CLASSES = 3
LAYER_NORMS, BATCH_NORMS = "test_convnext", "test_resnet"
LOSSES: dict[str, dict[str, Any]] = {
    "cross_entropy": {"class_weights": "inverse_frequency", "label_smoothing": 0.1},
    "focal": {"name": "focal", "class_weights": "effective_number"},
    # No mean over images: what one image counts depends on the others.
    "macro_f1": {"name": "weighted_sum", "terms": {"soft_macro_f1": 0.6, "asymmetric": 0.4}},
}


def make_classifier(backbone: str, teachers: Any = (), **changes: Any) -> Classifier:
    recipe = Recipe.model_validate(
        {"name": "작은", "model": {"backbone": backbone, "drop_rate": 0.0}, "batch_size": 11, **changes}
    )
    spec = InputSpec(32, 32, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    torch.manual_seed(5)
    network = build_network(recipe, spec, N_CLASSES)
    loss = make_loss(recipe.loss, np.array([20, 5, 2]))
    classifier = Classifier(recipe, spec, network, loss, 4, N_CLASSES, [Teacher(part, spec) for part in teachers])
    classifier.logged = []  # type: ignore[assignment]
    classifier.log = lambda name, value, **options: classifier.logged.append(value.item())  # type: ignore
    return classifier


def train_steps(classifier: Classifier, sizes: tuple[int, ...], micro_batch: int | None) -> list[Tensor]:
    """Train a step a size; the gradients of the first one."""
    if micro_batch is not None:
        classifier.division = Division(max(sizes), micro_batch, count_norms(classifier.network))
    rng = np.random.default_rng(3)
    optimizer = torch.optim.SGD(classifier.network.parameters(), lr=0.05, momentum=0.9)
    torch.manual_seed(11)
    first: list[Tensor] = []
    for size in sizes:
        images = torch.from_numpy(rng.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8))
        labels = torch.from_numpy(rng.choice(N_CLASSES, size, p=[0.7, 0.2, 0.1]))
        optimizer.zero_grad()
        classifier.training_step((images, labels), 0).backward()
        first = first or [torch.clone(p.grad) for p in classifier.network.parameters() if p.grad is not None]
        nn.utils.clip_grad_norm_(classifier.network.parameters(), 1.0)
        optimizer.step()
    return first


@pytest.mark.parametrize(("loss", "micro_batch"), [("cross_entropy", 4), ("focal", 1), ("macro_f1", 3)])
def test_gradients_losses_and_weights_are_those_of_the_whole_batch(loss: str, micro_batch: int) -> None:
    changes = {"loss": LOSSES[loss], "mixing": {"mixup_alpha": 0.4, "cutmix_alpha": 1.0, "batch_share": 0.8}}
    sizes = (11, 11, 11, 2)
    whole, parts = make_classifier(LAYER_NORMS, **changes), make_classifier(LAYER_NORMS, **changes)
    expected, found = train_steps(whole, sizes, None), train_steps(parts, sizes, micro_batch)
    assert len(found) == len(expected) > 0
    for a, b in zip(expected, found, strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6 * float(a.abs().max() + 1))
    assert parts.logged == pytest.approx(whole.logged, rel=1e-5)
    assert len(parts.logged) == len(sizes), "one loss a batch, not one a part"
    for (name, a), b in zip(whole.network.named_parameters(), parts.network.parameters(), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6), name


def test_a_mean_of_the_parts_losses_would_not_be_the_same() -> None:
    """What is tested above is no matter of course: weights of classes differ between parts."""
    classifier = make_classifier(LAYER_NORMS, loss=LOSSES["focal"])
    logits, targets = torch.randn(8, N_CLASSES), torch.tensor([0, 0, 0, 0, 1, 1, 2, 2])
    parts = [classifier.loss(logits[part], targets[part]) for part in (slice(0, 4), slice(4, 8))]
    assert abs(float(sum(parts) / 2 - classifier.loss(logits, targets))) > 1e-3


def test_students_of_parts_learn_what_their_teachers_say_of_the_whole() -> None:
    teacher = make_classifier(BATCH_NORMS).network.eval()
    changes = {"distillation": {"teachers": ["스승"], "share": 0.5}}
    whole, parts = (make_classifier(LAYER_NORMS, [teacher], **changes) for _ in range(2))
    for a, b in zip(train_steps(whole, (11,), None), train_steps(parts, (11,), 3), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-6)
    assert parts.logged == pytest.approx(whole.logged, rel=1e-5)


def test_half_precision_goes_part_by_part_too() -> None:
    whole, parts = make_classifier(LAYER_NORMS), make_classifier(LAYER_NORMS)
    with torch.autocast("cpu", torch.bfloat16):
        expected, found = train_steps(whole, (11,), None), train_steps(parts, (11,), 4)
    for a, b in zip(expected, found, strict=True):
        assert a.dtype == b.dtype == torch.float32
        assert torch.allclose(a, b, rtol=0.1, atol=0.02 * float(a.abs().max()) + 1e-6)


def test_a_division_that_leaves_the_batch_whole_changes_no_byte() -> None:
    changes = {"mixing": {"mixup_alpha": 0.4}, "model": {"backbone": BATCH_NORMS, "drop_rate": 0.3}}
    whole, divided = (make_classifier(BATCH_NORMS, **changes) for _ in range(2))
    train_steps(whole, (11, 5), None)
    train_steps(divided, (11, 5), 11)
    for a, b in zip(whole.network.state_dict().values(), divided.network.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_what_the_network_draws_is_the_same_on_the_way_back() -> None:
    """The logits are linear in the weight, which is 1: the gradient of their sum is their sum, if the masks agree."""
    weight, dropout = nn.Parameter(torch.ones(())), nn.Dropout(0.5)
    pixels, targets = torch.rand(6, 40), torch.zeros(6, dtype=torch.int64)
    logits = compute_in_parts(lambda pixels, _: dropout(pixels * weight), dropout, pixels, targets, 3)
    torch.rand(100)  # what is drawn in between does not matter
    state = torch.get_rng_state()
    logits.sum().backward()
    assert weight.grad is not None
    assert weight.grad.item() == pytest.approx(logits.sum().item(), rel=1e-5)
    assert torch.equal(torch.get_rng_state(), state)


def test_nothing_of_a_part_is_kept_but_its_pictures_and_logits() -> None:
    classifier = make_classifier(LAYER_NORMS)
    pixels, targets = torch.rand(8, 3, 32, 32), torch.zeros(8, dtype=torch.int64)

    def count_kept(n_parts: int) -> int:
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            if not isinstance(tensor, nn.Parameter):
                kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            logits = compute_in_parts(classifier.network, classifier.network, pixels, targets, n_parts)
            assert logits.requires_grad
        return sum(kept.values())

    pictures = pixels.untyped_storage().nbytes() + targets.untyped_storage().nbytes()
    assert count_kept(4) <= pictures + 8 * N_CLASSES * 4
    assert count_kept(1) > 4 * pictures


def test_batch_norms_take_each_part_in_once() -> None:
    """As torch's own would that is shown the parts one after another."""
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
    reference = nn.BatchNorm2d(3)
    pixels, targets = torch.randn(7, 3, 2, 2), torch.zeros(7, dtype=torch.int64)
    compute_in_parts(lambda pixels, _: network(pixels), network, pixels, targets, 3).sum().backward()
    for part in pixels.tensor_split(3):
        reference(part)
    (norm,) = [layer for layer in network if isinstance(layer, nn.BatchNorm2d)]
    assert torch.equal(norm.running_mean, reference.running_mean)  # type: ignore[arg-type]
    assert torch.equal(norm.running_var, reference.running_var)  # type: ignore[arg-type]
    assert int(norm.num_batches_tracked or 0) == 3


def test_statistics_are_kept_as_they_are_also_when_something_fails() -> None:
    network = nn.Sequential(nn.BatchNorm1d(3))
    before = dict(network.named_buffers())
    values = {name: buffer.clone() for name, buffer in before.items()}

    class Crash(Exception):
        """Whatever goes wrong."""

    def fail() -> None:
        with keep_running_statistics(network):
            network(torch.randn(5, 3))
            raise Crash

    with pytest.raises(Crash):
        fail()
    for name, buffer in network.named_buffers():
        assert buffer is before[name]
        assert torch.equal(buffer, values[name])


@pytest.mark.parametrize(
    ("n_images", "micro_batch", "n_norms", "sizes", "n_parts"),
    [
        (64, 64, 0, (64, 64), 1),
        (64, 16, 0, (64, 64), 4),
        (64, 20, 0, (64, 64), 4),
        (64, 16, 0, (3, 3), 1),
        (5, 1, 0, (5, 4), 4),  # a rank with four images has none for a fifth part
        (5, 2, 1, (5, 5), 2),  # and a batch norm needs two
        (64, 1, 1, (1, 1), 1),
    ],
)
def test_parts_are_no_larger_than_asked_and_never_empty(
    n_images: int, micro_batch: int, n_norms: int, sizes: tuple[int, int], n_parts: int
) -> None:
    assert Division(n_images, micro_batch, n_norms).count_parts(*sizes) == n_parts


def test_prediction_goes_piece_by_piece_and_says_the_same() -> None:
    whole, parts = make_classifier(BATCH_NORMS).eval(), make_classifier(BATCH_NORMS).eval()
    parts.division = Division(11, 1, 0)
    seen: list[int] = []
    parts.network.register_forward_hook(lambda module, args, out: seen.append(len(out)))
    images = torch.randint(0, 256, (10, 32, 32, 3), dtype=torch.uint8)
    assert torch.allclose(whole(images), parts(images), atol=1e-5)
    assert seen == [4, 4, 2]
    assert map_in_parts(lambda part: part + len(part), torch.zeros(5), None).tolist() == [5.0] * 5


def run_out_above(
    limit: int, tried: list[int], error: type[Exception] = torch.OutOfMemoryError
) -> Callable[[int], None]:
    def try_out(n_images: int) -> None:
        tried.append(n_images)
        if n_images > limit:
            raise error("CUDA out of memory. Tried to allocate 20.00 MiB")

    return try_out


@pytest.mark.parametrize(
    ("n_images", "limit", "expected"),
    [
        (64, 200, [64]),
        (64, 64, [64]),
        (64, 63, [64, 32]),
        (64, 20, [64, 32, 16]),
        (27, 5, [27, 14, 7, 4]),
        (3, 1, [3, 2, 1]),
    ],
)
@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError])
def test_a_device_takes_the_first_half_of_halves_that_it_bears(
    n_images: int, limit: int, expected: list[int], error: type[Exception]
) -> None:
    tried: list[int] = []
    released: list[int] = []
    found = find_micro_batch(n_images, 1, run_out_above(limit, tried, error), lambda: released.append(len(tried)))
    assert found == expected[-1]
    assert tried == expected
    assert released == list(range(1, len(tried) + 1)), "memory is given back after each try"


def test_a_device_that_bears_nothing_says_what_helps() -> None:
    tried: list[int] = []
    with pytest.raises(InputError) as raised:
        find_micro_batch(16, 2, run_out_above(1, tried), lambda: None)
    assert tried == [16, 8, 4, 2]
    assert "not even 2 image(s) at once fit; take smaller pictures" in raised.value.cases[0]


def test_other_errors_of_a_device_are_no_lack_of_memory() -> None:
    def fail(n_images: int) -> None:
        raise RuntimeError("device-side assert")

    with pytest.raises(RuntimeError, match="device-side assert"):
        find_micro_batch(16, 1, fail)
    with pytest.raises(RuntimeError, match="device-side assert"), explaining_out_of_memory("작은", lambda: 8):
        fail(1)


@pytest.mark.parametrize(
    ("at_once", "advice"),
    [(33, "set training.micro_batch=17 (now up to 33 at once), or auto"), (1, "take smaller pictures")],
)
def test_memory_that_runs_out_later_says_what_to_set(at_once: int, advice: str) -> None:
    with pytest.raises(InputError) as raised, explaining_out_of_memory("작은", lambda: at_once):
        run_out_above(0, [])(at_once)
    assert advice in raised.value.cases[0]
    assert "recipe '작은'" in raised.value.cases[0]


def test_the_log_warns_once_of_norms_that_see_parts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "podium"):
        log_division(Division(64, 16, 0))
        log_division(Division(64, 64, 5))
        assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
        log_division(Division(64, 16, 5))
    assert [record.levelname for record in caplog.records[2:]] == ["INFO", "WARNING"]
    assert "at most 16 images at once, of a share of 64" in caplog.messages[0]
    assert "the whole share of 64 images" in caplog.messages[1]
    assert "5 batch norms take mean and variance from such parts instead of from whole batches" in caplog.text
