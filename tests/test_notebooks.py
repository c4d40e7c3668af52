"""Notebooks run from top to bottom on what a run leaves behind, and are committed without outputs."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient
from PIL import Image

from conftest import ROOT, Project

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
KERNEL = "podium-test"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a Jupyter kernel of this very interpreter, untouched by what the user has installed or configured."""
    folder = tmp_path / "jupyter" / "kernels" / KERNEL
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    specification = {"argv": argv, "display_name": KERNEL, "language": "python"}
    (folder / "kernel.json").write_text(json.dumps(specification), encoding="utf-8")
    for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    return KERNEL


def execute(project: Project, kernel: str) -> nbformat.NotebookNode:
    """Run the notebook in the project's own ``notebooks`` folder, as Jupyter does."""
    folder = project.folder / "notebooks"
    shutil.copytree(ROOT / "notebooks", folder)
    notebook: Any = nbformat.read(folder / "01_look_at_labels.ipynb", as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    return NotebookClient(notebook, timeout=300, kernel_name=kernel, resources=resources).execute()


def list_outputs(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    """List what the cells show, of one MIME type."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [output["data"][kind] for output in outputs if kind in output.get("data", {})]


def list_messages(notebook: nbformat.NotebookNode) -> str:
    """Return what the cells printed, warnings included."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "".join(output["text"] for output in outputs if output["output_type"] == "stream")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.name)
def test_notebooks_are_kept_without_outputs(path: Path) -> None:
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert cells
    assert [cell.source for cell in cells if cell.outputs or cell.execution_count] == []


@pytest.mark.slow
def test_the_notebook_shows_counts_attributes_pictures_and_folds_of_the_demo(
    sample_project: tuple[Project, str], kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = sample_project[0].copy(tmp_path / "project")
    monkeypatch.setenv("KEDRO_ENV", "sample")
    notebook = execute(project, kernel)
    tables = "\n".join(list_outputs(notebook, "text/html"))
    images = pd.read_parquet(project.find_one("sample/03_primary/demo/images.parquet/*/images.parquet"))
    n_train = int((images["subset"] == "train").sum())
    for expected in ("wear male &lt;30", "incorrect", "female", "age_years", "width_px", f"<td>{n_train}</td>"):
        assert expected in tables, f"{expected} is not in the tables"
    assert len(list_outputs(notebook, "image/png")) == 1
    assert not list((project.folder / "notebooks").glob("*.db")), "the notebook writes beside itself"


@pytest.mark.slow
def test_the_notebook_draws_korean_classes_without_attributes(
    make_project: Callable[[str], Project], kernel: str
) -> None:
    project = make_project("한글 폴더")
    project.configure(competitions={"문서": {"format": "image_folder", "root": "data/01_raw/문서"}})
    (project.folder / "conf/local/globals.yml").write_text("competition: 문서\n", encoding="utf-8")
    rng = np.random.default_rng(0)
    for name in ("여권", "영수증"):
        folder = project.folder / "data/01_raw/문서/train" / name
        folder.mkdir(parents=True)
        for i in range(4):  # fewer than the columns of the grid
            Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(folder / f"사진 {i}.png")
    project.run("--pipelines", "ingestion,survey,copies,splitting")
    notebook = execute(project, kernel)
    assert "여권" in "\n".join(list_outputs(notebook, "text/html"))
    assert "classes without attributes" in "\n".join(list_outputs(notebook, "text/plain"))
    assert len(list_outputs(notebook, "image/png")) == 1
    assert "Glyph" not in list_messages(notebook)
