"""Letters that a reader's system may lack: cut out of the font that the project draws its plots with."""

import base64
import io
from collections.abc import Iterable
from functools import cache

from podium.browser.gallery import Gallery

FIRST_LETTER = 0x1100
"""Hangul Jamo; before it are the scripts that every system has letters for."""

FAMILY = "Noto Sans CJK KR"
_DROPPED = ["GSUB", "GPOS", "BASE", "VORG", "vhea", "vmtx"]  # for vertical lines and variants, which the page has not


def embed_letters(gallery: Gallery) -> str:
    """Return the Korean, Japanese and Chinese letters of a page as a font, base64 of OpenType; ``''`` without any."""
    images = gallery.images
    texts: list[Iterable[str]] = [
        [gallery.title, gallery.competition, gallery.heat_map_title],
        gallery.class_names,
        gallery.members,
        images["image_id"].astype("str"),
        images["group_id"].dropna().astype("str").unique(),
        *([name, *map(str, attribute.values)] for name, attribute in gallery.attributes.items()),
        *([section.title, section.html] for section in gallery.sections),
    ]
    letters = {letter for part in texts for text in part for letter in text if ord(letter) >= FIRST_LETTER}
    return cut_letters("".join(sorted(letters))) if letters else ""


@cache
def cut_letters(letters: str) -> str:
    """Return a font with these letters, as far as ours has them; equal letters give equal bytes.

    Args:
        letters: Each once, sorted.
    """
    from fontTools import subset
    from fontTools.ttLib import TTCollection
    from noto_cjk_sans_otc import FONT_PATH

    with TTCollection(FONT_PATH, lazy=True) as collection:
        font = next(font for font in collection.fonts if font["name"].getBestFamilyName() == FAMILY)
        font.recalcTimestamp = False
        options = subset.Options(layout_features=[], hinting=False, name_IDs=[])
        options.drop_tables += _DROPPED
        cutter = subset.Subsetter(options)
        cutter.populate(text=letters)
        cutter.subset(font)
        file = io.BytesIO()
        font.save(file)
    return base64.b64encode(file.getvalue()).decode("ascii")
