from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from matplotlib.figure import Figure
from PIL import Image

from podium.errors import InputError
from podium.pipelines.augmentation import create_pipeline
from podium.pipelines.augmentation.nodes import draw_contact_sheet, plan_variants, resolve_policy
from podium.vision.image_store import fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe

SPEC = {"height_px": 16, "width_px": 12, "resize": "stretch", "mean": [0.5] * 3, "std": [0.2] * 3}
POLICIES: dict[str, Any] = {
    "거울": [{"HorizontalFlip": {"p": 1.0}}],
    "crop": [{"RandomCrop": {"height": 8, "width": 8}}],
}
CLASSES = pd.DataFrame({"label": [0, 1], "class_name": ["개", "고양이"]})


def cut_sheet(figure: Figure) -> np.ndarray:
    """Return the images of a sheet, (n_rows, n_columns, height, width, 3)."""
    (axis,) = figure.axes
    sheet, height, width = axis.images[0].get_array(), SPEC["height_px"], SPEC["width_px"]
    corners = [[(round(y - height / 2), round(x - width / 2)) for x in axis.get_xticks()] for y in axis.get_yticks()]
    return np.array([[sheet[y : y + height, x : x + width] for y, x in row] for row in corners])


def make_recipe(**values: Any) -> Recipe:
    return Recipe.model_validate({"name": "기준", "policy": "거울", **values})


@pytest.fixture
def store(tmp_path: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Three training pictures and a test picture, and their store."""
    rng = np.random.default_rng(0)
    paths = [f"그림 {number}.png" for number in range(4)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (16, 12, 3), dtype=np.uint8)).save(tmp_path / path)
    spec = InputSpec.from_dict(SPEC)
    folder = tmp_path / spec.preparation
    filled = fill_store(folder, tmp_path, paths, spec=spec, max_pixels=10**6, n_jobs=1, progress=False)
    images = filled.table.assign(image_id=paths, subset=["train"] * 3 + ["test"])
    return images.assign(label=pd.array([0, 1, 0, None], dtype="Int64")), {"folder": str(folder)}


def test_policy_of_the_recipe_is_written_out() -> None:
    assert resolve_policy(make_recipe(), POLICIES, SPEC, {}) == [{"HorizontalFlip": {"p": 1.0}}]


def test_policy_has_to_keep_the_size_of_the_input() -> None:
    with pytest.raises(InputError, match="crop") as error:
        steps = [{"RandomCrop": {"height": 8, "width": 8, "p": 1.0}}]
        resolve_policy(make_recipe(policy="crop"), {"crop": steps}, SPEC, {})
    assert "turns (16, 12, 3) uint8 into (8, 8, 3) uint8" in error.value.cases[0]


def test_variants_follow_the_training_labels() -> None:
    targets = pd.DataFrame({"image_id": ["가", "나", "다"], "label": [0, 0, 0], "training_label": [0, 1, 1]})
    variants = plan_variants(targets, make_recipe(variants={"n_per_image": 2, "min_per_class": 5}))
    assert variants["image_id"].tolist() == ["가", "나", "다"]
    assert variants["n_variants"].tolist() == [5, 3, 2]


def test_sheet_shows_training_images_as_stored_and_as_the_policy_makes_them(
    store: tuple[pd.DataFrame, dict[str, Any]], tmp_path: Path
) -> None:
    images, image_store = store
    figure = draw_contact_sheet(images, CLASSES, image_store, SPEC, [{"HorizontalFlip": {"p": 1.0}}], make_recipe())
    shown = cut_sheet(figure)
    assert shown.shape[:2] == (3, 7)
    for row in range(3):
        pixels = np.asarray(Image.open(tmp_path / f"그림 {row}.png"))
        assert np.array_equal(shown[row, 0], pixels)
        for column in range(1, 7):
            assert np.array_equal(shown[row, column], pixels[:, ::-1])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["개", "고양이", "개"]
    assert "'거울'" in figure.get_suptitle()
    assert "'기준'" in figure.get_suptitle()


def test_sheet_is_the_same_every_time_and_its_variants_differ(store: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    images, image_store = store
    policy = [{"RandomBrightnessContrast": {"brightness_limit": 0.4, "p": 1.0}}]

    def show() -> np.ndarray:
        return cut_sheet(draw_contact_sheet(images, CLASSES, image_store, SPEC, policy, make_recipe()))

    first = show()
    assert np.array_equal(first, show())
    assert len({shown.tobytes() for shown in first.reshape(21, -1)}) == 21


def test_sheet_of_many_images_shows_eight(store: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    images, image_store = store
    train = images[images["subset"] == "train"]
    many = pd.concat([train.assign(image_id=train["image_id"] + str(n)) for n in range(5)])
    figure = draw_contact_sheet(many, CLASSES, image_store, SPEC, [], make_recipe())
    assert cut_sheet(figure).shape[:2] == (8, 7)


def test_sheet_of_a_store_made_for_another_recipe_is_refused(store: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    images, image_store = store
    with pytest.raises(InputError, match="made for another recipe"):
        draw_contact_sheet(images, CLASSES, image_store, {**SPEC, "resize": "pad"}, [], make_recipe())


def test_pipeline_makes_policy_variants_and_sheet_in_memory(store: tuple[pd.DataFrame, dict[str, Any]]) -> None:
    images, image_store = store
    targets = pd.DataFrame({"image_id": images["image_id"][:3], "label": [0, 1, 0], "training_label": [0, 1, 0]})
    values = {
        "recipe": make_recipe(), "params:policies": POLICIES, "input_spec": SPEC, "targets": targets,
        "images": images, "classes": CLASSES, "image_store": image_store,
    }  # fmt: skip
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in values.items()})
    catalog["contact_sheet"] = MemoryDataset(copy_mode="assign")
    results = SequentialRunner().run(create_pipeline(), catalog)
    assert results["variants"].load()["n_variants"].tolist() == [1, 1, 1]
    assert cut_sheet(results["contact_sheet"].load()).shape[:2] == (3, 7)
