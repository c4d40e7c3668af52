"""Show what each ready policy does to drawn faces and pages, one picture a policy, in ``docs/pictures/policies``.

From the project's folder: python docs/pictures/draw_policies.py
"""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml
from drawn_pages import PAGE_KINDS, draw_page
from PIL import Image
from renew import shrink_picture

from podium.competitions.faces.camera import TRAIN_CAMERA
from podium.competitions.faces.people import imagine_person
from podium.competitions.faces.portrait import take_pictures
from podium.plots import draw_grid
from podium.vision.augmentation import augment_batch, build_policy, resolve_policy

TARGET = Path(__file__).parent / "policies"
POLICIES = Path(__file__).parents[2] / "conf" / "base" / "parameters" / "augmentation.yml"
FACE_PX, PAGE_PX = (128, 96), (224, 224)
N_VARIANTS = 6
WIDTH_PX = 900
PAPER_EFFECTS = ("ShineThrough", "InkBleed", "PaperFolds", "Scribbles", "Stamps")


def draw_faces() -> np.ndarray:
    """Draw two people, one with a mask: uint8, (2, height, width, 3)."""
    faces = []
    for seed, (gender, age_years, k) in enumerate((("female", 25, 0), ("male", 62, 6))):
        rng = np.random.default_rng(seed)
        pictures = [
            picture for _, picture in take_pictures(imagine_person(gender, age_years, rng), TRAIN_CAMERA, FACE_PX, rng)
        ]
        faces.append(pictures[k])
    return np.stack(faces)


def show_variants(pictures: np.ndarray, titles: list[str], steps: list[dict[str, Any]], title: str) -> Image.Image:
    """Lay the pictures out, a row each: as they are, then augmented."""
    policy = build_policy(resolve_policy(title, steps, pictures.shape[1:3]))
    variants = [augment_batch(policy, pictures, seed) for seed in range(N_VARIANTS)]
    columns = ["as drawn", *(f"variant {n + 1}" for n in range(N_VARIANTS))]
    return render(np.stack([pictures, *variants], axis=1), titles, columns, title)


def show_paper_effects(page: np.ndarray) -> Image.Image:
    """Lay one page out with each effect of our own, a row each."""
    rows = []
    for name in PAPER_EFFECTS:
        policy = build_policy(resolve_policy(name, [{name: {"p": 1.0}}], page.shape[:2]))
        rows.append([page, *(augment_batch(policy, page[None], seed)[0] for seed in range(3))])
    columns = ["as drawn", *(f"variant {n + 1}" for n in range(3))]
    return render(np.array(rows), list(PAPER_EFFECTS), columns, "what happens to paper")


def render(images: np.ndarray, rows: list[str], columns: list[str], title: str) -> Image.Image:
    """Draw a grid of images, sharp enough for thin lines of print."""
    figure = draw_grid(images, rows, columns, title)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=220)
    return Image.open(buffer)


def list_sheets() -> Iterator[tuple[str, Image.Image]]:
    """Yield each picture by its name."""
    faces = draw_faces()
    pages = np.stack([draw_page(kind, PAGE_PX, seed) for seed, kind in enumerate(PAGE_KINDS)])
    for name, steps in yaml.safe_load(POLICIES.read_text(encoding="utf-8"))["policies"].items():
        if name.startswith("document"):
            yield name, show_variants(pages, list(PAGE_KINDS), steps, name)
        elif name == "noisy":  # quarter turns need a square
            squares = np.stack([cv2.copyMakeBorder(face, 0, 0, 16, 16, cv2.BORDER_REPLICATE) for face in faces])
            yield name, show_variants(squares, ["masked", "bare"], steps, name)
        else:
            yield name, show_variants(faces, ["masked", "bare"], steps, name)
    yield "paper_effects", show_paper_effects(pages[0])


def main() -> None:
    """Draw every sheet anew."""
    TARGET.mkdir(exist_ok=True)
    for name, sheet in list_sheets():
        shrink_picture(sheet, TARGET / f"{name}.png", WIDTH_PX)


if __name__ == "__main__":
    main()
