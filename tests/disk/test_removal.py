"""What is removed is gone whole, whatever happens in the middle; what stays is untouched."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from podium.disk import removal
from podium.disk.removal import remove, remove_path, remove_version
from podium.disk.superseded import Superseded, list_partial
from podium.errors import InputError
from podium.survey import Survey, fill_survey
from podium.vision.image_store import ImageStore
from small_disk import SmallDisk
from vision.conftest import competition, ten  # noqa: F401  (fixtures)
from vision.drawn_competition import DrawnCompetition


def make_folder(folder: Path) -> Path:
    (folder / "inner").mkdir(parents=True)
    for name in ("a", "b", "inner/c"):
        (folder / name).write_bytes(bytes(10))
    return folder


def test_kill_in_the_middle_leaves_no_half_under_the_name_and_the_rest_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_folder(tmp_path / "저장소")

    def stop(path: Path) -> None:
        (path / "a").unlink()
        raise KeyboardInterrupt

    monkeypatch.setattr(removal.shutil, "rmtree", stop)
    with pytest.raises(KeyboardInterrupt):
        remove_path(folder)
    monkeypatch.undo()
    assert not folder.exists()
    (left,) = list_partial([tmp_path], 1e12)
    remove(left, frozenset())
    assert list(tmp_path.iterdir()) == []


def test_link_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "target")
    (tmp_path / "link").symlink_to(folder)
    remove_path(tmp_path / "link")
    assert not (tmp_path / "link").is_symlink() and (folder / "inner" / "c").exists()


def test_what_is_gone_already_is_no_error(tmp_path: Path) -> None:
    remove_path(tmp_path / "file")
    remove_version(tmp_path / "a.csv" / "2026-01-01T09.15.00.000Z")


def test_version_goes_with_its_file_and_others_stay(tmp_path: Path) -> None:
    for version in ("old", "new"):
        (tmp_path / "a.csv" / version).mkdir(parents=True)
        (tmp_path / "a.csv" / version / "a.csv").write_text(version, encoding="utf-8")
    remove(Superseded("versions", tmp_path / "a.csv" / "old", 3, ""), frozenset())
    assert [path.name for path in (tmp_path / "a.csv").iterdir()] == ["new"]


def read_all(competition: DrawnCompetition, contents: list[str]) -> np.ndarray:  # noqa: F811
    store = ImageStore(competition.store)
    return store.read_rows(store.rows_of(contents))


def test_rows_of_a_store_go_and_the_others_keep_their_pixels(
    competition: DrawnCompetition,  # noqa: F811
    ten: list[str],  # noqa: F811
) -> None:
    table = competition.fill(ten).table
    kept = table["sha256"].tolist()[3:]
    before = read_all(competition, kept)
    remove(Superseded("image_store_rows", competition.store, 0, ""), frozenset(kept))
    assert ImageStore(competition.store).n_rows == 7
    assert np.array_equal(read_all(competition, kept), before)
    filled = competition.fill(ten)
    assert (filled.n_decoded, filled.n_reused) == (3, 7)
    competition.check(filled)


def test_rows_of_a_survey_go_and_the_others_are_read_as_before(
    competition: DrawnCompetition,  # noqa: F811
    ten: list[str],  # noqa: F811
    tmp_path: Path,
) -> None:
    table = competition.fill(ten).table
    paths = dict(zip(table["sha256"], table["path"], strict=True))
    folder = tmp_path / "survey"
    for part in (dict(list(paths.items())[:5]), paths):
        fill_survey(folder, competition.root, part, max_pixels=10**6, n_jobs=1, progress=False)
    kept = list(paths)[5:]
    before = Survey(folder).read_thumbnails(kept)
    remove(Superseded("survey_rows", folder, 0, ""), frozenset(kept))
    assert Survey(folder).read_thumbnails(kept) == before
    with pytest.raises(InputError, match="not in the survey"):
        Survey(folder).read_thumbnails(list(paths)[:1])


def test_full_disk_can_be_emptied(small_disk: SmallDisk) -> None:
    folder = make_folder(small_disk.mount(256) / "checkpoints")
    small_disk.fill()
    remove_path(folder)
    assert not folder.exists()
    (small_disk.folder / "new").write_bytes(bytes(4096))


def test_rows_that_cannot_be_copied_stay(
    competition: DrawnCompetition,  # noqa: F811
    ten: list[str],  # noqa: F811
    small_disk: SmallDisk,
) -> None:
    table = competition.fill(ten).table
    store = small_disk.mount(256) / competition.store.name
    shutil.copytree(competition.store, store)
    competition.store = store
    before = read_all(competition, table["sha256"].tolist()[:9])
    small_disk.fill()
    item: Any = Superseded("image_store_rows", store, 0, "")
    with pytest.raises(InputError, match="cannot be written"):
        remove(item, frozenset(table["sha256"][:9]))
    assert np.array_equal(read_all(competition, table["sha256"].tolist()[:9]), before)
