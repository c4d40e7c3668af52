"""Threads of torch on a machine that does other things too."""

import os


def let_idle_threads_sleep() -> None:
    """Let OpenMP's threads sleep soon while they wait for each other, instead of spinning on.

    Spinning pays on an idle machine alone. With a worker that augments, a browser or a second run beside it, a spinning
    thread holds the very core that the others wait for: training a small network took five times as long. OpenMP
    reads this when torch is imported, so it is set before; whoever sets it in the shell has the last word.

    Measured on two cores, images a second: beside a busy process 50 with GNU OpenMP's own 300,000 turns, 400 with these
    50,000, 110 with 10,000 (waking up costs too); on an idle machine 440, 370 and 360.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "50000")


def count_compute_threads() -> int:
    """Say how many threads torch may take on a CPU: a quarter of the cores, at least one, is left to augmentation.

    Torch's threads wait for each other after every operation, so one that has to share its core holds all of them up.
    The number depends on the machine alone, not on the number of workers: sums in another order are other bytes.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores - max(cores // 4, 1), 1)
