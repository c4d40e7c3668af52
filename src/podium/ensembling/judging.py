"""Several ways of making one answer of members, judged side by side where they were not chosen."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from podium.ensembling.criteria import BOUNDS, Criterion, Floats, Labels, Probabilities, score
from podium.ensembling.resampling import Choose, Interval, bootstrap_scores, choose_nested, deal_parts, make_interval


@dataclass(frozen=True)
class Resampling:
    """How choices are judged.

    Attributes:
        criterion: What is scored.
        n_parts: A choice is made on all parts but one and scored on that one.
        n_draws: Bootstrap draws of groups.
        level: Of intervals.
        seed: Of parts and draws.
    """

    criterion: Criterion = "macro_f1"
    n_parts: int = 5
    n_draws: int = 1000
    level: float = 0.9
    seed: int = 0


@dataclass(frozen=True)
class Judged:
    """One way of making one answer.

    Attributes:
        score: Chosen and scored on the same images: what it was chosen by, so too good to be true.
        nested: float32 (n_images, n_classes): each image by a choice that did not see its group.
        nested_score: The score of ``nested``, with its interval.
        draws: ``nested`` scored on each bootstrap draw, float64 (n_draws,).
    """

    score: float
    nested: Probabilities
    nested_score: Interval
    draws: Floats

    def compare(self, other: "Judged", level: float) -> tuple[Interval, float]:
        """Give the gain in the nested score over another, and in which share of the draws it is above 0."""
        gain, draws = self.nested_score.score - other.nested_score.score, self.draws - other.draws
        moved = np.where(draws == 0, 0.0, draws - draws.mean() + gain)  # where nothing differs, nothing is gained
        return make_interval(gain, draws, level), float((moved > 1e-12).mean())


def judge(
    methods: Mapping[str, Choose],
    probabilities: Probabilities,
    labels: Labels,
    groups: npt.NDArray[np.int64],
    resampling: Resampling,
) -> dict[str, Judged]:
    """Judge each method on the same parts and draws.

    Args:
        methods: By name.
        probabilities: float32 (n_members, n_images, n_classes), out of fold.
        labels: int64 (n_images,).
        groups: int64 (n_images,), numbered from 0.
        resampling: Parts and draws.
    """
    criterion = resampling.criterion
    parts = deal_parts(labels, groups, resampling.n_parts, resampling.seed)
    nested = np.stack([choose_nested(choose, probabilities, labels, parts) for choose in methods.values()])
    draws = bootstrap_scores(nested, labels, groups, criterion, resampling.n_draws, resampling.seed)
    return {
        name: Judged(
            score(choose(probabilities, labels)(probabilities), labels, criterion),
            nested[row],
            make_interval(score(nested[row], labels, criterion), draws[row], resampling.level, BOUNDS[criterion]),
            draws[row],
        )
        for row, (name, choose) in enumerate(methods.items())
    }
