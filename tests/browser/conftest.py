"""A browser that shows pages from a folder, and complains when a page asks for anything else."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from podium.browser import Gallery, render_gallery

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WIDTH_PX, HEIGHT_PX = 1280, 1400  # forty tiles are in sight at once

OpenPage = Callable[..., Page]


def is_error(message: ConsoleMessage) -> bool:
    """Tell errors from the missing originals of pictures, which a page may have."""
    return message.type == "error" and "ERR_FILE_NOT_FOUND" not in message.text


# One a module, since a loop of events runs as long as it is there, and other tests start loops of their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium or Chrome as the system has it; a test that needs it skips without one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"none of {', '.join(NAMES)} is installed")
    as_root = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=as_root)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, tmp_path: Path) -> Iterator[OpenPage]:
    """Write a gallery to a file and open it; at the end, no page may have asked for more, nor have had an error."""
    asked: list[str] = []
    errors: list[str] = []
    context = browser.new_context(
        viewport={"width": WIDTH_PX, "height": HEIGHT_PX}, color_scheme="light", accept_downloads=True
    )

    def open_page(gallery: Gallery, address: str = "#view=images", name: str = "report.html") -> Page:
        path = tmp_path / name
        if not path.exists():
            path.write_text(render_gallery(gallery), encoding="utf-8")
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if is_error(message) else None)
        page.goto(path.as_uri() + address)
        return page

    yield open_page
    context.close()
    assert [url for url in asked if not url.startswith((tmp_path.as_uri(), "data:", "blob:"))] == []
    assert errors == []
