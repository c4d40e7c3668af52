"""What many tests need: the real data sets, and a project of one's own to run."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from local_files import atomic_writing, own_registry  # noqa: F401  (fixtures)
from ready_processes import get_ready_process
from services.object_store import object_store  # noqa: F401
from services.postgres import postgres  # noqa: F401  (a fixture)
from services.sftp_server import sftp_server  # noqa: F401
from services.tracking_server import tracking_server  # noqa: F401
from small_disk import small_disk  # noqa: F401  (a fixture of all tests)
from small_project import SMALL

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 500

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

    def lay_out(self) -> None:
        """Copy the configuration and the source into the folder."""
        shutil.copytree(ROOT / "conf", self.folder / "conf", ignore=shutil.ignore_patterns("local"))
        (self.folder / "conf" / "local").mkdir()
        shutil.copy(ROOT / "pyproject.toml", self.folder / "pyproject.toml")
        shutil.copytree(ROOT / "src", self.folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))

    def copy(self, folder: Path) -> "Project":
        """Copy the project with its results, but not what was tracked: that names files by their full paths."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("mlflow.db", "mlruns"))
        return Project(folder)

    def take_pictures(self, other: "Project", data: str = "data") -> None:
        """Copy the pictures of another project, with what was decoded and measured of them, from its data folder."""
        for layer in ("01_raw", "02_intermediate"):
            shutil.copytree(other.folder / data / layer, self.folder / data / layer)

    def configure(self, **parameters: object) -> None:
        """Write ``conf/local/parameters_test.yml``."""
        text = yaml.safe_dump(parameters, allow_unicode=True)
        (self.folder / "conf" / "local" / "parameters_test.yml").write_text(text, encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of ``kedro`` in this environment."""
        return [sys.executable, "-m", "kedro", *arguments]

    def run(self, *arguments: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run ``kedro run`` with ``arguments`` in a process of its own, as a copy of one that has the libraries.

        It is a new one from the start where Python itself is told something by the environment, and beyond Linux, where
        such copies are not safe.
        """
        is_new = sys.platform != "linux" or any(name.startswith("PYTHON") for name in environment)
        run = self._run_anew if is_new else self._run_quickly
        done = run(["run", *arguments], {**os.environ, **environment})
        if check and done.returncode:
            pytest.fail(f"kedro run {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def _run_anew(self, arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )

    def _run_quickly(self, arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryDirectory() as folder:
            outputs = [Path(folder) / name for name in ("output", "errors")]
            status = get_ready_process().run(arguments, self.folder, environment, outputs, TIMEOUT_S)
            told = [file.read_text(encoding="utf-8", errors="replace") for file in outputs]
        return subprocess.CompletedProcess(self.command(*arguments), status, *told)

    def find_one(self, pattern: str) -> Path:
        """Return the newest file that matches, below the project's data folder."""
        return sorted((self.folder / "data").glob(pattern))[-1]


@pytest.fixture
def make_project(tmp_path: Path) -> Callable[[str], Project]:
    """Make projects that share nothing but the source."""

    def make(name: str = "project") -> Project:
        project = Project(tmp_path / name)
        project.lay_out()
        return project

    return make


ShareProject = Callable[[str, Callable[[Project], str]], tuple[Project, str]]


@pytest.fixture(scope="session")
def share_project(tmp_path_factory: pytest.TempPathFactory) -> ShareProject:
    """Have a project made and run once for all workers, by the one that asks first; the others wait for it.

    What is called with the new project returns a text, as what its run told; that comes back with the project. A test
    only reads in it, or takes a copy.
    """
    base = tmp_path_factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    shared.mkdir(exist_ok=True)

    def share(name: str, prepare: Callable[[Project], str]) -> tuple[Project, str]:
        project, told = Project(shared / name), shared / f"{name}.txt"
        with FileLock(shared / f"{name}.lock"):
            if not told.exists():
                shutil.rmtree(project.folder, ignore_errors=True)  # of a worker that failed
                project.lay_out()
                told.write_text(prepare(project), encoding="utf-8")
        return project, told.read_text(encoding="utf-8")

    return share


@pytest.fixture(scope="session")
def sample_project(share_project: ShareProject) -> tuple[Project, str]:
    """The whole chain, run in the environment ``sample`` from an empty folder; to be read only."""
    return share_project("한글 폴더", lambda project: project.run("--env", "sample").stdout)


@pytest.fixture(scope="session")
def finished(share_project: ShareProject) -> tuple[Project, str]:
    """A project after one undisturbed run of ``SMALL``, without workers, and what that told; to be read only."""

    def prepare(project: Project) -> str:
        project.configure(**SMALL)
        return project.run(PYTHONHASHSEED="0").stdout

    return share_project("finished", prepare)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the slow tests, an equal part on every worker, so that none is left alone with them at the end.

    Each worker is first given an equal run of this list, and steals quick tests from another's end once its own are
    done. Slow tests stay in their order, so that those that share a project are mostly with one worker; those of the
    team's server come together, too.
    """
    n_workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("slow")]
    slow.sort(key=lambda item: "tracking_server" in getattr(item, "fixturenames", ()))  # each worker starts its own
    quick = iter([item for item in items if not item.get_closest_marker("slow")])
    ordered: list[pytest.Item] = []
    for k in range(n_workers):
        ordered += slow[len(slow) * k // n_workers : len(slow) * (k + 1) // n_workers]
        ordered += islice(quick, len(items) * (k + 1) // n_workers - len(ordered))
    items[:] = ordered
