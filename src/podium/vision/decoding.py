"""From the bytes of an image file to upright 8-bit RGB, and to a perceptual hash.

Pillow reads every header and decodes all that is not a plain colour JPEG. Those go to libjpeg-turbo by way of
simplejpeg: the same bytes in half of Pillow's time. It refuses whatever the library so much as warns of; then Pillow
has the last word. OpenCV is nearly as quick, but silently fills what is missing of a cut-off JPEG.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import simplejpeg
from PIL import ExifTags, Image, ImageCms, ImageFile, PngImagePlugin

from podium.vision.reduction import halve

# Formats a photo or a scan comes in. Others are refused: some run outside programs (EPS), some have no signature.
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "AVIF", "JPEG2000", "PPM")
Image.init()

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# How Pillow's readers say that a file ended before they were done.
_ENDS_EARLY = re.compile(
    r"truncat|unpack|only got|EOF|incomplete|no more images|index out of range|chunk b'.{0,3}'", re.IGNORECASE
)
_BITS, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _UNSIGNED = 0, 1
_HASH_ROWS, _HASH_COLUMNS = 16, 17


class UnreadableImage(ValueError):
    """An image file that cannot become pixels; the message says what is wrong with it."""


def decode_image(data: bytes, max_pixels: int) -> np.ndarray:
    """Decode one image file, whatever its kind, into upright 8-bit RGB.

    * The EXIF orientation is applied. Of an animation the first frame counts.
    * Transparent parts show white, like paper.
    * Deep colours are scaled, never clipped: of 16 bits (12 in some TIFF files) the upper eight stay. Pictures in
      32-bit integers or floats have no agreed white, so the smallest usual one that holds all their values is taken
      (1 for floats, 255, 65535); failing that, the darkest value becomes black and the brightest white.
    * CMYK is converted by the plain formula (255 - C)(255 - K) / 255; colour profiles are not applied.

    JPEG carries no checksums: damage in its middle that still decodes goes unnoticed; a missing end does not.

    Args:
        data: The whole file.
        max_pixels: The most pixels (width x height) that are decoded. It is compared with the header before any pixel
            is decoded, and takes the place of Pillow's own limit.

    Returns:
        uint8, (height, width, 3), perhaps read-only.

    Raises:
        UnreadableImage: The file is empty, not an image, too large, cut off or damaged.
    """
    if not data:
        raise UnreadableImage("empty file")
    stream = io.BytesIO(data)
    image = _open_image(stream)
    _check_size(image, max_pixels)
    with _naming_damage(str(image.format)):
        _check_completeness(str(image.format), data, header_end=stream.tell())
        if (pixels := _decode_colour_jpeg(image, data)) is not None:
            return pixels
        image.load()
        return _copy_pixels(_turn_upright(image, _convert_to_rgb(image)))


def hash_perceptually(image: np.ndarray) -> str:
    """Describe how brightness changes from left to right, so that copies of one picture are found.

    A difference hash (dHash) of 16 x 16 bits: the gray picture is averaged down to 16 rows of 17 values; a bit is set
    where a value is brighter than its left neighbour by more than one level of 256 (less is noise: with this margin
    fewer bits of a page or a small photo change on saving). Saving anew or scaling changes a few bits, another picture
    about half of them; nearly empty pictures have few bits set and resemble each other.

    Args:
        image: uint8, (height, width, 3), upright.

    Returns:
        64 hexadecimal digits, row by row; compare by the number of differing bits (0 to 256).
    """
    smaller = halve(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), (8 * _HASH_ROWS, 8 * _HASH_COLUMNS))
    tiny = _average_blocks(smaller)
    return np.packbits(tiny[:, 1:] > tiny[:, :-1] + 1).tobytes().hex()


def _average_blocks(gray: np.ndarray) -> np.ndarray:
    """Average a picture down to float64, (_HASH_ROWS, _HASH_COLUMNS); edges of blocks may lie within pixels.

    As OpenCV's ``INTER_AREA`` does, in a fifth of its time: from the sums of all that is above and left of a point.
    """
    height, width = gray.shape
    sums = cv2.integral(gray, sdepth=cv2.CV_32S if gray.size < 2**31 // 255 else cv2.CV_64F)
    (row, below), (column, beside) = _cut_axis(height, _HASH_ROWS), _cut_axis(width, _HASH_COLUMNS)
    upper = sums[row]
    above = upper + below[:, None] * (sums[row + 1] - upper)
    bands = above[1:] - above[:-1]
    left = bands[:, column]
    before = left + beside * (bands[:, column + 1] - left)
    return (before[:, 1:] - before[:, :-1]) * (_HASH_ROWS * _HASH_COLUMNS / (height * width))


@lru_cache(1024)
def _cut_axis(n_px: int, n_parts: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut an axis into equal parts: which pixel each of the n_parts + 1 edges lies in, and how far within it."""
    edges = np.arange(n_parts + 1) * (n_px / n_parts)
    pixels = np.minimum(edges.astype(np.int64), n_px - 1)
    return pixels, edges - pixels


