"""Threads of torch and OpenCV on a machine that does other things too."""

import os
from collections.abc import Iterator
from contextlib import contextmanager


def let_idle_threads_sleep() -> None:
    """Let OpenMP's threads sleep soon while they wait for each other, instead of spinning on.

    Spinning pays on an idle machine alone. With a worker that augments, a browser or a second run beside it, a spinning
    thread holds the very core that the others wait for: two tests of training took 102 s on a busy machine, and 19 to
    30 s with threads that sleep at once. OpenMP reads this when torch is imported, so it is set before; whoever sets it
    in the shell has the last word.

    Sleeping and waking cost too. Images a second of a small network on two idle cores, a few epochs each: 340 to 510
    with GNU OpenMP's own 300,000 turns, 280 to 440 with these 50,000, 320 to 380 with 10,000, and about 220 to 290
    asleep at once. Beside one busy process, two runs each: 95 to 450 with 50,000, 84 to 115 with 10,000. It is no cure
    when all cores are taken: a shared machine wants ``training.num_threads`` as well.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "50000")


@contextmanager
def limit_opencv_threads() -> Iterator[None]:
    """Stop OpenCV from starting threads beside ours, which costs more than it gains on small images."""
    import cv2

    n_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(n_threads)
