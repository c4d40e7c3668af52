"""A packed model of random networks, and pictures of every kind for it."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from podium.datasets.weights import WeightsDataset
from podium.packing.contents import Contents, PackedClass, PackedMember, PackedNetwork
from podium.vision.input_spec import InputSpec
from podium.vision.network import build_network
from podium.vision.recipe import Recipe

FOLDS = (0, 2)
N_CLASSES = 4
VALUES = {"얼굴": (0, 0, 1, 1), "나이": (0, 1, 0, 1)}
SPECS = {
    "큰": InputSpec(40, 32, "pad", (0.5, 0.4, 0.3), (0.25, 0.2, 0.3)),
    "작은": InputSpec(32, 32, "stretch", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "bilinear"),
}
EXIF_TURNED = 6


def make_recipe(name: str, **changes: Any) -> Recipe:
    plain = {"name": name, "model": {"backbone": "test_resnet"}, "test_time_views": ["none", "horizontal"], **changes}
    return Recipe.model_validate(plain)


def write_network(folder: Path, name: str, spec: InputSpec, n_classes: int, recipe: Recipe) -> dict[int, str]:
    """Write random weights of each fold, whose last layer is steep enough to tell pictures apart."""
    files = {}
    for fold in FOLDS:
        torch.manual_seed(hash_name(f"{name}{fold}"))
        network = build_network(recipe, spec, n_classes)
        network.head.last.weight.data.mul_(1000)  # type: ignore[operator, union-attr]
        header = {
            "member": {"name": name, "sources": []}, "fold": fold, "recipe": recipe.model_dump(mode="json"),
            "input_spec": spec.to_dict(), "n_classes": n_classes, "class_values": None,
        }  # fmt: skip
        path = folder / name / f"fold_{fold}" / "weights.safetensors"
        WeightsDataset(filepath=path.as_posix()).save({"tensors": network.state_dict(), "header": header})
        files[fold] = str(path)
    return files


def hash_name(name: str) -> int:
    return sum((place + 1) * byte for place, byte in enumerate(name.encode()))


def make_contents(folder: Path) -> Contents:
    """Two members: one with a network of its own, and a join of two attributes; both count."""
    whole = PackedNetwork("큰-0a", write_network(folder, "큰-0a", SPECS["큰"], N_CLASSES, make_recipe("큰")))
    parts = []
    for attribute, values in VALUES.items():
        name, recipe = f"{attribute}-1b", make_recipe(attribute, attribute=attribute)
        parts.append(PackedNetwork(name, write_network(folder, name, SPECS["작은"], 2, recipe), values))
    return Contents(
        competition="대회",
        what="ensemble",
        members=(PackedMember("큰-0a", 0.7, (whole,)), PackedMember("합-2c", 0.3, tuple(parts), is_join=True)),
        folds=FOLDS,
        classes=tuple(PackedClass(n, f"반 {n}", (n + 1) * 10) for n in range(N_CLASSES)),
        temperature=1.3,
        offsets=(0.4, -0.1, -0.3, 0.0),
        max_pixels=10_000,
        about={"split_digest": "0a1b2c"},
    )


def draw_files(n: int = 12) -> list[bytes]:
    """Draw pictures: JPEG, PNG, gray, with transparency, turned by EXIF, of several shapes."""
    rng = np.random.default_rng(5)
    files = []
    for number in range(n):
        height, width = int(rng.integers(20, 90)), int(rng.integers(20, 90))
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        stream, kind = io.BytesIO(), number % 4
        if kind == 0:
            picture.save(stream, "PNG")
        elif kind == 1:
            exif = Image.Exif()
            exif[0x0112] = EXIF_TURNED
            picture.save(stream, "JPEG", exif=exif)
        elif kind == 2:
            picture.convert("L").save(stream, "JPEG")
        else:
            picture.putalpha(200)
            picture.save(stream, "PNG")
        files.append(stream.getvalue())
    return files
