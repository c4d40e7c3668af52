"""Whether probabilities mean what they say: how often a model is right when it is so sure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

MOST_BINS = 10
_LEAST_IN_BIN = 20


@dataclass(frozen=True)
class Reliability:
    """Bins of equally many images, the least sure first.

    Attributes:
        confidence: Mean probability of the predicted class in each bin, float64 (n_bins,).
        right: Share of right answers in each bin, float64 (n_bins,).
        n_images: Of each bin, int64 (n_bins,).
        error: Expected calibration error, 0 to 1; see :func:`measure_reliability`.
        lead: Mean confidence minus share of right answers over all images: above 0 the model believes itself too much.
    """

    confidence: Floats
    right: Floats
    n_images: Labels
    error: float
    lead: float


def measure_reliability(probabilities: npt.NDArray[np.floating], labels: Labels) -> Reliability:
    """Compare how sure a model is of its answers with how often they are right.

    The expected calibration error (Naeini, Cooper and Hauskrecht, 2015) is the mean over all images of how far, in an
    image's bin, mean confidence and share of right answers lie apart. The bins hold equally many images (Nguyen and
    O'Connor, 2015), at most 10 and at least 20 images each where there are so many, since bins of equal width leave
    most images of a good model in the last one.

    Args:
        probabilities: Out of fold, (n_images, n_classes), at least one image.
        labels: True classes, int64 (n_images,).
    """
    confidence = probabilities.max(axis=1).astype(np.float64)
    is_right = (probabilities.argmax(axis=1) == labels).astype(np.float64)
    order = np.argsort(confidence, kind="stable")
    bins = np.array_split(order, min(MOST_BINS, max(1, len(order) // _LEAST_IN_BIN)))
    sure = np.array([confidence[part].mean() for part in bins])
    right = np.array([is_right[part].mean() for part in bins])
    n_images = np.array([len(part) for part in bins], dtype=np.int64)
    error = float((n_images * np.abs(sure - right)).sum() / n_images.sum())
    return Reliability(sure, right, n_images, error, float(confidence.mean() - is_right.mean()))
