"""The font of a page, read back with fontTools."""

import base64
import io

from fontTools.ttLib import TTFont

from browser.drawn_gallery import draw_gallery
from podium.browser.letters import cut_letters, embed_letters


def list_letters(font: str) -> set[str]:
    return {chr(code) for code in TTFont(io.BytesIO(base64.b64decode(font))).getBestCmap()}


def test_page_carries_just_the_letters_of_its_names() -> None:
    letters = list_letters(embed_letters(draw_gallery(8)))
    assert letters == set("가면남여맨얼굴사진모델람")


def test_page_of_latin_names_carries_no_font() -> None:
    gallery = draw_gallery(8, ["one", "été"])
    images = gallery.images.assign(image_id=[f"{row}.jpg" for row in range(8)], group_id=None)
    members = {"main": gallery.members["ensemble"]}
    plain = draw_gallery(8, ["one", "été"], images=images, members=members, main="main", voters=None, heat_map_title="")
    assert embed_letters(plain) == ""


def test_letters_that_the_font_lacks_are_left_out_and_equal_letters_give_equal_bytes() -> None:
    font = cut_letters("가漢\U0001f600")
    assert list_letters(font) == {"가", "漢"}
    cut_letters.cache_clear()
    assert cut_letters("가漢\U0001f600") == font
