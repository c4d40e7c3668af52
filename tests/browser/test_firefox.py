"""The page of images in Firefox: shown, sorted, filtered, marked by keyboard, and its marks taken in by ingestion."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from browser.marionette import ENTER, ESCAPE, HOME, Firefox, wait_for
from podium.browser import AttributeOfClasses, Gallery, Section, render_gallery
from podium.competitions import ImageFolder, Listing, read_competition
from podium.competitions.corrections import apply_corrections

CLASSES = ["개", "고양이", "토끼"]
N_EACH = 20


@pytest.fixture(scope="module")
def listing(tmp_path_factory: pytest.TempPathFactory) -> Listing:
    """Sixty training images of three classes, and five test images, drawn."""
    root = tmp_path_factory.mktemp("동물")
    rng = np.random.default_rng(0)
    names = [f"train/{name}/{number:02d}.png" for name in CLASSES for number in range(N_EACH)]
    for name in [*names, *(f"test/{number}.png" for number in range(5))]:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(root / name)
    return read_competition(ImageFolder(format="image_folder", root=root))


def make_gallery(listing: Listing) -> Gallery:
    """Let one member say of every tenth training image the next class, and be sure of all others."""
    images = listing.images.reset_index(drop=True)
    label = images["label"].astype("float64").fillna(0).astype("int64").to_numpy()
    said = np.where(images.index % 10 == 0, (label + 1) % 3, label)
    chances = np.full((len(images), 3), 0.1, np.float32)
    chances[np.arange(len(images)), said] = 0.8
    picture = io.BytesIO()
    Image.new("RGB", (24, 24), (200, 80, 40)).save(picture, "JPEG")
    table = images[["image_id", "subset", "label", "group_id"]].assign(
        fold=pd.array(np.where(images["subset"] == "train", images.index % 2, pd.NA), dtype="Int64"),
        original="", suspicion=np.nan, suggested=pd.array([pd.NA] * len(images), dtype="Int64"),
    )  # fmt: skip
    return Gallery(
        title="동물: report", competition="동물", class_names=CLASSES,
        attributes={"다리": AttributeOfClasses(["긴", "짧은"], [0, 0, 1])}, images=table, members={"model": chances},
        main="model", thumbnails=[picture.getvalue()] * len(images), heat_maps={0: np.full((4, 4), 200, np.uint8)},
        sections=[Section("Scores", "scores", "<p>macro F1</p>")],
    )  # fmt: skip


@pytest.fixture(scope="module")
def firefox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Firefox]:
    """Start Firefox once for all tests here."""
    executable = shutil.which("firefox-esr") or shutil.which("firefox")
    if executable is None:
        pytest.skip("there is no Firefox here")
    with Firefox(executable, tmp_path_factory.mktemp("firefox")) as started:
        yield started


@pytest.fixture
def page(firefox: Firefox, listing: Listing, tmp_path: Path) -> Firefox:
    """Open the images of a page that no other test has seen."""
    path = tmp_path / "보고서.html"
    path.write_text(render_gallery(make_gallery(listing)), encoding="utf-8")
    firefox.open(path.as_uri() + "#view=images")
    wait_for(lambda: count_tiles(firefox) > 0)
    return firefox


def count_tiles(firefox: Firefox) -> int:
    """Count the tiles whose picture is decoded."""
    return int(
        firefox.run(
            "return [...document.querySelectorAll('.podium-tile:not([hidden]) img')].filter(i => i.naturalWidth).length"
        )
    )


def list_shown(firefox: Firefox) -> list[str]:
    """List the ids of the tiles in the page, in their order."""
    return list(
        firefox.run(
            "return [...document.querySelectorAll('.podium-tile:not([hidden])')]"
            ".sort((a, b) => a.dataset.position - b.dataset.position).map(tile => tile.title.split('\\n')[0])"
        )
    )


def test_page_opens_on_its_report_and_shows_its_images(page: Firefox, listing: Listing) -> None:
    assert page.run("return document.title") == "동물: report"
    assert page.read("#podium-count") == f"{len(listing.images)} images"
    page.click('[data-view="report"]')
    assert page.read("#scores p") == "macro F1"
    page.click('[data-view="confusion"]')
    assert page.run("return document.querySelectorAll('#podium-matrices table').length") == 2


def test_images_are_sorted_and_filtered(page: Firefox, listing: Listing) -> None:
    page.click('#podium-sort option[value="id"]')
    page.type("#podium-grid", HOME)
    assert list_shown(page)[:3] == sorted(listing.images["image_id"])[:3]
    page.click("#podium-reverse")
    page.type("#podium-grid", HOME)
    assert list_shown(page)[:2] == sorted(listing.images["image_id"])[:-3:-1]
    page.click('#podium-filter-answer option[value="wrong"]')
    page.click('#podium-filter-true option[value="1"]')
    images = listing.images.iloc[::10]
    expected = images.loc[images["label"].eq(1).fillna(False), "image_id"]
    assert page.read("#podium-count").startswith(f"{len(expected)} of ")
    assert sorted(list_shown(page)) == sorted(expected)


def test_marks_made_by_keyboard_stay_are_downloaded_and_become_a_label_version(page: Firefox, listing: Listing) -> None:
    page.click('#podium-sort option[value="id"]')
    page.click('#podium-filter-subset option[value="train"]')
    order = sorted(listing.images.loc[listing.images["subset"] == "train", "image_id"])
    page.type("#podium-grid", HOME + ENTER)
    wait_for(lambda: page.run("return document.getElementById('podium-detail').open"))
    page.click('#podium-right-class option[value="2"]')
    page.type("#podium-note", '귀가 "길다", 아마' + ENTER)
    page.type("#podium-detail", "j2")
    page.type("#podium-detail", "j3" + ESCAPE)
    page.send("WebDriver:Refresh")
    wait_for(lambda: count_tiles(page) > 0)
    assert page.read("#podium-n-marks") == "3", "marks are kept by the browser"

    page.click('[data-view="marks"]')
    page.click("#podium-download")
    file = page.downloads / "동물_marks.csv"
    wait_for(lambda: file.exists() and file.stat().st_size > 0 and not list(page.downloads.glob("*.part")))

    corrected = apply_corrections(listing, [file], "동물")
    changes = corrected.version.changes
    assert changes[["image_id", "mark", "class_before", "class_after", "note"]].to_numpy().tolist() == [
        [order[0], "label_wrong", "개", "토끼", '귀가 "길다", 아마'],
        [order[1], "exclude", "개", "", ""],
        [order[2], "look_again", "개", "개", ""],
    ]
    labels = corrected.images.set_index("image_id")["label"]
    assert labels[order[0]] == 2
    assert order[1] not in labels
    assert corrected.version.name != "organisers"


def test_heat_map_is_laid_over_the_picture(page: Firefox, listing: Listing) -> None:
    first = listing.images["image_id"].iloc[0]
    page.run("location.hash = new URLSearchParams({view: 'images', image: arguments[0]})", first)
    wait_for(lambda: page.run("return document.getElementById('podium-detail').open"))
    page.type("#podium-detail", "h")
    assert wait_for(lambda: page.run("return document.getElementById('podium-heat-map').width")) == 4
    page.type("#podium-detail", ESCAPE)
    assert not page.run("return document.getElementById('podium-detail').open")
