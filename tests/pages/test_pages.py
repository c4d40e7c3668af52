from pathlib import Path

import pytest
from jinja2 import UndefinedError

from podium.pages import render_page


def write(folder: Path, text: str) -> Path:
    template = folder / "page.html"
    template.write_text('{% extends "base.html" %}{% block body %}' + text + "{% endblock %}", encoding="utf-8")
    return template


def test_values_are_escaped_and_filters_applied(tmp_path: Path) -> None:
    template = write(tmp_path, "<p>{{ name }} {{ share | percent }}</p>")
    page = render_page(template, {"percent": lambda share: f"{share:.0%}"}, name="<가>", share=0.5)
    assert "<p>&lt;가&gt; 50%</p>" in page
    assert page.startswith("<!doctype html>")


def test_value_that_is_not_given_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UndefinedError, match="name"):
        render_page(write(tmp_path, "{{ name }}"), {})


def test_base_loads_nothing_and_knows_dark_and_print(tmp_path: Path) -> None:
    page = render_page(write(tmp_path, ""), {})
    assert "http" not in page.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page
