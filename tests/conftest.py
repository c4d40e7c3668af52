"""What many tests need: the real data sets, and a project of one's own to run."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from services.object_store import object_store  # noqa: F401
from services.sftp_server import sftp_server  # noqa: F401

ROOT = Path(__file__).parents[1]

# A shell lets its background jobs ignore Ctrl-C, and so would the programs that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data_root() -> Path:
    """The folder of real data sets, which are no part of the repository; a test that needs it skips without it."""
    root = Path(os.environ.get("PODIUM_REAL_DATA", ROOT.parent / "shared" / "data"))
    if not root.is_dir():
        pytest.skip(f"real data sets are not at {root}; PODIUM_REAL_DATA names another folder")
    return root


class Project:
    """A copy of the project's configuration in a folder of its own, with a copy of the source."""

    def __init__(self, folder: Path):
        self.folder = folder
        shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
        (folder / "conf" / "local").mkdir()
        shutil.copy(ROOT / "pyproject.toml", folder / "pyproject.toml")
        shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))

    def configure(self, **parameters: object) -> None:
        """Write ``conf/local/parameters_test.yml``."""
        text = yaml.safe_dump(parameters, allow_unicode=True)
        (self.folder / "conf" / "local" / "parameters_test.yml").write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of ``kedro`` in this environment."""
        return [sys.executable, "-m", "kedro", *arguments]

    def run(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``kedro run`` with ``arguments`` in a process of its own."""
        done = subprocess.run(
            self.command("run", *arguments),
            cwd=self.folder,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=500,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"kedro run {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def find_one(self, pattern: str) -> Path:
        """Return the newest file that matches, below the project's data folder."""
        return sorted((self.folder / "data").glob(pattern))[-1]


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[str], Project]:
    """Make projects that share nothing but the source."""

    def make(name: str = "project") -> Project:
        folder = tmp_path / name
        folder.mkdir()
        return Project(folder)

    return make
