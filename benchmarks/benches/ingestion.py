"""Ingestion of a new competition against a bare loop over OpenCV.

Ours is ``fill_store`` into an empty folder: stamp, read, SHA-256, decode, check, perceptual hash, resize, write, commit
(with its ``fsync``). The bare loop reads, decodes and resizes on as many threads and puts the pixels into an array.
Imports and a first reading of the files, which brings them into memory for both sides, are not counted; nor is a first
store of eight pictures, with which all that is loaded late is loaded.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.harness import OURS, Bench, Contender, print_figure
from benchmarks.options import Options
from benchmarks.pictures import CACHE, make_pictures

N_PICTURES = 2000
CASES = (((384, 512), (96, 128)), ((456, 456), (224, 224)))  # (height, width) of the files and of what is stored
THEIRS = "opencv"


def define(options: Options) -> list[Bench]:
    """Define one bench a size."""
    return [_define_case(options, source, target) for source, target in CASES]


def _define_case(options: Options, source: tuple[int, int], target: tuple[int, int]) -> Bench:
    command = [sys.executable, "-m", "benchmarks.benches.ingestion", "--source", *map(str, source),
               "--target", *map(str, target)]  # fmt: skip
    if options.photos_dir:
        command += ["--photos", str(options.photos_dir)]
    return Bench(
        name=f"ingestion_{source[1]}x{source[0]}",
        title=f"ingestion of {source[1]}×{source[0]} JPEGs at {target[1]}×{target[0]}",
        unit="images/s",
        better="higher",
        contenders=[Contender(name, [*command, "--who", name]) for name in (OURS, THEIRS)],
        against=[THEIRS],
        bound=0.85,
    )


def main() -> None:
    """Ingest as one contender does and print its images a second."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--who", choices=[OURS, THEIRS], required=True)
    parser.add_argument("--source", type=int, nargs=2, required=True)
    parser.add_argument("--target", type=int, nargs=2, required=True)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--pictures", type=int, default=N_PICTURES)
    arguments = parser.parse_args()
    height_px, width_px = arguments.source
    root = make_pictures(arguments.pictures, width_px, height_px, arguments.photos)
    paths = sorted(path.relative_to(root).as_posix() for path in root.rglob("*.jpg"))
    for path in paths:
        (root / path).read_bytes()
    take = _time_ours if arguments.who == OURS else _time_bare_loop
    print_figure(len(paths) / take(root, paths, tuple(arguments.target)))


def _time_ours(root: Path, paths: Sequence[str], size_px: tuple[int, int]) -> float:
    """Fill a new store; return the seconds."""
    from podium.vision.image_store import fill_store
    from podium.vision.input_spec import InputSpec

    spec = InputSpec(*size_px, "stretch", (0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        fill = partial(fill_store, root=root, spec=spec, max_pixels=10**8, n_jobs=_count_cores(), progress=False)
        fill(Path(folder) / "first", paths=paths[:8])
        start = time.perf_counter()
        filled = fill(Path(folder) / "store", paths=paths)
        elapsed_s = time.perf_counter() - start
    if filled.n_reused > len(paths) // 100 or filled.table["error"].notna().any():  # two cuts may be the same
        raise RuntimeError(f"{filled.n_decoded} of {len(paths)} pictures were decoded")
    return elapsed_s


def _time_bare_loop(root: Path, paths: Sequence[str], size_px: tuple[int, int]) -> float:
    """Decode and resize into an array; return the seconds."""
    from concurrent.futures import ThreadPoolExecutor

    import cv2
    import numpy as np

    cv2.setNumThreads(1)  # more of its own threads only slow it down: pictures are small, and all cores are taken
    pixels = np.empty((len(paths), *size_px, 3), np.uint8)

    def prepare(row: int) -> None:
        image = cv2.imdecode(np.fromfile(root / paths[row], np.uint8), cv2.IMREAD_COLOR)
        assert image is not None
        cv2.resize(image, size_px[::-1], dst=pixels[row], interpolation=cv2.INTER_AREA)

    start = time.perf_counter()
    with ThreadPoolExecutor(_count_cores()) as pool:
        list(pool.map(prepare, range(len(paths))))
    return time.perf_counter() - start


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    main()
