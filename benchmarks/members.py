"""A member to train on pictures, without Kedro: what the benches of training and prediction share."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from benchmarks.pictures import CACHE, ROOT, make_pictures

if TYPE_CHECKING:
    from podium.vision.fit import FoldData, MemberPlan
    from podium.vision.hardware import Hardware
    from podium.vision.network import Network

N_PICTURES = 640
N_CLASSES = 18  # of mask, gender and age, as the class of a face is made of
_VALUES = [[mask, gender, age] for mask in range(3) for gender in range(2) for age in range(3)]
_CONF = ROOT / "conf/base/parameters"


@dataclass(frozen=True)
class Case:
    """A network at a size.

    Attributes:
        name: For titles.
        changes: Of the recipe ``fine_tuned``, in the words of recipes.
        source_px: Width and height of the JPEGs.
        needs_gpu: Whether a CPU would take too long.
        n_cpu_steps: Of an epoch that a CPU trains in about ten seconds.
    """

    name: str
    changes: dict[str, Any]
    source_px: tuple[int, int] = (512, 384)
    needs_gpu: bool = False
    n_cpu_steps: int = 40


def _describe(backbone: str, size_px: tuple[int, int], batch_size: int, **more: Any) -> dict[str, Any]:
    return {"model": {"backbone": backbone}, "input": {"size_px": size_px}, "batch_size": batch_size, **more}


CASES = {
    "lite0": Case("EfficientNet-lite0 at 128x128, batch 16", _describe("tf_efficientnet_lite0", (128, 128), 16)),
    "resnet18": Case("ResNet-18 at 128x96, batch 64", _describe("resnet18", (128, 96), 64), n_cpu_steps=12),
    "convnext_small": Case(
        "ConvNeXt-small at 128x96, batch 64", _describe("convnext_small", (128, 96), 64), needs_gpu=True
    ),
    "convnext_small_256": Case(
        "ConvNeXt-small at 256x192, batch 64", _describe("convnext_small", (256, 192), 64), needs_gpu=True
    ),
    "efficientnet_b5": Case(
        "EfficientNet-B5 at 456x456, batch 16", _describe("tf_efficientnet_b5", (456, 456), 16), (456, 456), True
    ),
    "swin_b": Case(
        "Swin-B at 224x224, batch 64", _describe("swin_base_patch4_window7_224", (224, 224), 64), needs_gpu=True
    ),
}


def make_plan(case: Case, **changes: Any) -> "MemberPlan":
    """Make the plan of a case: the recipe ``fine_tuned`` from scratch with the light policy, and what is changed."""
    from podium.vision.augmentation import resolve_policy
    from podium.vision.backbones import resolve_input
    from podium.vision.fit import MemberPlan
    from podium.vision.recipe import Recipe

    inherited = yaml.safe_load((_CONF / "recipes.yml").read_text())["recipes"]["fine_tuned"]
    recipe = Recipe.model_validate({**inherited, "name": "bench", **case.changes, **changes})
    spec = resolve_input(recipe)
    policies = yaml.safe_load((_CONF / "augmentation.yml").read_text())["policies"]
    return MemberPlan(recipe, spec, resolve_policy("light", policies[recipe.policy], spec.size_px), None)


def make_fold(plan: "MemberPlan", case: Case, n_images: int, photos_dir: Path | None) -> "FoldData":
    """Read pictures into a store, or find it from before, and deal them: all to train on, some to validate as well.

    Args:
        plan: Size of the input.
        case: Size of the pictures.
        n_images: To train on; beyond ``N_PICTURES`` they occur again.
        photos_dir: See :class:`~benchmarks.options.Options`.
    """
    import numpy as np

    from podium.vision.fit import FoldData
    from podium.vision.image_store import ImageStore, fill_store

    folder = make_pictures(N_PICTURES, *case.source_px, photos_dir, N_CLASSES)
    paths = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))
    store_folder = CACHE / "stores" / folder.name / plan.spec.preparation
    filled = fill_store(store_folder, folder, paths, spec=plan.spec, max_pixels=10**8, n_jobs=1, progress=False)
    store = ImageStore(store_folder)
    rows, labels = np.resize(store.rows_of(filled.table["sha256"]), n_images), np.arange(n_images) % N_CLASSES
    held_out = slice(0, 2 * N_CLASSES)
    return FoldData(
        store, rows, labels, np.ones(n_images, np.int64), rows[held_out], labels[held_out], rows[held_out],
        N_CLASSES, np.array(_VALUES),
    )  # fmt: skip


def has_gpu() -> bool:
    """Say whether there is a GPU that torch may use, without torch, which takes seconds to import."""
    return shutil.which("nvidia-smi") is not None


def name_cases() -> list[str]:
    """Name the cases for this machine."""
    return [name for name, case in CASES.items() if has_gpu() or not case.needs_gpu]


def find_hardware() -> "Hardware":
    """Choose what training chooses on this machine when its parameters are left alone."""
    from podium.pipelines.training.config import TrainingConfig
    from podium.pipelines.training.hardware import choose_hardware

    return choose_hardware(TrainingConfig(progress=False, checkpoint_dir=Path()))


def build_network(plan: "MemberPlan", hardware: "Hardware") -> "Network":
    """Build the network of a plan where and how training has it."""
    import numpy as np
    import torch

    from podium.vision.network import build_network as build

    network = build(plan.recipe, plan.spec, N_CLASSES, np.array(_VALUES)).to(hardware.device)
    return network.to(memory_format=torch.channels_last) if hardware.channels_last else network
