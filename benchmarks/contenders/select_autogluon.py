"""Choose an ensemble with AutoGluon's ``EnsembleSelection``, as its weighted ensembles do."""

import argparse
import time
from pathlib import Path

import numpy as np
from autogluon.core.metrics import get_metric
from autogluon.core.models.greedy_ensemble.ensemble_selection import EnsembleSelection

from benchmarks.harness import print_figure


def main() -> None:
    """Read the members, choose, store the weights, and print the seconds that choosing took."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("picks", type=int)
    arguments = parser.parse_args()
    members = list(np.load(arguments.folder / "probabilities.npy"))
    labels = np.load(arguments.folder / "labels.npy")
    selection = EnsembleSelection(
        ensemble_size=arguments.picks, problem_type="multiclass", metric=get_metric("f1_macro", "multiclass")
    )
    start = time.perf_counter()
    selection.fit(members, labels)
    elapsed_s = time.perf_counter() - start
    np.save(arguments.weights, selection.weights_)
    print_figure(elapsed_s)


if __name__ == "__main__":
    main()
