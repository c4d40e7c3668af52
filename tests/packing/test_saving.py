"""A packed folder says nothing of this machine, and answers in a process that knows nothing of the project."""

import json
import re
import subprocess
import sys
import time
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import numpy as np
import pytest
import yaml

from packing.drawn_model import draw_files, make_contents
from podium.disk.superseded import list_partial
from podium.packing.contents import Contents, find_contents, write_contents
from podium.packing.predictor import Predictor
from podium.packing.saving import REQUIREMENTS, list_requirements, save_packed

OPTIONAL = {"orjson"}  # libraries take it where it is there

# Runs where the project is nowhere to be found: neither as an installed package nor in any folder.
ELSEWHERE = """
import importlib.util, json, pathlib, sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
sys.path = [folder for folder in sys.path if not (pathlib.Path(folder) / "podium").is_dir()]
assert importlib.util.find_spec("podium") is None
import mlflow, pandas
model = mlflow.pyfunc.load_model(sys.argv[1])
files = [path.read_bytes() for path in sorted(pathlib.Path(sys.argv[2]).iterdir())]
answers = model.predict(pandas.DataFrame({"image": files}, index=range(100, 100 + len(files))))
import podium
print(json.dumps({
    "answers": json.loads(answers.to_json(orient="split")),
    "podium": podium.__file__,
    "modules": sorted({name.split(".")[0] for name, module in sys.modules.items() if module is not None}),
}))
"""


@pytest.fixture(scope="module")
def contents(tmp_path_factory: pytest.TempPathFactory) -> Contents:
    return make_contents(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def packed(contents: Contents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("한글") / "packed"
    save_packed(contents, folder)
    return folder


@pytest.fixture(scope="module")
def answered(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    pictures = tmp_path_factory.mktemp("pictures")
    for number, data in enumerate(draw_files(5)):
        (pictures / str(number)).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-I", "-c", ELSEWHERE, str(packed), str(pictures)],
        cwd=pictures, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_packed_model_answers_without_the_checkout_as_the_predictor_does_with_it(
    contents: Contents, packed: Path, answered: dict[str, object], tmp_path: Path
) -> None:
    write_contents(contents, tmp_path)
    expected = Predictor(tmp_path).predict(draw_files(5))
    answers = answered["answers"]
    assert isinstance(answers, dict)
    rows = [dict(zip(answers["columns"], row, strict=True)) for row in answers["data"]]
    assert answers["index"] == [100, 101, 102, 103, 104]
    assert [row["label"] for row in rows] == expected.argmax(axis=1).tolist()
    assert [row["target"] for row in rows] == [(row["label"] + 1) * 10 for row in rows]
    assert [row["class_name"] for row in rows] == [f"반 {row['label']}" for row in rows]
    np.testing.assert_allclose([[row[f"p_{n}"] for n in range(4)] for row in rows], expected, atol=2e-6)
    assert [row["probability"] for row in rows] == pytest.approx(expected.max(axis=1), abs=2e-6)
    assert str(answered["podium"]).startswith(str(packed))


def test_requirements_bring_all_that_answering_imports(answered: dict[str, object]) -> None:
    brought, ahead = set(), list(REQUIREMENTS)
    while ahead:
        name = normalize(ahead.pop())
        if name not in brought:
            brought.add(name)
            ahead += [line for line in requires_of(name) if "extra ==" not in line]
    modules = answered["modules"]
    assert isinstance(modules, list)
    known = packages_distributions()
    used = {normalize(distribution) for module in modules for distribution in known.get(module, ())}
    assert {"torch", "timm", "mlflow", "pillow"} <= used
    assert used - brought - OPTIONAL - {"podium"} == set()


def requires_of(name: str) -> list[str]:
    try:
        return requires(name) or []
    except ImportError:  # wanted on other systems alone
        return []


def normalize(requirement: str) -> str:
    match = re.match(r"[\w.-]+", requirement)
    assert match is not None
    return re.sub(r"[-_.]+", "-", match[0]).lower()


def test_requirements_are_pinned_to_what_is_installed_without_builds_for_one_machine() -> None:
    pins = dict(line.split("==") for line in list_requirements())
    assert list(pins) == list(REQUIREMENTS)
    assert pins["numpy"] == version("numpy")
    assert not [pin for pin in pins.values() if "+" in pin]


def test_nothing_in_the_folder_names_a_place_of_this_machine_or_is_pickled(packed: Path, contents: Contents) -> None:
    places = [str(packed.parent), str(Path(__file__).parents[2]), *{f for _, _, f in contents.list_files()}]
    others = {"code", "__pycache__"}  # what Python compiles when a model is loaded
    files = [file for file in packed.rglob("*") if file.is_file() and not others & {*file.relative_to(packed).parts}]
    for file in files:
        if file.suffix != ".safetensors":
            text = file.read_text(encoding="utf-8")
            assert not [place for place in places if place in text], file
    assert {file.suffix for file in files} == {"", ".json", ".py", ".safetensors", ".txt", ".yaml"}
    assert not list(packed.rglob("*.pkl"))


def test_only_such_code_of_the_project_comes_along_as_is_needed(packed: Path) -> None:
    files = {file.relative_to(packed / "code").as_posix() for file in (packed / "code").rglob("*.py")}
    assert {"podium/__init__.py", "podium/packing/predictor.py", "podium/vision/decoding.py"} <= files
    assert not [file for file in files if file.startswith(("podium/pipelines", "podium/survey", "podium/datasets"))]
    assert len(files) < 100, "each is a request when a model is loaded from a server"


def test_model_says_what_it_is_what_it_takes_and_what_it_gives(packed: Path) -> None:
    described = yaml.safe_load((packed / "MLmodel").read_text(encoding="utf-8"))
    assert described["metadata"] == {"competition": "대회", "what": "ensemble", "split_digest": "0a1b2c"}
    assert json.loads(described["signature"]["inputs"]) == [{"type": "binary", "name": "image", "required": True}]
    names = [column["name"] for column in json.loads(described["signature"]["outputs"])]
    assert names == ["target", "label", "class_name", "probability", "p_0", "p_1", "p_2", "p_3"]
    assert (packed / "serving_input_example.json").is_file()


def test_folder_is_replaced_whole_and_kept_when_packing_fails(contents: Contents, tmp_path: Path) -> None:
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "old").write_text("old", encoding="utf-8")
    nowhere = contents.place_files({(name, fold): str(tmp_path / "없음") for name, fold, _ in contents.list_files()})
    with pytest.raises(FileNotFoundError):
        save_packed(nowhere, folder)
    assert [file.name for file in tmp_path.rglob("*")] == ["packed", "old"]
    save_packed(contents, folder)
    assert not (folder / "old").exists()
    assert (find_contents(folder) / "contents.json").is_file()
    assert [file.name for file in tmp_path.iterdir()] == ["packed"]


def test_what_a_killed_packing_leaves_is_found_by_prune(
    contents: Contents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Path] = []

    def look(*_: object) -> None:
        found.extend(item.path for item in list_partial([tmp_path], time.time() + 1))
        raise KeyboardInterrupt

    monkeypatch.setattr("podium.packing.saving._save_model", look)
    with pytest.raises(KeyboardInterrupt):
        save_packed(contents, tmp_path / "packed")
    assert [path.parent for path in found] == [tmp_path]
    assert list(tmp_path.iterdir()) == []
