"""The embedded demo competition: draws masked and unmasked faces in the layout of ``mask_profiles``.

It needs no network and nobody's licence. The same drawing gives the same bytes whenever it is drawn with the same
libraries on the same kind of machine.
"""

import glob
import hashlib
import json
import logging
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from podium.competitions.config import DemoDrawing
from podium.competitions.faces.camera import TEST_CAMERA, TRAIN_CAMERA
from podium.competitions.faces.people import GENDERS, Person, imagine_person, plan_people
from podium.competitions.faces.portrait import STEMS, take_pictures
from podium.errors import InputError, raise_if_any

logger = logging.getLogger(__name__)

MARKER = "drawing.json"
DRAWING_VERSION = 3
"""Raise it with every change of the drawing code that changes a byte, so that old demos are drawn anew."""

JPEG_QUALITY = 90
TRAIN, TEST = 0, 1
OWN_FILES = re.compile(
    rf"{re.escape(MARKER)}|train/train\.csv|train/images/\d{{6}}_\w+_\w+_\d+/({'|'.join(STEMS)})\.jpg"
    r"|eval/info\.csv|eval/images/[0-9a-f]{40}\.jpg"
)
LEFTOVER_AGE_S = 3600
CHANCE_FILES = {".DS_Store", "Thumbs.db"}


def draw_demo(root: Path, drawing: DemoDrawing) -> None:
    """Draw the demo competition into ``root``, whole or not at all.

    The same drawing is left as it is; another drawing of the demo is replaced. Everything is drawn into a hidden
    folder beside ``root`` and moved at the end, so an interruption leaves no half of a competition.

    Args:
        root: Folder of the competition; need not exist.
        drawing: What to draw.

    Raises:
        InputError: ``root`` holds something that is not a drawn demo, or cannot be written.
    """
    root = root.resolve()
    if _holds_drawing(root, drawing):
        logger.info("the demo in %s is drawn already", root)
        return
    workshop = _make_workshop(root)
    try:
        new = workshop / "new"
        n_train, n_test = _draw_train_part(new, drawing), _draw_test_part(new, drawing)
        (new / MARKER).write_text(_describe(drawing), encoding="utf-8")
        _move_into_place(new, root, workshop / "old", drawing)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)
    logger.info("drew %d people: %d train and %d test images in %s", drawing.n_people, n_train, n_test, root)


def drawn_test_answers(drawing: DemoDrawing) -> pd.DataFrame:
    """Tell the true labels of the test part, for tests of the project alone: they are never written to disk.

    Args:
        drawing: As given to :func:`draw_demo`.

    Returns:
        One row a test image in the order of ``eval/info.csv``: ImageID (str), ans (int64, 0 to 17), gender (str),
        age (int64, years), picture (str, one of ``STEMS``).
    """
    rows = []
    for index, person in enumerate(_imagine_people(drawing, TEST)):
        for picture, stem in enumerate(STEMS):
            rows.append(
                (_name_test_image(drawing, index, picture), _label(person, stem), person.gender, person.age_years, stem)
            )
    answers = pd.DataFrame(rows, columns=["ImageID", "ans", "gender", "age", "picture"])
    order = _start_random(drawing, TEST, 2).permutation(len(answers))
    return answers.iloc[order].reset_index(drop=True)


def _draw_train_part(root: Path, drawing: DemoDrawing) -> int:
    rows = []
    for index, person in enumerate(_imagine_people(drawing, TRAIN)):
        person_id = f"{index + 1:06d}"
        folder = f"{person_id}_{person.gender}_{person.tone}_{person.age_years}"
        (root / "train/images" / folder).mkdir(parents=True)
        rng = _start_random(drawing, TRAIN, 1, index)
        for stem, picture in take_pictures(person, TRAIN_CAMERA, drawing.height_and_width_px, rng):
            _write_jpeg(root / "train/images" / folder / f"{stem}.jpg", picture)
        rows.append((person_id, person.gender, person.tone, person.age_years, folder))
    _write_csv(root / "train/train.csv", ["id", "gender", "race", "age", "path"], rows)
    return len(rows) * len(STEMS)


