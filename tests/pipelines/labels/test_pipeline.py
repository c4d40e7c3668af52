from typing import Any

import pandas as pd
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from podium.competitions.config import ImageFolder
from podium.pipelines.labels import create_pipeline
from podium.schemas import check_targets
from podium.vision.recipe import Recipe


def test_images_become_targets() -> None:
    values: dict[str, Any] = {
        "images": pd.DataFrame({"image_id": ["나", "가", "시험"], "subset": ["train", "train", "test"],
                                "label": pd.array([1, 0, None], dtype="Int64")}),
        "classes": pd.DataFrame({"label": [0, 1], "class_name": ["개", "새"]}),
        "attributes": {},
        "competition": ImageFolder(format="image_folder", root="x"),
        "recipe": Recipe(name="기준"),
    }  # fmt: skip
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in values.items()})
    targets = check_targets(SequentialRunner().run(create_pipeline(), catalog)["targets"].load())
    assert targets.to_dict("list") == {"image_id": ["가", "나"], "label": [0, 1], "training_label": [0, 1]}
