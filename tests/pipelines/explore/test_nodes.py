"""What the organisers handed over is counted, measured, drawn and linked."""

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from matplotlib.figure import Figure
from PIL import Image

from podium.competitions.config import ImageFolder
from podium.pipelines.explore import create_pipeline, nodes
from podium.pipelines.explore.sheets import GROUND
from podium.survey import fill_survey
from podium.vision.image_store import fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe

SPEC = {"height_px": 96, "width_px": 96, "resize": "stretch", "mean": [0.5] * 3, "std": [0.2] * 3}
CLASSES = pd.DataFrame({"label": [0, 1, 2], "class_name": ["개 <3", "새/매", "빈 반"], "target": [0, 1, 2]})
COLOURS = [(220, 30, 30), (30, 30, 220), (30, 160, 30)]
"""By class, then of the test part."""

POLICIES: dict[str, Any] = {"거울": [{"HorizontalFlip": {"p": 1.0}}], "misspelt": [{"Flop": {}}], "none": []}
N_TRAIN, N_TEST = 12, 20


@pytest.fixture(scope="module")
def values(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Twelve training pictures of two classes and six groups, twenty test pictures; their survey and store."""
    folder = tmp_path_factory.mktemp("explore")
    root = folder / "대회"
    names = [f"train/{'새' if number % 2 else '개'}/그림 {number:02d}.png" for number in range(N_TRAIN)]
    names += [f"test/{number:02d}.png" for number in range(N_TEST)]
    rng = np.random.default_rng(0)
    for number, name in enumerate(names):
        picture = np.full((96, 96, 3), COLOURS[number % 2 if number < N_TRAIN else 2], np.uint8)
        picture[:30] = np.linspace(rng.integers(128), rng.integers(128, 256), 96)[:, None]
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(root / name)
    spec = InputSpec.from_dict(SPEC)
    filled = fill_store(folder / "store", root, names, spec=spec, max_pixels=10**6, n_jobs=1, progress=False)
    is_train = [name.startswith("train") for name in names]
    images = filled.table.assign(
        image_id=names,
        subset=["train" if known else "test" for known in is_train],
        label=pd.array([number % 2 if known else None for number, known in enumerate(is_train)], dtype="Int64"),
        group_id=pd.Series(
            [f"g{number // 2}" if known else None for number, known in enumerate(is_train)], dtype="str"
        ),
    )
    paths = dict(zip(images["sha256"], images["path"], strict=True))
    fill_survey(folder / "survey", root, paths, max_pixels=10**6, n_jobs=1, progress=False)
    return {
        "images": images, "classes": CLASSES, "attributes": {}, "survey": {"folder": str(folder / "survey")},
        "image_store": {"folder": str(folder / "store")}, "input_spec": SPEC, "params:policies": POLICIES,
        "recipe": Recipe.model_validate({"name": "기준", "policy": "거울"}), "params:competition": "대회",
        "competition": ImageFolder(format="image_folder", root=root),
    }  # fmt: skip


def list_cells(figure: Figure, side: int) -> list[list[np.ndarray]]:
    """Cut a sheet of square cells into rows of them."""
    sheet, step = figure.axes[0].images[0].get_array(), side + side // 16
    return [
        [sheet[top : top + side, left : left + side] for left in range(0, sheet.shape[1], step)]
        for top in range(0, sheet.shape[0], step)
    ]


def find_colour(cell: np.ndarray) -> int | None:
    """Say which class's colour fills the lower part; None for an empty cell."""
    lower = cell[len(cell) // 2 :].reshape(-1, 3).astype(int)
    if (lower == GROUND).all():
        return None
    return int(np.argmin([np.abs(lower - colour).mean() for colour in COLOURS]))


def test_classes_are_counted_and_told(values: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        counts = nodes.count_classes(values["images"], CLASSES)
    assert counts["n_images"].tolist() == [6, 6, 0]
    assert "12 training images of 3 classes: from 0 ('빈 반') to 6 ('개 <3'); 20 test images" in caplog.text


def test_size_to_begin_with_is_told(values: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        _, _, hint = nodes.measure_sizes(values["images"])
    assert hint["size_px"] == [96, 96]
    assert "input: {size_px: [96, 96], resize: stretch} would enlarge 0% of train" in caplog.text


def test_overview_has_a_row_a_class_with_its_own_pictures(values: dict[str, Any]) -> None:
    figure = nodes.draw_class_sheet(values["images"], CLASSES, values["survey"], "대회")
    rows = [[find_colour(cell) for cell in row] for row in list_cells(figure, 88)]
    assert rows == [[0] * 6 + [None] * 2, [1] * 6 + [None] * 2, [None] * 8]
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["개 <3 · 6", "새/매 · 6", "빈 반 · 0"]


def test_long_name_is_cut_before_its_number(values: dict[str, Any]) -> None:
    classes = CLASSES.assign(class_name=["아주 긴 이름의 품종 " * 5, "새", "빈 반"])
    figure = nodes.draw_class_sheet(values["images"], classes, values["survey"], "대회")
    assert figure.axes[0].get_yticklabels()[0].get_text() == "아주 긴 이름의 품종 아주 긴… · 6"


def test_each_class_with_images_has_a_sheet_of_its_own_in_a_safe_name(values: dict[str, Any]) -> None:
    sheets = nodes.draw_class_sheets(values["images"], CLASSES, values["survey"], "대회")
    assert list(sheets) == ["개 ＜3", "새／매"]
    for label, draw in enumerate(sheets.values()):
        figure = draw()
        (row,) = list_cells(figure, 128)
        assert [find_colour(cell) for cell in row] == [label] * 6 + [None] * 2
        assert figure.get_suptitle() == f"{CLASSES['class_name'][label]} (대회): 6 of 6 training images"


def test_every_policy_has_a_row_above_real_test_images(values: dict[str, Any]) -> None:
    figure = nodes.draw_policy_sheet(values["images"], values["image_store"], SPEC, POLICIES, values["recipe"])
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["as stored", "▸ 거울", "misspelt", "none", *["real test images"] * 3]
    rows = list_cells(figure, 96)
    assert len(rows[0]) == 6
    for stored, mirrored, none in zip(rows[0], rows[1], rows[3], strict=True):
        assert np.array_equal(mirrored, stored[:, ::-1])
        assert np.array_equal(none, stored)
    assert sorted(find_colour(cell) for cell in rows[0]) == [0, 0, 0, 1, 1, 1], "classes take turns"
    assert "there is no transform 'Flop'" in figure.axes[0].texts[0].get_text().replace("\n", " ")
    test = [find_colour(cell) for row in rows[4:] for cell in row]
    assert test == [2] * 18


def test_policies_of_a_competition_without_a_test_part_are_shown(values: dict[str, Any]) -> None:
    train = values["images"][values["images"]["subset"] == "train"]
    figure = nodes.draw_policy_sheet(train, values["image_store"], SPEC, POLICIES, values["recipe"])
    assert len(figure.axes[0].get_yticklabels()) == 4


def test_links_lead_to_every_training_image_in_the_folder_of_its_class(values: dict[str, Any]) -> None:
    links = nodes.link_classes(values["images"], CLASSES, values["competition"])
    assert links["folder"].tolist() == ["개 <3"] * 6 + ["새/매"] * 6
    assert links["name"].tolist()[:2] == ["개__그림 00.png", "개__그림 02.png"]
    for row in links.itertuples():
        assert Path(row.path).is_absolute()
        assert Path(row.path).name == row.name.split("__")[1]
        assert find_colour(np.asarray(Image.open(row.path))) == (0 if row.folder == "개 <3" else 1)


def test_folder_that_is_named_like_the_class_is_not_said_twice(values: dict[str, Any]) -> None:
    classes = CLASSES.assign(class_name=["개", "새", "빈 반"])
    assert nodes.link_classes(values["images"], classes, values["competition"])["name"][0] == "그림 00.png"


def test_sheets_and_links_do_not_depend_on_the_order_of_rows(values: dict[str, Any]) -> None:
    images = values["images"]
    mixed = images.sample(frac=1.0, random_state=1)
    for make in (
        lambda rows: nodes.draw_class_sheet(rows, CLASSES, values["survey"], "t").axes[0].images[0].get_array(),
        lambda rows: nodes.draw_policy_sheet(rows, values["image_store"], SPEC, POLICIES, values["recipe"])
        .axes[0].images[0].get_array(),
        lambda rows: nodes.link_classes(rows, CLASSES, values["competition"]).to_numpy(),
    ):  # fmt: skip
        assert np.array_equal(make(images), make(mixed))


def test_pipeline_makes_every_table_chart_sheet_and_link_in_memory(values: dict[str, Any]) -> None:
    pipeline = create_pipeline()
    catalog = DataCatalog({name: MemoryDataset(value, copy_mode="assign") for name, value in values.items()})
    for name in pipeline.all_outputs():
        catalog[name] = MemoryDataset(copy_mode="assign")
    SequentialRunner().run(pipeline, catalog)
    for name in pipeline.outputs():
        made = catalog.load(name)
        if name.endswith("_picture"):
            made.savefig(io.BytesIO(), format="png", dpi=30)
        elif name.endswith("_plot"):
            assert made.layout.title.text.endswith(": 대회")
    assert catalog.load("attribute_counts").empty
    assert len(catalog.load("by_class")) == N_TRAIN
