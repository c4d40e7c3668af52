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
