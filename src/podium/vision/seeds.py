"""Seeds that depend on what is drawn, never on who draws it or when."""

import numpy as np


def derive_seed(*parts: int) -> int:
    """Mix numbers such as (seed, fold, epoch, batch) into one 63-bit seed.

    ``numpy.random.SeedSequence`` spreads neighbouring inputs apart, so that batch 3 of epoch 1 and batch 1 of epoch 3
    have nothing in common. It pads with zeros, so the number of parts goes in too: (5,) is not (5, 0).
    """
    low, high = np.random.SeedSequence([len(parts), *map(int, parts)]).generate_state(2, np.uint32)
    return (int(high) << 31) ^ int(low)
