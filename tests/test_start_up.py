"""What takes seconds to import is imported where it is used; counted in modules, not in time."""

import subprocess
import sys
from collections.abc import Callable

from conftest import ROOT, Project

HEAVY = {
    "IPython", "albumentations", "cv2", "lightning", "matplotlib", "mlflow", "optuna", "plotly", "psycopg", "scipy",
    "sklearn", "sqlalchemy", "timm", "torch", "torchmetrics", "torchvision",
}  # fmt: skip
# One after another in one process, from the first that a command imports to the last.
IMPORTED = (
    "settings", "cli", "pipeline_registry", "parameters", "vision.recipe", "competitions", "datasets.finished_folds",
    "sweeps.plan",
)  # fmt: skip
REPORT = "import atexit, sys; atexit.register(lambda: print('loaded:', *sys.modules)); "
KEDRO = REPORT + "from kedro.framework.cli import main; main()"


def list_heavy(code: str, *arguments: str, project: Project | None = None) -> tuple[set[str], str]:
    """Run code in a fresh process; return the heavy packages that were loaded at its end, and its other output."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=project.folder if project else ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    *output, loaded = done.stdout.splitlines()
    return HEAVY & set(loaded.split()), "\n".join(output) + done.stderr


def test_what_every_command_imports_is_light() -> None:
    imports = "; ".join(f"import podium.{name}; print({name!r}, *sys.modules)" for name in IMPORTED)
    heavy, output = list_heavy(REPORT + imports)
    loaded = {name: HEAVY & set(modules) for name, *modules in map(str.split, output.splitlines())}
    assert loaded == {name: set() for name in IMPORTED}
    assert heavy == set()


def test_list_of_pipelines_is_shown_without_what_their_nodes_need() -> None:
    heavy, output = list_heavy(KEDRO, "registry", "list")
    assert "- __default__" in output
    assert heavy == set()


def test_list_of_datasets_is_shown_without_what_their_nodes_need() -> None:
    heavy, output = list_heavy(KEDRO, "catalog", "list-patterns")
    assert "Error" not in output
    assert heavy == set()


def test_wrong_parameter_is_refused_before_anything_heavy_is_loaded() -> None:
    heavy, output = list_heavy(KEDRO, "run", "--params", "splitting.nfolds=3")
    assert "did you mean 'n_folds'?" in output
    assert heavy == set()


def test_run_loads_what_trains_only_when_a_node_trains(make_project: Callable[[str], Project]) -> None:
    arguments = (
        "run",
        "--env",
        "sample",
        "--pipeline",
        "ingestion",
        "--nodes",
        "selection.select_competition,selection.select_recipe",
    )
    heavy, output = list_heavy(KEDRO, *arguments, project=make_project("project"))
    assert "Error" not in output
    assert heavy & {"torch", "timm", "lightning", "torchvision", "albumentations", "sklearn", "cv2"} == set()
