"""Galleries of drawn images, with answers of which everything is known."""

import io
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from podium.browser import AttributeOfClasses, Gallery, Section

HOSTILE = "<img src=x onerror=\"document.title='run'\">"
CLASSES = ["가면 남", "가면 여", "맨얼굴 남", HOSTILE]
ATTRIBUTES = {
    "mask": AttributeOfClasses(["masked", "bare"], [0, 0, 1, 1]),
    "gender": AttributeOfClasses(["male", "female"], [0, 1, 0, 1]),
}


@cache
def draw_jpeg(seed: int, side_px: int = 24) -> bytes:
    """Draw a smooth picture of random colours."""
    colours = np.random.default_rng(seed).integers(0, 255, (4, 4, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(colours).resize((side_px, side_px), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    return file.getvalue()


def draw_answers(labels: np.ndarray, n_classes: int, certainty: float, seed: int) -> np.ndarray:
    """Draw probabilities that favour the true class, float32 (n, n_classes)."""
    logits = np.random.default_rng(seed).normal(size=(len(labels), n_classes))
    logits[np.arange(len(labels)), labels] += certainty
    chances = np.exp(logits)
    return (chances / chances.sum(axis=1, keepdims=True)).astype(np.float32)


def draw_gallery(
    n_images: int = 40, class_names: list[str] | None = None, side_px: int = 24, **changes: Any
) -> Gallery:
    """Draw a gallery: three quarters training images in folds, groups of four, the rest test images; three members."""
    names = class_names or CLASSES
    rows, n_train = np.arange(n_images), n_images * 3 // 4
    labels = rows * 7 % len(names)
    is_test = rows >= n_train
    images = pd.DataFrame(
        {
            "image_id": [f"{'test' if row >= n_train else 'train'}/{row:05d}, 사진.jpg" for row in rows],
            "subset": np.where(is_test, "test", "train"),
            "label": pd.array(labels, dtype="Int64"),
            "fold": pd.array(rows % 5, dtype="Int64"),
            "group_id": [f"사람 {row // 4}" for row in rows],
            "original": "",
            "suspicion": np.where((rows % 10 == 3) & ~is_test, rows / n_images, np.nan),
            "suggested": pd.array(np.where((rows % 10 == 3) & ~is_test, (labels + 1) % len(names), -1), dtype="Int64"),
        }
    )
    images.loc[is_test, ["label", "fold", "group_id"]] = None
    images["suggested"] = images["suggested"].mask(images["suggested"] < 0)
    members = {f"모델 {seed}": draw_answers(labels, len(names), 0.8, seed) for seed in (0, 1)}
    members["ensemble"] = np.mean([*members.values()], axis=0, dtype=np.float32)
    gallery = Gallery(
        title="faces: report",
        competition="faces",
        class_names=names,
        attributes=ATTRIBUTES if class_names is None else {},
        images=images,
        members=members,
        main="ensemble",
        thumbnails=[draw_jpeg(row % 50, side_px) for row in rows],
        heat_maps={row: np.arange(12, dtype=np.uint8).reshape(3, 4) * 20 for row in range(n_train)},
        sections=[
            Section(
                "Scores",
                "scores",
                '<p>macro F1 0.5; <a href="#podium-images" data-images=\'{"true": 1}\'>class 1</a></p>',
            ),
            Section("Curves", "curves", "<p>none</p>"),
        ],
        voters=["모델 0", "모델 1"],
        heat_map_title="evidence of 모델 0",
    )
    return replace(gallery, **changes)
