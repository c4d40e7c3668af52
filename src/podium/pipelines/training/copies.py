"""Test images that show the same as training images: no fold may learn from a copy of what it is scored on."""

import pandas as pd


def find_copied_folds(images: pd.DataFrame, folds: pd.DataFrame, copies: pd.DataFrame) -> pd.DataFrame:
    """Find the folds that hold copies of each test image, joined as the split joins copies.

    Args:
        images: image_id, subset, group_id.
        folds: image_id and fold.
        copies: image_id and copy_set.

    Returns:
        image_id of test images and fold (int64), one row a pair; a test image without a copy has none.
    """
    from podium.copies.sets import join_groups

    table = images.merge(folds[["image_id", "fold"]], on="image_id", how="left")
    is_test = (table["subset"] == "test").to_numpy()
    groups = table["group_id"].where(~is_test)  # organisers name no groups in the test part
    table = table.assign(set_of_copies=join_groups(table.assign(group_id=groups), copies))
    trained = table.loc[~is_test & table["fold"].notna().to_numpy(), ["set_of_copies", "fold"]].drop_duplicates()
    pairs = table.loc[is_test, ["image_id", "set_of_copies"]].merge(trained, on="set_of_copies")
    return pairs[["image_id", "fold"]].astype({"fold": "int64"}).sort_values(["image_id", "fold"], ignore_index=True)
