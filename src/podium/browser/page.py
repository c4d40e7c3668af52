"""The page of images, as one HTML file without a server or a network."""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from podium.browser.columns import THUMBNAILS_A_CHUNK, encode_thumbnails, pack_gallery
from podium.browser.gallery import Gallery
from podium.browser.letters import embed_letters
from podium.pages import render_page

_HERE = Path(__file__).parent
_SCRIPTS = (
    "data", "state", "choice", "marks", "pictures", "grid", "filters", "confusion", "heat", "detail", "lists", "keys",
    "start",
)  # fmt: skip


def render_gallery(gallery: Gallery) -> str:
    """Return the whole page; equal galleries give equal text.

    The data lie in the page as text that is no script. The one script is allowed by its digest alone, so that nothing
    in a name, and nothing in a section, can run.
    """
    from markupsafe import Markup

    script = join_scripts()
    chunks, lengths = encode_thumbnails(gallery.thumbnails)
    data = pack_gallery(gallery) | {"thumbnailLengths": lengths, "thumbnailsAChunk": THUMBNAILS_A_CHUNK}
    return render_page(
        _HERE / "gallery.html",
        {},
        gallery=gallery,
        style=Markup((_HERE / "gallery.css").read_text(encoding="utf-8")),
        letters=Markup(embed_letters(gallery)),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii"),
        data=Markup(escape_json(data)),
        chunks=[Markup(chunk) for chunk in chunks],
    )


def join_scripts() -> str:
    """Join the parts of the script, which see each other's names, and nobody else does."""
    parts = [(_HERE / "scripts" / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return "\n".join(['"use strict";', "(() => {", *parts, "})();"])


def escape_json(values: Any) -> str:
    """Write JSON that may lie in an HTML page: no text in it can end the element that holds it, nor begin another."""
    text = json.dumps(values, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
