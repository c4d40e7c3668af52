"""An environment that is real enough to be judged and made in milliseconds."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import environment


def make_venv(venv: Path) -> Path:
    """Make an environment with an interpreter but, instead of pip, only pip's record."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    write_package(venv, "pip-1.0")
    return venv


def write_package(venv: Path, name: str) -> Path:
    """Install a package of two files the way pip leaves it, and return its record folder."""
    site_packages = environment.find_site_packages(venv)
    module = site_packages / f"{name.partition('-')[0]}.py"
    module.write_text("answer = 42\n")
    record_folder = site_packages / f"{name}.dist-info"
    record_folder.mkdir(parents=True, exist_ok=True)
    (record_folder / "METADATA").write_text("Name: x\n")
    rows = [f"{module.name},sha256=a,{module.stat().st_size}", f"{record_folder.name}/METADATA,sha256=b,8"]
    rows += [f"__pycache__/{module.stem}.cpython-311.pyc,,", f"{record_folder.name}/RECORD,,"]
    (record_folder / "RECORD").write_text("\n".join(rows) + "\n")
    return record_folder


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """A sound environment."""
    return make_venv(tmp_path / ".venv")


@pytest.fixture
def add_package() -> Callable[[Path, str], Path]:
    """Install a package into an environment."""
    return write_package


@pytest.fixture
def add_venv() -> Callable[[Path], Path]:
    """Make a sound environment in the folder given."""
    return make_venv
