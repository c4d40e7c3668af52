"""Measure Podium against what a user would take instead; see ``benchmarks/README.md``.

python -m benchmarks                        every bench, 5 rounds
python -m benchmarks input_path --rounds 3  benches whose names begin so
"""

import argparse
import sys
from pathlib import Path

from benchmarks.benches import (
    backup,
    ensemble_selection,
    growth,
    ingestion,
    input_path,
    memory,
    prediction,
    start_up,
    training,
    training_step,
)
from benchmarks.harness import run_bench
from benchmarks.machine import ROOT, describe_machine
from benchmarks.options import Options
from benchmarks.reporting import tabulate, write_results

MODULES = (
    ingestion, input_path, training, training_step, prediction, ensemble_selection, start_up, memory, growth,
    backup,
)  # fmt: skip


def main() -> None:
    """Run what is asked for, and write and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benches", nargs="*", help="beginnings of names; none means all")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pictures", type=Path, help="photos to cut pictures from; scikit-learn's if not given")
    parser.add_argument("--timm-scripts", type=Path, help="checkout of timm, whose train.py is in no package")
    parser.add_argument("--out", type=Path, default=ROOT / "data/benchmarks/results")
    parser.add_argument("--list", action="store_true", help="name the benches and end")
    arguments = parser.parse_args()
    options = Options(arguments.pictures, arguments.timm_scripts)
    benches = [bench for module in MODULES for bench in module.define(options)]
    wanted = [b for b in benches if not arguments.benches or b.name.startswith(tuple(arguments.benches))]
    if arguments.list or not wanted:
        sys.stdout.write("".join(f"{bench.name}: {bench.title}\n" for bench in benches))
        sys.exit(0 if arguments.list else f"no bench begins with {' or '.join(arguments.benches)}")
    outcomes = []
    for bench in wanted:
        outcomes.append(run_bench(bench, arguments.rounds))
        write_results(outcomes, describe_machine(), arguments.out)  # after each, so that Ctrl-C loses one bench at most
    sys.stdout.write(tabulate(outcomes) + "\n")


if __name__ == "__main__":
    main()
