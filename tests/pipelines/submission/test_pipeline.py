from typing import Any

import numpy as np
import pandas as pd
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from podium.pipelines.submission import create_pipeline
from podium.probabilities import make_table


def test_probabilities_become_the_organisers_file() -> None:
    chances = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    values: dict[str, Any] = {
        "ensemble_probabilities": make_table(pd.Series(["test/가.png", "test/나.png"]), -1, chances),
        "submission_template": pd.DataFrame(
            {"image_id": ["test/나.png", "test/가.png"], "ID": ["나.png", "가.png"], "target": [0, 0]}
        ),
        "classes": pd.DataFrame({"label": [0, 1], "class_name": ["개", "새"], "target": [5, 3]}),
        "targets": pd.DataFrame({"image_id": ["a"], "label": [0], "training_label": [0]}),
        "quarantined_images": pd.DataFrame({"image_id": pd.Series(dtype=str)}),
    }
    catalog = DataCatalog({name: MemoryDataset(value) for name, value in values.items()})
    submission = SequentialRunner().run(create_pipeline(), catalog)["submission"].load()
    assert submission.to_dict("list") == {"ID": ["나.png", "가.png"], "target": [3, 5]}
