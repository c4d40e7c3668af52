"""One workspace writes a backup."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from podium.backup.ownership import (
    OwnedByAnotherError,
    Owner,
    WorkspaceGoneError,
    read_own,
    require_ownership,
    require_workspace,
    take_over,
)
from podium.backup.store import Store


def test_token_is_drawn_once_for_a_workspace(tmp_path: Path) -> None:
    first = read_own(tmp_path / "가/backup")
    assert read_own(tmp_path / "가/backup") == first
    assert read_own(tmp_path / "나/backup").token != first.token
    require_workspace(tmp_path / "가/backup")


def test_damaged_token_is_drawn_anew(tmp_path: Path) -> None:
    (tmp_path / "owner.json").write_text("[]")
    assert read_own(tmp_path).token
    assert read_own(tmp_path) == read_own(tmp_path)


def test_workspace_without_its_token_is_gone(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceGoneError):
        require_workspace(tmp_path)


def test_first_one_owns_the_backup_until_another_takes_it_over(store: Store) -> None:
    first, second = Owner("a", "gpu1"), Owner("b", "gpu2")
    with pytest.raises(FileNotFoundError, match="still mounted"):
        require_ownership(store, first, may_begin=False)
    require_ownership(store, first, may_begin=True)
    require_ownership(store, first, may_begin=False)
    with pytest.raises(OwnedByAnotherError, match="gpu1"):
        require_ownership(store, second, may_begin=True)
    take_over(store, second)
    require_ownership(store, second, may_begin=False)
    with pytest.raises(OwnedByAnotherError, match="gpu2"):
        require_ownership(store, first, may_begin=True)


def test_runs_that_start_together_draw_one_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def draw() -> UUID:
        time.sleep(0.05)  # so that all of them would be at it
        return uuid4()

    monkeypatch.setattr("podium.backup.ownership.uuid.uuid4", draw)
    with ThreadPoolExecutor(4) as pool:
        tokens = {own.token for own in pool.map(read_own, [tmp_path / "backup"] * 4)}
    assert tokens == {read_own(tmp_path / "backup").token}


@pytest.mark.parametrize("torn", [b"", b'{"token": "a', b"[]"])
def test_backup_whose_first_owner_was_killed_while_he_said_so_belongs_to_nobody(store: Store, torn: bytes) -> None:
    store.put("owner.json", torn)
    require_ownership(store, Owner("a", "gpu1"), may_begin=True)
    require_ownership(store, Owner("a", "gpu1"), may_begin=False)
