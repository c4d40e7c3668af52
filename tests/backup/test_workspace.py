"""What is mirrored, and where the names of a backup may lead."""

from pathlib import Path

import pytest

from backup.files import write
from podium.backup.config import BackupConfig
from podium.backup.workspace import Workspace


def test_places_of_the_default_are_found_and_what_can_be_made_anew_is_not(
    config: BackupConfig, workspace: Workspace
) -> None:
    for name in (
        "01_raw/꽃/train/장미/1.jpg", "06_models/꽃/m-1/fold_0/checkpoints/last.ckpt", "weights/resnet18.safetensors",
        "02_intermediate/꽃/image_store/32/pixels-0.u8", "02_intermediate/꽃/survey/a.parquet", "sample/06_models/x",
        "backup/git/1.bundle",
    ):  # fmt: skip
        write(config.data_dir / name, "x")
    for name in ("conf/local/globals.yml", "mlflow.db", "mlruns/1/m.json", "src/podium/x.py", "conf/base/globals.yml"):
        write(config.project_dir / name, "x")
    assert set(workspace.walk()) == {
        "data/01_raw/꽃/train/장미/1.jpg", "data/06_models/꽃/m-1/fold_0/checkpoints/last.ckpt",
        "data/weights/resnet18.safetensors", "git/1.bundle", "project/conf/local/globals.yml", "project/mlflow.db",
        "project/mlruns/1/m.json",
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["credentials.yml", "credentials_team.yml", "my_credentials.yaml", "CREDENTIALS.yml", ".env", "x.partial",
     ".hidden", "run.lock", "mlflow.db-wal"],
)  # fmt: skip
def test_secrets_and_unfinished_files_never_leave_the_machine_nor_come_from_a_backup(
    config: BackupConfig, workspace: Workspace, name: str
) -> None:
    folder = config.project_dir / "conf/local"
    folder.mkdir(parents=True)
    (folder / name).write_text("secret")
    assert workspace.walk() == {}
    assert workspace.locate(f"project/conf/local/{name}") is None


def test_links_are_passed_over_but_a_place_may_be_one(
    config: BackupConfig, workspace: Workspace, tmp_path: Path
) -> None:
    write(tmp_path / "big disk/models/weights.safetensors", "x")
    write(tmp_path / "elsewhere/picture.jpg", "x")
    config.data_dir.mkdir(parents=True)
    (config.data_dir / "06_models").symlink_to(tmp_path / "big disk/models")
    (config.data_dir / "08_reporting").mkdir()
    (config.data_dir / "08_reporting/by_class").symlink_to(tmp_path / "elsewhere")
    (config.data_dir / "08_reporting/a.jpg").symlink_to(tmp_path / "elsewhere/picture.jpg")
    assert set(workspace.walk()) == {"data/06_models/weights.safetensors"}
    target = workspace.locate("data/06_models/weights.safetensors")
    assert target is not None
    assert target.read_text() == "x"


def test_excluded_paths_are_left_out_both_ways(config: BackupConfig) -> None:
    write(config.data_dir / "01_raw/꽃/1.jpg", "x")
    write(config.data_dir / "06_models/a", "x")
    workspace = Workspace.of(config.model_copy(update={"exclude": ("data/01_raw/*",)}))
    assert set(workspace.walk()) == {"data/06_models/a"}
    assert workspace.locate("data/01_raw/꽃/1.jpg") is None


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd", "../x", "data/06_models/../../../x", "data/06_models//x", "data/02_intermediate/x", "data", "x",
        "project/src/podium/hooks.py", "project/.git/hooks/pre-commit", "project/conf/base/catalog/x.yml",
        "project/conf/local/.x.yml", "data/06_models/a\\..\\b", "data/06_models/a\0", "", "git/../x",
    ],
)  # fmt: skip
def test_name_that_leads_out_of_all_places_belongs_nowhere(workspace: Workspace, name: str) -> None:
    assert workspace.locate(name) is None


def test_name_that_leads_through_a_link_belongs_nowhere(
    config: BackupConfig, workspace: Workspace, tmp_path: Path
) -> None:
    (config.data_dir / "06_models").mkdir(parents=True)
    (config.data_dir / "06_models/out").symlink_to(tmp_path)
    assert workspace.locate("data/06_models/out/x") is None
    assert workspace.locate("data/06_models/out") is None
    assert workspace.locate("data/06_models/in/x") == config.data_dir / "06_models/in/x"


def test_rewritten_file_has_another_signature_even_at_the_same_size(config: BackupConfig, workspace: Workspace) -> None:
    path = write(config.data_dir / "06_models/last.ckpt", "old")
    before = workspace.walk()
    write(path, "new")
    assert workspace.walk() != before
