import subprocess
from pathlib import Path

import pytest

from podium.git_state import describe_commit, read_diff


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_commit_is_named_and_changes_are_told(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / "가.txt").write_text("1", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    commit = git(tmp_path, "rev-parse", "HEAD")
    (tmp_path / "sub").mkdir()
    assert describe_commit(tmp_path / "sub") == commit
    (tmp_path / "가.txt").write_text("2", encoding="utf-8")
    assert describe_commit(tmp_path) == f"{commit}, with uncommitted changes"


def test_folder_without_a_repository_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert describe_commit(tmp_path) == "unknown: not in a git repository"


def test_machine_without_git_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert describe_commit(tmp_path) == "unknown: there is no git"


def test_diff_is_a_patch_of_what_git_knows_and_names_what_it_does_not_yet(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*.log\n", encoding="utf-8")
    (tmp_path / "가.py").write_text("하나 = 1\n", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    assert read_diff(tmp_path) == ""
    (tmp_path / "가.py").write_text("하나 = 2\n", encoding="utf-8")
    (tmp_path / "나.py").write_text("둘 = 2\n", encoding="utf-8")
    (tmp_path / "secret.log").write_text("ignored\n", encoding="utf-8")
    (tmp_path / "sub").mkdir()
    patch = read_diff(tmp_path / "sub")
    assert "-하나 = 1\n+하나 = 2\n" in patch
    assert patch.endswith("# new, not in git: 나.py\n")
    assert "secret" not in patch and "ignored" not in patch
    git(tmp_path, "stash", "-q")
    (tmp_path / "patch").write_text(patch, encoding="utf-8")
    git(tmp_path, "apply", "patch")
    assert (tmp_path / "가.py").read_text(encoding="utf-8") == "하나 = 2\n"


def test_diff_never_shows_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEAM_PASSWORD", "s3cret-word")
    names = ["conf/local/credentials.yml", "conf/my_credentials_old.yml", ".env", "deploy/.env.server", "deploy/id.pem"]
    git(tmp_path, "init", "-q")
    (tmp_path / "a.yml").write_text("x: 1\n", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("key: hunter2\n", encoding="utf-8")
    (tmp_path / "a.yml").write_text("x: s3cret-word\nurl: sftp://kim:hunter2@nas/x\n", encoding="utf-8")
    git(tmp_path, "add", "-f", *names)
    patch = read_diff(tmp_path)
    assert "hunter2" not in patch and "s3cret-word" not in patch and "credentials" not in patch
    assert "+x: ***" in patch


def test_long_diff_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("podium.git_state.MAX_DIFF_CHARACTERS", 300)
    git(tmp_path, "init", "-q")
    (tmp_path / "a").write_text("", encoding="utf-8")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / "a").write_text("long\n" * 100, encoding="utf-8")
    assert "# cut here, after 300 of " in read_diff(tmp_path)


def test_diff_outside_of_a_repository_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert read_diff(tmp_path) == ""
