"""Copy the pictures of a run into this folder, small enough for a repository.

From the project's folder, after `kedro run`: python docs/pictures/renew.py data/08_reporting/demo
Pictures of policies need no run (draw_policies.py); those of pages have scripts of their own (photograph*.py).
"""

import sys
from pathlib import Path

from PIL import Image

WIDTHS_PX = {
    "contact_sheet.png": 760,
    "confusion.png": 800,
    "attribute_confusion.png": 1000,
    "graph.png": 1000,
    "mlflow.png": 1000,
}
LARGEST_BYTES = 300_000


def shrink_picture(picture: Image.Image, target: Path, width_px: int) -> None:
    """Scale a picture down to ``width_px`` and to as many colours as fit into 300 KB.

    Raises:
        ValueError: Even 32 colours make a larger file.
    """
    picture = picture.convert("RGB")
    width_px = min(width_px, picture.width)
    picture = picture.resize((width_px, round(picture.height * width_px / picture.width)), Image.Resampling.LANCZOS)
    for n_colours in (256, 128, 64, 32):
        # Two steps, since only a given palette is dithered: without it, even greys come out tinted, in bands.
        palette = picture.quantize(n_colours, Image.Quantize.MAXCOVERAGE)
        picture.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG).save(target, optimize=True)
        if target.stat().st_size <= LARGEST_BYTES:
            return
    raise ValueError(f"{target}: {target.stat().st_size} bytes at 32 colours; make it narrower than {width_px} px")


def main(folder: Path) -> None:
    """Renew each picture that lies in ``folder``; the others stay."""
    for name, width_px in WIDTHS_PX.items():
        if (folder / name).exists():
            shrink_picture(Image.open(folder / name), Path(__file__).parent / name, width_px)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
