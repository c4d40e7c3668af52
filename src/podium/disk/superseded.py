"""What nobody needs any more: partial files, checkpoints, image stores, surveys. Listed here, and never deleted here.

Every rule asks for a proof that something is superseded; where there is none, it stays. Of what a rule lists nothing is
a result: weights, tables and scores of finished folds are in no rule.
"""

import os
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from podium.atomic_files import PARTIAL_SUFFIX
from podium.disk.identity import read_identity
from podium.disk.room import measure_tree

PRUNED_SUFFIX = ".pruned"
"""Of a folder that is being deleted; see :mod:`podium.disk.removal`."""

LEAST_SHARE = 0.1
"""Rows of images that are gone are listed from this share of a store or survey on: making them anew costs as well."""

FOLD_TABLES = ("oof.parquet", "test_probabilities.parquet", "history.parquet")


class Superseded(NamedTuple):
    """Something that may go.

    Attributes:
        rule: ``partial``, ``checkpoints``, ``image_store``, ``image_store_rows``, ``survey_rows`` or ``versions``.
        path: A file or folder; of rows, the folder that loses them.
        n_bytes: What that frees.
        reason: Why nobody needs it.
    """

    rule: str
    path: Path
    n_bytes: int
    reason: str


@dataclass(frozen=True)
class Wanted:
    """What the configuration and the competition ask for as they are now.

    Attributes:
        recipe_digests: By recipe; see :func:`podium.pipelines.training.member.digest_recipe`.
        present: split_digest and content_digest of the present split and images; None where they are not known.
        preparations: Ways of preparing pictures that a recipe wants; None where they are not known.
        contents: SHA-256 of every image; None where they are not known.
    """

    recipe_digests: Mapping[str, str]
    present: Mapping[str, str] | None
    preparations: Set[str] | None
    contents: Set[str] | None


def list_partial(folders: Sequence[Path], before: float) -> Iterator[Superseded]:
    """List what processes that were killed left half-written, or half-deleted.

    Args:
        folders: Where to look, to any depth; no link is followed.
        before: Time in seconds since 1970; what changed later may be somebody's work in progress.
    """
    for folder in folders:
        for place, names, files in os.walk(folder):
            for name in sorted([*names, *files]):
                path = Path(place, name)
                if _is_leftover(name) and not path.is_symlink() and find_last_change(path) < before:
                    yield Superseded("partial", path, measure(path), "left behind by a process that was killed")
            names[:] = sorted(name for name in names if not _is_leftover(name))


def _is_leftover(name: str) -> bool:
    is_partial = name.startswith(".") and name.endswith((PARTIAL_SUFFIX, PRUNED_SUFFIX))
    return is_partial or (name.startswith("draft.") and name.endswith(".new"))


def list_checkpoints(checkpoint_dir: Path, tables_dir: Path, wanted: Wanted, before: float) -> Iterator[Superseded]:
    """List checkpoints from which nothing will ever go on.

    Those of a fold that is finished, and those of a member that the configuration cannot make any more: its recipe is
    gone or reads differently now, or the split or the images have changed.

    Args:
        checkpoint_dir: Has ``<member>/fold_<k>/checkpoints/``, and the weights of finished folds.
        tables_dir: Has ``<member>/fold_<k>/`` with the tables of finished folds.
        wanted: Present recipes, split and images.
        before: As for :func:`list_partial`.
    """
    for folder in sorted(checkpoint_dir.glob("*/fold_*/checkpoints")):
        fold = folder.parent.relative_to(checkpoint_dir)
        if is_finished(checkpoint_dir / fold, tables_dir / fold):
            reason: str | None = "the fold is finished"
        else:
            reason = _find_change(read_identity(folder), wanted)
        if reason is not None and find_last_change(folder) < before:
            yield Superseded("checkpoints", folder, measure(folder), reason)


def is_finished(weights_dir: Path, tables_dir: Path) -> bool:
    """Say whether all four files of a fold are there."""
    return (weights_dir / "weights.safetensors").is_file() and all(
        (tables_dir / name).is_file() for name in FOLD_TABLES
    )


