"""Memory of decoding, and of training on a CPU."""

import ctypes
import sys

# Names and numbers from glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3
_LARGE_BYTES = 2**30
_PAD_BYTES = 2**26


def keep_large_buffers() -> None:
    """Let glibc keep large buffers for the next picture or step, instead of asking the kernel for fresh pages.

    Every step on a CPU allocates and frees the same large activations; by default each comes from the kernel anew, and
    zeroing its pages costs up to a third of a step. Decoding does the same with pictures, and its threads wait for each
    other there. Elsewhere than under glibc this does nothing.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _LARGE_BYTES)
        mallopt(_M_TOP_PAD, _PAD_BYTES)
