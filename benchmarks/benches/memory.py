"""Peak memory of ingestion and of training with 50,000 pictures, against that with 2,000.

Each contender is Podium's own ``kedro run`` in a fresh copy of the project: ``ingestion`` into an empty store, or
``train`` (one epoch of a tiny network) on pictures that an earlier run has read. The figure is the largest sum of the
resident memory of the command and all its child processes, looked at twenty times a second; what processes share counts
once for each. Pictures that the system keeps in its file cache count where a process has mapped them. Linux alone.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.benches.training import Job, kedro_command, make_project, time_command
from benchmarks.harness import OURS, Bench, Contender, print_figure
from benchmarks.options import Options
from benchmarks.pictures import CACHE, make_pictures

MANY, FEW = 50_000, 2_000
FEW_NAME = f"{FEW:,} pictures"
WIDTH_PX, HEIGHT_PX, N_CLASSES = 96, 72, 10
JOB = Job(backbone="test_resnet", input_height_px=48, input_width_px=64, epochs=1)
PIPELINES = ("ingestion", "train")


def define(options: Options) -> list[Bench]:
    """Define a bench for ingestion and one for training."""
    return [_define_for(pipeline, options) for pipeline in PIPELINES]


def _define_for(pipeline: str, options: Options) -> Bench:
    command = [sys.executable, "-m", "benchmarks.benches.memory", "--pipeline", pipeline]
    if options.photos_dir:
        command += ["--photos", str(options.photos_dir)]
    counts = {OURS: MANY, FEW_NAME: FEW}
    return Bench(
        name=f"memory_{pipeline}",
        title=f"peak memory of `{pipeline}`, {MANY:,} pictures",
        unit="MiB",
        better="lower",
        contenders=[Contender(name, [*command, "--pictures", str(n)]) for name, n in counts.items()],
        against=[FEW_NAME],
        bound=1.2,
        ratio_of=f"{MANY:,} / {FEW:,} pictures",
    )


def main() -> None:
    """Run one pipeline on so many pictures and print the peak of its memory in MiB."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pipeline", choices=PIPELINES, required=True)
    parser.add_argument("--pictures", type=int, required=True)
    parser.add_argument("--photos", type=Path)
    arguments = parser.parse_args()
    pictures = make_pictures(arguments.pictures, WIDTH_PX, HEIGHT_PX, arguments.photos, N_CLASSES)
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        project = Path(temporary) / "run"
        make_project(project, pictures, JOB)
        if arguments.pipeline != "ingestion":
            time_command(kedro_command("ingestion"), project)
        print_figure(find_peak(kedro_command(arguments.pipeline), project) / 2**20)


def find_peak(command: Sequence[str], folder: Path) -> int:
    """Run a command in a folder; return the most bytes that it and its children had in memory at once."""
    peak = 0
    with (folder / "output.txt").open("w+") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, sum(map(_read_memory, list_family(process.pid))))
            time.sleep(0.05)
        output.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)} ended with {process.returncode}:\n" + "".join(output.readlines()[-5:]))
    return peak


def list_family(ancestor: int) -> list[int]:
    """List a process and all that descend from it, by their numbers."""
    children = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
            children[int(parent)].append(int(entry.name))
    family = [ancestor]
    for member in family:
        family += children[member]
    return family


def _read_memory(process: int) -> int:
    """Return its resident bytes, 0 when it has ended."""
    with suppress(OSError):
        return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


if __name__ == "__main__":
    main()
