"""Names and places that could lead astray are refused."""

import pytest
from pydantic import ValidationError

from podium.backup.config import BackupConfig, is_plain_path


@pytest.mark.parametrize("name", ["", "a/b", "..", ".a", "a\\b"])
def test_name_is_one_folder(name: str) -> None:
    with pytest.raises(ValidationError):
        BackupConfig(name=name)


@pytest.mark.parametrize("path", ["/etc", "../x", "a/../b", "a//b", "", ".git", "a/.git/hooks", "a\\b", "a\0b"])
def test_places_lead_downwards(path: str) -> None:
    assert not is_plain_path(path)
    for key in ("folders", "project_files"):
        with pytest.raises(ValidationError, match="relative paths"):
            BackupConfig.model_validate({key: [path]})


def test_names_in_any_script_are_plain() -> None:
    assert is_plain_path("06_models/꽃/기준-abc/fold_0/가 나.ckpt")
    assert BackupConfig(name="팀 1").name == "팀 1"
