"""Choosing an ensemble: greedy selection out of many members, against AutoGluon's.

100 members answer 20,000 images of 18 classes, and both sides pick 100 times, with replacement, for macro F1. The
members are drawn: each sees the true class through noise, most of which all share, so singles reach 0.75 to 0.87 and an
ensemble some points more. Reading the members and importing libraries is in no figure.

AutoGluon's ``EnsembleSelection`` (Apache-2.0) runs in an environment of its own packages, which the first run makes
below ``data/benchmarks``; what they import beside each other is in the project's environment already.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.harness import OURS, Bench, Contender, print_figure
from benchmarks.options import Options
from benchmarks.pictures import CACHE, ROOT

MODULE = "benchmarks.benches.ensemble_selection"
AUTOGLUON = "autogluon"
AUTOGLUON_VERSION = "1.6.3"
N_MEMBERS, N_IMAGES, N_CLASSES, N_PICKS = 100, 20_000, 18, 100
SECONDS, CHOSEN_ON, UNSEEN = "seconds", "chosen_on", "unseen"

_FOLDER = CACHE / "ensemble_selection"
_SHARED, _OWN, _SHARPNESS = 0.8, 0.6, 2.0  # of the noise in the members' scores of each class
_LEAST_SIGNAL, _MOST_SIGNAL = 2.55, 3.05

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def define(options: Options) -> list[Bench]:
    """Define one bench for the time, and two for what it was spent on."""
    size = f"{N_MEMBERS} members, {N_IMAGES:,} images, {N_CLASSES} classes, {N_PICKS} picks"
    return [
        Bench(
            name="ensemble_selection_seconds",
            title=f"greedy selection: {size}",
            unit="s",
            better="lower",
            contenders=_contend(SECONDS),
            against=[AUTOGLUON],
            bound=1 / 20,
        ),
        Bench(
            name="ensemble_selection_score",
            title="macro F1 of the ensemble, on the images that it was chosen on",
            unit="macro F1",
            better="higher",
            contenders=_contend(CHOSEN_ON),
            against=[AUTOGLUON],
            bound=1.0,
        ),
        Bench(
            name="ensemble_selection_unseen",
            title=f"macro F1 of the ensemble, on {N_IMAGES:,} other images",
            unit="macro F1",
            better="higher",
            contenders=_contend(UNSEEN),
            against=[AUTOGLUON],
            bound=0.998,
        ),
    ]


def _contend(figure: str) -> list[Contender]:
    return [
        Contender(who, [sys.executable, "-m", MODULE, "--who", who, "--figure", figure]) for who in (OURS, AUTOGLUON)
    ]


def main() -> None:
    """Choose an ensemble as one contender does, and print its seconds or its score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--who", choices=(OURS, AUTOGLUON), required=True)
    parser.add_argument("--figure", choices=(SECONDS, CHOSEN_ON, UNSEEN), required=True)
    parser.add_argument("--picks", type=int, default=N_PICKS)
    arguments = parser.parse_args()
    if not (_FOLDER / "labels.npy").exists():
        store_members(_FOLDER)
    weights = _FOLDER / f"weights-{arguments.who}-{arguments.picks}.npy"
    # Both choose the same each time; only ours may have been changed since.
    if arguments.figure == SECONDS or arguments.who == OURS or not weights.exists():
        select = select_ours if arguments.who == OURS else select_autogluon
        seconds = select(_FOLDER, weights, arguments.picks)
    if arguments.figure == SECONDS:
        print_figure(seconds)
    else:
        print_figure(score_weights(_FOLDER, np.load(weights), is_unseen=arguments.figure == UNSEEN))


def store_members(folder: Path) -> None:
    """Draw the members once: on the images that are chosen on, and on others; the labels come last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, seed in (("unseen-", 1), ("", 0)):
        probabilities, labels = draw_members(N_MEMBERS, N_IMAGES, N_CLASSES, seed)
        np.save(folder / f"{name}probabilities.npy", probabilities)
        np.save(folder / f"{name}labels.npy", labels)


def draw_members(n_members: int, n_images: int, n_classes: int, seed: int) -> tuple[Probabilities, Labels]:
    """Draw what members of varied quality, who err alike, say of images; whatever the seed, they are as good.

    Returns:
        Probabilities, float32 (n_members, n_images, n_classes), and true labels, int64 (n_images,).
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, n_classes, n_images)
    truth = np.eye(n_classes, dtype=np.float32)[labels]
    shared = _SHARED * rng.standard_normal((n_images, n_classes), np.float32)
    probabilities = np.empty((n_members, n_images, n_classes), np.float32)
    for member, signal in enumerate(np.random.default_rng(0).uniform(_LEAST_SIGNAL, _MOST_SIGNAL, n_members)):
        own = _OWN * rng.standard_normal((n_images, n_classes), np.float32)
        scores = np.float32(_SHARPNESS) * (np.float32(signal) * truth + shared + own)
        odds = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities[member] = odds / odds.sum(axis=1, keepdims=True)
    return probabilities, labels


def select_ours(folder: Path, weights: Path, n_picks: int) -> float:
    """Store the weights and return the seconds that choosing them took."""
    from podium.ensembling.selection import select_greedily

    probabilities, labels = np.load(folder / "probabilities.npy"), np.load(folder / "labels.npy")
    start = time.perf_counter()
    chosen = select_greedily(probabilities, labels, "macro_f1", max_picks=n_picks)
    elapsed_s = time.perf_counter() - start
    np.save(weights, chosen)
    return elapsed_s


def select_autogluon(folder: Path, weights: Path, n_picks: int) -> float:
    """Do the same in AutoGluon's environment.

    Raises:
        RuntimeError: It could not be installed, or failed.
    """
    command = [sys.executable, "-m", "benchmarks.contenders.select_autogluon", str(folder), str(weights), str(n_picks)]
    path = os.pathsep.join([str(install_autogluon(CACHE)), str(ROOT)])
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"AutoGluon's selection ended with {done.returncode}: {done.stderr[-1000:]}")
    return float(json.loads(done.stdout.splitlines()[-1])["value"])


def install_autogluon(folder: Path) -> Path:
    """Install three packages of AutoGluon without what they require, or find them, and return their folder.

    Raises:
        RuntimeError: pip could not.
    """
    packages = folder / f"autogluon-{AUTOGLUON_VERSION}"
    if packages.is_dir():
        return packages
    unfinished = packages.with_suffix(".unfinished")
    wanted = [f"autogluon.{part}=={AUTOGLUON_VERSION}" for part in ("core", "common", "features")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(unfinished)]
    done = subprocess.run([*command, *wanted], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"AutoGluon could not be installed: {done.stderr[-1000:]}")
    unfinished.rename(packages)
    return packages


def score_weights(folder: Path, weights: npt.NDArray[np.float64], *, is_unseen: bool) -> float:
    """Return scikit-learn's macro F1 of the blend, the same way for both sides."""
    from sklearn.metrics import f1_score

    name = "unseen-" if is_unseen else ""
    probabilities, labels = (np.load(folder / f"{name}{part}.npy") for part in ("probabilities", "labels"))
    blended = sum(weight * member for weight, member in zip(weights, probabilities, strict=True) if weight)
    return float(f1_score(labels, np.argmax(blended, axis=1), average="macro"))


if __name__ == "__main__":
    main()
