"""Sizes for people."""

import re

import pytest

from podium.byte_counts import describe_bytes


@pytest.mark.parametrize(
    ("n_bytes", "told"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (999_600, "1.0 MB"), (12_345_678_901, "12.3 GB"),
     (234_000_000, "234 MB"), (5 * 10**15, "5000 TB")],
)  # fmt: skip
def test_sizes_are_told_in_units_of_a_thousand(n_bytes: int, told: str) -> None:
    assert describe_bytes(n_bytes) == told
    assert re.fullmatch(r"[\d.]+ (bytes|kB|MB|GB|TB)", told)
