"""Every ingredient that a recipe can name trains on real photos, and comes back from its file as it was."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import yaml
from torch import Tensor

from conftest import ROOT
from podium.datasets.weights import WeightsDataset
from podium.pipelines.selection.nodes import merge_recipe
from podium.vision.augmentation import resolve_policy
from podium.vision.backbones import build_backbone
from podium.vision.classifier import Classifier
from podium.vision.decoding import decode_image
from podium.vision.fit import FoldData, MemberPlan, fit_fold, make_classifier
from podium.vision.hardware import Hardware
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.network import load_network
from podium.vision.preparation import prepare_image
from podium.vision.recipe import ModelConfig, Recipe
from podium.vision.seeds import derive_seed

N_CLASSES = 6
# mask (wear, not) x age (three bands), as a competition of composite classes has them
CLASS_VALUES = np.array([[label // 3, label % 3] for label in range(N_CLASSES)])
CPU = Hardware(accelerator="cpu", precision="32-true", num_workers=0)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
BACKBONES = {
    "convnext_tiny": 32, "swin_tiny_patch4_window7_224": 64, "efficientnet_b0": 32, "tf_efficientnetv2_s": 64,
    "densenet121": 32, "resnet18": 32, "resnet50": 32, "resnext50_32x4d": 32, "mobilenetv2_100": 32, "mobilenet_v2": 32,
    "mobilenetv3_large_100": 32, "shufflenet_v2_x1_0": 32, "squeezenet1_1": 64, "tf_efficientnet_lite0": 32,
}  # fmt: skip
# Their larger kin, of up to 120 million parameters, for whom the smallest of the family learns.
LARGER = {
    "convnext_small": "convnext_tiny", "convnext_base": "convnext_tiny",
    "swin_small_patch4_window7_224": "swin_tiny_patch4_window7_224",
    "swin_base_patch4_window7_224": "swin_tiny_patch4_window7_224",
    "efficientnet_b2": "efficientnet_b0", "efficientnet_b5": "efficientnet_b0", "efficientnet_b6": "efficientnet_b0",
    "tf_efficientnetv2_m": "tf_efficientnetv2_s", "tf_efficientnetv2_l": "tf_efficientnetv2_s",
    "densenet201": "densenet121", "resnet34": "resnet18",
}  # fmt: skip
OTHERS: dict[str, dict[str, Any]] = {
    **{f"head {name}": {"head": {"name": name}} for name in ("linear", "shallow", "deep", "arcface", "per_attribute")},
    "head without norm": {"head": {"name": "deep", "norm": False}},
    **{f"start {name}": {"head": {"start": name}} for name in ("zero", "small", "library")},
    **{f"loss {name}": {"loss": {"name": name}} for name in ("cross_entropy", "focal", "asymmetric", "soft_macro_f1")},
    "loss focal with smoothing": {"loss": {"name": "focal", "label_smoothing": 0.1}},
    "loss smoothed": {"loss": {"label_smoothing": 0.1}},
    "loss 0.4 F1 + 0.6 focal": {"loss": {"name": "weighted_sum", "terms": {"soft_macro_f1": 0.4, "focal": 0.6}}},
    "weights by frequency": {"loss": {"class_weights": "inverse_frequency"}},
    "weights by effective number": {"loss": {"class_weights": "effective_number"}},
    **{f"sampler {name}": {"sampler": name} for name in ("none", "weighted", "imbalanced", "oversample")},
    **{
        f"optimizer {name}": {"optimizer": {"name": name, "lr": lr}}
        for name, lr in {"sgd": 0.05, "adam": 3e-3, "adamw": 3e-3, "nadam": 3e-3, "adamp": 3e-3}.items()
    },
    "layer decay": {"optimizer": {"layer_decay": 0.7}},
    "clipping": {"optimizer": {"clip_norm": 1.0}},
    "accumulation": {"optimizer": {"accumulate": 2}},
    **{
        f"schedule {name}": {"schedule": {"name": name}}
        for name in (
            "none",
            "step",
            "multistep",
            "exponential",
            "cosine",
            "cosine_restarts",
            "one_cycle",
            "cyclic",
            "plateau",
        )
    },
    "warm-up": {"schedule": {"name": "none", "warmup_epochs": 0.5}},
    "freezing backbone": {"freezing": {"name": "backbone"}},
    "freezing first stages": {"freezing": {"name": "first_stages", "n_stages": 2}},
    "freezing melting": {"freezing": {"name": "melting", "thaw_epoch": 1}},
    "freezing statistics": {"freezing": {"norm_statistics": True}},
    "mixup": {"mixing": {"mixup_alpha": 0.4, "batch_share": 0.4}},
    "cutmix": {"mixing": {"cutmix_alpha": 0.4, "batch_share": 0.4}},
    "ema": {"averaging": {"name": "ema"}},
    "swa": {"averaging": {"name": "swa"}},
    "progressive resizing": {"input": {"progressive": {"epochs": 2, "start_share": 0.5}}},
    "views": {"test_time_views": ["none", "horizontal", "turn_90", "crop_center"]},
}


@pytest.fixture(scope="module")
def photos(real_data_root: Path) -> list[npt.NDArray[np.uint8]]:
    """Eighteen real street photos of many sizes, decoded."""
    files = sorted((real_data_root / "mask3_real" / "train").iterdir())[:18]
    return [decode_image(file.read_bytes(), 10**8) for file in files]


def make_spec(size_px: int) -> InputSpec:
    return InputSpec(size_px, size_px, "stretch", MEAN, STD)


def make_recipe(**changes: Any) -> Recipe:
    base = {"name": "r", "model": {"backbone": "test_resnet"}, "optimizer": {"lr": 3e-3}, "batch_size": 6}
    return Recipe.model_validate({**base, **changes})


def make_batch(photos: list[npt.NDArray[np.uint8]], spec: InputSpec) -> tuple[Tensor, Tensor]:
    """Take six photos, one a class."""
    images = np.stack([prepare_image(photo, spec) for photo in photos[:N_CLASSES]])
    return torch.from_numpy(images), torch.arange(N_CLASSES)


def make_network_of(recipe: Recipe, spec: InputSpec) -> Classifier:
    """Make the classifier that a fold would train, from a fold of no images but six labels."""
    rows = np.arange(N_CLASSES)
    values = CLASS_VALUES if recipe.head.name == "per_attribute" else None
    store: Any = None
    data = FoldData(store, rows, rows, np.ones_like(rows), rows, rows, rows, N_CLASSES, values)
    return make_classifier(MemberPlan(recipe, spec, [], None), data, 1, 1, CPU)


def take_steps(classifier: Classifier, batch: tuple[Tensor, Tensor], n_steps: int = 3) -> list[float]:
    """Take steps on one batch by hand; give the losses before each and after all."""
    classifier.log = lambda *args, **kwargs: None  # type: ignore[method-assign, assignment]  # there is no trainer
    optimizer = classifier.configure_optimizers()["optimizer"]
    classifier.train()
    losses = []
    for _ in range(n_steps):
        optimizer.zero_grad()
        loss = classifier.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        return [*losses, classifier.training_step(batch, 0).item()]


def save_and_load(classifier: Classifier, recipe: Recipe, spec: InputSpec, path: Path) -> torch.nn.Module:
    values = CLASS_VALUES.tolist() if recipe.head.name == "per_attribute" else None
    header = {
        "recipe": recipe.model_dump(mode="json"), "input_spec": spec.to_dict(), "n_classes": N_CLASSES,
        "class_values": values,
    }  # fmt: skip
    dataset = WeightsDataset(filepath=path.as_posix())
    dataset.save({"tensors": classifier.network.state_dict(), "header": header})
    return load_network(**dataset.load())[0].to(memory_format=torch.channels_last)  # as it was trained


@pytest.mark.parametrize("name", BACKBONES)
def test_backbone_learns_in_three_steps_everywhere_and_comes_back_from_its_file(
    name: str, photos: list[npt.NDArray[np.uint8]], tmp_path: Path
) -> None:
    spec = make_spec(BACKBONES[name])
    recipe = make_recipe(
        model={"backbone": name},
        optimizer={"lr": 3e-4},
        schedule={"name": "none", "warmup_epochs": 0},
    )
    classifier, batch = make_network_of(recipe, spec), make_batch(photos, spec)
    before = {key: value.clone() for key, value in classifier.network.named_parameters()}
    losses = take_steps(classifier, batch)
    assert losses[-1] < losses[0], losses
    for key, parameter in classifier.network.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        assert not torch.equal(parameter, before[key]), f"{key} did not move"
    loaded = save_and_load(classifier, recipe, spec, tmp_path / "weights.safetensors")
    with torch.inference_mode():
        images = classifier.normalize(batch[0].permute(0, 3, 1, 2).float())
        assert torch.equal(loaded(images), classifier.eval().network(images))


def list_kinds(name: str) -> set[tuple[str, type, tuple[str, ...]]]:
    """Name each kind of layer of a backbone by its place but for the numbers, its class and its own parameters."""
    with torch.device("meta"):  # shapes without numbers
        backbone = build_backbone(ModelConfig(backbone=name), (64, 64), None)
    return {
        (
            re.sub(r"\d+", "#", place),
            type(layer),
            tuple(sorted(key for key, _ in layer.named_parameters(recurse=False))),
        )
        for place, layer in backbone.named_modules()
    }


@pytest.mark.parametrize(("larger", "smallest"), LARGER.items())
def test_larger_backbone_is_made_of_just_the_layers_that_learn_in_the_smallest_of_its_family(
    larger: str, smallest: str
) -> None:
    assert smallest in BACKBONES
    assert list_kinds(larger) == list_kinds(smallest)


@pytest.fixture(scope="module")
def fold(
    photos: list[npt.NDArray[np.uint8]], real_data_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> FoldData:
    """Eighteen photos in a store, twelve to learn and six to be judged on, three a class in all."""
    root, spec = real_data_root / "mask3_real" / "train", make_spec(32)
    names = [file.name for file in sorted(root.iterdir())[:18]]
    folder = tmp_path_factory.mktemp("store") / spec.preparation
    filled = fill_store(folder=folder, root=root, paths=names, spec=spec, max_pixels=10**8, n_jobs=1, progress=False)
    store = ImageStore(folder)
    rows, labels = store.rows_of(filled.table["sha256"]), np.arange(18) % N_CLASSES
    return FoldData(store, rows[:12], labels[:12], np.ones(12, np.int64), rows[12:], labels[12:], rows[:4], N_CLASSES)


def train(recipe: Recipe, fold: FoldData, folder: Path, policy: list[Any] | None = None) -> Any:
    if recipe.head.name == "per_attribute":
        fold = replace(fold, class_values=CLASS_VALUES)
    return fit_fold(MemberPlan(recipe, make_spec(32), policy or [], None), fold, 0, CPU, folder, lambda row: None)


# What keeps its starting weights to the end, by the beginning of its name.
KEPT = {
    "freezing backbone": ("backbone.",),
    "freezing first stages": ("backbone.conv1", "backbone.bn1", "backbone.layer1"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_ingredient_lowers_the_loss_and_moves_exactly_what_it_should(name: str, fold: FoldData, tmp_path: Path) -> None:
    recipe = make_recipe(**OTHERS[name], epochs=4, seed=3)
    fitted = train(recipe, fold, tmp_path)
    losses = fitted.history["train_loss"]
    assert np.isfinite(losses).all()
    assert losses.iloc[-1] < losses.iloc[0], losses.tolist()
    assert fitted.oof.sum(axis=1) == pytest.approx(np.ones(6), abs=1e-5)

    start = start_over(recipe, fold).network
    ended = torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"]
    moved = {key for key, value in start.named_parameters() if not torch.equal(value, ended[f"network.{key}"])}
    assert moved == {key for key, _ in start.named_parameters() if not key.startswith(KEPT.get(name, ("none",)))}


def start_over(recipe: Recipe, fold: FoldData) -> Classifier:
    """Make the network as the fold's training began with it."""
    if recipe.head.name == "per_attribute":
        fold = replace(fold, class_values=CLASS_VALUES)
    return make_classifier(MemberPlan(recipe, make_spec(32), [], None), fold, derive_seed(recipe.seed, 0), 1, CPU)


