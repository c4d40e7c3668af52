"""Asking MLflow for an experiment ends with one, whoever else asks; what is too long is cut."""

from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from podium.tracking_calls import MAX_TAG_CHARACTERS, find_experiment, make_tags

OPTIONS: Any = SimpleNamespace(
    name="꽃", restore_if_deleted=True, create_experiment_kwargs=SimpleNamespace(artifact_location=None, tags=None)
)


class Server:
    """Experiments by name; ``meanwhile`` is made by another run just before it is asked to make one."""

    def __init__(self, stage: str | None = None, meanwhile: bool = False):
        self.experiments = {} if stage is None else {"꽃": SimpleNamespace(experiment_id=7, lifecycle_stage=stage)}
        self.meanwhile = meanwhile

    def get_experiment_by_name(self, name: str) -> Any:
        return self.experiments.get(name)

    def create_experiment(self, name: str, *_: Any) -> int:
        if self.meanwhile:
            self.experiments[name] = SimpleNamespace(experiment_id=8, lifecycle_stage="active")
            raise MlflowException("it exists")
        return 9

    def restore_experiment(self, experiment_id: int) -> None:
        self.experiments["꽃"].lifecycle_stage = "active"


@pytest.mark.parametrize(
    ("server", "found"), [(Server("active"), "7"), (Server("deleted"), "7"), (Server(), "9"), (Server(None, True), "8")]
)
def test_experiment_is_found_brought_back_or_made_whoever_else_makes_it(server: Any, found: str) -> None:
    assert find_experiment(server, OPTIONS) == found
    assert all(one.lifecycle_stage == "active" for one in server.experiments.values())


def test_server_that_refuses_to_make_an_experiment_is_heard() -> None:
    server: Any = Server()
    server.create_experiment = lambda *_: (_ for _ in ()).throw(MlflowException("no room"))
    with pytest.raises(MlflowException, match="no room"):
        find_experiment(server, OPTIONS)


def test_tags_are_cut_to_what_every_store_takes() -> None:
    (tag,) = make_tags({"길다": "가" * 9000})
    assert (tag.key, len(tag.value)) == ("길다", MAX_TAG_CHARACTERS)
