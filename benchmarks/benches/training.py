"""Training, end to end: the seconds from a typed command to scores, on JPEGs that were never seen before.

Each contender's own command is timed from its start to its exit: ``kedro run --pipeline train`` in a fresh copy of the
project, timm's ``train.py``, and a script for fastai (``benchmarks.contenders.train_fastai``). Making the pictures,
copying the project and dealing the pictures into parts is not in the figure.

The same for all: pictures, parts, network without trained weights, input size, batch size, epochs, AdamW and its rates,
label smoothing, workers, channels last in memory, a light policy (mirror, small moves, brightness and contrast), all
cores for torch, bf16 on a GPU. All validate after each epoch. Ours also checks and hashes each picture, looks for
duplicates, deals the folds, draws a contact sheet, predicts out of fold, scores by class, draws confusions and learning
curves, keeps all of it as tables and logs it to MLflow.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.harness import OURS, ROOT, Bench, Contender, print_figure
from benchmarks.options import Options
from benchmarks.pictures import CACHE, make_pictures

MODULE = "benchmarks.benches.training"
N_IMAGES, WIDTH_PX, HEIGHT_PX, N_CLASSES, N_FOLDS = 2000, 512, 384, 10, 5
OTHERS = ("timm", "fastai")


@dataclass(frozen=True)
class Job:
    """What all contenders train; one of five folds is held out.

    Attributes:
        backbone: By timm's name.
        input_height_px, input_width_px: Of the input.
        batch_size: Of training; validation takes four times as many.
        epochs: How many.
        lr: Peak rate; rises for the first epoch, then falls as a cosine.
        weight_decay: Of AdamW.
        smoothing: Of labels.
        num_workers: Processes that load and augment.
    """

    backbone: str = "mobilenetv3_small_100"
    input_height_px: int = 96
    input_width_px: int = 128
    batch_size: int = 64
    epochs: int = 3
    lr: float = 1e-3
    weight_decay: float = 0.05
    smoothing: float = 0.1
    num_workers: int = 2


def define(options: Options) -> list[Bench]:
    """Define the bench for a network so small that loading and start-up weigh most, and for a larger one."""
    jobs = [Job(epochs=3), Job(epochs=6), Job(backbone="resnet18", epochs=3)]
    return [_define_for(job, options) for job in jobs]


def _define_for(job: Job, options: Options) -> Bench:
    return Bench(
        name=f"training_{job.backbone}_{job.epochs}_epochs",
        title=f"training, end to end: {job.backbone}, {N_IMAGES:,} JPEGs, {job.epochs} epochs",
        unit="s",
        better="lower",
        contenders=[Contender(name, _make_command(name, job, options)) for name in (OURS, *OTHERS)],
        against=OTHERS,
        bound=1.0,
    )


def _make_command(name: str, job: Job, options: Options) -> list[str]:
    command = [sys.executable, "-m", MODULE, "--who", name, "--epochs", str(job.epochs), "--backbone", job.backbone]
    for flag, value in (("--pictures", options.photos_dir), ("--timm-scripts", options.timm_scripts)):
        command += [flag, str(value)] if value is not None else []
    return command


def main() -> None:
    """Run one contender's command in a folder of its own, and print its seconds."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--who", choices=(OURS, *OTHERS), required=True)
    parser.add_argument("--epochs", type=int, default=Job.epochs)
    parser.add_argument("--backbone", default=Job.backbone)
    parser.add_argument("--pictures", type=Path)
    parser.add_argument("--timm-scripts", type=Path)
    parser.add_argument("--keep", type=Path, help="new folder for what the run writes, instead of one that is removed")
    arguments = parser.parse_args()
    job = Job(epochs=arguments.epochs, backbone=arguments.backbone)
    pictures = make_pictures(N_IMAGES, WIDTH_PX, HEIGHT_PX, arguments.pictures, N_CLASSES)
    parts = deal_parts(pictures)
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        folder = (arguments.keep or Path(temporary) / "run").resolve()
        if arguments.who == OURS:
            make_project(folder, pictures, job)
            seconds = time_command(kedro_command("train"), folder)
        else:
            folder.mkdir()
            make = {"timm": timm_command, "fastai": fastai_command}[arguments.who]
            seconds = time_command(make(parts, job, folder, arguments.timm_scripts), folder)
    print_figure(seconds)


