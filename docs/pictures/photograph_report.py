"""Photograph the page of a report: python docs/pictures/photograph_report.py data/08_reporting/demo/report.html

Needs Chromium. The pictures are report.png, report_image.png and report_confusion.png in this folder.
"""

import io
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright
from renew import shrink_picture

FOLDER = Path(__file__).parent
SIZE_PX = (1280, 860)
SETTLING_MS = 700


def show_grid(page: Page) -> None:
    """Show the images with the largest loss."""
    page.click('[data-view="images"]')


def show_image(page: Page) -> None:
    """Open the worst image that has a heat map, and lay the map over it."""
    page.click('[data-view="images"]')
    if page.locator("#podium-heat").is_visible():
        page.check("#podium-heat")
    page.locator("#podium-grid").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("h")


def show_confusion(page: Page) -> None:
    """Show who is taken for whom."""
    page.click('[data-view="confusion"]')


PICTURES: dict[str, Callable[[Page], None]] = {
    "report": show_grid,
    "report_image": show_image,
    "report_confusion": show_confusion,
}


def main(report: Path) -> None:
    """Take every picture anew, each of a page that was just opened."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, show in PICTURES.items():
            page = browser.new_page(viewport={"width": SIZE_PX[0], "height": SIZE_PX[1]}, color_scheme="light")
            page.goto(report.absolute().as_uri())
            show(page)
            page.wait_for_timeout(SETTLING_MS)
            shrink_picture(Image.open(io.BytesIO(page.screenshot())), FOLDER / f"{name}.png", SIZE_PX[0])
            page.close()
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
