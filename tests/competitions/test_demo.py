"""The drawn demo competition: layout, bytes, safety of what is on disk, and how hard it is."""

import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from podium.competitions import demo
from podium.competitions.demo import DemoDrawing, draw_demo, drawn_test_answers
from podium.errors import InputError

SMALL = DemoDrawing(n_people=6, n_test_people=2, image_size_px=32, seed=4)
SEVEN = {"mask1.jpg", "mask2.jpg", "mask3.jpg", "mask4.jpg", "mask5.jpg", "incorrect_mask.jpg", "normal.jpg"}


def digest_folder(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def read_train_images(root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (float, (n, pixels)) and labels, worked out from the folder names as the competition's rules say."""
    pixels, labels = [], []
    for path in sorted((root / "train/images").glob("*/*.jpg")):
        _, gender, _, age = path.parent.name.split("_")
        mask = {"normal": 2, "incorrect_mask": 1}.get(path.stem, 0)
        labels.append(6 * mask + 3 * (gender == "female") + (int(age) > 29) + (int(age) > 59))
        pixels.append(cv2.imread(str(path)).ravel() / 255)
    return np.array(pixels), np.array(labels)


def measure_grain(paths: list[Path]) -> float:
    """Mean absolute difference between neighbours' differences: noise is high in it, drawn shapes and light are low."""
    return float(
        np.mean([np.median(np.abs(np.diff(cv2.imread(str(path)).astype(float), 2, axis=1))) for path in paths])
    )


@pytest.fixture(scope="module")
def drawn_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("drawn") / "demo"
    draw_demo(root, SMALL)
    return root


@pytest.fixture
def interrupt_drawing(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Let the drawing be interrupted as by Ctrl-C after some pictures."""

    def interrupt_after(n_pictures: int) -> None:
        write, written = demo._write_jpeg, []

        def write_some(path: Path, picture: np.ndarray) -> None:
            if len(written) == n_pictures:
                raise KeyboardInterrupt
            written.append(path)
            write(path, picture)

        monkeypatch.setattr(demo, "_write_jpeg", write_some)

    return interrupt_after


def test_train_part_has_the_layout_of_mask_profiles(drawn_root: Path) -> None:
    people = pd.read_csv(drawn_root / "train/train.csv", dtype={"id": str})
    assert list(people.columns) == ["id", "gender", "race", "age", "path"]
    assert people["id"].is_unique
    assert len(people) == SMALL.n_people
    named = people["id"] + "_" + people["gender"] + "_" + people["race"] + "_" + people["age"].astype(str)
    assert list(people["path"]) == list(named)
    folders = {path.name: {file.name for file in path.iterdir()} for path in (drawn_root / "train/images").iterdir()}
    assert folders == dict.fromkeys(people["path"], SEVEN)


def test_test_part_lists_every_image_and_no_answer(drawn_root: Path) -> None:
    info = pd.read_csv(drawn_root / "eval/info.csv")
    assert list(info.columns) == ["ImageID", "ans"]
    assert (info["ans"] == 0).all()
    assert len(info) == 7 * SMALL.n_test_people
    assert set(info["ImageID"]) == {path.name for path in (drawn_root / "eval/images").iterdir()}
    assert list(info["ImageID"]) != sorted(info["ImageID"])
    assert set(os.listdir(drawn_root)) == {"train", "eval", "drawing.json"}


def test_answers_follow_the_listed_order_and_the_competition_rules(drawn_root: Path) -> None:
    answers = drawn_test_answers(SMALL)
    assert list(answers["ImageID"]) == list(pd.read_csv(drawn_root / "eval/info.csv")["ImageID"])
    mask = answers["picture"].map(lambda stem: {"normal": 2, "incorrect_mask": 1}.get(stem, 0))
    age = pd.cut(answers["age"], [0, 29, 59, 200], labels=False)
    assert list(answers["ans"]) == list(mask * 6 + (answers["gender"] == "female") * 3 + age)
    assert answers["ans"].value_counts().sum() == 14


def test_no_test_answer_is_on_disk(drawn_root: Path) -> None:
    readable = "".join(path.read_text() for path in drawn_root.rglob("*") if path.suffix in {".csv", ".json"})
    for name in drawn_test_answers(SMALL)["ImageID"]:
        assert readable.count(name) == readable.count(f"{name},0\n") == 1


def test_every_class_is_drawn_even_in_the_smallest_drawing(drawn_root: Path) -> None:
    assert set(read_train_images(drawn_root)[1]) == set(range(18))


@pytest.mark.parametrize(
    ("image_size_px", "shape"), [(40, (40, 40, 3)), ((48, 36), (48, 36, 3)), ((36, 48), (36, 48, 3))]
)
def test_images_have_the_size_that_was_asked_for(
    tmp_path: Path, image_size_px: int | tuple[int, int], shape: tuple[int, int, int]
) -> None:
    draw_demo(tmp_path / "demo", DemoDrawing(n_people=6, n_test_people=6, image_size_px=image_size_px))
    assert {cv2.imread(str(path)).shape for path in tmp_path.rglob("*.jpg")} == {shape}


def test_no_test_people_leave_out_the_test_part(tmp_path: Path) -> None:
    drawing = SMALL.model_copy(update={"n_test_people": 0})
    draw_demo(tmp_path / "demo", drawing)
    assert set(os.listdir(tmp_path / "demo")) == {"train", "drawing.json"}
    assert drawn_test_answers(drawing).empty


@pytest.mark.parametrize("hash_seed", ["1", "77"])
def test_bytes_do_not_depend_on_process_hash_seed_or_place(drawn_root: Path, tmp_path: Path, hash_seed: str) -> None:
    root = tmp_path / "대회 자료" / "데모"
    root.mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from podium.competitions.demo import DemoDrawing, draw_demo; "
        "draw_demo(Path(sys.argv[1]), DemoDrawing.model_validate_json(sys.argv[2]))"
    )
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code, str(root), SMALL.model_dump_json()], env=environment, check=True)
    assert digest_folder(root) == digest_folder(drawn_root)


def test_another_seed_draws_other_people(drawn_root: Path, tmp_path: Path) -> None:
    draw_demo(tmp_path / "demo", SMALL.model_copy(update={"seed": 5}))
    shared = set(digest_folder(tmp_path / "demo").values()) & set(digest_folder(drawn_root).values())
    assert not shared


def test_same_drawing_is_not_drawn_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "demo"
    draw_demo(root, SMALL)
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    with caplog.at_level(logging.INFO):
        draw_demo(root, DemoDrawing(**SMALL.model_dump()))
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before
    assert "drawn already" in caplog.text


def test_another_drawing_replaces_the_old_one_whole(drawn_root: Path, tmp_path: Path) -> None:
    root = tmp_path / "demo"
    draw_demo(root, SMALL.model_copy(update={"n_people": 8, "seed": 9}))
    (root / "train/.DS_Store").touch()
    draw_demo(root, SMALL)
    assert digest_folder(root) == digest_folder(drawn_root)
    assert os.listdir(tmp_path) == ["demo"]


def test_demo_of_an_older_drawing_code_is_drawn_anew(
    drawn_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "demo"
    with monkeypatch.context() as older:
        older.setattr(demo, "DRAWING_VERSION", 0)
        older.setattr(demo, "JPEG_QUALITY", 50)
        draw_demo(root, SMALL)
    draw_demo(root, SMALL)
    assert digest_folder(root) == digest_folder(drawn_root)


@pytest.mark.parametrize("n_pictures", [0, 10, 50])
def test_interruption_leaves_nothing_behind(
    tmp_path: Path, interrupt_drawing: Callable[[int], None], n_pictures: int
) -> None:
    interrupt_drawing(n_pictures)
    with pytest.raises(KeyboardInterrupt):
        draw_demo(tmp_path / "demo", SMALL)
    assert os.listdir(tmp_path) == []


def test_interruption_leaves_the_old_drawing_whole(
    drawn_root: Path, tmp_path: Path, interrupt_drawing: Callable[[int], None]
) -> None:
    root = tmp_path / "demo"
    draw_demo(root, SMALL)
    interrupt_drawing(10)
    with pytest.raises(KeyboardInterrupt):
        draw_demo(root, SMALL.model_copy(update={"seed": 5}))
    assert digest_folder(root) == digest_folder(drawn_root)
    assert os.listdir(tmp_path) == ["demo"]


def test_leftovers_of_killed_runs_are_cleared_only_when_old(tmp_path: Path) -> None:
    old, fresh, foreign = (tmp_path / name for name in (".demo-drawing-old", ".demo-drawing-fresh", ".demo-other"))
    for folder in (old, fresh, foreign):
        folder.mkdir()
    for folder in (old, foreign):
        os.utime(folder, (0, 0))
    draw_demo(tmp_path / "demo", SMALL)
    assert set(os.listdir(tmp_path)) == {"demo", fresh.name, foreign.name}


def test_drawing_of_a_faster_process_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root, draw_test_part = tmp_path / "demo", demo._draw_test_part

    def draw_while_another_finishes(new: Path, drawing: DemoDrawing) -> int:
        monkeypatch.setattr(demo, "_draw_test_part", draw_test_part)
        draw_demo(root, drawing)
        (root / "train/train.csv").touch()
        touched_ns.append((root / "train/train.csv").stat().st_mtime_ns)
        return draw_test_part(new, drawing)

    touched_ns: list[int] = []
    monkeypatch.setattr(demo, "_draw_test_part", draw_while_another_finishes)
    draw_demo(root, SMALL)
    assert [(root / "train/train.csv").stat().st_mtime_ns] == touched_ns
    assert os.listdir(tmp_path) == ["demo"]


def test_root_may_be_a_link(drawn_root: Path, tmp_path: Path) -> None:
    (tmp_path / "big disk").mkdir()
    (tmp_path / "demo").symlink_to(tmp_path / "big disk", target_is_directory=True)
    draw_demo(tmp_path / "demo", SMALL)
    assert (tmp_path / "demo").is_symlink()
    assert digest_folder(tmp_path / "big disk") == digest_folder(drawn_root)


def test_foreign_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    photo = tmp_path / "demo" / "가족 사진.jpg"
    photo.parent.mkdir()
    photo.write_bytes(b"precious")
    with pytest.raises(InputError, match=r"demo: holds something else .* name a new or an empty folder"):
        draw_demo(tmp_path / "demo", SMALL)
    assert digest_folder(tmp_path) == {"demo/가족 사진.jpg": hashlib.sha256(b"precious").hexdigest()}


def test_folder_with_another_tools_marker_is_refused(tmp_path: Path) -> None:
    (tmp_path / "drawing.json").write_text(json.dumps({"seed": 1}))
    with pytest.raises(InputError, match="holds something else"):
        draw_demo(tmp_path, SMALL)


def test_file_in_place_of_root_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("a note")
    with pytest.raises(InputError, match="holds something else"):
        draw_demo(tmp_path / "demo", SMALL)
    assert (tmp_path / "demo").read_text() == "a note"


def test_every_file_that_a_user_added_is_named_before_a_redraw(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    draw_demo(root, SMALL)
    added = ["train/images/mine.jpg", "notes.txt"]
    for name in added:
        (root / name).touch()
    before = digest_folder(root)
    with pytest.raises(InputError) as refused:
        draw_demo(root, SMALL.model_copy(update={"seed": 5}))
    assert [case.split(":")[0] for case in refused.value.cases] == sorted(str(root / name) for name in added)
    assert digest_folder(root) == before


def test_root_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"demo: .*name a folder that can be written"):
        draw_demo(tmp_path / "file" / "demo", SMALL)


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_poeple": 9},
        {"n_people": 5},
        {"n_test_people": -1},
        {"image_size_px": 8},
        {"image_size_px": (64, 8)},
        {"seed": -1},
    ],
)
def test_impossible_drawing_is_refused_by_its_key(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        DemoDrawing.model_validate(wrong)


def test_test_part_is_noisier_than_the_training_part(tmp_path: Path) -> None:
    root = tmp_path / "demo"
    draw_demo(root, DemoDrawing(n_people=8, n_test_people=8, image_size_px=64))
    train, test = (sorted(root.glob(pattern)) for pattern in ("train/images/*/*.jpg", "eval/images/*.jpg"))
    assert measure_grain(test) > 1.8 * measure_grain(train)


def test_linear_model_is_above_chance_and_far_from_good(tmp_path: Path) -> None:
    parts = []
    for seed in (0, 1):
        draw_demo(tmp_path / str(seed), DemoDrawing(n_people=60, n_test_people=0, image_size_px=32, seed=seed))
        parts.append(read_train_images(tmp_path / str(seed)))
    (pixels, labels), (other_pixels, other_labels) = parts
    model = make_pipeline(StandardScaler(), RidgeClassifier(alpha=300, class_weight="balanced"))
    predicted = model.fit(pixels, labels).predict(other_pixels)
    chance = f1_score(other_labels, np.random.default_rng(0).permutation(other_labels), average="macro")
    linear = f1_score(other_labels, predicted, average="macro")
    assert 1.5 * chance < linear < 0.35
