"""What the pages say is true: links lead somewhere, commands, parameters and columns exist."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import pandas as pd
import pytest
import yaml
from pandas.api import types
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from conftest import ROOT, Project
from podium.parameters import Parameters
from podium.pipeline_registry import register_pipelines
from podium.vision.augmentation import resolve_policy
from podium.vision.recipe import Recipe

PAGES = sorted(
    [
        *(
            path
            for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "conf/README.md")
            for path in [ROOT / name]
        ),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "src" / "podium" / "pipelines").glob("*/README.md"),
    ]
)
HOW_TO = ROOT / "docs" / "how-to"
UNDOCUMENTED_LEAVES = {"name"}  # the recipe's key itself
LARGEST_PICTURE_BYTES = 300_000
TABLES = (".csv", ".parquet", ".json")


def name_page(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def list_anchors(path: Path) -> set[str]:
    """List the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", read(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def list_tables(text: str) -> Iterator[list[list[str]]]:
    """Yield each table of a page as rows of cells, header first."""
    for block in re.findall(r"(?:^\|.*\|\n)+", text + "\n", re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in block.splitlines()]
        yield [rows[0], *rows[2:]]


def list_fenced(text: str, language: str) -> list[str]:
    """List the blocks of code of one language; ``''`` for those that name none."""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("path", PAGES, ids=name_page)
