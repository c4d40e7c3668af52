"""What must never be in the repository, whoever commits it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LARGEST_FILE_BYTES = 1024 * 1024

# Written in pieces, so that this file does not contain what it looks for.
REGISTRIES = re.compile(
    "|".join(["py" + r"pi\.org", "python" + r"hosted\.org", "registry" + r"\.npm", "deb" + r"\.debian"])
)
MACHINE_PATHS = re.compile(
    r"(?:^|[^\w.~-])/(?:" + "|".join(["wo" + "rk", "ro" + "ot", "ho" + "me", "Us" + "ers"]) + r")/\w"
)


def list_files() -> list[Path]:
    """List the files that git keeps, or would keep with the next `git add`."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout.split(b"\0")
    return [path for name in names if name and (path := ROOT / os.fsdecode(name)).is_file()]


def list_lines_with(pattern: re.Pattern[str], files: list[Path]) -> list[str]:
    """List all lines that match, as ``file:line: text``; files that are no text are passed over."""
    found = []
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{path}:{number}: {line[:200]}" for number, line in enumerate(lines, 1) if pattern.search(line)]
    return found


def test_no_address_of_a_package_registry() -> None:
    assert list_lines_with(REGISTRIES, list_files()) == []


def test_no_path_of_a_machine() -> None:
    assert list_lines_with(MACHINE_PATHS, list_files()) == []


def test_no_file_over_one_mebibyte() -> None:
    assert [
        f"{path}: {path.stat().st_size} bytes" for path in list_files() if path.stat().st_size > LARGEST_FILE_BYTES
    ] == []


def test_no_data_and_no_personal_settings() -> None:
    kept = {path.relative_to(ROOT).as_posix() for path in list_files()}
    private = {name for name in kept if name.startswith(("data/", "conf/local/")) and not name.endswith("/.gitkeep")}
    assert private == set()


@pytest.mark.parametrize(
    ("pattern", "line", "matches"),
    [
        (REGISTRIES, "index-url = https://" + "py" + "pi.org/simple", True),
        (REGISTRIES, "https://files.python" + "hosted.org/packages/x.whl", True),
        (REGISTRIES, "installed from a registry", False),
        (MACHINE_PATHS, "root: /ho" + "me/kim/masks", True),
        (MACHINE_PATHS, "root = '/wo" + "rk/data'", True),
        (MACHINE_PATHS, "root: ../wo" + "rk/data", False),
        (MACHINE_PATHS, "the network/ro" + "ot/x", False),
        (MACHINE_PATHS, "https://example.org/ho" + "me/page", False),
    ],
)
def test_patterns_find_what_they_should(pattern: re.Pattern[str], line: str, matches: bool) -> None:
    assert bool(pattern.search(line)) is matches


def test_exact_versions_name_no_address_and_no_local_file() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line)]
    assert wrong == []
    assert len(lines) > 100
