"""Pages that nobody wrote: a letter, a form and a newspaper with made-up words."""

from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

PAGE_KINDS = ("letter", "form", "news")
FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
SHEET_PX = (800, 566)
"""Height and width to draw at: a sheet of A4."""

INK, PAPER = 25, 255
SYLLABLES = ("ba", "lo", "mir", "ten", "sa", "ku", "ver", "na", "dil", "po", "ra", "fen")


def draw_page(kind: str, size_px: tuple[int, int], seed: int) -> np.ndarray:
    """Draw one page, padded with white to the shape that is asked for.

    Args:
        kind: One of ``PAGE_KINDS``.
        size_px: Height and width of the picture.
        seed: Of its words.

    Returns:
        uint8, (height, width, 3).
    """
    rng = np.random.default_rng(seed)
    sheet = Image.new("L", SHEET_PX[::-1], PAPER)
    {"letter": _write_letter, "form": _rule_form, "news": _set_news}[kind](ImageDraw.Draw(sheet), rng)
    height, width = size_px
    scale = min(height / SHEET_PX[0], width / SHEET_PX[1])
    small = sheet.resize((round(SHEET_PX[1] * scale), round(SHEET_PX[0] * scale)), Image.Resampling.LANCZOS)
    page = np.full((height, width), PAPER, np.uint8)
    top, left = (height - small.height) // 2, (width - small.width) // 2
    page[top : top + small.height, left : left + small.width] = np.asarray(small)
    return cv2.cvtColor(page, cv2.COLOR_GRAY2RGB)


def _write_letter(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.text((170, 50), _imagine_words(rng, 2).upper(), INK, _load_font("DejaVuSerif-Bold", 26))
    _write_lines(draw, rng, (60, 150, 220), 4)
    _write_lines(draw, rng, (60, 260, 500), 9)
    _write_lines(draw, rng, (60, 500, 500), 7)
    draw.text((340, 700), _imagine_words(rng, 2).title(), INK, _load_font("DejaVuSerif-Italic", 22))


def _rule_form(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.text((60, 40), _imagine_words(rng, 3).title(), INK, _load_font("DejaVuSans-Bold", 26))
    for row in range(15):
        y = 110 + 40 * row
        draw.rectangle((50, y, 516, y + 40), outline=INK, width=2)
        draw.text((60, y + 8), _imagine_words(rng, 1), INK, _load_font("DejaVuSans", 18))
        draw.text((400, y + 8), f"{int(rng.integers(10, 99_999)):>6}", INK, _load_font("DejaVuSansMono", 18))
    draw.line((380, 110, 380, 710), INK, 2)


def _set_news(draw: ImageDraw.ImageDraw, rng: np.random.Generator) -> None:
    draw.text((45, 30), _imagine_words(rng, 2).title(), INK, _load_font("DejaVuSerif-Bold", 46))
    draw.line((40, 100, 526, 100), INK, 4)
    draw.rectangle((215, 130, 520, 330), fill=110)
    draw.ellipse((300, 170, 400, 330), fill=190)
    draw.rectangle((430, 230, 500, 330), fill=60)
    for x, y, n_lines in ((45, 130, 26), (215, 350, 16), (375, 350, 16)):
        _write_lines(draw, rng, (x, y, x + 145), n_lines)


def _write_lines(draw: ImageDraw.ImageDraw, rng: np.random.Generator, box: tuple[int, int, int], n_lines: int) -> None:
    """Fill lines from ``box`` (left, top, right) downwards."""
    left, top, right = box
    font = _load_font("DejaVuSerif", 17)
    for line in range(n_lines):
        words = _imagine_words(rng, 12).split()
        while font.getlength(" ".join(words)) > right - left:
            words.pop()
        draw.text((left, top + 24 * line), " ".join(words), INK, font)


def _imagine_words(rng: np.random.Generator, n: int) -> str:
    return " ".join("".join(rng.choice(SYLLABLES, size=int(rng.integers(1, 4)))) for _ in range(n))


def _load_font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(FONTS / f"{name}.ttf", size_px)
