from typing import Any

from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from podium.competitions.config import IdTarget
from podium.pipelines.selection import create_pipeline
from podium.vision.recipe import Recipe


def test_chosen_names_become_competition_and_recipe() -> None:
    values: dict[str, Any] = {
        "params:competition": "꽃",
        "params:competitions": {"꽃": {"format": "id_target", "root": "x"}},
        "params:recipe": "내것",
        "params:recipes": {"기준": {"epochs": 3}, "내것": {"based_on": "기준"}},
    }
    results = SequentialRunner().run(
        create_pipeline(), DataCatalog({name: MemoryDataset(value) for name, value in values.items()})
    )
    competition, recipe = results["competition"].load(), results["recipe"].load()
    assert isinstance(competition, IdTarget)
    assert isinstance(recipe, Recipe)
    assert (recipe.name, recipe.epochs) == ("내것", 3)
