"""The proof that a split does not leak: asked for before anything is trained."""

import pandas as pd

from podium.errors import raise_if_any


def require_no_leak(images: pd.DataFrame, folds: pd.DataFrame, max_bits: int) -> None:
    """Refuse a split that has a group, or copies of an image, on both sides, or that misses an image.

    Args:
        images: image_id, subset, group_id, sha256, width_px, height_px, perceptual_hash.
        folds: image_id and fold.
        max_bits: See :func:`podium.duplicates.join_groups`.

    Raises:
        InputError: Each set of images that is torn apart, and each image without or with an unknown fold.
    """
    from podium.duplicates import join_groups

    train = images[images["subset"] == "train"].merge(folds, on="image_id", how="outer", indicator=True)
    cases = [f"{row.image_id}: has no fold" for row in train[train["_merge"] == "left_only"].itertuples()]
    cases += [
        f"{row.image_id}: has a fold, but is no training image"
        for row in train[train["_merge"] == "right_only"].itertuples()
    ]
    both = train[train["_merge"] == "both"].reset_index(drop=True)
    sets = pd.Series(join_groups(both, max_bits))
    torn = both.groupby(sets)["fold"].transform("nunique") > 1
    for _, rows in both[torn].groupby(sets[torn]):
        cases.append("; ".join(f"{row.image_id} in fold {int(row.fold)}" for row in rows.itertuples()))
    raise_if_any(
        "The split leaks: these images belong on one side (same group, same or nearly the same picture):", cases
    )
