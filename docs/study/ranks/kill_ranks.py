"""Kill a process of a shared training at random moments, and see whether it ends as one that nobody disturbed.

    python docs/study/ranks/kill_ranks.py 10

Two processes on a CPU train a small network on noise. Each time, one of them is killed after a random part of the time
that the undisturbed training took, be it while they start, within an epoch, or while a checkpoint is written.
"""

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from podium.vision.augmentation import resolve_policy
from podium.vision.callbacks import HistoryRow
from podium.vision.fit import FittedFold, FoldData, MemberPlan, fit_fold
from podium.vision.hardware import Hardware, RankGroup
from podium.vision.image_store import ImageStore, fill_store
from podium.vision.input_spec import InputSpec
from podium.vision.recipe import Recipe

SPEC = InputSpec(32, 32, "stretch", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
PAIR = Hardware("cpu", "32-true", num_workers=0, num_threads=1, group=RankGroup(n_devices=2, max_restarts=3))
N_IMAGES, N_CLASSES, N_EPOCHS = 260, 3, 6


def draw_fold(root: Path) -> FoldData:
    """Noise whose brightness tells the class."""
    rng = np.random.default_rng(1)
    labels, names = np.arange(N_IMAGES) % N_CLASSES, [f"{i:03d}.png" for i in range(N_IMAGES)]
    for name, label in zip(names, labels, strict=True):
        pixels = rng.normal(70 + 50 * label, 60, (32, 32, 3)).clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(root / name)
    filled = fill_store(
        folder=root / "store", root=root, paths=names, spec=SPEC, max_pixels=10**6, n_jobs=1, progress=False
    )
    store = ImageStore(root / "store")
    rows = store.rows_of(filled.table["sha256"])
    return FoldData(
        store, rows[:200], labels[:200], np.ones(200, np.int64), rows[200:250], labels[200:250], rows[250:], N_CLASSES
    )


def make_plan() -> MemberPlan:
    """Batches of 16, mixed and augmented, with an average of weights and a schedule that looks at scores."""
    recipe = Recipe.model_validate(
        {
            "name": "noise", "model": {"backbone": "test_resnet", "drop_rate": 0.2}, "input": {"size_px": (32, 32)},
            "batch_size": 16, "epochs": N_EPOCHS, "mixing": {"mixup_alpha": 0.2}, "averaging": {"name": "ema"},
            "schedule": {"name": "plateau", "patience_epochs": 0},
        }
    )  # fmt: skip
    return MemberPlan(recipe, SPEC, resolve_policy("flip", [{"HorizontalFlip": {"p": 0.5}}], SPEC.size_px), None)


def kill_after(seconds: float, rank: int) -> None:
    """Kill a rank of this process, once, as soon as there is one."""
    time.sleep(seconds)
    while not (ranks := sorted(child.pid for child in multiprocessing.active_children() if child.pid)):
        time.sleep(0.01)
    os.kill(ranks[rank % len(ranks)], signal.SIGKILL)


def is_same(a: FittedFold, b: FittedFold) -> bool:
    """Compare weights, probabilities and scores, bit for bit."""
    timings = ["images_per_s", "elapsed_s"]
    return (
        all(torch.equal(value, b.weights[name]) for name, value in a.weights.items())
        and a.oof.tobytes() == b.oof.tobytes()
        and a.history.drop(columns=timings).equals(b.history.drop(columns=timings))
    )


def main(n_kills: int) -> None:
    """Print a line a kill."""
    rng, plan = random.Random(7), make_plan()
    with tempfile.TemporaryDirectory() as folder:
        data = draw_fold(Path(folder))
        fit_fold(plan, data, 0, PAIR, Path(folder) / "first", lambda row: None)  # what starts once has started
        started = time.perf_counter()
        undisturbed = fit_fold(plan, data, 0, PAIR, Path(folder) / "undisturbed", lambda row: None)
        took = time.perf_counter() - started
        print(f"undisturbed: {took:.1f} s")
        for number in range(n_kills):
            seconds, rank = rng.uniform(0, 0.9 * took), rng.randrange(2)
            threading.Thread(target=kill_after, args=(seconds, rank), daemon=True).start()
            rows: list[HistoryRow] = []
            fitted = fit_fold(plan, data, 0, PAIR, Path(folder) / f"{number}", rows.append)
            told = [row["epoch"] for row in rows] == list(range(N_EPOCHS))
            print(
                f"rank {rank} killed after {seconds:.1f} s: same bits {is_same(undisturbed, fitted)}, told once {told}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
