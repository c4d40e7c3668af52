"""Say how many of the flipped labels stand among the first images of several orders.

    python docs/study/label_errors/score_found.py FOLDER

FOLDER holds what ``predict_flipped.py`` wrote. Twice as many images are looked at as labels were flipped. Prints two
tables in Markdown: the share found by each order, mean and standard deviation over the seeds; and what the suspects of
confident learning are worth.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.label_errors import LabelErrors, find_label_errors

Labels = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    found, suspects = [], []
    for file in sorted(parser.parse_args().folder.glob("*.npz")):
        held = np.load(file)
        given, true, probabilities = held["given"], held["true"], held["probabilities"].astype(np.float64)
        errors = find_label_errors(given, probabilities)
        name, is_flipped = file.stem.rpartition("_")[0], given != true
        orders = score_orders(given, probabilities, errors)
        found.append({"set": name} | {key: share_found(value, is_flipped) for key, value in orders.items()})
        suspects.append({"set": name} | describe_suspects(given, true, probabilities, errors))
    print_table(pd.DataFrame(found), spread=True)
    print_table(pd.DataFrame(suspects), spread=False)


def score_orders(given: Labels, probabilities: Numbers, errors: LabelErrors) -> dict[str, Numbers]:
    """Return numbers by which images are sorted, largest first, float (n,), by the name of the order."""
    rows = np.arange(len(given))
    own = probabilities[rows, given]
    others = probabilities.copy()
    others[rows, given] = -1.0
    margin = others.max(axis=1) - own
    entropy = -(probabilities * np.log(np.maximum(probabilities, 1e-12))).sum(axis=1)
    pruned = prune_by_noise_rate(given, probabilities, errors)
    adjusted = probabilities / np.sqrt(np.maximum(np.bincount(given, minlength=probabilities.shape[1]), 1))
    adjusted /= adjusted.sum(axis=1, keepdims=True)  # what prior_adjustment: 0.5 makes of them
    return {
        "suspicion": errors.suspicion,
        "suspicion after prior_adjustment": find_label_errors(given, adjusted).suspicion,
        "largest loss": -np.log(np.maximum(own, 1e-300)),
        "normalised margin": margin,
        "entropy over self-confidence": entropy / np.maximum(own, 1e-12),
        "suspects first": errors.is_suspect + errors.suspicion / 2.0,
        "pruned by noise rate first": pruned + errors.suspicion / 2.0,
        "random": np.random.default_rng(0).random(len(given)),
    }


def prune_by_noise_rate(given: Labels, probabilities: Numbers, errors: LabelErrors) -> npt.NDArray[np.bool_]:
    """Take of each pair of classes as many images as the joint says, those with the largest margin; bool (n,)."""
    taken = np.zeros(len(given), dtype=np.bool_)
    for i, j in np.argwhere(np.rint(estimate_wrong(given, errors)) > 0):
        labelled = np.flatnonzero(given == i)
        margins = probabilities[labelled, j] - probabilities[labelled, i]
        n_wrong = round(float(estimate_wrong(given, errors)[i, j]))
        taken[labelled[np.argsort(-margins, kind="stable")[:n_wrong]]] = True
    return taken


def estimate_wrong(given: Labels, errors: LabelErrors) -> Numbers:
    """Estimate how many images are labelled i and truly of class j, float (k, k), 0 on the diagonal.

    Each row of the confident joint is stretched to the images that are labelled so (equation 3 of Northcutt et al.,
    2021).
    """
    joint = errors.confident_joint.astype(np.float64)
    counts = np.bincount(given, minlength=len(joint))
    stretched = joint * (counts / np.maximum(joint.sum(axis=1), 1.0))[:, None]
    np.fill_diagonal(stretched, 0.0)
    return stretched


def share_found(numbers: Numbers, is_flipped: npt.NDArray[np.bool_]) -> float:
    """Return the share of flipped labels among the first images, twice as many as there are flipped ones."""
    first = np.argsort(-numbers, kind="stable")[: 2 * is_flipped.sum()]
    return float(is_flipped[first].sum() / is_flipped.sum())


def describe_suspects(given: Labels, true: Labels, probabilities: Numbers, errors: LabelErrors) -> dict[str, float]:
    """Count the suspects, and compare them with what was flipped."""
    is_flipped, is_suspect = given != true, errors.is_suspect
    both = is_flipped & is_suspect
    return {
        "images": len(given),
        "flipped": int(is_flipped.sum()),
        "accuracy on true labels": float((probabilities.argmax(axis=1) == true).mean()),
        "suspects": int(is_suspect.sum()),
        "flipped among suspects": both.sum() / max(is_suspect.sum(), 1),
        "suspects among flipped": both.sum() / is_flipped.sum(),
        "suggestion right": (errors.suggested[is_flipped] == true[is_flipped]).mean(),
        "wrong labels by the joint": float(estimate_wrong(given, errors).sum()),
    }


def print_table(rows: pd.DataFrame, spread: bool) -> None:
    """Print the mean over seeds of each set, with the standard deviation where it is asked for."""
    mean, deviation, n_seeds = (getattr(rows.groupby("set"), name)() for name in ("mean", "std", "size"))
    print("| set | seeds |", " | ".join(mean.columns), "|")
    print("| --- | --- |", " | ".join("---" for _ in mean.columns), "|")
    for name in mean.index:
        cells = [
            f"{value:.0f}"
            if value > 1
            else f"{value:.2f}" + (f" ± {deviation.loc[name, column]:.2f}" if spread else "")
            for column, value in mean.loc[name].items()
        ]
        print(f"| {name} | {n_seeds[name]} |", " | ".join(cells), "|")
    print()


if __name__ == "__main__":
    main()