def test_every_link_leads_to_a_file_and_a_heading(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", read(path)):
        if re.match(r"https?://", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.exists() or (anchor and anchor not in list_anchors(file)):
            broken.append(target)
    assert broken == []


def test_every_page_is_reached_from_the_index() -> None:
    reached, ahead = set(), [ROOT / "README.md", ROOT / "docs" / "index.md"]
    while ahead:
        page = ahead.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", read(page))]
        ahead += [(page.parent / link).resolve() for link in links if link and not link.startswith("http")]
    assert set((ROOT / "docs").rglob("*.md")) - reached == set()


@pytest.mark.parametrize("path", PAGES, ids=name_page)
def test_every_pipeline_that_a_command_names_is_registered(path: Path) -> None:
    named = re.findall(r"--pipelines? ([\w,]+)", read(path))
    assert {name for names in named for name in names.split(",")} - set(register_pipelines()) == set()


@pytest.mark.parametrize("path", PAGES, ids=name_page)
def test_every_make_target_that_a_page_names_exists(path: Path) -> None:
    targets = set(re.findall(r"^([\w-]+):", read(ROOT / "Makefile"), re.MULTILINE))
    named = re.findall(r"(?:`|^|&& )make ([a-z]\w*)", read(path), re.MULTILINE)
    assert set(named) - targets == set()


@pytest.mark.parametrize("path", PAGES, ids=name_page)
def test_every_environment_that_a_command_names_exists(path: Path) -> None:
    for name in re.findall(r"--env (\w+)", read(path)):
        assert (ROOT / "conf" / name).is_dir(), name


def test_every_pipeline_has_a_heading_and_a_page_of_its_own() -> None:
    folders = {path.parent.name for path in (ROOT / "src/podium/pipelines").glob("*/pipeline.py")}
    assert set(re.findall(r"^## (\w+)$", read(ROOT / "docs/pipelines.md"), re.MULTILINE)) == folders
    assert {path.parent.name for path in (ROOT / "src/podium/pipelines").glob("*/README.md")} == folders


@pytest.mark.parametrize("name", sorted(register_pipelines()["__default__"].datasets()))
def test_every_dataset_of_the_chain_is_named_on_the_page_of_pipelines(name: str) -> None:
    if not name.startswith("params:"):
        assert f"`{name}`" in read(ROOT / "docs/pipelines.md")


def list_leaves(model: type[BaseModel], prefix: str = "") -> dict[str, Any]:
    """Name every leaf of a model, with its default; models inside it are opened, mappings are not."""
    leaves: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        inner = find_model(field.annotation)
        if inner is not None and find_model(field.annotation, optional=False) is not None:
            leaves |= list_leaves(inner, f"{prefix}{name}.")
        else:
            leaves[prefix + name] = field.get_default(call_default_factory=True)
            leaves |= {} if inner is None else list_leaves(inner, f"{prefix}{name}.")
    return leaves


def find_model(annotation: Any, optional: bool = True) -> type[BaseModel] | None:
    """Return the model that a field holds, if it holds one; ``optional`` looks behind ``| None`` too."""
    if get_origin(annotation) in (Union, UnionType) and optional:
        found = [find_model(part) for part in get_args(annotation)]
        return next((model for model in found if model is not None), None)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def list_documented(path: Path) -> dict[str, str]:
    """Read the leaves, with the default as it is written, from the tables of a page that have such columns."""
    found: dict[str, str] = {}
    for header, *rows in list_tables(read(path)):
        if header[:2] in (["leaf", "default"], ["key", "default"]):
            found |= {row[0].strip("`"): row[1].strip("`") for row in rows}
    return found


def to_plain(value: Any) -> Any:
    """Turn a default into what YAML would hold."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {key: to_plain(part) for key, part in value.items()}
    return list(value) if isinstance(value, tuple) else value


def test_every_leaf_of_a_recipe_is_documented_with_its_default() -> None:
    leaves, documented = list_leaves(Recipe), list_documented(HOW_TO / "write-a-recipe.md")
    assert set(documented) == set(leaves) - UNDOCUMENTED_LEAVES
    wrong = {name: text for name, text in documented.items() if yaml.safe_load(text) != to_plain(leaves[name])}
    assert wrong == {}


def list_parameters() -> dict[str, Any]:
    """Name every leaf of all parameters but recipes; those of competitions by their keys alone."""
    leaves = list_leaves(Parameters)
    formats = get_args(get_args(get_args(Parameters.model_fields["competitions"].annotation)[1])[0])
    for option in get_args(formats[0]) if get_origin(formats[0]) is Annotated else formats:
        for name, default in list_leaves(option).items():
            leaves[name] = leaves.get(name) or default
    return {name: default for name, default in leaves.items() if name != "competitions"}


def test_every_parameter_is_documented_with_its_default() -> None:
    leaves, documented = list_parameters(), list_documented(ROOT / "docs" / "parameters.md")
    assert set(documented) == set(leaves)
    settled = {
        name: text
        for name, text in documented.items()
        if text and text != "below `data_root" and leaves[name] is not PydanticUndefined
    }
    wrong = {name: text for name, text in settled.items() if yaml.safe_load(text) != to_plain(leaves[name])}
    assert wrong == {}


@pytest.mark.parametrize("path", PAGES, ids=name_page)
def test_every_yaml_example_is_accepted(path: Path, make_parameters: Callable[[dict[str, Any]], Parameters]) -> None:
    for text in list_fenced(read(path), "yaml"):
        example = yaml.safe_load(text)
        parameters = make_parameters(example)
        for name, steps in (example.get("policies") or {}).items():
            resolve_policy(name, steps, (16, 16))
            assert name in parameters.policies


@pytest.fixture
def make_parameters() -> Callable[[dict[str, Any]], Parameters]:
    """Lay an example over the least that all parameters need."""
    from podium.parameters import check_parameters

    def make(example: dict[str, Any]) -> Parameters:
        base: dict[str, Any] = {
            "competition": "a",
            "competitions": {"a": {"format": "image_folder", "root": "a"}},
            "recipe": "baseline",
            "recipes": {"baseline": {}},
            "policies": {"light": []},
            "ingestion": {"store_dir": "a"},
            "splitting": {},
            "training": {"checkpoint_dir": "a"},
            "weights_dir": "a",
            "sweeps": {},
        }
        merged = {
            key: {**base[key], **example.get(key, {})} if isinstance(base[key], dict) else base[key] for key in base
        }
        assert set(example) <= set(base)
        check_parameters(merged, "a")
        return Parameters.model_validate(merged)

    return make


def read_data_page() -> dict[str, str]:
    """Split the page of data into what it says of each dataset."""
    sections = re.split(r"^#{2,3} ", read(ROOT / "docs" / "data.md"), flags=re.MULTILINE)
    return {match[1]: text for text in sections if (match := re.match(r"`(\w+)`\n", text))}


def list_catalog() -> dict[str, dict[str, Any]]:
    """Read the datasets of the catalog."""
    files = (ROOT / "conf" / "base" / "catalog").glob("*.yml")
    entries = {name: entry for file in files for name, entry in yaml.safe_load(read(file)).items()}
    return {name: entry for name, entry in entries.items() if not name.startswith("_")}


def test_every_dataset_is_documented_and_the_versioned_ones_say_so() -> None:
    pages, catalog = read_data_page(), list_catalog()
    assert set(pages) == set(catalog)
    versioned = {name for name, entry in catalog.items() if entry.get("versioned")}
    assert {name for name, text in pages.items() if re.search(r"\bversioned\b", text)} == versioned


def list_columns(section: str, attributes: dict[str, Any], template: list[str]) -> dict[str, str] | None:
    """Read columns and dtypes of a dataset, its placeholders filled in; None when it is no table."""
    names = {
        "<attribute>": list(attributes),
        "macro_f1_<attribute>": [f"macro_f1_{name}" for name in attributes],
        "<raw column>": [part["raw_column"] for part in attributes.values() if part["raw_column"]],
        "<id column>": template[:1],
        "<answer column>": template[1:],
        "p_<label>": [f"p_{label}" for label in range(18)],
    }
    for header, *rows in list_tables(section):
        if header[:2] == ["column", "dtype"]:
            dtypes = {row[0].strip("`"): row[1] for row in rows}
            return {name: dtype for key, dtype in dtypes.items() for name in names.get(key, [key])}
    return None


@pytest.mark.slow
def test_tables_have_the_columns_and_dtypes_and_files_the_keys_that_the_page_of_data_gives(
    sample_project: tuple[Project, str], tmp_path: Path
) -> None:
    project = sample_project[0].copy(tmp_path / "project")
    project.run("--env", "sample", "--pipelines", "explore,report")
    project.run(
        "--env", "sample", "--pipelines", "sweep_results", "--params", "sweep=losses,sweeps.losses.base=baseline"
    )
    attributes = json.loads(read(project.find_one("sample/03_primary/demo/attributes.json")))
    checked = set()
    for name, section in read_data_page().items():
        columns = list_columns(section, attributes, ["ImageID", "ans"])
        keys = [row[0].strip("`") for header, *rows in list_tables(section) if header[0] == "key" for row in rows]
        if columns is not None:
            table = load_newest(project, name)
            assert list(table.columns) == list(columns), name
            wrong = {key: table[key].dtype for key, dtype in columns.items() if not fits(table[key], dtype)}
            assert len(table) == 0 or wrong == {}, name
        elif keys:
            assert list(json.loads(read(find_newest(project, name)))) == keys, name
        checked |= {name} if columns or keys else set()
    assert {"images", "folds", "history", "oof", "class_scores", "scores", "member", "submission"} <= checked


def find_newest(project: Project, name: str) -> Path:
    """Find the newest file of a table, whichever folder it lies in; a picture may have its name."""
    pattern = f"sweeps/*/{name.removeprefix('sweep_')}" if name.startswith("sweep_") else name
    named = [path for suffix in TABLES for path in (project.folder / "data" / "sample").rglob(f"{pattern}{suffix}")]
    files = [path for path in named if path.is_file()]
    return max(files, key=lambda path: path.stat().st_mtime_ns)


def load_newest(project: Project, name: str) -> pd.DataFrame:
    path = find_newest(project, name)
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


def fits(column: pd.Series, dtype: str) -> bool:
    """Tell whether a column has the dtype that is documented; a CSV file does not say what nulls would be."""
    if column.isna().all():
        return True
    return types.is_string_dtype(column) if dtype == "text" else str(column.dtype).lower() == dtype.lower()


def test_pictures_are_small_and_shown() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.png"))
    assert [path.name for path in pictures if path.stat().st_size > LARGEST_PICTURE_BYTES] == []
    shown = "".join(map(read, PAGES))
    assert [path.name for path in pictures if f"/{path.name})" not in shown] == []


@pytest.mark.parametrize(
    ("text", "tables"),
    [
        ("| a | b |\n| --- | --- |\n| `x` | 1 |\n", [[["a", "b"], ["`x`", "1"]]]),
        ("no table\n", []),
    ],
)
def test_tables_are_found(text: str, tables: list[list[list[str]]]) -> None:
    assert list(list_tables(text)) == tables


def test_leaves_are_found_in_models_behind_none_and_not_in_mappings() -> None:
    class Inner(BaseModel):
        depth: int = 1

    class Outer(BaseModel):
        inner: Inner = Inner()
        maybe: Inner | None = None
        many: dict[str, Inner] = {}

    assert list_leaves(Outer) == {"inner.depth": 1, "maybe": None, "maybe.depth": 1, "many": {}}
