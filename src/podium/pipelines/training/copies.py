"""Test images that show the same as training images: no fold may learn from a copy of what it is scored on."""

import numpy as np
import pandas as pd


def find_copied_folds(images: pd.DataFrame, folds: pd.DataFrame, max_bits: int) -> pd.DataFrame:
    """Find the folds that hold copies of each test image, joined as the split joins copies.

    Args:
        images: image_id, subset, group_id, sha256, width_px, height_px, perceptual_hash.
        folds: image_id and fold.
        max_bits: See :func:`podium.duplicates.join_groups`.

    Returns:
        image_id of test images and fold (int64), one row a pair; a test image without a copy has none.
    """
    from podium.duplicates import join_groups

    table = images.merge(folds[["image_id", "fold"]], on="image_id", how="left")
    is_test = (table["subset"] == "test").to_numpy()
    groups = pd.factorize(table["group_id"])[0]
    alone = groups.max(initial=-1) + 1 + np.arange(len(table))  # organisers name no groups in the test part
    sets = join_groups(table.assign(group_id=np.where(is_test, alone, groups)), max_bits)
    table = table.assign(set_of_copies=sets)
    trained = table.loc[~is_test & table["fold"].notna().to_numpy(), ["set_of_copies", "fold"]].drop_duplicates()
    pairs = table.loc[is_test, ["image_id", "set_of_copies"]].merge(trained, on="set_of_copies")
    return pairs[["image_id", "fold"]].astype({"fold": "int64"}).sort_values(["image_id", "fold"], ignore_index=True)
