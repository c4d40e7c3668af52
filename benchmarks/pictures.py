"""Sets of real JPEGs of one size, cut from photos."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
CACHE = ROOT / "data/benchmarks"
SUFFIXES = (".jpg", ".jpeg", ".png")


def list_photos(folder: Path | None) -> list[Path]:
    """List what pictures are cut from: a folder's photos, or the two that scikit-learn brings along.

    Raises:
        FileNotFoundError: There is no photo in the folder.
    """
    if folder is None:
        import sklearn.datasets

        folder = Path(sklearn.datasets.__file__).parent / "images"
    photos = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not photos:
        raise FileNotFoundError(f"{folder}: no {', '.join(SUFFIXES)} in it or below it")
    return photos


def make_pictures(n: int, width_px: int, height_px: int, photos_dir: Path | None = None, n_classes: int = 10) -> Path:
    """Make a set of JPEGs, or find it made before.

    Each shows another part of a photo, scaled to the size and saved with quality 90, so its bytes
    and the time to decode it are those of a real picture. They lie in a folder a class, as ``ImageFolder`` reads them.

    Args:
        n: How many.
        width_px, height_px: Of each.
        photos_dir: Of the photos; None takes those of scikit-learn.
        n_classes: Folders; pictures are dealt in turn, so classes say nothing about what is seen.

    Returns:
        The folder: ``class_<k>/<number>.jpg``.
    """
    photos = list_photos(photos_dir)
    source = hashlib.sha256("\n".join(f"{path.name} {path.stat().st_size}" for path in photos).encode()).hexdigest()[:8]
    folder = CACHE / f"{n}x{width_px}x{height_px}-{n_classes}-{source}"
    if folder.exists():
        return folder
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    rng = np.random.default_rng(0)
    for k in range(n_classes):
        (unfinished / f"class_{k:02d}").mkdir(parents=True)
    opened = {path: Image.open(path).convert("RGB") for path in photos[:200]}
    for number in range(n):
        photo = opened[photos[number % len(opened)]]
        part = _cut_part(photo, width_px / height_px, rng)
        path = unfinished / f"class_{number % n_classes:02d}" / f"{number:06d}.jpg"
        part.resize((width_px, height_px), Image.Resampling.LANCZOS).save(path, quality=90)
    unfinished.rename(folder)
    return folder


def _cut_part(photo: Image.Image, aspect: float, rng: np.random.Generator) -> Image.Image:
    """Cut out a random part of at least half the photo's smaller side."""
    largest = min(photo.width, photo.height * aspect)
    width = largest * rng.uniform(0.5, 1.0)
    left, top = rng.uniform(0, photo.width - width), rng.uniform(0, photo.height - width / aspect)
    return photo.crop((round(left), round(top), round(left + width), round(top + width / aspect)))
