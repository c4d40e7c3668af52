"""The page as people use it: clicked and typed in a real browser."""

import csv
import io
import re
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Locator, Page, expect

from browser.conftest import OpenPage
from browser.drawn_gallery import CLASSES, HOSTILE, draw_gallery, draw_jpeg
from podium.browser import Gallery, Section, render_gallery
from podium.browser.columns import measure_disagreement, measure_losses, measure_margins, pack_gallery
from podium.competitions import ImageFolder, read_competition
from podium.pipelines.ingestion.nodes import correct_labels

GALLERY = draw_gallery()
LABELS = GALLERY.images["label"].fillna(-1).to_numpy(np.int64)
MAIN = GALLERY.members["ensemble"]
SAID = MAIN.argmax(axis=1)
IDS = GALLERY.images["image_id"].to_numpy()

# Run in the page.
TILES = "[...document.querySelectorAll('.podium-tile:not([hidden])')]"
LIST_SHOWN = f"""() => {TILES}
  .sort((a, b) => a.dataset.position - b.dataset.position)
  .map((tile) => tile.title.split('\\n')[0])"""
FIND_FIRST_TILE = f"() => Math.min(...{TILES}.map((tile) => Number(tile.dataset.position)))"
HAS_PICTURE = """() => {
  const img = document.querySelector(".podium-tile img");
  return Boolean(img && img.complete && img.naturalWidth);
}"""
LIST_UNNAMED = """() => [...document.querySelectorAll("button, input, select, a")]
  .filter((element) => element.checkVisibility())
  .filter((element) => {
    const labels = [...(element.labels ?? [])].map((label) => label.firstChild.textContent).join("").trim();
    const own = element.tagName === "SELECT" ? "" : element.textContent.trim();
    return !(element.getAttribute("aria-label") || labels || own || element.closest("label")?.textContent.trim());
  })
  .map((element) => element.outerHTML)"""