def time_command(command: Sequence[str], folder: Path) -> float:
    """Run a command in a folder and return its seconds; exit with its last lines when it fails."""
    with (folder / "output.txt").open("w+") as output:
        start = time.perf_counter()
        status = subprocess.run(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
        seconds = time.perf_counter() - start
        output.seek(0)
        if status:
            sys.exit(f"{' '.join(command)} ended with {status}:\n" + "".join(output.readlines()[-5:]))
    return seconds


def make_project(folder: Path, pictures: Path, job: Job) -> None:
    """Copy the project and configure it for the job: no store, table, run or database of before is in reach.

    The source comes with its compiled modules, as anybody's has from the second command on.
    """
    import yaml

    folder.mkdir()
    shutil.copytree(ROOT / "conf", folder / "conf", ignore=shutil.ignore_patterns("local"))
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    link_pictures(pictures.rglob("*.jpg"), pictures, folder / "competition/train")
    parameters = {
        "competitions": {"bench": {"format": "image_folder", "root": "competition"}},
        "recipe": "bench",
        "recipes": {"bench": describe_recipe(job)},
        "splitting": {"scheme": "hold_out", "n_folds": N_FOLDS},
        "training": {"num_workers": job.num_workers, "progress": False},
    }
    local = folder / "conf/local"
    local.mkdir()
    (local / "globals.yml").write_text("competition: bench\n", encoding="utf-8")
    (local / "parameters_bench.yml").write_text(yaml.safe_dump(parameters), encoding="utf-8")


def describe_recipe(job: Job) -> dict[str, object]:
    """Write the job as a recipe; what it does not name is the project's default."""
    return {
        "model": {"backbone": job.backbone},
        "input": {"size_px": [job.input_height_px, job.input_width_px]},
        "policy": "light",
        "loss": {"label_smoothing": job.smoothing},
        "optimizer": {"name": "adamw", "lr": job.lr, "weight_decay": job.weight_decay},
        "schedule": {"name": "cosine", "warmup_epochs": 1.0},
        "epochs": job.epochs,
        "batch_size": job.batch_size,
    }


def kedro_command(pipelines: str) -> list[str]:
    """Return what a user types, in this environment."""
    return [sys.executable, "-m", "kedro", "run", "--pipelines", pipelines]


def timm_command(parts: Path, job: Job, folder: Path, scripts: Path | None) -> list[str]:
    """Return the call of timm's training script.

    Of the light policy it has mirroring, random crops in the place of small moves, and brightness and contrast.
    """
    if scripts is None:
        sys.exit("timm's train.py is in no package: --timm-scripts names a checkout of timm's repository")
    device = ["--device", "cuda", "--amp", "--amp-dtype", "bfloat16"] if has_gpu() else ["--device", "cpu"]
    return [
        sys.executable, str(scripts.resolve() / "train.py"), "--data-dir", str(parts), "--train-split", "train",
        "--val-split", "validation", "--model", job.backbone, "--num-classes", str(N_CLASSES),
        "--input-size", "3", str(job.input_height_px), str(job.input_width_px), "--crop-pct", "1.0",
        "--scale", "0.8", "1.0", "--ratio", "1.2", "1.47", "--train-interpolation", "bilinear",
        "--color-jitter", "0.2", "--color-jitter-prob", "0.5", "--smoothing", str(job.smoothing),
        "--opt", "adamw", "--lr", str(job.lr), "--weight-decay", str(job.weight_decay), "--sched", "cosine",
        "--warmup-epochs", "1", "--epochs", str(job.epochs), "-b", str(job.batch_size),
        "-vb", str(4 * job.batch_size), "-j", str(job.num_workers), "--channels-last", *device,
        "--output", str(folder), "--experiment", "bench", "--checkpoint-hist", "1",
    ]  # fmt: skip


def fastai_command(parts: Path, job: Job, folder: Path, _: Path | None) -> list[str]:
    """Return the call of the script for fastai; its arguments are the job."""
    values = [f"--{name.replace('_', '-')}={value}" for name, value in asdict(job).items()]
    return [sys.executable, str(ROOT / "benchmarks/contenders/train_fastai.py"), str(parts), *values]


def has_gpu() -> bool:
    """Whether torch sees a GPU."""
    import torch

    return torch.cuda.is_available()


def deal_parts(pictures: Path) -> Path:
    """Deal the pictures as our own split does, once: ``train/<class>/`` and ``validation/<class>/``.

    Our own run deals them anew each time, which is in its figure; the split is a function of pictures and seed.
    """
    parts = pictures.with_name(f"{pictures.name}-parts")
    if parts.exists():
        return parts
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        project, unfinished = Path(temporary) / "project", Path(temporary) / "parts"
        make_project(project, pictures, Job())
        time_command(kedro_command("ingestion,splitting"), project)
        for part, paths in read_parts(project).items():
            link_pictures([pictures / path for path in paths], pictures, unfinished / part)
        unfinished.rename(parts)
    return parts


def read_parts(project: Path) -> dict[str, list[str]]:
    """Read from a project's folds which pictures train and which validate: ``<class>/<file>`` of each."""
    import pandas as pd

    folds = pd.read_parquet(next(project.glob("data/03_primary/bench/folds.parquet/*/folds.parquet")))
    paths = folds["image_id"].str.removeprefix("train/")
    held_out = folds["fold"] == 0
    return {"train": sorted(paths[~held_out]), "validation": sorted(paths[held_out])}


def link_pictures(paths: Iterable[Path], root: Path, folder: Path) -> None:
    """Link pictures from below ``root`` into another folder; as hard links, which are files like any other."""
    for path in paths:
        link = folder / path.relative_to(root)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(path, link)


if __name__ == "__main__":
    main()
