"""What cannot work is told before anything runs."""

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

from podium.backup import access
from podium.backup.access import choose_options, list_access_errors
from podium.backup.config import BackupConfig


def list_cases(url: str | None, known: dict[str, Any] | None = None, **more: Any) -> list[str]:
    return list_access_errors(BackupConfig(url=url, **more), known or {})


@pytest.mark.parametrize(
    "url", [None, "s3://bucket", "s3://bucket/팀", "sftp://kim@nas:2222/backup", "/mnt/nas/backup"]
)
def test_right_url_is_taken(url: str | None) -> None:
    assert list_cases(url) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sfpt://nas/x", "did you mean 'sftp'"),
        ("s3://", "names no folder"),
        ("sftp://kim:geheim@nas/backup", "carries a password"),
        ("backup", "no absolute path"),
        ("file://backup", "no absolute path"),
    ],
)
def test_wrong_url_is_told_with_what_would_be_right(url: str, said: str) -> None:
    (case,) = list_cases(url)
    assert case.startswith("backup.url: ")
    assert said in case
    assert "geheim" not in case


def test_folder_within_the_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for url in (tmp_path / "data", tmp_path / "data/backups"):
        assert "name another disk" in list_cases(str(url), data_dir=tmp_path / "data")[0]
    assert list_cases(str(tmp_path / "database"), data_dir=tmp_path / "data") == []


def test_package_that_is_missing_is_named_with_the_extra_that_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "s3:// needs the package s3fs; pip install 'podium[server]'" in list_cases("s3://bucket")[0]


def test_group_of_credentials_has_to_exist() -> None:
    assert "did you mean 'backup'" in list_cases("s3://b", {"backup": {}}, credentials="backap")[0]
    assert "no credentials at all" in list_cases("s3://b", credentials="backup")[0]
    assert "no group 'backup'" in list_cases("s3://b", {"backup": "text"}, credentials="backup")[0]
    right = BackupConfig(url="s3://b", credentials="backup")
    assert choose_options(right, {"backup": {"key": "a"}, "other": {"key": "b"}}) == {"key": "a"}
    assert choose_options(BackupConfig(url="s3://b"), {"backup": {"key": "a"}}) == {}


def test_windows_is_told_why_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert "WSL" in list_cases("s3://bucket")[0]
    assert list_cases(None) == []


def test_every_protocol_has_a_file_system_of_fsspec() -> None:
    from fsspec.registry import known_implementations

    assert set(access.PACKAGES) | set(access.ALIASES) <= set(known_implementations)
