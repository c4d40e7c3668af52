"""Labels that are probably wrong: confident learning on probabilities out of fold.

Northcutt, Jiang and Chuang, 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels", Journal of Artificial
Intelligence Research 70, written from the paper, whose equations are named below.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int64]
Matrix = npt.NDArray[np.float64]

_TOLERANCE = 1e-9
"""A mean of equal numbers may come out larger than each of them, by about 1e-16 of its size."""

_ROUNDING = 1e-5
"""How far above 1 a mean of float32 probabilities may come out."""


@dataclass(frozen=True)
class LabelErrors:
    """What confident learning says of the labels of n images in k classes.

    Attributes:
        is_suspect: Whether the image is confidently of another class, bool (n,).
        suspicion: One less the probability of the label, 0 to 1, float64 (n,).
        suggested: For a suspect the class that it is confidently of; for others the most probable other class, int64
            (n,). A class without images is never suggested; where no other class has any, it is the label.
        confident_joint: How many images that are labelled i (rows) are confidently of class j (columns), int64 (k, k).
            Its sum is below n where images are confidently of no class.
    """

    is_suspect: npt.NDArray[np.bool_]
    suspicion: Matrix
    suggested: Labels
    confident_joint: Labels

    @property
    def order(self) -> Labels:
        """All images, most suspicious first, int64 (n,): the first m are the ones to look at with time for m.

        Equally suspicious images keep their order.
        """
        return np.argsort(-self.suspicion, kind="stable")


def find_label_errors(labels: Labels, probabilities: npt.NDArray[np.floating]) -> LabelErrors:
    """Find the images whose labels are contradicted by models that never saw them.

    An image is confidently of class j when its probability of j reaches the mean that j has over the images labelled j;
    of several such classes, j is the most probable (equations 1 and 2). That makes up for models that give some classes
    too much and others too little on the whole, so probabilities divided by a prior serve as well. The image is a
    suspect when that class is not its label, unless the label is the most probable class of all: rare classes have such
    low means that many an image reaches one by chance.

    The order of suspicion is that of self-confidence, the probability of the label, and so that of the loss too. All
    images have it, suspects or not. On real pictures with flipped labels it found more of them than the normalised
    margin, and than suspects first (docs/study/label_errors).

    Args:
        labels: The given label of each image, int64 (n,), 0 to k - 1. Nothing is confidently of a class without images,
            nor of one that has no probability in its own.
        probabilities: Out of fold, float (n, k), 0 to 1.

    Raises:
        ValueError: The shapes do not fit, or a value lies outside its range.
    """
    values = _check(labels, probabilities)
    n, n_classes = values.shape
    rows = np.arange(n)
    counts = np.bincount(labels, minlength=n_classes)
    confident = _find_confident(labels, values, counts)
    is_confident = confident >= 0
    joint = np.zeros((n_classes, n_classes), dtype=np.int64)
    np.add.at(joint, (labels[is_confident], confident[is_confident]), 1)

    own = values[rows, labels]
    others = np.where(counts > 0, values, -1.0)
    others[rows, labels] = -1.0
    rival = np.where(others.max(axis=1) >= 0.0, others.argmax(axis=1), labels)
    is_suspect = is_confident & (confident != labels) & (own < values.max(axis=1))
    return LabelErrors(
        is_suspect=is_suspect,
        suspicion=1.0 - own,
        suggested=np.where(is_suspect, confident, rival).astype(np.int64),
        confident_joint=joint,
    )


def _find_confident(labels: Labels, values: Matrix, counts: Labels) -> Labels:
    """Return the class that each image is confidently of, int64 (n,); -1 where there is none.

    Of equally probable classes it is the first.
    """
    own = values[np.arange(len(labels)), labels]
    sums = np.bincount(labels, weights=own, minlength=values.shape[1])
    thresholds = np.where(sums > 0.0, sums / np.maximum(counts, 1), np.inf)
    reached = np.where(values >= thresholds * (1.0 - _TOLERANCE), values, -1.0)
    return np.where(reached.max(axis=1) >= 0.0, reached.argmax(axis=1), -1)


def _check(labels: Labels, probabilities: npt.NDArray[np.floating]) -> Matrix:
    if labels.ndim != 1 or probabilities.ndim != 2 or len(labels) != len(probabilities) or not probabilities.shape[1]:
        raise ValueError(f"labels {labels.shape} and probabilities {probabilities.shape} are not (n,) and (n, k)")
    values = probabilities.astype(np.float64)
    n_classes = values.shape[1]
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}, not within 0 to {n_classes - 1}")
    if not ((values >= 0.0) & (values <= 1.0 + _ROUNDING)).all():  # not-a-number fails both
        raise ValueError("probabilities lie outside 0 to 1")
    return values.clip(max=1.0)
