"""The rule of old versions: which saves of small results may go, and which never do."""

import json
import math
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from podium.disk.superseded import Superseded, measure

VERSION = re.compile(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z")
"""How Kedro names the start of a run."""

SCORE_FILES = ("scores.json", "ensemble_scores.json")
HIGHEST, LOWEST = ("macro_f1", "accuracy"), ("log_loss",)


def list_old_versions(folders: Sequence[Path], n_kept: int, precious: Collection[str]) -> Iterator[Superseded]:
    """List the versions of each versioned file beyond the newest ones.

    A precious version is a run to which somebody may want to go back. What that run read may have been written by an
    earlier one, so of each file the version that was the newest at that time stays, too.

    Args:
        folders: Of one competition; versioned files lie directly in them, as folders with a folder a version.
        n_kept: So many of the newest stay in any case, at least 1.
        precious: Versions to which one has to be able to go back.
    """
    for file in sorted(path for folder in folders if folder.is_dir() for path in folder.iterdir() if path.is_dir()):
        versions = sorted(path.name for path in file.iterdir() if _is_version(path))
        seen_by = {max(earlier) for run in precious if (earlier := [v for v in versions if v <= run])}
        for version in versions[: max(len(versions) - max(n_kept, 1), 0)]:
            if version not in seen_by:
                told = f"the {n_kept} newest of {file.name} stay, and nothing noted or best needs this one"
                yield Superseded("versions", file / version, measure(file / version), told)


def _is_version(folder: Path) -> bool:
    """Say whether this is a version as Kedro writes them: one file, with the name of the folder above."""
    is_named_so = VERSION.fullmatch(folder.name) is not None and folder.is_dir() and not folder.is_symlink()
    return is_named_so and [path.name for path in folder.iterdir()] == [folder.parent.name]


def find_best_versions(reporting: Path) -> set[str]:
    """Find the runs with the best score of a member and of an ensemble, by every criterion that their scores state.

    Of equal scores the newest counts.

    Args:
        reporting: Has the versions of :data:`SCORE_FILES`.
    """
    best: dict[tuple[str, ...], tuple[float, str]] = {}
    for name in SCORE_FILES:
        for file in sorted((reporting / name).glob(f"*/{name}")):
            for leaf, score in _list_scores(file):
                key, version = (name, *leaf), file.parent.name
                best[key] = max(best.get(key, (score, version)), (score, version))
    return {version for _, version in best.values()}


def _list_scores(file: Path) -> Iterator[tuple[tuple[str, ...], float]]:
    """Yield every score of a run by its place, turned so that more is better; what cannot be read has none.

    What is no number (the log loss of a training that diverged) is no score: nothing is better than it, nor worse.
    """
    try:
        scores = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    ahead: list[tuple[tuple[str, ...], Any]] = [((), scores)]
    while ahead:
        place, value = ahead.pop()
        if isinstance(value, dict):
            ahead += [((*place, key), part) for key, part in value.items()]
        elif isinstance(value, int | float) and math.isfinite(value) and place[-1] in (*HIGHEST, *LOWEST):
            yield place, -float(value) if place[-1] in LOWEST else float(value)
