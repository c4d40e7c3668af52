"""The file itself, without a browser."""

import hashlib
import json
import re
from base64 import b64encode

import pytest

from browser.drawn_gallery import HOSTILE, draw_gallery
from podium.browser import render_gallery
from podium.browser.page import escape_json, join_scripts


@pytest.fixture(scope="module")
def page() -> str:
    return render_gallery(draw_gallery(12))


def test_equal_galleries_give_equal_pages(page: str) -> None:
    assert render_gallery(draw_gallery(12)) == page


def test_only_the_one_script_may_run(page: str) -> None:
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digest = b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    assert len(scripts) == 1
    assert f"script-src 'sha256-{digest}';" in policy
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_page_names_no_address_in_the_network(page: str) -> None:
    assert re.findall(r"https?://", page) == []
    assert "<link" not in page
    assert "@import" not in page


def test_no_name_can_end_the_data_or_become_an_element(page: str) -> None:
    assert HOSTILE not in page
    (text,) = re.findall(r'<script type="application/json" id="podium-data">(.*?)</script>', page, re.DOTALL)
    assert not re.search(r"[<>&]", text)
    assert HOSTILE in json.loads(text)["classNames"]


def test_json_of_any_text_reads_back_as_it_was() -> None:
    values = {"</script><!--": ["&lt;", "\u2028", "가\ud7a3", '"', "\\"]}
    assert json.loads(escape_json(values)) == values


def test_script_never_reads_text_as_html() -> None:
    script = join_scripts()
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", script)


def test_every_id_that_the_script_asks_for_is_on_the_page(page: str) -> None:
    asked = set(re.findall(r'byId\("([\w-]+)"\)', join_scripts()))
    made_by_script = {
        f"podium-{part}-{key}" for part in ("name", "filter") for key in ("true", "answer", "fold", "subset")
    }
    assert len(asked) > 30
    assert asked - made_by_script <= set(re.findall(r'id="([\w-]+)"', page))
