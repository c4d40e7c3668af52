"""Threads of torch on a machine that does other things too."""

import os


def let_idle_threads_sleep() -> None:
    """Let OpenMP's threads sleep while they wait for each other, instead of spinning.

    Spinning pays on an idle machine alone. With a worker that augments, a browser or a second run beside it, a spinning
    thread holds the very core that the others wait for: training a small network took five times as long. OpenMP
    reads this when torch is imported, so it is set before; whoever sets it in the shell has the last word.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
