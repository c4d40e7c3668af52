"""Prediction with views: from the image store to averaged probabilities, against the same forward passes alone.

The figure is images a second, the median of a few runs behind one that warms up. ``podium`` reads pixels from the
store, shows each image in every view of the recipe, normalises, and averages the softmax. ``bare`` sends as many
batches, normalised and already on the device, through the same network: one forward pass a view and batch, nothing
else. Model, batch size, dtype, memory format, threads and allocator are the same.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.harness import Bench, Contender, print_figure
from benchmarks.members import CASES, build_network, find_hardware, has_gpu, make_fold, make_plan, name_cases
from benchmarks.options import Options

N_RUNS = 4
SHARE_OF_TRAINING = 4  # batches of prediction are so many times as large, as in fit_fold


def define(options: Options) -> list[Bench]:
    """Define one bench a case; those for a GPU where there is one."""
    return [_define_case(name, options) for name in name_cases()]


def _define_case(name: str, options: Options) -> Bench:
    command = [sys.executable, "-m", "benchmarks.benches.prediction", "--case", name]
    command += ["--pictures", str(options.photos_dir)] if options.photos_dir else []
    contenders = [Contender(who, [*command, "--who", who]) for who in ("podium", "bare")]
    return Bench(
        f"prediction_{name}", f"prediction with 2 views, {CASES[name].name}", "images/s", "higher", contenders,
        ("bare",), 0.95, ratio_of="ours / bare forward passes",
    )  # fmt: skip


def main() -> None:
    """Run one contender and print its figure."""
    from podium.vision.allocator import keep_large_buffers

    parser = argparse.ArgumentParser()
    parser.add_argument("--who", choices=("podium", "bare"), required=True)
    parser.add_argument("--case", choices=CASES, required=True)
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    n_batches = 50 if has_gpu() else 3
    if not has_gpu():
        keep_large_buffers()  # as training has done by the time that a fold predicts
    if arguments.who == "podium":
        predict, n_images = prepare_podium(arguments.case, n_batches, arguments.pictures)
    else:
        predict, n_images = prepare_bare(arguments.case, n_batches)
    speeds = []
    for _ in range(N_RUNS):
        start = time.perf_counter()
        predict()
        speeds.append(n_images / (time.perf_counter() - start))
    print_figure(statistics.median(speeds[1:]))


def prepare_podium(name: str, n_batches: int, photos_dir: Path | None) -> tuple[Callable[[], object], int]:
    """Return what predicts a store's images as a fold's end does, and their number."""
    import numpy as np

    from podium.vision.classifier import Classifier
    from podium.vision.losses import make_loss
    from podium.vision.predict import predict_probabilities

    case, hardware = CASES[name], find_hardware()
    plan = make_plan(case)
    recipe, batch_size = plan.recipe, SHARE_OF_TRAINING * plan.recipe.batch_size
    data = make_fold(plan, case, n_batches * batch_size, photos_dir)
    loss = make_loss(recipe.loss, np.ones(data.n_classes, np.int64))
    classifier = Classifier(
        recipe, plan.spec, build_network(plan, hardware), loss, 1, data.n_classes, (), hardware.channels_last
    )

    def predict() -> object:
        return predict_probabilities(
            classifier, data.store, data.train_rows, recipe.test_time_views, data.n_classes, batch_size,
            hardware.device, hardware.dtype,
        )  # fmt: skip

    return predict, len(data.train_rows)


def prepare_bare(name: str, n_batches: int) -> tuple[Callable[[], object], int]:
    """Return what sends batches that lie on the device through the network, and the number of images."""
    import torch

    hardware, plan = find_hardware(), make_plan(CASES[name])
    network, n_views = build_network(plan, hardware).eval(), len(plan.recipe.test_time_views)
    batch_size = SHARE_OF_TRAINING * plan.recipe.batch_size
    layout = torch.channels_last if hardware.channels_last else torch.contiguous_format
    images = torch.randn(batch_size, 3, *plan.spec.size_px).to(hardware.device, memory_format=layout)

    @torch.inference_mode()
    def predict() -> None:
        for _ in range(n_batches * n_views):
            with torch.autocast(hardware.device.type, hardware.dtype, enabled=hardware.dtype is not torch.float32):
                network(images)
        if hardware.accelerator == "gpu":
            torch.cuda.synchronize()

    return predict, n_batches * batch_size


if __name__ == "__main__":
    main()