@pytest.mark.parametrize("head", ["linear", "shallow", "deep", "arcface", "per_attribute"])
def test_gradients_reach_all_of_a_network_and_it_comes_back_from_its_file(
    head: str, photos: list[npt.NDArray[np.uint8]], tmp_path: Path
) -> None:
    recipe = make_recipe(head={"name": head, "start": "zero"})
    classifier, batch = make_network_of(recipe, make_spec(32)), make_batch(photos, make_spec(32))
    # Heads start at zero and so do the last norms of residual branches: gradients come through on the third step.
    take_steps(classifier, batch)
    assert [
        key for key, value in classifier.network.named_parameters() if value.grad is None or not value.grad.any()
    ] == []
    loaded = save_and_load(classifier, recipe, make_spec(32), tmp_path / "weights.safetensors")
    with torch.inference_mode():
        images = classifier.normalize(batch[0].permute(0, 3, 1, 2).float())
        assert torch.equal(loaded(images), classifier.eval().network(images))


CONF = ROOT / "conf" / "base" / "parameters"
RECIPES = yaml.safe_load((CONF / "recipes.yml").read_text(encoding="utf-8"))["recipes"]
POLICIES = yaml.safe_load((CONF / "augmentation.yml").read_text(encoding="utf-8"))["policies"]


@pytest.mark.parametrize("name", RECIPES)
def test_ready_recipe_trains_with_another_backbone_from_scratch(name: str, fold: FoldData, tmp_path: Path) -> None:
    ready = Recipe.model_validate(merge_recipe(name, RECIPES))
    small = {"model": {"backbone": "test_resnet"}, "input": {"size_px": (32, 32)}, "epochs": 4, "batch_size": 6}
    recipe = Recipe.model_validate(
        ready.model_dump() | small | {"freezing": ready.freezing.model_dump() | {"thaw_epoch": 1}}
    )
    policy = resolve_policy(recipe.policy, POLICIES[recipe.policy], (32, 32))
    fitted = train(recipe, fold, tmp_path, policy)
    assert np.isfinite(fitted.history["train_loss"]).all()
    assert len(fitted.history) == 4 or recipe.early_stopping_epochs is not None
