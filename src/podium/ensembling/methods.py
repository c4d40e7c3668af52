"""Ways to make one table of probabilities of several: those that teams use, to compare with."""

import numpy as np

from podium.ensembling.criteria import LEAST_PROBABILITY, Floats, Labels, Probabilities


def average_ranks(probabilities: Probabilities) -> Floats:
    """Rank images within each member and class, and average the ranks; equals share their mean rank.

    Args:
        probabilities: float32 (n_members, n_images, n_classes).

    Returns:
        float64 (n_images, n_classes), rows summing to 1.
    """
    from scipy.stats import rankdata

    ranks = np.mean([rankdata(member, axis=0) for member in probabilities], axis=0)
    return np.asarray(ranks / ranks.sum(axis=1, keepdims=True))


def vote_hard(probabilities: Probabilities) -> Floats:
    """Give each class the share of members that find it most probable; mean probabilities break ties.

    Returns:
        float64 (n_images, n_classes), rows summing to 1.
    """
    n_members, _, n_classes = probabilities.shape
    votes = np.mean([np.eye(n_classes)[member.argmax(axis=1)] for member in probabilities], axis=0)
    tie_break = 0.5 / n_members  # less than one vote, whatever the probabilities
    return np.asarray((votes + tie_break * probabilities.mean(axis=0, dtype=np.float64)) / (1 + tie_break))


class Stacking:
    """A logistic regression on the members' log probabilities (Wolpert, 1992)."""

    def __init__(self, probabilities: Probabilities, labels: Labels) -> None:
        """Fit it on members (n_members, n_images, n_classes) and true labels (n_images,)."""
        from sklearn.linear_model import LogisticRegression

        self._n_classes = probabilities.shape[2]
        self._only = int(labels[0]) if (labels == labels[0]).all() else None  # nothing to tell apart
        if self._only is None:
            self._model = LogisticRegression(C=0.01, max_iter=300, tol=1e-3).fit(_flatten(probabilities), labels)

    def predict(self, probabilities: Probabilities) -> Floats:
        """Give probabilities, float64 (n_images, n_classes); 0 for a class that it never saw."""
        predicted = np.zeros((probabilities.shape[1], self._n_classes))
        if self._only is not None:
            predicted[:, self._only] = 1.0
        else:
            predicted[:, self._model.classes_] = self._model.predict_proba(_flatten(probabilities))
        return predicted


def _flatten(probabilities: Probabilities) -> Floats:
    """Put the members' centred log probabilities side by side, float64 (n_images, n_members * n_classes)."""
    logs = np.log(np.clip(probabilities.astype(np.float64), max(LEAST_PROBABILITY, 1e-6), None))
    logs -= logs.mean(axis=2, keepdims=True)
    return np.asarray(logs.transpose(1, 0, 2).reshape(probabilities.shape[1], -1))