def _open_image(stream: io.BytesIO) -> ImageFile.ImageFile:
    """Read the header. ``Image.open`` would do, but for its fixed pixel limit and its silence on why it failed."""
    prefix = stream.read(16)
    for name in FORMATS:
        factory, accepts = Image.OPEN.get(name, (None, None))
        if factory is None or accepts is None or accepts(prefix) is not True:
            continue
        stream.seek(0)
        with _naming_damage(name):
            return factory(stream, "")
    raise UnreadableImage(f"not an image (no {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file)")


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise UnreadableImage(f"is {width} x {height} px, more than max_pixels {max_pixels}")


def _check_completeness(name: str, data: bytes, header_end: int) -> None:
    """Find what Pillow overlooks: wrong checksums of a PNG, a missing end."""
    if name == "PNG":
        PngImagePlugin.PngImageFile(io.BytesIO(data)).verify()
    if name in ("JPEG", "MPO", "JPEG2000") and data.find(b"\xff\xd9", header_end) < 0:
        raise UnreadableImage(f"truncated: {name} file without an end marker")


def _decode_colour_jpeg(image: ImageFile.ImageFile, data: bytes) -> np.ndarray | None:
    """Decode a sound, upright JPEG in colour to uint8, (height, width, 3), contiguous; give nothing for any other."""
    if image.format != "JPEG" or image.mode != "RGB" or _get_transposition(image) is not None:
        return None
    try:
        pixels = simplejpeg.decode_jpeg(data, strict=True)
    except ValueError:
        return None
    return pixels if pixels.shape[1::-1] == image.size else None


@contextmanager
def _naming_damage(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on a broken file into one kind of error.

    Pillow's decoders raise nearly everything (OSError, SyntaxError, struct.error, IndexError, zlib.error ...); only
    lack of memory is not the file's fault.
    """
    try:
        yield
    except (UnreadableImage, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise UnreadableImage(f"more pixels than Pillow can be told to decode in a {name} file: {error}") from error
    except Exception as error:
        text = str(error) or type(error).__name__
        fault = "truncated" if _ENDS_EARLY.search(text) else "damaged"
        raise UnreadableImage(f"{fault}: {name} file, {text}") from error


def _convert_to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F" or image.mode.startswith("I"):
        image = Image.fromarray(_scale_deep_gray(image))
    if image.has_transparency_data:
        return _put_on_white(image)
    if image.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
        assert converted is not None  # only None when converting in place
        return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def _put_on_white(image: Image.Image) -> Image.Image:
    if image.mode == "La":
        image = image.convert("LA")
    rgba = image.convert("RGBA")
    page = Image.new("RGB", rgba.size, "white")
    page.paste(rgba, mask=rgba)
    return page


def _scale_deep_gray(image: Image.Image) -> np.ndarray:
    """Bring gray values of more than eight bits to uint8, (height, width)."""
    tags: dict[int, Any] = dict(getattr(image, "tag_v2", {}))
    values = np.asarray(image)
    bits = tags.get(_BITS, (16,))[0]
    if image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM")):
        gray = (values >> (bits - 8)).clip(0, 255).astype(np.uint8)
    elif image.mode == "I" and tags.get(_SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED:
        gray = _scale_unbounded(values.view(np.uint32))  # Pillow knows no unsigned ones and wraps them
    else:
        gray = _scale_unbounded(values)
    return 255 - gray if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else gray


def _scale_unbounded(values: np.ndarray) -> np.ndarray:
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(values.shape, np.uint8)
    low, high = float(finite.min()), float(finite.max())
    usual_whites = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    fitting = [white for white in usual_whites if low >= 0 and high <= white]
    black, white = (0.0, fitting[0]) if fitting else (low, high)
    known = np.nan_to_num(values.astype(np.float64), nan=black, posinf=high, neginf=low)
    return np.rint((known - black) * (255.0 / (white - black))).astype(np.uint8)


def _turn_upright(opened: Image.Image, image: Image.Image) -> Image.Image:
    """Apply the orientation that ``opened`` states (Pillow itself does so for TIFF)."""
    method = _get_transposition(opened)
    return image if method is None else image.transpose(method)


def _get_transposition(opened: Image.Image) -> Image.Transpose | None:
    """Find how a picture must be turned; a broken EXIF part states nothing."""
    try:
        return _TRANSPOSE.get(opened.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return None


def _copy_pixels(image: Image.Image) -> np.ndarray:
    """Copy an RGB picture to uint8, (height, width, 3).

    ``np.asarray`` does so too, in four times the time and without letting other threads run.
    """
    try:
        padded = pa.array(image).values.buffers()[1]  # Pillow's own memory, four bytes a pixel
    except ValueError:  # pictures of over 16 MiB lie there in several pieces
        return np.asarray(image)
    pixels = np.frombuffer(padded, np.uint8).reshape(image.height, image.width, 4)
    return cv2.cvtColor(pixels, cv2.COLOR_RGBA2RGB)
