"""Each kind of file against arithmetic or another library, each kind of damage by its reason."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageFile
from sklearn.datasets import load_sample_image

from podium.vision import decoding
from podium.vision.decoding import UnreadableImage, decode_image, hash_perceptually

PLENTY = 10**6


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """uint8, (36, 48, 3): smooth, so that lossy formats come close, and different in each corner."""
    coarse = np.random.default_rng(7).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return cv2.resize(coarse, (48, 36), interpolation=cv2.INTER_LINEAR)


def save(image: Image.Image | np.ndarray, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def save_by_cv2(extension: str, image: np.ndarray) -> bytes:
    done, data = cv2.imencode(extension, image[..., ::-1] if image.ndim == 3 else image)
    assert done
    return data.tobytes()


def make_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_png(width: int, height: int, raw: bytes, bits: int = 8, colour: int = 2, extra: bytes = b"") -> bytes:
    header = make_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    body = make_chunk(b"IDAT", zlib.compress(raw)) + make_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + extra + body


def make_tiff(width: int, bits: int, raw: bytes, photometric: int = 1, sample_format: int = 1) -> bytes:
    """One gray row, little-endian, uncompressed."""
    tags = {256: (width,), 257: (1,), 258: (bits,), 259: (1,), 262: (photometric,), 277: (1,), 278: (1,)}
    return pack_tiff({**tags, 279: (len(raw),), 339: (sample_format,)}, raw)


def pack_tiff(tags: dict[int, tuple[int, ...]], raw: bytes) -> bytes:
    tags = dict(sorted({**tags, 273: (200,)}.items()))  # where the pixels begin
    entries = b""
    for tag, values in tags.items():  # one 4-byte or two 2-byte numbers
        kind, code = ("I", 4) if len(values) == 1 else ("HH", 3)
        entries += struct.pack(f"<HHI{kind}", tag, code, len(values), *values)
    return (b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + b"\0" * 4).ljust(200, b"\0") + raw


def difference(first: np.ndarray, second: np.ndarray) -> float:
    assert first.shape == second.shape
    return float(np.abs(first.astype(float) - second).max())


UPRIGHT = {
    1: lambda stored: stored,
    2: np.fliplr,
    3: lambda stored: np.rot90(stored, 2),
    4: np.flipud,
    5: lambda stored: stored.swapaxes(0, 1),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: np.rot90(stored, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_every_exif_orientation_comes_out_upright(picture: np.ndarray, orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode_image(save(picture, kind, exif=exif, **options), PLENTY)
    np.testing.assert_array_equal(decoded, UPRIGHT[orientation](picture))


@pytest.mark.parametrize("orientation", UPRIGHT)
def test_jpeg_equals_opencv_for_every_orientation(picture: np.ndarray, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    data = save(picture, "JPEG", quality=90, exif=exif)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_array_equal(decode_image(data, PLENTY), expected)


def test_damaged_jpegs_are_judged_and_decoded_as_by_pillow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    photo = np.asarray(Image.fromarray(load_sample_image("china.jpg")).resize((320, 240)))
    rng = np.random.default_rng(0)
    whole = np.frombuffer(save(photo, "JPEG", quality=85), np.uint8)
    files = [whole.tobytes()]
    for _ in range(100):
        places = rng.integers(20, len(whole), 3)
        overwritten = whole.copy()
        overwritten[places] = rng.integers(0, 256, 3)
        files += [overwritten.tobytes(), np.delete(whole, np.arange(places[0], places[0] + 9) % len(whole)).tobytes()]
    quick = [decode_or_refuse(data) for data in files]
    monkeypatch.setattr(decoding, "_decode_colour_jpeg", lambda image, data: None)
    expected = [decode_or_refuse(data) for data in files]
    assert len({type(result) for result in expected}) == 2, "some must be refused, and some decoded"
    for found, wanted in zip(quick, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)


def decode_or_refuse(data: bytes) -> np.ndarray | str:
    try:
        return decode_image(data, PLENTY)
    except UnreadableImage as error:
        return str(error)


def test_broken_exif_leaves_the_picture_as_it_is(picture: np.ndarray) -> None:
    data = save(picture, "PNG", exif=b"Exif\0\0no such thing")
    np.testing.assert_array_equal(decode_image(data, PLENTY), picture)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "GIF", "WEBP", "JPEG2000"])
def test_gray_has_three_equal_channels(picture: np.ndarray, kind: str) -> None:
    gray = picture[..., 0]
    options = {"lossless": True} if kind == "WEBP" else {}
    np.testing.assert_array_equal(decode_image(save(gray, kind, **options), PLENTY), np.dstack([gray] * 3))


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "JPEG2000"])
def test_lossy_formats_come_close_to_the_original(picture: np.ndarray, kind: str) -> None:
    options = {"quality_layers": [4]} if kind == "JPEG2000" else {"quality": 95}
    decoded = decode_image(save(picture, kind, **options), PLENTY)
    assert np.abs(decoded.astype(float) - picture).mean() < 5


def test_one_bit_is_black_and_white() -> None:
    bits = np.array([[True, False, True], [False, False, True]])
    decoded = decode_image(save(Image.fromarray(bits), "PNG"), PLENTY)
    np.testing.assert_array_equal(decoded, np.dstack([bits * 255] * 3))


def test_palette_colours_are_looked_up() -> None:
    palette = np.array([[10, 20, 30], [200, 100, 50], [0, 255, 7]], np.uint8)
    numbers = np.array([[0, 1, 2], [2, 0, 1]], np.uint8)
    image = Image.fromarray(numbers).convert("P")
    image.putpalette(palette.tobytes())
    np.testing.assert_array_equal(decode_image(save(image, "PNG"), PLENTY), palette[numbers])


def test_transparent_palette_colour_shows_white() -> None:
    image = Image.fromarray(np.array([[0, 1]], np.uint8)).convert("P")
    image.putpalette(bytes([10, 20, 30, 200, 100, 50]))
    decoded = decode_image(save(image, "PNG", transparency=0), PLENTY)
    np.testing.assert_array_equal(decoded, [[[255, 255, 255], [200, 100, 50]]])


@pytest.mark.parametrize("n_channels", [2, 4])
def test_alpha_is_composited_over_white(n_channels: int) -> None:
    pixels = np.random.default_rng(3).integers(0, 256, (20, 20, n_channels), dtype=np.uint8)
    colour, alpha = pixels[..., :-1].astype(float), pixels[..., -1:] / 255
    expected = np.broadcast_to(colour * alpha + 255 * (1 - alpha), (20, 20, 3))
    assert difference(decode_image(save(pixels, "PNG"), PLENTY), expected) <= 0.51


def test_premultiplied_alpha_is_composited() -> None:
    raw = bytes([100, 200, 0, 0, 60, 255])  # gray already times alpha, then alpha
    tags = {256: (3,), 257: (1,), 258: (8, 8), 259: (1,), 262: (1,), 277: (2,), 278: (1,), 279: (6,), 338: (1,)}
    decoded = decode_image(pack_tiff(tags, raw), PLENTY)[0, :, 0]
    np.testing.assert_allclose(decoded, [100 + 255 - 200, 255, 60], atol=1)


def test_key_colour_shows_white() -> None:
    data = make_png(4, 1, b"\0\x00\x10\x20\x30", colour=0, extra=make_chunk(b"tRNS", b"\0\x10"))
    assert decode_image(data, PLENTY)[0, :, 0].tolist() == [0, 255, 32, 48]


def cmyk_pixels() -> np.ndarray:
    flat = np.array([[0, 0, 0, 0], [255, 0, 0, 0], [0, 128, 255, 0], [40, 90, 10, 100], [0, 0, 0, 255]], np.uint8)
    return np.repeat(np.repeat(flat[None], 8, axis=0), 8, axis=1)  # blocks of 8 px, which JPEG keeps


def convert_cmyk(cmyk: np.ndarray) -> np.ndarray:
    return (255.0 - cmyk[..., :3]) * (255.0 - cmyk[..., 3:]) / 255


@pytest.mark.parametrize(("kind", "tolerance"), [("TIFF", 1), ("JPEG", 6)])
def test_cmyk_follows_the_plain_formula(kind: str, tolerance: float) -> None:
    data = save(Image.frombytes("CMYK", (40, 8), cmyk_pixels().tobytes()), kind)
    assert difference(decode_image(data, PLENTY), convert_cmyk(cmyk_pixels())) <= tolerance


def test_cmyk_jpeg_equals_opencv() -> None:
    data = save(Image.frombytes("CMYK", (40, 8), cmyk_pixels().tobytes()), "JPEG", quality=100)
    assert b"Adobe" in data  # which says that the numbers are stored inverted
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert difference(decode_image(data, PLENTY), expected) <= 2


def test_lab_white_and_gray_stay_neutral() -> None:
    image = Image.merge("LAB", [Image.new("L", (2, 1), 200), Image.new("L", (2, 1), 128), Image.new("L", (2, 1), 128)])
    red, green, blue = decode_image(save(image, "TIFF"), PLENTY)[0, 0].tolist()
    assert red == green == blue == pytest.approx(194, abs=1)  # L* 78.4 is sRGB 194


@pytest.mark.parametrize("extension", [".png", ".tiff"])
@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 3)])
def test_sixteen_bits_are_scaled_not_clipped(extension: str, shape: tuple[int, ...]) -> None:
    deep = np.random.default_rng(1).integers(0, 65536, shape, dtype=np.uint16)
    decoded = decode_image(save_by_cv2(extension, deep), PLENTY)
    expected = deep / 257 if deep.ndim == 3 else np.dstack([deep / 257] * 3)
    assert difference(decoded, expected) <= 1


def test_sixteen_bit_alpha_is_composited() -> None:
    raw = b"\0" + np.array([1000, 0, 1000, 65535], ">u2").tobytes()  # gray and alpha
    assert decode_image(make_png(2, 1, raw, bits=16, colour=4), PLENTY)[0, :, 0].tolist() == [255, 3]


def test_deep_portable_graymap_is_scaled() -> None:
    data = b"P5 3 1 1000\n" + np.array([0, 500, 1000], ">u2").tobytes()
    np.testing.assert_allclose(decode_image(data, PLENTY)[0, :, 0], [0, 127.5, 255], atol=1)
    dark = b"P5 2 1 65535\n" + np.array([0, 200], ">u2").tobytes()
    np.testing.assert_allclose(decode_image(dark, PLENTY)[0, :, 0], [0, 200 / 257], atol=1)


def test_twelve_bits_of_a_tiff_reach_white() -> None:
    raw = bytes([0xFF, 0xF0, 0x00, 0x80, 0x00, 0x10])  # 0xfff, 0x000, 0x800, 0x010
    assert decode_image(make_tiff(4, 12, raw), PLENTY)[0, :, 0].tolist() == [255, 0, 128, 1]


def test_tiff_with_white_as_zero_is_not_a_negative() -> None:
    raw = np.array([0, 65535, 30000], "<u2").tobytes()
    assert decode_image(make_tiff(3, 16, raw, photometric=0), PLENTY)[0, :, 0].tolist() == [255, 0, 138]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 0.25, 0.5, 1], [0, 64, 128, 255]),
        ([0, 10, 20, 200], [0, 10, 20, 200]),
        ([0, 257, 25700, 65535], [0, 1, 100, 255]),
        ([-10, 0, 10, 30], [0, 64, 128, 255]),
        ([0, 1e6, 5e5, 2e6], [0, 128, 64, 255]),
        ([-1, np.nan, np.inf, 3], [0, 0, 255, 255]),
        ([np.nan] * 4, [0, 0, 0, 0]),
        ([0, 0, 0, 0], [0, 0, 0, 0]),
    ],
)
def test_floats_take_the_smallest_usual_white(values: list[float], expected: list[int]) -> None:
    data = save_by_cv2(".tiff", np.array([values], np.float32))
    assert decode_image(data, PLENTY)[0, :, 0].tolist() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [([0, 10, 200], [0, 10, 200]), ([0, 25700, 65535], [0, 100, 255]), ([0, 2**31, 2**32 - 1], [0, 128, 255])],
)
def test_long_integers_do_not_wrap(values: list[int], expected: list[int]) -> None:
    data = make_tiff(3, 32, np.array(values, "<u4").tobytes())
    assert decode_image(data, PLENTY)[0, :, 0].tolist() == expected


def test_signed_integers_span_black_to_white() -> None:
    data = make_tiff(3, 32, np.array([-1000, 0, 1000], "<i4").tobytes(), sample_format=2)
    assert decode_image(data, PLENTY)[0, :, 0].tolist() == [0, 128, 255]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_first_frame_of_an_animation_counts(kind: str) -> None:
    first, second = Image.new("RGB", (20, 10), (250, 0, 0)), Image.new("RGB", (20, 10), (0, 0, 250))
    options = {"lossless": True} if kind == "WEBP" else {}
    data = save(first, kind, save_all=True, append_images=[second], **options)
    np.testing.assert_array_equal(decode_image(data, PLENTY), np.asarray(first))


def test_jpeg_with_something_appended_is_whole(picture: np.ndarray) -> None:
    data = save(picture, "JPEG")
    moving = data + b"film\xff\xda" + bytes(100)
    np.testing.assert_array_equal(decode_image(moving, PLENTY), decode_image(data, PLENTY))


KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "jpeg": ("JPEG", {}),
    "progressive jpeg": ("JPEG", {"progressive": True}),
    "png": ("PNG", {}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "tiff": ("TIFF", {}),
    "lzw tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "webp": ("WEBP", {}),
    "avif": ("AVIF", {}),
    "jpeg2000": ("JPEG2000", {}),
    "ppm": ("PPM", {}),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Truncated File Read")
def test_every_beginning_of_a_file_is_refused_or_whole(picture: np.ndarray, name: str) -> None:
    kind, options = KINDS[name]
    data = save(picture, kind, **options)
    whole, n_refused = decode_image(data, PLENTY), 0
    for n_bytes in range(len(data)):
        try:
            decoded = decode_image(data[:n_bytes], PLENTY)
        except UnreadableImage:
            n_refused += 1
        else:
            np.testing.assert_array_equal(decoded, whole)
    assert n_refused >= len(data) - 4  # what is left out at most is a trailer that holds no pixels


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.99])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "TIFF"])
def test_truncated_file_is_called_so(picture: np.ndarray, kind: str, share: float) -> None:
    data = save(picture, kind)
    with pytest.raises(UnreadableImage, match="truncated: "):
        decode_image(data[: int(len(data) * share)], PLENTY)


def test_truncated_jpeg_filled_with_zeros_is_found(picture: np.ndarray) -> None:
    data = save(picture, "JPEG")
    with pytest.raises(UnreadableImage, match="truncated: JPEG file without an end marker"):
        decode_image(data[: len(data) * 2 // 3].ljust(len(data), b"\0"), PLENTY)


def test_every_flipped_bit_of_png_data_is_found(picture: np.ndarray) -> None:
    data = save(picture, "PNG")
    start = data.index(b"IDAT") + 4
    for at in range(start, start + 200):
        broken = bytearray(data)
        broken[at] ^= 16
        with pytest.raises(UnreadableImage, match="damaged: PNG file"):
            decode_image(bytes(broken), PLENTY)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"),
        (b"not a picture at all, just text", "not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 5 5\n", "not an image"),  # would start a program
        (b"\0" * 1000, "not an image"),
        (b"\xff\xd8\xff\xe0", "truncated: JPEG file"),
        (make_png(2, 2, b"\0" * 14)[:40], "truncated: PNG file"),
        (make_png(2, 2, b"\0" * 14).replace(b"IHDR", b"IHDX"), "damaged: PNG file"),
    ],
)
def test_unreadable_file_says_why(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableImage, match=reason):
        decode_image(data, PLENTY)


@pytest.mark.parametrize("side", [1001, 60_000])
@pytest.mark.filterwarnings("error")
def test_bomb_is_refused_before_it_is_decoded(monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    def explode(self: ImageFile.ImageFile) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", explode)
    with pytest.raises(UnreadableImage, match=f"is {side} x {side} px, more than max_pixels 1000000"):
        decode_image(make_png(side, side, b""), PLENTY)


@pytest.mark.filterwarnings("error")
def test_own_limit_replaces_the_one_of_pillow(monkeypatch: pytest.MonkeyPatch, picture: np.ndarray) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    np.testing.assert_array_equal(decode_image(save(picture, "PNG"), picture.shape[0] * picture.shape[1]), picture)


def test_limit_of_pillow_inside_a_reader_is_an_unreadable_image(
    monkeypatch: pytest.MonkeyPatch, picture: np.ndarray
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(UnreadableImage, match="more pixels than Pillow"):
        decode_image(save(picture, "WEBP"), PLENTY)


def test_lack_of_memory_is_not_the_fault_of_the_file(monkeypatch: pytest.MonkeyPatch, picture: np.ndarray) -> None:
    def run_out(self: ImageFile.ImageFile) -> None:
        raise MemoryError

    data = save(picture, "BMP")
    monkeypatch.setattr(ImageFile.ImageFile, "load", run_out)
    with pytest.raises(MemoryError):
        decode_image(data, PLENTY)


def test_truncated_images_stay_forbidden_for_pillow() -> None:
    assert ImageFile.LOAD_TRUNCATED_IMAGES is False


def count_differing_bits(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


def test_hash_compares_neighbouring_block_means() -> None:
    image = np.random.default_rng(5).integers(0, 256, (16 * 8, 17 * 8, 3), dtype=np.uint8)
    gray = np.rint(image @ np.array([0.299, 0.587, 0.114]))
    means = gray.reshape(16, 8, 17, 8).mean(axis=(1, 3))
    rise = means[:, 1:] - means[:, :-1]
    expected = "".join("1" if step > 1 else "0" for step in rise.ravel())
    found = hash_perceptually(image)
    assert len(found) == 64
    unclear = int((np.abs(rise - 1) < 0.1).sum())  # where rounding of the gray values may decide
    assert count_differing_bits(found, f"{int(expected, 2):064x}") <= unclear


@pytest.mark.parametrize("seed", range(5))
def test_hash_survives_saving_and_scaling_but_tells_pictures_apart(seed: int) -> None:
    coarse = np.random.default_rng(seed).integers(0, 256, (2, 12, 12, 3), dtype=np.uint8)
    image, other = (cv2.resize(part, (240, 200), interpolation=cv2.INTER_CUBIC) for part in coarse)
    original = hash_perceptually(image)
    for copy in (
        decode_image(save(image, "JPEG", quality=60), PLENTY),
        cv2.resize(image, (120, 100), interpolation=cv2.INTER_AREA),
        cv2.resize(image, (480, 400), interpolation=cv2.INTER_CUBIC),
    ):
        assert count_differing_bits(original, hash_perceptually(copy)) <= 13
    assert count_differing_bits(original, hash_perceptually(other)) >= 77
