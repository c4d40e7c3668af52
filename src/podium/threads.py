"""Threads of torch on a machine that does other things too."""

import os


def let_idle_threads_sleep() -> None:
    """Let OpenMP's threads sleep soon while they wait for each other, instead of spinning on.

    Spinning pays on an idle machine alone. With a worker that augments, a browser or a second run beside it, a spinning
    thread holds the very core that the others wait for: two tests of training took 102 s on a busy machine, and 19 to
    30 s with threads that sleep at once. OpenMP reads this when torch is imported, so it is set before; whoever sets it
    in the shell has the last word.

    Sleeping and waking cost too. Images a second of a small network on two idle cores, a few epochs each: 340 to 510
    with GNU OpenMP's own 300,000 turns, 280 to 440 with these 50,000, 320 to 380 with 10,000, and about 220 to 290
    asleep at once. Beside one busy process, two runs each: 95 to 450 with 50,000, 84 to 115 with 10,000. It is no cure
    when all cores are taken, which is why torch gets fewer threads than there are cores as well.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "50000")


def count_compute_threads() -> int:
    """Say how many threads torch may take on a CPU: a quarter of the cores, at least one, is left to augmentation.

    Torch's threads wait for each other after every operation, so one that has to share its core holds all of them up.
    The number depends on the machine alone, not on the number of workers: sums in another order are other bytes.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(cores - max(cores // 4, 1), 1)
