"""Look for copies of images, and for conflicts between their labels."""

import logging
import os
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from podium.digests import digest_values
from podium.errors import raise_if_any
from podium.pipelines.ingestion.config import IngestionConfig
from podium.pipelines.leaks.config import SEARCH_VERSION, LeaksConfig

logger = logging.getLogger(__name__)

_NO_ENDS: dict[str, list[str]] = {"first": [], "second": []}
_KEY_DIGITS = 16  # of a sha256: enough to tell contents apart


def search_pairs(
    images: pd.DataFrame,
    survey: dict[str, Any],
    earlier_copy_pairs: pd.DataFrame,
    leaks: LeaksConfig,
    ingestion: IngestionConfig,
) -> pd.DataFrame:
    """Find all pairs of different files that show the same picture; of files searched before, pairs are kept.

    Among many files the candidates for a pair depend a little on all others. To search all of them anew, remove what
    this node wrote.

    Args:
        images: sha256, width_px, height_px, perceptual_hash.
        survey: folder of the survey, which holds the keypoints of every picture.
        earlier_copy_pairs: What this node wrote before; without columns where it never did.
        leaks: What counts as a copy.
        ingestion: How many threads to use.

    Returns:
        See :func:`podium.copies.search.search_pairs`; ``attrs`` name the settings and the files that were searched.
    """
    contents = images[["sha256", "width_px", "height_px", "perceptual_hash"]]
    contents = contents.drop_duplicates("sha256").sort_values("sha256", ignore_index=True)
    settings = leaks.model_dump(mode="json", exclude={"not_copies"})
    searched = digest_values([SEARCH_VERSION, settings])
    earlier = earlier_copy_pairs if earlier_copy_pairs.attrs.get("searched") == searched else pd.DataFrame(_NO_ENDS)
    keys = contents["sha256"].str[:_KEY_DIGITS]
    contents = contents.assign(is_new=~keys.isin(earlier.attrs.get("contents", [])))
    kept = earlier[earlier["first"].isin(contents["sha256"]) & earlier["second"].isin(contents["sha256"])]
    pairs = _search_new(contents, survey, leaks, ingestion.n_jobs or os.cpu_count() or 1)
    pairs = pd.concat([kept, pairs], ignore_index=True) if len(kept) else pairs
    pairs = pairs.sort_values(["first", "second"], ignore_index=True)
    pairs.attrs = {"searched": searched, "contents": keys.tolist()}
    return pairs


def _search_new(contents: pd.DataFrame, survey: dict[str, Any], leaks: LeaksConfig, n_jobs: int) -> pd.DataFrame:
    """Search the pairs of which one content at least is new."""
    from podium.copies.search import NO_PAIRS, Limits
    from podium.copies.search import search_pairs as search
    from podium.survey import Survey

    n_new = int(contents["is_new"].sum())
    if not n_new:
        return NO_PAIRS.copy()
    limits = Limits(
        max_bits=leaks.near_duplicate_max_bits,
        min_similarity=leaks.min_similarity,
        min_share=leaks.min_share,
        min_side_px=leaks.min_side_px,
        min_page_similarity=leaks.min_page_similarity,
        min_small_similarity=leaks.min_small_similarity,
        min_ink=leaks.min_ink,
    )
    logger.info("looking for copies among %d pictures, %d of them new", len(contents), n_new)
    return search(contents, Survey(Path(survey["folder"])).read_keypoints, limits, n_jobs=n_jobs)


def find_copies(images: pd.DataFrame, copy_pairs: pd.DataFrame, competition: str, leaks: LeaksConfig) -> pd.DataFrame:
    """Join images that show the same picture into sets.

    Args:
        images: image_id, subset, sha256.
        copy_pairs: Pairs of contents.
        competition: Its name.
        leaks: Which images are no copies, whatever they look like.

    Returns:
        See :func:`podium.copies.sets.collect_copies`.

    Raises:
        InputError: ``leaks.not_copies`` names an image that is not there, or two files of the same bytes.
    """
    from podium.copies.proof import count_sets
    from podium.copies.sets import collect_copies

    not_copies = leaks.not_copies.get(competition, ())
    raise_if_any("leaks.not_copies is wrong:", _list_wrong_entries(not_copies, images, competition))
    copies = collect_copies(images, copy_pairs, not_copies)
    counts = {name: sum(kinds.values()) for name, kinds in count_sets(copies).items()}
    if len(copies):
        logger.info(
            "%d images are copies of others: %d sets in the training part, %d across both parts, %d in the test part",
            len(copies), counts["n_sets_in_train"], counts["n_sets_across"], counts["n_sets_in_test"],
        )  # fmt: skip
    return copies


def _list_wrong_entries(not_copies: Sequence[Sequence[str]], images: pd.DataFrame, competition: str) -> list[str]:
    contents = images.set_index("image_id")["sha256"]
    cases = []
    for number, ids in enumerate(not_copies):
        where = f"leaks.not_copies.{competition}[{number}]"
        for image_id in ids:
            if image_id not in contents.index:
                near = get_close_matches(image_id, contents.index, n=1)
                meant = f"did you mean '{near[0]}'?" if near else "the table 'copies' has the ids to choose from"
                cases.append(f"{where}: there is no image '{image_id}'; {meant}")
        known = [image_id for image_id in dict.fromkeys(ids) if image_id in contents.index]
        cases += [
            f"{where}: '{one}' and '{other}' are the same bytes, so they do show the same; leave one out"
            for one, other in combinations(known, 2)
            if contents[one] == contents[other]
        ]
        if len(set(ids)) < len(ids):
            cases.append(f"{where}: an image stands there twice")
    return cases


def list_conflicts(copies: pd.DataFrame, images: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """List training images whose copies have another label.

    Returns:
        See :func:`podium.copies.sets.list_label_conflicts`.
    """
    from podium.copies.sets import list_label_conflicts

    conflicts = list_label_conflicts(copies, images, classes)
    if len(conflicts):
        logger.warning(
            "%d training images have copies of another class; label_conflicts.csv lists them", len(conflicts)
        )
    return conflicts


def show_copies(copies: pd.DataFrame, images: pd.DataFrame, survey: dict[str, Any]) -> Any:
    """Draw pairs of copies side by side, the most doubtful first.

    Args:
        copies: See :func:`find_copies`.
        images: image_id and sha256.
        survey: folder of the survey, which holds thumbnails.
    """
    from podium.pipelines.copies.pictures import choose_pairs, draw_pairs
    from podium.survey import Survey

    pairs = choose_pairs(copies)
    contents = images.set_index("image_id")["sha256"]
    ids = pairs[["image_id", "closest_id"]].to_numpy().ravel().tolist()
    thumbnails = Survey(Path(survey["folder"])).read_thumbnails(contents[ids].tolist()) if ids else []
    return draw_pairs(pairs, list(zip(thumbnails[::2], thumbnails[1::2], strict=True)), len(copies))
