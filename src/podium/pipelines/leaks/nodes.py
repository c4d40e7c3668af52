"""Prove that no split tears apart what belongs together."""

import logging
from typing import Any

import pandas as pd

from podium.digests import digest_values
from podium.pipelines.leaks.config import SEARCH_VERSION, LeaksConfig

logger = logging.getLogger(__name__)


def prove_no_leak(
    images: pd.DataFrame,
    folds: pd.DataFrame,
    copies: pd.DataFrame,
    label_conflicts: pd.DataFrame,
    leaks: LeaksConfig,
) -> dict[str, Any]:
    """Prove that no group, and no copy of an image, stands on both sides of the split; it raises nothing.

    Args:
        images: image_id, subset, label, group_id, sha256.
        folds: image_id and fold.
        copies: See :func:`podium.copies.sets.collect_copies`.
        label_conflicts: See :func:`podium.copies.sets.list_label_conflicts`.
        leaks: What counts as a copy.

    Returns:
        leaks, see :func:`podium.copies.proof.list_leaks`; leak_proof: the digests of what was proven, what was counted,
        and each leak in words, which :func:`podium.copies.proof.require_proof` asks for.
    """
    from podium.copies.proof import count_sets, describe_leaks, list_leaks
    from podium.copies.sets import join_groups

    found = list_leaks(images, folds, copies)
    lines = describe_leaks(found)
    train = images[images["subset"] == "train"]
    proof = {
        **digest_proven(images, folds, leaks),
        "n_images": len(images),
        "n_groups": len(set(join_groups(train, copies).tolist())),
        **count_sets(copies),
        "n_conflicts": len(label_conflicts),
        "n_leaks": len(lines),
        "leaks": lines,
    }
    if lines:
        logger.warning("the split leaks in %d places, and will not be trained on; leaks.csv lists them", len(lines))
    return {"leaks": found, "leak_proof": proof}


def digest_proven(images: pd.DataFrame, folds: pd.DataFrame, leaks: LeaksConfig) -> dict[str, str]:
    """Digest what a proof is of: split_digest, content_digest, group_digest and settings_digest."""
    from podium.copies.proof import digest_groups
    from podium.pipelines.training.member import digest_present  # training imports this module in its turn

    settings = digest_values([SEARCH_VERSION, leaks.model_dump(mode="json")])
    return {**digest_present(images, folds), "group_digest": digest_groups(images), "settings_digest": settings}
