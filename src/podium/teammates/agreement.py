"""How far teammates agree, and on which images they do not."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd

from podium.teammates.answers import Answers
from podium.teammates.votes import Labels, count_votes

Floats = npt.NDArray[np.float64]


def compare_pairs(answers: Sequence[Answers], n_classes: int) -> pd.DataFrame:
    """Compare each teammate with each other.

    Args:
        answers: One entry a teammate, all of the same images, at least one.
        n_classes: Number of classes.

    Returns:
        One row a pair, in the order of ``answers``: first, second (str), n_images (int64), agreement (float64, share of
        images with the same class) and kappa (float64, see :func:`measure_kappa`). No rows for one teammate alone.
    """
    rows = [
        {
            "first": first.name,
            "second": second.name,
            "n_images": len(first.labels),
            "agreement": float((first.labels == second.labels).mean()),
            "kappa": measure_kappa(first.labels, second.labels, n_classes),
        }
        for first, second in combinations(answers, 2)
    ]
    types = {"first": "str", "second": "str", "n_images": "int64", "agreement": "float64", "kappa": "float64"}
    return pd.DataFrame(rows, columns=list(types)).astype(types)


def measure_kappa(first: Labels, second: Labels, n_classes: int) -> float:
    """Return Cohen's kappa: the agreement beyond that of chance, as a share of what is possible beyond it.

    It is computed from whole numbers, so that it is exact. When both gave one and the same class to all images, chance
    alone agrees on everything: kappa is 0/0, and NaN, as scikit-learn has it.

    Args:
        first, second: int64 (n_images,).
        n_classes: Number of classes.
    """
    n_images = len(first)
    counts = [np.bincount(labels, minlength=n_classes) for labels in (first, second)]
    by_chance = int((counts[0] * counts[1]).sum())  # n_images² times the agreement of chance
    beyond = n_images * int((first == second).sum()) - by_chance
    possible = n_images * n_images - by_chance
    return beyond / possible if possible else float("nan")


def list_contested(
    answers: Sequence[Answers], hard_vote: Labels, submission_template: pd.DataFrame, classes: pd.DataFrame
) -> pd.DataFrame:
    """List the images on which not all give the same class, the most contested first.

    Args:
        answers: One entry a teammate, in the template's order of images.
        hard_vote: int64 (n_images,).
        submission_template: image_id, then the organisers' columns.
        classes: label and class_name.

    Returns:
        image_id, the organisers' id, ``vote_<name>`` of each teammate and hard_vote (names of classes), entropy
        (float64, of the votes, in nats), margin (float64, see :func:`measure_margin`); sorted by entropy, highest
        first, then by margin, lowest first, then by image_id.
    """
    labels = np.stack([one.labels for one in answers])
    contested = np.flatnonzero((labels != labels[0]).any(axis=0))
    names = classes.set_index("label")["class_name"]
    id_column = next(column for column in submission_template.columns if column != "image_id")
    known = [one.probabilities[contested] for one in answers if one.probabilities is not None]
    columns = {
        **{name: submission_template[name].iloc[contested].to_numpy() for name in ("image_id", id_column)},
        **{f"vote_{one.name}": names.loc[one.labels[contested]].to_numpy() for one in answers},
        "hard_vote": names.loc[hard_vote[contested]].to_numpy(),
        "entropy": measure_entropy(labels[:, contested], len(classes)),
        "margin": measure_margin(known) if known else np.full(len(contested), np.nan),
    }
    table = pd.DataFrame(columns)
    order = ["entropy", "margin", "image_id"]
    return table.sort_values(order, ascending=[False, True, True], ignore_index=True)


def measure_entropy(labels: Labels, n_classes: int) -> Floats:
    """Return the entropy of the votes on each image, float64 (n_images,), in nats: 0 when all agree.

    Args:
        labels: int64 (n_teammates, n_images).
        n_classes: Number of classes.
    """
    counts = count_votes(labels, np.ones(len(labels)), n_classes)
    # Sorted, so that the same division of votes gives the same last digit whichever the classes are.
    shares = np.sort(counts, axis=1) / len(labels)
    logs = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    return np.abs((shares * logs).sum(axis=1))


def measure_margin(tables: Sequence[npt.NDArray[np.float32]]) -> Floats:
    """Return how far the most probable class is ahead of the next, the mean over all teammates, float64 (n_images,).

    Args:
        tables: Probabilities, float32 (n_images, n_classes), of each teammate who handed over some; at least one.
    """
    margins = [np.diff(np.partition(table, -2, axis=1)[:, -2:], axis=1)[:, 0] for table in tables]
    return np.mean(np.asarray(margins, np.float64), axis=0)
