"""Copy a competition with some labels of its training part made wrong on purpose.

    python docs/study/label_errors/flip_labels.py FROM TO --share 0.03 --seed 1

Competitions of the format id_target. TO/flipped_labels.csv says which images got another label, and what theirs was.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

Labels = npt.NDArray[np.int64]
Weights = npt.NDArray[np.float64]


def flip(labels: Labels, share: float, weights: Weights, seed: int) -> Labels:
    """Give a share of the images another label.

    Every (1 / share)-th image is taken of a list that is sorted by class and in random order within each, from a random
    start: each class loses its share, rounded up or down, and the sum is right to the image.

    Args:
        labels: int64 (n,), 0 to k - 1.
        share: Of all images.
        weights: How readily an image of class i (rows) becomes one of class j (columns), float (k, k); 0 on the
            diagonal.
        seed: Of the draw.

    Returns:
        int64 (n,), new.
    """
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.random(len(labels)), labels))
    n_flipped = round(share * len(labels))
    chosen = order[((np.arange(n_flipped) + rng.random()) * len(labels) / max(n_flipped, 1)).astype(np.int64)]
    flipped = labels.copy()
    chances = weights / weights.sum(axis=1, keepdims=True)
    flipped[chosen] = [rng.choice(len(weights), p=chances[label]) for label in labels[chosen]]
    return flipped


def weigh_evenly(n_classes: int) -> Weights:
    """Let an image become one of any other class alike, float (n_classes, n_classes)."""
    return 1.0 - np.eye(n_classes)


def main() -> None:
    """Write the competition."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--share", type=float, default=0.03)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    shutil.copytree(options.source, options.target)
    file = options.target / "train.csv"
    rows = pd.read_csv(file, dtype=str)
    labels, values = pd.factorize(rows["target"], sort=True)
    flipped = flip(labels.astype(np.int64), options.share, weigh_evenly(len(values)), options.seed)
    changed = rows[flipped != labels]
    changed.to_csv(options.target / "flipped_labels.csv", index=False)
    rows.assign(target=values[flipped]).to_csv(file, index=False)
    print(f"{len(changed)} of {len(rows)} labels of {file} are wrong now")


if __name__ == "__main__":
    main()
