"""Pages for people: one self-contained HTML file each, without scripts, network or further files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent


def render_page(template: Path, filters: Mapping[str, Callable[..., str]], **values: Any) -> str:
    """Fill a Jinja2 template that extends ``base.html``; every text is escaped.

    Args:
        template: The file.
        filters: What it calls by name to turn values into text.
        values: What it shows.

    Raises:
        jinja2.UndefinedError: The template names a value that is not given.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=FileSystemLoader([template.parent, _HERE], encoding="utf-8"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(template.name).render(**values)
