"""Sizes of files and disks, for people."""


def describe_bytes(n_bytes: float) -> str:
    """Tell a size with two or three digits that count, in units of 1000: ``812 bytes``, ``4.1 MB``, ``12.3 GB``."""
    if n_bytes < 1000:
        return f"{round(n_bytes)} bytes"
    for unit, size in (("kB", 10**3), ("MB", 10**6), ("GB", 10**9), ("TB", 10**12)):
        if n_bytes < 999.5 * size or unit == "TB":
            number = n_bytes / size
            break
    return f"{number:.1f} {unit}" if number < 99.95 else f"{number:.0f} {unit}"
