"""Is there room for what is going to be written?"""

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from podium.byte_counts import describe_bytes
from podium.disk.config import DiskConfig
from podium.errors import raise_if_any

GB = 10**9


class Need(NamedTuple):
    """What a stage is going to write into one folder.

    Attributes:
        part: What it is, in words.
        folder: Where; it may not be there yet.
        n_bytes: The most that this adds to the disk at any moment.
    """

    part: str
    folder: Path
    n_bytes: int


def require_room(stage: str, needs: Sequence[Need], limits: DiskConfig, find_remedy: Callable[[], str]) -> None:
    """Refuse to begin what would not fit.

    Args:
        stage: What is going to run, for the message.
        needs: What it will write; of no bytes at all, nothing is asked.
        limits: Quota, and what stays free.
        find_remedy: Says what could be pruned; called when there is too little room, since that takes a while.

    Raises:
        InputError: A disk has too little free space, or the quota would be exceeded; each is listed with its numbers.
    """
    cases = list_shortages(needs, limits)
    if cases:
        cases.append(find_remedy())
    raise_if_any(f"There is no room for {stage}, so nothing of it was begun:", cases)


def list_shortages(needs: Sequence[Need], limits: DiskConfig) -> list[str]:
    """Say, disk by disk and for the quota, how much is needed, how much there is, and how much is missing."""
    wanted = [need for need in needs if need.n_bytes > 0]
    disks: dict[int, list[Need]] = {}
    for need in wanted:
        disks.setdefault(os.stat(find_existing(need.folder)).st_dev, []).append(need)
    cases = [case for part in disks.values() if (case := _compare_with_disk(part, limits.keep_free_gb)) is not None]
    if limits.quota_gb is not None and wanted:
        root = limits.data_root.absolute()
        counted = [need for need in wanted if need.folder.absolute().is_relative_to(root)]
        cases += _compare_with_quota(counted, limits.data_root, round(limits.quota_gb * GB))
    return cases


def _compare_with_disk(needs: Sequence[Need], keep_free_gb: float) -> str | None:
    place = max(needs, key=lambda need: need.n_bytes).folder
    free, needed, kept = measure_free(place), sum_up(needs), round(keep_free_gb * GB)
    if needed + kept <= free:
        return None
    spare = f", and {describe_bytes(kept)} are to stay free (disk.keep_free_gb)" if kept else ""
    return (
        f"{place}: needs {describe_needs(needs)}{spare}; {describe_bytes(free)} are free on its disk, so "
        f"{describe_bytes(needed + kept - free)} are missing"
    )


def _compare_with_quota(needs: Sequence[Need], data_root: Path, quota: int) -> list[str]:
    needed = sum_up(needs)
    used = measure_tree(data_root) if needed else 0
    if not needed or used + needed <= quota:
        return []
    return [
        f"{data_root}: needs {describe_needs(needs)}; {describe_bytes(used)} of {describe_bytes(quota)} "
        f"(disk.quota_gb) are used, so {describe_bytes(used + needed - quota)} are missing"
    ]


def describe_needs(needs: Sequence[Need]) -> str:
    """Tell the sum, and what it is made of, the largest first: ``3.2 GB (2.9 GB checkpoints, 0.3 GB weights)``."""
    parts: dict[str, int] = {}
    for need in needs:
        parts[need.part] = parts.get(need.part, 0) + need.n_bytes
    ordered = sorted(parts.items(), key=lambda part: -part[1])
    told = ", ".join(f"{describe_bytes(n_bytes)} {part}" for part, n_bytes in ordered)
    return f"{describe_bytes(sum_up(needs))} ({told})"


def sum_up(needs: Iterable[Need]) -> int:
    """Add the bytes up."""
    return sum(need.n_bytes for need in needs)


def measure_free(folder: Path) -> int:
    """Return the bytes that are free for us on the disk where ``folder`` lies, or will."""
    return shutil.disk_usage(find_existing(folder)).free


def find_existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that is there already."""
    path = folder.absolute()
    return next(part for part in (path, *path.parents) if part.exists())


def measure_tree(folder: Path) -> int:
    """Add up what the files below a folder take on the disk, in bytes; one with several names counts once.

    No link is followed. Files that vanish meanwhile count nothing; a folder that is not there holds nothing.
    """
    seen: set[tuple[int, int]] = set()
    total, ahead = 0, [os.fspath(folder)]
    while ahead:
        try:
            with os.scandir(ahead.pop()) as entries:
                for entry in entries:
                    total += _measure_entry(entry, ahead, seen)
        except OSError:
            continue
    return total


def _measure_entry(entry: os.DirEntry[str], ahead: list[str], seen: set[tuple[int, int]]) -> int:
    if entry.is_dir(follow_symlinks=False):
        ahead.append(entry.path)
        return 0
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError:
        return 0
    if status.st_nlink > 1:
        if (status.st_dev, status.st_ino) in seen:
            return 0
        seen.add((status.st_dev, status.st_ino))
    return int(getattr(status, "st_blocks", -(-status.st_size // 512))) * 512
