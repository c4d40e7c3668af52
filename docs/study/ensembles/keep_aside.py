"""Make a competition out of the training part of another, with the labels of its test part kept aside.

    python docs/study/ensembles/keep_aside.py mask_profiles FROM TO
    python docs/study/ensembles/keep_aside.py id_target FROM TO

Three in ten persons, or pages, become the test part; TO/kept_labels.csv says what they are: the id in the submission
and the value of the organisers. Which ones is drawn with a fixed seed, and from each class alike.
"""

import argparse
import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

SHARE, SEED = 0.3, 5


def main() -> None:
    """Write the competition."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("format", choices=["mask_profiles", "id_target"])
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    make = {"mask_profiles": keep_profiles_aside, "id_target": keep_images_aside}[arguments.format]
    make(arguments.source, arguments.target).to_csv(arguments.target / "kept_labels.csv", index=False)


def keep_profiles_aside(source: Path, target: Path) -> pd.DataFrame:
    """Move persons to ``eval``; return ImageID and ans."""
    people = pd.read_csv(source / "train/train.csv", dtype=str)
    band = pd.cut(people["age"].astype(int), [-1, 29, 59, 200], labels=False)
    is_kept = draw_kept(people["gender"] + band.astype(str))
    (target / "train/images").mkdir(parents=True)
    (target / "eval/images").mkdir(parents=True)
    people[~is_kept].to_csv(target / "train/train.csv", index=False)
    for path in people.loc[~is_kept, "path"]:
        shutil.copytree(source / "train/images" / path, target / "train/images" / path)
    answers = []
    for row, age in zip(people[is_kept].itertuples(), band[is_kept], strict=True):
        for file in sorted((source / "train/images" / row.path).iterdir()):
            if file.name.startswith("."):
                continue
            mask = 0 if file.stem.startswith("mask") else 1 if file.stem.startswith("incorrect") else 2
            name = hashlib.sha256(f"{row.path}/{file.name}".encode()).hexdigest()[:24] + file.suffix
            shutil.copy(file, target / "eval/images" / name)
            answers.append((name, mask * 6 + (row.gender == "female") * 3 + age))
    kept = pd.DataFrame(answers, columns=["ImageID", "ans"]).sort_values("ImageID")
    kept.assign(ans=0).to_csv(target / "eval/info.csv", index=False)
    return kept


def keep_images_aside(source: Path, target: Path) -> pd.DataFrame:
    """Move images to ``test``; return ID and target."""
    rows = pd.read_csv(source / "train.csv", dtype={"ID": str})
    is_kept = draw_kept(rows["target"].astype(str))
    for part, chosen in (("train", rows[~is_kept]), ("test", rows[is_kept])):
        (target / part).mkdir(parents=True)
        for name in chosen["ID"]:
            shutil.copy(source / "train" / name, target / part / name)
    rows[~is_kept].to_csv(target / "train.csv", index=False)
    shutil.copy(source / "meta.csv", target / "meta.csv")
    kept = rows[is_kept].sort_values("ID")[["ID", "target"]]
    kept.assign(target=0).to_csv(target / "sample_submission.csv", index=False)
    return kept


def draw_kept(classes: pd.Series) -> pd.Series:
    """Draw a share of each class; bool, like ``classes``."""
    rng = np.random.default_rng(SEED)
    order = pd.Series(rng.permutation(len(classes)), index=classes.index).groupby(classes).rank(method="first")
    return order <= (classes.groupby(classes).transform("size") * SHARE).round()


if __name__ == "__main__":
    main()
