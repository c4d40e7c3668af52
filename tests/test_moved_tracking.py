"""Files of runs are found again where a project was moved to, by MLflow itself, and never where it came from."""

import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from podium.moved_tracking import follow_files
from podium.run_tracking import connect


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a run, a file of it, and a registered model; to be copied."""
    folder = tmp_path_factory.mktemp("처음 것 50%")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where MLflow puts the files of its default experiment
        client = open_client(folder)
    run = client.create_run(client.create_experiment("꽃", str(folder / "mlruns" / "1")))
    client.log_text(run.info.run_id, "하나", "글.txt")
    client.create_registered_model("꽃")
    client.create_model_version("꽃", f"{run.info.artifact_uri}/packed", run.info.run_id)
    return folder


def open_client(folder: Path) -> MlflowClient:
    return connect(f"sqlite:///{folder / 'mlflow.db'}")


def read(folder: Path, tmp_path: Path) -> tuple[str, str, str]:
    """Read the file as MLflow finds it, and where MLflow takes run and model to be."""
    client = open_client(folder)
    (run,) = client.search_runs([client.get_experiment_by_name("꽃").experiment_id])
    text = Path(client.download_artifacts(run.info.run_id, "글.txt", str(tmp_path))).read_text(encoding="utf-8")
    return text, str(run.info.artifact_uri), str(client.get_model_version("꽃", "1").source)


def test_copy_reads_and_writes_its_own_files(first: Path, tmp_path: Path) -> None:
    copy = tmp_path / "다른 곳"
    shutil.copytree(first, copy)
    text, uri, source = read(copy, tmp_path)
    here = copy / "mlruns" / "1"
    assert (text, Path(uri).parents[1], Path(source).parents[2]) == ("하나", here, here)
    client = open_client(copy)
    new = client.create_run(client.get_experiment_by_name("꽃").experiment_id)
    client.log_text(new.info.run_id, "둘", "글.txt")
    assert (here / new.info.run_id / "artifacts" / "글.txt").exists()
    assert not (first / "mlruns" / "1" / new.info.run_id).exists()


def test_database_that_came_without_its_files_writes_beside_itself_once_the_old_folder_is_gone(
    first: Path, tmp_path: Path
) -> None:
    for folder in ("old", "new"):
        (tmp_path / folder).mkdir()
        shutil.copy(first / "mlflow.db", tmp_path / folder)
    shutil.copytree(first / "mlruns", tmp_path / "old" / "mlruns")
    assert str(first / "mlruns") in follow_files(tmp_path / "old" / "mlflow.db")  # and that of MLflow's own experiment
    shutil.copy(tmp_path / "old" / "mlflow.db", tmp_path / "new")
    assert follow_files(tmp_path / "new" / "mlflow.db") == [], "files that are elsewhere on purpose stay there"
    shutil.rmtree(tmp_path / "old")
    assert follow_files(tmp_path / "new" / "mlflow.db") == [str(tmp_path / "old" / "mlruns")]
    assert follow_files(tmp_path / "new" / "mlflow.db") == []


def test_nothing_is_made_of_a_database_that_is_not_there_or_not_mlflows(tmp_path: Path) -> None:
    assert follow_files(tmp_path / "mlflow.db") == []
    assert not (tmp_path / "mlflow.db").exists()
    (tmp_path / "empty.db").touch()
    assert follow_files(tmp_path / "empty.db") == []
