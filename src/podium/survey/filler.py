"""Filling a survey: which pictures to look at, and parts that are written while it goes on."""

import logging
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from podium.errors import InputError, raise_if_any
from podium.survey.keypoints import describe_keypoints
from podium.survey.measures import measure_image
from podium.survey.shelf import (
    DamagedPartError,
    Record,
    check_part,
    list_parts,
    naming_folder,
    read_contents,
    rewrite_parts,
    write_part,
)
from podium.survey.thumbnails import make_thumbnail
from podium.threads import limit_opencv_threads
from podium.vision.allocator import keep_large_buffers
from podium.vision.decoding import UnreadableImage, decode_image
from podium.vision.source_files import read_file

_logger = logging.getLogger(__name__)

_PART_IMAGES, _PART_S = 256, 10.0
_SPARE_PARTS = 8
_AHEAD_PER_JOB = 4


@dataclass(frozen=True)
class Surveyed:
    """What a fill did.

    Attributes:
        n_measured: Pictures that were looked at.
        n_reused: Pictures that were known already, by their content.
    """

    n_measured: int
    n_reused: int


def fill_survey(
    folder: Path, root: Path, paths: Mapping[str, str], *, max_pixels: int, n_jobs: int, progress: bool
) -> Surveyed:
    """Bring a survey up to date with the pictures of a competition, looking only at contents that it does not know.

    What is kept of a picture follows from its bytes alone: neither ``n_jobs`` nor the order of files changes it. Each
    part is on the disk as soon as it is full or ten seconds old; a kill loses no more than that. A part that is
    damaged, or was made by other measures, is made anew. Contents that are not asked for stay, so that a competition
    may change back; once they are more than half of a survey they are dropped. Two processes that fill one folder at
    the same time damage nothing; each may look at pictures that the other looks at too.

    Args:
        folder: The survey's folder; made when missing. Each competition has its own.
        root: The competition's folder.
        paths: A file below ``root``, as spelt on the disk, for each SHA-256 of the files' bytes.
        max_pixels: Larger pictures are refused before they are decoded.
        n_jobs: Threads, at least 1.
        progress: Show a progress bar on stderr when there is something to do.

    Raises:
        InputError: Files have changed since their SHA-256 was taken, or cannot be read; all are listed, and what was
            measured of the others is kept. Or the folder cannot be written.
    """
    places = _check_parts(folder)
    todo = {sha256: path for sha256, path in sorted(paths.items()) if sha256 not in places}
    measured = _measure(folder, root, todo, max_pixels=max_pixels, n_jobs=n_jobs, progress=progress)
    places |= measured
    _tidy(folder, places, set(paths))
    _logger.info("surveyed %d images, %d were known", len(todo), len(paths) - len(todo))
    return Surveyed(len(todo), len(paths) - len(todo))


def _check_parts(folder: Path) -> dict[str, tuple[Path, int]]:
    """Find the part and the row of every content that is known; parts that cannot be used are removed."""
    places: dict[str, tuple[Path, int]] = {}
    for part in list_parts(folder):
        try:
            contents = check_part(part)
        except DamagedPartError as error:
            _logger.warning("survey %s: %s is made anew: %s", folder, part.name, error)
            with naming_folder(folder):
                part.unlink(missing_ok=True)
            continue
        places |= {sha256: (part, row) for row, sha256 in enumerate(contents)}
    return places


def _measure(
    folder: Path, root: Path, todo: Mapping[str, str], *, max_pixels: int, n_jobs: int, progress: bool
) -> dict[str, tuple[Path, int]]:
    """Look at pictures and write parts as they fill."""
    places: dict[str, tuple[Path, int]] = {}
    cases: list[str] = []
    records: list[Record] = []
    began = time.monotonic()

    def look(item: tuple[str, str]) -> Record | str:
        return _look_at(root, *item, max_pixels)

    def flush() -> None:
        if records:
            part = write_part(folder, records)
            places.update({record.sha256: (part, row) for row, record in enumerate(records)})
            records.clear()

    if todo:
        keep_large_buffers()
    bar = tqdm(total=len(todo), desc="surveying", unit="image", disable=not (progress and todo))
    with limit_opencv_threads(), ThreadPoolExecutor(n_jobs) as pool, bar:
        for seen in _run_ahead(pool, look, todo.items(), _AHEAD_PER_JOB * n_jobs):
            (cases if isinstance(seen, str) else records).append(seen)
            if len(records) >= _PART_IMAGES or time.monotonic() - began >= _PART_S:
                flush()
                began = time.monotonic()
            bar.update()
        flush()
    raise_if_any("Image files are not what ingestion read; run ingestion again:", cases)
    return places


def _look_at(root: Path, sha256: str, path: str, max_pixels: int) -> Record | str:
    """Look at one picture; a text says why that cannot be."""
    file = read_file(root / path)
    if isinstance(file, str):
        return f"{path}: {file}"
    if file.sha256 != sha256:
        return f"{path}: has changed, its sha256 is {file.sha256[:12]}... and was {sha256[:12]}..."
    try:
        image = decode_image(file.data, max_pixels)
    except UnreadableImage as error:
        return f"{path}: {error}"
    return Record(sha256, measure_image(image), make_thumbnail(image), describe_keypoints(image))


def _run_ahead(
    pool: ThreadPoolExecutor, look: Callable[[Any], Any], items: Iterable[Any], n_ahead: int
) -> Iterator[Any]:
    """Yield what ``look`` makes of each item, in order; a few are begun ahead, so that an interrupt ends it soon."""
    ahead: deque[Future[Any]] = deque()
    for item in items:
        ahead.append(pool.submit(look, item))
        if len(ahead) > n_ahead:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _tidy(folder: Path, places: Mapping[str, tuple[Path, int]], wanted: Set[str]) -> None:
    """Rewrite a survey that has too many small parts, or contents of which more than half are not wanted any more.

    Contents that are not wanted are dropped in the second case alone. The new parts are written before the old ones go,
    so a kill in between leaves both, and nothing is lost.

    Args:
        folder: Of the survey.
        places: The part and the row of every content that is known.
        wanted: The contents that were asked for.
    """
    parts = list_parts(folder)
    is_scattered = len(parts) > _SPARE_PARTS + 2 * -(-len(places) // _PART_IMAGES)
    is_stale = 2 * len(wanted) < len(places)
    if not (wanted and (is_scattered or is_stale)):
        return
    kept = sorted(wanted if is_stale else places)
    try:
        written = set(rewrite_parts(folder, [places[sha256] for sha256 in kept], _PART_IMAGES))
    except (InputError, DamagedPartError) as error:  # the survey is whole without it
        told = error.cases[0] if isinstance(error, InputError) else error
        _logger.warning("survey %s could not be tidied up: %s", folder, told)
        return
    for part in parts:
        with suppress(OSError, DamagedPartError):  # on Windows still open in a reader: the next fill tries again
            if part not in written and places.keys() >= set(read_contents(part)):  # else another process has added it
                os.unlink(part)
    _logger.info("survey %s: %d parts became %d", folder, len(parts), len(written))