COUNT_IDS_TWICE = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  return ids.length - new Set(ids).size;
}"""
# The contrast ratio of WCAG 2.2, from 1 to 21.
MEASURE_CONTRAST = """(element) => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const weigh = (colour) => numbers(colour).slice(0, 3).map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  let ground = element;
  while (numbers(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement;
  const both = [weigh(getComputedStyle(element).color), weigh(getComputedStyle(ground).backgroundColor)];
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""

# The same of each cell of a confusion; a canvas turns mixed colours into levels.
MEASURE_CELLS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const weigh = (colour) => {
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  };
  return [...document.querySelectorAll(".podium-matrix td button")].map((cell) => {
    const { color, backgroundColor } = getComputedStyle(cell);
    const both = [weigh(color), weigh(backgroundColor)];
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
  });
}"""


def list_shown(page: Page) -> list[str]:
    """Read the ids of the tiles in the page, in their order."""
    return page.evaluate(LIST_SHOWN)


def list_ids(rows: np.ndarray) -> list[str]:
    return IDS[rows].tolist()


def open_detail(page: Page, image_id: str) -> Locator:
    page.locator(f'.podium-tile[title^="{image_id}"]').click()
    return page.locator("#podium-detail")


def count(page: Page) -> str:
    return page.locator("#podium-count").inner_text()


def test_tiles_show_their_pictures_and_both_classes(open_page: OpenPage) -> None:
    page = open_page(GALLERY)
    assert count(page) == "40 images"
    assert len(list_shown(page)) == 40
    page.wait_for_timeout(100)
    sizes = page.evaluate("() => [...document.querySelectorAll('.podium-tile img')].map((img) => img.naturalWidth)")
    assert set(sizes) == {24}
    row = int(np.flatnonzero((SAID != LABELS) & (LABELS >= 0))[0])
    tile = page.locator(f'.podium-tile[title^="{IDS[row]}"]')
    assert tile.inner_text().splitlines() == [CLASSES[LABELS[row]], f"✗ {CLASSES[SAID[row]]}"]


def test_images_are_sorted_as_numpy_sorts_them(open_page: OpenPage) -> None:
    page = open_page(GALLERY)
    for sort, keys in {
        "id": np.arange(40.0),
        "loss": -measure_losses(MAIN.astype(np.float64), LABELS),
        "margin": measure_margins(MAIN.astype(np.float64)),
        "disagreement": -measure_disagreement([GALLERY.members["모델 0"], GALLERY.members["모델 1"]]),
        "suspicion": -GALLERY.images["suspicion"].to_numpy(),
    }.items():
        page.select_option("#podium-sort", sort)
        order = np.argsort(keys.astype(np.float32), kind="stable")  # NaN comes last
        assert list_shown(page) == list_ids(order), sort
    page.check("#podium-reverse")
    known = np.flatnonzero(~np.isnan(keys))
    assert list_shown(page)[: len(known)] == list_ids(known[np.lexsort((known, -keys[known]))])


def test_filters_leave_what_pandas_leaves(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=images&sort=id")
    images = GALLERY.images
    page.select_option("#podium-filter-subset", "train")
    page.select_option("#podium-filter-answer", "wrong")
    kept = (images["subset"] == "train").to_numpy() & (SAID != LABELS)
    assert list_shown(page) == list_ids(np.flatnonzero(kept))
    fold = int(images["fold"][kept].iloc[0])
    page.select_option("#podium-filter-fold", str(fold))
    kept &= images["fold"].eq(fold).fillna(False).to_numpy(bool)
    assert 0 < kept.sum() < 8
    assert list_shown(page) == list_ids(np.flatnonzero(kept))
    assert count(page) == f"{kept.sum()} of 40 images"
    page.get_by_role("button", name=f"take off: fold: fold {fold}").click()
    page.get_by_role("button", name="clear all filters").click()
    page.select_option("#podium-attribute-1-true", "1")
    of_gender = np.isin(LABELS, [1, 3])
    assert list_shown(page) == list_ids(np.flatnonzero(of_gender))
    page.select_option("#podium-attribute-1-predicted", "0")
    assert list_shown(page) == list_ids(np.flatnonzero(of_gender & np.isin(SAID, [0, 2])))
    page.get_by_role("button", name="clear all filters").click()
    page.check("#podium-suspect")
    assert list_shown(page) == list_ids(np.flatnonzero(images["suspicion"].notna()))


def test_search_finds_korean_in_either_unicode_form(open_page: OpenPage) -> None:
    import unicodedata

    page = open_page(GALLERY)
    page.fill("#podium-search", unicodedata.normalize("NFD", "12, 사진"))
    assert list_shown(page) == [IDS[12]]
    page.fill("#podium-search", "nothing of the kind")
    assert list_shown(page) == []
    expect(page.locator("#podium-none")).to_be_visible()


def test_other_member_and_other_reference_change_who_is_right(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=images&sort=id&answer=wrong")
    page.select_option("#podium-member", "1")
    said = GALLERY.members["모델 1"].argmax(axis=1)
    assert list_shown(page) == list_ids(np.flatnonzero((said != LABELS) & (LABELS >= 0)))
    page.select_option("#podium-reference", "0")
    other = GALLERY.members["모델 0"].argmax(axis=1)
    assert list_shown(page) == list_ids(np.flatnonzero(said != other))
    assert page.locator("#podium-filter-answer").evaluate("select => select.selectedOptions[0].text") == "differ"


def test_each_confusion_cell_counts_and_opens_its_images(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=confusion")
    table = page.get_by_role("table", name="confusion of classes")
    known = LABELS >= 0
    for i, j in np.ndindex(4, 4):
        rows = np.flatnonzero(known & (i == LABELS) & (j == SAID))
        cell = table.locator("tbody tr").nth(i).locator("td").nth(j)
        assert cell.inner_text() == (str(len(rows)) if len(rows) else "")
    i, j = next((i, j) for i, j in np.ndindex(4, 4) if i != j and (known & (i == LABELS) & (j == SAID)).any())
    table.locator("tbody tr").nth(i).locator("td").nth(j).locator("button").click()
    assert sorted(list_shown(page)) == list_ids(np.flatnonzero((i == LABELS) & (j == SAID)))
    page.go_back()
    gender = page.get_by_role("table", name="confusion of gender")
    gender.get_by_role("button", name=re.compile("^male predicted as female")).click()
    assert sorted(list_shown(page)) == list_ids(np.flatnonzero(np.isin(LABELS, [0, 2]) & np.isin(SAID, [1, 3])))


def test_link_of_the_report_opens_its_images(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "")
    expect(page.get_by_role("heading", name="Scores")).to_be_visible()
    page.get_by_role("link", name="class 1").click()
    assert sorted(list_shown(page)) == list_ids(np.flatnonzero(LABELS == 1))


def test_address_opens_the_same_view_again(open_page: OpenPage) -> None:
    page = open_page(GALLERY)
    page.select_option("#podium-member", "1")
    page.select_option("#podium-sort", "margin")
    page.select_option("#podium-filter-predicted", "2")
    page.select_option("#podium-attribute-0-true", "1")
    page.fill("#podium-search", "0")
    shown, address = list_shown(page), page.evaluate("() => location.hash")
    again = open_page(GALLERY, address)
    assert list_shown(again) == shown
    assert again.locator("#podium-member").input_value() == "1"
    assert again.locator("#podium-attribute-0-true").input_value() == "1"


def test_three_marks_are_downloaded_as_the_table_that_ingestion_reads(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(GALLERY, "#view=images&sort=id")
    detail = open_detail(page, IDS[0])
    detail.get_by_role("button", name="label wrong").click()
    wrong = SAID[0] if SAID[0] != LABELS[0] else None
    detail.get_by_label("right class").select_option(str(3))
    detail.get_by_label("note").fill('really "that", 정말')
    detail.get_by_role("button", name="next").click()
    page.keyboard.press("2")
    page.keyboard.press("j")
    page.keyboard.press("3")
    page.keyboard.press("Escape")
    page.click('[data-view="marks"]')
    expect(page.locator("#podium-mark-table tbody tr")).to_have_count(3)
    with page.expect_download() as download:
        page.click("#podium-download")
    assert download.value.suggested_filename == "faces_marks.csv"
    content = Path(download.value.path()).read_bytes()
    rows = list(csv.reader(io.StringIO(content.decode("utf-8"), newline="")))
    assert rows == [
        ["image_id", "mark", "class_name", "class_before", "note"],
        [IDS[0], "label_wrong", HOSTILE, CLASSES[LABELS[0]], 'really "that", 정말'],
        [IDS[1], "exclude", "", CLASSES[LABELS[1]], ""],
        [IDS[2], "look_again", "", CLASSES[LABELS[2]], ""],
    ]
    assert content.count(b"\r\n") == content.count(b"\n") == 4
    assert wrong is None or wrong != LABELS[0]


def test_downloaded_marks_become_a_new_label_version_of_the_competition(open_page: OpenPage, tmp_path: Path) -> None:
    for number in range(4):
        for name in ("train/개", "train/새"):
            (tmp_path / name).mkdir(parents=True, exist_ok=True)
            (tmp_path / name / f"{number}.jpg").write_bytes(draw_jpeg(number))
    competition = ImageFolder(format="image_folder", root=tmp_path)
    listing = read_competition(competition)
    images = listing.images.sort_values("image_id", ignore_index=True)
    labels = images["label"].to_numpy(np.int64)
    gallery = Gallery(
        title="새: report", competition="새", class_names=["개", "새"], attributes={}, main="model",
        images=images.assign(fold=0, original="", suspicion=np.nan, suggested=None),
        members={"model": np.eye(2, dtype=np.float32)[1 - labels]}, thumbnails=[draw_jpeg(0)] * 8,
    )  # fmt: skip
    page = open_page(gallery, "#view=images&sort=id")
    page.focus("#podium-grid")
    for key in ("1", "ArrowRight", "2", "ArrowRight", "3"):
        page.keyboard.press(key)
    page.click('[data-view="marks"]')
    with page.expect_download() as download:
        page.click("#podium-download")
    download.value.save_as(tmp_path / "marks.csv")

    corrected = correct_labels(listing, competition.model_copy(update={"corrections": [tmp_path / "marks.csv"]}), "새")
    first, second, third = images["image_id"][:3]
    before, after = (table.images.set_index("image_id")["label"] for table in (listing, corrected))
    assert after.to_dict() == {**before.drop(second).to_dict(), first: 1 - before[first]}
    version = corrected.version
    assert version.name != listing.version.name == "organisers"
    assert version.changes.set_index("mark")["image_id"].to_dict() == {
        "label_wrong": first, "exclude": second, "look_again": third,
    }  # fmt: skip


def test_marks_survive_a_reload_and_are_undone_one_by_one(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=images&sort=id")
    page.focus("#podium-grid")
    for key in ("2", "ArrowRight", "3"):
        page.keyboard.press(key)
    page.reload()
    assert page.locator("#podium-n-marks").inner_text() == "2"
    assert page.locator(f'.podium-tile[title^="{IDS[0]}"] .podium-badge').inner_text() == "exclude"
    page.select_option("#podium-filter-mark", "look_again")
    assert list_shown(page) == [IDS[1]]
    page.focus("#podium-grid")
    page.keyboard.press("0")
    assert page.locator("#podium-n-marks").inner_text() == "1"
    page.keyboard.press("z")
    assert page.locator("#podium-n-marks").inner_text() == "2"
    page.on("dialog", lambda dialog: dialog.accept())
    page.click('[data-view="marks"]')
    page.click("#podium-forget")
    assert page.locator("#podium-n-marks").inner_text() == "0"
    for _ in range(2):
        page.click("#podium-undo")
    assert page.locator("#podium-n-marks").inner_text() == "2"


def test_marks_of_another_label_version_are_not_taken_for_these(open_page: OpenPage) -> None:
    page = open_page(GALLERY)
    page.focus("#podium-grid")
    page.keyboard.press("2")
    images = GALLERY.images.copy()
    images.loc[0, "label"] = (LABELS[0] + 1) % 4
    other = open_page(draw_gallery(images=images), name="other.html")
    assert other.locator("#podium-n-marks").inner_text() == "0"


def test_marks_of_images_that_another_choice_leaves_out_are_kept_listed_and_downloaded(open_page: OpenPage) -> None:
    chosen = draw_gallery(content="labels 1")
    page = open_page(chosen, "#view=images&sort=id")
    page.focus("#podium-grid")
    for key in ("2", "ArrowRight", "3"):
        page.keyboard.press(key)
    later = draw_gallery(
        39, images=chosen.images[1:], members={"ensemble": MAIN[1:]}, voters=None, heat_maps={}, content="labels 1"
    )
    other = open_page(later, "#view=images&sort=id", name="later.html")
    assert other.locator("#podium-n-marks").inner_text() == "2"
    other.focus("#podium-grid")
    for key in ("ArrowRight", "2"):
        other.keyboard.press(key)
    other.click('[data-view="marks"]')
    lines = [line.split("\t")[0] for line in other.locator("#podium-mark-table tbody tr").all_inner_texts()]
    assert [line.strip() for line in lines] == [IDS[1], IDS[2], f"{IDS[0]} (not among the images of this page)"]
    with other.expect_download() as download:
        other.click("#podium-download")
    rows = list(csv.reader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8"), newline="")))
    assert [row[:4] for row in rows[1:]] == [
        [IDS[1], "look_again", "", CLASSES[LABELS[1]]],
        [IDS[2], "exclude", "", CLASSES[LABELS[2]]],
        [IDS[0], "exclude", "", CLASSES[LABELS[0]]],
    ]
    page.reload()
    assert page.locator("#podium-n-marks").inner_text() == "3"
    other.get_by_role("button", name=f"remove the mark of {IDS[0]}").click()
    assert other.locator("#podium-n-marks").inner_text() == "2"
    other.click("#podium-undo")
    assert other.locator("#podium-n-marks").inner_text() == "3"


def test_kept_marks_that_make_no_sense_are_passed_over(open_page: OpenPage) -> None:
    page = open_page(GALLERY)
    right = {"mark": "label_wrong", "className": CLASSES[1], "note": ""}
    kept = {IDS[0]: right, IDS[1]: right | {"className": "없음"}, IDS[2]: right | {"mark": "toString"}}
    key = f"podium marks faces {pack_gallery(GALLERY)['key']}"
    page.evaluate("([key, kept]) => localStorage.setItem(key, JSON.stringify(kept))", [key, kept])
    page.reload()
    assert page.locator("#podium-n-marks").inner_text() == "1"
    page.click('[data-view="marks"]')
    assert f"→ {CLASSES[1]}" in page.locator("#podium-mark-table tbody").inner_text()


def test_test_images_can_only_be_looked_at_again(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=images&subset=test&sort=id")
    detail = open_detail(page, IDS[30])
    for name in ("label wrong", "exclude"):
        expect(detail.get_by_role("button", name=name)).to_be_disabled()
    expect(detail.get_by_label("right class")).to_be_disabled()
    page.keyboard.press("2")
    assert page.locator("#podium-n-marks").inner_text() == "0"
    page.keyboard.press("3")
    assert page.locator("#podium-n-marks").inner_text() == "1"


def test_everything_is_reached_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=images&sort=id")
    page.keyboard.press("/")
    page.keyboard.type("train")
    page.keyboard.press("Escape")
    assert page.evaluate("() => document.activeElement.id") == "podium-grid"
    for key in ("ArrowDown", "ArrowRight", "ArrowUp", "ArrowRight", "End", "Home", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#podium-detail-name")).to_have_text(IDS[1])
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("#podium-detail-name")).to_have_text(IDS[2])
    page.keyboard.press("c")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.press("n")
    page.keyboard.type("j h 2")
    page.keyboard.press("Enter")
    page.keyboard.press("h")
    expect(page.locator("#podium-heat-map")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#podium-detail")).to_be_hidden()
    assert page.evaluate("() => document.activeElement.id") == "podium-grid"
    assert page.locator("#podium-grid").get_attribute("aria-activedescendant") == "podium-tile-2"
    page.keyboard.press("?")
    expect(page.locator("#podium-help")).to_be_visible()
    page.keyboard.press("Escape")
    page.click('[data-view="marks"]')
    line = page.locator("#podium-mark-table tbody tr td")
    assert line.nth(1).inner_text() == "label wrong"
    assert line.nth(3).inner_text() == "j h 2"


def test_cells_of_the_confusion_are_one_stop_and_arrows_move_among_them(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=confusion")
    stops = page.locator("table[aria-label='confusion of classes'] button[tabindex='0']")
    expect(stops).to_have_count(1)
    stops.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')").count("predicted as") == 1
    expect(stops).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#podium-grid")).to_be_visible()


def test_detail_shows_what_every_member_says(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=images&sort=id")
    open_detail(page, IDS[3])
    table = page.locator("#podium-chances")
    first = table.locator("thead th").nth(1).inner_text().splitlines()
    assert first == [CLASSES[LABELS[3]], "(true)"]
    for position, chances in enumerate(GALLERY.members.values()):
        told = table.locator("tbody tr").nth(position).locator("td").first.inner_text().strip()
        assert told == f"{100 * chances[3, LABELS[3]]:.1f} %"
    neighbours = page.locator("#podium-neighbours button img")
    expect(neighbours).to_have_count(3)
    neighbours.first.click()
    expect(page.locator("#podium-detail-name")).to_have_text(IDS[0])


def test_true_class_that_nobody_thinks_likely_is_shown_with_its_probability(open_page: OpenPage) -> None:
    chances = np.full((8, 20), 0.05, np.float32)
    chances[:, 3] = 0.005
    chances[:, 0] = 1 - chances[:, 1:].sum(axis=1)
    images = draw_gallery(8, [f"{label}" for label in range(20)]).images
    images.loc[0, "label"] = 3
    gallery = draw_gallery(
        8, [f"{label}" for label in range(20)], images=images, members={"one": chances}, main="one", voters=None
    )
    page = open_page(gallery, "#view=images&sort=id")
    open_detail(page, images["image_id"][0])
    cells = page.locator("#podium-chances tbody td")
    assert cells.nth(0).inner_text().strip() == "0.5 %"


def test_original_beside_the_page_is_shown_and_a_missing_one_is_not_missed(open_page: OpenPage, tmp_path: Path) -> None:
    from PIL import Image

    folder = tmp_path / "자료 #1"
    folder.mkdir()
    Image.new("RGB", (90, 60), "green").save(folder / "그림 100%.png")
    images = GALLERY.images.assign(original=["자료 #1/그림 100%.png", "자료 #1/없음.png", *[""] * 38])
    page = open_page(draw_gallery(images=images), "#view=images&sort=id")
    open_detail(page, IDS[0])
    width = "() => { const img = document.getElementById('podium-original'); return img.complete && img.naturalWidth }"
    wait_for(page, width, 90)
    page.keyboard.press("j")
    wait_for(page, width, 24)


def wait_for(page: Page, expression: str, value: object) -> None:
    """Ask again and again for two seconds; the page's policy forbids what Playwright's own waiting does."""
    for _ in range(100):
        if page.evaluate(expression) == value:
            return
        page.wait_for_timeout(20)
    pytest.fail(f"{expression} is {page.evaluate(expression)}, not {value}")


def test_names_are_shown_as_they_are_and_never_run(open_page: OpenPage) -> None:
    images = GALLERY.images.assign(group_id=HOSTILE)
    page = open_page(draw_gallery(images=images, title=HOSTILE, competition=HOSTILE), "#view=images&sort=id")
    page.locator(".podium-tile").nth(int(np.flatnonzero(LABELS == 3)[0])).click()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    for view in ("marks", "confusion", "report"):
        page.click(f'[data-view="{view}"]')
    assert page.title() == HOSTILE
    assert page.locator("img[src='x'], [onerror]").count() == 0
    assert page.locator("h1").inner_text() == HOSTILE


def test_dark_follows_the_system_and_the_button(open_page: OpenPage) -> None:
    page = open_page(GALLERY)
    paper = "() => getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="dark")
    assert page.evaluate(paper) == "rgb(22, 24, 28)"
    page.click("#podium-theme")
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.emulate_media(color_scheme="light")
    page.click("#podium-theme")
    page.reload()
    assert page.evaluate(paper) == "rgb(22, 24, 28)"


def test_wide_table_of_scores_fits_on_paper(open_page: OpenPage) -> None:
    number = '<td class="number">0.4923 <span class="soft">0.4101-0.5811</span></td>'
    heads = "".join(f'<th class="number">accuracy of value {column}</th>' for column in range(6))
    table = f"<table><tr><th>member</th>{heads}</tr><tr><td>baseline-f4cb24c4c1f1</td>{number * 6}</tr></table>"
    gallery = draw_gallery(sections=[Section("Scores", "scores", f'<div class="wide">{table}</div>')])
    page = open_page(gallery, "#view=report")
    page.set_viewport_size({"width": 718, "height": 1047})  # A4 between margins of a centimetre
    measure = "(element) => [element.scrollWidth, element.clientWidth, getComputedStyle(element).overflowX]"
    wide = page.locator(".wide").filter(has=page.locator("table", has_text="baseline")).first
    inside, room, overflow = wide.evaluate(measure)
    assert inside > room and overflow == "auto", "on the screen it scrolls"
    page.emulate_media(media="print")
    inside, room, overflow = wide.evaluate(measure)
    assert inside <= room and overflow == "visible"


def test_every_control_has_a_name_and_an_id_is_there_once(open_page: OpenPage) -> None:
    page = open_page(GALLERY)
    for view in ("report", "images", "confusion", "marks"):
        page.click(f'[data-view="{view}"]')
        assert page.evaluate(LIST_UNNAMED) == [], view
        assert page.evaluate(COUNT_IDS_TWICE) == 0
    page.click('[data-view="images"]')
    page.locator(".podium-tile").first.click()
    assert page.evaluate(LIST_UNNAMED) == []
    assert page.evaluate("() => document.documentElement.lang") == "en"
    assert page.locator("h1").count() == 1


def test_text_stands_out_from_its_ground_by_day_and_by_night(open_page: OpenPage) -> None:
    page = open_page(GALLERY, "#view=images&sort=id")
    texts = ("wrong .podium-said", "right .podium-said", "caption span", "line label", "line strong")
    for scheme, text in product(("light", "dark"), texts):
        page.emulate_media(color_scheme=scheme)
        assert page.locator(f".podium-{text}").first.evaluate(MEASURE_CONTRAST) >= 4.5, (scheme, text)


def test_numbers_of_the_confusion_stand_out_from_cells_of_any_share_by_day_and_by_night(open_page: OpenPage) -> None:
    n_classes, each = 11, 10
    labels = np.repeat(np.arange(n_classes), each)
    is_right = np.tile(np.arange(each), n_classes) < labels  # of class 3, 3 of 10
    said = np.where(is_right, labels, (labels + 1) % n_classes)
    base = draw_gallery(len(labels), [f"종류 {label}" for label in range(n_classes)])
    images = base.images.assign(subset="train", label=pd.array(labels, dtype="Int64"), suspicion=np.nan, suggested=None)
    members = {"one": np.eye(n_classes, dtype=np.float32)[said]}
    gallery = draw_gallery(
        len(labels), list(base.class_names), images=images, members=members, main="one", voters=None, heat_maps={}
    )
    page = open_page(gallery, "#view=confusion")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        contrasts = page.evaluate(MEASURE_CELLS)
        assert len(contrasts) == 2 * each
        assert min(contrasts) >= 4.5, scheme
        assert len({round(contrast, 2) for contrast in contrasts}) > each, "the share is seen"


def test_page_of_answers_without_labels_holds_members_against_each_other(open_page: OpenPage) -> None:
    n = 8
    rng = np.random.default_rng(5)
    sure = {name: np.eye(4, dtype=np.float32)[rng.integers(0, 4, n)] for name in ("kim", "이")}
    soft = {"park": draw_gallery(n).members["모델 0"]}
    images = draw_gallery(n).images.assign(
        subset="test", label=None, fold=None, group_id=None, suspicion=np.nan, suggested=None
    )
    gallery = draw_gallery(
        n, images=images, members=sure | soft, main="kim", reference="park", class_only=["kim", "이"], voters=None,
        thumbnails=[b""] * n, heat_maps={},
    )  # fmt: skip
    page = open_page(gallery)
    expected = np.argsort(-measure_disagreement(list(gallery.members.values())).astype(np.float32), kind="stable")
    assert list_shown(page) == images["image_id"].to_numpy()[expected].tolist()
    page.locator(".podium-tile").first.click()
    assert "class only" in page.locator("#podium-chances tbody tr").nth(0).inner_text()
    assert page.locator("#podium-chances tbody tr").nth(0).locator(".podium-chance").count() == 0
    assert page.locator("#podium-chances tbody tr").nth(2).locator(".podium-chance").count() > 2
    page.keyboard.press("Escape")
    page.click('[data-view="confusion"]')
    same = int((sure["kim"].argmax(axis=1) == soft["park"].argmax(axis=1)).sum())
    assert f"{same} of 8 images the same" in page.locator("#podium-confusion-told").inner_text()


def test_confusion_of_200_classes_shows_the_most_mixed_up_first(open_page: OpenPage) -> None:
    gallery = draw_gallery(600, [f"종류 {label}" for label in range(200)])
    page = open_page(gallery, "#view=confusion")
    table = page.get_by_role("table", name="confusion of classes")
    assert table.locator("tbody tr").count() == 30
    page.select_option("#podium-which", "all")
    assert table.locator("tbody tr").count() == 200
    labels = gallery.images["label"].to_numpy(dtype=float, na_value=-1)
    right = int((gallery.members["ensemble"].argmax(axis=1) == labels).sum())
    assert page.locator("#podium-confusion-told").inner_text().startswith(f"ensemble: {right} of 450")


def time_first_tiles(page: Page, address: str) -> float:
    """Open an address; return seconds until the first picture is on the screen."""
    begin = time.perf_counter()
    page.goto(address, wait_until="commit")
    while not page.evaluate(HAS_PICTURE):
        page.wait_for_timeout(10)
    return time.perf_counter() - begin


def test_3140_images_open_in_seconds_with_few_tiles_in_the_page(
    open_page: OpenPage, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    gallery: Gallery = draw_gallery(3140, [f"{k}" for k in range(18)], side_px=128)
    (tmp_path / "large.html").write_text(render_gallery(gallery), encoding="utf-8")
    page = open_page(gallery, name="large.html")
    seconds = time_first_tiles(page, (tmp_path / "large.html").as_uri() + "#view=images&size=96")
    record_property("seconds", seconds)
    assert seconds < 4
    assert count(page) == "3,140 images"
    page.locator("#podium-grid").evaluate("grid => { grid.scrollTop = grid.scrollHeight / 2 }")
    page.wait_for_timeout(150)
    in_page = page.locator(".podium-tile").count()
    assert in_page < 250
    middle = page.evaluate(FIND_FIRST_TILE)
    assert 1000 < middle < 1700


def test_confusion_of_some_images_gives_no_shares_of_all(open_page: OpenPage) -> None:
    told = open_page(draw_gallery(n_images_known=400), "#view=confusion").locator("#podium-confusion-told").inner_text()
    n_known, n_right = int((LABELS >= 0).sum()), int((SAID == LABELS)[LABELS >= 0].sum())
    assert f"{n_right} right of the {n_known} images counted here" in told
    assert (
        "shows 40 of 400 images, chosen for their errors: see Scores" in told and "%" not in told.split("Each cell")[0]
    )
    whole = open_page(GALLERY, "#view=confusion", "whole.html").locator("#podium-confusion-told").inner_text()
    assert f"{n_right} of {n_known} images right" in whole and "%" in whole.split("Each cell")[0]


def test_member_held_against_a_member_is_other_and_not_wrong(open_page: OpenPage) -> None:
    page = open_page(draw_gallery(reference="모델 0"), "#view=images&sort=id")
    said = page.locator(".podium-said").all_inner_texts()
    signs = {text[0] for text in said}
    assert signs == {"=", "≠"}
    page.locator(".podium-tile").first.click()
    assert page.locator("#podium-verdict").inner_text().splitlines()[-1].split(": ")[1][0] in "=≠"
