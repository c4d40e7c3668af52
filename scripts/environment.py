"""What a virtual environment holds: whether it is ready, sound, and which of its packages were torn by a kill."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

STAMP_NAME = "podium-setup.json"


def find_site_packages(venv: Path) -> Path:
    """Return the folder that pip installs into; it may not exist yet."""
    variables = {"base": str(venv), "platbase": str(venv)}
    scheme = "venv" if "venv" in sysconfig.get_scheme_names() else sysconfig.get_default_scheme()
    return Path(sysconfig.get_path("purelib", scheme, vars=variables))


def find_python(venv: Path) -> Path:
    """Return the interpreter inside ``venv``; it may not exist yet."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def list_installed(venv: Path) -> list[str]:
    """List the installed packages as pip names their records: ``numpy-2.4.6.dist-info``."""
    return sorted(path.name for path in find_site_packages(venv).glob("*.dist-info"))


def is_ready(venv: Path, wanted: str) -> bool:
    """Tell within a fraction of a second whether the last set-up finished, still fits and is still there."""
    try:
        stamp = json.loads((venv / STAMP_NAME).read_text(encoding="utf-8"))
        installed = set(list_installed(venv))
        return stamp["wanted"] == wanted and installed.issuperset(stamp["installed"]) and is_sound(venv)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def write_stamp(venv: Path, wanted: str) -> None:
    """Say that everything is in place: written whole or not at all, and after everything else."""
    partial = venv / (STAMP_NAME + ".partial")
    partial.write_text(json.dumps({"wanted": wanted, "installed": list_installed(venv)}, indent=1), encoding="utf-8")
    partial.replace(venv / STAMP_NAME)


def forget_stamp(venv: Path) -> None:
    """Say that ``venv`` is being worked on: until the next stamp it counts as unfinished."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        (venv / STAMP_NAME).unlink()


def is_sound(venv: Path) -> bool:
    """Tell whether ``venv`` is an environment of this very Python with a pip of its own.

    Without its pyvenv.cfg the interpreter in it takes itself for the one it links to, and pip would install there.
    """
    code = f"import sys; sys.exit(sys.version != {sys.version!r} or sys.prefix == sys.base_prefix)"
    return any(find_site_packages(venv).glob("pip-*.dist-info")) and can_run(venv, code)


def can_run(venv: Path, code: str) -> bool:
    """Tell whether the interpreter inside ``venv`` starts, isolated from the caller's settings, and runs ``code``."""
    try:
        done = subprocess.run([find_python(venv), "-I", "-c", code], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def is_torn(record_folder: Path) -> bool:
    """Tell whether a package was killed while being written.

    pip writes a package's list of files (RECORD) last, so a list that is missing, or that names a file which is not
    there or has another size, belongs to a package that pip would wrongly take for installed.
    """
    try:
        with (record_folder / "RECORD").open(encoding="utf-8", newline="") as lines:
            rows = [row for row in csv.reader(lines) if row]
        return not rows or any(not fits_record(record_folder.parent, row) for row in rows)
    except (OSError, ValueError, csv.Error):
        return True


def fits_record(site_packages: Path, row: list[str]) -> bool:
    """Compare one file with its row of RECORD: path, hash, size (empty for RECORD itself and compiled files)."""
    path = site_packages / row[0]
    if path.suffix == ".pyc":  # compiled anew at will
        return True
    size = row[2] if len(row) > 2 else ""
    return path.stat().st_size == int(size) if size else path.exists()


def forget_torn_packages(venv: Path) -> list[str]:
    """Remove the records of torn packages and what an interrupted upgrade set aside, so that pip starts them over.

    Returns:
        What was removed, by name.
    """
    site_packages = find_site_packages(venv)
    torn = [path for path in sorted(site_packages.glob("*.dist-info")) if is_torn(path)]
    set_aside = sorted(site_packages.glob("~*"))
    for path in [*torn, *set_aside]:
        remove(path)
    return [path.name for path in [*torn, *set_aside]]


def remove(path: Path) -> None:
    """Remove a file, a link or a folder with all in it; nothing there is fine."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
