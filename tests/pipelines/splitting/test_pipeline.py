import pandas as pd
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from podium.pipelines.splitting import create_pipeline
from podium.pipelines.splitting.config import SplittingConfig
from podium.schemas import check_folds


def test_images_become_folds() -> None:
    images = pd.DataFrame(
        {
            "image_id": ["가", "나", "다", "라"],
            "subset": "train",
            "label": [0, 1, 0, 1],
            "group_id": ["1", "1", "2", "3"],
        }
    )
    values = {
        "images": images,
        "classes": pd.DataFrame({"label": [0, 1], "class_name": ["개", "고양이"]}),
        "copies": pd.DataFrame({"image_id": ["다", "라"], "copy_set": [0, 0]}),
        "params:splitting": SplittingConfig(n_folds=2),
    }
    results = SequentialRunner().run(
        create_pipeline(), DataCatalog({name: MemoryDataset(value) for name, value in values.items()})
    )
    folds = check_folds(results["folds"].load())
    assert folds["fold"].tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
