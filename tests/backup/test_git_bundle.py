"""Commits and changes come back from what a backup has of git, and git itself is left as it was."""

import shutil
import subprocess
from pathlib import Path

import pytest

from podium.backup import git_bundle
from podium.backup.git_bundle import Git, GitError, describe_taking, save_git_state

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
WHO = ["-c", "user.name=김", "-c", "user.email=kim@example.org", "-c", "commit.gpgsign=false"]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *WHO, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    git(folder, "add", "--all")
    git(folder, "commit", "-m", name)
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "저장소"
    folder.mkdir()
    git(folder, "init", "--initial-branch=main")
    commit(folder, ".gitignore", "data/\n")
    commit(folder, "코드.py", "a = 1\n")
    return folder


def save(repository: Path) -> list[Path]:
    save_git_state(repository, repository / "data/backup/git")
    return sorted((repository / "data/backup/git").iterdir())


def test_clone_of_yesterday_gets_commits_of_all_branches_and_all_changes_by_what_is_said(
    repository: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    clone = tmp_path / "clone"
    git(repository, "branch", "idea")
    newest = commit(repository, "코드.py", "a = 2\n")
    git(repository, "switch", "--quiet", "idea")
    idea = commit(repository, "idea.py", "b = 1\n")
    git(repository, "switch", "--quiet", "main")
    (repository / "코드.py").write_text("a = 3\n")
    (repository / "새 파일.bin").write_bytes(bytes(range(256)))
    (repository / "folder").mkdir()
    (repository / "folder/새.py").write_text("c = 1\n")
    git(repository, "add", "folder")  # one that is staged, one that is not
    before = git(repository, "status", "--porcelain"), sorted((repository / ".git/objects").rglob("*"))
    save(repository)
    assert (git(repository, "status", "--porcelain"), sorted((repository / ".git/objects").rglob("*"))) == before
    shutil.copytree(repository / "data", clone / "data")
    lines = describe_taking(clone, clone / "data/backup/git")
    for line in lines:
        git(clone, *line.partition(": git ")[2].split(" "))
    assert git(clone, "rev-parse", "HEAD") == newest
    assert git(clone, "cat-file", "-t", idea) == "commit"
    assert (clone / "코드.py").read_text() == "a = 3\n"
    assert (clone / "새 파일.bin").read_bytes() == bytes(range(256))
    assert (clone / "folder/새.py").read_text() == "c = 1\n"
    assert describe_taking(clone, clone / "data/backup/git")[0].startswith("changes"), "commits are here now"


def test_nothing_new_writes_nothing_and_a_new_commit_replaces_the_bundle_but_not_the_patch(repository: Path) -> None:
    (first,) = save(repository)
    written = first.stat().st_mtime_ns
    assert save(repository) == [first]
    assert first.stat().st_mtime_ns == written
    (repository / "코드.py").write_text("a = 3\n")
    _, patch = sorted(save(repository), key=lambda path: path.suffix)
    assert patch.suffix == ".patch"
    commit(repository, "코드.py", "a = 4\n")
    second, same_patch = sorted(save(repository), key=lambda path: path.suffix)
    assert second != first
    assert same_patch == patch


def test_bundle_of_commits_that_nobody_took_yet_stays(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(repository), "clone")
    commit(repository, "코드.py", "a = 2\n")
    (theirs,) = save(repository)
    shutil.copytree(repository / "data", tmp_path / "clone/data")
    commit(tmp_path / "clone", "other.py", "b = 1\n")
    assert len(save(tmp_path / "clone")) == 2
    git(tmp_path / "clone", "pull", "--no-rebase", "--quiet", str(theirs), "main")
    assert theirs.name not in [path.name for path in save(tmp_path / "clone")]


def test_only_the_newest_patches_and_no_large_unknown_file_are_kept(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_bundle, "MAX_UNTRACKED_BYTES", 1000)
    (repository / "download.zip").write_bytes(bytes(1001))
    assert [path.suffix for path in save(repository)] == [".bundle"]
    for number in range(git_bundle.KEEP_PATCHES + 3):
        (repository / "코드.py").write_text(f"a = {number}0\n")
        patches = [path for path in save(repository) if path.suffix == ".patch"]
    assert len(patches) == git_bundle.KEEP_PATCHES


@pytest.mark.parametrize("name", [".env", ".env.server", "열쇠/server.key", "my-credentials.yaml"])
def test_unknown_file_that_may_hold_a_secret_is_in_no_patch(repository: Path, name: str) -> None:
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text("very-secret")
    (repository / "new.py").write_text("d = 1")
    _, patch = sorted(save(repository), key=lambda path: path.suffix)
    assert "very-secret" not in patch.read_text()
    assert "d = 1" in patch.read_text()


def test_what_git_ignores_is_in_no_patch(repository: Path) -> None:
    commit(repository, ".gitignore", "data/\ncredentials.yml\n")
    (repository / "credentials.yml").write_text("secret")
    assert [path.suffix for path in save(repository)] == [".bundle"]


def test_folder_without_a_repository_or_a_commit_is_told_and_nothing_is_written(tmp_path: Path) -> None:
    for prepare in (lambda: None, lambda: git(tmp_path, "init")):
        prepare()
        with pytest.raises(GitError):
            save_git_state(tmp_path, tmp_path / "git")
        assert not (tmp_path / "git").exists()


def test_machine_without_git_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="git"):
        Git(tmp_path).ask("status")