def _find_change(identity: Mapping[str, Any] | None, wanted: Wanted) -> str | None:
    """Say what keeps an interrupted fold from going on; None where nothing does, or nobody knows whose it is."""
    if identity is None:
        return None
    recipe = str(identity.get("recipe"))
    if recipe not in wanted.recipe_digests:
        return f"there is no recipe '{recipe}' any more"
    if identity.get("recipe_digest") != wanted.recipe_digests[recipe]:
        return f"the recipe '{recipe}' reads differently now"
    for key, told in (("split_digest", "the split"), ("content_digest", "the images")):
        if wanted.present is not None and identity.get(key) != wanted.present[key]:
            return f"{told} changed since"
    return None


def find_stores_in_use(checkpoint_dir: Path, before: float) -> set[str]:
    """Name the preparations of which pictures are read now: those of folds that were lately at work.

    A sweep trains recipes that stand in no configuration, in processes beside this one.

    Args:
        checkpoint_dir: As for :func:`list_checkpoints`.
        before: As for :func:`list_partial`.
    """
    folders = [folder for folder in checkpoint_dir.glob("*/fold_*/checkpoints") if find_last_change(folder) >= before]
    identities = [identity for folder in folders if (identity := read_identity(folder)) is not None]
    return {str(identity.get("preparation")) for identity in identities}


def list_image_stores(store_dir: Path, wanted: Wanted, in_use: Set[str], before: float) -> Iterator[Superseded]:
    """List image stores that no recipe reads, and stores of which a good part are pictures that are gone.

    Args:
        store_dir: Has one store a folder, named after its preparation.
        wanted: Present preparations and contents.
        in_use: Preparations that stay in any case.
        before: As for :func:`list_partial`.
    """
    from podium.vision.store_index import INDEX_NAME, DamagedIndexError, read_index

    for folder in sorted(path.parent for path in store_dir.glob(f"*/{INDEX_NAME}")):
        if folder.name in in_use or find_last_change(folder) >= before:
            continue
        if wanted.preparations is not None and folder.name not in wanted.preparations:
            yield Superseded("image_store", folder, measure(folder), "no recipe wants pictures prepared in this way")
        elif wanted.contents is not None:
            try:
                header, index = read_index(folder)
            except (OSError, DamagedIndexError):  # the next run fills it anew
                continue
            rows = zip(index["sha256"].to_pylist(), index["row"].to_pylist(), strict=True)
            used = {row for sha256, row in rows if row is not None and sha256 in wanted.contents}
            n_unused = header.n_rows - len(used)
            if used and n_unused >= max(1.0, LEAST_SHARE * header.n_rows):
                told = f"{n_unused} of {header.n_rows} pictures are no longer part of the competition"
                yield Superseded("image_store_rows", folder, n_unused * header.row_bytes, told)


def list_survey_rows(folder: Path, wanted: Wanted, before: float) -> Iterator[Superseded]:
    """List a survey of which a good part are pictures that are gone.

    Args:
        folder: Of the survey.
        wanted: Present contents.
        before: As for :func:`list_partial`.
    """
    from podium.survey.shelf import DamagedPartError, list_parts, read_contents

    if wanted.contents is None or not folder.is_dir() or find_last_change(folder) >= before:
        return
    n_known = n_gone = 0
    n_bytes = 0.0
    for part in list_parts(folder):
        try:
            contents = read_contents(part)
        except DamagedPartError:  # the next run looks anew
            continue
        gone = sum(sha256 not in wanted.contents for sha256 in contents)
        n_known, n_gone = n_known + len(contents), n_gone + gone
        n_bytes += part.stat().st_size * gone / max(len(contents), 1)
    if n_known > n_gone >= max(1.0, LEAST_SHARE * n_known):
        told = f"{n_gone} of {n_known} pictures are no longer part of the competition"
        yield Superseded("survey_rows", folder, round(n_bytes), told)


def measure(path: Path) -> int:
    """Return what a file, or all below a folder, takes on the disk, in bytes."""
    if path.is_dir():
        return measure_tree(path)
    try:
        return path.stat().st_size
    except OSError:
        return 0


def find_last_change(path: Path) -> float:
    """Return when a file, or anything below a folder, was last written, in seconds since 1970."""
    times = [_read_time(path)]
    for place, names, files in os.walk(path):
        times += [_read_time(Path(place, name)) for name in [*names, *files]]
    return max(times)


def _read_time(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except OSError:
        return 0.0
