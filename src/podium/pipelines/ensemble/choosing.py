"""Ways to make one answer of several members, each chosen on some images and usable on others."""

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from podium.ensembling.criteria import Floats, Labels, Probabilities
from podium.ensembling.decisions import Decision, fit_offsets, fit_temperature
from podium.ensembling.methods import Stacking, average_ranks, vote_hard
from podium.ensembling.resampling import Choose
from podium.ensembling.selection import blend, select_bagged, select_best_single, select_subset
from podium.pipelines.ensemble.config import EnsembleConfig

Weigh = Callable[[Probabilities, Labels], Floats]

WITH_OFFSETS = "{} with class offsets"
_STACKING_MAX_VALUES = 5_000_000  # members x images x classes; beyond, its fit takes minutes


def name_used(choice: dict[str, Any]) -> str:
    """Name the method that a choice of the pipeline uses, as the table of methods has it."""
    return WITH_OFFSETS.format(choice["method"]) if choice["class_offsets"] else str(choice["method"])


def list_weighings(names: Sequence[str], config: EnsembleConfig) -> dict[str, Weigh]:
    """Name what gives each member a weight, from members and true labels: the methods that can be chosen."""
    weighings: dict[str, Weigh] = {
        "best_single": partial(select_best_single, criterion=config.criterion),
        "equal": lambda probabilities, labels: np.full(len(probabilities), 1 / len(probabilities)),
        "greedy": lambda probabilities, labels: select_bagged(
            probabilities, labels, names, config.criterion, config.max_picks, config.bags
        ),
    }
    if config.method == "best_subset" or len(names) <= config.subset_max_members:
        weighings["best_subset"] = partial(select_subset, criterion=config.criterion)
    return weighings


def list_methods(names: Sequence[str], n_values: int, config: EnsembleConfig) -> dict[str, Choose]:
    """Name every method: those with weights, then those to compare with.

    The configured one and the best single member are there with class offsets too.

    Args:
        names: Of the members.
        n_values: Members times images times classes.
        config: Criterion and limits.
    """
    weighings = {name: _remember(weigh) for name, weigh in list_weighings(names, config).items()}
    methods: dict[str, Choose] = {
        name: decide_after(weigh, config, with_offsets=False) for name, weigh in weighings.items()
    }
    if config.class_offsets != "never":
        for name in dict.fromkeys((config.method, "best_single")):
            methods[WITH_OFFSETS.format(name)] = decide_after(weighings[name], config, with_offsets=True)
    methods["rank_mean"] = lambda probabilities, labels: average_ranks
    methods["hard_vote"] = lambda probabilities, labels: vote_hard
    if n_values <= _STACKING_MAX_VALUES:
        methods["stacking"] = lambda probabilities, labels: Stacking(probabilities, labels).predict
    return methods


def fit_decision(blended: Floats, labels: Labels, config: EnsembleConfig, with_offsets: bool) -> Decision:
    """Fit temperature and, where asked for, class offsets on blended probabilities (n_images, n_classes)."""
    temperature = fit_temperature(blended, labels) if config.calibrate else 1.0
    if not with_offsets:
        return Decision(temperature)
    calibrated = Decision(temperature).apply(blended)
    return Decision(temperature, fit_offsets(calibrated, labels, config.criterion))


def decide_after(weigh: Weigh, config: EnsembleConfig, with_offsets: bool) -> Choose:
    """Choose weights, then a decision on the same images."""

    def choose(probabilities: Probabilities, labels: Labels) -> Callable[[Probabilities], Floats]:
        weights = weigh(probabilities, labels)
        decision = fit_decision(blend(probabilities, weights), labels, config, with_offsets)
        return lambda others: decision.apply(blend(others, weights))

    return choose


def _remember(weigh: Weigh) -> Weigh:
    """Weigh the same members on the same images once: a method with and without class offsets asks twice."""
    known: dict[bytes, Floats] = {}

    def weigh_once(probabilities: Probabilities, labels: Labels) -> Floats:
        key = hashlib.sha256(np.ascontiguousarray(probabilities).data)
        key.update(np.ascontiguousarray(labels).data)
        if key.digest() not in known:
            known[key.digest()] = weigh(probabilities, labels)
        return known[key.digest()]

    return weigh_once
