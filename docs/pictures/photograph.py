"""Photograph the pages of `make ui`: python docs/pictures/photograph.py graph|mlflow <address> <folder>

The address of MLflow is that of a run, with its tab "Model metrics" open. Needs Chromium. The pictures are
<folder>/graph.png and <folder>/mlflow.png; renew.py makes them small enough.
"""

import json
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

LOADING_MS = 6000
SIZES_PX = {"graph": (1130, 1500), "mlflow": (1500, 900)}


def tidy_graph(page: Page) -> None:
    """Set what Kedro-Viz keeps in the browser: daylight, no tour of its features, no side panels."""
    settings = json.loads(page.evaluate("localStorage.KedroViz"))
    settings |= {"theme": "light", "showFeatureHints": False}
    settings["visible"] |= {"miniMap": False, "sidebar": False}
    page.evaluate("settings => { localStorage.KedroViz = settings }", json.dumps(settings))
    page.reload()


def show_curves(page: Page) -> None:
    """Show the metrics that are logged epoch by epoch, and no assistant beside them."""
    address = page.url
    page.get_by_text("Model training", exact=True).click()
    page.wait_for_timeout(LOADING_MS)
    page.goto(address)
    page.wait_for_timeout(LOADING_MS)
    page.get_by_role("button", name="Close", exact=True).click()
    page.get_by_placeholder("Search metric charts").press_sequentially("val_", delay=50)


def main(subject: str, address: str, folder: Path) -> None:
    """Take the picture of ``subject``."""
    width_px, height_px = SIZES_PX[subject]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width_px, "height": height_px}, device_scale_factor=1.4)
        page.goto(address)
        page.wait_for_timeout(LOADING_MS)
        {"graph": tidy_graph, "mlflow": show_curves}[subject](page)
        page.wait_for_timeout(LOADING_MS)
        page.screenshot(path=folder / f"{subject}.png")
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
