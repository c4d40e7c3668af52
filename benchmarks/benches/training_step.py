"""Training inside an epoch: Podium's own training against a bare PyTorch loop that has nothing to wait for.

The figure is images a second of a usual epoch (the median of all but the first, in which memory, workers and kernels
warm up), from before the first batch to the end of the last step; validation and checkpoints are not in it. ``podium``
trains a fold as ``kedro run`` does: image store, light policy in worker processes, Lightning, a learning rate for each
layer, averaged weights, history. ``bare`` runs the network, the loss and the optimizer on a few batches that lie
normalised on the device: no data, no augmentation, no average, no schedule. Network, loss, optimizer, batch size,
precision, memory format, threads and allocator are the same. ``plain`` is that loop as torch leaves it, without
channels last, the allocator and the fused optimizer; it is shown alone.
"""

import argparse
import dataclasses
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import Bench, Contender, print_figure
from benchmarks.members import (
    CASES,
    N_CLASSES,
    Case,
    build_network,
    find_hardware,
    has_gpu,
    make_fold,
    make_plan,
    name_cases,
)
from benchmarks.options import Options

if TYPE_CHECKING:
    from podium.vision.hardware import Hardware
    from podium.vision.network import Network

N_EPOCHS = 4
N_RESIDENT = 4


def define(options: Options) -> list[Bench]:
    """Define one bench a case; those for a GPU where there is one."""
    return [_define_case(name, options) for name in name_cases()]


def _define_case(name: str, options: Options) -> Bench:
    command = [sys.executable, "-m", "benchmarks.benches.training_step", "--case", name]
    command += ["--pictures", str(options.photos_dir)] if options.photos_dir else []
    contenders = [Contender(who, [*command, "--who", who]) for who in ("podium", "bare", "plain")]
    return Bench(
        f"training_step_{name}", f"training step, {CASES[name].name}", "images/s", "higher", contenders, ("bare",),
        0.95 if has_gpu() else 0.97, ratio_of="ours / bare PyTorch loop",
    )  # fmt: skip


def main() -> None:
    """Run one contender and print its figure."""
    from podium.vision.allocator import keep_large_buffers

    parser = argparse.ArgumentParser()
    parser.add_argument("--who", choices=("podium", "bare", "plain"), required=True)
    parser.add_argument("--case", choices=CASES, required=True)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    case, hardware = CASES[arguments.case], find_hardware()
    n_images = case.changes["batch_size"] * (100 if has_gpu() else case.n_cpu_steps)
    if arguments.who == "podium":
        speeds = train_podium(case, n_images, arguments.pictures)
    elif arguments.who == "bare":
        if not has_gpu():
            keep_large_buffers()
        speeds = train_bare(case, n_images, hardware)
    else:
        plain = dataclasses.replace(hardware, channels_last=False)
        speeds = train_bare(case, n_images, plain, optimizer={"options": {"fused": False}})
    print_figure(statistics.median(speeds[1:]))


def train_podium(case: Case, n_images: int, photos_dir: Path | None) -> list[float]:
    """Train a fold, and return the images a second of each epoch."""
    from podium.vision.callbacks import HistoryRow
    from podium.vision.fit import fit_fold

    plan = make_plan(case, epochs=N_EPOCHS)
    data = make_fold(plan, case, n_images, photos_dir)
    rows: list[HistoryRow] = []
    with tempfile.TemporaryDirectory() as folder:
        fit_fold(plan, data, 0, find_hardware(), Path(folder), rows.append)
    return [row["images_per_s"] for row in rows]


def train_bare(case: Case, n_images: int, hardware: "Hardware", **changes: object) -> list[float]:
    """Run the loop of a tutorial, and return the images a second of each epoch."""
    import numpy as np
    import torch

    from podium.vision.losses import make_loss
    from podium.vision.optimizers import make_optimizer

    plan, device = make_plan(case, **changes), hardware.device
    recipe, network = plan.recipe, build_network(plan, hardware).train()
    _keep_norms(network)
    loss = make_loss(recipe.loss, np.full(N_CLASSES, n_images // N_CLASSES)).to(device)
    optimizer = make_optimizer(network, recipe.optimizer, recipe.freezing)
    layout = torch.channels_last if hardware.channels_last else torch.contiguous_format
    shape, n_steps = (recipe.batch_size, 3, *plan.spec.size_px), n_images // recipe.batch_size
    images = [torch.randn(shape).to(device, memory_format=layout) for _ in range(N_RESIDENT)]
    labels = [torch.randint(N_CLASSES, shape[:1]).to(device) for _ in range(N_RESIDENT)]
    speeds = []
    for _ in range(N_EPOCHS):
        start = time.perf_counter()
        for step in range(n_steps):
            target = labels[step % N_RESIDENT]
            with torch.autocast(device.type, hardware.dtype, enabled=hardware.dtype is not torch.float32):
                cost = loss(network(images[step % N_RESIDENT], target), target)
            optimizer.zero_grad()
            cost.backward()
            optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()
        speeds.append(n_steps * recipe.batch_size / (time.perf_counter() - start))
    return speeds


def _keep_norms(network: "Network") -> None:
    """Let batch norms keep their statistics, as recipes that fine-tune do; it also saves a part of their work."""
    from torch.nn.modules.batchnorm import _BatchNorm

    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.training = False


if __name__ == "__main__":
    main()