def _draw_test_part(root: Path, drawing: DemoDrawing) -> int:
    if not drawing.n_test_people:
        return 0
    (root / "eval/images").mkdir(parents=True)
    for index, person in enumerate(_imagine_people(drawing, TEST)):
        rng = _start_random(drawing, TEST, 1, index)
        pictures = take_pictures(person, TEST_CAMERA, drawing.height_and_width_px, rng)
        for k, (_, picture) in enumerate(pictures):
            _write_jpeg(root / "eval/images" / _name_test_image(drawing, index, k), picture)
    names = drawn_test_answers(drawing)["ImageID"]
    _write_csv(root / "eval/info.csv", ["ImageID", "ans"], [(name, 0) for name in names])
    return len(names)


def _imagine_people(drawing: DemoDrawing, part: int) -> Iterator[Person]:
    n_people = drawing.n_test_people if part == TEST else drawing.n_people
    for index, (gender, age_years) in enumerate(plan_people(n_people, _start_random(drawing, part, 0))):
        yield imagine_person(gender, age_years, _start_random(drawing, part, 3, index))


def _start_random(drawing: DemoDrawing, *place: int) -> np.random.Generator:
    """Random numbers of one place in the drawing alone: no other place can shift them."""
    return np.random.default_rng(np.random.SeedSequence(drawing.seed, spawn_key=place))


def _label(person: Person, stem: str) -> int:
    mask = {"incorrect_mask": 1, "normal": 2}.get(stem, 0)
    age = int(person.age_years >= 30) + int(person.age_years >= 60)
    return mask * 6 + GENDERS.index(person.gender) * 3 + age


def _name_test_image(drawing: DemoDrawing, index: int, picture: int) -> str:
    """Name of a test image, which tells nothing of its person."""
    return hashlib.sha1(f"{drawing.seed}/{index}/{picture}".encode()).hexdigest() + ".jpg"


def _write_jpeg(path: Path, picture: np.ndarray) -> None:
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[
        1
    ]
    path.write_bytes(encoded.tobytes())


def _write_csv(path: Path, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    path.write_bytes(pd.DataFrame(rows, columns=columns).to_csv(index=False, lineterminator="\n").encode("utf-8"))


def _describe(drawing: DemoDrawing) -> str:
    return json.dumps({"podium_demo": DRAWING_VERSION, **drawing.model_dump(mode="json")}, indent=2) + "\n"


def _holds_drawing(root: Path, drawing: DemoDrawing) -> bool:
    """Tell whether ``root`` holds this very drawing; refuse anything but a drawn demo, so that nothing is lost."""
    if not root.exists() or (root.is_dir() and not any(root.iterdir())):
        return False
    marker = _read_marker(root)
    if marker == _describe(drawing):
        return True
    if '"podium_demo"' not in marker:
        case = f"{root}: holds something else (no {MARKER} of a drawn demo); name a new or an empty folder as root"
        raise InputError("the demo competition would overwrite what it did not draw", [case])
    files = sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if not path.is_dir())
    foreign = [name for name in files if not OWN_FILES.fullmatch(name) and Path(name).name not in CHANCE_FILES]
    heading = "another drawing of the demo would replace files that the demo did not draw"
    raise_if_any(heading, [f"{root / name}: move it elsewhere, or name another root" for name in foreign])
    return False


def _read_marker(root: Path) -> str:
    try:
        return (root / MARKER).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _make_workshop(root: Path) -> Path:
    """Make a hidden folder beside ``root``, and clear away what killed runs left there more than an hour ago."""
    prefix = f".{root.name}-drawing-"
    try:
        root.parent.mkdir(parents=True, exist_ok=True)
        for leftover in root.parent.glob(f"{glob.escape(prefix)}*"):
            if time.time() - leftover.stat().st_mtime > LEFTOVER_AGE_S:
                shutil.rmtree(leftover, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=prefix, dir=root.parent))
    except OSError as error:
        case = f"{root}: {error.strerror} ({error.filename}); name a folder that can be written as root"
        raise InputError("the demo competition cannot be drawn", [case]) from error


def _move_into_place(new: Path, root: Path, old: Path, drawing: DemoDrawing) -> None:
    """Put the new folder where ``root`` is, unless another process was faster."""
    if _holds_drawing(root, drawing):
        return
    if root.exists():
        root.rename(old)
    new.rename(root)
